"""Confidences that mean what they say: of readings of 0.8, eight in ten are right."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from shopkeeper.vocabulary import Scores

PRIOR = 20.0  # readings that say "as it is" before any click does
_EDGE = 1e-3


class Calibration(msgspec.Struct, frozen=True):
    """sigmoid(slope * logit(p) + offset): Platt, "Probabilistic outputs for support vector machines" (1999)."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, confidence: float) -> float:
        logit = self.slope * _logit(min(max(confidence, _EDGE), 1.0 - _EDGE)) + self.offset
        return 1.0 / (1.0 + math.exp(-logit))


PLAIN = Calibration()


def calibrate(confidences: Scores, right: Scores) -> Calibration:
    """From confidences float32 [n] in [0, 1] and how right each was, float32 [n] in [0, 1], by Newton's method; few
    readings change little."""
    if not len(confidences):
        return PLAIN
    clipped = np.clip(confidences.astype(np.float64), _EDGE, 1.0 - _EDGE)
    x = np.stack((np.log(clipped / (1.0 - clipped)), np.ones(len(clipped))), axis=1)
    w, start = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(25):
        p = 1.0 / (1.0 + np.exp(-(x @ w)))
        gradient = x.T @ (p - right) + PRIOR * (w - start)
        hessian = (x * (p * (1.0 - p))[:, None]).T @ x + PRIOR * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        w = w - step
        if np.abs(step).max() < 1e-6:
            break
    return Calibration(max(float(w[0]), 0.0), float(w[1]))


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))
