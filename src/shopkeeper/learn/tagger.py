"""Tagged titles → a tagger; and titles tagged by what a catalogue says of its items alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shopkeeper.engine.understanding.tagger import BUCKETS, OUTSIDE, Features, Tagger, entities_of, features_of
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Progress, silent

if TYPE_CHECKING:
    import torch

BATCH, LEARNING_RATE, DECAY = 32, 0.02, 0.6
LONGEST_WORD = 20  # characters of a catalogue's value that are looked for in titles


class Tagged(NamedTuple):
    """A title: its characters, and the tag of each."""

    tokens: Sequence[str]
    tags: Sequence[str]


def fit_tagger(
    train: Sequence[Tagged], choose: Sequence[Tagged], *, epochs: int = 6, seed: int = 0, progress: Progress = silent
) -> Tagger:
    """The conditional random field that makes the tags of `train` likeliest, after the epoch that is best on `choose`.
    Raises DataError without titles, MissingExtraError without PyTorch."""
    import torch

    if not train or not choose:
        raise DataError(
            "there are no tagged titles", where="tagger", expected="some to learn from and some to choose by"
        )
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    tags = sorted({tag for title in train for tag in title.tags})
    field = _Field(len(tags))
    known = {tag: number for number, tag in enumerate(tags)}
    prepared = [(features_of(tokens), np.array([known[tag] for tag in said])) for tokens, said in train if len(tokens)]
    best, tagger = -1.0, field.tagger(tags)
    optimisers = [
        torch.optim.SparseAdam([field.weights.weight], lr=LEARNING_RATE),
        torch.optim.Adam([field.transitions, field.starts], lr=LEARNING_RATE),
    ]
    for epoch in range(epochs):
        progress("fit tagger", epoch, epochs)
        order = generator.permutation(len(prepared))
        for begin in range(0, len(order), BATCH):
            loss = field.loss([prepared[at] for at in order[begin : begin + BATCH]])
            for optimiser in optimisers:
                optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for optimiser in optimisers:
                optimiser.step()
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] *= DECAY
        now = field.tagger(tags)
        figure = f1(now, choose)
        if figure > best:
            best, tagger = figure, now
    progress("fit tagger", epochs, epochs)
    return tagger


def f1(tagger: Tagger, titles: Sequence[Tagged]) -> float:
    """Of entities: right where beginning, end and kind are."""
    right = found = wanted = 0
    for tokens, tags in titles:
        said, true = set(entities_of(tagger.tag(tokens))), set(entities_of(tags))
        right, found, wanted = right + len(said & true), found + len(said), wanted + len(true)
    return 2 * right / max(found + wanted, 1)


def weakly_tagged(titles: Sequence[Sequence[str]], words: Mapping[str, str]) -> list[Tagged]:
    """Titles (their characters) tagged by a catalogue's own words and what kind each is: the longest match, from the
    left. What the catalogue does not know is outside."""
    longest = min(max(map(len, words), default=0), LONGEST_WORD)
    tagged = []
    for tokens in titles:
        tags, at = [OUTSIDE] * len(tokens), 0
        while at < len(tokens):
            ends = range(min(at + longest, len(tokens)), at, -1)
            end = next((end for end in ends if "".join(tokens[at:end]) in words), None)
            if end is None:
                at += 1
                continue
            kind = words["".join(tokens[at:end])]
            tags[at:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - at - 1)]
            at = end
        tagged.append(Tagged(tokens, tags))
    return tagged


class _Field:
    def __init__(self, n_tags: int) -> None:
        import torch

        self.weights = torch.nn.EmbeddingBag(BUCKETS, n_tags, mode="sum", sparse=True)
        torch.nn.init.zeros_(self.weights.weight)
        self.transitions = torch.nn.Parameter(torch.zeros(n_tags, n_tags))
        self.starts = torch.nn.Parameter(torch.zeros(n_tags))

    def loss(self, titles: Sequence[tuple[Features, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]]) -> torch.Tensor:
        """The mean negative logarithm of the likelihood of the tags: the forward algorithm over a padded batch."""
        import torch

        sizes = [len(tags) for _, tags in titles]
        every = torch.from_numpy(np.concatenate([features for features, _ in titles]).astype(np.int64))
        emissions = torch.nn.utils.rnn.pad_sequence(
            list(self.weights(every).split(sizes)), batch_first=True
        )  # (B, T, K)
        tags = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(tags) for _, tags in titles], batch_first=True
        )  # (B, T)
        there = torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]  # (B, T)
        said = emissions.gather(2, tags[:, :, None])[:, :, 0]
        along = self.transitions[tags[:, :-1], tags[:, 1:]]
        true = self.starts[tags[:, 0]] + (said * there).sum(1) + (along * there[:, 1:]).sum(1)
        score = self.starts + emissions[:, 0]  # (B, K)
        for at in range(1, emissions.shape[1]):
            following = torch.logsumexp(score[:, :, None] + self.transitions, 1) + emissions[:, at]
            score = torch.where(there[:, at : at + 1], following, score)
        return (torch.logsumexp(score, 1) - true).mean()

    def tagger(self, tags: Sequence[str]) -> Tagger:
        weights, transitions, starts = (
            each.detach().numpy().copy() for each in (self.weights.weight, self.transitions, self.starts)
        )
        return Tagger(tags, weights, transitions, starts)
