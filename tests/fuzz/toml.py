"""shop.toml and mapping.toml: any text is settings and a mapping, or an error of ours that says where."""

from __future__ import annotations

from contextlib import suppress

from shopkeeper.data.mapping import format_mapping, parse_mapping
from shopkeeper.data.schema import FIELDS
from shopkeeper.errors import MappingError, SettingsError
from shopkeeper.settings import Settings
from shopkeeper.shop_toml import parse_settings, settings_text

SEEDS = [
    settings_text(Settings()).replace("\n# ", "\n").encode(),
    b'[surfaces.home]\nsources = ["popular"]\n[[rules]]\npin = ["a"]\n[surfaces."x y"]\nsources = []\n',
    b'[[files]]\npath = "a.csv"\nrole = "events"\nevent_types = { pv = "view" }\n[files.columns]\n'
    b'"a b" = { field = "time", format = "unit:0.01" }\n',
    " ".join(FIELDS).encode(),
    b"a = " + b"[" * 1_000,
    b"a = 1979-05-27T07:32:00Z\nb = [1, {x = inf}]\n'c'.\"d\" = '''x'''\n",
]


def check(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with suppress(SettingsError):
        settings = parse_settings(text)
        assert parse_settings(settings_text(settings)) == settings
    with suppress(MappingError):
        mapping = parse_mapping(text)
        assert parse_mapping(format_mapping(mapping)) == mapping
