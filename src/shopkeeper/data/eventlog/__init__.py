"""The live log: what people did, what they were shown and what the shop changed, while the shop is open."""

from shopkeeper.data.eventlog.lazy import LazyLog
from shopkeeper.data.eventlog.log import BEGINNING, EventLog, Places

__all__ = ["BEGINNING", "EventLog", "LazyLog", "Places"]
