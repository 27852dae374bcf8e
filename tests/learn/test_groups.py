"""Requests by who asks and by what is wanted: planted shops whose groups are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from histories import Line, history
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import USERS, asked, engine_of
from test_metrics import brute

from shopkeeper.engine.interest import DAY
from shopkeeper.learn.evaluate import OF_GROUPS, Figures, evaluate, figures_of
from shopkeeper.learn.groups import HEAVY_FROM, ITEM_GROUPS, REGULAR_FROM, USER_GROUPS, groups_of, item_groups
from shopkeeper.learn.metrics import Estimate
from shopkeeper.learn.split import Part, split
from shopkeeper.settings import TrainSettings

NAN, NOW = float("nan"), 100 * DAY
HEAD, TAIL, NEW = range(3)


def part_of(known: Sequence[Line], held: Sequence[Line] = (), now: float = NOW) -> Part:
    """Events before `now`, and those that are held back."""
    everything = history([*known, *held], n_users=USERS)
    inside = everything.times >= now
    return Part(everything, everything.where(~inside), everything, inside, now)


def test_people_are_told_apart_by_what_was_known_of_them_at_the_request() -> None:
    counts = {0: 0, 1: REGULAR_FROM - 1, 2: REGULAR_FROM, 3: HEAVY_FROM - 1, 4: HEAVY_FROM}
    part = part_of([(user, at % 3, float(at), 0) for user, n in counts.items() for at in range(n)])
    engine = engine_of(part, 3)
    requests = [
        *(asked(user, 0, time=NOW) for user in counts),
        asked(4, 0, time=REGULAR_FROM - 1.0),
        asked(9, 0, time=NOW),
    ]
    groups = groups_of(engine, part, requests)
    assert [int(np.flatnonzero([groups[name][at] for name in USER_GROUPS])[0]) for at in range(len(requests))] == [
        0,
        0,
        1,
        1,
        2,
        0,  # four events were known then
        0,  # nobody knows this person
    ]


def test_items_are_told_apart_by_what_was_known_of_them_at_the_beginning() -> None:
    met = {0: 30, 1: 10, 2: 10, 3: 2}  # of 54 events, item 0 alone has more than half
    known = [(0, item, float(at), 0) for item, n in met.items() for at in range(n)]
    late = [(1, 4, 99 * DAY, 1), (1, 4, 99 * DAY, 1)]
    part = part_of([*known, *late], held=[(1, 5, 101 * DAY, 2)] * 40)
    assert item_groups(engine_of(part, 6), part).tolist() == [HEAD, TAIL, TAIL, TAIL, NEW, NEW]


def test_what_is_met_equally_is_of_one_group() -> None:
    part = part_of([(0, item, 1.0, 0) for item in range(4)], now=2.0)
    assert set(item_groups(engine_of(part, 4), part).tolist()) == {HEAD}


def test_a_young_shop_is_not_all_new() -> None:
    """Two weeks of history: who has no launch counts as new in the last tenth of it."""
    part = part_of([(0, item, item * DAY, 0) for item in range(14)], now=14 * DAY)
    assert item_groups(engine_of(part, 14), part).tolist() == [HEAD] * 13 + [NEW]


def test_a_launch_makes_an_item_new_for_a_while() -> None:
    part = part_of([(0, item, float(item), 0) for item in range(4)])
    launched = {0: 95 * DAY, 1: 50 * DAY, 2: 120 * DAY}  # the last was not there yet
    assert item_groups(engine_of(part, 4, launched=launched), part).tolist() == [NEW, HEAD, NEW, HEAD]


def test_without_a_clock_new_is_what_nobody_had_met() -> None:
    everything = history([(user, item, NAN, -1) for user in range(5) for item in (0, 1, 2, 3 + user)])
    parts = split(everything, TrainSettings(), now=0.0)
    assert parts is not None
    engine = engine_of(parts.test, 9, launched=dict.fromkeys(range(9), -1.0))  # as if all had come this second
    assert item_groups(engine, parts.test).tolist() == [HEAD, HEAD, HEAD, NEW, NEW, NEW, NEW, NEW, NEW]
    groups = groups_of(engine, parts.test, [asked(user, 3 + user, time=0.0) for user in range(5)])
    assert {name for name, mask in groups.items() if mask.any()} == {"newcomers", "new items"}


def test_the_most_wanted_item_says_the_group_and_among_equals_the_hardest() -> None:
    part = part_of([(0, 0, float(at), 0) for at in range(9)] + [(0, 1, 5.0, 0)])
    engine = engine_of(part, 3)
    requests = [
        asked(1, 0, 1, 2, gains=(4, 3, 1), time=NOW),
        asked(1, 0, 1, time=NOW),
        asked(1, 0, 1, 2, time=NOW),
    ]
    groups = groups_of(engine, part, requests)
    assert [[bool(groups[name][at]) for name in ITEM_GROUPS].index(True) for at in range(3)] == [HEAD, TAIL, NEW]


EVENTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(0, 60)), min_size=20, max_size=120)


@settings(deadline=None)
@given(EVENTS, st.booleans(), st.data())
def test_the_groups_share_the_requests_among_them(
    lines: list[tuple[int, int, int]], clock: bool, data: st.DataObject
) -> None:
    everything = history([(user, item, DAY * at if clock else NAN, -1) for user, item, at in lines], n_users=USERS)
    parts = split(everything, TrainSettings(), now=0.0)
    if parts is None:
        return
    wanted = st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True)
    requests = [
        asked(user, *sorted(data.draw(wanted)), time=parts.test.now) for user in data.draw(st.lists(st.integers(0, 6)))
    ]
    groups = groups_of(engine_of(parts.test, 8), parts.test, requests)
    for names in (USER_GROUPS, ITEM_GROUPS):
        assert (np.sum([groups[name] for name in names], axis=0) == 1).all()


def test_planted_figures_of_groups_are_found() -> None:
    part = part_of([(0, item, 1.0, 0) for item in range(3)])
    engine = engine_of(part, 3)
    requests = [asked(at, at % 3, time=NOW) for at in range(6)]
    first, second = np.array([0, 1, 2, 3, 4, 5]) < 2, np.array([0, 1, 2, 3, 4, 5]) >= 2
    right = np.array([[at % 3, -1] for at in range(6)], np.int32)
    half = np.where(first[:, None], right[:, ::-1], -1).astype(
        np.int32
    )  # second place in the first group, else nothing
    told = figures_of(
        engine,
        requests,
        {"served": right, "other": half},
        groups={"first": first, "second": second, "nobody": np.zeros(6, bool)},
        seed=0,
    )
    assert {name: group.requests for name, group in told.groups.items()} == {"first": 2, "second": 4, "nobody": 0}
    assert set(told.groups["first"].systems["served"]) == set(OF_GROUPS)
    assert told.groups["first"].systems["other"]["ndcg@10"].value == pytest.approx(brute("ndcg", [9, 0], {0: 1.0}))
    assert told.groups["first"].systems["other"]["hr@10"].value == 1
    assert told.groups["second"].systems["other"]["hr@10"].value == 0
    assert told.groups["second"].against["other"].difference.value == 1
    assert (told.groups["nobody"].systems, told.groups["nobody"].against) == ({}, {})
    assert told.chances == {"served": {"other": 1.0}, "other": {"served": 0.0}}


@pytest.mark.parametrize(("inside", "hits", "beaten_by"), [(40, 30, "better"), (40, 3, ""), (29, 29, "")])
def test_a_group_names_who_surely_beats_what_is_served_there(inside: int, hits: int, beaten_by: str) -> None:
    part = part_of([(0, item, 1.0, 0) for item in range(3)])
    requests = [asked(at % 6, 0, time=NOW) for at in range(80)]
    nothing, group = np.full((80, 1), -1, np.int32), np.arange(80) < inside
    answers = {
        "served": np.where(group, -1, 0).astype(np.int32)[:, None],  # best for all, and nothing for the group
        "good": np.where(np.arange(80) < hits // 2, 0, -1).astype(np.int32)[:, None],
        "better": np.where(np.arange(80) < hits, 0, -1).astype(np.int32)[:, None],
        "idle": nothing,
    }
    groups = {"lost": group, "won": ~group}
    told = figures_of(engine_of(part, 3), requests, answers, groups=groups, seed=0).groups
    assert (told["lost"].beaten_by, told["won"].beaten_by) == (beaten_by, "")


def test_figures_of_a_group_are_those_of_its_requests_alone() -> None:
    part = part_of([(user, item, float(at), 0) for at, (user, item) in enumerate(np.ndindex(4, 5))])
    engine = engine_of(part, 8)
    requests = [asked(at % 5, at % 8, time=NOW) for at in range(40)]
    groups = groups_of(engine, part, requests)
    told = evaluate(engine, requests, groups=groups, seed=3)
    for name, mask in groups.items():
        alone: Figures = evaluate(engine, [one for one, kept in zip(requests, mask, strict=True) if kept], seed=3)
        assert told.groups[name].requests == alone.requests == int(mask.sum())
        if alone.requests:
            for system, measures in told.groups[name].systems.items():
                for measure in OF_GROUPS:
                    assert triple(measures[measure]) == pytest.approx(triple(alone.systems[system][measure]))
            for system, comparison in told.groups[name].against.items():
                assert triple(comparison.difference) == pytest.approx(triple(alone.against[system].difference))


def triple(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high
