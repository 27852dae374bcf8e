"""Several words on one item, put together."""

from __future__ import annotations

from msgspec.structs import replace

from shopkeeper.vocabulary import Change

_FIGURES = ("price", "stock", "available")


def merged(before: Change | None, after: Change) -> Change:
    """What holds of an item after two words on it, the second the later in the log (`after`, where there was none).

    A whole item, or that it is deleted, overrules all before it. Figures are laid over what was there; of a deleted
    item they change nothing, so that only a whole item brings it back.
    """
    if before is None or after.item is not None or after.deleted:
        return after
    if before.deleted:
        return before
    figures = {name: value for name in _FIGURES if (value := getattr(after, name)) is not None}
    if before.item is not None:
        return replace(before, time=after.time, item=replace(before.item, **figures))
    return replace(before, time=after.time, **figures)
