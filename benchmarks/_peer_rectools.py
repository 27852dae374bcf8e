"""RecTools' SASRec for `peers.py`, which makes the environment that it runs in, and its EASE for `fits.py`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _contest import Clock, Contestant, Task

SOFTMAX = {"n_heads": 2, "session_max_len": 200, "batch_size": 128, "epochs": 100_000}
AT_ONCE = 256  # people


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--ease", type=float, metavar="RIDGE", help="that one instead, for fits.py: say what it takes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.ease is not None:
        ease(Task.load(arguments.folder), arguments.ease)
        return
    contestant = Contestant(arguments.folder)

    import torch
    from pytorch_lightning import Callback, Trainer, seed_everything
    from rectools.models import SASRecModel

    torch.set_num_threads(arguments.threads)
    seed_everything(arguments.seed)

    class AfterEpoch(Callback):
        def on_train_epoch_end(self, _: Any, pl_module: Any) -> None:
            contestant.after_epoch(lambda: scores(model, pl_module.torch_model, contestant.task))

    def trainer() -> Any:
        return Trainer(
            max_epochs=SOFTMAX["epochs"],
            precision=arguments.precision,
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            logger=False,
            callbacks=[AfterEpoch()],
        )

    model = SASRecModel(n_factors=arguments.width, get_trainer_func=trainer, **SOFTMAX)
    data = dataset(contestant.task)
    contestant.clock.go()
    model.fit(data)


def ease(task: Task, ridge: float) -> None:
    from rectools.models import EASEModel

    data, clock = dataset(task), Clock()
    clock.go()
    EASEModel(regularization=ridge).fit(data)
    clock.stand()
    print(f"| {clock.wall:.2f} | {clock.cpu:.2f} |")


def dataset(task: Task) -> Any:
    import pandas as pd
    from rectools.dataset import Dataset

    people = np.repeat(np.arange(len(task.starts) - 1), np.diff(task.starts))
    columns = {"user_id": people, "item_id": task.items, "weight": 1.0}
    when = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.arange(len(people)), unit="s")
    return Dataset.construct(pd.DataFrame({**columns, "datetime": when}))


def scores(model: Any, network: Any, task: Task) -> Any:
    import torch

    length = SOFTMAX["session_max_len"]
    place = np.zeros(
        task.n_items, np.int64
    )  # there; 0 for an item that nobody met among the newest, which it knows not
    for at, item in enumerate(model.data_preparator.item_id_map.external_ids):
        if not isinstance(item, str):  # of padding
            place[item] = at
    network.eval()
    found = np.empty((len(task.asked), task.n_items), np.float32)
    with torch.no_grad():
        items = network.item_model.get_all_embeddings()
        for first in range(0, len(task.asked), AT_ONCE):
            people = task.asked[first : first + AT_ONCE]
            x = np.zeros((len(people), length), np.int64)  # padded in front
            for row, person in enumerate(people):
                known = place[task.history(person)]
                newest = known[known > 0][-length:]
                x[row, length - len(newest) :] = newest
            wanted = network.encode_sessions({"x": torch.from_numpy(x)}, items)[:, -1]
            found[first : first + AT_ONCE] = (wanted @ items.T).float().numpy()[:, place]
    found[:, place == 0] = -np.inf
    network.train()
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:  # it is `peers.py` that calls it
        main()
