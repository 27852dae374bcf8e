"""How well a column fits a field: a sum of what its name, its values and its relations to other columns say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shopkeeper.data.mapper.lexicon import concepts, event_type_of, name_affinity, words
from shopkeeper.data.mapper.profile import Profile

NAME_WEIGHT = 0.65
ACCEPTED = 0.42  # a lower sum leaves the column an attribute
KEYS = ("item_id", "user_id", "session_id", "order_id", "coupon_id", "group_id", "campaign_id")
MANY_VALUED = ("category",)
NEVER = -2.0
PLACEHOLDERS = frozenset(
    ["c", "col", "column", "f", "field", "v", "var", "x", "unnamed", "spalte", "colonne", "columna", "coluna", "colonna", "champ", "campo", "feld", "列"]
)

_KEY = {"code": 0.15, "hash": 0.05, "integer": 0.05, "float": -0.7, "prose": -0.8, "phrase": -0.5, "moment": -0.8,
        "day": -0.8, "epoch": -0.3, "url": -0.4, "boolean": -0.7, "nested": NEVER, "image_bytes": NEVER, "bytes": -0.8,
        "money": -0.6, "json_object": -0.8, "id_list": -0.6, "json_list": -0.8, "clock": -0.8, "constant": -0.1,
        "negative": -0.3, "counter": -0.25}  # fmt: skip
_NUMBER = {"number": 0.15, "text": -0.7, "moment": -0.8, "day": -0.8, "epoch": -0.4, "boolean": -0.3, "nested": NEVER,
           "image_bytes": NEVER, "url": NEVER, "json_object": NEVER, "clock": -0.8, "hash": -0.3, "id_list": -0.2,
           "json_list": NEVER}  # fmt: skip
_MONEY = {**_NUMBER, "float": 0.1, "money": 0.3, "counter": -0.4, "enum": -0.05, "text": -0.3}
_MOMENT = {"moment": 0.35, "day": 0.3, "epoch": 0.3, "clock": 0.1, "text": -0.8, "phrase": -0.3, "float": -0.3, "integer": -0.3,
           "nested": NEVER, "image_bytes": NEVER, "boolean": -0.7, "enum": -0.05, "prose": -0.5, "url": -0.8}  # fmt: skip
_WORDS = {"text": 0.1, "phrase": 0.1, "number": -0.6, "moment": -0.8, "day": -0.8, "url": -0.8, "nested": NEVER, "email": -0.6,
          "image_bytes": NEVER, "image_path": -0.5, "json_object": -0.8, "hash": -0.5, "boolean": -0.5}  # fmt: skip

# Field → what each tag of a column adds to its sum. What is not named adds nothing.
SHAPES: dict[str, dict[str, float]] = {
    "item_id": {**_KEY, "enum": -0.15, "email": -0.9},
    "user_id": {**_KEY, "enum": -0.05, "email": 0.15},
    "session_id": {**_KEY, "email": -0.9},
    "order_id": {**_KEY, "email": -0.9},
    "event_id": {**_KEY, "unique": 0.15},
    "event_type": {"enum": 0.1, "code": 0.05, "float": NEVER, "prose": NEVER, "unique": -0.3, "nested": NEVER, "moment": NEVER,
                   "day": NEVER, "url": NEVER, "image_bytes": NEVER, "money": NEVER, "boolean": -0.3, "hash": -0.5},
    "time": _MOMENT,
    "date": _MOMENT,
    "elapsed_ms": {**_NUMBER, "integer": 0.1, "negative": -0.3},
    "ordinal": {**_NUMBER, "counter": 0.4, "integer": 0.05, "float": -0.5, "negative": -0.4, "text": NEVER, "constant": -0.3},
    "title": {**_WORDS, "phrase": 0.2, "prose": -0.15, "enum": -0.15, "code": -0.3, "unique": 0.05, "html": -0.3, "id_list": -0.3},
    "description": {**_WORDS, "prose": 0.25, "html": 0.2, "phrase": 0.15, "code": -0.25, "enum": -0.15, "image_path": 0.0},
    "brand": {**_WORDS, "number": -0.15, "unique": -0.2, "prose": -0.6, "phrase": 0.0, "boolean": -0.6},
    "category": {**_WORDS, "number": -0.05, "float": -0.5, "nested": 0.0, "list": 0.1, "records": NEVER, "record": NEVER,
                 "parameters": NEVER, "prose": -0.5, "enum": 0.1, "unique": -0.2, "product_kind": -0.6, "boolean": -0.6,
                 "list_of_number": -0.3, "counter": -0.3, "phrase": 0.0, "hash": -0.2},
    "price": {**_MONEY, "negative": -0.05},
    "currency": {"currency": 0.45, "number": -0.6, "phrase": -0.5, "nested": NEVER, "image_bytes": NEVER, "moment": NEVER, "url": -0.8},
    "stock": {**_NUMBER, "integer": 0.1, "availability": -0.5},
    "available": {"boolean": 0.2, "availability": 0.5, "prose": -0.8, "float": -0.5, "nested": NEVER, "moment": NEVER, "day": NEVER,
                  "url": NEVER, "image_bytes": NEVER, "enum": 0.1, "unique": -0.4, "money": NEVER},
    "image": {"image_bytes": 0.5, "image_path": 0.4, "url": 0.15, "list_of_image_path": 0.4, "list_of_url": 0.2, "number": NEVER,
              "text": -0.15, "phrase": -0.3, "prose": -0.6, "boolean": NEVER, "moment": NEVER, "record": -0.6, "records": -0.4},
    "url": {"url": 0.35, "image_path": -0.6, "number": NEVER, "prose": -0.8, "phrase": -0.6, "nested": NEVER, "image_bytes": NEVER,
            "code": -0.1, "email": NEVER, "moment": NEVER, "list": NEVER},
    "launched": _MOMENT,
    "group_id": {**_KEY, "unique": -0.35, "enum": 0.0, "constant": -0.3},
    "attributes": {"json_object": 0.45, "record": 0.3, "parameters": 0.45, "number": NEVER, "image_bytes": NEVER, "moment": NEVER,
                   "url": NEVER, "list_of_number": NEVER, "text": -0.4, "boolean": NEVER, "records": -0.3, "list": -0.2},
    "quantity": {**_NUMBER, "integer": 0.1, "float": -0.1, "money": NEVER, "counter": -0.2},
    "value": {**_MONEY},
    "discount": {**_MONEY, "phrase": -0.4},
    "rating": {**_NUMBER, "scale": 0.3, "money": NEVER, "negative": -0.3, "epoch": NEVER, "counter": -0.3},
    "text": {**_WORDS, "prose": 0.35, "phrase": 0.1, "enum": -0.4, "code": -0.4, "html": 0.1, "image_path": 0.0},
    "query": {**_WORDS, "number": -0.4, "code": 0.0, "prose": -0.4, "phrase": 0.15},
    "grade": {"scale": 0.2, "number": 0.1, "enum": 0.1, "prose": NEVER, "phrase": -0.5, "nested": NEVER, "moment": NEVER, "url": NEVER,
              "image_bytes": NEVER, "money": NEVER},
    "items": {"list_of_integer": 0.45, "list_of_code": 0.45, "list_of_hash": 0.4, "id_list": 0.5, "json_list": 0.2, "records": NEVER,
              "record": NEVER, "parameters": NEVER, "list_of_phrase": -0.8, "list_of_float": NEVER, "list_of_url": NEVER},
    "target": {**_KEY, "enum": -0.15},
    "lines": {"records": 0.45},
    "coupon_id": {**_KEY, "phrase": -0.3},
    "campaign_id": {**_KEY, "phrase": -0.2},
    "starts": _MOMENT,
    "ends": _MOMENT,
    "slate_id": {**_KEY, "unique": -0.2},
    "position": {**_NUMBER, "integer": 0.1, "float": -0.5, "negative": -0.4, "money": NEVER, "text": NEVER},
}  # fmt: skip
# Fields that mean nothing without the values that make them: no value, no field (an empty sample goes by names alone).
REQUIRED: dict[str, frozenset[str]] = {
    "items": frozenset({"list_of_integer", "list_of_code", "list_of_hash", "id_list", "json_list", "empty"}),
    "lines": frozenset({"records", "empty"}),
    "attributes": frozenset({"json_object", "record", "parameters", "empty"}),
    "time": frozenset({"moment", "epoch", "clock", "empty"}),
    "date": frozenset({"day", "empty"}),
    "launched": frozenset({"moment", "day", "epoch", "integer", "empty"}),
    "starts": frozenset({"moment", "day", "epoch", "empty"}),
    "ends": frozenset({"moment", "day", "epoch", "empty"}),
}
# What values alone say where the name says nothing.
NAMELESS: dict[str, dict[str, float]] = {
    "time": {"moment": 0.45, "epoch": 0.4},
    "date": {"day": 0.45},
    "image": {"image_bytes": 0.5, "image_path": 0.35},
    "url": {"url": 0.35},
    "currency": {"currency": 0.3},
    "lines": {"records": 0.1},
    "items": {"list_of_integer": 0.3, "list_of_code": 0.3},
    "user_id": {"email": 0.5},
    "text": {"prose": 0.25},
    "description": {"prose": 0.3},
    "title": {"phrase": 0.3},
    "price": {"money": 0.3, "float": 0.15},
    "attributes": {"json_object": 0.2},
    "rating": {"scale": 0.1},
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
    if required and not tags & required:
        return None
    name = name_affinity(profile.name, field, role)
    total, said = NAME_WEIGHT * name, []
    if name > 0:
        said.append(f"the name reads as {' + '.join(concepts(profile.name))}")
    elif not is_nameless(profile.name) and field not in bonuses and not _speaks(profile, field):
        return None
    shape = sum(weight for tag, weight in SHAPES[field].items() if tag in tags)
    if name == 0 and is_nameless(profile.name):
        shape += sum(weight for tag, weight in NAMELESS.get(field, {}).items() if tag in tags)
    if shape > 0:
        said.append(f"the values are {_describe(tags & {*SHAPES[field], *NAMELESS.get(field, {})})}")
    total += shape
    for weight, words in _counts(profile, field, role):
        total += weight
        said.append(words)
    if field in bonuses:
        weight, words = bonuses[field]
        total += weight
        said.append(words)
    return Fit(total, "; ".join(filter(None, said)))


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
    if field in (*KEYS, "time", "title", "target", "items") and profile.missing > 0.2 and field != "coupon_id":
        found.append((-0.35 * profile.missing, f"{profile.missing:.0%} of the rows have none"))
    if field in ("price", "stock", "brand", "image", "available", "description") and profile.missing > 0.5:
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
    if role in ("events", "order_lines", "ratings") and field in ("item_id", "user_id") and is_nameless(profile.name):
        found += _by_order(profile, field)
    return found


def _by_order(profile: Profile, field: str) -> list[tuple[float, str]]:
    """Nameless keys: rows of a log mostly lie by user, and items repeat all over it."""
    if (
        not profile.tags & {"code"}
        or profile.tags & {"float", "scale", "epoch", "counter", "boolean"}
        or profile.n_distinct < 3
    ):
        return []
    grouped = "grouped" in profile.tags or "rising" in profile.tags
    if (field == "user_id") == grouped:
        return [(0.4, "equal values lie together" if grouped else "its values recur all over the file")]
    return [(0.15, "")]
