"""The rankers that are networks (`networks.py`): click models, and those that learn several deeds at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.libraries import library
from shopkeeper.learn.rankers.config import DcnConfig, DeepFmConfig, MlpConfig, MmoeConfig, NetworkConfig, PleConfig
from shopkeeper.learn.taught import Taught
from shopkeeper.settings import Settings


class NetworkRecipe(Taught[NetworkConfig]):
    """network: the name of its class in `networks.py`."""

    kind = "ranker"
    network: ClassVar[str]

    def fit(self, examples: Examples, watched: Examples, names: Sequence[str], settings: Settings) -> Ranker:
        """Raises MissingExtraError without PyTorch, SettingsError for a config that comes to nothing."""
        config = self.configured(settings)
        network = getattr(library("shopkeeper.learn.rankers.networks", self.job, needs="torch"), self.network)
        teaching = library("shopkeeper.learn.rankers.teaching", self.job, needs="torch")
        ranker: Ranker = teaching.fitted_ranker(network, examples, watched, names, config, settings.train)
        return ranker


class Mlp(NetworkRecipe):
    name, network, config_type = "mlp", "Mlp", MlpConfig
    when = "thousands of requests and a minute to spare: smooth where trees are steps"


class DeepFm(NetworkRecipe):
    name, network, config_type = "deepfm", "DeepFm", DeepFmConfig
    when = "thousands of requests and minutes to spare: what counts only together with something else, pair by pair"


class Dcn(NetworkRecipe):
    name, network, config_type = "dcn", "Dcn", DcnConfig
    when = "thousands of requests and minutes to spare: products of features, without bins"


class Mmoe(NetworkRecipe):
    name, network, config_type = "mmoe", "Mmoe", MmoeConfig
    when = "views, carts and purchases in plenty, which want different things: orders by the expected worth"


class Ple(NetworkRecipe):
    name, network, config_type = "ple", "Ple", PleConfig
    when = "as mmoe, where what is looked at and what is bought pull against each other"
