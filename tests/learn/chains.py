"""A shop in which everyone walks a circle of items, and small models that learn it in seconds."""

from __future__ import annotations

from typing import Any, TypeVar

from source_contract import DAY, NOW, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material
from shopkeeper.engine.encoder import Encoder
from shopkeeper.learn.models.config import SequenceConfig
from shopkeeper.learn.models.sequence import SequenceRecipe
from shopkeeper.vocabulary import EventType

Recipe = TypeVar("Recipe", bound=SequenceRecipe)


def chains(
    n_items: int = 12, people: int = 40, unmet: tuple[str, ...] = (), encoder: Encoder | None = None
) -> Material:
    """From where their number says, and everyone sees now and then one out of turn. unmet: titles of more items."""
    events = []
    for person in range(people):
        for step in range(7):
            item = (person + step) % n_items if (person + step) % 5 else (7 * person) % n_items
            events.append((person, item, EventType.VIEW, NOW - DAY + step, person))
    titles = [*(f"Item {row}" for row in range(n_items)), *unmet]
    items = items_table([{"item_id": f"i{row}", "title": title} for row, title in enumerate(titles)])
    return material_of(items, interactions_of(events), encoder)


def small_config(kind: type[SequenceConfig], **more: Any) -> SequenceConfig:
    given = {"width": 16, "length": 8, "batch": 200, "dropout": 0.0, "rate": 1e-2, "epochs": 40, "patience": 40}
    one = {"blocks": 1} if "blocks" in kind.__struct_fields__ else {}
    return kind(**{**given, **one, **more})


def small(recipe: type[Recipe], **more: Any) -> Recipe:
    return recipe(small_config(recipe.config_type, **more))
