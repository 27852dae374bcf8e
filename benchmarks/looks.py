"""How often what looks alike is of the same kind, by `visual` and by a plain histogram of colours.

    python benchmarks/looks.py [--data ../shared/data/fashion-product-images] [--label category]

Each picture is asked about, among all others: precision@10. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from PIL import Image

from shopkeeper.learn.models.visual import joined, look

K = 10
Matrix = npt.NDArray[np.float32]


def main() -> None:
    usual = Path(__file__).resolve().parents[2] / "shared" / "data" / "fashion-product-images"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=usual)
    parser.add_argument("--label", default="category")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"there is no {arguments.data}; name the folder with --data")
    products = pq.read_table(arguments.data / "products.parquet")
    pictures, labels = products.column("image").to_pylist(), np.array(products.column(arguments.label).to_pylist())
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; {len(labels):,} pictures.\n"
    )
    print(f"| by | same {arguments.label} among {K} | ms a picture |\n|---|---:|---:|")
    for name, read in (("visual", look), ("histogram of colours", histogram)):
        begin = time.process_time()
        vectors = np.stack([read(picture) for picture in pictures])
        took = 1e3 * (time.process_time() - begin) / len(pictures)
        vectors = joined(vectors) if name == "visual" else vectors
        print(f"| {name} | {precision(vectors, labels):.3f} | {took:.1f} |", flush=True)


def histogram(picture: bytes) -> Matrix:
    """The square root of the share of each of 64 colours."""
    pixels = np.asarray(Image.open(BytesIO(picture)).convert("RGB").resize((64, 64))) // 64
    bins = pixels.reshape(-1, 3) @ np.array([16, 4, 1])
    return np.sqrt(np.bincount(bins, minlength=64) / len(bins)).astype(np.float32)


def precision(vectors: Matrix, labels: npt.NDArray[np.str_]) -> float:
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argpartition(-scores, K, axis=1)[:, :K]
    return float((labels[nearest] == labels[:, None]).mean())


if __name__ == "__main__":
    main()
