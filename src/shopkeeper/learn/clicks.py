"""Searches → how often each query led to each item, as it was known at a moment."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.engine.query_clicks import QueryClicks, query_key
from shopkeeper.learn.requests import FOLLOWED
from shopkeeper.vocabulary import INTEREST, Ids


def count_clicks(searches: pa.Table, items: Ids) -> QueryClicks:
    """Of searches (schema SEARCHES), each counting an item once, for the most that was done with it."""
    queries = searches.column("query").combine_chunks().dictionary_encode()
    keys = np.array([query_key(query) for query in queries.dictionary.to_pylist()], np.uint64)
    asked, rows, worth = [], [], []
    for kind, column in FOLLOWED.items():
        lists = searches.column(column).combine_chunks()
        asked.append(pc.list_parent_indices(lists).to_numpy())
        rows.append(items.rows(pc.list_flatten(lists).to_pylist()))
        worth.append(np.full(len(rows[-1]), INTEREST[kind], np.float32))
    search, row, most = np.concatenate(asked), np.concatenate(rows), np.concatenate(worth)
    known = row >= 0
    search, row, most = search[known], row[known], most[known]
    order = np.lexsort((most, row, search))
    search, row, most = search[order], row[order], most[order]
    last = np.append((np.diff(search) != 0) | (np.diff(row) != 0), True)[: len(search)]
    of_search = keys[queries.indices.to_numpy()[search[last]]] if len(keys) else np.empty(0, np.uint64)
    return QueryClicks.build(of_search, row[last], most[last])
