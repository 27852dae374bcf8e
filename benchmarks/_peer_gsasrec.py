"""The training of the repository asash/gSASRec-pytorch as it is, for `peers.py`: its script runs on our data, with our
measure in the place of its own."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from _contest import Contestant, Task

LENGTH, AT_ONCE = 200, 256  # events of a history, as its configs have it; people


class Measure:
    """Stands for those of ir_measures, which its configs name and we do not use."""

    def __matmul__(self, _: int) -> Measure:
        return self


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--config", default="config_ml1m.py")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    contestant = Contestant(arguments.folder)

    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    measure = Measure()
    stand_in("ir_measures", nDCG=measure, R=measure)
    stand_in("torchinfo", summary=lambda *_, **__: None)

    def evaluate(model: Any, *_: Any, **__: Any) -> dict[Measure, float]:
        contestant.after_epoch(lambda: scores(model, contestant.task))
        return {measure: 0.0}  # never better, so that it keeps no more than one model

    stand_in("eval_utils", evaluate=evaluate)
    lay_out(contestant.task, arguments.folder / "datasets" / "ml1m")
    os.chdir(arguments.folder)
    sys.path.insert(0, str(arguments.repository))
    sys.argv = ["train_gsasrec.py", "--config", str(arguments.repository / arguments.config)]
    contestant.clock.go()
    runpy.run_path(str(arguments.repository / "train_gsasrec.py"), run_name="__main__")


def stand_in(name: str, **parts: Any) -> None:
    module = ModuleType(name)
    vars(module).update(parts)
    sys.modules[name] = module


def lay_out(task: Task, folder: Path) -> None:
    """Items are numbered from 1 on there."""
    lines = [" ".join(map(str, task.history(person) + 1)) for person in range(len(task.starts) - 1)]
    for part in ("train", "val"):
        (folder / part).mkdir(parents=True)
        (folder / part / "input.txt").write_text("\n".join(lines))
    (folder / "val" / "output.txt").write_text("\n".join("1" for _ in lines))  # it is we who know
    (folder / "dataset_stats.json").write_text(json.dumps({"num_items": task.n_items}))


def scores(model: Any, task: Task) -> Any:
    import torch

    found = np.empty((len(task.asked), task.n_items), np.float32)
    model.eval()
    with torch.no_grad():
        items = model.get_output_embeddings().weight[1 : task.n_items + 1]
        for first in range(0, len(task.asked), AT_ONCE):
            people = task.asked[first : first + AT_ONCE]
            x = np.full((len(people), LENGTH), task.n_items + 1)  # padded in front
            for row, person in enumerate(people):
                newest = task.history(person)[-LENGTH:]
                x[row, LENGTH - len(newest) :] = newest + 1
            wanted = model(torch.from_numpy(x))[0][:, -1]
            found[first : first + AT_ONCE] = (wanted @ items.T).numpy()
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:  # it is `peers.py` that calls it
        main()
