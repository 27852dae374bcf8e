"""The events of a shop as arrays, ordered by user and then by time: what sources are fitted on, and whose
slices are the users' histories while serving."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.data.duck import connect
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Codes, EventType, Ids, Mask, Rows, Seconds

# What a person does with an item. Impressions are what the shop did; a search names no item.
DEEDS = tuple(kind for kind in EventType if kind not in (EventType.IMPRESSION, EventType.SEARCH))

ORDERED = """
SELECT
    cast(user_row AS INTEGER) AS users,
    item AS items,
    code AS codes,
    coalesce(seconds, 'nan'::DOUBLE) AS times,
    cast(coalesce(session, -1) AS INTEGER) AS sessions,
    cast(coalesce(quantity, 'nan'::DOUBLE) AS FLOAT) AS quantities
FROM placed
JOIN actors USING (actor)
LEFT JOIN sessions USING (actor, session_id)
ORDER BY user_row, seconds, ordinal, event_id
"""


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

    @classmethod
    def build(
        cls, events: pa.Table | pa.RecordBatchReader, catalogue: Catalogue, types: Collection[EventType] = DEEDS
    ) -> tuple[Interactions, Ids]:
        """From events of schema EVENTS, those of `types` that name an item of the catalogue; and the actors, whose
        row u is user row u.

        Where most events have a time, those without one are left out; else the shop has no clock and `times` are NaN.
        """
        rows = np.arange(len(catalogue), dtype=np.int32)
        known = pa.table({"item_id": pa.array(catalogue.ids, pa.string()), "item": rows})
        wanted = pa.table(
            {"type": [str(kind) for kind in types], "code": np.array([kind.code for kind in types], np.int8)}
        )
        with connect() as database:
            for name, table in {"events": events, "known": known, "wanted": wanted}.items():
                database.register(name, table)
            database.execute(files("shopkeeper.release").joinpath("interactions.sql").read_text(encoding="utf-8"))
            actors = database.sql("SELECT actor FROM actors ORDER BY user_row").to_arrow_table().column("actor")
            columns = {name: np.asarray(column) for name, column in database.sql(ORDERED).fetchnumpy().items()}
        starts = np.searchsorted(columns["users"], np.arange(len(actors) + 1))
        return cls(**columns, starts=starts), Ids(actors.to_pylist())

    def __len__(self) -> int:
        return len(self.items)

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    @property
    def has_clock(self) -> bool:
        """False when the source knew only an order: then splits leave out each user's last item, not the last days."""
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
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Interactions:
        """Memory-mapped, so that many processes share one copy."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})
