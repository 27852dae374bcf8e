"""How good ranked answers are: metrics over many requests at once, each with a bootstrap interval.

The accuracy metrics are functions of one signature, `(gains, ideal) -> float64 [requests]`:

gains float32 [requests, k]: the gain of the item at each rank, 0 where it is not wanted;
ideal float32 [requests, m]: the gains of all that is wanted, descending, padded with 0. A request that wants nothing
scores 0 by every metric; leave it out beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.vocabulary import UNKNOWN_ROW, Scores

Values = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.int32]  # item rows by rank, [requests, k], padded with UNKNOWN_ROW
Metric = Callable[[Scores, Scores], Values]

RESAMPLES = 1000


def hit_rate(gains: Scores, _: Scores) -> Values:
    """1 when anything wanted is among the k."""
    return np.asarray((gains > 0).any(axis=1), np.float64)


def ndcg(gains: Scores, ideal: Scores) -> Values:
    """Discounted gain over that of the ideal order; the gain as given (Järvelin & Kekäläinen 2002)."""
    k = gains.shape[1]
    return _over(gains @ _discounts(k), ideal[:, :k] @ _discounts(min(k, ideal.shape[1])))


def mrr(gains: Scores, _: Scores) -> Values:
    """1 / rank of the first wanted item, 0 when it is not among the k."""
    wanted = gains > 0
    return _over(wanted.any(axis=1), wanted.argmax(axis=1) + 1)


def average_precision(gains: Scores, ideal: Scores) -> Values:
    """Mean over the wanted items (at most k of them) of the precision at each one's rank."""
    wanted, k = gains > 0, gains.shape[1]
    precisions = np.cumsum(wanted, axis=1) / np.arange(1, k + 1)
    return _over((precisions * wanted).sum(axis=1), np.minimum(_count(ideal), k))


def precision(gains: Scores, _: Scores) -> Values:
    """The share of the k that is wanted; ranks left empty count as misses."""
    return _over(_count(gains), np.full(len(gains), gains.shape[1]))


def recall(gains: Scores, ideal: Scores) -> Values:
    """The share of what is wanted that is among the k."""
    return _over(_count(gains), _count(ideal))


ACCURACY: dict[str, Metric] = {
    "hr": hit_rate,
    "ndcg": ndcg,
    "mrr": mrr,
    "map": average_precision,
    "precision": precision,
    "recall": recall,
}


def diversity(rows: Ranks, groups: Ranks) -> Values:
    """The share of pairs within a list that are of different groups. groups int32 [n_items], such as categories, -1 for
    none, which differs from everything. A list of fewer than two items scores 0."""
    group = np.where(rows == UNKNOWN_ROW, UNKNOWN_ROW, _take(groups, rows))
    shown, known = rows != UNKNOWN_ROW, np.sort(group, axis=1)
    same, run = np.zeros(len(rows)), np.zeros(len(rows))
    for rank in range(1, rows.shape[1]):  # in a sorted list, each item equals the `run` items just before it
        run = (run + 1) * ((known[:, rank] == known[:, rank - 1]) & (known[:, rank] != UNKNOWN_ROW))
        same += run
    pairs = _count(shown) * (_count(shown) - 1) / 2
    return _over(pairs - same, pairs)


def novelty(rows: Ranks, shares: Values) -> Values:
    """Mean self-information in bits of what is shown, -log2 of each item's share of the events (Zhou et al. 2010).
    shares float64 [n_items], each above 0."""
    shown = rows != UNKNOWN_ROW
    return _over((-np.log2(_take(shares, rows)) * shown).sum(axis=1), _count(shown))


def coverage(rows: Ranks, n_items: int) -> float:
    """The share of the catalogue that was shown to anybody."""
    return len(np.unique(rows[rows != UNKNOWN_ROW])) / max(n_items, 1)


def gains_at(rows: Ranks, wanted: Sequence[Ranks], gains: Sequence[Scores]) -> tuple[Scores, Scores]:
    """What the accuracy metrics read: (gains [requests, k], ideal [requests, m]), from what each request wants.

    wanted, gains: for each request the rows wanted (unique) and the gain of each (above 0).
    """
    sizes = np.array([len(answer) for answer in wanted], dtype=np.int64)
    ideal = np.zeros((len(rows), max(int(sizes.max(initial=0)), 1)), np.float32)
    for line, values in zip(ideal, gains, strict=True):
        line[: len(values)] = np.sort(values)[::-1]
    if not sizes.sum():
        return np.zeros(rows.shape, np.float32), ideal
    flat, worth = np.concatenate(wanted).astype(np.int64), np.concatenate(gains)
    width = max(int(flat.max()), int(rows.max(initial=0))) + 1
    keys = np.repeat(np.arange(len(rows), dtype=np.int64), sizes) * width + flat
    order = np.argsort(keys)
    keys, worth = keys[order], worth[order]
    shown = np.arange(len(rows), dtype=np.int64)[:, None] * width + rows
    at = np.minimum(np.searchsorted(keys, shown), len(keys) - 1)
    found = (keys[at] == shown) & (rows != UNKNOWN_ROW)
    return np.where(found, worth[at], np.float32(0)).astype(np.float32), ideal


class Estimate(msgspec.Struct, frozen=True):
    """A mean over requests with its 95% interval."""

    value: float
    low: float
    high: float


def estimates(values: Values, seed: int, resamples: int = RESAMPLES) -> list[Estimate]:
    """The mean of each column of values [requests, columns], with the percentile bootstrap's interval (Efron 1979):
    requests are drawn with replacement, the same draw for all columns. NaN where there are no requests."""
    n, columns = values.shape
    if not n:
        return [Estimate(np.nan, np.nan, np.nan)] * columns
    return _intervals(values, _resampled_means(values, seed, resamples))


class Comparison(msgspec.Struct, frozen=True):
    """How much better one system is than another on the same requests, and in what share of the resamples it is."""

    difference: Estimate
    chance_better: float


def compare(ours: Values, theirs: Values, seed: int, resamples: int = RESAMPLES) -> Comparison:
    """Paired: both float64 [requests], the same request at the same place."""
    return comparisons((ours - theirs)[:, None], seed, resamples)[0]


def comparisons(differences: Values, seed: int, resamples: int = RESAMPLES) -> list[Comparison]:
    """`compare` for each column of differences float64 [requests, columns], the same draw for all."""
    if not len(differences):
        return [Comparison(estimate, 0.0) for estimate in estimates(differences, seed)]
    means = _resampled_means(differences, seed, resamples)
    pairs = zip(_intervals(differences, means), (means > 0).mean(axis=0), strict=True)
    return [Comparison(estimate, float(chance)) for estimate, chance in pairs]


def chances(values: Mapping[str, Values], seed: int, resamples: int = RESAMPLES) -> dict[str, dict[str, float]]:
    """By system, then by each other system: the share of the resamples in which the first is better, the same draw for
    all pairs. values: float64 [requests] by system."""
    better: dict[str, dict[str, float]] = {name: {} for name in values}
    pairs = list(combinations(values, 2))
    if not pairs:
        return better
    differences = np.stack([values[one] - values[other] for one, other in pairs], axis=1)
    means = _resampled_means(differences, seed, resamples) if len(differences) else np.zeros((1, len(pairs)))
    for (one, other), column in zip(pairs, means.T, strict=True):
        better[one][other], better[other][one] = float((column > 0).mean()), float((column < 0).mean())
    return better


def _intervals(values: Values, means: Values) -> list[Estimate]:
    """By column, from values [requests, columns] and the means of their resamples [resamples, columns]."""
    value = values.mean(axis=0)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    triples = zip(value, np.minimum(low, value), np.maximum(high, value), strict=True)  # equal values differ by a bit
    return [Estimate(*map(float, triple)) for triple in triples]


def best_of_many(
    challengers: Mapping[str, Values], against: Values, seed: int, resamples: int = RESAMPLES
) -> dict[str, float]:
    """The confidence that each challenger is better than what it is held `against`, all float64 [requests], which
    allows for the best of many being lucky: in what share of the resamples its lead, in standard errors, is more than
    chance gives to any of them (White, "A Reality Check for Data Snooping", Econometrica 2000; in standard errors,
    Romano and Wolf, Econometrica 2005)."""
    leads = np.stack([values - against for values in challengers.values()], axis=1)  # [requests, challengers]
    lead, error = leads.mean(axis=0), np.maximum(leads.std(axis=0) / np.sqrt(len(leads)), 1e-12)
    chance = ((_resampled_means(leads, seed, resamples) - lead) / error).max(axis=1)
    shares = (chance[:, None] < lead / error).mean(axis=0)
    return dict(zip(challengers, shares.tolist(), strict=True))


def _resampled_means(values: Values, seed: int, resamples: int) -> Values:
    """float64 [resamples, columns]; how often each request is drawn is counted, so that a mean is one product."""
    generator, n = np.random.default_rng(seed), len(values)
    block = max(1, min(resamples, 2_000_000 // n))
    means = []
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        draws = generator.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        counts = np.bincount(draws.ravel(), minlength=size * n).reshape(size, n)
        means.append(counts @ values / n)
    return np.concatenate(means)


def _discounts(k: int) -> Values:
    return 1.0 / np.log2(np.arange(2, k + 2))


def _count(values: npt.NDArray[np.generic]) -> Values:
    return np.asarray(np.count_nonzero(values, axis=1), np.float64)


def _over(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Values:
    """0 where the denominator is 0."""
    bottom = np.asarray(denominator, np.float64)
    return np.divide(numerator, bottom, out=np.zeros_like(bottom), where=bottom > 0)


def _take(values: npt.NDArray[np.generic], rows: Ranks) -> npt.NDArray[np.generic]:
    """values[rows] where padding reads some value, to be masked; an empty catalogue has only padding."""
    return values[rows] if len(values) else np.ones(rows.shape, values.dtype)
