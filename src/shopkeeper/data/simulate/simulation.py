"""simulate: draw a world, let its shoppers act, and write what a shop would export, with the truth beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.simulate import adopted, invented
from shopkeeper.data.simulate.assortment import SECOND, Assortment
from shopkeeper.data.simulate.calendar import Arrivals, arrivals, season
from shopkeeper.data.simulate.coupons import issue, write_coupons
from shopkeeper.data.simulate.exports import event_table
from shopkeeper.data.simulate.lists import EXAMINATION, LISTS_PER_VISIT, SWAP_SHARE
from shopkeeper.data.simulate.queries import Queries, adopted_queries, invented_queries
from shopkeeper.data.simulate.shoppers import invite, write_customers
from shopkeeper.data.simulate.truth import Truth, write_truth
from shopkeeper.data.simulate.visits import unfold
from shopkeeper.data.simulate.world import EVENT, Events, World
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Progress, silent

_EVENTS_PER_USER = 50
_EVENTS_PER_BLOCK = 500_000
_EVENTS_PER_VISIT = 12.0  # to begin with; each block measures its own
_LAUNCHES = 0.2  # of the items, within the period, where all is predictable
_CATALOGUE, _SHOPPERS, _BLOCKS = range(3)  # streams of chance, so that a change in one leaves the others alone


def simulate(
    folder: Path,
    *,
    products: int = 5000,
    events: int = 300_000,
    seed: int = 0,
    catalogue: Path | pa.Table | None = None,
    days: int = 90,
    end: date | None = None,
    predictability: float = 0.8,
    progress: Progress = silent,
) -> Truth:
    """Write a simulated shop: its exports under `folder/exports`, its truth under `folder/truth`.

    There are exactly `products` products (or the items of `catalogue`: a table with the columns of data.schema.ITEMS,
    or its Parquet file) and exactly `events` rows of events, in order of time, in the `days` before midnight (UTC) of
    the day `end`, by default today. The same arguments with the same end give the same bytes.
    A simulated shop that is there already is replaced.

    predictability: how far tastes, likeness and habit decide, from 0 (a random world, in which no model can beat
    chance) to 1.

    Raises DataError for sizes below 1, a seed below 0, a predictability outside 0…1, a catalogue without the needed
    columns, or a folder with an `exports` or `truth` that is no simulated shop's; MissingExtraError where Pillow is
    not installed.
    """
    _check(folder, seed=seed, products=products, events=events, days=days, predictability=predictability)
    until = datetime.combine(end or datetime.now(UTC).date(), time(), UTC)
    start = until - timedelta(days)
    draft = folder / ".simulating"
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "exports" / "events").mkdir(parents=True)
    shop, queries = _stock(
        catalogue, draft / "exports" / "products.parquet", products=products, start=start, days=days,
        launches=_LAUNCHES * predictability, seed=seed, progress=progress,
    )  # fmt: skip
    world = _populate(
        shop, queries, users=max(events // _EVENTS_PER_USER, 10), languages=1 + (catalogue is None), start=start,
        days=days, predictability=predictability, seed=seed,
    )  # fmt: skip
    _write_people(world, draft / "exports", start, seed, progress)
    write_truth(world, draft / "truth")
    _write_events(world, arrivals(start, days), events, seed, draft / "exports" / "events", progress)
    truth = Truth(
        folder=draft,
        seed=seed,
        predictability=predictability,
        products=len(shop),
        users=len(world.shoppers),
        events=events,
        start=start.timestamp(),
        end=until.timestamp(),
        examination=tuple(float(share) for share in EXAMINATION),
        swap_share=SWAP_SHARE,
    )
    truth.save()
    return _publish(draft, folder)


def _check(folder: Path, *, seed: int, predictability: float, **sizes: int) -> None:
    if seed < 0:
        raise DataError(f"seed is {seed}", where="simulate", expected="0 or more")
    for name, size in sizes.items():
        if size < 1:
            raise DataError(f"{name} is {size}", where="simulate", expected="1 or more")
    if not 0 <= predictability <= 1:
        raise DataError(f"predictability is {predictability}", where="simulate", expected="a number from 0 to 1")
    ours = (folder / "truth" / "truth.json").exists()
    for name in ("exports", "truth"):
        if (folder / name).exists() and not ours:
            raise DataError(
                f"the folder holds {name!r} already, and not of a simulated shop", where=str(folder),
                remedy="Name a new folder.",
            )  # fmt: skip


def _stock(
    catalogue: Path | pa.Table | None, path: Path, *, products: int, start: datetime, days: int, launches: float,
    seed: int, progress: Progress,
) -> tuple[Assortment, Queries]:  # fmt: skip
    """Invent a catalogue, or adopt the given one, and write it to `path`."""
    rng = np.random.default_rng((seed, _CATALOGUE))
    if catalogue is None:
        invention = invented.invent(products, rng=rng, start=start, days=days, launches=launches)
        invented.write_products(invention, path, rng, lambda done: progress("products", done, products))
        return invention.assortment, invented_queries(invention.leaves, rng=rng)
    table = adopted.read_catalogue(catalogue)
    shop, brands = adopted.adopt(table, rng=rng, start=start, days=days, launches=launches)
    adopted.write_adopted(table, shop, path, lambda done: progress("products", done, len(shop)))
    return shop, adopted_queries(shop, brands, rng=rng)


def _populate(
    shop: Assortment, queries: Queries, *, users: int, languages: int, start: datetime, days: int,
    predictability: float, seed: int,
) -> World:  # fmt: skip
    rng = np.random.default_rng((seed, _SHOPPERS))
    shoppers = invite(shop, users, languages=languages, rng=rng)
    return World(
        shop=shop,
        shoppers=shoppers,
        queries=queries,
        coupons=issue(shop, shoppers, start=start, days=days, rng=rng),
        season=season(shop, start, days, rng),
        start=int(start.timestamp()) * SECOND,
        predictability=predictability,
    )


def _write_people(world: World, exports: Path, start: datetime, seed: int, progress: Progress) -> None:
    total = len(world.shoppers)
    rng = np.random.default_rng((seed, _SHOPPERS, 1))
    write_customers(
        world.shoppers, exports / "customers.csv", start=start, rng=rng,
        done=lambda done: progress("customers", done, total),
    )  # fmt: skip
    write_coupons(world.shop, world.shoppers, world.coupons, exports)


def _write_events(world: World, clock: Arrivals, events: int, seed: int, folder: Path, progress: Progress) -> None:
    done = 0
    for part, block in enumerate(_stream(world, clock, events, seed)):
        table = event_table(world, block, first=done)
        pq.write_table(table, folder / f"part-{part:05d}.parquet", compression="zstd")
        done += len(block)
        progress("events", done, events)


def _stream(world: World, clock: Arrivals, events: int, seed: int) -> Iterator[Events]:
    """All events in order of time, block by block; what happens days after its visit waits for its block."""
    blocks = -(-events // _EVENTS_PER_BLOCK)
    waiting = np.empty(0, EVENT)
    visits = 0
    for number in range(blocks):
        wanted = events * (number + 1) // blocks - events * number // blocks
        rng = np.random.default_rng((seed, _BLOCKS, number))
        fresh, visits = _gather(world, clock, number / blocks, (number + 1) / blocks, wanted, visits, rng)
        everything = np.concatenate([waiting, fresh])
        everything = everything[np.lexsort((everything["visit"], everything["time"]))]
        now = np.searchsorted(everything["time"], clock.at((number + 1) / blocks)) if number + 1 < blocks else None
        yield everything[:now]
        waiting = everything[now:] if now is not None else waiting[:0]


def _gather(
    world: World, clock: Arrivals, since: float, until: float, wanted: int, visits: int, rng: np.random.Generator
) -> tuple[Events, int]:
    """Exactly `wanted` events of visits that begin between two shares of the period, `visits` having been before; and
    how many have been then.

    Visits come in no order, so leaving out the last of them leaves no gap in time.
    """
    end = int(clock.marks[-1])
    pieces: list[Events] = []
    made = found = 0
    while found < wanted:
        rate = found / made if found else _EVENTS_PER_VISIT
        count = int((wanted - found) / rate * 1.05) + 5
        piece = unfold(world, clock.at(since + (until - since) * rng.random(count)), rng)
        piece = piece[piece["time"] < end]
        _renumber(piece, visits + made)
        pieces.append(piece)
        made += count
        found += len(piece)
    events = np.concatenate(pieces)
    return events[np.lexsort((events["time"], events["visit"]))][:wanted], visits + made


def _renumber(events: Events, before: int) -> None:
    """Number visits, and the lists and orders in them, on from the visits that have been before."""
    events["visit"] += before
    events["order"] += before * (events["order"] >= 0)
    events["slate"] += before * LISTS_PER_VISIT * (events["slate"] >= 0)


def _publish(draft: Path, folder: Path) -> Truth:
    for name in ("truth", "exports"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (draft / name).rename(folder / name)
    draft.rmdir()
    return Truth.load(folder)
