"""What every source owes, as a base class. A source's own test inherits it and names the recipe:

class TestPopular(SourceContract):
    recipe = Popular()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from shopkeeper.data.schema import ITEMS
from shopkeeper.engine.context import (
    Candidates,
    Context,
    FittedSource,
    Material,
    ReleaseParts,
    SourceRecipe,
    retrieve_all,
)
from shopkeeper.engine.encoder import Encoder
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import EventType, Mask, Request

DAY = 86_400.0
NOW = 1_700_000_000.0

# Kind, colours, and what a person would call it in Chinese. Enough that every source has something to say.
_KINDS = (
    ("mug", "kitchen", "马克杯"),
    ("teapot", "kitchen", "茶壶"),
    ("lamp", "lighting", "台灯"),
    ("chair", "furniture", "椅子"),
)
_COLOURS = (("red", "红色"), ("blue", "蓝色"), ("green", "绿色"))


def items_table(rows: list[dict[str, Any]]) -> pa.Table:
    """A table of schema ITEMS; what a row does not say is null."""
    return pa.Table.from_pylist([{field.name: row.get(field.name) for field in ITEMS} for row in rows], schema=ITEMS)


def small_items() -> pa.Table:
    """Twelve items, three colours of four kinds, all on sale, launched day by day."""
    rows = []
    for kind, category, chinese in _KINDS:
        for colour, hue in _COLOURS:
            row = len(rows)
            rows.append(
                {
                    "item_id": f"{kind}-{colour}",
                    "title": f"{colour.title()} {kind}",
                    "description": f"A {colour} {kind} for every day, made by hand.",
                    "brand": ("Acme", "Bolt")[row % 2],
                    "categories": ["home", category],
                    "price": 5.0 + row,
                    "launched": int((NOW - (20 - row) * DAY) * 1e6),
                    "attributes": f'{{"colour": "{colour}", "title_zh": "{hue}{chinese}"}}',
                }
            )
    return items_table(rows)


def interactions_of(events: list[tuple[int, int, EventType, float, int]]) -> Interactions:
    """From (user, item, type, time, session), in any order; users are numbered from 0."""
    events = sorted(events, key=lambda event: (event[0], event[3]))
    users, items, types, times, sessions = zip(*events, strict=True) if events else ((), (), (), (), ())
    n_users = max(users, default=-1) + 1
    return Interactions(
        users=np.array(users, np.int32),
        items=np.array(items, np.int32),
        codes=np.array([kind.code for kind in types], np.int8),
        times=np.array(times, np.float64),
        sessions=np.array(sessions, np.int32),
        quantities=np.full(len(users), np.nan, np.float32),
        starts=np.searchsorted(np.array(users, np.int32), np.arange(n_users + 1)).astype(np.int64),
    )


def small_interactions(n_items: int = 12) -> Interactions:
    """Eight people over sixteen days: each sees two neighbouring items in a visit, and buys the second."""
    events = []
    for visit in range(32):
        user, start = visit % 8, NOW - (17 - visit / 2) * DAY
        for step in range(3):
            item = (visit // 8 * 3 + visit + step // 2) % n_items
            kind = EventType.PURCHASE if step == 2 else EventType.VIEW
            events.append((user, item, kind, start + 60 * step, visit))
    return interactions_of(events)


def material_of(items: pa.Table, interactions: Interactions, encoder: Encoder | None = None) -> Material:
    return Material(Catalogue.build(items), items, interactions, NOW, Settings(), encoder)


def parts_of(material: Material) -> ReleaseParts:
    return ReleaseParts(material.catalogue, material.interactions, material.settings, material.encoder)


def context_of(material: Material, *, user: int = 0, allowed: Mask | None = None, **request: Any) -> Context:
    """The context that a request of this user (a row, -1 unknown) would have."""
    asked = Request(**request)
    past = material.interactions.of(user)
    history = material.interactions.items[past]
    anchors = material.catalogue.ids.rows(asked.items)
    return Context(
        request=asked,
        now=NOW,
        user=user,
        history=history,
        history_codes=material.interactions.codes[past],
        history_times=material.interactions.times[past],
        session=history[-2:],
        anchors=anchors[anchors >= 0],
        allowed=allowed,
    )


class SourceContract:
    """Inherit it, name `recipe`, and override `encoder` or `request` where the source needs them to speak."""

    recipe: ClassVar[SourceRecipe]
    request: ClassVar[dict[str, Any]] = {"query": "red mug", "items": ("mug-red", "lamp-blue")}

    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls) -> Encoder | None:
        return None

    @pytest.fixture(scope="class")
    @classmethod
    def material(cls, encoder: Encoder | None) -> Material:
        return material_of(small_items(), small_interactions(), encoder)

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, material: Material) -> FittedSource:
        return cls.recipe.fit(material)

    @pytest.fixture
    def contexts(self, material: Material) -> list[Context]:
        """With and without query and anchors, for people known and unknown."""
        wishes: list[dict[str, Any]] = [{}, self.request, {"query": "红色马克杯"}, {"query": "?!"}]
        return [context_of(material, user=user, **wish) for user in (0, 5, -1) for wish in wishes]

    def _answers(self, source: FittedSource, contexts: list[Context], limit: int = 50) -> Iterator[Candidates]:
        return (source.retrieve(context, limit) for context in contexts)

    def test_speaks(self, source: FittedSource, contexts: list[Context]) -> None:
        assert any(len(found.rows) for found in self._answers(source, contexts)), "silent for every request"

    def test_name_is_that_of_the_recipe(self, source: FittedSource) -> None:
        assert source.name == self.recipe.name
        assert isinstance(self.recipe.learns_from_events, bool)

    def test_rows_are_unique_and_in_range(self, source: FittedSource, contexts: list[Context]) -> None:
        for found in self._answers(source, contexts):
            assert found.rows.dtype == np.int32
            assert len(np.unique(found.rows)) == len(found.rows)
            assert ((found.rows >= 0) & (found.rows < 12)).all()

    def test_scores_descend_and_are_finite(self, source: FittedSource, contexts: list[Context]) -> None:
        for found in self._answers(source, contexts):
            assert found.scores.dtype == np.float32
            assert found.scores.shape == found.rows.shape
            assert np.isfinite(found.scores).all()
            assert (np.diff(found.scores) <= 0).all()

    @pytest.mark.parametrize("limit", [0, 1, 3])
    def test_obeys_the_limit(self, source: FittedSource, contexts: list[Context], limit: int) -> None:
        for found in self._answers(source, contexts, limit):
            assert len(found.rows) <= limit

    def test_a_smaller_limit_keeps_the_best(self, source: FittedSource, contexts: list[Context]) -> None:
        for few, many in zip(self._answers(source, contexts, 2), self._answers(source, contexts), strict=True):
            np.testing.assert_allclose(few.scores, many.scores[: len(few.scores)], rtol=1e-5)
            assert len(few.rows) == min(2, len(many.rows))

    @pytest.mark.parametrize("kept", [(), (0,), (1, 4, 7, 11)])
    def test_respects_allowed(self, source: FittedSource, contexts: list[Context], kept: tuple[int, ...]) -> None:
        allowed = np.isin(np.arange(12), kept)
        for context in contexts:
            found = source.retrieve(dataclasses.replace(context, allowed=allowed), 50)
            assert set(found.rows.tolist()) <= set(kept)

    def test_allowing_everything_changes_nothing(self, source: FittedSource, contexts: list[Context]) -> None:
        for context in contexts:
            found = source.retrieve(dataclasses.replace(context, allowed=np.ones(12, np.bool_)), 50)
            np.testing.assert_array_equal(found.rows, source.retrieve(context, 50).rows)

    def test_same_question_same_answer(self, source: FittedSource, contexts: list[Context]) -> None:
        for first, second in zip(self._answers(source, contexts), self._answers(source, contexts), strict=True):
            np.testing.assert_array_equal(first.rows, second.rows)
            np.testing.assert_array_equal(first.scores, second.scores)

    def test_many_at_once_are_answered_as_one_by_one(self, source: FittedSource, contexts: list[Context]) -> None:
        together = retrieve_all(source, contexts, 50)
        for alone, found in zip(self._answers(source, contexts), together, strict=True):
            np.testing.assert_allclose(found.scores, alone.scores, rtol=1e-5, atol=1e-6)
            assert set(found.rows.tolist()) == set(alone.rows.tolist())
        assert retrieve_all(source, [], 50) == []

    def test_saved_equals_loaded(
        self, source: FittedSource, material: Material, contexts: list[Context], tmp_path: Path
    ) -> None:
        source.save(tmp_path / "source")
        loaded = self.recipe.load(tmp_path / "source", parts_of(material))
        assert loaded.name == source.name
        for context in contexts:
            before, after = source.retrieve(context, 50), loaded.retrieve(context, 50)
            np.testing.assert_array_equal(before.rows, after.rows)
            np.testing.assert_array_equal(before.scores, after.scores)
            for row in before.rows[:3].tolist():
                assert loaded.reason(context, row) == source.reason(context, row)

    def test_gives_reasons(self, source: FittedSource, contexts: list[Context]) -> None:
        for context in contexts:
            for row in source.retrieve(context, 50).rows.tolist():
                reason = source.reason(context, row)
                assert reason
                assert reason == reason.strip()
                assert "\n" not in reason

    def test_leaves_the_context_as_it_was(self, source: FittedSource, material: Material) -> None:
        context = context_of(material, allowed=np.ones(12, np.bool_), **self.request)
        arrays = {f.name: getattr(context, f.name) for f in dataclasses.fields(context)}
        before = {name: array.copy() for name, array in arrays.items() if isinstance(array, np.ndarray)}
        for name in before:
            arrays[name].flags.writeable = False
        source.retrieve(context, 50)
        for name, array in before.items():
            np.testing.assert_array_equal(getattr(context, name), array)

    def test_an_empty_shop(self, encoder: Encoder | None, tmp_path: Path) -> None:
        material = material_of(items_table([]), interactions_of([]), encoder)
        source = self.recipe.fit(material)
        source.save(tmp_path / "empty")
        for empty in (source, self.recipe.load(tmp_path / "empty", parts_of(material))):
            for request in ({}, self.request):
                assert len(empty.retrieve(context_of(material, user=-1, **request), 10).rows) == 0

    def test_a_shop_without_events(self, encoder: Encoder | None, tmp_path: Path) -> None:
        material = material_of(small_items(), interactions_of([]), encoder)
        source = self.recipe.fit(material)
        source.save(tmp_path / "quiet")
        loaded = self.recipe.load(tmp_path / "quiet", parts_of(material))
        for request in ({}, self.request):
            context = context_of(material, user=-1, **request)
            found = source.retrieve(context, 10)
            np.testing.assert_array_equal(found.rows, loaded.retrieve(context, 10).rows)

    def test_a_shop_of_one_item_and_one_person(self, encoder: Encoder | None) -> None:
        events = [(0, 0, EventType.VIEW, NOW - 2 * DAY, 0), (0, 0, EventType.PURCHASE, NOW - DAY, 1)]
        material = material_of(small_items().slice(0, 1), interactions_of(events), encoder)
        source = self.recipe.fit(material)
        for user in (0, -1):
            for request in ({}, self.request):
                found = source.retrieve(context_of(material, user=user, **request), 10)
                assert found.rows.tolist() in ([], [0])

    def test_a_shop_that_knows_only_ids(self, encoder: Encoder | None) -> None:
        items = items_table([{"item_id": str(i)} for i in range(12)])
        material = material_of(items, small_interactions(), encoder)
        source = self.recipe.fit(material)
        for user in (0, -1):
            found = source.retrieve(context_of(material, user=user, query="red mug", items=("0",)), 10)
            assert ((found.rows >= 0) & (found.rows < 12)).all()
            for row in found.rows.tolist():
                assert source.reason(context_of(material, user=user, query="red mug", items=("0",)), row)

    def test_a_shop_without_a_clock(self, encoder: Encoder | None) -> None:
        timed = small_interactions()
        timeless = dataclasses.replace(timed, times=np.full(len(timed), np.nan))
        material = material_of(small_items(), timeless, encoder)
        source = self.recipe.fit(material)
        for user in (0, -1):
            found = source.retrieve(context_of(material, user=user, **self.request), 10)
            assert np.isfinite(found.scores).all()
