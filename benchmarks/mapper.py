"""How well the mapper reads exports: fields and roles against the hand-written truth, as a Markdown table.

    python benchmarks/mapper.py

A field counts as right when its meaning is, and its format where the truth names one. The real data sets are looked
for beside the project, in ../shared/data; those that are absent are left out. The simulated shop is made first.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "data"))

from mapper_score import (  # noqa: E402
    FIXTURES,
    SIMULATED,
    UNSEEN,
    Score,
    read_truth,
    score_folder,
    simulated_exports,
)

SHARED = ROOT.parent / "shared" / "data"


def main() -> None:
    print("| exports | files | columns | roles right | fields right | seconds |\n|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as made:
        simulated_exports(Path(made)).rename(Path(made) / SIMULATED)
        for title, truth_name, places in (
            ("named exports, together", "mapper_truth.toml", (FIXTURES, SHARED, Path(made))),
            ("schemas held out at first", "mapper_truth_unseen.toml", (UNSEEN,)),
        ):
            report(title, truth_name, places)


def report(title: str, truth_name: str, places: Sequence[Path]) -> None:
    """A row for each folder of a truth table that is in one of the places, and one for all of them together."""
    total, begun = Score(), time.perf_counter()
    for name, truth in read_truth(truth_name).items():
        folder = next((place / name for place in places if (place / name).is_dir()), None)
        if folder is None:
            continue
        started = time.perf_counter()
        score = score_folder(folder, truth)
        print(row(name, score, time.perf_counter() - started))
        total.add(score)
    print(row(title, total, time.perf_counter() - begun))


def row(name: str, score: Score, seconds: float) -> str:
    roles, fields = score.files_right / max(1, score.files), score.columns_right / max(1, score.columns)
    return f"| {name} | {score.files} | {score.columns} | {roles:.1%} | {fields:.1%} | {seconds:.1f} |"


if __name__ == "__main__":
    main()
