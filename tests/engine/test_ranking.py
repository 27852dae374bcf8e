"""Statistics, features, fusion and the ranker, each against planted answers."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import preferring, small_engine
from source_contract import (
    DAY,
    NOW,
    context_of,
    interactions_of,
    items_table,
    material_of,
    small_interactions,
    small_items,
)

from shopkeeper.engine.context import Candidates, Context, Material
from shopkeeper.engine.ranking.features import feature_names, features
from shopkeeper.engine.ranking.fusion import FUSIONS, Pool, fuse
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.errors import ReleaseError
from shopkeeper.settings import Fusion
from shopkeeper.vocabulary import EventType, Request, Scores

VIEW, BUY, NAN = EventType.VIEW, EventType.PURCHASE, float("nan")
MUG_RED, MUG_BLUE, TEAPOT_RED, LAMP_RED = 0, 1, 3, 6
NOTHING, ALL = np.empty(0, np.int32), np.arange(6, dtype=np.int32)


@pytest.fixture(scope="module")
def shop() -> Material:
    return material_of(small_items(), small_interactions())


def proposal(*rows: int) -> Candidates:
    return Candidates(np.array(rows, np.int32), np.linspace(1.0, 0.5, len(rows), dtype=np.float32))


def pool_of(*orders: list[int]) -> Pool:
    return Pool.of({str(at): proposal(*order) for at, order in enumerate(orders)}, NOTHING)


def columns(shop: Material, context: Context, rows: range = range(12)) -> dict[str, Scores]:
    """Every feature by name, of `rows` proposed by one source."""
    pool = Pool.of({"popular": proposal(*rows)}, NOTHING)
    statistics = Statistics.fit(shop.catalogue, shop.interactions, NOW)
    matrix = features(context, pool, shop.catalogue, statistics)
    assert matrix.dtype == np.float32
    return dict(zip(feature_names(("popular",)), matrix.T, strict=True))


class TestStatistics:
    def test_windows_look_back_so_far(self) -> None:
        events = [(0, MUG_RED, VIEW, NOW - days * DAY, 0) for days in (0.5, 3, 20, 50)]
        shop = material_of(small_items(), interactions_of(events))
        assert Statistics.fit(shop.catalogue, shop.interactions, NOW).windows[MUG_RED].tolist() == [1, 2, 3]

    def test_conversion_is_smoothed_towards_the_average(self) -> None:
        events = [(user, MUG_RED, VIEW, NOW - DAY, user) for user in range(200)]
        events += [(user, MUG_RED, BUY, NOW - DAY + 9, user) for user in range(100)]
        events += [(0, MUG_BLUE, BUY, NOW - DAY, 500)]
        shop = material_of(small_items(), interactions_of(events))
        conversion = Statistics.fit(shop.catalogue, shop.interactions, NOW).conversion
        assert conversion[MUG_BLUE] < 2 * conversion[MUG_RED]
        assert conversion[LAMP_RED] == pytest.approx(conversion[MUG_RED], rel=0.1)

    def test_a_price_is_dear_among_its_like(self) -> None:
        prices = {"a": 10.0, "b": 20.0, "c": 30.0, "d": 1000.0, "e": None}
        items = items_table(
            [
                {"item_id": id_, "price": price, "categories": ["all", "big" if id_ == "d" else "small"]}
                for id_, price in prices.items()
            ]
        )
        shop = material_of(items, interactions_of([]))
        level = Statistics.fit(shop.catalogue, shop.interactions, NOW).price_level
        np.testing.assert_allclose(level, [0.0, 0.5, 1.0, 0.0, np.nan])

    def test_saved_equals_loaded(self, shop: Material, tmp_path: Path) -> None:
        before = Statistics.fit(shop.catalogue, shop.interactions, NOW)
        before.save(tmp_path)
        after = Statistics.load(tmp_path)
        for name in Statistics.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))

    def test_an_empty_shop(self) -> None:
        shop = material_of(items_table([]), interactions_of([]))
        assert Statistics.fit(shop.catalogue, shop.interactions, NOW).interest.shape == (0,)


class TestFeatures:
    def test_a_column_for_each_name(self, shop: Material) -> None:
        match = np.full((12, 2), 0.5, np.float32)
        pool = Pool.of({"lexical": proposal(*range(12))}, NOTHING)
        statistics = Statistics.fit(shop.catalogue, shop.interactions, NOW)
        matrix = features(context_of(shop), pool, shop.catalogue, statistics, match, ("one", "two"))
        names = feature_names(("lexical",), ("one", "two"))
        assert matrix.shape == (12, len(names))
        assert len(set(names)) == len(names)
        assert (matrix[:, names.index("two")] == 0.5).all()

    def test_old_data_served_today_stays_within_the_ages_that_were_learned(self, shop: Material) -> None:
        span = Statistics.fit(shop.catalogue, shop.interactions, NOW).span
        longest = (span[1] - span[0]) / DAY
        now = columns(shop, context_of(shop, user=0))
        later = columns(shop, replace(context_of(shop, user=0), now=NOW + 1000 * DAY))
        assert np.nanmax(now["age_days"]) <= np.log1p(longest) + 1e-5
        assert np.nanmax(later["age_days"]) == pytest.approx(np.log1p(longest))
        assert np.nanmax(later["seen_hours_ago"]) == pytest.approx(np.log1p(24 * longest))

    def test_what_a_silent_source_says_is_missing(self, shop: Material) -> None:
        pool = Pool.of({"a": proposal(3), "b": proposal(5, 3)}, NOTHING)
        matrix = features(
            context_of(shop), pool, shop.catalogue, Statistics.fit(shop.catalogue, shop.interactions, NOW)
        )
        names = feature_names(("a", "b"))
        ranks = matrix[:, names.index("a.reciprocal_rank")]
        assert ranks[0] > 0
        assert np.isnan(ranks[1])

    def test_affinity_is_the_share_of_the_history_with_that_label(self, shop: Material) -> None:
        context = _did(context_of(shop, user=-1), [MUG_RED, MUG_BLUE])
        history = columns(shop, context)["history_category"]
        assert history[TEAPOT_RED] == pytest.approx(1.0)  # home and kitchen, like both mugs
        assert history[LAMP_RED] == pytest.approx(0.5)  # home alone
        brands = columns(shop, context)["history_brand"]
        assert brands[2] + brands[3] == pytest.approx(1.0)  # one mug of each brand
        assert np.isnan(columns(shop, context_of(shop, user=-1))["history_category"]).all()

    def test_price_against_habit(self, shop: Material) -> None:
        gaps = columns(shop, _did(context_of(shop, user=-1), [LAMP_RED]))["history_price"]
        assert gaps[LAMP_RED] == pytest.approx(0.0, abs=1e-6)
        assert gaps[MUG_RED] < 0 < gaps[11]

    def test_encounters(self, shop: Material) -> None:
        context = _did(context_of(shop, user=-1), [MUG_RED, LAMP_RED, MUG_RED], [VIEW, VIEW, BUY], hours=[30, 20, 10])
        told = columns(shop, context)
        assert told["seen_times"][[MUG_RED, LAMP_RED, 5]].tolist() == [2, 1, 0]
        assert told["bought_times"][[MUG_RED, LAMP_RED]].tolist() == [1, 0]
        assert np.expm1(told["seen_hours_ago"][[MUG_RED, LAMP_RED]]) == pytest.approx([10, 20], rel=1e-4)
        assert np.expm1(told["seen_events_ago"][[MUG_RED, LAMP_RED]]) == pytest.approx([1, 2], rel=1e-4)
        assert np.isnan(told["seen_hours_ago"][5])

    def test_anchors_price_and_kind(self, shop: Material) -> None:
        told = columns(shop, context_of(shop, user=-1, items=("mug-red",)))
        assert told["anchor_category"][MUG_BLUE] > told["anchor_category"][LAMP_RED]
        assert told["anchor_price"][MUG_RED] == pytest.approx(0.0, abs=1e-6)

    def test_the_moment(self, shop: Material) -> None:
        told = columns(shop, context_of(shop, user=-1, device="mobile"))
        assert (told["hour"][0], told["weekday"][0], told["device"][0]) == (
            22.0,
            1.0,
            1.0,
        )  # 14 November 2023, a Tuesday
        assert np.isnan(columns(shop, context_of(shop, device="fridge"))["device"]).all()

    def test_without_a_clock_time_is_missing(self) -> None:
        timed = small_interactions()
        timeless = material_of(small_items(), replace(timed, times=np.full(len(timed), np.nan)))
        told = columns(timeless, context_of(timeless))
        for name in ("hour", "interest_week", "seen_hours_ago"):
            assert np.isnan(told[name]).all()
        assert told["seen_times"].sum() > 0

    def test_no_candidates(self, shop: Material) -> None:
        assert columns(shop, context_of(shop), range(0))["interest"].shape == (0,)


class TestFusion:
    def test_the_union_is_aligned(self) -> None:
        pool = Pool.of({"a": proposal(7, 3), "b": proposal(3, 9)}, np.array([1], np.int32))
        assert pool.rows.tolist() == [1, 3, 7, 9]
        np.testing.assert_array_equal(pool.ranks, [[NAN, NAN], [2, 1], [1, NAN], [NAN, 2]])
        np.testing.assert_array_equal(pool.scores[1], np.array([0.5, 1.0], np.float32))

    def test_a_heavier_source_wins(self) -> None:
        pool = Pool.of({"a": proposal(7), "b": proposal(3)}, NOTHING)
        assert pool.rows[np.argmax(fuse(pool, {"a": 2.0}))] == 7
        assert pool.rows[np.argmax(fuse(pool, {"b": 2.0}))] == 3

    def test_agreement_beats_a_single_word(self) -> None:
        pool = Pool.of({"a": proposal(7, 3), "b": proposal(9, 3)}, NOTHING)
        assert pool.rows[np.argmax(fuse(pool, {}))] == 3

    @pytest.mark.parametrize("way", FUSIONS)
    @given(orders=st.lists(st.permutations(range(6)), min_size=1, max_size=4), lengths=st.lists(st.integers(0, 6)))
    def test_scores_lie_between_0_and_1(self, way: Fusion, orders: list[list[int]], lengths: list[int]) -> None:
        cut = [order[:length] for order, length in zip_longest(orders, lengths[: len(orders)], fillvalue=6)]
        fused = fuse(pool_of(*cut), {}, way)
        assert ((fused >= 0) & (fused <= 1 + 1e-6)).all()
        assert fused.dtype == np.float32

    @pytest.mark.parametrize("way", FUSIONS)
    @given(
        order=st.permutations(range(6)),
        other=st.permutations(range(6)),
        place=st.integers(1, 5),
        shown=st.tuples(st.integers(1, 6), st.integers(0, 6)),
        weight=st.floats(0.0, 9.0),
    )
    def test_a_better_place_never_lowers_a_score(
        self, way: Fusion, order: list[int], other: list[int], place: int, shown: tuple[int, int], weight: float
    ) -> None:
        """Also where the better place is the first one that is proposed at all."""
        row, said = order[place], other[: shown[1]]
        better = [*order[: place - 1], row, order[place - 1], *order[place + 1 :]]
        before, after = (
            fuse(Pool.of({"a": proposal(*each[: shown[0]]), "b": proposal(*said)}, ALL), {"b": weight}, way)
            for each in (order, better)
        )
        assert after[row] >= before[row] - 1e-6

    @pytest.mark.parametrize("way", FUSIONS)
    def test_what_all_put_first_comes_first(self, way: Fusion) -> None:
        fused = fuse(Pool.of({"a": proposal(2, 3, 5), "b": proposal(2, 5, 3)}, ALL), {}, way)
        assert fused.argmax() == 2
        assert fused[2] == pytest.approx(1.0)

    @pytest.mark.parametrize("way", FUSIONS)
    def test_a_source_without_weight_says_nothing(self, way: Fusion) -> None:
        alone = fuse(Pool.of({"a": proposal(3, 5)}, ALL), {}, way)
        np.testing.assert_allclose(
            fuse(Pool.of({"a": proposal(3, 5), "b": proposal(5, 3)}, ALL), {"b": 0.0}, way), alone
        )

    def test_a_weighted_sum_is_of_scores_as_far_as_they_lie(self) -> None:
        near = Candidates(np.array([1, 2, 3], np.int32), np.array([10.0, 9.0, 0.0], np.float32))
        pool = Pool.of({"a": near, "b": proposal(4)}, NOTHING)
        np.testing.assert_allclose(fuse(pool, {"a": 3.0}, "weighted_sum"), [0.75, 0.675, 0.0, 0.25])

    def test_a_vote_shares_what_is_left_among_the_others(self) -> None:
        pool = Pool.of({"a": proposal(3, 1)}, np.array([2, 4], np.int32))
        np.testing.assert_allclose(fuse(pool, {}, "vote"), [3 / 4, 1.5 / 4, 4 / 4, 1.5 / 4])

    @pytest.mark.parametrize("way", FUSIONS)
    def test_nobody_proposes(self, way: Fusion) -> None:
        assert fuse(Pool.of({}, NOTHING), {}, way).shape == (0,)
        assert fuse(Pool.of({"a": Candidates.none()}, NOTHING), {}, way).shape == (0,)
        told = fuse(Pool.of({"a": Candidates.none()}, np.array([4, 5], np.int32)), {}, way)
        assert np.isfinite(told).all()
        assert told[0] == told[1]


class TestTop:
    @given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 35))
    def test_is_the_head_of_a_full_sort(self, values: list[int], limit: int) -> None:
        rows, scores = np.arange(len(values))[::-1], np.array(values, np.float32)
        found = Candidates.top(rows, scores, limit)
        full = sorted(zip(-scores, rows, strict=True))[:limit]
        assert found.rows.tolist() == [row for _, row in full]


class TestRanker:
    def test_saved_equals_loaded(self, tmp_path: Path) -> None:
        ranker = preferring("b", ("a", "b"))
        ranker.save(tmp_path)
        matrix = np.array([[1, 2], [3, NAN]], np.float32)
        loaded = Ranker.load(tmp_path)
        assert loaded.names == ("a", "b")
        assert loaded.score(matrix).tolist() == ranker.score(matrix).tolist() == [2.0, 0.0]
        assert loaded.score(matrix[:0]).shape == (0,)

    def test_other_features_are_refused(self) -> None:
        with pytest.raises(ReleaseError, match="absent now: b"):
            preferring("b", ("a", "b")).require(("a", "c"), "home")

    @pytest.mark.parametrize("damage", ["model.onnx", "features.json"])
    def test_damage_is_told(self, damage: str, tmp_path: Path) -> None:
        preferring("b", ("a", "b")).save(tmp_path)
        (tmp_path / damage).write_bytes(b"\x00{")
        with pytest.raises(ReleaseError, match="the ranker cannot be read"):
            Ranker.load(tmp_path)

    def test_a_ranker_of_other_features_stops_the_engine(self) -> None:
        with pytest.raises(ReleaseError, match="train again"):
            small_engine(rankers={"home": preferring("b", ("a", "b"))})


def _did(
    context: Context, rows: list[int], kinds: list[EventType] | None = None, hours: list[float] | None = None
) -> Context:
    """The context of a person who did this, old to new, so many hours ago."""
    codes = [kind.code for kind in kinds or [VIEW] * len(rows)]
    return replace(
        context,
        request=Request(surface="home"),
        history=np.array(rows, np.int32),
        history_codes=np.array(codes, np.int8),
        history_times=NOW - 3600.0 * np.array(hours or [1.0] * len(rows)),
    )
