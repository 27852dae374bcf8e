"""How a picture becomes a vector of two parts, each of length 1: what it shows, and in which colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shopkeeper.engine.graph import Graph
from shopkeeper.engine.looks import COLOURS, EDGES, OUTLINE, SHARES, colours, look, pixels
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Scores

NETWORK = "network.onnx"
SHAPES = EDGES + OUTLINE**2 + 1  # numbers of a shape, without a network


@dataclass(frozen=True, eq=False)
class Eye:
    """graph: uint8 [b, 3, side, side] → float32 [b, d], of length 1; None: edges and outline tell what is shown; mean:
    of what is read of the shop's pictures, float32 [COLOURS] or without a graph [COLOURS + SHAPES]: what pictures have
    in common tells nothing."""

    graph: Graph | None
    side: int
    mean: Scores

    def read(self, picture: bytes) -> Any:
        """What `vectors` needs of a picture. Raises what Pillow does for what it cannot read."""
        return look(picture) if self.graph is None else pixels(picture, self.side)

    def vectors(self, read: Sequence[Any]) -> Scores:
        """float32 [n, d + COLOURS], for what `read` gave of n pictures."""
        if self.graph is None:
            looks: Scores = np.stack(read) - self.mean
            shapes, tints = looks[:, COLOURS:], looks[:, :COLOURS]
            edges = np.sqrt(SHARES[1]) * unit(shapes[:, :EDGES])
            shapes = np.concatenate((edges, np.sqrt(SHARES[2]) * unit(shapes[:, EDGES:])), axis=1)
        else:
            shapes = self.graph(pixels=np.stack([each[:3] for each in read]))
            tints = np.stack([colours(each) for each in read]) - self.mean
        return np.concatenate((unit(shapes), unit(tints)), axis=1).astype(np.float32)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"side": np.array(self.side), "mean": self.mean})
        if self.graph is not None:
            self.graph.save(directory / NETWORK)

    @classmethod
    def load(cls, directory: Path) -> Eye:
        graph = Graph.load(directory / NETWORK) if (directory / NETWORK).exists() else None
        return cls(graph, int(load_array(directory, "side")), np.array(load_array(directory, "mean")))


def unit(vectors: Scores) -> Scores:
    """float32 [n, d], each of length 1; zeros stay."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)
