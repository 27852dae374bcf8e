"""A shop in two languages, in which words mean several things."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from source_contract import interactions_of, items_table, material_of

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources.lexical import Lexical
from shopkeeper.engine.understanding import Understanding
from shopkeeper.settings import SearchSettings, Settings, Surface
from shopkeeper.vocabulary import Ids

NOW = 1_700_000_000.0


def bilingual_items() -> pa.Table:
    rows: list[dict[str, Any]] = []

    def add(title: str, brand: str, categories: list[str], price: float, **attributes: object) -> None:
        said = json.dumps(attributes, ensure_ascii=False)
        number = len(rows)
        rows.append(
            {"item_id": f"i-{number}", "title": title, "brand": brand, "categories": categories, "attributes": said}
            | {"price": price, "launched": int((NOW - number * 86_400) * 1e6)}
        )

    for n in range(12):
        hue = ("Black", "Orange")[n % 2]
        add(f"iPhone case {n}", "Apple", ["Electronics", "Phones"], 20 + 50 * n, colour=hue, weight_kg=0.2)
        add(f"Apple juice {n}", "Orchard", ["Food", "Juice"], 3 + n)
        add(f"Orange juice {n}", "Orange", ["Food", "Juice"], 3 + n)
        add(f"Running shoes {n}", "Nike", ["Shoes"], 40 + 10 * n, size=40 + n % 4, colour="Red", gender="Men")
        add(f"红色连衣裙{n}", "优衣库", ["女装", "连衣裙"], 99 + n, 颜色="红色")
        add(f"液晶电视{n}", "小米", ["家电", "电视"], 1999 + n, screen_inches=(50, 55)[n % 2], 颜色="黑色")
    return items_table(rows)


def engine_of(items: pa.Table, **search: Any) -> Engine:
    """Search by words alone, untrained."""
    material = material_of(items, interactions_of([]))
    lexical = Lexical().fit(material)
    settings = Settings(
        search=SearchSettings(**search),
        surfaces={"search": Surface(sources=("lexical",), needs="query", candidates=500, explore=0.0)},
    )
    return Engine(
        catalogue=material.catalogue,
        interactions=material.interactions,
        actors=Ids(()),
        sources={"lexical": lexical},
        statistics=Statistics.fit(material.catalogue, material.interactions, NOW),
        settings=settings,
        understanding=Understanding.mine(material.catalogue, lexical.terms),
    )
