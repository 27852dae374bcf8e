"""Meaning is asked where it wins, and dropped where it harms."""

from __future__ import annotations

import numpy as np
from histories import history
from planted import Hands, Planted, asked, engine_of

from shopkeeper.learn.split import Part
from shopkeeper.learn.tournament import Winner, compete
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import silent

ITEMS, REQUESTS = 40, 240


def wanted(time: float) -> int:
    return int(time) % ITEMS


def winner(*, helps: bool, weights: dict[str, float] | None = None) -> Winner:
    """Words find what is wanted at the third place; meaning at the first, or by vectors of chance never."""
    hands, chance = Hands(), np.random.default_rng(0)

    def by_words(now: float) -> list[int]:
        others = [row for row in range(ITEMS) if row != wanted(now)]
        return [*others[20:22], wanted(now), *others[22:30]]

    def by_meaning(now: float) -> list[int]:
        if helps:
            return [wanted(now)]
        return [row for row in chance.permutation(ITEMS).tolist() if row != wanted(now)][:12]

    sources = [
        Planted("lexical", lambda context: by_words(context.now), hands, 1),
        Planted("semantic", lambda context: by_meaning(context.now), hands, 1),
    ]
    events = history([(0, 0, 1.0, 0)], n_users=6)
    surface = Surface(needs="query", sources=("lexical", "semantic"), rank="fused", weights=weights or {})
    part = Part(events, events, events, np.zeros(1, bool), 2.0)
    requests = [asked(at % 5 + 1, wanted(1_000 + at), time=1_000.0 + at, query="mug") for at in range(REQUESTS)]
    return compete(
        engine_of(part, ITEMS, sources, surface=surface), "home", requests, seed=0, progress=silent, clock=hands
    )


def test_meaning_that_harms_is_dropped_and_the_report_says_so() -> None:
    harmed = winner(helps=False)
    assert harmed.surface.sources == ("lexical",)
    assert "without it and" in harmed.choice.dropped["semantic"]


def test_meaning_that_helps_stays() -> None:
    helped = winner(helps=True)
    assert "semantic" in helped.surface.sources
    assert "semantic" not in helped.choice.dropped


def test_weights_that_a_person_wrote_stay() -> None:
    assert winner(helps=False, weights={"lexical": 1.0, "semantic": 1.0}).surface.sources == ("lexical", "semantic")
