"""How well a column fits a field: a sum of what its name, its values and its relations to other columns say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from shopkeeper.data.mapper.lexicon import concepts, event_type_of, name_affinity, words
from shopkeeper.data.mapper.profile import Profile

NAME_WEIGHT = 0.65
ACCEPTED = 0.42  # a lower sum leaves the column an attribute
KEYS = frozenset({"item_id", "user_id", "session_id", "order_id", "coupon_id", "group_id", "campaign_id"})
AMOUNTS = frozenset({"quantity", "price", "value", "discount"})
MANY_VALUED = frozenset({"category"})
OPENS = 0.3  # what another column must say at least, to be heard against the name
PLACEHOLDERS = {"c", "col", "column", "f", "field", "v", "var", "x", "unnamed", "spalte", "colonne", "columna", "列"}

WEIGHTS: dict[str, Any] = tomllib.loads(files(__package__).joinpath("weights.toml").read_text(encoding="utf-8"))
REQUIRED: dict[str, list[str]] = WEIGHTS["required"]
NAMELESS: dict[str, dict[str, float]] = WEIGHTS["nameless"]
SHAPES: dict[str, dict[str, float]] = {
    field: {**WEIGHTS["kinds"].get(shape.pop("like", ""), {}), **shape} for field, shape in WEIGHTS["shapes"].items()
}


@dataclass(frozen=True)
class Fit:
    """How well a column fits a field: the sum, and what it is made of, in words."""

    score: float
    evidence: str

    @property
    def confidence(self) -> float:
        return round(min(0.99, max(0.05, 0.5 + (self.score - ACCEPTED) * 0.9)), 2)


Bonuses = Mapping[str, tuple[float, str]]  # field → what another column says for it, and how


def fit(profile: Profile, field: str, role: str, bonuses: Bonuses) -> Fit | None:
    """The sum for one column and field, None where the values rule it out."""
    tags = profile.tags
    required = REQUIRED.get(field)
    if required and tags.isdisjoint(required):
        return None
    name = name_affinity(profile.label, field, role)
    total, said = NAME_WEIGHT * name, []
    if name > 0:
        said.append(f"the name reads as {' + '.join(concepts(profile.label))}")
    elif not is_nameless(profile.label) and bonuses.get(field, (0.0, ""))[0] < OPENS and not _speaks(profile, field):
        return None
    shape = sum(weight for tag, weight in SHAPES[field].items() if tag in tags)
    if name == 0 and is_nameless(profile.label):
        shape += sum(weight for tag, weight in NAMELESS.get(field, {}).items() if tag in tags)
    if shape > 0:
        said.append(f"the values are {_describe(tags & {*SHAPES[field], *NAMELESS.get(field, {})})}")
    total += shape
    for weight, reason in _counts(profile, field, role):
        total += weight
        said.append(reason)
    if field in bonuses:
        weight, reason = bonuses[field]
        total += weight
        said.append(reason)
    return Fit(total, "; ".join(filter(None, said)))


@lru_cache(maxsize=4096)
def is_nameless(name: str) -> bool:
    """Whether a name says nothing at all, as in "col0" or "_c3"."""
    return all(word.isdigit() or word in PLACEHOLDERS for word in words(name))


def _describe(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)).replace("_", " ")


def _speaks(profile: Profile, field: str) -> bool:
    """Whether the values alone may be heard against a name that says something else."""
    return (
        (field == "event_type" and event_share(profile) >= 0.5)
        or (field == "image" and "image_bytes" in profile.tags)
        or (field == "currency" and "currency" in profile.tags and "enum" in profile.tags)
    )


def event_share(profile: Profile) -> float:
    """The share of the distinct values that name a kind of event; 0 where there are too many of them."""
    if not profile.distinct or profile.n_distinct > 60 or "number" in profile.tags:
        return 0.0
    return sum(event_type_of(value) is not None for value in profile.distinct) / profile.n_distinct


def _counts(profile: Profile, field: str, role: str) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    if "empty" in profile.tags:
        return [(-0.15, "no values to look at")] if profile.rows else []
    if profile.missing > 0.2 and _should_be_full(field, role):
        found.append((-0.35 * profile.missing, f"{profile.missing:.0%} of the rows have none"))
    elif field in ("price", "stock", "brand", "image", "available", "description") and profile.missing > 0.5:
        found.append((-0.15 * profile.missing, ""))
    if field == "event_type":
        share = event_share(profile)
        if share >= 0.5:
            found.append((0.55, f"{share:.0%} of its values name kinds of events"))
        elif "number" not in profile.tags:
            found.append((-0.3, ""))
    key = {"items": "item_id", "users": "user_id", "coupons": "coupon_id"}.get(role)
    if field == key and profile.unique >= 0.98:
        found.append((0.2, "every value is there once"))
    elif field == key and role != "coupons":
        found.append((-0.25 * (1 - profile.unique), ""))
    if field == "event_id" and profile.unique < 0.9:
        found.append((-0.5, "its values recur"))
    if role in ("events", "order_lines", "ratings") and field in ("item_id", "user_id") and is_nameless(profile.label):
        found += _by_order(profile, field)
    return found


def _should_be_full(field: str, role: str) -> bool:
    """Whether nearly every row should have the field. Not every event belongs to an order, nor uses a coupon."""
    if field == "coupon_id" or (field == "order_id" and role == "events"):
        return False
    return (
        field in KEYS
        or field in ("time", "title", "target", "items")
        or field == "value"
        or (role == "order_lines" and field in AMOUNTS)
    )


def _by_order(profile: Profile, field: str) -> list[tuple[float, str]]:
    """Nameless keys: rows of a log mostly lie by user, and items repeat all over it."""
    if (
        "code" not in profile.tags
        or "numbering" in profile.tags
        or (field == "user_id" and profile.unique >= 0.9)
        or profile.tags & {"float", "epoch", "counter", "boolean"}
        or (field == "item_id" and "scale" in profile.tags)
        or profile.n_distinct < 3
    ):
        return []
    grouped = "grouped" in profile.tags or "rising" in profile.tags
    if (field == "user_id") == grouped:
        return [(0.4, "equal values lie together" if grouped else "its values recur all over the file")]
    return [(0.15, "")]
