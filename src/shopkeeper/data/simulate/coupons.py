"""Coupons as randomised experiments: who was sent one is drawn by lot, and what it changes is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from shopkeeper.data.simulate.assortment import DAY, NONE, SECOND, Assortment, Floats, Ints, Micros
from shopkeeper.data.simulate.shoppers import Shoppers

OUTSIDE, HELD_BACK, SENT = range(3)
GROUPS = ("", "held back", "sent")

_VALID_DAYS = 10
_AUDIENCE = 0.6  # of the users; the others are no part of the experiment
_MOST = 32  # coupons
_CHUNK = 200_000


@dataclass(frozen=True)
class Coupons:
    """k coupons, each for one department and a few days.

    discount float32 [k], share of the price; strength float32 [k]; starts int64 [k], microseconds;
    groups int8 [u, k]: OUTSIDE, HELD_BACK or SENT; valid int32 [departments, days]: the coupon of the day, -1 for none.
    """

    codes: tuple[str, ...]
    department: Ints
    discount: Floats
    strength: Floats
    starts: Micros
    groups: npt.NDArray[np.int8]
    valid: Ints

    def lift(self, thrift: Floats, coupons: Ints) -> Floats:
        """The relative change of a purchase's probability that being sent the coupon makes: 0.5 is half as likely
        again. The thrifty are won; the others buy a little less, since a coupon cheapens what they like."""
        return self.lift_of(self.strength[coupons], thrift)

    @staticmethod
    def lift_of(strength: Floats | float, thrift: Floats) -> Floats:
        return np.asarray(strength * (thrift - 0.2), np.float32)

    def offered(self, shop: Assortment, users: Ints, items: Ints, days: Ints) -> Ints:
        """int32 [n]: the valid coupon that the user was sent for the item's department, -1 for none."""
        coupon = self.valid[shop.department[shop.leaf[items]], days]
        sent = (coupon >= 0) & (users >= 0) & (self.groups[users, coupon] == SENT)
        return np.where(sent, coupon, NONE).astype(np.int32)


def issue(shop: Assortment, shoppers: Shoppers, *, start: datetime, days: int, rng: np.random.Generator) -> Coupons:
    """A coupon begins every few days, each for the next department that sells something and has none running."""
    alive = rng.permutation(np.unique(shop.department[shop.leaf])).tolist()
    valid = np.full((len(shop.department_names), days), NONE, np.int32)
    homes: list[int] = []
    firsts: list[int] = []
    for turn, day in enumerate(range(0, days, max(days // 24, 1))):
        home = alive[turn % len(alive)]
        if valid[home, day] == NONE and len(homes) < _MOST:
            valid[home, day : day + _VALID_DAYS] = len(homes)
            homes.append(home)
            firsts.append(day)
    n, size = len(homes), (len(shoppers), len(homes))
    drawn = rng.integers(HELD_BACK, SENT + 1, size, np.int8)
    return Coupons(
        codes=tuple(f"SAVE{number + 1:02d}" for number in range(n)),
        department=np.array(homes, np.int32),
        discount=rng.choice(np.array([0.1, 0.15, 0.2], np.float32), n),
        strength=rng.uniform(0.8, 1.0, n).astype(np.float32),
        starts=int(start.timestamp()) * SECOND + np.array(firsts, np.int64) * DAY,
        groups=np.where(rng.random(size, np.float32) < _AUDIENCE, drawn, OUTSIDE).astype(np.int8),
        valid=valid,
    )


def write_coupons(shop: Assortment, shoppers: Shoppers, coupons: Coupons, folder: Path) -> None:
    """Write coupons.csv (what is given) and coupon_sends.parquet (to whom, and who was held back for comparison)."""
    names = pa.array(shop.department_names)
    table = pa.table(
        {
            "coupon_code": coupons.codes,
            "category": names.take(pa.array(coupons.department)),
            "discount_percent": np.round(coupons.discount * 100).astype(np.int32),
            "valid_from": pa.array(coupons.starts, pa.timestamp("us")).cast(pa.timestamp("s")),
            "valid_until": pa.array(coupons.starts + _VALID_DAYS * DAY, pa.timestamp("us")).cast(pa.timestamp("s")),
        }
    )
    csv.write_csv(table, folder / "coupons.csv")
    schema = pa.schema(
        [
            ("customer_id", pa.string()), ("coupon_code", pa.string()),
            ("sent_at", pa.timestamp("us")), ("test_group", pa.string()),
        ]
    )  # fmt: skip
    with pq.ParquetWriter(folder / "coupon_sends.parquet", schema, compression="zstd") as writer:
        for first in range(0, len(shoppers), _CHUNK):
            user, coupon = np.nonzero(coupons.groups[first : first + _CHUNK])
            group = coupons.groups[first + user, coupon]
            columns = [
                shoppers.ids.take(pa.array(first + user)),
                pa.array(coupons.codes).take(pa.array(coupon)),
                pa.array(coupons.starts[coupon], pa.timestamp("us")),
                pa.array(GROUPS).take(pa.array(group)),
            ]
            writer.write_table(pa.table(columns, schema=schema))
