"""What a file is: for each role the best assignment of its columns to fields, and what the role then has and lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shopkeeper.data.mapper.fields import ACCEPTED, KEYS, MANY_VALUED, WEIGHTS, Bonuses, Fit, fit
from shopkeeper.data.mapper.lexicon import FILE_ROLES, concepts, file_concepts
from shopkeeper.data.mapper.profile import Profile
from shopkeeper.vocabulary import EVENT_TYPES, EventType

ROLE_FIELDS: dict[str, list[str]] = WEIGHTS["role_fields"]
NEEDS: dict[str, list[list[str]]] = WEIGHTS["needs"]
ROLE_WEIGHTS: dict[str, dict[str, float]] = WEIGHTS["roles"]
PARAMETERS = frozenset({"session_id", "query"})  # what an event's list of keys and values may say beside its columns
IN_RECORDS = KEYS | {"position"}  # what a record within a row may say
LACKING = -2.0  # for each need that is not met
UNNAMED_OTHER = 0.9  # what a file must reach to be more than "other"
CONTENT = frozenset({"title", "description", "brand", "category", "price", "stock", "image", "url", "attributes"})
UNFOUNDED = 1.0  # what a table of numbered rows loses that says nothing of products or people
MOSTLY_MISSING = 0.5  # the time at which some of the rows were used says nothing of the others
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


def readings(file: str, profiles: Sequence[Profile], bonuses: Mapping[str, Bonuses]) -> list[Reading]:
    """A file's readings, the likeliest first. `bonuses` are by column name."""
    strengths: dict[str, dict[str, float]] = {field: {} for fields in ROLE_FIELDS.values() for field in fields}
    found = []
    for role, fields in ROLE_FIELDS.items():
        assigned = assign(profiles, fields, role, bonuses)
        found.append((role, assigned))
        for name, (field, fits) in assigned.items():
            if speaks_for_all(role, field):
                strengths[field][name] = max(strengths[field].get(name, 0.0), min(1.0, fits.score))
    spoken = file_role_votes(file)
    redeemed = named_event(file, profiles) == EventType.REDEEM
    scored = [_score(role, assigned, strengths, spoken, profiles, redeemed=redeemed) for role, assigned in found]
    return sorted(scored, key=lambda reading: -reading.score)


def speaks_for_all(role: str, field: str) -> bool:
    """Whether the role's own reading of a field counts for what the file holds: a review's title is no product's."""
    return not (role in ("reviews", "coupons", "images") and field in ("title", "starts", "item_id"))


def assign(
    profiles: Sequence[Profile], fields: Sequence[str], role: str, bonuses: Mapping[str, Bonuses]
) -> dict[str, tuple[str, Fit]]:
    """Columns to fields, best fits first, each column once and each field once but for those of many values.

    The fields of nested records count where these are the lines of an order or an event; of other records only keys and
    places in a list do.
    """
    lines = _best(profiles, "lines", role, bonuses) if "lines" in fields else None
    lists = {profile.name for profile in profiles if "list" in profile.tags}
    parameters = {profile.name for profile in profiles if "parameters" in profile.tags}
    fits = [
        (found.score, place, profile, field, found)
        for place, profile in enumerate(profiles)
        for field in fields
        if profile.parent in ("", lines)
        or (profile.parent.partition(".")[0] not in lists and field in IN_RECORDS)
        or (profile.parent in parameters and field in PARAMETERS)
        if (found := fit(profile, field, role, bonuses.get(profile.name, {}))) and found.score >= ACCEPTED
    ]
    assigned: dict[str, tuple[str, Fit]] = {}
    taken: set[str] = set()
    for _, _, profile, field, found in sorted(fits, key=lambda each: (-each[0], each[1])):
        if profile.name not in assigned and (field not in taken or field in MANY_VALUED):
            assigned[profile.name] = (field, found)
            taken.add(field)
    return {profile.name: assigned[profile.name] for profile in profiles if profile.name in assigned}


def _best(profiles: Sequence[Profile], field: str, role: str, bonuses: Mapping[str, Bonuses]) -> str | None:
    """The column that fits a field best, if any does."""
    fits = ((fit(profile, field, role, bonuses.get(profile.name, {})), profile.name) for profile in profiles)
    found = [(one.score, name) for one, name in fits if one and one.score >= ACCEPTED]
    return max(found)[1] if found else None


def file_role_votes(name: str) -> set[str]:
    """The roles that a file's name speaks for; its last part counts, its folders only where that says nothing."""
    for part in reversed(name.replace("#", "/").split("/")):
        said = {concept for read in file_concepts(part) for concept in read}
        votes = {role for role, speaking in FILE_ROLES.items() if not said.isdisjoint(speaking)}
        if votes:
            return votes
    return set()


def named_event(file: str, profiles: Iterable[Profile]) -> str:
    """The EventType that the names of a file, of its full columns and of its folders speak of, in this order; or ""."""
    *folders, stem = file.replace("#", "/").split("/")
    full = (profile.name for profile in profiles if profile.missing <= MOSTLY_MISSING)
    for name in (stem, *full, *reversed(folders)):
        for concept in file_concepts(name)[1]:
            if concept in EVENT_TYPES and concept != EventType.RATING:  # files of ratings have their own role
                return concept
    return ""


def _score(
    role: str,
    assigned: dict[str, tuple[str, Fit]],
    strengths: Mapping[str, Mapping[str, float]],
    spoken: set[str],
    profiles: Sequence[Profile],
    *,
    redeemed: bool,
) -> Reading:
    if role == "other":
        return Reading(role, UNNAMED_OTHER + (NAMED / 2 if role in spoken else 0.0), assigned, "nothing else fits it")
    best: dict[str, float] = {}
    for field, found in assigned.values():
        best[field] = max(best.get(field, 0.0), min(1.0, found.score))
    weights = ROLE_WEIGHTS[role]
    score = sum(weights.get(field, 0.0) * strength for field, strength in best.items() if weights.get(field, 0.0) > 0)
    score += sum(
        weight * _elsewhere(strengths.get(field, {}), assigned)
        for field, weight in weights.items()
        if weight < 0 and field not in best
    )
    score += sum(weights.get(field, 0.0) * strength for field, strength in best.items() if weights.get(field, 0.0) < 0)
    met = set(best)
    if role == "events" and not redeemed and "event_type" not in best:
        met.discard("coupon_id")  # to have a coupon is no event: it must be said that it was used
    score += sum(LACKING for group in NEEDS[role] if met.isdisjoint(group))
    score += NAMED if role in spoken else 0.0
    score -= UNFOUNDED if role not in spoken and _is_unfounded(role, assigned) else 0.0
    score += _uniqueness(role, assigned, profiles)
    evidence = "has " + ", ".join(sorted(best, key=lambda field: -weights.get(field, 0.0))) if best else ""
    return Reading(role, score, assigned, evidence + ("; its name says so" if role in spoken else ""))


def _elsewhere(strengths: Mapping[str, float], assigned: Mapping[str, tuple[str, Fit]]) -> float:
    """How well a field fits a column for which this role has no better use."""
    return max(
        (score for name, score in strengths.items() if name not in assigned or assigned[name][1].score < score),
        default=0.0,
    )


def _is_unfounded(role: str, assigned: Mapping[str, tuple[str, Fit]]) -> bool:
    """A bare "id" may number anything: products say more of themselves, and people are named by the file."""
    if role == "items":
        return CONTENT.isdisjoint(field for field, _ in assigned.values())
    return role == "users" and any(concepts(name) == ("id",) for name in assigned)


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
