"""Who visits the simulated shop, and what each of them likes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from shopkeeper.data.simulate.assortment import BRAND, COLOUR, NONE, Assortment, Floats, Ints, numbered

HUMAN, SCRAPER, BOOSTER = range(3)
BOT_KINDS = ("", "scraper", "booster")

FAVOURITES = 3  # leaves that a person comes back to
_BOT_SHARE = 0.01
_COUNTRIES = ("DE", "US", "CN", "FR", "GB", "SG")
_AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
_CHUNK = 200_000


@dataclass(frozen=True)
class Shoppers:
    """u users. favourites int32 [u, 3] leaves, the dearest first; loved int32 [u, 3] an item of each;
    brand int32 [u] and colour int32 [u], codes as in Assortment.facets; budget float32 [u], the dearness they are at
    ease with; thrift float32 [u] in 0…1, how much the price matters; activity float64 [u], relative number of visits;
    language int32 [u] (0 English, 1 Chinese); bot int32 [u] (HUMAN, SCRAPER, BOOSTER).
    """

    ids: pa.Array
    favourites: Ints
    loved: Ints
    brand: Ints
    colour: Ints
    budget: Floats
    thrift: Floats
    activity: npt.NDArray[np.float64]
    language: Ints
    bot: Ints

    def __len__(self) -> int:
        return len(self.brand)

    def draw(self, n: int, rng: np.random.Generator) -> Ints:
        """n visitors, the active ones more often."""
        return np.searchsorted(self._cumulated, rng.random(n), side="right").astype(np.int32)

    @cached_property
    def _cumulated(self) -> npt.NDArray[np.float64]:
        total = np.cumsum(self.activity)
        shares: npt.NDArray[np.float64] = total / total[-1]
        shares[-1] = 1.0
        return shares

    def utility(self, shop: Assortment, users: Ints, items: Ints) -> Floats:
        """How much users like items, float32 of the broadcast shape: quality, brand and colour they favour, and a
        price near what they are at ease with."""
        liking: Floats = (
            0.6 * shop.quality[items]
            + 1.0 * (shop.facets[BRAND, items] == self.brand[users])
            + 0.8 * (shop.facets[COLOUR, items] == self.colour[users])
            - (0.2 + 0.6 * self.thrift[users]) * np.abs(shop.dearness[items] - self.budget[users])
        ).astype(np.float32)
        return liking


def invite(shop: Assortment, users: int, *, languages: int, rng: np.random.Generator) -> Shoppers:
    """Draw the shoppers of an assortment. `languages` is 2 where the catalogue also speaks Chinese."""
    leaves = np.flatnonzero(shop.by_leaf.sizes)
    weights = rng.lognormal(0.0, 0.7, len(leaves))
    first = rng.choice(leaves, users, p=weights / weights.sum())
    favourites = np.empty((users, FAVOURITES), np.int32)
    favourites[:, 0] = first
    # People like what is near: the other favourites are mostly of the same department.
    near = [leaves[shop.department[leaves] == code] for code in range(len(shop.department_names))]
    homes = np.concatenate([[0], np.cumsum([len(group) for group in near])])
    flat = np.concatenate(near)
    department = shop.department[first]
    for slot in range(1, FAVOURITES):
        neighbour = flat[homes[department] + (np.diff(homes)[department] * rng.random(users)).astype(np.int64)]
        favourites[:, slot] = np.where(rng.random(users) < 0.6, neighbour, rng.choice(leaves, users))
    item = shop.by_leaf.draw(favourites[:, 0], rng)
    shoppers = Shoppers(
        ids=numbered("C", np.arange(1, users + 1), max(6, len(str(users)))),
        favourites=favourites,
        loved=np.full((users, FAVOURITES), NONE, np.int32),
        brand=shop.facets[BRAND, item],
        colour=_favourite_colours(shop, users, rng),
        budget=rng.normal(0.0, 0.9, users).astype(np.float32),
        thrift=rng.beta(2.0, 2.0, users).astype(np.float32),
        activity=rng.gamma(0.8, 1.0, users) + 0.02,
        language=(rng.integers(0, languages, users, np.int32) * (rng.random(users) < 0.8)).astype(np.int32),
        bot=_bots(users, rng),
    )
    for slot in range(FAVOURITES):
        shoppers.loved[:, slot] = best_of(shop, shoppers, np.arange(users), favourites[:, slot], rng)
    return shoppers


def best_of(
    shop: Assortment, shoppers: Shoppers, users: npt.NDArray[np.integer], leaf: Ints, rng: np.random.Generator
) -> Ints:
    """What each user would pick from a leaf after a look at a few of its items."""
    seen = shop.by_leaf.draw(np.repeat(leaf[:, None], 6, axis=1), rng)
    liking = shoppers.utility(shop, users[:, None].astype(np.int32), seen) + 0.3 * rng.gumbel(size=seen.shape)
    best: Ints = np.take_along_axis(seen, liking.argmax(1)[:, None], 1)[:, 0]
    return best


def write_customers(
    shoppers: Shoppers, path: Path, *, start: datetime, rng: np.random.Generator, done: Callable[[int], None]
) -> None:
    """Write customers.csv: what a shop knows of its people, which says little of their tastes."""
    writer: csv.CSVWriter | None = None
    for first in range(0, len(shoppers), _CHUNK):
        rows = np.arange(first, min(first + _CHUNK, len(shoppers)))
        joined = int(start.timestamp()) - rng.integers(1, 3 * 365 * 86_400, len(rows))
        chinese = shoppers.language[rows] == 1
        country = np.where(chinese, rng.choice([2, 5], len(rows), p=[0.8, 0.2]), rng.choice([0, 1, 3, 4], len(rows)))
        table = pa.table(
            {
                "customer_id": shoppers.ids.take(pa.array(rows)),
                "signed_up": pa.array(joined, pa.timestamp("s")),
                "country": pa.array(_COUNTRIES).take(pa.array(country)),
                "language": pa.array(["en", "zh"]).take(pa.array(shoppers.language[rows])),
                "age_group": pa.array(_AGES).take(pa.array(rng.integers(0, len(_AGES), len(rows)))),
                "newsletter": pa.array(rng.random(len(rows)) < 0.4),
            }
        )
        writer = writer or csv.CSVWriter(path, table.schema)
        writer.write_table(table)
        done(int(rows[-1]) + 1)
    if writer:
        writer.close()


def write_tastes(shop: Assortment, shoppers: Shoppers, path: Path) -> None:
    """Write truth/users.parquet: what each user likes, and which of them are no people."""
    names = pa.array(shop.leaf_names)
    writer: pq.ParquetWriter | None = None
    for first in range(0, len(shoppers), _CHUNK):
        rows = slice(first, first + _CHUNK)
        columns = {
            "customer_id": shoppers.ids.slice(first, _CHUNK),
            **{
                f"favourite_{slot + 1}": names.take(pa.array(shoppers.favourites[rows, slot]))
                for slot in range(FAVOURITES)
            },
            **{f"loved_{slot + 1}": shop.ids.take(pa.array(shoppers.loved[rows, slot])) for slot in range(FAVOURITES)},
            "brand": shoppers.brand[rows],
            "colour": shoppers.colour[rows],
            "budget": shoppers.budget[rows],
            "thrift": shoppers.thrift[rows],
            "activity": shoppers.activity[rows],
            "bot": pa.array(BOT_KINDS).take(pa.array(shoppers.bot[rows])),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


def _favourite_colours(shop: Assortment, users: int, rng: np.random.Generator) -> Ints:
    """Colours as frequent among people as among products; NONE - 1, which no item has, where products have none."""
    colours = shop.facets[COLOUR]
    known = colours[colours >= 0]
    return rng.choice(known, users).astype(np.int32) if len(known) else np.full(users, NONE - 1, np.int32)


def _bots(users: int, rng: np.random.Generator) -> Ints:
    """A share of scrapers and boosters; in a shop of a hundred users or more at least one of each."""
    kinds = np.where(rng.random(users) < _BOT_SHARE, rng.integers(SCRAPER, BOOSTER + 1, users), HUMAN)
    if users >= 100:
        kinds[rng.choice(users, 2, replace=False)] = (SCRAPER, BOOSTER)
    return kinds.astype(np.int32)
