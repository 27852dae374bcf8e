"""What looks like a picture, or like an item: as a whole, in its colours or in its shape; and what words add to it.

"Like this, but red" asks three things of an item: to lie near the picture, moved to where pictures of red things lie;
to have the colours that red things have in this shop; and to be called red.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.encoder import Encoder, SentenceEncoder
from shopkeeper.engine.eye import Eye, unit
from shopkeeper.engine.looks import COLOURS, from_stranger
from shopkeeper.engine.picture_words import Said, asked
from shopkeeper.engine.vectors import Vectors
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

# By what of a picture: how much shape and colours count. Of 3,000 fashion products, the most neighbours share type and
# colour from 1 to 0.5 up to 1 to 1, and hardly more share the colour beyond 0.5 to 1.
LIKE = {"all": (1.0, 0.5), "colour": (0.5, 1.0), "shape": (1.0, 0.0)}
FLOOR = 0.3  # a likeness below is chance: of fashion products about the three-hundredth neighbour
WORDS = 0.5  # what words count in the place where items are looked for, the picture being 1
POOL = 500  # of the nearest, and of the nearest that are called so, words choose among
AGREEING = 0.5  # likeness that an item is credited with which is called what was asked for

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sense:
    """What words mean in pictures. tints: where the colours of items called so lie, float32 [t, COLOURS], the longer
    the more a word tells of colours, at most 1; shapes: where pictures of them lie, float32 [t, d], aligned with the
    words of `Said`; encoder: instead of these, where a pretrained model reads texts."""

    tints: Scores
    shapes: Scores | None = None
    encoder: Encoder | None = None

    def shape(self, places: Places, query: str) -> Scores | None:
        """float32 [d], of length 1; None where words say nothing of it."""
        if self.encoder is not None:
            return np.asarray(self.encoder.encode([query])[0])
        if self.shapes is None or not len(places):
            return None
        return np.asarray(unit(self.shapes[places].sum(axis=0)[None])[0])

    def tint(self, places: Places) -> Scores:
        """float32 [COLOURS]: that of the word that tells the most."""
        if not len(places):
            return np.zeros(COLOURS, np.float32)
        tints = self.tints[places]
        return np.asarray(tints[np.argmax(np.linalg.norm(tints, axis=1))])

    def save(self, directory: Path) -> None:
        shapes = {} if self.shapes is None else {"shapes": self.shapes}
        save_arrays(directory, {"tints": self.tints, **shapes})
        if self.encoder is not None:
            self.encoder.save(directory / "encoder")

    @classmethod
    def load(cls, directory: Path) -> Sense:
        shapes = load_array(directory, "shapes") if (directory / "shapes.npy").exists() else None
        encoder = SentenceEncoder.load(directory / "encoder") if (directory / "encoder").is_dir() else None
        return cls(load_array(directory, "tints"), shapes, encoder)


class PictureSource:
    """vectors: of items with a picture, as `Eye` makes them."""

    name = "picture"

    def __init__(self, eye: Eye, vectors: Vectors, said: Said, sense: Sense, catalogue: Catalogue) -> None:
        self.eye, self.vectors, self.said, self.sense, self._catalogue = eye, vectors, said, sense, catalogue

    @property
    def silent(self) -> str:
        return "" if len(self.vectors.rows) else "no item of this shop has a picture of its own that could be read"

    def retrieve(self, context: Context, limit: int) -> Candidates:
        """Raises RequestError for a picture that cannot be read."""
        seen = self._seen(context)
        if seen is None or not len(self.vectors.rows):  # new items have no picture yet
            return Candidates.none()
        places = self.said.places(asked(context.request.query))
        wanted = self._wanted(seen, context, places)
        if len(places):
            rows, scores = self._agreeing(wanted, context, places, max(limit, POOL))
        else:
            rows, scores = self.vectors.search(wanted, limit + len(context.anchors), context.allowed)
        near = scores >= FLOOR
        return Candidates.within(context, rows[near], scores[near], limit)

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        like = {"all": "looks like", "colour": "has the colours of", "shape": "has the shape of"}[context.request.like]
        words = " ".join(context.request.query[:60].split())
        but = f", with “{words}”" if words else ""
        if context.request.picture:
            return [f"{like} the picture{but}"] * len(rows)
        names = self._catalogue.names(context.anchors)
        return [f"{like} “{names[at]}”{but}" for at in self.vectors.nearest_of(rows, context.anchors).tolist()]

    def updated(self, changed: Material, rows: Rows) -> PictureSource:
        """New items come with the address of a picture, which nobody fetches: they are found from the next training
        on."""
        newer = copy.copy(self)
        newer._catalogue, new = changed.catalogue, rows[rows >= self.vectors.n_items]
        nothing = np.zeros((len(new), self.vectors.dimension), np.float32)
        newer.vectors = self.vectors.updated(nothing, new, len(changed.catalogue))
        return newer

    def save(self, directory: Path) -> None:
        self.vectors.save(directory / "vectors")
        self.eye.save(directory / "eye")
        self.said.save(directory / "said")
        self.sense.save(directory / "sense")

    @classmethod
    def load(cls, directory: Path, release: ReleaseParts) -> PictureSource:
        return cls(
            Eye.load(directory / "eye"),
            Vectors.load(directory / "vectors"),
            Said.load(directory / "said"),
            Sense.load(directory / "sense"),
            release.catalogue,
        )

    def _seen(self, context: Context) -> Scores | None:
        """float32 [d + COLOURS]: of the picture, or else of the anchors; None where these have none."""
        if context.request.picture:
            read = from_stranger(context.request.picture, self.eye.read)
            return np.asarray(self.eye.vectors([read])[0])
        seen = self.vectors.of(context.anchors).sum(axis=0)
        return np.asarray(halves(seen[None])[0]) if seen.any() else None

    def _wanted(self, seen: Scores, context: Context, places: Places) -> Scores:
        """float32 [d + COLOURS], whose product with an item's vector is at most about 1."""
        shape, tint = seen[:-COLOURS], seen[-COLOURS:]
        of_shape, of_colours = LIKE[context.request.like]
        said = self.sense.shape(places, context.request.query) if context.request.query.strip() else None
        if said is not None:
            shape = unit((shape + WORDS * said)[None])[0]
        told = self.sense.tint(places)
        certain = float(np.linalg.norm(told))
        tint = (1.0 - certain) * tint + told
        whole = np.concatenate((of_shape * shape, max(of_colours, 0.5 * certain) * tint))
        return np.asarray(whole * np.sqrt(2.0) / (of_shape + of_colours), np.float32)

    def _agreeing(self, wanted: Scores, context: Context, places: Places, limit: int) -> tuple[Rows, Scores]:
        """The nearest, and the nearest of those that are called what was asked for, with scores that tell of both."""
        agreement = self.said.agreement(places, self.vectors.n_items)
        called = agreement >= max(float(agreement.max()), 1e-6)
        if context.allowed is not None:
            called &= context.allowed
        allowed = (context.allowed, called)
        rows = np.union1d(*(self.vectors.search(wanted, limit, mask)[0] for mask in allowed)).astype(np.int32)
        return rows, self.vectors.of(rows) @ wanted + AGREEING * agreement[rows]


def halves(vectors: Scores) -> Scores:
    """float32 [n, d + COLOURS], both parts of length 1."""
    return np.concatenate((unit(vectors[:, :-COLOURS]), unit(vectors[:, -COLOURS:])), axis=1)


def tints_of(said: Said, rows: Rows, tints: Scores) -> Scores:
    """float32 [t, COLOURS]: what each word tells of the colours of the items called so: rows int32 [n], ascending, with
    tints float32 [n, COLOURS], around nothing. The mean of a word's items says the more, the more alike they are in
    their colours; few items, and a mean near that of all, say nothing."""
    at = np.full(max(int(said.rows.max(initial=-1)), int(rows.max(initial=-1))) + 1, -1)
    at[rows] = np.arange(len(rows))
    told = np.zeros((len(said.hashes), COLOURS), np.float32)
    for word in range(len(told)):
        items = at[said.rows[said.starts[word] : said.starts[word + 1]]]
        found = tints[items[items >= 0]]
        if len(found) > 1:
            told[word] = found.sum(axis=0) / (len(found) + 2.0)
    lengths = np.linalg.norm(told, axis=1, keepdims=True)
    certain = np.clip((lengths - 0.35) / 0.3, 0.0, 1.0)
    return np.asarray(certain * told / np.maximum(lengths, 1e-9), np.float32)
