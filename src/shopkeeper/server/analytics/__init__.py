"""Events as analytics tools send them → the vocabulary: GA4, Segment's e-commerce calls, User Behavior Insights.

A shop that has one of these in its pages sends us the same. What these tools let through is let through here: a value
that cannot be read is left out of its event, an event that says nothing of products is passed over and counted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from shopkeeper.errors import RequestError
from shopkeeper.server.analytics.deeds import Deed, events_of
from shopkeeper.server.analytics.ga4 import of_ga4
from shopkeeper.server.analytics.segment import CALLS, of_segment
from shopkeeper.server.analytics.ubi import is_ubi, of_ubi
from shopkeeper.server.bodies import MAX_EVENTS, EventBody

MAX_TOLD = 5 * MAX_EVENTS  # events that one body may come to, as each product of an order is one


class Told(NamedTuple):
    """passed_over: how many events, or products in them, say nothing that a shop can learn from."""

    events: list[EventBody]
    passed_over: int


def translate(body: bytes) -> Told | None:
    """None for what has none of these shapes. Events without an id of their own get one made of what they say, so that
    they count once however often they are sent. Raises RequestError for more than MAX_TOLD."""
    try:
        deeds = _deeds(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if deeds is None:
        return None
    if len(deeds) > MAX_EVENTS or sum(len(deed.products) for deed in deeds if deed) > MAX_TOLD:
        expected = f"at most {MAX_EVENTS:,} events, and {MAX_TOLD:,} products in them"
        raise RequestError("too many events", where="body", expected=expected)
    events = [event for deed in deeds if deed for event in events_of(deed)]
    return Told(events, sum(deed.things if deed else 1 for deed in deeds) - len(events))


def _deeds(sent: Any) -> list[Deed | None] | None:
    if is_ubi(sent):
        return [deed for one in (sent if isinstance(sent, list) else [sent]) for deed in of_ubi(one)]
    if not isinstance(sent, dict):
        return None
    if isinstance(sent.get("events"), list):
        return [of_ga4(event, sent) for event in sent["events"]]
    if isinstance(sent.get("batch"), list):
        return [of_segment(call) for call in sent["batch"]]
    return [of_segment(sent)] if sent.get("type") in CALLS else None
