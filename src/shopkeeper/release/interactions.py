"""The events of a shop as arrays, ordered by user and then by time: what sources are fitted on, and whose
slices are the users' histories while serving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopkeeper.vocabulary import Codes, EventType, Mask, Rows, Seconds


@dataclass(frozen=True)
class Interactions:
    """n events that name a known item, ordered by (user, time, ordinal).

    users int32 [n], rows of `actors` (a person, or a nameless session); items int32 [n], rows of the catalogue;
    codes int8 [n], EventType.code; times float64 [n], seconds since the epoch, NaN in a shop without a clock;
    sessions int32 [n], numbered over the whole shop, -1 unknown; quantities float32 [n], NaN unknown;
    starts int64 [n_users + 1]: the events of user u are [starts[u], starts[u + 1]).
    """

    users: Rows
    items: Rows
    codes: Codes
    times: Seconds
    sessions: Rows
    quantities: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    @property
    def has_clock(self) -> bool:
        """False when the source knew only an order: then splits leave out each user's last item instead of last days."""
        return len(self.times) > 0 and not bool(np.isnan(self.times).any())

    def of(self, user: int) -> slice:
        """Where the events of a user row lie, old to new; empty for an unknown user (-1)."""
        return slice(0, 0) if user < 0 else slice(int(self.starts[user]), int(self.starts[user + 1]))

    def where(self, mask: Mask) -> Interactions:
        """The events that `mask` (bool [n]) keeps; user rows stay what they were."""
        kept = np.concatenate(([0], np.cumsum(mask, dtype=np.int64)))
        columns = {f.name: getattr(self, f.name)[mask] for f in fields(self) if f.name != "starts"}
        return Interactions(**columns, starts=kept[self.starts])

    def before(self, time: float) -> Interactions:
        """The events strictly before `time`: what was known then."""
        return self.where(self.times < time)

    def of_types(self, types: Iterable[EventType]) -> Interactions:
        return self.where(np.isin(self.codes, [kind.code for kind in types]))

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for f in fields(self):
            np.save(directory / f"{f.name}.npy", getattr(self, f.name))

    @classmethod
    def load(cls, directory: Path) -> Interactions:
        """Memory-mapped, so that many processes share one copy."""
        return cls(**{f.name: np.load(directory / f"{f.name}.npy", mmap_mode="r") for f in fields(cls)})
