"""The exports of a shop small enough to be trained in seconds, as CSV files."""

from __future__ import annotations

import csv
import random
from pathlib import Path

COLOURS, KINDS = ("red", "blue", "green", "white", "black"), ("mug", "teapot", "lamp", "chair")


def write_exports(folder: Path, days: int = 10) -> None:
    """20 products; 20 visits a day of people who look at two products of one kind and buy the second."""
    folder.mkdir(exist_ok=True)
    dice = random.Random(7)
    products = [(f"P{n:03}", colour, kind) for n, (kind, colour) in enumerate((k, c) for k in KINDS for c in COLOURS)]
    with (folder / "products.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["product_id", "title", "brand", "category", "price"])
        for id_, colour, kind in products:
            rows.writerow(
                [id_, f"{colour.title()} {kind}", "Acme", f"Home > {kind.title()}s", f"{dice.randint(5, 90)}.00"]
            )
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["event_time", "event_type", "product_id", "user_id", "session_id"])
        for visit in range(days * 7):
            kind = dice.randrange(len(KINDS)) * len(COLOURS)
            for step, done in enumerate(("view", "view", "purchase")):
                time = f"2026-03-{1 + visit // 7:02} {8 + visit % 7:02}:{step:02}:00"
                rows.writerow([time, done, products[kind + (visit + step // 2) % 5][0], f"U{visit % 9}", f"S{visit}"])
