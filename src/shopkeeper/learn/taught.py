"""What recipes of networks have in common."""

from __future__ import annotations

from typing import ClassVar

from shopkeeper.engine.configured import Configured
from shopkeeper.learn.libraries import check_device
from shopkeeper.settings import Settings
from shopkeeper.shop_toml import Config


class Taught(Configured[Config]):
    """A recipe whose fit needs PyTorch. kind: of model, as errors call it."""

    kind: ClassVar[str] = "source"

    @property
    def job(self) -> str:
        return f"fitting the {self.kind} {self.name}"

    def check(self, settings: Settings) -> None:
        """Before anything is fitted. Raises SettingsError for what the fit would refuse, MissingExtraError."""
        check_device(settings.train, self.job)
