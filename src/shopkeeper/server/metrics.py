"""What Prometheus reads: how long answers take and where, what is refused, how fresh the shop is.

With PROMETHEUS_MULTIPROC_DIR set before this is imported, the worker processes of a server count together. The labels
are few: shops, routes, surfaces, stages and sources come from the program and from shop.toml, never from a request.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from shopkeeper.engine.live import Lag
from shopkeeper.engine.pipeline import Engine
from shopkeeper.vocabulary import Slate

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
STAGE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
PROPOSED = (0, 1, 5, 20, 50, 100, 200, 500, 1_000)

_requests = Histogram(
    "shopkeeper_request_seconds",
    "From the last header of a request to the end of its answer.",
    ("shop", "method", "route", "status"),
    buckets=SECONDS,
)
_stages = Histogram(
    "shopkeeper_stage_seconds", "A stage of the engine.", ("shop", "surface", "stage"), buckets=STAGE_SECONDS
)
_candidates = Histogram(
    "shopkeeper_candidates", "What a source proposed for an answer.", ("shop", "surface", "source"), buckets=PROPOSED
)
_caches = Counter("shopkeeper_cache_lookups", "Of the engine's caches: hit or miss.", ("shop", "cache", "result"))
_refusals = Counter("shopkeeper_refusals", "Requests that were turned away.", ("shop", "reason"))
_slates = Counter("shopkeeper_slates", "Answers that went to the log of slates shown.", ("shop",))
_events = Counter("shopkeeper_events", "Events that came: new, or known already.", ("shop", "result"))
_changes = Counter("shopkeeper_item_changes", "Changes of items that were taken.", ("shop",))


def _gauge(name: str, text: str) -> Gauge:
    """Of the process that was asked last."""
    return Gauge(name, text, ("shop",), multiprocess_mode="livemostrecent")


_release_age = _gauge("shopkeeper_release_age_seconds", "Since the release that answers was made.")
_items = _gauge("shopkeeper_items", "Items that are known, with those that came since the release.")
_event_age = _gauge("shopkeeper_newest_event_age_seconds", "Since the newest event of the log happened.")
_events_behind = _gauge("shopkeeper_events_behind", "Events of the log that are not known here yet.")
_changes_behind = _gauge("shopkeeper_item_changes_behind", "Item changes of the log that are not known here yet.")
_slates_lost = Gauge(
    "shopkeeper_slates_lost", "Answers that could not be logged.", ("shop",), multiprocess_mode="livesum"
)


class ShopMetrics:
    """The figures of one shop. From any thread."""

    def __init__(self, shop: str) -> None:
        self._shop = shop
        self._lock = threading.Lock()
        self._lookups: dict[str, tuple[int, int]] = {}  # of the caches, as they were last counted

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        _requests.labels(self._shop, method, route, status).observe(seconds)

    def refused(self, reason: str) -> None:
        _refusals.labels(self._shop, reason).inc()

    def took_events(self, fresh: int, known: int) -> None:
        _events.labels(self._shop, "new").inc(fresh)
        _events.labels(self._shop, "known").inc(known)

    def took_changes(self, number: int) -> None:
        _changes.labels(self._shop).inc(number)

    def showed(self, slate: Slate) -> None:
        """An answer: its stages, and what its sources proposed."""
        _slates.labels(self._shop).inc()
        for stage, milliseconds in slate.timings.items():
            _stages.labels(self._shop, slate.surface, stage).observe(milliseconds / 1000.0)
        for source, number in slate.candidates.items():
            _candidates.labels(self._shop, slate.surface, source).observe(number)

    def looked_up(self, engine: Callable[[], Engine]) -> None:
        """Count what the caches of the present engine found, or not, since this was last called. A newer engine's begin
        anew. Threads read one after the other, as an older number would look like a newer engine's."""
        with self._lock:
            before, self._lookups = self._lookups, engine().cache_lookups()
            lookups = self._lookups
        for cache, now in lookups.items():
            then = before.get(cache, (0, 0))
            for result, number, known in zip(("hit", "miss"), now, then, strict=True):
                if number != known:
                    _caches.labels(self._shop, cache, result).inc(number - known if number > known else number)

    def serves(self, *, items: int, made: float) -> None:
        """What answers now: how many items it knows, and when its release was made (s since the epoch)."""
        _items.labels(self._shop).set(items)
        _release_age.labels(self._shop).set(max(0.0, time.time() - made))

    def follows(self, lag: Lag) -> None:
        """How far this process lies behind the log."""
        _events_behind.labels(self._shop).set(lag.events)
        _changes_behind.labels(self._shop).set(lag.changes)
        if lag.newest_event is not None:
            _event_age.labels(self._shop).set(max(0.0, time.time() - lag.newest_event))

    def lost_slates(self, number: int) -> None:
        """How many this process could not log up to now."""
        _slates_lost.labels(self._shop).set(number)

    def text(self) -> bytes:
        """The figures of this shop alone, of all processes, as Prometheus reads them."""
        return generate_latest(_Own(self._shop, _all()))


class _Own:
    """Of several shops in one process, the samples of one, and those that are no shop's."""

    def __init__(self, shop: str, metrics: Iterable[Metric]) -> None:
        self._shop, self._metrics = shop, metrics

    def collect(self) -> Iterator[Metric]:
        for metric in self._metrics:
            own = [sample for sample in metric.samples if _shop_of(sample.labels) in (None, self._shop)]
            if own:
                kept = Metric(metric.name, metric.documentation, metric.type, metric.unit)
                kept.samples = own
                yield kept


def _shop_of(labels: Mapping[str, str]) -> str | None:
    return labels.get("shop")


def _all() -> Iterable[Metric]:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY.collect()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry.collect()
