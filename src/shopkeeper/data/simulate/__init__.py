"""A simulated shop: a seedable world with known truth, written as the exports of a real shop."""

from __future__ import annotations

from shopkeeper.data.simulate.simulation import simulate
from shopkeeper.data.simulate.truth import Truth

__all__ = ["Truth", "simulate"]
