"""What the tests of these routes share besides fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shopkeeper.settings import Settings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text

Ask = Callable[..., Any]


def empty_shop(directory: Path) -> Shop:
    """A shop that has no exports, trained on nothing."""
    directory.mkdir(parents=True)
    (directory / "shop.toml").write_text(settings_text(Settings()), encoding="utf-8")
    shop = Shop(directory)
    shop.ingest()
    shop.train()
    return shop
