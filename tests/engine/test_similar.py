"""Likeness by content: planted neighbours, Chinese, labels alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_encoder import make_encoder
from source_contract import NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.sources.similar import Projection, Similar
from shopkeeper.vocabulary import EventType

MUGS = ["Red mug", "Blue mug", "Green mug", "Red lamp", "Blue lamp", "Garden gnome"]
CHINESE = ["红色马克杯", "蓝色马克杯", "绿色马克杯", "红色台灯", "蓝色台灯", "花园侏儒"]


class TestSimilarContract(SourceContract):
    recipe = Similar()


class TestSimilarWithMeaningContract(SourceContract):
    recipe = Similar()

    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
        return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.mark.parametrize("titles", [MUGS, CHINESE])
def test_the_same_kind_is_nearest(titles: list[str]) -> None:
    rows = [{"item_id": str(i), "title": title, "categories": [title[-2:]]} for i, title in enumerate(titles)]
    material = material_of(items_table(rows), interactions_of([]))
    source = Similar().fit(material)
    context = context_of(material, user=-1, items=("0",))
    found = source.retrieve(context, 2).rows.tolist()
    assert sorted(found) == [1, 2]
    assert source.reason(context, found[0]) == f"similar to “{titles[0]}”"


def test_labels_alone_are_enough() -> None:
    """Anonymous attribute numbers, as some published shops have them."""
    labels = [[1, 2, 3], [1, 2, 4], [7, 8, 9], [7, 8, 4], [5], []]
    rows = [{"item_id": str(i), "attributes": json.dumps({"attribute_ids": own})} for i, own in enumerate(labels)]
    material = material_of(items_table(rows), interactions_of([]))
    source = Similar().fit(material)
    assert source.retrieve(context_of(material, user=-1, items=("0",)), 5).rows.tolist()[:1] == [1]
    assert source.retrieve(context_of(material, user=-1, items=("2",)), 5).rows.tolist()[:1] == [3]
    assert len(source.retrieve(context_of(material, user=-1, items=("5",)), 5).rows) == 0


def test_recent_history_stands_in_for_anchors() -> None:
    rows = [{"item_id": str(i), "title": title} for i, title in enumerate(MUGS)]
    events = [(0, item, EventType.VIEW, NOW - 100 + at, 0) for at, item in enumerate([5, 3])]
    material = material_of(items_table(rows), interactions_of(events))
    context = context_of(material, user=0)
    source = Similar().fit(material)
    found = source.retrieve(context, 10).rows.tolist()
    assert set(found[:2]) == {0, 4}  # another red thing, another lamp
    assert not {5, 3} & set(found)
    assert source.reason(context, 4) == "similar to “Red lamp”"


def test_projection_keeps_cosines() -> None:
    rng = np.random.default_rng(0)
    own = [rng.choice(400, 30, replace=False) for _ in range(200)]
    items = items_table([{"item_id": str(i), "title": " ".join(f"w{w}" for w in words)} for i, words in enumerate(own)])
    exact, kept = Projection.fit(items, 2048)[1], Projection.fit(items, 256)[1]
    assert np.abs(exact @ exact.T - kept @ kept.T).std() < 0.08


def test_terms_in_many_blocks_are_projected_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    titles = ["red mug of clay", "", "blue mug", "red lamp", "", "blue lamp of clay", "mug"]
    items = items_table([{"item_id": str(i), "title": title} for i, title in enumerate(titles)])
    whole = Projection.fit(items, 64)[1]
    monkeypatch.setattr("shopkeeper.engine.sources.similar._BLOCK", 3)
    np.testing.assert_allclose(Projection.fit(items, 64)[1], whole, atol=1e-6)
    assert not whole[[1, 4]].any()
