"""How a ranker comes to be: the examples that it learns from, and the recipes that fit it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.plugins import offered
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Scores

GROUP = "shopkeeper.rankers"


@dataclass(frozen=True)
class Examples:
    """Replayed requests, one after the other. features float32 [n, F]; labels float32 [n], the worth of what the
    person did next with the candidate (0: nothing; see INTEREST), or a judge's grade on the same scale; sizes int64
    [requests], candidates of each request; weights float32 [requests]."""

    features: Scores
    labels: Scores
    sizes: npt.NDArray[np.int64]
    weights: Scores

    def __len__(self) -> int:
        return len(self.sizes)

    def followed_by(self, other: Examples) -> Examples:
        return Examples(*(np.concatenate((getattr(self, f.name), getattr(other, f.name))) for f in fields(self)))

    def of(self, requests: npt.NDArray[np.integer[Any]]) -> Examples:
        """Those of some requests, int [k], ascending."""
        kept = np.zeros(len(self), np.bool_)
        kept[requests] = True
        rows = np.repeat(kept, self.sizes)
        return Examples(self.features[rows], self.labels[rows], self.sizes[kept], self.weights[kept])


class RankerRecipe(Protocol):
    """Fits the order of the candidates.

    fit: on `examples`, each of which has something that was wanted; what is stopped or chosen by looks at `watched`,
    later requests; `names` are those of the F features. The same from the same: `settings.train` has the seed.
    It may offer `when: str`, a line on when to choose it, which `shopkeeper models` prints; `config_type`, the
    msgspec.Struct that [models.NAME] of shop.toml is read as; and `check(settings)`, which raises SettingsError, before
    anything is fitted, for what its fit would refuse.
    """

    name: str

    def fit(self, examples: Examples, watched: Examples, names: Sequence[str], settings: Settings) -> Ranker: ...


def ranker_recipes(names: Iterable[str] | None = None, where: str = "surfaces") -> dict[str, RankerRecipe]:
    """The recipes of these names, or all that are installed, ours and a user's alike; `where` they were named.

    Raises SettingsError for a name that no installed package offers, and for one that cannot be imported.
    """
    return offered(GROUP, "ranker", names, where)
