"""What must hold of a shop's directory after every kill, and after the next run that comes to its end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from shopkeeper.data.eventlog import EventLog
from shopkeeper.data.schema import TABLES
from shopkeeper.data.scratch import Scratch
from shopkeeper.data.tables import Tables
from shopkeeper.shop import Shop

CHANGING = re.compile(r"\d{8}-\d{6}-\d{6}|[0-9a-f]{16,}")  # ids of releases, digests: another each time


def rows(shop: Path) -> dict[str, int]:
    """How many rows each table holds; all of them can be read."""
    tables = Tables(shop)
    counts = {name: tables.count(name) for name in TABLES}
    assert {name: tables.table(name).num_rows for name in TABLES} == counts
    return counts


def require_serving(shop: Path) -> str:
    """Every release is as it was published, and the current one answers. Its id."""
    opened = Shop(shop)
    store = opened.releases
    current = store.current()
    directories = [path.name for path in store.root.iterdir() if path.is_dir() and path.name[0] != "."]
    assert sorted(directories) == [release.id for release in store.list()]
    for release in store.list():
        store.verify(release)
    assert opened.search("red mug").placements[0].item.title.lower().startswith("red mug")
    assert opened.recommend("home").placements
    opened.close()
    return current.id


def files(shop: Path) -> list[str]:
    """All that lies in the directory, but the log: the same after every run, unless something is left behind."""
    paths = (path.relative_to(shop).as_posix() for path in shop.rglob("*") if not path.name.startswith("events.sqlite"))
    return sorted(CHANGING.sub("*", path) for path in paths)


def require_kept(log: EventLog, said: Iterable[str | tuple[str, list[str]]]) -> None:
    """Each acknowledged id is there once, none is there twice, and of a batch all or none."""
    events = Counter(event.id for _, batch in log.events_after() for event in batch)
    changes = Counter(change.id for _, batch in log.changes_after() for change in batch)
    found = {"events": events, "changes": changes}
    for kind, ids in (word for word in said if isinstance(word, tuple)):
        assert not [id_ for id_ in ids if found[kind][id_] != 1], kind
    for kind, counts in found.items():
        assert not [id_ for id_, count in counts.items() if count > 1], kind
        batches = Counter(id_.rpartition("/")[0] for id_ in counts if "/" in id_)
        assert all(count == int(batch.rpartition("/")[2]) for batch, count in batches.items()), kind
    assert len(log) == len(events)
    places = [place for place, _ in log.events_after(size=100)]
    assert places == sorted(set(places))


def left_behind(temporary: Path) -> list[str]:
    """What lies among the temporary files when one more process has begun, but for the one small file that ONNX Runtime
    writes again each time."""
    Scratch(temporary).close()
    return [path.name for path in temporary.iterdir() if path.name != ".ses"]
