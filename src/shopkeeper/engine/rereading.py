"""The first candidates of a search, read again together with its query (ranking/reranker.py says how they are ordered).

What is read hangs on no page, so that all pages are of one order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shopkeeper.data.schema import items_table
from shopkeeper.engine.context import Context
from shopkeeper.engine.meaning import texts_read
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine


def reread(engine: Engine, context: Context, pool: Pool, scores: Scores) -> Scores:
    """Scores float32 [n], aligned with the pool: those of the first anew, where something reads them."""
    reranker = reranker_of(engine, context)
    if reranker is None or not len(pool.rows):
        return scores
    first = engine.by_score(pool, scores)[: reranker.depth]
    read = reranker.reader.score(context.meant, texts_of(engine.catalogue, pool.rows[first]))
    new = scores.copy()
    new[first] = reranker.again(scores[first], read, np.delete(scores, first))
    return new


def reranker_of(engine: Engine, context: Context) -> Reranker | None:
    """What reads the answer again: nothing where the query has no words, or the answer is sorted."""
    request, reranker = context.request, engine.reranker
    if reranker is None or reranker.surface != request.surface or request.sort:
        return None
    return reranker if any(map(str.isalnum, request.query)) else None


def texts_of(catalogue: Catalogue, rows: Rows) -> list[str]:
    """What is read of each of rows int32 [k]."""
    return texts_read(items_table(catalogue.items(rows)))
