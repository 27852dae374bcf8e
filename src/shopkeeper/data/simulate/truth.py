"""What is true in a simulated shop and no shop would know: written beside the exports, read by evaluation alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopkeeper.data.simulate.assortment import DAY, FACETS, Assortment
from shopkeeper.data.simulate.coupons import Coupons
from shopkeeper.data.simulate.shoppers import write_tastes
from shopkeeper.data.simulate.world import World
from shopkeeper.errors import DataError

README = """The truth of a simulated shop: tastes, quality, position bias, uplift, bots, seasons, relevance.
Evaluation alone reads this folder; the exports beside it hold what a shop would know.
"""


@dataclass(frozen=True)
class Truth:
    """A simulated shop. Tables of the truth, by name: items, users, queries, coupons, seasonality.

    examination: the probability that a shopper looks at each place of a list, from the first;
    swap_share: of the lists, in which places 1 and k were exchanged to measure it;
    start and end: seconds since the epoch.
    """

    folder: Path
    seed: int
    predictability: float
    products: int
    users: int
    events: int
    start: float
    end: float
    examination: tuple[float, ...]
    swap_share: float

    @property
    def exports(self) -> Path:
        """What a shop would export: what an ingest is pointed at."""
        return self.folder / "exports"

    @classmethod
    def load(cls, folder: Path) -> Truth:
        """Raises DataError where no simulated shop is."""
        try:
            facts = msgspec.json.decode((folder / "truth" / "truth.json").read_bytes())
        except FileNotFoundError:
            raise DataError(
                "no simulated shop is here", where=str(folder), remedy="Make one with simulate()."
            ) from None
        return msgspec.convert({**facts, "folder": folder}, cls)

    def save(self) -> None:
        facts = {name: value for name, value in asdict(self).items() if name != "folder"}
        (self.folder / "truth" / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=2))

    def table(self, name: str) -> pa.Table:
        return pq.read_table(self.folder / "truth" / f"{name}.parquet")

    def grades(self, query: str) -> pa.Table:
        """The items that answer a query, product_id and grade (int8): 2 all that was asked, 1 the right kind of thing.

        Raises DataError for a query that nobody types in this shop.
        """
        queries = self.table("queries")
        meaning = queries.filter(pc.equal(queries["query"], query)).to_pylist()
        if not meaning:
            raise DataError(f"the truth knows no query {query!r}", where=str(self.folder))
        items = self.table("items")
        grade = np.zeros(items.num_rows, np.int8)
        for wish in meaning:  # a text may be right in more than one department
            scope = "leaf" if wish["leaf"] >= 0 else "department"
            kind = items[scope].to_numpy() == wish[scope]
            exact = kind if wish["facet"] is None else kind & (items[wish["facet"]].to_numpy() == wish["value"])
            grade = np.maximum(grade, kind.astype(np.int8) + exact)
        rows = np.flatnonzero(grade)
        return pa.table({"product_id": items["product_id"].take(pa.array(rows)), "grade": grade[rows]})

    def uplift(self, coupon: str) -> pa.Table:
        """What being sent a coupon changes for each user: customer_id, and lift, the relative change of the
        probability that a cart of the coupon's category becomes a purchase while it is valid."""
        coupons, users = self.table("coupons"), self.table("users")
        found = coupons.filter(pc.equal(coupons["coupon_code"], coupon))
        if not found.num_rows:
            raise DataError(f"the truth knows no coupon {coupon!r}", where=str(self.folder))
        lift = Coupons.lift_of(found["strength"][0].as_py(), users["thrift"].to_numpy())
        return pa.table({"customer_id": users["customer_id"], "lift": lift})


def write_truth(world: World, folder: Path) -> None:
    """Write the tables of the truth under `folder`."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(README, encoding="utf-8")
    shop, queries, coupons = world.shop, world.queries, world.coupons
    pq.write_table(_items(shop), folder / "items.parquet", compression="zstd")
    write_tastes(shop, world.shoppers, folder / "users.parquet")
    facet = pa.array(FACETS).take(pa.array(queries.facet, mask=queries.facet < 0))
    columns = {
        "query": queries.text,
        "language": queries.language,
        "department": queries.department,
        "leaf": queries.leaf,
        "facet": facet,
        "value": queries.value,
        "misspelt": queries.misspelt,
    }
    pq.write_table(pa.table(columns), folder / "queries.parquet")
    offers = {
        "coupon_code": coupons.codes,
        "department": coupons.department,
        "discount": coupons.discount,
        "strength": coupons.strength,
        "starts": pa.array(coupons.starts, pa.timestamp("us")),
    }
    pq.write_table(pa.table(offers), folder / "coupons.parquet")
    days, leaves = np.indices(world.season.shape)
    seasonality = {
        "day": pa.array(world.start + days.ravel() * DAY, pa.timestamp("us")),
        "category": pa.array(shop.leaf_names).take(pa.array(leaves.ravel())),
        "demand": world.season.ravel(),
    }
    pq.write_table(pa.table(seasonality), folder / "seasonality.parquet")


def _items(shop: Assortment) -> pa.Table:
    partner = shop.complements
    return pa.table(
        {
            "product_id": shop.ids,
            "category": pa.array(shop.leaf_names).take(pa.array(shop.leaf)),
            "leaf": shop.leaf,
            "department": shop.department[shop.leaf],
            **dict(zip(FACETS, shop.facets, strict=True)),
            "quality": shop.quality,
            "fame": shop.fame,
            "return_probability": shop.returns,
            "sponsored": pa.array(shop.sponsored),
            "style": shop.style,  # items of a leaf with neighbouring numbers replace each other
            "bought_with": shop.ids.take(pa.array(partner, mask=partner < 0)),
        }
    )
