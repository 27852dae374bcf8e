"""Makes the encoder of a release: one that is trained on the shop's own texts and clicks, or any transformer, tuned on
clicks and judgements or as it comes → one int8 ONNX graph with its pooling inside."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from shopkeeper.data.tables import Tables
from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.encoder import CONVINCING_FILE, Encoder, SentenceEncoder
from shopkeeper.engine.item_text import item_texts
from shopkeeper.engine.meaning import readable_texts
from shopkeeper.engine.transformer import MODEL_FILE
from shopkeeper.learn.judged import ENCODER, parted
from shopkeeper.learn.libraries import library
from shopkeeper.learn.pretrained import BUNDLED, BUNDLED_SHA256, Named, read_tokenizer, write_files
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.searches import load_searches
from shopkeeper.settings import EncoderSettings, Settings
from shopkeeper.vocabulary import Ids

SAMPLE, FEWEST_TO_TRAIN = 2_000, 200  # items that tell what is read; without which there is nothing to learn
MOST_CLICKS = 200_000  # the newest
JOB = "building the sentence encoder"
WITH_BUNDLED = ("auto", BUNDLED)
_OPSET = 17


@dataclass(frozen=True)
class Lessons:
    """What people did that an encoder may learn from, read when it is asked for. before: seconds, the moment from which
    encoders are chosen and measured by what people did; readers: the networks that learn from judged queries
    (`readers_of` in judged.py)."""

    tables: Tables
    ids: Ids
    before: float
    readers: Sequence[str]

    @cached_property
    def searches(self) -> pa.Table:
        """Schema SEARCHES, oldest first."""
        return load_searches(self.tables.folder, before=self.before)

    @cached_property
    def judged(self) -> list[Asked]:
        """The queries that people have graded, as far as they teach the encoder."""
        asked = judgements_of(self.tables.table("judgements"), self.ids)
        return parted(asked, self.readers)[1].get(ENCODER, [])


class Made(NamedTuple):
    """tuned: whether the encoder has learned from clicks and from the judged queries that teach it; told:
    what came of that, in words, where it was asked for."""

    encoder: Encoder | None
    tuned: bool = False
    told: str = ""


def shop_encoder(settings: Settings, items: pa.Table, lessons: Lessons, cache: Path) -> Made:
    """The encoder that the settings name; "auto" is the bundled one where it can read the titles, else one that is
    trained. With `fine_tune` a pretrained one learns from clicks, and from those judged queries that teach readers.

    Raises as `build_encoder`.
    """
    wanted, threads = settings.encoder, settings.train.threads
    if wanted.model != "trained":
        found = build_encoder(wanted, cache / "encoder", threads)
        given = wanted.model != "auto" or len(items) < FEWEST_TO_TRAIN
        if found is None or given or _unread(items, found) <= wanted.max_unknown_share:
            return _tuned(found, settings, items, lessons, cache) if found and wanted.fine_tune else Made(found)
    teaching = library("shopkeeper.learn.models.subword", JOB, needs="torch")
    trained: Encoder = teaching.learned(
        items, _clicks(lessons), Chinese.of(()), wanted.max_tokens, settings.train, cache / "models"
    )
    told = "the pretrained one cannot read the titles, and one that is trained here serves: there is nothing to tune"
    return Made(trained, told=told if wanted.fine_tune else "")


def _clicks(lessons: Lessons) -> Any:
    """What searches led to: `Clicks` of models/subword.py, each item once for each search."""
    pairs = [
        (found["query"], item)
        for found in lessons.searches.select(["query", "clicked", "carted", "bought"]).to_pylist()
        for item in {**dict.fromkeys(found["clicked"]), **dict.fromkeys(found["carted"] + found["bought"])}
    ][-MOST_CLICKS:]
    rows = lessons.ids.rows(item for _, item in pairs)
    queries = [query for (query, _), row in zip(pairs, rows, strict=True) if row >= 0]
    return library("shopkeeper.learn.models.subword", JOB, needs="torch").Clicks(queries, rows[rows >= 0])


def _tuned(base: SentenceEncoder, settings: Settings, items: pa.Table, lessons: Lessons, cache: Path) -> Made:
    """The same, tuned, or its student; as it is where neither is better on queries that they have not learned from."""
    teaching, wanted = library("shopkeeper.learn.models.sentence", JOB, needs="torch"), settings.encoder
    clicks, judged = _clicks(lessons), lessons.judged
    some = teaching.rows_to_read(clicks, judged, len(items), settings.train.seed)
    readable, texts = readable_texts(items.take(some), base, wanted.max_unknown_share)
    known = teaching.Known.of(clicks, judged, some[readable])
    known = known.take(np.flatnonzero(base.unknown_shares(known.queries) <= wanted.max_unknown_share))
    tokenizer, network = _pretrained(wanted)
    read = base.tokens(known.queries), base.tokens(texts)
    found, told = teaching.tuned(network, known, *read, wanted.student_layers, settings.train, cache / "models")
    if found is None:
        return Made(base, told=told)
    written = _write(tokenizer, found.network, cache / "tuned", found.convincing)
    return Made(SentenceEncoder.load(written, threads=settings.train.threads), tuned=True, told=told)


def _unread(items: pa.Table, encoder: Encoder) -> float:
    """The share of the titles of some items that the encoder cannot read, in the language that it reads best."""
    some = np.random.default_rng(0).permutation(len(items))[:SAMPLE]
    titles = [item.title.splitlines() for item in item_texts(items.take(np.sort(some))) if item.title]
    shares = iter(encoder.unknown_shares([line for lines in titles for line in lines]).tolist())
    return float(np.mean([min(next(shares) for _ in lines) for lines in titles])) if titles else 0.0


def build_encoder(settings: EncoderSettings, directory: Path, threads: int) -> SentenceEncoder | None:
    """The encoder of that name, written into a folder in `directory`; None for "none", and the bundled one for "auto".

    Token vectors are averaged and scaled to length 1, whatever the model. The bundled graph is built once for each
    machine and kept in the user's cache instead.
    Raises MissingExtraError without the training libraries, SettingsError when there is no such model, or when the
    bundled weights are not those that were published.
    """
    if settings.model == "none":
        return None
    written = None
    if settings.model in WITH_BUNDLED:
        directory = _cache() / f"{BUNDLED_SHA256[:16]}-{settings.max_tokens}"
        written = next((graph.parent for graph in directory.glob(f"*/{MODEL_FILE}")), None)
    return SentenceEncoder.load(written or _export(settings, directory), threads=threads)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "shopkeeper" / "encoders"


def _export(settings: EncoderSettings, folder: Path) -> Path:
    tokenizer, network = _pretrained(settings)
    return _write(tokenizer, network, folder)


def _pretrained(settings: EncoderSettings) -> tuple[Any, Any]:
    """A tokenizer and a network of transformers, tried on a long text. Raises as `build_encoder`."""
    model = BUNDLED if settings.model in WITH_BUNDLED else settings.model
    others = '"auto", "bundled", "trained", "none"'
    with Named("encoder", "encoder", others, JOB, model, settings.download).opening() as read:
        teaching = library("shopkeeper.learn.models.sentence_network", JOB, needs="torch")
        network = read("AutoModel", attn_implementation="eager")
        tokenizer = read_tokenizer(read, network.config, settings.max_tokens)
        teaching.Pooled(network).read_all([tokenizer.encode("a " * settings.max_tokens, truncation=True)])
    return tokenizer, network


def _write(tokenizer: Any, network: Any, folder: Path, convincing: float | None = None) -> Path:
    """The files of a SentenceEncoder, as `write_files` has it."""
    pooled = library("shopkeeper.learn.models.sentence_network", JOB, needs="torch").Pooled(network)
    beside = {} if convincing is None else {CONVINCING_FILE: msgspec.json.encode(convincing)}
    return write_files(tokenizer, folder, lambda path: _write_graph(pooled, path), JOB, beside=beside)


def _write_graph(pooled: Any, path: Path) -> None:
    """input_ids, attention_mask (int64 [batch, length]) → vector (float32 [batch, d]), pooled and of length 1."""
    torch = library("torch", JOB)
    ids = torch.ones(2, 5, dtype=torch.long)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])  # a mask of ones alone would be traced away
    torch.onnx.export(
        pooled.eval(),
        (ids, mask),
        str(path),
        input_names=["input_ids", "attention_mask"],
        output_names=["vector"],
        dynamic_axes={"input_ids": {0: "B", 1: "T"}, "attention_mask": {0: "B", 1: "T"}, "vector": {0: "B"}},
        opset_version=_OPSET,
        dynamo=False,
    )
