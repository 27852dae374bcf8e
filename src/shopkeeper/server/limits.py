"""How often one may ask: token buckets in this process's memory."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

CAPACITY = 100_000  # buckets kept; the longest unused go first, and those are full again anyway


class Buckets:
    """A bucket for each name. For one thread: the doors stand in the event loop.

    A bucket holds `burst` tokens and gains `rate` a second; `clock` tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name → tokens, and when they were counted

    def take(self, name: str, rate: float, burst: float) -> float:
        """Take one token: 0.0; or else how many seconds there will be none, and nothing is taken."""
        now = self._clock()
        tokens, then = self._held.pop(name, (burst, now))
        tokens = min(burst, tokens + (now - then) * rate)
        wait = 0.0 if tokens >= 1.0 else (1.0 - tokens) / rate
        self._held[name] = (tokens if wait else tokens - 1.0, now)
        while len(self._held) > CAPACITY:
            self._held.popitem(last=False)
        return wait


def retry_after(wait: float) -> dict[str, str]:
    """The header that says when to ask again: whole seconds."""
    return {"Retry-After": str(max(1, math.ceil(wait)))}


def neighbourhood(address: str) -> str:
    """What a stranger cannot change at will: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
