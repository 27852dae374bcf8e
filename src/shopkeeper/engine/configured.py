"""What recipes with settings of their own have in common."""

from __future__ import annotations

from typing import Generic

from shopkeeper.settings import Settings
from shopkeeper.shop_toml import Config, model_settings


class Configured(Generic[Config]):
    """A recipe that is made with a config, or else reads it under [models.NAME] of shop.toml."""

    name: str
    config_type: type[Config]

    def __init__(self, config: Config | None = None) -> None:
        self.config = config

    def configured(self, settings: Settings) -> Config:
        """Raises SettingsError."""
        return self.config or model_settings(settings, self.name, self.config_type)
