"""A real catalogue as the assortment of simulated shoppers: leaves, brands and prices are its own, the rest drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopkeeper.data.simulate.assortment import BRAND, FACETS, NONE, Assortment, Floats, Ints, dearness, style_order
from shopkeeper.data.simulate.invented import launch_times
from shopkeeper.data.simulate.words import COLOURS
from shopkeeper.errors import DataError

_NEEDED = ("item_id", "title", "brand", "categories", "price")
_UNNAMED = "products"  # the leaf of items that neither a category nor a title tells apart
_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON = 5  # a pair of words that fewer titles hold is no kind of product
_CHUNK = 50_000


def read_catalogue(catalogue: Path | pa.Table) -> pa.Table:
    """A table with the columns of data.schema.ITEMS, at least item_id, title, brand, categories and price.

    Raises DataError where one is missing or there is no item.
    """
    where = str(catalogue) if isinstance(catalogue, Path) else "the catalogue"
    table = pq.read_table(catalogue) if isinstance(catalogue, Path) else catalogue
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        raise DataError(
            f"column {missing[0]!r} is missing", where=where, expected=", ".join(_NEEDED),
            remedy="Ingest the shop's exports first and pass its items table.",
        )  # fmt: skip
    if not table.num_rows:
        raise DataError("there is no item", where=where, expected="at least one")
    return table.combine_chunks()


def adopt(
    table: pa.Table, *, rng: np.random.Generator, start: datetime, days: int, launches: float
) -> tuple[Assortment, tuple[str, ...]]:
    """The assortment of a real catalogue, and its brands by code (the BRAND row of Assortment.facets)."""
    n = table.num_rows
    categories = table["categories"].combine_chunks()
    kinds = _kinds(table, pc.fill_null(pc.list_value_length(categories), 0).to_numpy() == 0)
    narrowest = pc.coalesce(_level(categories, last=True), pa.array(kinds))
    widest = pc.coalesce(_level(categories, last=False), pa.array([kind.split()[-1] for kind in kinds]))
    leaf_column, home_column = pc.dictionary_encode(narrowest), pc.dictionary_encode(widest)
    leaf, home = leaf_column.indices.to_numpy().astype(np.int32), home_column.indices.to_numpy().astype(np.int32)
    leaves, homes = leaf_column.dictionary.to_pylist(), home_column.dictionary.to_pylist()
    department = np.zeros(len(leaves), np.int32)
    department[leaf] = home
    brand_column = pc.dictionary_encode(table["brand"].combine_chunks())
    facets = np.full((len(FACETS), n), NONE, np.int32)
    facets[BRAND] = pc.fill_null(brand_column.indices, NONE).to_numpy()
    price = table["price"].to_numpy().astype(np.float32)
    quality = rng.standard_normal(n, np.float32)
    fame: Floats = (0.6 * quality + 0.8 * rng.standard_normal(n, np.float32)).astype(np.float32)
    assortment = Assortment(
        ids=table["item_id"].cast(pa.string()).combine_chunks(),
        leaf=leaf,
        facets=facets,
        price=price,
        dearness=dearness(price, leaf, len(leaves)),
        quality=quality,
        fame=fame,
        returns=np.clip(0.08 * np.exp(-0.4 * quality), 0.0, 0.8).astype(np.float32),
        launched=launch_times(n, leaf, fame, rng=rng, start=start, days=days, launches=launches),
        sponsored=rng.random(n) < 0.02,
        style=style_order(leaf, facets[BRAND], np.nan_to_num(price)),
        department=department,
        goes_with=_neighbours(department),
        peak=rng.integers(1, 366, len(leaves), np.int32) * (rng.random(len(leaves)) < 0.3),
        leaf_names=tuple(leaves),
        department_names=tuple(homes),
    )
    return assortment, tuple(brand_column.dictionary.to_pylist())


def write_adopted(table: pa.Table, assortment: Assortment, path: Path, done: Callable[[int], None]) -> None:
    """Write products.parquet: the catalogue as it was given, with the launch dates that its shoppers obey."""
    launched = pa.array(assortment.launched, pa.timestamp("us")).cast(pa.date32())
    if "launched" in table.column_names:
        table = table.drop_columns(["launched"])
    table = table.rename_columns([{"item_id": "product_id"}.get(name, name) for name in table.column_names])
    table = table.append_column("launch_date", launched)
    pq.write_table(table, path, compression="zstd", row_group_size=_CHUNK)
    done(table.num_rows)


def _level(categories: pa.ListArray, *, last: bool) -> pa.Array:
    """The narrowest or the widest category of each item, null where it has none."""
    lengths = pc.fill_null(pc.list_value_length(categories), 0).to_numpy()
    starts = categories.offsets.to_numpy()[:-1]
    place = starts + (lengths - 1 if last else 0)
    return categories.values.take(pa.array(place, mask=lengths == 0))


def _kinds(table: pa.Table, wanted: npt.NDArray[np.bool_]) -> list[str]:
    """What kind of thing each item is, by its title, where `wanted`: of the pairs of neighbouring words in it the one
    that most titles hold ("toner cartridge"), colours and the brand's own words left out."""
    titles, brands = (table[name].to_pylist() for name in ("title", "brand"))
    colours = {colour.en for colour in COLOURS}
    pairs: list[list[str]] = []
    for title, brand, needed in zip(titles, brands, wanted.tolist(), strict=True):
        telling = _WORD.findall((title or "").lower()) if needed else []
        idle = colours.union(_WORD.findall((brand or "").lower()))
        words = [word for word in telling if word not in idle]
        pairs.append([" ".join(pair) for pair in pairwise(words)])
    counts = Counter(pair for group in pairs for pair in set(group))
    best = (max(group, key=lambda pair: counts[pair], default=_UNNAMED) for group in pairs)
    return [pair if counts[pair] >= _COMMON else _UNNAMED for pair in best]


def _neighbours(department: Ints) -> Ints:
    """Each leaf goes with the next of its department; -1 where it is alone."""
    order = np.argsort(department, kind="stable")
    goes_with = np.full(len(department), NONE, np.int32)
    goes_with[order[:-1]] = np.where(department[order[:-1]] == department[order[1:]], order[1:], NONE)
    return goes_with
