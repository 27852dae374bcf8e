"""Compares what the mapper proposes with the truth table; used by the tests and by benchmarks/mapper.py."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shopkeeper.data.mapper import propose
from shopkeeper.data.mapping import FileMapping
from shopkeeper.data.readers import discover
from shopkeeper.data.simulate import simulate

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures"
UNSEEN = FIXTURES / "unseen"
SIMULATED = "simulated-shop"  # in the truth table, and made when it is needed


@dataclass
class Score:
    """How one folder was read. A column counts as right when its field is, and its format where the truth names one."""

    files: int = 0
    files_right: int = 0
    columns: int = 0
    columns_right: int = 0
    facts_right: bool = True
    errors: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        self.files += other.files
        self.files_right += other.files_right
        self.columns += other.columns
        self.columns_right += other.columns_right
        self.facts_right &= other.facts_right
        self.errors += other.errors


def read_truth(name: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def simulated_exports(folder: Path) -> Path:
    """The exports of a small simulated shop, made in `folder`."""
    simulate(folder, products=120, events=8_000)
    return folder / "exports"


def score_folder(folder: Path, truth: dict[str, Any]) -> Score:
    """Propose a mapping for the folder and compare every file that the truth names."""
    total = Score()
    proposed = {file.path: file for file in propose(discover(folder)).files}
    for path, expected in truth.items():
        total.add(_score_file(f"{folder.name}/{path}", proposed[path], expected))
    return total


def _score_file(where: str, file: FileMapping, truth: dict[str, Any]) -> Score:
    score = Score(files=1)
    if file.role in truth["role"].split("|"):
        score.files_right = 1
    else:
        score.errors.append(f"{where}: role {file.role}, truth {truth['role']}")
    expected, formats = truth.get("columns", {}), truth.get("formats", {})
    for name in {**file.columns, **expected}:
        score.columns += 1
        column = file.columns.get(name)
        found = column.field if column else "attribute"
        wanted = expected.get(name, "attribute")
        if found not in wanted.split("|"):
            score.errors.append(f"{where}: {name} is {found}, truth {wanted}")
        elif name in formats and column and column.format != formats[name]:
            score.errors.append(f"{where}: {name} has format {column.format!r}, truth {formats[name]!r}")
        else:
            score.columns_right += 1
    for error in _wrong_facts(file, truth):
        score.facts_right = False
        score.errors.append(f"{where}: {error}")
    return score


def _wrong_facts(file: FileMapping, truth: dict[str, Any]) -> Iterator[str]:
    for key in ("event_type", "event_types", "returns"):
        if key in truth and getattr(file, key) != truth[key]:
            yield f"{key} {getattr(file, key)!r}, truth {truth[key]!r}"
