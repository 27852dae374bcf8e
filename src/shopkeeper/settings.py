"""The settings of a shop, typed. The help beside each is part of its type, so that it cannot go stale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Weight = Annotated[float, Meta(ge=0.0, le=1_000.0)]
Fusion = Literal["reciprocal_rank", "weighted_sum", "vote"]


class Tuned(NamedTuple):
    """Where `shopkeeper tune` looks for a model's setting: its type is Annotated with one. log: on a scale of
    logarithms; step: of whole numbers, from `low` on."""

    low: float
    high: float
    log: bool = False
    step: int = 1


def _help(text: str) -> Meta:
    return Meta(description=text)


class ShopSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, _help("what the pages call the shop")] = "My shop"
    currency: Annotated[str, _help("ISO 4217, for exports that do not say")] = ""


class DataSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sources: Annotated[tuple[str, ...], _help("files, folders or database URLs; relative to the shop's directory")] = ()
    session_gap_minutes: Annotated[Positive, _help("silence that ends a visit, where the source has no sessions")] = 30
    memory_limit_mb: Annotated[Positive, _help("what DuckDB may use before it spills to disk")] = 4096
    remember_days: Annotated[Positive, _help("for which an event that is sent again is known, once it is settled")] = 90

    def located(self, directory: Path) -> list[str]:
        """The sources as seen from anywhere: absolute paths, and database addresses as they are."""
        home = directory.resolve()
        return [text if "://" in text else str(home / Path(text).expanduser()) for text in self.sources]


class EncoderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: Annotated[str, _help('"bundled", "none", a directory, or a Hugging Face name')] = "bundled"
    download: Annotated[bool, _help("whether a Hugging Face name may be fetched from the hub")] = False
    max_tokens: Annotated[Positive, _help("of a text; the rest is not read")] = 128
    max_unknown_share: Annotated[
        Share, _help("a text with more unknown tokens than this is left to the other sources")
    ] = 0.2


class TrainSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: Annotated[int, Meta(ge=0, lt=2**32), _help("same tables, settings and seed: same release")] = 0
    threads: Annotated[Positive, _help("for fitting; at most the machine's cores")] = 2
    test_share: Annotated[float, Meta(gt=0.0, lt=0.5), _help("of the events, the newest")] = 0.1
    validation_share: Annotated[float, Meta(gt=0.0, lt=0.5), _help("of the events, those before the test part")] = 0.1
    max_requests: Annotated[Positive, _help("replayed requests for each surface and part")] = 5_000
    half_life_days: Annotated[float, Meta(gt=0.0), _help("after which an event counts half")] = 30.0
    budget_minutes: Annotated[
        float, Meta(gt=0.0), _help("for fitting one model once; what it has learned by then is what competes")
    ] = 10.0
    device: Annotated[
        Literal["auto", "cpu", "cuda"], _help("where networks are fitted; auto: on a graphics card, where there is one")
    ] = "auto"
    tracker: Annotated[
        Literal["tensorboard", "wandb", "none"], _help("which keeps the figures of every epoch; under cache/fits")
    ] = "tensorboard"

    @property
    def shaping(self) -> TrainSettings:
        """The same for all settings that differ only in how long, where and before whose eyes is fitted."""
        plain = TrainSettings()
        return msgspec.structs.replace(
            self, budget_minutes=plain.budget_minutes, device=plain.device, tracker=plain.tracker
        )


class ReleaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: Annotated[Positive, _help("how many releases stay on disk, to go back to")] = 5


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: Annotated[str, _help('"0.0.0.0" lets other machines in')] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), _help("0 takes any that is free")] = 8000
    workers: Annotated[Positive, _help("processes that answer; best as many as the machine has cores")] = 1
    retrain: Annotated[
        str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$"), _help('when to train every day: "03:00"; "" for never')
    ] = ""
    open: Annotated[bool, _help("whether a shop without keys may be open to other machines")] = False
    cors_origins: Annotated[
        tuple[str, ...], _help('whose pages may ask from a browser: ["https://www.example.com"]')
    ] = ()
    key_rate: Annotated[float, Meta(gt=0.0), _help("requests a second for a key that has no rate of its own")] = 100.0
    body_timeout_s: Annotated[float, Meta(gt=0.0), _help("in which the body of a request must have come")] = 30.0
    access_log: Annotated[bool, _help("whether every request is a line of the log")] = False


class Surface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One placement in the shop: which sources propose, what may not stand there, how much variety it wants."""

    sources: Annotated[tuple[str, ...], Meta(min_length=1), _help("which propose candidates; all: shopkeeper models")]
    needs: Annotated[Literal["nothing", "query", "items", "picture"], _help("what a request must bring")] = "nothing"
    candidates: Annotated[Positive, _help("asked of each source")] = 200
    exclude: Annotated[Literal["nothing", "purchased", "seen"], _help("of the person's own history")] = "nothing"
    rank: Annotated[Literal["learned", "fused"], _help("learned: by the released ranker, where it beat the fusion")] = (
        "learned"
    )
    rankers: Annotated[
        tuple[str, ...], _help("which learn an order and compete with the fusion; all: shopkeeper models")
    ] = (
        "lambdamart",
        "stacking",
    )
    fusion: Annotated[Fusion, _help("how the sources are merged without learning, unless another way wins")] = (
        "reciprocal_rank"
    )
    diversity: Annotated[Share, _help("0: by score alone; 1: by variety alone (maximal marginal relevance)")] = 0.0
    explore: Annotated[
        Share, _help("of the answers, in which two places change hands by chance, so that there is something to learn")
    ] = 0.05
    budget_ms: Annotated[
        float, Meta(ge=0.0), _help("within which 95 of 100 answers come, as training times them; 0: any time will do")
    ] = 100.0
    weights: Annotated[
        dict[str, Weight], _help("of sources in the fusion, where not the usual: { popular = 0.5 }")
    ] = {}

    @property
    def seeks(self) -> bool:
        """Whether nothing is an answer, too: what was asked for is not there."""
        return self.needs in ("query", "picture")


DEFAULT_SURFACES: dict[str, Surface] = {
    "search": Surface(sources=("lexical", "semantic"), needs="query", candidates=500),
    "home": Surface(
        sources=("viewed_together", "slist", "similar", "trending", "popular"), exclude="purchased", diversity=0.1
    ),
    "similar": Surface(sources=("similar", "viewed_together"), needs="items"),
    "cart": Surface(sources=("bought_together", "viewed_together"), needs="items"),
    "new": Surface(sources=("new",), explore=0.0),
    "popular": Surface(sources=("popular",), rank="fused"),
    "recent": Surface(sources=("recent",), rank="fused", explore=0.0),
    "picture": Surface(sources=("picture",), needs="picture", candidates=500, rank="fused", explore=0.0),
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merchant's wish: pin these items first, boost, bury or hide what a filter matches."""

    surface: Annotated[str, _help("where the rule holds")] = "search"
    query: Annotated[str, _help("the words the request must hold; empty: any request")] = ""
    pin: Annotated[tuple[str, ...], _help("item ids, first position first")] = ()
    boost: Annotated[str, _help('a filter, such as: brand = "Acme"')] = ""
    bury: Annotated[str, _help("a filter")] = ""
    hide: Annotated[str, _help("a filter")] = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of shop.toml. `surfaces` holds the defaults, overlaid by the file's own."""

    shop: ShopSettings = ShopSettings()
    data: DataSettings = DataSettings()
    encoder: EncoderSettings = EncoderSettings()
    train: TrainSettings = TrainSettings()
    release: ReleaseSettings = ReleaseSettings()
    server: ServerSettings = ServerSettings()
    surfaces: dict[str, Surface] = msgspec.field(default_factory=DEFAULT_SURFACES.copy)
    models: dict[str, dict[str, Any]] = {}
    rules: tuple[Rule, ...] = ()
