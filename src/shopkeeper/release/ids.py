"""The ids of a release on disk: texts and the arrays by which they are found."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import one_chunk, read_table, write_table
from shopkeeper.vocabulary import Ids

TEXTS = "texts.arrow"


def save_ids(ids: Ids, directory: Path) -> None:
    save_arrays(directory, {"hashes": ids.hashes, "by_hash": ids.by_hash})
    write_table(pa.table({"id": ids.texts}), directory / TEXTS)


def load_ids(directory: Path) -> Ids:
    """Memory-mapped, so that many processes share one copy."""
    texts = one_chunk(read_table(directory / TEXTS).column("id"))
    return Ids.found_by(texts, load_array(directory, "hashes"), load_array(directory, "by_hash"))
