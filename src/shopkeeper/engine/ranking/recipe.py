"""How a ranker comes to be: the examples that it learns from, and the recipes that fit it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.plugins import offered
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Scores

GROUP = "shopkeeper.rankers"


@dataclass(frozen=True)
class Examples:
    """Replayed requests, one after the other. features float32 [n, F]; labels int32 [n], the worth of what the person
    did next with the candidate (0: nothing; see INTEREST); sizes int64 [requests], candidates of each request;
    weights float32 [requests]."""

    features: Scores
    labels: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int64]
    weights: Scores

    def __len__(self) -> int:
        return len(self.sizes)


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
