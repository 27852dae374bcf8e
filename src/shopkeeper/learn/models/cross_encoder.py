"""How a cross-encoder learns to read a query and a product's text together (Nogueira and Cho, "Passage Re-ranking with
BERT", 2019): what was wanted is to stand above what else stood in front, by softmax over the list (Cao et al.,
"Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from shopkeeper.engine.context import Epoch
from shopkeeper.engine.cross_encoder import CrossEncoder
from shopkeeper.engine.transformer import width
from shopkeeper.errors import DivergedError, SettingsError
from shopkeeper.learn.encoder import bundled_weights, quiet, unreadable, write_files
from shopkeeper.learn.libraries import library
from shopkeeper.learn.metrics import ndcg
from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.learn.models.export import exported
from shopkeeper.learn.models.lessons import checkpoint_at, seeded
from shopkeeper.learn.models.loop import Loop, Schedule, device_of
from shopkeeper.settings import CrossEncoderSettings, Positive, TrainSettings
from shopkeeper.vocabulary import Scores

JOB = "learning the cross-encoder"
FEWEST = 50  # lists, without which there is nothing to learn
K = 10  # of a list, by which it is watched
AVERAGED = 0.98  # of the weights: a fit is some hundred steps

_log = logging.getLogger(__name__)


class CrossEncoderConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """batch: of lists; texts: of each list that are read in an epoch, at most."""

    rate: float = 5e-5
    falling: Literal["no", "linear", "cosine"] = "linear"
    epochs: Positive = 3
    patience: Positive = 1
    batch: Positive = 4
    texts: Positive = 8


class Shown(NamedTuple):
    """What one request teaches: its query, the texts that stood in front, what each was worth, float32 [n], of which
    some is above 0, and what the request counts."""

    query: str
    texts: Sequence[str]
    gains: Scores
    weight: float = 1.0


class Batch(NamedTuple):
    """inputs: (p, t) each, what the network takes of p pairs; sizes: of the lists that they make, one after the other;
    wanted (p): the share of each text in what its list is worth, times what the list counts; total: what all count."""

    inputs: dict[str, Tensor]
    sizes: list[int]
    wanted: Tensor
    total: float


class CrossEncoderNetwork(nn.Module):
    """A transformer with one number for each pair, made of what it says at the first token. The vectors of words stay
    as they are: few lists tell of few words, and the others are to stay where these are."""

    def __init__(self, network: Any, names: Sequence[str]) -> None:
        """network: of `transformers`, for the classification of sequences, with one label; names: of its inputs."""
        super().__init__()
        self.network, self.names = network, tuple(names)
        network.get_input_embeddings().weight.requires_grad_(False)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Of `names`, (p, t) each → (p)."""
        given = dict(zip(self.names, inputs, strict=True))
        return cast(Tensor, self.network(**given).logits[:, 0])

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of what is wanted and the softmax of the scores, in each list."""
        scores = self(*batch.inputs.values()).float()  # (p)
        logs = torch.cat([torch.log_softmax(each, dim=0) for each in scores.split(batch.sizes)])  # (p)
        return -(batch.wanted * logs).sum() / batch.total


def learned(
    lists: Sequence[Shown],
    watched: Sequence[Shown],
    settings: CrossEncoderSettings,
    training: TrainSettings,
    target: Path,
    work: Path | None = None,
    config: CrossEncoderConfig | None = None,
) -> CrossEncoder:
    """The cross-encoder of `settings`, taught by `lists` and stopped by `watched`, written into `target`. A model that
    is a cross-encoder already is taken as it is with fewer than FEWEST lists, and where they teach it nothing. What is
    learned is kept in `work`, for whoever asks for the same again.

    Raises MissingExtraError; SettingsError where there is no such model; DivergedError where there is nothing to learn
    from, or it comes to nothing.
    """
    config = config or CrossEncoderConfig()
    with seeded(training):
        network, tokenizer, ready = opened(settings)
        reader = CrossEncoderNetwork(network, tokenizer.model_input_names)
        if len(lists) >= FEWEST and watched:
            teacher = Teacher(lists, watched, tokenizer, settings.max_tokens, config, training)
            state = [weights.detach().numpy() for weights in network.parameters()]
            terms = (settings.max_tokens, training.seed, msgspec.to_builtins(config), teacher.told)
            checkpoint = checkpoint_at(work, "cross_encoder", state, terms)
            loop = Loop(
                reader.to(device_of(training.device)),
                replace(Schedule.of(config, training), average=AVERAGED),
                checkpoint,
            )
            before = teacher.watch(reader.eval()) if ready else -math.inf
            reader = loop.fit(teacher.batches, CrossEncoderNetwork.loss, teacher.watch, _tell).cpu()
            if loop.reached("").figure <= before:
                reader = CrossEncoderNetwork(opened(settings)[0], tokenizer.model_input_names)
        elif not ready:
            remedy = "Wait for more searches, or name a model that is a cross-encoder already."
            raise DivergedError(f"only {len(lists):,} lists to learn from", remedy=remedy)
        _write(reader.eval(), tokenizer, settings.max_tokens, target)
    return CrossEncoder.load(target)


def opened(settings: CrossEncoderSettings) -> tuple[Any, Any, bool]:
    """The network and the tokenizer of that name, and whether it is a cross-encoder already. Raises SettingsError,
    MissingExtraError."""
    transformers = library("transformers", JOB)
    name = bundled_weights() if settings.model == "bundled" else settings.model
    local = {"local_files_only": not settings.download}
    with quiet(transformers):
        try:
            config = transformers.AutoConfig.from_pretrained(name, **local)
            ready = config.num_labels == 1 and "Classification" in "".join(config.architectures or ())
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, **local)
            network = transformers.AutoModelForSequenceClassification.from_pretrained(
                name, num_labels=1, ignore_mismatched_sizes=True, attn_implementation="eager", **local
            )
        except (OSError, ValueError) as error:
            raise SettingsError(
                unreadable("cross-encoder", settings.model, error, download=settings.download),
                where="shop.toml, cross_encoder.model",
                expected='"none", "bundled", a directory, or a Hugging Face name',
                remedy="A name that is not on this machine is fetched with: cross_encoder.download = true",
            ) from error
    return network.float(), tokenizer, ready


def _tell(number: int, epoch: Epoch) -> None:
    _log.info("cross-encoder, epoch %d: loss %.3f, NDCG %.3f, %.0f s", number, epoch.loss, epoch.figure, epoch.seconds)


class Teacher:
    """In an epoch each list is read once: its best text, and others by chance, in front of which it stands."""

    def __init__(
        self,
        lists: Sequence[Shown],
        watched: Sequence[Shown],
        tokenizer: Any,
        max_tokens: int,
        config: CrossEncoderConfig,
        training: TrainSettings,
    ) -> None:
        self._lists, self._watched, self._tokenizer, self._max_tokens = lists, watched, tokenizer, max_tokens
        self._config, self._seed, self._device = config, training.seed, device_of(training.device)

    @property
    def told(self) -> list[tuple[str, tuple[str, ...], list[float], float]]:
        """All that is learned from."""
        every = (*self._lists, *self._watched)
        return [(one.query, tuple(one.texts), one.gains.tolist(), float(one.weight)) for one in every]

    def batches(self, epoch: int) -> Iterator[Batch]:
        generator = np.random.default_rng((self._seed, epoch))
        order = generator.permutation(len(self._lists))
        for first in range(0, len(order), self._config.batch):
            lists = [self._lists[at] for at in order[first : first + self._config.batch]]
            yield self._batch([self._some(one, generator) for one in lists])

    def _some(self, one: Shown, generator: np.random.Generator) -> Shown:
        best = int(np.argmax(one.gains))
        others = generator.permutation(np.delete(np.arange(len(one.gains)), best))[: self._config.texts - 1]
        kept = np.append(others, best)
        return one._replace(texts=[one.texts[at] for at in kept], gains=one.gains[kept])

    def _batch(self, lists: Sequence[Shown]) -> Batch:
        wanted = np.concatenate([one.weight * one.gains / one.gains.sum() for one in lists]).astype(np.float32)
        sizes = [len(one.texts) for one in lists]
        total = sum(one.weight for one in lists)
        return Batch(self._inputs(lists), sizes, torch.from_numpy(wanted).to(self._device), total)

    def _inputs(self, lists: Sequence[Shown]) -> dict[str, Tensor]:
        queries = [width(one.query) for one in lists for _ in one.texts]
        texts = [width(text) for one in lists for text in one.texts]
        told = self._tokenizer(
            queries, texts, truncation=True, max_length=self._max_tokens, padding=True, return_tensors="pt"
        )
        return {name: told[name].to(self._device) for name in self._tokenizer.model_input_names}

    @torch.inference_mode()
    def watch(self, network: CrossEncoderNetwork) -> float:
        """NDCG of what is watched, as if there were nothing else."""
        found = []
        for one in self._watched:
            scores = network(*self._inputs([one]).values()).float().cpu().numpy()
            gains, ideal = one.gains[np.argsort(-scores, kind="stable")][:K], np.sort(one.gains)[::-1]
            found.append(float(ndcg(gains[None], ideal[None])[0]))
        return float(np.mean(found))


def _write(network: CrossEncoderNetwork, tokenizer: Any, max_tokens: int, target: Path) -> None:
    """The files of a CrossEncoder."""
    pairs = tokenizer(["a", "a a"], ["a a a", "a"], padding=True, return_tensors="pt")  # a mask of ones is traced away
    inputs = {name: pairs[name] for name in network.names}
    axes = {**{name: {0: "B", 1: "T"} for name in inputs}, "score": {0: "B"}}
    with quiet(library("transformers", JOB)):
        graph = exported(network, inputs, axes, "score")
        write_files(tokenizer, network.network.config, max_tokens, target, lambda path: path.write_bytes(graph))
