"""What each stage of an answer brings: planted sources."""

from __future__ import annotations

import numpy as np
from histories import history
from planted import Hands, Planted, asked, engine_of

from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.split import Part
from shopkeeper.learn.stages import CONTEXT, stages_of
from shopkeeper.settings import Surface

ITEMS, REQUESTS = 40, 120


def engine() -> Engine:
    hands, events = Hands(), history([(0, 0, 1.0, 0)], n_users=6)
    sources = [
        Planted("good", lambda context: [int(context.now) % ITEMS], hands),
        Planted("idle", lambda _: list(range(1, 13)), hands),
    ]
    part = Part(events, events, events, np.zeros(1, bool), 2.0)
    return engine_of(part, ITEMS, sources, surface=Surface(sources=("good", "idle"), rank="fused"))


def test_what_finds_the_answer_brings_it_and_what_does_not_brings_nothing() -> None:
    requests = [asked(1, (1_000 + at) % ITEMS, time=1_000.0 + at) for at in range(REQUESTS)]
    stages = stages_of(engine(), requests, seed=0)
    assert set(stages) == {CONTEXT, "good", "idle", "fusion"}
    good, idle = stages["good"].brings, stages["idle"].brings
    assert good is not None
    assert idle is not None
    assert good.difference.low > 0.3
    assert idle.difference.value < 0.1
    assert np.isclose(sum(stage.share or 0.0 for stage in stages.values()), 1.0)


def test_nothing_asked_tells_nothing() -> None:
    assert stages_of(engine(), [], seed=0) == {}
