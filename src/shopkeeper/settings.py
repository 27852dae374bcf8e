"""The settings of a shop, typed. The help beside each is part of its type, so that it cannot go stale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from shopkeeper.vocabulary import Address, Banner

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Weight = Annotated[float, Meta(ge=0.0, le=1_000.0)]
Fusion = Literal["reciprocal_rank", "weighted_sum", "vote"]
Language = Literal[
    "ar", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv", "ta", "tr"
]  # fmt: skip


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
    model: Annotated[str, _help('"auto", "bundled", "trained", "none", a directory, or a Hugging Face name')] = "auto"
    download: Annotated[bool, _help("whether a Hugging Face name may be fetched from the hub")] = False
    max_tokens: Annotated[Positive, _help("of a text; the rest is not read")] = 128
    max_unknown_share: Annotated[
        Share, _help("a text with more unknown tokens than this is left to the other sources")
    ] = 0.2
    fine_tune: Annotated[bool, _help("whether a pretrained model learns from clicks and judgements")] = False
    student_layers: Annotated[
        int, Meta(ge=0), _help("of the smaller model that learns from the tuned one, to serve in its place; 0: none")
    ] = 3


class CrossEncoderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: Annotated[str, _help('"none", "bundled", a directory, or a Hugging Face name: reads the first again')] = (
        "none"
    )
    download: Annotated[bool, _help("whether a Hugging Face name may be fetched from the hub")] = False
    max_tokens: Annotated[Positive, _help("of a query and an item's text together; the rest is not read")] = 32
    depth: Annotated[int, Meta(ge=2), _help("how many of the first of an answer are read")] = 20


class SearchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    languages: Annotated[
        tuple[Language, ...], _help('whose endings are taken off words ("mugs" finds "mug"), at the next training')
    ] = ("en",)
    stop_words: Annotated[tuple[str, ...], _help("words that a query may do without, besides the usual")] = ()
    dictionary: Annotated[
        tuple[str, ...], _help("words of the shop's own that are not to be cut, in Chinese and the like; as languages")
    ] = ()
    understanding: Annotated[
        Literal["soft", "hard", "off"],
        _help("what is read from a query (brand, colour…) lifts what agrees, or leaves out the rest, as a price does"),
    ] = "soft"
    sure: Annotated[Share, _help("how sure a reading, also of a price, must be to leave out what does not agree")] = 0.8
    likely: Annotated[Share, _help("how sure a reading must be to count at all")] = 0.3
    fewest: Annotated[Positive, _help("items that must remain where a reading leaves others out")] = 3


class UnderstandingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[
        str, _help('an OpenAI-compatible API that refines readings while training: "http://localhost:11434/v1"')
    ] = ""
    model: Annotated[str, _help("which of its models")] = ""
    key_env: Annotated[str, _help("the environment variable that holds the key; empty: none is sent")] = ""
    timeout_ms: Annotated[Positive, _help("after which an answer of the API is not waited for")] = 10_000
    queries: Annotated[Positive, _help("the most frequent queries that are refined")] = 200


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


class SuggestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    people: Annotated[Positive, _help("how many must have typed a query before it is suggested to others")] = 5
    count_visits: Annotated[
        bool, _help("whether each visit of nobody in particular counts as one of the people; else all together do")
    ] = False
    blocklist: Annotated[tuple[str, ...], _help("words that no suggestion may hold")] = ()


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


Moment = Annotated[
    str,
    Meta(pattern=r"^(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?)?$"),
]
Match = Literal["contains", "is", "starts", "pattern"]
MATCHES: tuple[str, ...] = get_args(Match)
Place = Annotated[int, Meta(ge=1, le=1_000)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A merchant's wish: when a request is such, do so. Whatever is left empty asks nothing, and does nothing."""

    id: Annotated[str, Meta(max_length=100), _help("what answers and refusals call it; empty: its number")] = ""
    name: Annotated[str, Meta(max_length=200), _help("for people")] = ""
    enabled: Annotated[bool, _help("false: kept, and not followed")] = True
    priority: Annotated[int, Meta(ge=-1_000, le=1_000), _help("of two rules that disagree, the higher is heard")] = 0
    surface: Annotated[str, _help("where the rule holds")] = "search"
    query: Annotated[str, Meta(max_length=1_000), _help("what the request must ask for; empty: any request")] = ""
    match: Annotated[Match, _help("how the query must hold it")] = "contains"
    chosen: Annotated[str, _help("a filter that the shopper must have chosen, such as: category = Shoes")] = ""
    audience: Annotated[tuple[str, ...], _help('for any of: segments, devices, "newcomer", "regular"')] = ()
    since: Annotated[Moment, _help('the first day or moment, as 2027-01-31 or "2027-01-31T08:00+01:00"')] = ""
    until: Annotated[Moment, _help("the last day, or the moment at which it ends")] = ""
    pin: Annotated[tuple[str, ...], Meta(max_length=500), _help("item ids, first position first")] = ()
    pin_at: Annotated[dict[str, Place], Meta(max_length=500), _help('items at positions: { "10421" = 3 }')] = {}
    boost: Annotated[str, _help('a filter, such as: brand = "Acme"')] = ""
    bury: Annotated[str, _help("a filter")] = ""
    strength: Annotated[
        float, Meta(gt=1.0, le=1_000.0), _help("what boosting divides ranks by, burying multiplies")
    ] = 4.0
    hide: Annotated[str, _help("a filter")] = ""
    use: Annotated[str, Meta(max_length=1_000), _help("search for this instead")] = ""
    redirect: Annotated[Address, _help("where to send the shopper instead: an http address, or a path")] = ""
    banner: Annotated[Banner, _help('above the answer: { text = "…", image = "…", link = "…" }')] = Banner()


class Synonym(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words, or runs of words, that mean the same."""

    words: Annotated[tuple[str, ...], Meta(min_length=1, max_length=100), _help("each finds the others: sofa, couch")]
    means: Annotated[
        tuple[str, ...], Meta(max_length=100), _help("if given, `words` find these as well, and these find no `words`")
    ] = ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of shop.toml. `surfaces` holds the defaults, overlaid by the file's own."""

    shop: ShopSettings = ShopSettings()
    data: DataSettings = DataSettings()
    encoder: EncoderSettings = EncoderSettings()
    cross_encoder: CrossEncoderSettings = CrossEncoderSettings()
    train: TrainSettings = TrainSettings()
    search: SearchSettings = SearchSettings()
    understanding: UnderstandingSettings = UnderstandingSettings()
    release: ReleaseSettings = ReleaseSettings()
    server: ServerSettings = ServerSettings()
    suggest: SuggestSettings = SuggestSettings()
    surfaces: dict[str, Surface] = msgspec.field(default_factory=DEFAULT_SURFACES.copy)
    models: dict[str, dict[str, Any]] = {}
    rules: tuple[Rule, ...] = ()
    synonyms: tuple[Synonym, ...] = ()
