"""What is read of a picture, of what stands before its background: colours, edges, outline, and the pixels themselves.

How much there is of each colour; the directions of edges, cell by cell (histograms of oriented gradients; Dalal and
Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005); and the outline. Nothing of it is learned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import NoReturn, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, ImageOps

from shopkeeper.errors import RequestError
from shopkeeper.release.images import media_type, pictures_of
from shopkeeper.vocabulary import Ids, Mask, Scores

SIDE, CELL, OUTLINE = 64, 16, 8  # pixels of a picture, of a cell, and of the outline, both ways
HUES, VALUES, GREYS, DIRECTIONS = 12, 3, 4, 9
COLOURS, EDGES = GREYS + HUES * VALUES, DIRECTIONS * (SIDE // CELL) ** 2
SHARES = (0.4, 0.4, 0.2)  # of a vector's squared length: colours, edges, outline
APART = 0.08  # by which a pixel differs from the background, of 1
FEWEST_APART = 0.02  # of the pixels; of a picture with less before its background all is read
MAX_BYTES, MAX_PIXELS = 10_000_000, 50_000_000  # of a stranger's picture
KINDS = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/avif")

Box = tuple[int, int, int, int]  # left, upper, right, lower
Pixels = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Read = TypeVar("Read")

_log = logging.getLogger(__name__)
_opening = threading.BoundedSemaphore(2)  # pictures at a time: one of MAX_PIXELS takes 200 MB until it is small


def reading(batches: Iterable[pa.RecordBatch], ids: Ids, read: Callable[[bytes], Read]) -> Iterator[tuple[int, Read]]:
    """The row of each item with a picture that can be read, and what is read of it. batches: of schema IMAGES."""
    unread = 0
    for row, picture in pictures_of(batches, ids):
        try:
            yield row, read(picture)
        except Exception:  # of what is no picture, or one that is damaged, each reader of Pillow says it its own way
            unread += 1
    if unread:
        _log.warning("%s pictures cannot be read, and are left out.", f"{unread:,}")


def from_stranger(picture: bytes, read: Callable[[bytes], Read]) -> Read:
    """What is read of a picture that somebody sent. Raises RequestError, a sentence, for all that is none."""
    if len(picture) > MAX_BYTES:
        _refuse("the picture is too large", f"at most {MAX_BYTES:,} bytes")
    if media_type(picture) not in KINDS:
        _refuse("this is no picture that can be read", "JPEG, PNG, WebP, GIF, BMP or AVIF")
    try:
        with Image.open(BytesIO(picture)) as image:  # which reads no more than the head
            size = image.width * image.height
        if size > MAX_PIXELS:
            _refuse(f"the picture has {size:,} pixels", f"at most {MAX_PIXELS:,}")
        return read(picture)
    except RequestError:
        raise
    except Exception as error:  # as above
        _log.info("A picture cannot be read: %s", error)
        _refuse("the picture is damaged", "a whole one")


def _refuse(what: str, expected: str) -> NoReturn:
    raise RequestError(what, where="picture", expected=expected) from None


def look(picture: bytes) -> Scores:
    """float32 [COLOURS + EDGES + OUTLINE² + 1]: shares of colours, edges by cell and direction, outline, and how much
    wider than high it is. Raises what Pillow does for what it cannot read."""
    image, ratio = _opened(picture, SIDE)
    before = _before(image)
    box = _box(before)
    grey = image.crop(box).resize((SIDE, SIDE)).convert("L")
    outline = Image.fromarray(before.astype(np.uint8) * 255).crop(box).resize((OUTLINE, OUTLINE))
    parts = (
        _colours(np.asarray(image.convert("HSV"), np.float32)[before] / 255.0),
        _edges(np.asarray(grey, np.float32) / 255.0),
        np.asarray(outline, np.float32).ravel() / 255.0,
        [4.0 * np.log(ratio * (box[2] - box[0]) / (box[3] - box[1]))],
    )
    return np.concatenate(parts).astype(np.float32)


def pixels(picture: bytes, side: int) -> Bytes:
    """uint8 [4, side, side]: red, green and blue of what stands before the background, as large as it fits into the
    middle, and 255 where it stands. Raises what Pillow does for what it cannot read."""
    image, ratio = _opened(picture, 2 * side)
    before = _before(image.resize((SIDE, SIDE)))
    left, upper, right, lower = (edge / SIDE * 2 * side for edge in _box(before))
    wider = ratio * (right - left) / (lower - upper)
    size = (side, max(1, round(side / wider))) if wider >= 1.0 else (max(1, round(side * wider)), side)
    place = ((side - size[0]) // 2, (side - size[1]) // 2)
    square = Image.new("RGB", (side, side), tuple(int(part) for part in _background(image)))
    square.paste(image.resize(size, box=(left, upper, right, lower)), place)
    mask = Image.new("L", (side, side))
    stands = Image.fromarray(before.astype(np.uint8) * 255)
    mask.paste(stands.resize(size, box=_box(before)), place)
    return np.concatenate((np.asarray(square).transpose(2, 0, 1), np.asarray(mask)[None]))


def colours(pixels: Bytes) -> Scores:
    """float32 [COLOURS]: the square root of the share of each colour, of what `pixels` gives."""
    image = Image.fromarray(np.ascontiguousarray(pixels[:3].transpose(1, 2, 0))).convert("HSV")
    before = pixels[3] > 127
    there = before if before.any() else np.ones_like(before)
    return _colours(np.asarray(image, np.float32)[there] / 255.0).astype(np.float32)


def _opened(picture: bytes, side: int) -> tuple[Image.Image, float]:
    """RGB, side by side, and how much wider than high it was; what is transparent is white."""
    with _opening:
        image: Image.Image = Image.open(BytesIO(picture))
        image.draft("RGB", (2 * side, 2 * side))  # of a JPEG only as much is read as is needed
        image.thumbnail((8 * side, 8 * side), Image.Resampling.BOX)
    image = ImageOps.exif_transpose(image)
    ratio = image.width / image.height
    image = image.convert("RGBA").resize((side, side))
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"), ratio


def _background(image: Image.Image) -> Pixels:
    """float32 [3], of 255: the colour that the rim mostly has."""
    there = np.asarray(image, np.float32)
    rim = np.concatenate((there[0], there[-1], there[:, 0], there[:, -1]))
    return np.asarray(np.median(rim, axis=0), np.float32)


def _before(image: Image.Image) -> Mask:
    """bool [height, width]: what differs from the background."""
    apart = np.abs(np.asarray(image, np.float32) - _background(image)).max(axis=2) > 255.0 * APART
    return np.asarray(apart if apart.mean() >= FEWEST_APART else np.ones_like(apart))


def _box(before: Mask) -> Box:
    down, across = np.flatnonzero(before.any(1)), np.flatnonzero(before.any(0))
    return int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1


def _colours(pixels: Pixels) -> npt.NDArray[np.float64]:
    """The square root of the share of each colour among pixels [k, 3] of hue, saturation and value."""
    hue, saturation, value = pixels.T
    hues = np.floor(hue * HUES).astype(int) % HUES
    coloured = GREYS + hues * VALUES + np.minimum((value * VALUES).astype(int), VALUES - 1)
    bins = np.where(saturation > 0.2, coloured, np.minimum((value * GREYS).astype(int), GREYS - 1))
    return np.sqrt(np.bincount(bins, minlength=COLOURS) / len(bins))


def _edges(grey: Pixels) -> npt.NDArray[np.float64]:
    """How strongly it changes, by cell and direction, each cell about of length 1."""
    down, across = np.gradient(grey)
    directions = np.minimum((np.arctan2(down, across) % np.pi / np.pi * DIRECTIONS).astype(int), DIRECTIONS - 1)
    cells = np.arange(SIDE) // CELL
    bins = (cells[:, None] * (SIDE // CELL) + cells) * DIRECTIONS + directions
    strengths = np.bincount(bins.ravel(), np.hypot(down, across).ravel(), minlength=EDGES).reshape(-1, DIRECTIONS)
    return np.ravel(strengths / (np.linalg.norm(strengths, axis=1, keepdims=True) + 0.5))
