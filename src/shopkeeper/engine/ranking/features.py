"""What the ranker sees of each candidate. The one function that makes features, for training and for serving.

Everything is as of the context: what its person did before `now`, and statistics of the moment the release was made.
NaN means "not known" or "not said", and trees split on it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.engine.interest import DAY, interest_of
from shopkeeper.engine.ranking.fusion import RANK_OFFSET, Pool
from shopkeeper.engine.ranking.statistics import WINDOWS, Statistics
from shopkeeper.release.catalogue import Catalogue, Labels
from shopkeeper.release.fields import Gathered, LabelMap
from shopkeeper.vocabulary import EventType, Rows, Scores, Seconds

Columns = dict[str, npt.NDArray[np.float32] | float]

HABIT_EVENTS = 200  # of a history, the newest, that make a habit
HABIT_HALF_LIFE = 20.0  # events after which an event counts half in a habit
DEVICES = ("desktop", "mobile", "tablet", "app")
DEVICE_WORDS = {
    **dict.fromkeys(("pc", "computer", "laptop", "web", "电脑"), "desktop"),
    **dict.fromkeys(("phone", "smartphone", "cellphone", "mobile phone", "mobile web", "手机"), "mobile"),
    **dict.fromkeys(("pad", "ipad", "平板"), "tablet"),
    **dict.fromkeys(("mobile app", "mobile_app", "native", "android", "ios"), "app"),
}
AFFINITIES = ("category", "brand")

ITEM_FEATURES = (
    "interest",
    *(f"interest_{window}" for window in WINDOWS),
    "purchases",
    "conversion",
    "age_days",
    "price",
    "price_level",
)
PERSON_FEATURES = (
    "history_price",
    *(f"history_{label}" for label in AFFINITIES),
    *(f"session_{label}" for label in AFFINITIES),
    "history_attributes",  # how much of the history shares the row's other labels: colour, size, material
    "seen_times",
    "bought_times",
    "seen_events_ago",
    "seen_hours_ago",
    "history_events",
    "session_events",
)
ANCHOR_FEATURES = ("anchor_price", *(f"anchor_{label}" for label in AFFINITIES))
MOMENT_FEATURES = ("hour", "weekday", "device")


@lru_cache(maxsize=64)
def feature_names(sources: tuple[str, ...], match: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The columns of `features`, in order, of a surface with these sources and text match features."""
    proposed = tuple(f"{source}.{what}" for source in sources for what in ("score", "reciprocal_rank"))
    return (*proposed, *match, *ITEM_FEATURES, *PERSON_FEATURES, *ANCHOR_FEATURES, *MOMENT_FEATURES)


def features(
    context: Context,
    pool: Pool,
    catalogue: Catalogue,
    statistics: Statistics,
    match: Scores | None = None,
    match_names: tuple[str, ...] = (),
) -> Scores:
    """float32 [n, F] of the pool's n rows, F = len(feature_names(pool.sources, match_names)).

    match: float32 [n, m] text match features of the rows, where the surface has a source that makes them.
    """
    rows = pool.rows
    columns: Columns = {}
    for at, source in enumerate(pool.sources):
        columns[f"{source}.score"] = pool.scores[:, at]
        columns[f"{source}.reciprocal_rank"] = 1.0 / (RANK_OFFSET + pool.ranks[:, at])
    columns |= _item(context, rows, catalogue, statistics)
    columns |= _person(context, rows, catalogue, statistics)
    columns |= _affinities(context, rows, catalogue)
    columns |= _moment(context)
    names = feature_names(pool.sources, match_names)
    matrix = np.full((len(rows), len(names)), np.nan, dtype=np.float32)
    asked = 2 * len(pool.sources)
    if match is not None:
        matrix[:, asked : asked + len(match_names)] = match
    for at in (*range(asked), *range(asked + len(match_names), len(names))):
        matrix[:, at] = columns[names[at]]
    return matrix


def _item(context: Context, rows: Rows, catalogue: Catalogue, statistics: Statistics) -> Columns:
    windows = np.log1p(statistics.windows[rows])
    return {
        "interest": np.log1p(statistics.interest[rows]),
        **{f"interest_{window}": windows[:, at] for at, window in enumerate(WINDOWS)},
        "purchases": np.log1p(statistics.purchases[rows]),
        "conversion": statistics.conversion[rows],
        "age_days": np.log1p(_ages(statistics.since[rows], context, statistics) / DAY).astype(np.float32),
        "price": np.log1p(catalogue.prices[rows]),
        "price_level": statistics.price_level[rows],
    }


def _person(context: Context, rows: Rows, catalogue: Catalogue, statistics: Statistics) -> Columns:
    return {
        "history_price": price_gap(catalogue, *_habit(context), rows),
        "anchor_price": price_gap(catalogue, context.anchors, _evenly(context.anchors), rows),
        **_encounters(context, rows, statistics),
        "history_events": float(np.log1p(len(context.history))),
        "session_events": float(np.log1p(len(context.session))),
    }


def _ages(since: Seconds, context: Context, statistics: Statistics) -> Seconds:
    """Seconds between `since` and the context, none longer than any that could be learned from: when a shop's newest
    data is old, trees would meet ages that they never saw."""
    first, last = statistics.span
    return np.clip(context.now - since, 0.0, last - first)


def _habit(context: Context) -> tuple[Rows, Scores]:
    """The items of the person's last events, int32 [h], and how much each counts, float32 [h]."""
    history, codes = context.history[-HABIT_EVENTS:], context.history_codes[-HABIT_EVENTS:]
    ago = np.arange(len(history), 0, -1, dtype=np.float32)  # 1 is the last event
    return history, interest_of(codes) * np.exp2(-ago / HABIT_HALF_LIFE)


def _evenly(rows: Rows) -> Scores:
    return np.ones(len(rows), dtype=np.float32)


def _encounters(context: Context, rows: Rows, statistics: Statistics) -> Columns:
    """How often, and when last, the person met each of `rows` (ascending)."""
    n = len(rows)
    at = np.searchsorted(rows, context.history)
    met = np.flatnonzero(rows[np.minimum(at, n - 1)] == context.history) if n else np.empty(0, np.int64)
    at, codes = at[met], context.history_codes[met]
    last = np.full(n, -1)
    np.maximum.at(last, at, met)
    ever = last >= 0
    ago = np.where(ever, len(context.history) - last, np.nan)
    hours = np.full(n, np.nan)
    hours[ever] = _ages(context.history_times[last[ever]], context, statistics) / 3600.0
    return {
        "seen_times": np.bincount(at, minlength=n).astype(np.float32),
        "bought_times": np.bincount(at[codes == EventType.PURCHASE.code], minlength=n).astype(np.float32),
        "seen_events_ago": np.log1p(ago).astype(np.float32),
        "seen_hours_ago": np.log1p(hours).astype(np.float32),
    }


def _affinities(context: Context, rows: Rows, catalogue: Catalogue) -> Columns:
    """How much of each taste (of the history, the session, the anchors) shares the labels of each row."""
    tastes = {
        "history": _habit(context),
        "session": (context.session, _evenly(context.session)),
        "anchor": (context.anchors, _evenly(context.anchors)),
    }
    columns: Columns = {}
    for name in AFFINITIES:
        labels = catalogue.labels.get(name)
        if labels is None:
            columns |= {f"{taste}_{name}": np.nan for taste in tastes}
            continue
        own = labels.of(rows)
        for taste, (liked, weights) in tastes.items():
            columns[f"{taste}_{name}"] = affinity(labels, own, liked, weights, len(rows))
    columns["history_attributes"] = _attributes(catalogue.labels, rows, *tastes["history"])
    return columns


def _attributes(labels: LabelMap, rows: Rows, liked: Rows, weights: Scores) -> Scores | float:
    """float32 [n]: of the weight of `liked` that says anything in a field, how much says the same as the row, averaged
    over the row's fields but AFFINITIES; NaN where nothing is liked or the row has no such label."""
    if not len(rows) or weights.sum() <= 0.0:
        return np.nan
    owners, codes = labels.gather(liked)
    said, at = np.unique(codes, return_inverse=True)
    fields = labels.field_of(said)
    profile = np.bincount(at, weights[owners], minlength=len(said))
    totals = np.bincount(fields, profile, minlength=len(labels))
    totals[[labels.position(name) for name in AFFINITIES if name in labels]] = 0.0
    own = labels.gather(rows)
    own_fields = labels.field_of(own.codes)
    told = totals[own_fields] > 0.0  # of fields that the history speaks of
    if not told.any():
        return np.nan
    owners, codes = own.owners[told], own.codes[told]
    place = np.minimum(np.searchsorted(said, codes), len(said) - 1)
    shares = np.where(said[place] == codes, profile[place], 0.0) / totals[own_fields[told]]
    counts = np.bincount(owners, minlength=len(rows))
    sums = np.bincount(owners, shares, minlength=len(rows))
    mean: Scores = np.full(len(rows), np.nan, np.float32)
    return np.divide(sums, counts, out=mean, where=counts > 0, casting="same_kind")


def _moment(context: Context) -> Columns:
    known = not (len(context.history_times) and np.isnan(context.history_times[-1]))  # else: a shop without a clock
    moment = datetime.fromtimestamp(context.now, UTC)
    return {
        "hour": float(moment.hour) if known else np.nan,
        "weekday": float(moment.weekday()) if known else np.nan,
        "device": device_number(context.request.device),
    }


def device_number(name: str | None) -> float:
    """The place in DEVICES of what a shop calls a device, in any case; NaN where it is not known."""
    word = (name or "").strip().lower()
    word = DEVICE_WORDS.get(word, word)
    return float(DEVICES.index(word)) if word in DEVICES else np.nan


def affinity(labels: Labels, own: Gathered, liked: Rows, weights: Scores, n: int) -> Scores | float:
    """float32 [n]: how much of the weight of `liked` shares the label(s) of each row, from 0 to 1, averaged over the
    row's labels (`own`); NaN where nothing is liked or the row has no such label."""
    total = float(weights.sum())
    if total <= 0.0 or not n:
        return np.nan
    owners, codes = labels.of(liked)
    profile = np.bincount(codes, weights[owners], minlength=len(labels.values)) / total
    counts = np.bincount(own.owners, minlength=n)
    shared = np.bincount(own.owners, profile[own.codes], minlength=n)
    mean: Scores = np.full(n, np.nan, dtype=np.float32)
    return np.divide(shared, counts, out=mean, where=counts > 0, casting="same_kind")


def price_gap(catalogue: Catalogue, liked: Rows, weights: Scores, rows: Rows) -> Scores | float:
    """float32 [n]: log(price of the row) minus the mean log price of what is liked; NaN where either is unknown."""
    prices = np.log1p(catalogue.prices[liked])
    known = np.isfinite(prices) & (weights > 0)
    if not known.any():
        return np.nan
    habit = float(np.average(prices[known], weights=weights[known]))
    return np.asarray(np.log1p(catalogue.prices[rows]) - habit, dtype=np.float32)
