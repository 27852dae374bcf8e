"""How towers learn: after every event the item of the next, among others of the batch and some that are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from shopkeeper.engine.context import Course
from shopkeeper.engine.item_features import Described
from shopkeeper.learn.models.config import TowerConfig
from shopkeeper.learn.models.histories import Batch, Histories, Places
from shopkeeper.learn.models.item_tower import Tower
from shopkeeper.learn.models.lessons import checkpoint_of, learn, seeded
from shopkeeper.learn.models.losses import Drawn
from shopkeeper.learn.models.watch import watched_of
from shopkeeper.release.fields import starts_of
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Scores

Shares = npt.NDArray[np.float64]


class Learned(NamedTuple):
    """The graph of what reads a history, and the arrays of an `ItemTower` of the engine, those of the known items being
    `own` float32 [m, d]."""

    graph: bytes
    terms: Scores
    meanings: Scores
    inner: Scores
    outer: Scores
    own: Scores


def learned(model: Tower) -> Learned:
    arrays = (getattr(model.items, name).detach().numpy() for name in Learned._fields[1:])
    return Learned(model.graph(), *arrays)


def fitted(
    name: str,
    network: type[Tower],
    histories: Histories,
    items: Described,
    n_terms: int,
    config: TowerConfig,
    settings: TrainSettings,
    work: Path | None = None,
    course: Course = Course(),  # noqa: B008 - nothing can change it
) -> Tower:
    """items: the m known ones of the histories; work: a folder in which what was learned so far is kept."""
    watched = watched_of(histories, settings.seed)
    with seeded(settings):
        return learn(
            network(items, n_terms, config),
            Teacher(histories.without_last(watched), items, n_terms, config, settings.seed),
            histories,
            watched,
            config,
            settings,
            length=config.length,
            course=course,
            checkpoint=checkpoint_of(work, name, histories, items, (config, settings.shaping)),
        )


class Teacher:
    """Batches, and how wrong a tower is about them.

    What is wanted is held against what others of the batch wanted, the more often the more it is liked, and against
    items that are drawn evenly (Yang et al., "Mixed Negative Sampling for Learning Two-tower Neural Networks in
    Recommendations", WWW 2020) or share a term with what is wanted, which are hard to tell from it. How often an item
    is expected among all these is known, and divided out again (Yi et al., RecSys 2019).
    """

    def __init__(self, histories: Histories, items: Described, n_terms: int, config: TowerConfig, seed: int) -> None:
        self._histories, self._config, self._seed = histories, config, seed
        counts = np.bincount(histories.items, minlength=len(histories.known)) + 1.0
        self._liked = torch.from_numpy(counts / counts.sum())
        self._kin = Kin(items, n_terms)
        self._near = torch.from_numpy(self._kin.expected(counts / counts.sum()))
        self._generator = torch.Generator()

    def batches(self, epoch: int) -> Iterator[Batch]:
        self._generator.manual_seed(self._seed + epoch)
        self._random = np.random.default_rng((self._seed, epoch, 1))
        generator = np.random.default_rng((self._seed, epoch))
        return self._histories.batches(self._config.length, self._config.batch, generator)

    def loss(self, model: Tower, batch: Batch) -> Tensor:
        items, codes = torch.from_numpy(batch.items), torch.from_numpy(batch.codes)
        drawn = self._drawn(items[:, 1:][items[:, 1:] >= 0])
        on = model.items.own.device
        items, codes, drawn = items.to(on), codes.to(on), Drawn(*(part.to(on) for part in drawn))
        follows = items[:, 1:] >= 0
        targets = items[:, 1:][follows]  # (n)
        met = torch.unique(torch.cat((items[items >= 0], drawn.rows)))
        vectors = model.items(met, self._config.without_own)  # (k, d)
        at = torch.zeros(len(self._liked), dtype=torch.long, device=on)
        at[met] = torch.arange(len(met), device=on)
        history = F.embedding(at[items[:, :-1].clamp(min=0)], vectors)  # (b, t, d)
        wanted = model.wanted(history, codes[:, :-1])[follows]  # (n, d)
        return model.loss(wanted, vectors, at[targets], Drawn(at[drawn.rows], drawn.expected))

    def _drawn(self, targets: Tensor) -> Drawn:
        m, config = len(self._liked), self._config
        some = targets[torch.randperm(len(targets), generator=self._generator)]
        of_batch, kin_of = some[: config.from_batch], some[: config.near]
        evenly = torch.randint(m, (config.uniform,), generator=self._generator)
        near = torch.from_numpy(self._kin.drawn(kin_of.numpy(), self._random))
        expected = len(of_batch) * self._liked + len(evenly) / m + len(near) * self._near
        rows = torch.cat((of_batch, evenly, near))
        return Drawn(rows, torch.log(expected[rows]).float())


class Kin:
    """Items that have a term in common: of an item, a term of it is drawn, and an item that has this term; of one that
    has no terms, itself."""

    def __init__(self, items: Described, n_terms: int) -> None:
        self._items, self._n = items, len(items.starts) - 1
        self._owners = np.repeat(np.arange(self._n), np.diff(items.starts))
        order = np.argsort(items.places, kind="stable")
        self._members = self._owners[order]
        self._starts = starts_of(np.bincount(items.places, minlength=n_terms))

    def drawn(self, items: Places, generator: np.random.Generator) -> Places:
        """int64 [k] → int64 [k]."""
        drawn, starts = items.copy(), self._items.starts
        has = np.flatnonzero(starts[items + 1] > starts[items])
        firsts, lasts = starts[items[has]], starts[items[has] + 1]
        terms = self._items.places[generator.integers(firsts, lasts)]
        drawn[has] = self._members[generator.integers(self._starts[terms], self._starts[terms + 1])]
        return drawn

    def expected(self, shares: Shares) -> Shares:
        """float64 [n]: how likely each item is drawn for one that is itself drawn by shares float64 [n]."""
        sizes, members = np.diff(self._items.starts), np.diff(self._starts)
        of_each = (shares / np.maximum(sizes, 1))[self._owners]  # of each term of each item
        by_member = np.bincount(self._items.places, of_each, minlength=len(members)) / np.maximum(members, 1)
        drawn = np.bincount(self._owners, by_member[self._items.places], minlength=self._n)
        return np.asarray(drawn + shares * (sizes == 0), np.float64)
