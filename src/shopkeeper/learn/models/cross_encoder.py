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
from shopkeeper.errors import DivergedError
from shopkeeper.learn.metrics import Values, compare, ndcg
from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.learn.models.export import exported
from shopkeeper.learn.models.lessons import checkpoint_at, seeded
from shopkeeper.learn.models.loop import Loop, Schedule, device_of
from shopkeeper.learn.pretrained import Named, read_tokenizer, write_files
from shopkeeper.learn.tournament import CONFIDENCE
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


class Graded(NamedTuple):
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
    lists: Sequence[Graded],
    watched: Sequence[Graded],
    settings: CrossEncoderSettings,
    training: TrainSettings,
    folder: Path,
    work: Path | None = None,
    config: CrossEncoderConfig | None = None,
) -> CrossEncoder:
    """The cross-encoder of `settings`, taught by `lists` and stopped by `watched`, written into a folder in `folder`. A
    model that is a cross-encoder already is taken as it is with fewer than FEWEST lists, and where it is not surely
    better with what they teach it. What is learned is kept in `work`, for whoever asks for the same again.

    Raises MissingExtraError; SettingsError where there is no such model; DivergedError where there is nothing to learn
    from, or it comes to nothing.
    """
    config = config or CrossEncoderConfig()
    with seeded(training):
        network, tokenizer, ready = opened(settings)
        reader = CrossEncoderNetwork(network, tokenizer.model_input_names)
        if len(lists) >= FEWEST and watched:
            teacher = Teacher(lists, watched, tokenizer, config, training)
            before = teacher.values(reader.to(device_of(training.device)).eval()) if ready else None
            terms = (settings.max_tokens, training.seed, msgspec.to_builtins(config), teacher.told)
            reader = _taught(reader, teacher, config, training, work, terms)
            if before is not None and compare(teacher.values(reader), before, training.seed).chance_better < CONFIDENCE:
                reader = CrossEncoderNetwork(opened(settings)[0], tokenizer.model_input_names)
        elif not ready:
            remedy = "Wait for more searches, or name a model that is a cross-encoder already."
            raise DivergedError(f"only {len(lists):,} lists to learn from", remedy=remedy)
        return CrossEncoder.load(_write(reader.cpu().eval(), tokenizer, folder))


def _taught(
    reader: CrossEncoderNetwork,
    teacher: Teacher,
    config: CrossEncoderConfig,
    training: TrainSettings,
    work: Path | None,
    terms: tuple[Any, ...],
) -> CrossEncoderNetwork:
    """The same, fitted in place. terms: what it hangs on, besides its weights."""
    state = [weights.detach().cpu().numpy() for weights in reader.parameters()]
    checkpoint = checkpoint_at(work, "cross_encoder", state, terms, kept=1)
    schedule = Schedule.of(config, training).within(config.epochs * teacher.n_batches)
    loop = Loop(reader, replace(schedule, average=AVERAGED), checkpoint)
    return loop.fit(teacher.batches, CrossEncoderNetwork.loss, teacher.watch, _tell)


def opened(settings: CrossEncoderSettings) -> tuple[Any, Any, bool]:
    """The network and the tokenizer of that name, tried on a long text, and whether it is a cross-encoder already.
    Raises SettingsError, MissingExtraError."""
    named = Named("cross_encoder", "cross-encoder", '"none", "bundled"', JOB, settings.model, settings.download)
    with named.opening() as read:
        config = read("AutoConfig")
        ready = config.num_labels == 1 and "Classification" in "".join(config.architectures or ())
        network = read(
            "AutoModelForSequenceClassification",
            num_labels=1,
            ignore_mismatched_sizes=True,
            attn_implementation="eager",
        ).float()
        tokenizer = read_tokenizer(read, network.config, settings.max_tokens)
        if tokenizer.pad_token is None:
            raise ValueError("its tokenizer has no token to pad with")
        with torch.inference_mode():
            network(**_pairs(tokenizer, ["a", "a"], ["a", "a " * settings.max_tokens]))
    return network, tokenizer, ready


def _pairs(tokenizer: Any, queries: Sequence[str], texts: Sequence[str]) -> dict[str, Tensor]:
    """What networks take of p pairs, (p, t) each."""
    told = tokenizer(queries, texts, truncation=True, padding=True, return_tensors="pt")
    return {name: told[name] for name in tokenizer.model_input_names}


def _tell(number: int, epoch: Epoch) -> None:
    _log.info("cross-encoder, epoch %d: loss %.3f, NDCG %.3f, %.0f s", number, epoch.loss, epoch.figure, epoch.seconds)


class Teacher:
    """In an epoch each list is read once: its best text, and others by chance, in front of which it stands."""

    def __init__(
        self,
        lists: Sequence[Graded],
        watched: Sequence[Graded],
        tokenizer: Any,
        config: CrossEncoderConfig,
        training: TrainSettings,
    ) -> None:
        self._lists, self._watched, self._tokenizer = lists, watched, tokenizer
        self._config, self._seed, self._device = config, training.seed, device_of(training.device)

    @property
    def n_batches(self) -> int:
        """Of an epoch."""
        return math.ceil(len(self._lists) / self._config.batch)

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

    def _some(self, one: Graded, generator: np.random.Generator) -> Graded:
        best = int(np.argmax(one.gains))
        others = generator.permutation(np.delete(np.arange(len(one.gains)), best))[: self._config.texts - 1]
        kept = np.append(others, best)
        return one._replace(texts=[one.texts[at] for at in kept], gains=one.gains[kept])

    def _batch(self, lists: Sequence[Graded]) -> Batch:
        wanted = np.concatenate([one.weight * one.gains / one.gains.sum() for one in lists]).astype(np.float32)
        sizes = [len(one.texts) for one in lists]
        total = sum(one.weight for one in lists)
        return Batch(self._inputs(lists), sizes, torch.from_numpy(wanted).to(self._device), total)

    def _inputs(self, lists: Sequence[Graded]) -> dict[str, Tensor]:
        queries = [width(one.query) for one in lists for _ in one.texts]
        texts = [width(text) for one in lists for text in one.texts]
        return {name: part.to(self._device) for name, part in _pairs(self._tokenizer, queries, texts).items()}

    def watch(self, network: CrossEncoderNetwork) -> float:
        """The mean of `values`."""
        return float(self.values(network).mean())

    @torch.inference_mode()
    def values(self, network: CrossEncoderNetwork) -> Values:
        """float64 [watched]: NDCG of each list that is watched, as if there were nothing else."""
        found = []
        with torch.autocast(self._device.type, enabled=False):  # whoever asks, readings are to be held against another
            for one in self._watched:
                scores = network(*self._inputs([one]).values()).cpu().numpy()
                gains, ideal = one.gains[np.argsort(-scores, kind="stable")][:K], np.sort(one.gains)[::-1]
                found.append(float(ndcg(gains[None], ideal[None])[0]))
        return np.array(found)


def _write(network: CrossEncoderNetwork, tokenizer: Any, folder: Path) -> Path:
    """The files of a CrossEncoder, as `write_files` has it."""
    inputs = _pairs(tokenizer, ["a", "a a"], ["a a a", "a"])  # of two lengths: a mask of ones alone is traced away
    axes = {**{name: {0: "B", 1: "T"} for name in inputs}, "score": {0: "B"}}

    def write_graph(path: Path) -> None:
        path.write_bytes(exported(network, inputs, axes, "score"))

    return write_files(tokenizer, folder, write_graph, JOB)
