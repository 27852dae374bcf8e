"""The catalogue as it was known at a moment: what only events tell of an item was not known before they happened."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.data.duck import connect
from shopkeeper.data.tables import Tables
from shopkeeper.data.workbench import statement
from shopkeeper.learn.split import Part
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Mask


@dataclass(frozen=True)
class Inferred:
    """price, facts: bool [n_items], whose price, and whose text or being in the shop, ingest took from events."""

    tables: Tables
    price: Mask
    facts: Mask

    @classmethod
    def read(cls, tables: Tables, catalogue: Catalogue) -> Inferred:
        told, masks = tables.inferred(), []
        rows = catalogue.ids.rows(told.column("item_id").to_pylist())
        for name in ("price", "facts"):
            mask = np.zeros(len(catalogue), np.bool_)
            mask[rows[(rows >= 0) & told.column(name).to_numpy()]] = True
            masks.append(mask)
        return cls(tables, *masks)

    def catalogue_of(self, part: Part, catalogue: Catalogue) -> Catalogue:
        """The catalogue as of the part's beginning: prices from events are the usual ones of the events before it (none
        without a clock), and items of which nothing but later events tell cannot be had. What could be bought then is
        not known, so that every other item can."""
        prices = np.array(catalogue.prices)
        prices[self.price] = np.nan
        if self.price.any() and part.all.has_clock:
            known = self._usual(catalogue, part.now)
            rows = catalogue.ids.rows(known.column("item_id").to_pylist())
            prices[rows[rows >= 0]] = known.column("price").to_numpy()[rows >= 0]
        met = np.bincount(part.known.items, minlength=len(catalogue)) > 0
        return replace(catalogue, prices=prices, available=met | ~self.facts)

    def _usual(self, catalogue: Catalogue, now: float) -> pa.Table:
        """item_id and price, by the statement that ingest uses, from the events before `now`."""
        wanted = pa.array(self.price)
        ids = catalogue.ids.texts.cast(pa.string())
        described = pa.table({"item_id": ids, "price": pc.if_else(wanted, None, pa.scalar(0.0))})
        every = self.tables.events(["item_id", "type", "time", "price"])
        moment = pa.scalar(round(now * 1e6), pa.int64())
        early = (batch.filter(pc.less(batch.column("time").cast(pa.int64()), moment)) for batch in every)
        with connect() as database:
            database.register("events", pa.RecordBatchReader.from_batches(every.schema, early))
            database.register("described", described)
            return database.sql(statement("sold")).to_arrow_table()
