"""The models of docs/extend.md, as they stand there, keep the contracts that ours keep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from ranker_contract import RankerContract
from source_contract import SourceContract, context_of

from shopkeeper.engine.context import FittedSource, Material, SourceRecipe
from shopkeeper.engine.ranking.recipe import RankerRecipe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extend.md"


def written(place: int) -> dict[str, Any]:
    """What the script at that place of the page defines."""
    scripts = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    names: dict[str, Any] = {}
    exec(compile(scripts[place], str(PAGE), "exec"), names)
    return names


class TestSameBrand(SourceContract):
    recipe: ClassVar[SourceRecipe] = written(0)["SameBrand"]()

    def test_it_proposes_the_brand(self, source: FittedSource, material: Material) -> None:
        found = source.retrieve(context_of(material, user=-1, items=("mug-red",)), 12).rows
        labels = material.catalogue.labels["brand"]
        assert {labels.values[code] for code in labels.of(found).codes} == {"Acme"}


class TestOneFeature(RankerContract):
    recipe: ClassVar[RankerRecipe] = written(1)["OneFeature"]()
    tells_importances = True
