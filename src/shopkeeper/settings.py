"""shop.toml, typed: an unknown key or a wrong value stops the start and names the line and the remedy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from rapidfuzz import process

from shopkeeper.errors import SettingsError

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, Meta(ge=1)]


class ShopSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = "My shop"
    currency: str = ""  # ISO 4217, for exports that do not say


class DataSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sources: tuple[str, ...] = ()  # files, folders or database URLs; relative to the shop's directory
    session_gap_minutes: Positive = 30  # silence that ends a visit, where the source has no sessions
    memory_limit_mb: Positive = 4096  # what DuckDB may use before it spills to disk


class EncoderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: str = "bundled"  # "bundled", "none", a directory, or a Hugging Face name
    download: bool = False  # whether a Hugging Face name may be fetched from the hub
    max_tokens: Positive = 128
    max_unknown_share: Share = 0.2  # a text with more unknown tokens than this is left to the other sources


class TrainSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: int = 0
    threads: Positive = 2
    test_share: Annotated[float, Meta(gt=0.0, lt=0.5)] = 0.1  # of the events, the newest
    validation_share: Annotated[float, Meta(gt=0.0, lt=0.5)] = 0.1  # of the events, those before the test part
    max_requests: Positive = 20_000  # replayed requests for each surface and part
    half_life_days: Annotated[float, Meta(gt=0.0)] = 30.0  # after which an event counts half


class ReleaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: Positive = 5


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000


class Surface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One placement in the shop: which sources propose, what may not stand there, how much variety it wants."""

    sources: tuple[str, ...]
    needs: Literal["nothing", "query", "items"] = "nothing"  # what a request must bring
    candidates: Positive = 200  # asked of each source
    exclude: Literal["nothing", "purchased", "seen"] = "nothing"  # of the person's own history
    rank: Literal["learned", "fused"] = "learned"  # learned: by the released ranker, where it beat the fusion
    diversity: Share = 0.0  # 0: by score alone; 1: by variety alone (maximal marginal relevance)


DEFAULT_SURFACES: dict[str, Surface] = {
    "search": Surface(sources=("lexical", "semantic"), needs="query", candidates=500),
    "home": Surface(
        sources=("viewed_together", "similar", "trending", "popular"), exclude="purchased", diversity=0.1
    ),
    "similar": Surface(sources=("similar", "viewed_together"), needs="items"),
    "cart": Surface(sources=("bought_together", "viewed_together"), needs="items"),
    "new": Surface(sources=("new",)),
    "popular": Surface(sources=("popular",), rank="fused"),
    "recent": Surface(sources=("recent",), rank="fused"),
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merchant's wish: pin these items first, boost, bury or hide what a filter matches."""

    surface: str = "search"
    query: str = ""  # the words the request must hold; empty: any request
    pin: tuple[str, ...] = ()  # item ids, first position first
    boost: str = ""  # a filter
    bury: str = ""  # a filter
    hide: str = ""  # a filter


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of shop.toml. `surfaces` holds the defaults, overlaid by the file's own."""

    shop: ShopSettings = ShopSettings()
    data: DataSettings = DataSettings()
    encoder: EncoderSettings = EncoderSettings()
    train: TrainSettings = TrainSettings()
    release: ReleaseSettings = ReleaseSettings()
    server: ServerSettings = ServerSettings()
    surfaces: dict[str, Surface] = msgspec.field(default_factory=DEFAULT_SURFACES.copy)
    rules: tuple[Rule, ...] = ()


def read_settings(path: Path) -> Settings:
    """Read a shop.toml.

    Raises SettingsError with the line, what was expected and the nearest valid name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            "there is no shop.toml", where=str(path.parent), remedy="Make a shop with: shopkeeper new DIR --from SOURCE"
        ) from None
    return parse_settings(text, where=str(path))


def parse_settings(text: str, where: str = "shop.toml") -> Settings:
    """The settings in a TOML text; `where` names it in errors."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not valid TOML: {error}", where=where) from None
    raw["surfaces"] = _overlay_surfaces(raw.get("surfaces", {}))
    try:
        return msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise _explain(str(error), raw, text, where) from None


def _overlay_surfaces(own: Any) -> Any:
    if not isinstance(own, dict):
        return own
    surfaces: dict[str, Any] = {name: msgspec.to_builtins(surface) for name, surface in DEFAULT_SURFACES.items()}
    for name, surface in own.items():
        surfaces[name] = {**surfaces.get(name, {}), **surface} if isinstance(surface, dict) else surface
    return surfaces


def _explain(message: str, raw: dict[str, Any], text: str, where: str) -> SettingsError:
    """Turn msgspec's "Expected `int`, got `str` - at `$.server.port`" into line, expectation and remedy."""
    what, _, path = message.partition(" - at `$")
    keys = [key for key in re.split(r"[.\[\]]+", path.rstrip("`")) if key and key != "..."]
    unknown = re.search(r"unknown field `(.+?)`", what)
    if unknown:
        keys.append(unknown[1])
        near = process.extractOne(unknown[1], _names_at(keys[:-1]), score_cutoff=50)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(_names_at(keys[:-1]))}."
        return SettingsError(f"unknown key {unknown[1]!r}", where=_line(keys, text, where), remedy=remedy)
    expected, _, got = what.removeprefix("Expected ").partition(", got ")
    dotted = ".".join(keys)
    found = f"{dotted} is {got.strip('`')}" if got else f"{dotted} is {_value_at(keys, raw)!r}"
    return SettingsError(found, where=_line(keys, text, where), expected=expected.replace("`", ""))


def _names_at(keys: list[str]) -> list[str]:
    """The valid names inside the table that `keys` lead to."""
    if keys[:1] == ["surfaces"]:
        return list(Surface.__struct_fields__)
    if keys[:1] == ["rules"]:
        return list(Rule.__struct_fields__)
    table = getattr(Settings(), keys[0], None) if keys else Settings()
    return list(getattr(table, "__struct_fields__", ()))


def _value_at(keys: list[str], raw: Any) -> Any:
    for key in keys:
        if isinstance(raw, list) and key.isdigit():
            raw = raw[int(key)]
        else:
            raw = raw.get(key) if isinstance(raw, dict) else None
    return raw


def _line(keys: list[str], text: str, where: str) -> str:
    """`file, line N` of the deepest of `keys` that the text spells out."""
    names = [key for key in keys if not key.isdigit()]
    number, table = 0, ""
    for count, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            table = header[1].replace('"', "")
            path = table.split(".")
        else:
            key = re.match(r"\s*([\w\"'.-]+)\s*=", line)
            path = [*filter(None, table.split(".")), *(key[1].replace('"', "").split(".") if key else ())]
        if path == names[: len(path)] and path:
            number = count
            if path == names:
                break
    return f"{where}, line {number}" if number else where
