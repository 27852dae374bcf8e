"""JSON lines: any lines are read, each with all its words, or set aside, or the file is refused."""

from __future__ import annotations

from lines import check_reading, marked

SEEDS = [
    b'\0"name": "Red mug", "price": 2.5\n"name": null, "tags": ["a", 1], "size": {"cm": 3}\n',
    b'\1"a": [[], {}], "A": 1\n"a": "\\u00e9\\ud83d\\ude00"\n"a": \n',
    '\0"名": "红"\n"名": 1e400\n'.encode(),
    b'\0"a": "caf\xe9"\n"a": "x\0y", "a": true\n"__part": 1\n',
]


def check(data: bytes) -> None:
    check_reading(*marked(data, b'{"mark": "%s", %s}'), "items.jsonl")
