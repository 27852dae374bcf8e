"""What a model has learned, kept for one that is to start from there: another day, or in another shop."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from shopkeeper.data.scratch import Scratch
from shopkeeper.engine.context import places_among
from shopkeeper.errors import SettingsError
from shopkeeper.learn.models.network import NextItem
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows

_log = logging.getLogger(__name__)

KEPT = 6  # of each model: those of two trainings, which fit three times


class Start(NamedTuple):
    """Where a fit ended that knew nothing from `now` (seconds) or later: its weights, by name, and the rows of its
    items, ascending, which its vectors `items` are of. since: who did nothing from then on may have been learned from
    to the last, whoever was watched in this training."""

    weights: dict[str, Tensor]
    known: Rows
    now: float
    since: float = -math.inf

    @property
    def elsewhere(self) -> bool:
        """Whether it ended in another shop, none of whose items are known here."""
        return not len(self.known)

    @classmethod
    def of(cls, model: NextItem, known: Rows, now: float, since: float) -> Start:
        weights = {name: weight.detach().cpu().clone() for name, weight in model.state_dict().items()}
        return cls(weights, known, now, since)

    def fits(self, model: NextItem) -> bool:
        """Whether the model is made of the same: of weights that this lacks it keeps what it began with."""
        shapes = _shapes(model.state_dict())
        return all(shapes.get(name) == shape for name, shape in _shapes(self.weights).items())

    def given_to(self, model: NextItem, known: Rows) -> None:
        """The model takes over what was learned; items that are new keep the vectors that they were given."""
        items, at = model.items.detach().clone(), torch.from_numpy(places_among(self.known, known))
        items[at >= 0] = self.weights["items"][at[at >= 0]].to(items)
        model.load_state_dict({**self.weights, "items": items}, strict=False)


def keep(work: Path, name: str, start: Start, catalogue: Catalogue) -> None:
    """As a file of the folder `work/name`, by the ids of the items, whose rows another training may number anew."""
    ids = catalogue.ids.texts.take(start.known).to_pylist()
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    with Scratch(folder) as scratch:
        torch.save({"weights": start.weights, "ids": ids}, scratch / "unfinished")
        os.replace(scratch / "unfinished", folder / f"{start.now}.start")
    for old in sorted(folder.glob("*.start"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)


def last_kept(work: Path, name: str, before: float, catalogue: Catalogue) -> Start | None:
    """The latest that knew nothing of the moment `before` or later; None without one that can be read."""
    moments = {float(path.stem): path for path in (work / name).glob("*.start")}
    for now in sorted((now for now in moments if now < before), reverse=True):
        try:
            weights, ids = _read(moments[now])
        except Exception as error:  # what was kept is never a reason to fail
            _log.warning("%s cannot be read, and is passed over (%s).", moments[now], error)
            continue
        rows = catalogue.ids.rows(ids)
        order = np.argsort(rows, kind="stable")[np.count_nonzero(rows < 0) :]  # those that are still there
        return Start({**weights, "items": weights["items"][torch.from_numpy(order)]}, rows[order], now, since=now)
    return None


def pretrained(path: Path, setting: str) -> Start:
    """What was learned in another shop, whose items are others even where they are called the same.

    Raises SettingsError for a file that cannot be read."""
    try:
        weights, _ = _read(path)
    except Exception as error:
        kept = "a file ….start, as a training with go_on = true keeps it in a shop's cache/models/NAME"
        raise SettingsError(f"{path} cannot be read ({error})", where=setting, expected=kept) from error
    return Start({**weights, "items": weights["items"][:0]}, np.empty(0, np.int32), -math.inf)


def _read(path: Path) -> tuple[dict[str, Tensor], list[str]]:
    kept = torch.load(path, weights_only=True)
    return kept["weights"], kept["ids"]


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """Of all weights, the number of items being free."""
    return {name: weight.shape[name == "items" :] for name, weight in weights.items()}
