"""What a column means: any texts have a profile, and a format that was found for dates reads most of them."""

from __future__ import annotations

import pyarrow as pa

from shopkeeper.data.duck import connect
from shopkeeper.data.expressions import Value, moment
from shopkeeper.data.mapper.dates import text_shape
from shopkeeper.data.mapper.profile import profile_column

SEEDS = [
    text.encode()
    for text in (
        "2026-01-31\n31/01/2026\nJan 31, 2026\n20260131",
        "2026-01-31 10:00:00 +0100\n2026-01-31T10:00:00Z\n31.01.26 10:00 PM",
        "31/01/2026z\n31/01/2026Z",
        "2026-01-33\n2026-13-01T25:00",
        "1,234.50\n1.234,50 €\nUSD 3\n-1e300\n007",
        "a1, b2; c3\n['a', 'b']\n{\"a\": [1]}\nA > B > C",
        "http://x/y.png\nwww.a.b\na@b.co\n<p>x</p>\ntrue\nEUR",
    )
]


def check(data: bytes) -> None:
    texts = [text for text in data.decode("utf-8", "replace").split("\n") if text]
    profile_column("column", pa.chunked_array([texts], pa.string()))
    shape = text_shape(texts)
    if shape is None or not shape.has_date:
        return
    with connect() as connection:
        connection.register("found", pa.table({"said": texts}))
        read = moment(Value("said", "said", connection.table("found").types[0], shape.format))
        ((known, every),) = connection.execute(f"SELECT COUNT({read}), COUNT(*) FROM found").fetchall()
    assert known >= 0.9 * every, shape.format
