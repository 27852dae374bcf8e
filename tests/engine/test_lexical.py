"""Search by words: planted answers, strange queries, several scripts."""

from __future__ import annotations

import numpy as np
import pytest

from source_contract import SourceContract
from shopkeeper.engine.sources.lexical import Lexical


class TestLexicalContract(SourceContract):
    recipe = Lexical()
