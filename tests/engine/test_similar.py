"""Likeness by content: planted neighbours, Chinese, labels alone."""

from __future__ import annotations

from source_contract import SourceContract

from shopkeeper.engine.sources.similar import Similar


class TestSimilarContract(SourceContract):
    recipe = Similar()
