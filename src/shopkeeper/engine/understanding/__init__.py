"""What a query asks for besides words: labels of the catalogue, prices, measures, an order, one item.

Labels are read by a dictionary mined from the catalogue, in which the longest phrase wins; how sure a reading is
follows from the share of the items holding the phrase that have the value, from the other words of the query (which
category they speak of), and from what people clicked after such queries. The category of a query as a whole is read by
naive Bayes over its words. Both are calibrated on clicks that were held back (Platt 1999).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar
from weakref import WeakMethod

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.engine.conditions import Compares, Condition, Every, Is
from shopkeeper.engine.measures import FIELD_WORDS, UNIT_OF, Measure, measures_in
from shopkeeper.engine.text import MAX_QUERY_CHARACTERS, MAX_QUERY_WORDS, STOPWORDS, plain_text
from shopkeeper.engine.text_match import TermFields, term_hash
from shopkeeper.engine.understanding.amounts import orders_in, prices_in
from shopkeeper.engine.understanding.calibration import PLAIN, Calibration
from shopkeeper.engine.understanding.spans import Folded, Unit, folded, units_of
from shopkeeper.engine.understanding.values import LabelWords
from shopkeeper.engine.understanding.words import Gains, WordCategories, together
from shopkeeper.engine.wording import stemmer
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Language
from shopkeeper.vocabulary import Rows

Asked = ParamSpec("Asked")
Told = TypeVar("Told")
ReadAs = tuple[tuple[str, str], ...]

LABEL, PRICE, MEASURE, ORDER, ITEM, CATEGORY = "label", "price", "measure", "order", "item", "category"
ORDER_FIELD = "sort"  # of the readings that ask for an order
NEAR = 0.03  # by which a measure may differ from what was asked
_REMEMBERED = 4096  # queries of late
_PLAIN_ID = 0.5  # how likely a bare number is meant as the id that it also is
_MEASURED = 0.7


class Reading(NamedTuple):
    """That query[start:end] (start == end: the query as a whole) asks for `value` of `field`, which is what `filter`
    says in the filter language; of an order, `value` is the sort. entry: of the dictionary, -1 of none."""

    kind: str
    field: str
    value: str
    start: int
    end: int
    confidence: float
    filter: str = ""
    entry: int = -1

    @property
    def id(self) -> str:
        return self.filter or f"sort = {self.value}"


class Refined(msgspec.Struct, frozen=True):
    """What a language model read in one query: values of the catalogue by field."""

    labels: dict[str, str] = {}


class Knowledge(msgspec.Struct, frozen=True):
    """What is kept beside the arrays. languages: whose endings are off the words in them; measured: the numeric field
    of each unit; refined: by folded query."""

    languages: tuple[Language, ...] = ("en",)
    labels: Calibration = PLAIN
    categories: Calibration = PLAIN
    measured: dict[str, str] = {}
    refined: dict[str, Refined] = {}


class Understanding:
    """Reads the queries of one release. Every method takes a query in any language and of any shape, and never raises;
    any number of threads may ask."""

    def __init__(
        self, catalogue: Catalogue, values: LabelWords, words: WordCategories, knowledge: Knowledge | None = None
    ) -> None:
        """catalogue: the released one, of which `values` and `words` tell."""
        self.values, self.words = values, words
        self.knowledge = knowledge or Knowledge()
        self._catalogue, self._stem = catalogue, stemmer(self.knowledge.languages)
        self._read = lru_cache(maxsize=_REMEMBERED)(_weakly(self.read))
        self._meaning = lru_cache(maxsize=_REMEMBERED)(_weakly(self._looked_up))

    @classmethod
    def mine(
        cls,
        catalogue: Catalogue,
        terms: TermFields,
        clicks: Mapping[str, Rows] = {},
        values: LabelWords | None = None,
        languages: tuple[Language, ...] = ("en",),
    ) -> Understanding:
        """From a catalogue and the words of its items, and the rows of the items that were clicked after each query.
        values: of this catalogue, where they are mined already; languages: of `terms`."""
        labels = catalogue.labels.get("category")
        narrowest, stem = catalogue.narrowest_categories(), stemmer(languages)
        clicked = _clicked(clicks, narrowest, stem)
        words = WordCategories.learn(terms, narrowest, len(labels.values) if labels else 0, *clicked)
        values = LabelWords.mine(catalogue, terms, stem) if values is None else values
        return cls(catalogue, values, words, Knowledge(languages, measured=_measured(catalogue)))

    def knowing(self, knowledge: Knowledge, values: LabelWords | None = None) -> Understanding:
        """The same with other knowledge (and another dictionary)."""
        return Understanding(self._catalogue, values or self.values, self.words, knowledge)

    def units(self, query: str) -> list[Unit]:
        """At most MAX_QUERY_WORDS, in order."""
        return units_of(folded(query[:MAX_QUERY_CHARACTERS]).text, self._stem)[:MAX_QUERY_WORDS]

    def reading(self, query: str, read_as: ReadAs = ()) -> tuple[Reading, ...]:
        """What the query asks for, as `read`; the last queries are remembered."""
        return self._read(query, read_as)

    def read(self, query: str, read_as: ReadAs = ()) -> tuple[Reading, ...]:
        """In the order of the query, the whole of it last; what is said in words does not overlap. What is quoted or
        excluded says nothing here. read_as: words of the query, folded, that are misspelt, each with what is meant."""
        query = plain_text(query[:MAX_QUERY_CHARACTERS])
        text = folded(query[:MAX_QUERY_CHARACTERS])
        taken = bytearray(len(text.text))
        found = list(_free((*self._item(query, text), *self._amounts(text)), taken))
        units = units_of(text.text, self._stem, dict(read_as))[:MAX_QUERY_WORDS]
        units = [unit for unit in units if not taken[unit.start]]
        gains = self._gains(units)
        found += _free((*self._labels(units, gains), *_orders(text)), taken)
        found.sort(key=lambda reading: reading.start)
        whole = self._whole(text.text, units, gains, found)
        return (*(_placed(reading, text) for reading in found), *whole)

    def _item(self, query: str, text: Folded) -> Iterator[Reading]:
        id_ = query[:MAX_QUERY_CHARACTERS].strip()
        if id_ and self._catalogue.ids.row(id_) >= 0:
            begin = len(text.text) - len(text.text.lstrip())
            confidence = _PLAIN_ID if id_.isdigit() and len(id_) < 5 else 1.0
            yield Reading(ITEM, "id", id_, begin, len(text.text.rstrip()), confidence, str(Is("id", (id_,))))

    def _amounts(self, text: Folded) -> Iterator[Reading]:
        if "price" in self._catalogue.numbers:
            for price in prices_in(text.text):
                signs = ("<" if price.strict else "<=", ">" if price.strict else ">=")
                bounds: list[Condition] = []
                if price.low is not None:
                    bounds.append(Compares("price", signs[1], f"{price.low:g}"))
                if price.high is not None:
                    bounds.append(Compares("price", signs[0], f"{price.high:g}"))
                said = str(bounds[0] if len(bounds) == 1 else Every(tuple(bounds)))
                value = said.removeprefix("price ").replace("price ", "")
                yield Reading(PRICE, "price", value, price.start, price.end, price.confidence, said)
        for measure in measures_in(text.text):
            if name := self.knowledge.measured.get(measure.unit):
                yield _measure_reading(name, measure)

    def _labels(self, units: Sequence[Unit], gains: Sequence[Gains]) -> Iterator[Reading]:
        for begin, end, phrase in self.values.spans(units):
            own = {unit.text for unit in units[begin:end]}
            others = together(gain for unit, gain in zip(units, gains, strict=True) if unit.text not in own)
            shares = self.values.beside(phrase, others)
            best = max(range(len(shares)), key=shares.__getitem__)
            entry = self.values.entries(phrase).start + best
            field, value, said = self._meaning(entry)
            confidence = self.knowledge.labels(shares[best])
            yield Reading(LABEL, field, value, units[begin].start, units[end - 1].end, confidence, said, entry)

    def _looked_up(self, entry: int) -> tuple[str, str, str]:
        """The field and the value of an entry of the dictionary, and the filter that says so."""
        labels = self._catalogue.labels
        field = labels.names[int(self.values.fields[entry])]
        (value,) = labels.texts_of(self.values.codes[entry : entry + 1])
        return field, value, str(Is(field, (value,)))

    def _gains(self, units: Sequence[Unit]) -> list[Gains]:
        """What each unit says of categories; a word that comes twice, once."""
        terms = list(dict.fromkeys(unit.text for unit in units if unit.text not in STOPWORDS))
        said = dict(zip(terms, self.words.gains(terms), strict=True))
        return [said.pop(unit.text, {}) for unit in units]

    def _whole(
        self, text: str, units: Sequence[Unit], gains: Sequence[Gains], found: Sequence[Reading]
    ) -> Iterator[Reading]:
        """The category that the words speak of, where none is named; and what a language model found."""
        named = {reading.field for reading in found}
        for field, value in self.knowledge.refined.get(" ".join(text.split()), Refined()).labels.items():
            if field not in named:
                named.add(field)
                yield Reading(CATEGORY, field, value, 0, 0, _MEASURED, str(Is(field, (value,))))
        if named & {"category", "id"} or "category" not in self._catalogue.labels:
            return
        spoken = list(zip(units, gains, strict=True))
        for order in (each for each in found if each.kind == ORDER):
            spoken = [(unit, gain) for unit, gain in spoken if not order.start <= unit.start < order.end]
        code, confidence = self.words.likeliest(together(gain for _, gain in spoken))
        if code >= 0:
            labels = self._catalogue.labels["category"]
            value = labels.values[code]
            confidence = self.knowledge.categories(confidence)
            yield Reading(CATEGORY, "category", value, 0, 0, confidence, str(Is("category", (value,))))

    def save(self, directory: Path) -> None:
        self.values.save(directory / "values")
        self.words.save(directory / "words")
        (directory / "knowledge.json").write_bytes(msgspec.json.format(msgspec.json.encode(self.knowledge)))

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Understanding:
        knowledge = msgspec.json.decode((directory / "knowledge.json").read_bytes(), type=Knowledge)
        values, words = LabelWords.load(directory / "values"), WordCategories.load(directory / "words")
        return cls(catalogue, values, words, knowledge)


def _weakly(method: Callable[Asked, Told]) -> Callable[Asked, Told]:
    """A method that does not keep its object: what a swap leaves behind must go at once, not when cycles are next
    looked for."""
    kept = WeakMethod(method)

    def call(*asked: Asked.args, **named: Asked.kwargs) -> Told:
        bound = kept()
        assert bound is not None
        return bound(*asked, **named)

    return call


def _clicked(
    clicks: Mapping[str, Rows], narrowest: Rows, stem: Callable[[str], str]
) -> tuple[npt.NDArray[np.uint32], Rows]:
    """Each term of each query, uint32 [k], beside the category of each item that was clicked, int32 [k]."""
    terms, categories = [np.empty(0, np.uint32)], [np.empty(0, np.int32)]
    for query, rows in clicks.items():
        words = {unit.text for unit in units_of(folded(query).text, stem)} - STOPWORDS
        hashes, seen = np.array([*map(term_hash, sorted(words))], np.uint32), narrowest[rows]
        seen = seen[seen >= 0]
        terms.append(np.repeat(hashes, len(seen)))
        categories.append(np.tile(seen, len(hashes)))
    return np.concatenate(terms), np.concatenate(categories)


def _free(readings: Iterable[Reading], taken: bytearray) -> Iterator[Reading]:
    """Those whose place no earlier one has taken, which they take."""
    for reading in readings:
        if reading.end > reading.start and not any(taken[reading.start : reading.end]):
            taken[reading.start : reading.end] = b"\x01" * (reading.end - reading.start)
            yield reading


def _placed(reading: Reading, text: Folded) -> Reading:
    """With its place in the query in that of its place in the folded text."""
    start, end = text.span(reading.start, reading.end)
    return reading._replace(start=start, end=end)


def _measure_reading(field: str, measure: Measure) -> Reading:
    low, high = measure.amount * (1 - NEAR), measure.amount * (1 + NEAR)
    said = str(Every((Compares(field, ">=", f"{low:g}"), Compares(field, "<=", f"{high:g}"))))
    value = f"{measure.amount:g} {measure.unit}"
    return Reading(MEASURE, field, value, measure.start, measure.end, _MEASURED, said)


def _orders(text: Folded) -> Iterator[Reading]:
    for order in orders_in(text.text):
        yield Reading(ORDER, ORDER_FIELD, order.sort, order.start, order.end, order.confidence)


def _measured(catalogue: Catalogue) -> dict[str, str]:
    """The numeric field that each unit measures: of those whose name ends in the unit ("built_in_speakers" is not in
    inches), or else speaks of what is measured in it, the one that most items have."""
    fields = [name for name in catalogue.numbers if name not in ("price", "launched", "stock")]
    known = {name: int(np.count_nonzero(~np.isnan(catalogue.numbers[name]))) for name in fields}
    found: dict[str, str] = {}
    for unit in dict.fromkeys(UNIT_OF.values()):
        names = {name for name, own in UNIT_OF.items() if own == unit}
        speaking = [name for name in fields if _speaks(_words(name)[-1:], name, names)]
        if not speaking:
            others = UNIT_OF.keys() - names
            speaking = [
                name
                for name in fields
                if _speaks(_words(name), name, FIELD_WORDS.get(unit, ())) and others.isdisjoint(_words(name))
            ]
        if speaking:
            found[unit] = max(speaking, key=lambda name: known[name])
    return found


def _words(name: str) -> list[str]:
    return [unit.text for unit in units_of(folded(name).text, lambda word: word)]


def _speaks(own: Sequence[str], name: str, words: Iterable[str]) -> bool:
    """Whether one of the words is among its `own`, or, in a script without spaces, in the name."""
    text = folded(name).text
    return any(word in own or (not word.isascii() and word in text) for word in words)


__all__ = ["Knowledge", "LabelWords", "Reading", "Refined", "Understanding", "WordCategories"]
