"""A catalogue of our own invention: attributes first, then titles, descriptions and pictures made from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopkeeper.data.simulate.assortment import (
    DAY,
    NONE,
    SECOND,
    Assortment,
    Floats,
    Ints,
    dearness,
    numbered,
    style_order,
)
from shopkeeper.data.simulate.leaves import LEAVES, Leaf
from shopkeeper.data.simulate.pictures import draw
from shopkeeper.data.simulate.words import (
    ADJECTIVES,
    BRANDS,
    CLOSINGS,
    COLOURS,
    DEPARTMENTS,
    OPENINGS,
    PATTERNS,
    PLAIN,
    SERIES,
    SIZES,
    TITLES,
    TRAITS,
    Word,
)

LANGUAGES = ("en", "zh")
TRAIT_NAMES = tuple(TRAITS)
TRAIT_KINDS = tuple(sorted({leaf.trait for leaf in LEAVES}))

_ITEMS_PER_LEAF = 8  # below this a small shop opens fewer leaves
_CHUNK = 50_000


@dataclass(frozen=True)
class Invention:
    """An assortment and what its texts and pictures are made of. int32 [n] codes into the word lists."""

    assortment: Assortment
    noun: Ints
    adjective: Ints
    series: Ints
    size: Ints  # NONE where the leaf has no sizes
    tint: Ints  # the colour of the picture, also where colour is no attribute (a packet of coffee)
    stock: Ints
    leaves: tuple[Leaf, ...]


def invent(products: int, *, rng: np.random.Generator, start: datetime, days: int, launches: float) -> Invention:
    """Draw a catalogue. `launches` is the share of items launched within the `days` after `start`."""
    leaves = LEAVES[: max(2, min(len(LEAVES), products // _ITEMS_PER_LEAF))]
    leaf = rng.choice(len(leaves), products, p=_leaf_shares(len(leaves), rng)).astype(np.int32)
    leaf[: len(leaves)] = np.arange(min(len(leaves), products))  # none is empty
    department = np.array([one.department for one in leaves], np.int32)
    colour = rng.choice(len(COLOURS), products, p=_falling(len(COLOURS))).astype(np.int32)
    pattern = np.where(rng.random(products) < 0.55, PLAIN, rng.integers(1, len(PATTERNS), products)).astype(np.int32)
    colour[0], pattern[0] = 0, PLAIN  # there is a red mug in every shop
    brand = _brands(department[leaf], rng)
    trait = _pick(leaf, [[TRAIT_NAMES.index(name) for name in one.traits] for one in leaves], rng)
    noun = _pick(leaf, [list(range(len(one.nouns))) for one in leaves], rng)
    noun[0] = 0
    size = _pick(leaf, [list(range(len(one.sizes))) or [NONE] for one in leaves], rng)
    coloured = np.array([one.coloured for one in leaves])[leaf]
    price = _prices(leaf, brand, leaves, rng)
    quality, fame = _quality_and_fame(products, rng)
    names = [one.name.en for one in leaves]
    facets = np.stack([np.where(coloured, colour, NONE), brand, trait, np.where(coloured, pattern, NONE)])
    assortment = Assortment(
        ids=numbered("P", np.arange(1, products + 1), max(5, len(str(products)))),
        leaf=leaf,
        facets=facets.astype(np.int32),
        price=price,
        dearness=dearness(price, leaf, len(leaves)),
        quality=quality,
        fame=fame,
        returns=_return_shares(np.array([one.returns for one in leaves])[leaf], quality, rng),
        launched=launch_times(products, leaf, fame, rng=rng, start=start, days=days, launches=launches),
        sponsored=rng.random(products) < 0.02,
        style=style_order(leaf, noun, trait, brand, price),
        department=department,
        goes_with=np.array([names.index(o.goes_with) if o.goes_with in names else NONE for o in leaves], np.int32),
        peak=np.array([one.peak for one in leaves], np.int32),
        leaf_names=tuple(names),
        department_names=tuple(one.name.en for one in DEPARTMENTS),
    )
    return Invention(
        assortment=assortment,
        noun=noun,
        adjective=rng.integers(0, len(ADJECTIVES), products, np.int32),
        series=rng.integers(0, len(SERIES), products, np.int32),
        size=size,
        tint=np.where(coloured, colour, brand % len(COLOURS)).astype(np.int32),
        stock=np.where(rng.random(products) < 0.03, 0, rng.lognormal(3.5, 1.0, products)).astype(np.int32),
        leaves=leaves,
    )


def launch_times(
    n: int, leaf: Ints, fame: Floats, *, rng: np.random.Generator, start: datetime, days: int, launches: float
) -> npt.NDArray[np.int64]:
    """int64 [n] microseconds: a share `launches` within the period, the others in the three years before it.

    The best known item of each leaf is always among the old ones, so that no leaf is empty when the shop opens.
    """
    from_start = np.where(rng.random(n) < launches, rng.integers(0, days, n), -rng.integers(1, 3 * 365, n))
    order = np.lexsort((-fame, leaf))
    best = order[np.flatnonzero(np.diff(leaf[order], prepend=-1))]
    from_start[best] = np.minimum(from_start[best], -1)
    midnight = int(start.timestamp()) * SECOND
    return midnight + from_start * DAY


def write_products(invention: Invention, path: Path, rng: np.random.Generator, done: Callable[[int], None]) -> None:
    """Write products.parquet as a shop would export it; `done` hears how many rows are written."""
    writer: pq.ParquetWriter | None = None
    for chunk in _chunks(len(invention.assortment)):
        table = _products(invention, chunk, rng)
        # Products share pictures, so a dictionary of bytes keeps the file small.
        writer = writer or pq.ParquetWriter(
            path, table.schema, compression="zstd", dictionary_pagesize_limit=32 * 2**20
        )
        writer.write_table(table)
        done(int(chunk[-1]) + 1)
    if writer:
        writer.close()


def _chunks(n: int) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, n, _CHUNK):
        yield np.arange(start, min(start + _CHUNK, n))


def _products(invention: Invention, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> pa.Table:
    shop = invention.assortment
    colour, brand, trait, pattern = shop.facets[:, rows]
    leaf = shop.leaf[rows]
    english, chinese = (_Texts(invention, rows, language, rng) for language in range(len(LANGUAGES)))
    kinds = np.array([TRAIT_KINDS.index(one.trait) for one in invention.leaves])[leaf]
    trait_columns = {
        kind: _look_up([TRAITS[name].en for name in TRAIT_NAMES], np.where(kinds == code, trait, NONE))
        for code, kind in enumerate(TRAIT_KINDS)
    }
    return pa.table(
        {
            "product_id": shop.ids.take(pa.array(rows)),
            "title": english.titles(),
            "title_zh": chinese.titles(),
            "description": english.descriptions(),
            "description_zh": chinese.descriptions(),
            "brand": _look_up([word.en for word in BRANDS], brand),
            "category": _look_up([" > ".join(_path(one, 0)) for one in invention.leaves], leaf),
            "keywords_zh": _look_up([" ".join(_path(one, 1)) for one in invention.leaves], leaf),
            "price": np.round(shop.price[rows].astype(np.float64), 2),
            "currency": pa.array(["USD"] * len(rows)),
            "stock": invention.stock[rows],
            "launch_date": pa.array(shop.launched[rows], pa.timestamp("us")).cast(pa.date32()),
            "colour": _look_up([word.en for word in COLOURS], colour),
            "pattern": _look_up([word.en for word in PATTERNS], pattern),
            **trait_columns,
            "size": _look_up(*_sizes(invention, rows, 0)),
            "image": _pictures(invention, rows),
        }
    )


def _path(leaf: Leaf, language: int) -> tuple[str, str, str]:
    """The category's names from the department down."""
    return DEPARTMENTS[leaf.department].name[language], leaf.group[language], leaf.name[language]


class _Texts:
    """Titles and descriptions of a chunk of items in one language, composed from templates column by column."""

    def __init__(
        self, invention: Invention, rows: npt.NDArray[np.int64], language: int, rng: np.random.Generator
    ) -> None:
        self._language, self._rng = language, rng
        shop = invention.assortment
        colour, brand, trait, pattern = shop.facets[:, rows]
        leaf = shop.leaf[rows]
        self._department = shop.department[leaf]
        width = max(len(one.nouns) for one in invention.leaves)
        nouns = [one.nouns[place % len(one.nouns)][language] for one in invention.leaves for place in range(width)]
        self._fields = {
            "noun": _look_up(nouns, leaf * width + invention.noun[rows]),
            "colour": self._say(COLOURS, colour),
            "brand": self._say(BRANDS, brand),
            "trait": self._say(tuple(TRAITS.values()), trait),
            "pattern": self._say(PATTERNS, np.where(pattern == PLAIN, NONE, pattern)),
            "adjective": self._say(ADJECTIVES, invention.adjective[rows]),
            "series": _look_up(list(SERIES), invention.series[rows]),
            "size": _look_up(*_sizes(invention, rows, language)),
        }

    def titles(self) -> pa.Array:
        return _capitalised(self._compose(TITLES))

    def descriptions(self) -> pa.Array:
        uses = [word for one in DEPARTMENTS for word in one.uses]
        per_department = len(DEPARTMENTS[0].uses)
        use = self._department * per_department + self._rng.integers(0, per_department, len(self._department))
        sentences = (self._compose(OPENINGS), self._say(tuple(uses), use), self._compose(CLOSINGS))
        gap = " " if self._language == 0 else ""
        return pc.binary_join_element_wise(*(_capitalised(text) for text in sentences), gap)

    def _say(self, words: tuple[Word, ...], codes: npt.NDArray[np.integer]) -> pa.Array:
        return _look_up([word[self._language] for word in words], codes)

    def _compose(self, templates: tuple[Word, ...]) -> pa.Array:
        """One of the templates for each item, its fields filled in; an absent field leaves no gap."""
        n = len(self._department)
        choice = self._rng.integers(0, len(templates), n)
        parts, places = [], []
        for code, template in enumerate(templates):
            mine = np.flatnonzero(choice == code)
            parts.append(self._fill(template[self._language], pa.array(mine)))
            places.append(mine)
        back = np.argsort(np.concatenate(places))
        return pa.concat_arrays(parts).take(pa.array(back))

    def _fill(self, template: str, rows: pa.Array) -> pa.Array:
        pieces = re.split(r"\{(\w+)\}", template)  # literal, field, literal, field, …, literal
        columns = [
            pc.fill_null(self._fields[piece].take(rows), "")
            if place % 2
            else pa.array([piece] * len(rows), pa.string())
            for place, piece in enumerate(pieces)
        ]
        text = pc.binary_join_element_wise(*columns, "")
        return pc.utf8_trim_whitespace(
            pc.replace_substring_regex(pc.replace_substring_regex(text, " +", " "), r" ([.,])", r"\1")
        )


def _capitalised(text: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(
        pc.utf8_upper(pc.utf8_slice_codeunits(text, 0, 1)), pc.utf8_slice_codeunits(text, 1), ""
    )


def _look_up(values: list[str], codes: npt.NDArray[np.integer]) -> pa.Array:
    """string [n]: values[code], null where the code is negative."""
    return pa.array(values, pa.string()).take(pa.array(np.maximum(codes, 0), mask=codes < 0))


def _sizes(
    invention: Invention, rows: npt.NDArray[np.int64], language: int
) -> tuple[list[str], npt.NDArray[np.integer]]:
    """The names of all sizes of all leaves, and each item's code into them."""
    starts = np.cumsum([0, *(len(one.sizes) for one in invention.leaves)])
    names = [SIZES.get(name, Word(name, name))[language] for one in invention.leaves for name in one.sizes] or [""]
    size = invention.size[rows]
    return names, np.where(size < 0, NONE, starts[invention.assortment.leaf[rows]] + size)


def _pictures(invention: Invention, rows: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    """Each distinct picture is drawn once."""
    shop = invention.assortment
    pattern = np.maximum(shop.facets[3, rows], PLAIN)
    keys = np.stack([shop.leaf[rows], invention.tint[rows], pattern])
    distinct, codes = np.unique(keys, axis=1, return_inverse=True)
    pictures = [draw(invention.leaves[leaf].shape, tint, kind) for leaf, tint, kind in distinct.T.tolist()]
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(pictures, pa.binary()))


def _leaf_shares(n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    weights = rng.lognormal(0.0, 0.5, n)
    return np.asarray(weights / weights.sum())


def _falling(n: int) -> npt.NDArray[np.float64]:
    weights = 1.0 / np.sqrt(np.arange(1, n + 1))
    return np.asarray(weights / weights.sum())


def _brands(department: Ints, rng: np.random.Generator) -> Ints:
    """Every brand is at home in one department."""
    count = len(BRANDS) // len(DEPARTMENTS)
    return (rng.choice(count, len(department), p=_falling(count)) * len(DEPARTMENTS) + department).astype(np.int32)


def _pick(leaf: Ints, options: list[list[int]], rng: np.random.Generator) -> Ints:
    """For each item one of the options of its leaf."""
    starts = np.cumsum([0, *map(len, options)])
    flat = np.array([option for choices in options for option in choices], np.int32)
    picked: Ints = flat[starts[leaf] + (np.diff(starts)[leaf] * rng.random(len(leaf))).astype(np.int64)]
    return picked


def _prices(leaf: Ints, brand: Ints, leaves: tuple[Leaf, ...], rng: np.random.Generator) -> Floats:
    """Log-normal around the leaf's median, dearer or cheaper by brand, ending in 9."""
    tier = rng.normal(0.0, 0.3, len(BRANDS))[brand]
    median = np.array([one.price for one in leaves])[leaf]
    price = median * np.exp(tier + rng.normal(0.0, 0.35, len(leaf)))
    ending: Floats = (np.floor(price * 10) / 10 + 0.09).astype(np.float32)
    return ending


def _quality_and_fame(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Standard normal both; what is good is a little better known."""
    quality = rng.standard_normal(n, np.float32)
    fame = 0.6 * quality + 0.8 * rng.standard_normal(n, np.float32)
    return quality, fame.astype(np.float32)


def _return_shares(usual: npt.NDArray[np.float64], quality: Floats, rng: np.random.Generator) -> Floats:
    share = usual * np.exp(-0.3 * quality + rng.normal(0.0, 0.3, len(usual)))
    return np.clip(share, 0.0, 0.8).astype(np.float32)
