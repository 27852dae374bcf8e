"""The shop's own pictures, where the source brought them as bytes."""

from __future__ import annotations

import mmap
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import UNKNOWN_ROW, Ids

# How each kind of picture begins. SVG is left out: it may carry scripts, and is not a photograph of a product.
KINDS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
BYTES, ARRAYS = "images.bin", ("begins", "ends")


@dataclass(frozen=True, eq=False)
class Images:
    """One file of all pictures: that of item row r is content[begins[r]:ends[r]] (int64 [n_items]); none if empty."""

    directory: Path
    content: bytes | mmap.mmap
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @classmethod
    def build(cls, batches: Iterable[pa.RecordBatch], ids: Ids, directory: Path) -> Images:
        """Write the pictures of known items (batches of schema IMAGES) into `directory`, an item's first one only.

        Flat in memory: batches pass through one by one.
        """
        directory.mkdir(parents=True, exist_ok=True)
        begins, ends = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        with (directory / BYTES).open("wb") as file:
            for row, picture in pictures_of(batches, ids):
                begins[row] = file.tell()
                file.write(picture)
                ends[row] = file.tell()
        save_arrays(directory, {"begins": begins, "ends": ends})
        return cls.load(directory)

    @classmethod
    def load(cls, directory: Path) -> Images:
        """Memory-mapped."""
        content: bytes | mmap.mmap = b""
        with (directory / BYTES).open("rb") as file:
            if file.seek(0, 2):
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(directory, content, **{name: load_array(directory, name) for name in ARRAYS})

    def save(self, directory: Path) -> None:
        """A copy in another directory."""
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)

    def __len__(self) -> int:
        """How many items have a picture."""
        return int(np.count_nonzero(self.ends))

    def get(self, row: int) -> tuple[bytes, str] | None:
        """The picture of an item and its media type; None when there is none."""
        if row >= len(self.ends):  # it came after the release
            return None
        picture = self.content[self.begins[row] : self.ends[row]]
        return (picture, media_type(picture)) if picture else None


def pictures_of(batches: Iterable[pa.RecordBatch], ids: Ids) -> Iterator[tuple[int, bytes]]:
    """The row of each known item that has one, and its picture, from batches of schema IMAGES, in their order; an
    item's first one only."""
    met = set[int]()
    for batch in batches:
        rows = ids.rows(batch.column("item_id").to_pylist()).tolist()
        for row, image in zip(rows, batch.column("image"), strict=True):
            if row != UNKNOWN_ROW and row not in met and image.is_valid and len(picture := image.as_py()):
                met.add(row)
                yield row, picture


def media_type(picture: bytes) -> str:
    """What the first bytes say; "application/octet-stream" for what is no picture that we know."""
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    if picture[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return next((kind for start, kind in KINDS if picture.startswith(start)), "application/octet-stream")
