"""Search: any text has an answer, and explaining it does not fail."""

from __future__ import annotations

import tempfile
from pathlib import Path

import small_shop

from shopkeeper.vocabulary import Request

SEEDS = [
    text.encode()
    for text in (
        "red mug",
        "红色马克杯",
        "rde mgu",
        "headset lampgreen",
        'title:"mug"^5 AND (a* OR ~2)',
        "ﷺ İ ẞ ́ 👩‍👩‍👧",
        '3.5" x-y_z',
    )
]
ENGINE = small_shop.open_shop(Path(tempfile.mkdtemp())).engine()


def check(data: bytes) -> None:
    query = data.decode("utf-8", "replace")
    if query.strip():
        request = Request(query=query)
        slate = ENGINE.answer(request)
        assert len(slate.placements) <= slate.total
        ENGINE.explain(request, "mug-red")
