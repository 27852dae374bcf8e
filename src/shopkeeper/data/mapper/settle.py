"""What only shows when all columns of a file have been read."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import partial

import pyarrow as pa

from shopkeeper.data.mapper.fields import ACCEPTED, MANY_VALUED, Fit
from shopkeeper.data.mapper.file import File
from shopkeeper.data.mapper.lexicon import concepts, without_language
from shopkeeper.data.mapper.profile import Profile
from shopkeeper.data.translate import EVENT_ROLES

COMPARED = 2_000  # rows, to see whether two columns correspond
FEWEST_LABELS = 4  # fewer correspond by chance


def settle(file: File) -> dict[str, tuple[str, Fit]]:
    """The reading's fields, with what only shows when all are known."""
    fields = dict(file.reading.fields)
    _one_clock(file, fields)
    _the_only_clock(file, fields)
    _readable_categories(file, fields)
    _one_language(file, fields)
    _variants(file, fields)
    _shown_position(fields)
    return fields


def _one_clock(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """A date beside a full time says nothing more, and would be added to it."""
    named = {field: name for name, (field, _) in fields.items() if field in ("time", "date")}
    if len(named) == 2:
        shape = file.profiles[named["time"]].time
        if shape is None or shape.has_date:
            del fields[named["date"]]


def _the_only_clock(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """What happened has a time: the one column that holds moments (or else days), whatever it is called."""
    if file.reading.role not in EVENT_ROLES or any(field in ("time", "date") for field, _ in fields.values()):
        return
    free = [name for name in file.columns if name not in fields or fields[name][0] == "attribute"]
    for tag in ("moment", "day"):
        if found := [name for name in free if tag in file.profiles[name].tags]:
            if len(found) == 1:
                fields[found[0]] = ("time", Fit(ACCEPTED + 0.2, f"the only {tag}s that the rows hold"))
            return


def _readable_categories(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """Where a category can be read, its opaque codes are attributes."""
    names = [name for name, (field, _) in fields.items() if field == "category"]
    opaque = [name for name in names if file.profiles[name].tags & {"number", "hash"}]
    if len(opaque) < len(names):
        for name in opaque:
            del fields[name]


def _one_language(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """Of columns that say the same in several languages one is read, that of the titles'; the others are attributes."""
    title = next((name for name, (field, _) in fields.items() if field == "title"), None)
    kept: list[str] = []
    for name in sorted(
        (name for name, (field, _) in fields.items() if field in MANY_VALUED), key=partial(_foreign, file, title)
    ):
        twin = next((other for other in kept if _is_translation(file, name, other)), None)
        if twin is None:
            kept.append(name)
        else:
            fields[name] = ("attribute", Fit(ACCEPTED + 0.3, f"it says what {twin!r} says, in another language"))


def _foreign(file: File, title: str | None, name: str) -> tuple[bool, bool]:
    """Whether a column names another language than the titles' column does, and is written in another script."""
    spoken = without_language(title)[1] if title else ()
    other_letters = title is not None and _letters(file.profiles[name]) != _letters(file.profiles[title])
    return without_language(name)[1] != spoken, other_letters


def _is_translation(file: File, name: str, other: str) -> bool:
    """By the names, as "category" and "category_zh"; or by names (or letters) that differ over values that correspond.

    Names differ as those of two languages do when both read as the same concepts.
    """
    (words, language), (words_there, language_there) = without_language(name), without_language(other)
    if words == words_there:
        return language != language_there
    mine, theirs = file.profiles[name], file.profiles[other]
    may_be = concepts(name) == concepts(other) or _letters(mine) != _letters(theirs)
    return (
        may_be and name in file.columns and other in file.columns and _correspond(file.table[name], file.table[other])
    )


def _correspond(mine: pa.ChunkedArray, theirs: pa.ChunkedArray) -> bool:
    """Whether values that recur go with one value each of the other column."""
    pairs = [
        (str(a), str(b))
        for a, b in zip(mine.slice(0, COMPARED).to_pylist(), theirs.slice(0, COMPARED).to_pylist(), strict=True)
        if a is not None and b is not None
    ]
    fewest = min(len({a for a, _ in pairs}), len({b for _, b in pairs}))
    together = len(set(pairs))
    return fewest >= FEWEST_LABELS and together <= 1.05 * fewest and len(pairs) >= 2 * together


def _letters(profile: Profile) -> str:
    """The script that the values are written in: "LATIN", "CJK", "CYRILLIC"…, empty where there are no letters.

    Latin brands stand in texts of any script, so a fifth of other letters decides.
    """
    texts = [text for text in profile.texts[:COMPARED] if text] or sorted(profile.distinct)
    letters = [letter for text in texts[:50] for letter in text[:100] if letter.isalpha()]
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in letters)
    others = [(count, script) for script, count in scripts.items() if script != "LATIN" and 5 * count >= len(letters)]
    return max(others)[1] if others else "LATIN" if letters else ""


def _variants(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """Two identifiers of products in a catalogue, one of them recurring: that is what the others vary."""
    if file.reading.role != "items" or any(field == "group_id" for field, _ in fields.values()):
        return
    for name in file.columns:
        profile = file.profiles[name]
        names_item = {"item", "id"} <= set(concepts(name)) or concepts(name) in (("item",), ("sku",))
        if (
            name not in fields
            and names_item
            and "code" in profile.tags
            and profile.unique < 0.95
            and not profile.tags & {"enum"}
        ):
            fields[name] = ("group_id", Fit(ACCEPTED + 0.1, "a second identifier of products, whose values recur"))
            return


def _shown_position(fields: dict[str, tuple[str, Fit]]) -> None:
    """Where lists were shown, a position is the place in the list, though it counts up as an order would."""
    found = {field for field, _ in fields.values()}
    for name, (field, fit) in fields.items():
        if field == "ordinal" and "slate_id" in found and "position" in concepts(name):
            fields[name] = ("position", fit)
