"""The model of docs/extend.md, as it stands there, keeps the contract that ours keep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from source_contract import SourceContract, context_of

from shopkeeper.engine.context import FittedSource, Material, SourceRecipe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extend.md"


def same_brand() -> SourceRecipe:
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    names: dict[str, Any] = {}
    exec(compile(script, str(PAGE), "exec"), names)
    recipe: SourceRecipe = names["SameBrand"]()
    return recipe


class TestSameBrand(SourceContract):
    recipe: ClassVar[SourceRecipe] = same_brand()

    def test_it_proposes_the_brand(self, source: FittedSource, material: Material) -> None:
        found = source.retrieve(context_of(material, user=-1, items=("mug-red",)), 12).rows
        labels = material.catalogue.labels["brand"]
        assert {labels.values[code] for code in labels.of(found).codes} == {"Acme"}
