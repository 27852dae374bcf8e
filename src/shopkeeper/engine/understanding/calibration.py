"""Confidences that mean what they say: of readings of 0.8, eight in ten are right."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.vocabulary import Scores

PRIOR = 20.0  # readings that say "as it is" before any click does
_EDGE = 1e-3
_STEPS, _NEAR = 25, 1e-6

_Floats = npt.NDArray[np.float64]


class Calibration(msgspec.Struct, frozen=True):
    """sigmoid(slope * logit(p) + offset): Platt, "Probabilistic outputs for support vector machines" (1999)."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, confidence: float) -> float:
        logit = self.slope * _logit(min(max(confidence, _EDGE), 1.0 - _EDGE)) + self.offset
        return (1.0 + math.tanh(logit / 2.0)) / 2.0  # which no logit is too large for


PLAIN = Calibration()


def calibrate(confidences: Scores, right: Scores) -> Calibration:
    """From confidences float32 [n] in [0, 1] and how right each was, float32 [n] in [0, 1]; few readings change
    little."""
    if not len(confidences):
        return PLAIN
    clipped = np.clip(confidences.astype(np.float64), _EDGE, 1.0 - _EDGE)
    x = np.stack((np.log(clipped / (1.0 - clipped)), np.ones(len(clipped))), axis=1)
    slope, offset = _fitted(x, right, np.array([1.0, 0.0]))
    if slope < 0.0:  # who is surer is never less right
        return Calibration(0.0, float(_fitted(x[:, 1:], right, np.zeros(1))[0]))
    return Calibration(float(slope), float(offset))


def _fitted(x: _Floats, right: Scores, start: _Floats) -> _Floats:
    """The weights [k] of logistic regression on x [n, k], drawn to `start`, by Newton's method with steps that are
    halved where they are too long."""

    def loss(w: _Floats) -> float:
        z = x @ w
        return float((np.logaddexp(0.0, z) - right * z).sum() + PRIOR / 2.0 * ((w - start) ** 2).sum())

    w = start
    for _ in range(_STEPS):
        p = (1.0 + np.tanh(x @ w / 2.0)) / 2.0
        gradient = x.T @ (p - right) + PRIOR * (w - start)
        hessian = (x * (p * (1.0 - p))[:, None]).T @ x + PRIOR * np.eye(len(start))
        step = np.linalg.solve(hessian, gradient)
        while loss(w - step) > loss(w) and np.abs(step).max() >= _NEAR:
            step = step / 2.0
        w = w - step
        if np.abs(step).max() < _NEAR:
            break
    return w


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))
