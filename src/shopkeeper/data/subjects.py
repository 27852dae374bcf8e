"""Cleaning of the rows that are no events: each says what it is about, says it once, and says what can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shopkeeper.data import clean
from shopkeeper.data.clean import Rule
from shopkeeper.data.staging import Staged, select
from shopkeeper.data.translate import STAGED
from shopkeeper.errors import MappingError

# What a row of a role must say, to be about something.
KEYS: dict[str, tuple[str, ...]] = {
    "items": ("item_id",),
    "users": ("user_id",),
    "images": ("item_id",),
    "judgements": ("query", "item_id", "grade"),
}
# Where a second row of a file about the same is one too many; several people may judge the same.
SAID_ONCE = ("items", "users", "images")


def doubtful(staged: Sequence[Staged]) -> Iterator[tuple[Rule, str, str]]:
    """The rules, with the role they are about and a SELECT of the rows they find; the rows of events are judged by
    month elsewhere, all but their unreadable values.

    Raises MappingError for a file without a column that its role needs.
    """
    for role in dict.fromkeys(file.role for file in staged):
        files = [file for file in staged if file.role == role]
        if role in KEYS:
            yield clean.NAMELESS, role, _nameless(files, role)
        if role in SAID_ONCE:
            yield clean.SAID_AGAIN, role, _said_again(files, KEYS[role][0])
        if role == "items" and any("price" in file.columns for file in files):
            yield clean.IMPOSSIBLE_ITEM_PRICE, role, _rows(files, f"price IS NOT NULL AND {_impossible(files)}")
        if unread := [file for file in files if "unread" in file.columns]:
            yield clean.UNREADABLE_VALUES, role, _rows(unread, "unread IS NOT NULL")


def usual_prices(staged: Sequence[Staged]) -> str:
    """A SELECT of the highest price that each catalogue can mean: `source`, `absurd`."""
    files = [file for file in staged if file.role == "items"]
    prices = select(files, ("source", "price"), STAGED)
    absurd = "10000 * GREATEST(APPROX_QUANTILE(ABS(price), 0.95), 10)"
    return f"SELECT source, {absurd} AS absurd FROM ({prices}) WHERE price IS NOT NULL GROUP BY source"


def _impossible(files: Sequence[Staged]) -> str:
    absurd = f"SELECT absurd FROM ({usual_prices(files)}) AS usual WHERE usual.source = told.source"
    return f"(price < 0 OR price > ({absurd}))"


def _nameless(files: Sequence[Staged], role: str) -> str:
    known = {name for file in files for name in file.columns}
    if absent := [key for key in KEYS[role] if key not in known]:
        raise MappingError(f"no column is the {absent[0]}", where=files[0].path, remedy="Name one in mapping.toml.")
    return _rows(files, " OR ".join(f"{key} IS NULL" for key in KEYS[role]))


def _said_again(files: Sequence[Staged], key: str) -> str:
    """The rows whose identifier came before in the same file."""
    told = _rows(files, f"{key} IS NOT NULL")
    twice = f"SELECT source, {key} FROM ({told}) GROUP BY source, {key} HAVING COUNT(*) > 1"
    return (
        f"SELECT * FROM ({told}) WHERE (source, {key}) IN ({twice})"
        f" QUALIFY ROW_NUMBER() OVER (PARTITION BY source, {key} ORDER BY part, row) > 1"
    )


def _rows(files: Sequence[Staged], condition: str) -> str:
    """All that files of a role say, but for pictures, which are heavy."""
    names = dict.fromkeys(name for file in files for name in file.columns if name not in ("picture", "month"))
    names = dict.fromkeys((*names, "part", "row"))
    return f"SELECT * FROM ({select(files, list(names), STAGED)}) AS told WHERE {condition}"
