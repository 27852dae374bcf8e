"""Events, item changes and slates shown as rows of the log, and back."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec

from shopkeeper.vocabulary import Change, Event, Shown

_encode = msgspec.json.encode
_FIELDS = Event.__struct_fields__  # in the order of EVENT_COLUMNS
_values = attrgetter(*_FIELDS)


def event_row(event: Event) -> tuple[Any, ...]:
    """One value for each of EVENT_COLUMNS."""
    id_, kind, *rest, attributes = _values(event)
    return (id_, kind.value, *rest, _encode(attributes).decode() if attributes else None)


def event_of(row: tuple[Any, ...]) -> Event:
    fields = {name: value for name, value in zip(_FIELDS, row, strict=True) if value is not None}
    if "attributes" in fields:
        fields["attributes"] = msgspec.json.decode(fields["attributes"])
    return msgspec.convert(fields, Event)


def change_row(change: Change) -> tuple[str, str]:
    """item_id and change."""
    return change.id, _encode(change).decode()


def change_of(row: tuple[str]) -> Change:
    return msgspec.json.decode(row[0], type=Change)


def shown_row(shown: Shown) -> tuple[str]:
    return (_encode(shown).decode(),)
