"""Who may take the place of the fusion."""

from __future__ import annotations

import numpy as np

from shopkeeper.learn.tournament import FUSED, LEARNED, judge

FUSION = np.full(400, 0.5)


def test_the_best_of_those_that_surely_beat_the_fusion_wins() -> None:
    lucky = FUSION.copy()
    lucky[0] += 50.0  # one request makes the highest mean: nothing to be sure of
    lucky[1:] -= 0.1
    steady, better = FUSION + 0.01, FUSION + 0.02
    lead, winner, beats = judge({FUSED: FUSION, "lucky": lucky, "steady": steady, LEARNED: better}, 0)
    assert (lead, winner) == ("lucky", LEARNED)
    assert round(beats.difference.value, 6) == 0.02
    assert judge({FUSED: FUSION, "lucky": lucky}, 0)[:2] == ("lucky", FUSED)
    assert judge({FUSED: FUSION, "worse": FUSION - 0.1}, 0)[:2] == (FUSED, FUSED)
    assert judge({FUSED: FUSION, "same": FUSION.copy()}, 0)[1] == FUSED
