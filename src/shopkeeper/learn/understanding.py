"""Catalogue and clicks → what reads queries: as it was known at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.engine.context import FittedSource
from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.text_match import TermFields
from shopkeeper.engine.understanding import CATEGORY, LABEL, LabelWords, Refined, Understanding
from shopkeeper.engine.understanding.calibration import calibrate
from shopkeeper.engine.wording import stemmer
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Language
from shopkeeper.vocabulary import Rows, Scores

MAX_SEARCHES = 200_000  # the newest that led to something
HELD_BACK = 0.2  # of these, the newest: what confidences are calibrated on
MAX_CLICKS = 200  # of a query that count
MAX_QUERIES = 20_000  # distinct ones

Clicks = Mapping[str, Rows]  # by query, the rows of the items that people took an interest in after it


class Understander:
    """Makes what reads queries, as of a moment; what the catalogue alone tells is mined once."""

    def __init__(self, catalogue: Catalogue, searches: pa.Table, languages: tuple[Language, ...] = ("en",)) -> None:
        """searches: of schema SEARCHES; languages: whose endings are taken off words."""
        self._catalogue, self._searches, self._languages = catalogue, searches, languages
        self._values: LabelWords | None = None

    def as_of(self, now: float, sources: Iterable[FittedSource]) -> Understanding | None:
        """From searches before `now` alone; None where no source finds items by words."""
        text = next((source for source in sources if isinstance(source, LexicalSource)), None)
        if text is None:
            return None
        if self._values is None:
            self._values = LabelWords.mine(self._catalogue, text.terms, stemmer(self._languages))
        taught, held = clicks_before(now, self._searches, self._catalogue)
        return learn(self._catalogue, text.terms, self._values, taught, held, self._languages)


def learn(
    catalogue: Catalogue,
    terms: TermFields,
    values: LabelWords,
    taught: Clicks,
    held: Clicks,
    languages: tuple[Language, ...],
) -> Understanding:
    """From clicks: `taught` say what words mean, `held` how far that can be trusted."""
    plain = Understanding.mine(catalogue, terms, taught, values, languages)
    counted = plain.knowing(plain.knowledge, _counted(plain, catalogue, taught))
    sure = {kind: calibrate(*outcomes(counted, catalogue, held, kind)) for kind in (LABEL, CATEGORY)}
    return counted.knowing(msgspec.structs.replace(counted.knowledge, labels=sure[LABEL], categories=sure[CATEGORY]))


def _counted(understanding: Understanding, catalogue: Catalogue, clicks: Clicks) -> LabelWords:
    """The dictionary with what clicks say of the phrases in their queries: each query counts once for each of its
    clicks."""
    values = understanding.values
    hits, trials = (np.zeros(len(values.codes), np.float32) for _ in range(2))
    for query, rows in clicks.items():
        units = understanding.units(query)
        taken = np.zeros(len(units), np.bool_)
        codes = catalogue.labels.gather(rows).codes if len(units) else rows[:0]
        for begin, end, phrase in values.spans(units):
            if not taken[begin:end].any():
                taken[begin:end] = True
                entries = values.entries(phrase)
                trials[entries] += len(rows)
                hits[entries] += [np.count_nonzero(codes == code) for code in values.codes[entries]]
    return values.counting(hits, trials)


def refined(understanding: Understanding, said: Mapping[str, Refined]) -> Understanding:
    """With what a language model read, by folded query."""
    return understanding.knowing(msgspec.structs.replace(understanding.knowledge, refined=dict(said)))


def clicks_before(now: float, searches: pa.Table, catalogue: Catalogue) -> tuple[Clicks, Clicks]:
    """What people clicked, carted or bought after the searches before `now` (seconds): of the older ones, and of the
    HELD_BACK newest. Searches without a time are left out: nobody knows what they knew."""
    micros = pc.cast(searches.column("time"), pa.int64())
    before = pc.fill_null(pc.less(micros, int(min(now, 4e9) * 1e6)), fill_value=False)
    known = searches.filter(before).select(["query", "clicked", "carted", "bought"])
    known = known.slice(max(0, len(known) - MAX_SEARCHES)).to_pylist()
    split = round(len(known) * (1 - HELD_BACK))
    return _gathered(known[:split], catalogue), _gathered(known[split:], catalogue)


def outcomes(understanding: Understanding, catalogue: Catalogue, clicks: Clicks, kind: str) -> tuple[Scores, Scores]:
    """Of each reading of a kind in the queries: how sure it is, and the share of the clicked items that agree with it;
    float32 [n] both."""
    sure, right = list[float](), list[float]()
    for query, rows in clicks.items():
        for reading in understanding.read(query):
            if reading.kind == kind:
                having = catalogue.labels.rows_with(reading.field, reading.value)
                sure.append(reading.confidence)
                right.append(float(np.isin(rows, having).mean()))
    return np.array(sure, np.float32), np.array(right, np.float32)


def _gathered(searches: Sequence[dict[str, list[str] | str]], catalogue: Catalogue) -> Clicks:
    found: dict[str, list[str]] = defaultdict(list)
    for search in searches:
        found[str(search["query"])].extend({*search["clicked"], *search["carted"], *search["bought"]})
    frequent = sorted(found, key=lambda query: (-len(found[query]), query))[:MAX_QUERIES]
    gathered = {}
    for query in frequent:
        rows = catalogue.ids.rows(found[query][-MAX_CLICKS:])
        if (rows >= 0).any():
            gathered[query] = rows[rows >= 0]
    return gathered
