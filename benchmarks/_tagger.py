"""What each character of a title or query belongs to (a brand, a product, a model…): a linear-chain conditional random
field (Lafferty, McCallum and Pereira, ICML 2001) over hashed features; and titles tagged by what a catalogue says of
its items alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import rjieba
import torch

from shopkeeper.vocabulary import Scores

BATCH, LEARNING_RATE, DECAY = 32, 0.02, 0.6
LONGEST_WORD = 20  # characters of a catalogue's value that are looked for in titles
BUCKETS = 2**18
OUTSIDE = "O"
N_FEATURES = 24

Features = npt.NDArray[np.int32]


class Entity(NamedTuple):
    """tokens[start:end] are of this kind."""

    start: int
    end: int
    kind: str


class Tagger:
    """Tags are "O", "B-kind" and "I-kind". weights float32 [BUCKETS, tags], transitions float32 [tags, tags] (from,
    to), starts float32 [tags]."""

    def __init__(self, tags: Sequence[str], weights: Scores, transitions: Scores, starts: Scores) -> None:
        self.tags, self.weights, self.transitions, self.starts = tuple(tags), weights, transitions, starts

    def tag(self, tokens: Sequence[str]) -> list[str]:
        """The likeliest tags of tokens (characters) as a whole, by Viterbi's algorithm."""
        if not tokens:
            return []
        emissions = self.weights[features_of(tokens)].sum(axis=1)
        score, back = self.starts + emissions[0], np.empty((len(tokens), len(self.tags)), np.int64)
        for at in range(1, len(tokens)):
            paths = score[:, None] + self.transitions
            back[at] = paths.argmax(axis=0)
            score = paths.max(axis=0) + emissions[at]
        best = [int(score.argmax())]
        for at in range(len(tokens) - 1, 0, -1):
            best.append(int(back[at, best[-1]]))
        return [self.tags[tag] for tag in reversed(best)]

    def entities(self, text: str) -> list[Entity]:
        """Of a text, by its characters."""
        return list(entities_of(self.tag(text)))


def entities_of(tags: Sequence[str]) -> Iterator[Entity]:
    """In order; what begins with I- belongs to nothing."""
    start = None
    for at, tag in enumerate((*tags, OUTSIDE)):
        if start is not None and tag != f"I{tags[start][1:]}":
            yield Entity(start, at, tags[start][2:])
            start = None
        if tag.startswith("B-"):
            start = at


def features_of(tokens: Sequence[str]) -> Features:
    """int32 [tokens, N_FEATURES] below BUCKETS: the characters around each and their kinds, the word that a dictionary
    cuts there, and its neighbours."""
    around = ["<", "<", "<", *tokens, ">", ">", ">"]
    kinds = "".join(map(_kind, around))
    places, owner, words = _segmented(tokens)
    words = ["<", *words, ">", ">"]
    found = np.empty((len(tokens), N_FEATURES), np.int32)
    for at in range(len(tokens)):
        b, c, d, e, f = around[at + 1 : at + 6]
        place, word = places[at], owner[at] + 1
        before, mine, after, later = words[word - 1 : word + 3]
        found[at] = [
            zlib.crc32(text.encode(errors="surrogatepass")) % BUCKETS
            for text in (
                f"0{d}", f"1{c}", f"2{e}", f"3{b}", f"4{f}", f"5{c}{d}", f"6{d}{e}", f"7{b}{c}{d}", f"8{c}{d}{e}",
                f"9{d}{e}{f}", f"a{c}{e}", f"b{place}{d}", f"c{place}{mine}", f"d{place}{before}", f"e{place}{after}",
                f"f{place}{before}_{mine}", f"g{place}{mine}_{after}", f"h{kinds[at + 1 : at + 6]}",
                f"i{place}{kinds[at + 3]}", f"j{b}{c}{d}{e}", f"k{c}{d}{e}{f}", f"l{place}{mine[-1]}",
                f"m{place}{mine[-2:]}|{after[:1]}", f"n{place}{after}{later}",
            )
        ]  # fmt: skip
    return found


def _segmented(tokens: Sequence[str]) -> tuple[str, list[int], list[str]]:
    """For each token, its place in its word (B, M, E or S) and which word that is; and the words."""
    words = list(rjieba.cut("".join(token if len(token) == 1 else "?" for token in tokens)))
    places = "".join("S" if len(word) == 1 else f"B{'M' * (len(word) - 2)}E" for word in words)
    return places, [number for number, word in enumerate(words) for _ in word], words


def _kind(token: str) -> str:
    if token.isdigit():
        return "d"
    if not token.isalnum():
        return "p"
    return "l" if token.isascii() else "c"


class Tagged(NamedTuple):
    """A title: its characters, and the tag of each."""

    tokens: Sequence[str]
    tags: Sequence[str]


def fit_tagger(train: Sequence[Tagged], choose: Sequence[Tagged], *, epochs: int = 6, seed: int = 0) -> Tagger:
    """The conditional random field that makes the tags of `train` likeliest, of the epoch that is best on `choose`."""
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
    for _ in range(epochs):
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
        self.weights = torch.nn.EmbeddingBag(BUCKETS, n_tags, mode="sum", sparse=True)
        torch.nn.init.zeros_(self.weights.weight)
        self.transitions = torch.nn.Parameter(torch.zeros(n_tags, n_tags))
        self.starts = torch.nn.Parameter(torch.zeros(n_tags))

    def loss(self, titles: Sequence[tuple[Features, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]]) -> torch.Tensor:
        """The mean negative logarithm of the likelihood of the tags: the forward algorithm over a padded batch."""
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
