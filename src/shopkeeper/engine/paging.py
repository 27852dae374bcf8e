"""Going on where a page ended, whatever changed meanwhile: a token that holds what was shown.

The next page is the best of what matches now and was not shown yet. So nothing comes twice, and nothing that matches
all the while is missed, though stocks, prices, ranks and releases change between two pages; and any process can answer,
as all that it must know is in the token. A token grows by 8 characters for each item shown.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from shopkeeper.errors import RequestError
from shopkeeper.vocabulary import Ids, Request, Rows, id_hash

MAX_SEEN = 10_000
VERSION = b"\x01"
SEARCH_BYTES, ITEM_BYTES = 5, 6
MAX_TOKEN = 4 * (len(VERSION) + SEARCH_BYTES + ITEM_BYTES * MAX_SEEN + 2) // 3


def seen_by(request: Request) -> bytes:
    """What was shown before the page that a request asks for, ITEM_BYTES an item.

    Raises RequestError for a token that is none, or that of another search.
    """
    if not request.after:
        return b""
    try:
        token = urlsafe_b64decode(request.after.encode())
    except (binascii.Error, ValueError):
        token = b""
    begin = len(VERSION) + SEARCH_BYTES
    if token[: len(VERSION)] != VERSION or len(token) < begin or (len(token) - begin) % ITEM_BYTES:
        raise RequestError("this is the end of no page", where="after", expected="the `next` of an earlier answer")
    if token[len(VERSION) : begin] != _search(request):
        raise RequestError(
            "this is the end of a page of another search",
            where="after",
            expected="what the first page asked: query, filter, refinements, sort, grouping",
            remedy="Begin again without it.",
        )
    return token[begin:]


def token_after(request: Request, seen: bytes, shown: Sequence[str]) -> str:
    """The token for the page behind one that shows these ids."""
    items = b"".join(map(_item, shown))
    return urlsafe_b64encode(VERSION + _search(request) + seen + items).decode()


def n_seen(seen: bytes) -> int:
    return len(seen) // ITEM_BYTES


def rows_seen(seen: bytes, ids: Ids) -> Rows:
    """int32: the items of a token that there are still."""
    if not seen:
        return np.empty(0, np.int32)
    marks = [seen[at : at + ITEM_BYTES] for at in range(0, len(seen), ITEM_BYTES)]
    rows = [row for mark in marks for row in ids.rows_hashed(int.from_bytes(mark[:4])) if _item(ids.id(row)) == mark]
    return np.array(rows, np.int32)


def _item(id_: str) -> bytes:
    """The hash by which Ids finds an item, and two bytes more: two items of a search that share them are one in
    hundreds of millions."""
    more = blake2b(id_.encode(errors="surrogatepass"), digest_size=ITEM_BYTES - 4).digest()
    return id_hash(id_).to_bytes(4) + more


def _search(request: Request) -> bytes:
    """Of what decides which items match, and how they are ordered."""
    chosen = sorted((name, sorted(values)) for name, values in request.refinements.items() if values)
    asked = (request.surface, request.query, request.items, request.filter, chosen, request.sort, request.group_by)
    said = (*asked, sorted(request.without), request.verbatim, request.picture, request.like)
    return blake2b(repr(said).encode(errors="replace"), digest_size=SEARCH_BYTES).digest()
