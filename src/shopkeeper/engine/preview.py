"""What would change: one request answered as it is now, and as it would be under other rules."""

from __future__ import annotations

import msgspec

from shopkeeper.engine.pipeline import Engine
from shopkeeper.vocabulary import Request, Slate


class Move(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item whose position changes. `before` is None for one that comes, `after` for one that goes (from this
    page)."""

    item: str
    before: int | None = None
    after: int | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `now`, that of `then`, and the items that move between them, as they stand then; those that go
    last."""

    now: Slate
    then: Slate
    moves: tuple[Move, ...] = ()


def preview(engine: Engine, other: Engine, request: Request, within: str = "") -> Preview:
    """Both answer the same person. Raises RequestError when the request cannot be answered as it was asked."""
    now, then = engine.answer(request, within), other.answer(request, within)
    before, after = ({each.item.id: each.position for each in slate.placements} for slate in (now, then))
    moves = tuple(
        Move(item=item, before=before.get(item), after=after.get(item))
        for item in {**after, **before}
        if before.get(item) != after.get(item)
    )
    return Preview(now=now, then=then, moves=moves)
