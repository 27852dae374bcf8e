"""What ingest took from events is known to a replay only as far as those events had happened."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapper import propose
from shopkeeper.data.readers import discover
from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.split import Part, split
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import DataSettings, EncoderSettings, Settings, Surface, TrainSettings
from shopkeeper.vocabulary import Request, silent

SETTINGS = Settings(encoder=EncoderSettings(model="none"), train=TrainSettings(threads=1, max_requests=50))
DAY = 86_400.0
N, EARLY, LATE = 30, 10, 20  # items: sold from the first day on, sold on the last days alone, never sold
CUT = 1_709_251_200.0 + 80 * DAY  # 80 days into the sales


def shop_of(folder: Path, *, late_sales: bool = True, listed: int = N, settings: Settings = SETTINGS) -> Workshop:
    """100 days of sales from 2024-03-01; the catalogue names no prices, and only its first `listed` items."""
    source = folder / "source"
    source.mkdir(parents=True)
    with (source / "products.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("product_id", "title"), *((f"p{n}", f"Thing {n} Zx") for n in range(listed))])
    with (source / "events.csv").open("w", newline="") as file:
        rows = [("time", "event_type", "product_id", "user_id", "price")]
        for at in range(400):
            when = np.datetime64("2024-03-01T00:00:00") + np.timedelta64(at * 6, "h")
            item = at % EARLY
            if at >= 340 and at % 2:
                item = EARLY + at % (LATE - EARLY)
            if item < EARLY or late_sales:
                rows.append((str(when).replace("T", " "), "purchase", f"p{item}", f"u{at % 19}", f"{5 + item}"))
        csv.writer(file).writerows(rows)
    ingest(propose(discover(source)), [source], folder / "shop", DataSettings(), silent)
    return Workshop.open(Tables(folder / "shop"), settings, folder / "cache", silent)


def engine_at(shop: Workshop, cut: float) -> tuple[Engine, Part]:
    part = split(shop.interactions, SETTINGS.train, shop.now)
    assert part is not None
    known = shop.interactions.before(cut)
    then = replace(part.validation, known=known, history=known, now=cut)
    return shop.engine_of(then, {}, "fit"), then


def seen(shop: Workshop) -> dict[str, list[float]]:
    """Features of what is proposed after the cut, by item."""
    engine, _ = engine_at(shop, CUT)
    context = engine.context(Request(surface="search", query="thing zx", user="u1", time=CUT + 1))
    pool = engine.candidates(context)
    matrix = np.nan_to_num(engine.features(context, pool), nan=-1.0)
    return {engine.catalogue.ids.id(int(row)): line.tolist() for row, line in zip(pool.rows, matrix, strict=True)}


def test_no_feature_tells_that_an_item_is_sold_later(tmp_path: Path) -> None:
    told, untold = shop_of(tmp_path / "told"), shop_of(tmp_path / "untold", late_sales=False)
    assert not np.isnan(told.catalogue.prices[told.catalogue.ids.row("p11")])  # shown to people, sold at last
    assert len(seen(told)) == N
    assert seen(told) == seen(untold)
    leaking = replace(told, inferred=untold.inferred)  # the same check sees a catalogue that knows all its prices
    leaking.inferred.price[:] = False
    assert seen(leaking) != seen(untold)


def test_prices_are_the_usual_ones_of_what_was_sold_before(tmp_path: Path) -> None:
    engine, _ = engine_at(shop_of(tmp_path), CUT)
    prices = [float(engine.catalogue.prices[engine.catalogue.ids.row(f"p{n}")]) for n in range(N)]
    assert prices[:EARLY] == [5.0 + n for n in range(EARLY)]
    assert np.isnan(prices[EARLY:]).all()


def test_an_item_that_only_later_events_name_is_not_there_yet(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, listed=EARLY)
    assert len(shop.catalogue) > EARLY
    engine, _ = engine_at(shop, CUT)
    there = {engine.catalogue.ids.id(int(row)) for row in np.flatnonzero(engine.catalogue.available)}
    assert there == {f"p{n}" for n in range(EARLY)}


def test_prices_of_the_catalogue_are_always_known(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    shop.inferred.price[:] = False
    assert np.array_equal(engine_at(shop, CUT)[0].catalogue.prices, shop.catalogue.prices, equal_nan=True)


def test_no_tower_reads_a_price_that_is_told_later(tmp_path: Path) -> None:
    towers = Surface(sources=("two_tower",))
    small = {"two_tower": {"width": 16, "hidden": 8, "batch": 100, "epochs": 2}}
    settings = msgspec.structs.replace(SETTINGS, surfaces={"home": towers}, models=small)
    scores = []
    for late_sales in (True, False):
        shop = shop_of(tmp_path / str(late_sales), late_sales=late_sales, settings=settings)
        engine, _ = engine_at(shop, CUT)
        context = engine.context(Request(surface="home", user="u1", time=CUT + 1))
        found = engine.sources["two_tower"].retrieve(context, N)
        scores.append(dict(zip(engine.catalogue.ids.ids(found.rows), found.scores.tolist(), strict=True)))
    assert len(scores[0]) == N
    assert scores[0] == scores[1]
