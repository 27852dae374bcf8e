"""Events as a shop exports them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.data.simulate.assortment import numbered
from shopkeeper.data.simulate.world import Events, World
from shopkeeper.vocabulary import EVENT_TYPES, EventType

_WORDS = {
    EventType.FAVOURITE: "wishlist",
    EventType.CART: "add_to_cart",
    EventType.UNCART: "remove_from_cart",
}
EVENT_WORDS = tuple(_WORDS.get(kind, kind.value) for kind in EVENT_TYPES)
_SWAPS = ("", *(f"swap-{place}" for place in range(1, 100)))


def event_table(world: World, events: Events, *, first: int) -> pa.Table:
    """The rows of one part; `first` is the number of events before it."""
    return pa.table(
        {
            "event_id": numbered("E", first + np.arange(len(events)), 10),
            "event_time": pa.array(events["time"], pa.timestamp("us")),
            "event_type": pa.array(EVENT_WORDS).take(pa.array(events["type"])),
            "customer_id": _named(world.shoppers.ids, events["user"]),
            "session_id": numbered("S", events["visit"], 9),
            "product_id": _named(world.shop.ids, events["item"]),
            "search_query": _named(world.queries.text, events["query"]),
            "request_id": _id_or_null("R", events["slate"], 10),
            "position": _or_null(events["position"], pa.int32()),
            "quantity": _or_null(events["quantity"], pa.int32()),
            "price": pa.array(np.round(events["price"].astype(np.float64), 2), from_pandas=True),
            "order_id": _id_or_null("O", events["order"], 9),
            "coupon_code": _named(pa.array(world.coupons.codes), events["coupon"]),
            "rating": _or_null(events["rating"], pa.int32()),
            "device": pa.array(["desktop", "phone"]).take(pa.array(events["phone"].astype(np.int8))),
            "sponsored": pa.array(events["sponsored"], mask=events["position"] == 0),
            "list_test": _named(pa.array(_SWAPS), np.where(events["swap"] > 0, events["swap"], -1)),
        }
    )


def _named(names: pa.Array, codes: npt.NDArray[np.integer]) -> pa.Array:
    return names.take(pa.array(np.maximum(codes, 0), mask=codes < 0))


def _or_null(values: npt.NDArray[np.integer], kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind, mask=values == 0)


def _id_or_null(prefix: str, numbers: npt.NDArray[np.integer], width: int) -> pa.Array:
    return pc.if_else(pa.array(numbers >= 0), numbered(prefix, np.maximum(numbers, 0), width), None)
