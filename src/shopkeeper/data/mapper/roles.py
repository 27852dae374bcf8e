"""What a file is: for each role the best assignment of its columns to fields, and what the role then has and lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shopkeeper.data.mapper.fields import ACCEPTED, MANY_VALUED, Bonuses, Fit, fit
from shopkeeper.data.mapper.lexicon import ROLE_CONCEPTS, file_concepts
from shopkeeper.data.mapper.profile import Profile

ITEM_FIELDS = ("title", "brand", "category", "price", "currency", "image", "url")
EVENT_FIELDS = ("item_id", "user_id", "session_id", "order_id", "event_id", "time", "date", "elapsed_ms", "ordinal", *ITEM_FIELDS,
                "quantity", "value", "discount", "coupon_id", "campaign_id", "attributes", "lines", "query", "slate_id",
                "position")  # fmt: skip
ROLE_FIELDS: dict[str, tuple[str, ...]] = {
    "items": ("item_id", *ITEM_FIELDS, "description", "stock", "available", "launched", "group_id", "attributes"),
    "users": ("user_id", "attributes"),
    "events": (*EVENT_FIELDS, "event_type", "rating"),
    "order_lines": EVENT_FIELDS,
    "ratings": ("item_id", "user_id", "rating", "time", "date", "ordinal", "session_id", "event_id", *ITEM_FIELDS),
    "sessions": ("items", "target", "session_id", "user_id", "time", "date"),
    "coupons": ("coupon_id", "item_id", "campaign_id", "discount", "starts", "ends"),
    "images": ("item_id", "image"),
    "reviews": ("item_id", "user_id", "event_id", "rating", "time", "date", "title", "text"),
    "judgements": ("query", "item_id", "grade"),
    "other": (
        "item_id",
        "user_id",
        "session_id",
        "order_id",
        "coupon_id",
        "campaign_id",
        "time",
        "date",
        "starts",
        "ends",
    ),
}
# Role → what it needs: of each group at least one field.
NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "items": (("item_id",),),
    "users": (("user_id",),),
    "events": (("item_id", "query", "lines", "coupon_id"), ("user_id", "session_id", "order_id", "lines")),
    "order_lines": (("order_id", "quantity", "value"), ("item_id", "lines", "user_id")),
    "ratings": (("user_id",), ("item_id",), ("rating",)),
    "sessions": (("items",),),
    "coupons": (("coupon_id",),),
    "images": (("image",), ("item_id",)),
    "reviews": (("text",), ("item_id", "rating", "user_id")),
    "judgements": (("query",), ("item_id",), ("grade",)),
    "other": (),
}
# Role → what a field that fits adds to it; negative where the field speaks for another role.
WEIGHTS: dict[str, dict[str, float]] = {
    "items": {"item_id": 1.0, "title": 0.7, "description": 0.5, "brand": 0.3, "category": 0.5, "price": 0.3, "stock": 0.5,
              "available": 0.3, "image": 0.4, "url": 0.3, "launched": 0.2, "group_id": 0.3, "attributes": 0.3,
              "user_id": -1.3, "session_id": -1.3, "order_id": -0.8, "event_type": -1.2, "rating": -0.2, "query": -0.8,
              "time": -0.2, "ordinal": -0.5, "coupon_id": -1.0, "text": -0.4, "items": -0.6, "campaign_id": -0.6},
    "users": {"user_id": 1.2, "item_id": -1.2, "order_id": -1.2, "session_id": -0.8, "rating": -1.0, "query": -1.0,
              "event_type": -1.2, "items": -1.0, "quantity": -0.6, "coupon_id": -0.8, "campaign_id": -0.8, "text": -0.5},
    "events": {"item_id": 0.7, "user_id": 0.5, "session_id": 0.6, "time": 0.6, "date": 0.4, "event_type": 1.4, "ordinal": 0.5,
               "elapsed_ms": 0.3, "slate_id": 0.3, "position": 0.2, "query": 0.3, "lines": 0.5, "coupon_id": 0.5,
               "order_id": -0.4, "quantity": -0.2, "rating": -1.0, "text": -0.6, "grade": -0.8, "starts": -0.5, "ends": -0.5,
               "description": -0.3, "stock": -0.6, "discount": -0.2},
    "order_lines": {"order_id": 1.2, "item_id": 0.6, "quantity": 0.7, "price": 0.3, "value": 0.3, "discount": 0.2, "user_id": 0.4,
                    "time": 0.4, "date": 0.3, "lines": 0.5, "ordinal": 0.2, "event_type": -1.4, "rating": -1.0, "text": -1.0,
                    "session_id": -0.1, "stock": -0.6, "starts": -0.4},
    "ratings": {"rating": 1.3, "item_id": 0.6, "user_id": 0.6, "time": 0.3, "date": 0.2, "ordinal": 0.4, "text": -1.2, "query": -1.0,
                "order_id": -0.6, "quantity": -0.6, "event_type": -1.2, "items": -0.5, "description": -0.2},
    "sessions": {"items": 1.7, "target": 0.7, "session_id": 0.5, "user_id": 0.4, "time": 0.1, "title": -0.7, "price": -0.5,
                 "event_type": -1.0, "description": -0.5, "text": -0.6, "query": -0.6},
    "coupons": {"coupon_id": 1.4, "item_id": 0.5, "campaign_id": 0.5, "discount": 0.4, "starts": 0.5, "ends": 0.5, "user_id": -2.0,
                "order_id": -1.2, "quantity": -0.6, "session_id": -1.0, "title": -0.1},
    "images": {"image": 1.3, "item_id": 0.6, "title": -0.8, "price": -0.8, "description": -0.6, "brand": -0.6, "category": -0.2,
               "user_id": -1.0, "text": -0.8, "url": -0.2},
    "reviews": {"text": 1.8, "rating": 0.7, "item_id": 0.5, "user_id": 0.5, "time": 0.2, "title": 0.2, "price": -0.5, "stock": -0.8,
                "order_id": -0.1, "quantity": -0.6, "brand": -0.3, "image": -0.4, "query": -0.8},
    "judgements": {"query": 1.2, "item_id": 0.5, "grade": 1.3, "user_id": -1.0, "session_id": -1.0, "time": -0.6, "price": -0.4},
    "other": {},
}  # fmt: skip
LACKING = -2.0  # for each need that is not met
UNNAMED_OTHER = 0.9  # what a file must reach to be more than "other"
NAMED = 0.5  # when the file's name speaks for the role


@dataclass(frozen=True)
class Reading:
    """One reading of a file: its role, the fields of its columns (those accepted), how well it fits and why."""

    role: str
    score: float
    fields: dict[str, tuple[str, Fit]]  # column name → field and fit
    evidence: str = ""

    def column(self, field: str) -> str | None:
        """The first column of a field."""
        return next((name for name, (found, _) in self.fields.items() if found == field), None)


def readings(name: str, profiles: Sequence[Profile], bonuses: Mapping[str, Bonuses]) -> list[Reading]:
    """A file's readings, the likeliest first. `bonuses` are by column name."""
    strengths = {field: 0.0 for fields in ROLE_FIELDS.values() for field in fields}
    found = []
    for role, fields in ROLE_FIELDS.items():
        assigned = assign(profiles, fields, role, bonuses)
        found.append((role, assigned))
        for field, fits in assigned.values():
            if name_says(role, field):
                strengths[field] = max(strengths[field], min(1.0, fits.score))
    spoken = file_role_votes(name)
    scored = [_score(role, assigned, strengths, spoken, profiles) for role, assigned in found]
    return sorted(scored, key=lambda reading: -reading.score)


def name_says(role: str, field: str) -> bool:
    """Whether the role's own reading of a field counts for what the file holds: a review's title is no product's."""
    return not (role in ("reviews", "coupons", "images") and field in ("title", "starts", "item_id"))


def assign(
    profiles: Sequence[Profile], fields: Sequence[str], role: str, bonuses: Mapping[str, Bonuses]
) -> dict[str, tuple[str, Fit]]:
    """Columns to fields, best fits first, each column once and each field once but for those of many values.

    A field of a nested record (`items.price`) yields to a top-level column.
    """
    fits = [
        (found.score - (0.1 if "." in profile.name and field != "item_id" else 0.0), place, profile, field, found)
        for place, profile in enumerate(profiles)
        for field in fields
        if (found := fit(profile, field, role, bonuses.get(profile.name, {}))) and found.score >= ACCEPTED
    ]
    assigned: dict[str, tuple[str, Fit]] = {}
    taken: set[str] = set()
    for _, _, profile, field, found in sorted(fits, key=lambda each: (-each[0], each[1])):
        if profile.name not in assigned and (field not in taken or field in MANY_VALUED):
            assigned[profile.name] = (field, found)
            taken.add(field)
    return {profile.name: assigned[profile.name] for profile in profiles if profile.name in assigned}


def file_role_votes(name: str) -> set[str]:
    """The roles that a file's name speaks for; its last part counts, its folders only where that says nothing."""
    for part in reversed(name.replace("#", "/").split("/")):
        said = {concept for read in file_concepts(part) for concept in read}
        votes = {role for role, concepts in ROLE_CONCEPTS.items() if said & concepts}
        if votes:
            return votes
    return set()


def _score(
    role: str,
    assigned: dict[str, tuple[str, Fit]],
    strengths: Mapping[str, float],
    spoken: set[str],
    profiles: Sequence[Profile],
) -> Reading:
    if role == "other":
        return Reading(role, UNNAMED_OTHER + (NAMED / 2 if role in spoken else 0.0), assigned, "nothing else fits it")
    best: dict[str, float] = {}
    for field, found in assigned.values():
        best[field] = max(best.get(field, 0.0), min(1.0, found.score))
    weights = WEIGHTS[role]
    score = sum(weights.get(field, 0.0) * strength for field, strength in best.items() if weights.get(field, 0.0) > 0)
    score += sum(
        weight * strengths.get(field, 0.0) for field, weight in weights.items() if weight < 0 and field not in best
    )
    score += sum(weights.get(field, 0.0) * strength for field, strength in best.items() if weights.get(field, 0.0) < 0)
    score += sum(LACKING for group in NEEDS[role] if not any(field in best for field in group))
    score += NAMED if role in spoken else 0.0
    score += _uniqueness(role, assigned, profiles)
    evidence = "has " + ", ".join(sorted(best, key=lambda field: -weights.get(field, 0.0))) if best else ""
    return Reading(role, score, assigned, evidence + ("; its name says so" if role in spoken else ""))


def _uniqueness(role: str, assigned: dict[str, tuple[str, Fit]], profiles: Sequence[Profile]) -> float:
    """A table of items or users has one row for each; a log has many."""
    key = {"items": "item_id", "users": "user_id"}.get(role, "item_id")
    column = next((name for name, (field, _) in assigned.items() if field == key), None)
    profile = next((profile for profile in profiles if profile.name == column), None)
    if profile is None or profile.rows < 5:
        return 0.0
    if role in ("items", "users"):
        return 0.8 if profile.unique >= 0.98 else -0.6 * (1 - profile.unique) - 0.2
    return 0.0
