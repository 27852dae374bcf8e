"""The first candidates of a search, read again together with its query (ranking/reranker.py says how they are ordered).

What is read hangs on no page, so that all pages are of one order: what comes behind the first may change places with
them, by chance, for variety and by rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shopkeeper.data.schema import items_table
from shopkeeper.engine.context import Context
from shopkeeper.engine.meaning import texts_read
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.text import MAX_QUERY_CHARACTERS
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine


def reread(engine: Engine, context: Context, pool: Pool, scores: Scores) -> Scores:
    """Scores float32 [n], aligned with the pool: those of the first anew, where something reads them."""
    reranker = reranker_of(engine, context, pool)
    if reranker is None:
        return scores
    first = engine.by_score(pool, scores)[: reranker.depth]
    read = reranker.reader.score(_asked(context), texts_of(engine.catalogue, pool.rows[first]))
    new = scores.copy()
    new[first] = reranker.again(scores[first], read, np.delete(scores, first))
    return new


def reranker_of(engine: Engine, context: Context, pool: Pool) -> Reranker | None:
    """What reads the answer again: nothing where that is sorted, or a single item; nor where the query has no words,
    cannot be read, or is the id of a candidate, which the texts do not hold."""
    request, reranker = context.request, engine.reranker
    if reranker is None or reranker.surface != request.surface or request.sort or len(pool.rows) < 2:
        return None
    (unknown,) = reranker.reader.unknown_shares([_asked(context)])
    if not any(map(str.isalnum, request.query)) or unknown > engine.settings.encoder.max_unknown_share:
        return None
    text = engine.text_source(request.surface)
    asks_for_one = text is not None and np.isin(text.coded(request.query), pool.rows).any()
    return None if asks_for_one else reranker


def texts_of(catalogue: Catalogue, rows: Rows) -> list[str]:
    """What is read of each of rows int32 [k]."""
    return texts_read(items_table(catalogue.items(rows)))


def _asked(context: Context) -> str:
    return context.meant[:MAX_QUERY_CHARACTERS]
