"""Queries that may tell of a person: these are suggested to nobody, however many typed them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = re.compile(r"\d(?:[\s().+/-]*\d){6,}")  # digits such as those of telephones, accounts and cards
_ADDRESS = re.compile(r"\S@\S|://|\bwww\.")
_TOKEN = re.compile(r"(?=\S*\d)(?=\S*[^\W\d])\S{16,}")  # letters and digits of such a length are nobody's word


def personal(keys: Iterable[str], items: pa.Table) -> set[str]:
    """Those of the queries, folded, that hold an address, a long number or a token, unless the catalogue (schema ITEMS)
    has the number or the token as a product's."""
    addressed, numbered = set[str](), dict[str, list[str]]()
    for key in keys:
        if _ADDRESS.search(key):
            addressed.add(key)
        elif codes := [*map(_squeezed, _NUMBER.findall(key)), *map(_squeezed, _TOKEN.findall(key))]:
            numbered[key] = codes
    known = _codes_of(items) if numbered else set()
    return addressed | {key for key, codes in numbered.items() if not known.issuperset(codes)}


def _squeezed(code: str) -> str:
    return "".join(filter(str.isalnum, code)).lower()


def _codes_of(items: pa.Table) -> set[str]:
    found = set[str]()
    for name in ("item_id", "title", "attributes"):
        texts = pc.drop_null(items.column(name))
        likely = texts.filter(pc.match_substring_regex(texts, r"\d"))
        for text in likely.to_pylist():
            found.update(map(_squeezed, _NUMBER.findall(text)))
            found.update(map(_squeezed, _TOKEN.findall(text)))
            if name == "item_id":
                found.add(_squeezed(text))
    return found
