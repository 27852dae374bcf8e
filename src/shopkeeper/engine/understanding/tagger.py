"""What each character of a title or query belongs to (a brand, a product, a model…): a linear-chain conditional random
field (Lafferty, McCallum and Pereira, ICML 2001) over hashed features, in NumPy alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import rjieba

from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Scores

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

    def save(self, directory: Path) -> None:
        arrays = {"weights": self.weights, "transitions": self.transitions, "starts": self.starts}
        save_arrays(directory, arrays)
        (directory / "tags.json").write_bytes(msgspec.json.encode(self.tags))

    @classmethod
    def load(cls, directory: Path) -> Tagger:
        """Memory-mapped."""
        tags = msgspec.json.decode((directory / "tags.json").read_bytes(), type=tuple[str, ...])
        return cls(tags, *(load_array(directory, name) for name in ("weights", "transitions", "starts")))


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
