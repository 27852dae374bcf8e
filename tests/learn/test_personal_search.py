"""The same query, asked by people who each buy one brand: taste is learned, told, and asked of nobody new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from worlds import write_shop

from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.rankers.lambdamart import LambdaMart
from shopkeeper.learn.replay import examples_of
from shopkeeper.learn.split import split
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import DEFAULT_SURFACES, EncoderSettings, Settings, TrainSettings
from shopkeeper.vocabulary import Request, silent

BRANDS = ("Acme", "Bolt", "Crux")
ITEMS = [
    {"item_id": f"i{at}", "title": f"mug {at}", "brand": BRANDS[at % 3], "categories": ["Mugs"], "price": 9.0}
    for at in range(48)
]
SETTINGS = Settings(
    encoder=EncoderSettings(model="none"),
    train=TrainSettings(threads=1, validation_share=0.45, test_share=0.05),
    surfaces={"search": replace(DEFAULT_SURFACES["search"], sources=("lexical",), rankers=("lambdamart",))},
)


def loyal_visits(n_visits: int) -> list[dict[str, Any]]:
    """Visits of 30 people: each searches a mug, looks at two of the brand that they always buy, and buys one."""
    generator, events = np.random.default_rng(0), []
    for visit in range(n_visits):
        person = int(generator.integers(30))
        said = {"actor": f"u{person}", "user_id": f"u{person}", "session_id": f"s{visit}"}
        first, second = (f"i{3 * at + person % 3}" for at in generator.choice(16, 2, replace=False))
        deeds = [("search", None), ("view", first), ("view", second), ("purchase", second)]
        for step, (deed, item) in enumerate(deeds):
            event = {"event_id": f"{visit}-{step}", "type": deed, "item_id": item, **said}
            time = (visit * 3600 + step * 20) * 1_000_000
            events.append({**event, "time": time, "query": "mug" if deed == "search" else None})
    return events


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder: Path = tmp_path_factory.mktemp("loyal")
    shop = Workshop.open(write_shop(folder, ITEMS, loyal_visits(300)), SETTINGS, folder / "cache", silent)
    parts = split(shop.interactions, SETTINGS.train, shop.now)
    assert parts is not None
    then, asked = shop.engine_of(parts.validation, {}, "validation"), shop.requests(parts.validation)["search"]
    taught, watched = examples_of(then, asked[:100], seed=0), examples_of(then, asked[100:], seed=0)
    return shop.engine({"search": LambdaMart().fit(taught, watched, then.feature_names("search"), SETTINGS)})


def brands(engine: Engine, user: str | None) -> list[str]:
    slate = engine.answer(Request(surface="search", query="mug", user=user, size=8))
    return [placement.item.brand for placement in slate.placements]


@pytest.mark.parametrize(("user", "brand"), [("u0", "Acme"), ("u1", "Bolt"), ("u2", "Crux")])
def test_each_finds_the_brand_that_they_buy_first(engine: Engine, user: str, brand: str) -> None:
    assert brands(engine, user).count(brand) >= 6


def test_the_reason_is_told(engine: Engine) -> None:
    request = Request(surface="search", query="mug", user="u1", size=8)
    first = engine.answer(request).placements[0].item
    told = engine.explain(request, first.id)
    assert "you often choose Bolt" in told.text
    other = next(item["item_id"] for item in ITEMS if item["brand"] == "Acme")
    assert "you often choose" not in engine.explain(request, other).text


def test_a_newcomer_sees_what_nobody_in_particular_sees(engine: Engine) -> None:
    def order(user: str | None) -> list[str]:
        slate = engine.answer(Request(surface="search", query="mug", user=user, size=20))
        return [placement.item.id for placement in slate.placements]

    assert order("somebody new") == order(None)
    request = Request(surface="search", query="mug", user="somebody new")
    assert "you often choose" not in engine.explain(request, order(None)[0]).text
