"""Product pictures drawn in code: the shape says what it is, the fill its colour, the texture its pattern."""

from __future__ import annotations

import io
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from shopkeeper.data.simulate.words import COLOUR_VALUES, PATTERNS
from shopkeeper.errors import MissingExtraError

if TYPE_CHECKING:
    from PIL import ImageDraw

Pixels = npt.NDArray[np.float32]

SIZE = 192  # pixels, both ways
_GRID = 64  # what the shapes are written on
_OVERSAMPLING = 2  # drawn larger and shrunk, so that edges are smooth
_SCALE = SIZE * _OVERSAMPLING // _GRID
_BACKGROUND = np.array((236, 238, 241), np.float32)

# A stroke is a letter and numbers on a 64 × 64 grid: P polygon, E ellipse, R rectangle, O ring (ellipse outline),
# L line. A capital fills with the product's colour, a small letter darkens what is there (seams, screens, handles).
SHAPES: dict[str, str] = {
    "backpack": "O 24 6 40 22; P 16 18 48 18 52 56 12 56; r 20 36 44 50; l 16 28 48 28",
    "ball": "E 10 10 54 54; p 32 24 40 30 37 40 27 40 24 30; l 32 24 32 11; l 40 30 53 27; l 24 30 11 27",
    "bear": "E 18 6 28 18; E 36 6 46 18; E 18 8 46 32; E 16 28 48 58; e 26 16 29 19; e 35 16 38 19; e 29 21 35 26",
    "bed": "R 8 30 56 48; R 8 16 12 54; R 52 26 56 54; r 12 24 26 31; l 8 40 56 40",
    "blocks": "R 8 34 30 56; R 34 34 56 56; R 21 10 43 32; r 24 7 30 10; r 34 7 40 10; l 8 44 30 44",
    "book": "P 12 8 50 8 50 56 12 56; l 18 8 18 56; r 24 18 44 24; l 26 30 42 30",
    "boot": "P 20 6 38 6 38 36 56 46 56 54 18 54; r 18 52 56 57; l 20 16 38 16",
    "bottle": "R 27 4 37 16; P 27 16 37 16 46 26 46 60 18 60 18 26; r 26 4 38 10; r 20 34 44 48",
    "bowl": "P 6 26 58 26 46 52 18 52; e 6 20 58 32; r 24 52 40 56",
    "box": "P 8 22 32 12 56 22 56 50 32 60 8 50; l 8 22 32 32; l 56 22 32 32; l 32 32 32 60",
    "can": "P 20 24 48 24 50 56 18 56; P 20 44 4 26 8 22 22 36; O 34 10 60 46; r 20 22 48 26",
    "candle": "R 20 24 44 58; l 32 24 32 16; e 29 6 35 18; e 20 21 44 27",
    "chair": "R 16 6 22 58; R 16 32 48 38; R 42 38 48 58; R 16 6 44 12; R 16 18 44 22; l 22 36 44 36",
    "clock": "E 8 8 56 56; O 12 12 52 52; l 32 32 32 18; l 32 32 44 38; e 30 30 34 34",
    "cloth": "P 8 20 44 14 56 24 56 50 20 56 8 46; l 8 30 44 24; l 44 24 56 34; l 8 40 44 34; l 44 34 56 44",
    "curtain": "P 10 8 30 8 26 58 8 58; P 34 8 54 8 56 58 38 58; r 4 4 60 8; l 18 8 16 58; l 46 8 48 58",
    "cushion": "P 8 12 32 16 56 12 52 32 56 54 32 50 8 54 12 32; l 12 16 52 50; l 52 16 12 50",
    "desk": "R 4 20 60 27; R 8 27 13 58; R 51 27 56 58; R 36 27 51 42; r 42 33 46 35",
    "dress": "P 24 6 28 12 36 12 40 6 44 10 40 28 52 58 12 58 24 28 20 10; l 24 28 40 28",
    "dumbbell": "R 20 28 44 36; R 10 16 20 48; R 44 16 54 48; R 5 24 10 40; R 54 24 59 40; l 15 16 15 48",
    "floorlamp": "P 22 4 42 4 48 22 16 22; R 31 22 33 54; E 20 52 44 60; l 16 20 48 20",
    "glass": "P 16 8 48 8 42 56 22 56; e 16 5 48 11; l 18 24 46 24",
    "handbag": "O 20 6 44 38; P 10 26 54 26 58 56 6 56; l 8 36 56 36; r 29 33 35 41",
    "hat": "E 4 38 60 54; P 18 46 20 16 44 16 46 46; E 20 11 44 21; r 18 36 46 42",
    "headphones": "O 10 8 54 56; O 12 10 52 54; R 6 34 18 56; R 46 34 58 56; r 14 36 18 54; r 46 36 50 54",
    "helmet": "E 6 12 58 60; e 14 42 50 62; l 20 22 28 16; l 32 26 32 13; l 44 22 37 16; r 6 44 58 47",
    "jacket": "P 20 8 44 8 60 24 54 44 47 40 47 58 17 58 17 40 10 44 4 24; l 32 8 32 58; l 20 8 32 22; l 44 8 32 22",
    "jar": "P 14 20 50 20 52 56 12 56; r 14 10 50 20; r 18 32 46 46",
    "keyboard": "R 4 22 60 46; r 8 26 56 30; r 8 33 56 37; r 16 40 48 43",
    "knife": "P 4 30 38 20 38 36 10 34; R 38 22 60 34; e 42 26 45 29; e 52 26 55 29",
    "lamp": "P 20 8 44 8 52 30 12 30; R 30 30 34 52; E 18 50 46 58; l 12 28 52 28",
    "laptop": "R 12 12 52 42; P 12 42 52 42 60 54 4 54; r 15 15 49 39; l 10 48 54 48",
    "lipstick": "P 26 14 38 6 38 28 26 28; R 23 28 41 58; r 23 28 41 34; r 23 46 41 48",
    "mat": "P 4 46 44 46 60 54 20 54; E 4 28 24 48; R 14 28 52 46; e 9 33 19 43; e 12 36 16 40",
    "monitor": "R 4 10 60 44; R 28 44 36 54; R 18 54 46 58; r 7 13 57 41",
    "mouse": "E 18 8 46 58; l 32 8 32 28; l 18 28 46 28; e 30 14 34 22",
    "mug": "P 10 14 44 14 42 56 12 56; O 34 20 60 46; O 36 22 58 44; e 10 10 44 18",
    "packet": "P 16 8 48 8 50 58 14 58; l 16 14 48 14; r 20 26 44 44; l 14 54 50 54",
    "pan": "E 4 18 40 54; R 38 33 62 39; e 9 23 35 49",
    "pen": "P 12 46 44 8 52 14 20 52; p 12 46 20 52 9 57; l 36 18 44 24",
    "perfume": "R 16 26 48 58; R 27 16 37 26; r 25 6 39 16; r 22 36 42 48",
    "phone": "R 18 4 46 60; r 21 10 43 52; e 30 54 34 58",
    "plate": "E 4 14 60 52; e 14 20 50 46; E 17 22 47 44",
    "plug": "R 16 24 48 58; R 22 8 27 24; R 37 8 42 24; r 24 34 40 48",
    "pot": "P 10 20 54 20 46 58 18 58; r 7 14 57 23; l 14 38 50 38",
    "puzzle": "R 8 18 46 56; E 40 28 56 44; E 20 8 36 24; e 20 46 34 60; e 3 30 16 44",
    "scarf": "P 10 10 54 10 54 24 44 24 44 58 30 58 30 24 10 24; l 30 52 44 52; l 34 58 34 54; l 40 58 40 54",
    "shelf": "R 10 6 54 58; r 14 10 50 22; r 14 26 50 38; r 14 42 50 54",
    "shirt": "P 22 8 42 8 60 20 54 32 47 28 47 58 17 58 17 28 10 32 4 20; e 25 4 39 14",
    "shoe": "P 6 26 22 28 34 20 44 36 58 42 58 50 6 50; r 6 48 58 54; l 26 26 34 34; l 30 23 38 31",
    "skirt": "P 22 12 42 12 56 54 8 54; r 22 10 42 16; l 28 16 22 54; l 36 16 42 54",
    "sleepingbag": "P 20 6 44 6 52 20 42 60 22 60 12 20; e 22 8 42 24; l 32 24 32 60",
    "sock": "P 22 6 40 6 40 36 56 46 52 56 40 56 22 44; r 22 6 40 12; l 46 42 42 55",
    "sofa": "R 8 20 56 40; R 4 28 14 52; R 50 28 60 52; R 12 36 52 52; l 32 36 32 52; l 12 37 52 37",
    "speaker": "R 16 4 48 60; e 23 30 41 48; e 27 12 37 22",
    "teapot": "E 12 20 48 56; P 46 34 60 20 62 24 48 46; O 2 24 24 50; E 24 14 36 24; l 16 26 44 26; e 28 10 32 15",
    "tent": "P 32 8 60 56 4 56; p 32 22 42 56 22 56; l 32 8 32 22",
    "trousers": "P 18 6 46 6 50 58 36 58 32 26 28 58 14 58; r 18 6 46 11; l 32 11 32 26",
    "tube": "P 18 6 46 6 42 48 22 48; r 23 48 41 58; r 24 18 40 34",
    "umbrella": "P 4 34 10 20 22 10 32 7 42 10 54 20 60 34; l 32 34 32 56; l 32 56 25 56; l 32 8 20 34; l 32 8 44 34",
    "vase": "P 26 6 38 6 36 20 48 36 42 58 22 58 16 36 28 20; e 26 4 38 8; l 18 36 46 36",
    "watch": "R 25 2 39 62; E 14 14 50 50; e 19 19 45 45; E 22 22 42 42; l 32 32 32 24; l 32 32 38 35",
}


@cache  # there are only so many shapes, colours and patterns
def draw(shape: str, colour: int, pattern: int) -> bytes:
    """The WebP of a shape (key of SHAPES) in a colour (code of COLOURS) and a pattern (code of PATTERNS), SIZE × SIZE:
    without loss, and for flat colours still smaller than a JPEG.

    Raises MissingExtraError where Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("Drawing product pictures", "train", "pillow") from None
    body, seams = _masks(shape)
    ink = _texture(colour, pattern)
    ink = ink + seams * (_shade(ink) - ink)
    picture = _BACKGROUND + body * (ink - _BACKGROUND)
    out = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(out, "WEBP", lossless=True, method=1)
    return out.getvalue()


@lru_cache(maxsize=len(SHAPES))
def _masks(shape: str) -> tuple[Pixels, Pixels]:
    """How much of each pixel the product covers, and its dark lines and parts: 0 to 1, [SIZE, SIZE, 1]."""
    from PIL import Image, ImageDraw

    side = SIZE * _OVERSAMPLING
    body, seams = (Image.new("1", (side, side)) for _ in range(2))
    for stroke in SHAPES[shape].split(";"):
        kind, *numbers = stroke.split()
        points = [int(number) * _SCALE for number in numbers]
        _stroke(ImageDraw.Draw(body), kind.upper(), points)
        if kind.islower():
            _stroke(ImageDraw.Draw(seams), kind.upper(), points)
    return _shrink(np.asarray(body)), _shrink(np.asarray(seams))


def _shrink(mask: npt.NDArray[np.bool_]) -> Pixels:
    k = _OVERSAMPLING
    shares: Pixels = mask.reshape(SIZE, k, SIZE, k, 1).mean((1, 3), dtype=np.float32)
    return shares


def _shade(ink: Pixels) -> Pixels:
    """What a seam looks like on a colour: darker, and lighter where the colour is dark already."""
    return ink * 0.55 + 20 if ink.mean() > 60 else ink * 0.5 + 90


def _stroke(canvas: ImageDraw.ImageDraw, kind: str, points: list[int]) -> None:
    arguments: dict[str, Any] = {"fill": 1}
    if kind == "P":
        canvas.polygon(points, **arguments)
    elif kind == "E":
        canvas.ellipse(points, **arguments)
    elif kind == "R":
        canvas.rectangle(points, **arguments)
    elif kind == "O":
        canvas.ellipse(points, outline=1, width=4 * _SCALE)
    else:
        canvas.line(points, width=2 * _SCALE, **arguments)


@lru_cache(maxsize=256)
def _texture(colour: int, pattern: int) -> Pixels:
    """The colour, with the pattern in a lighter or darker tone of it: [SIZE, SIZE, 3]."""
    base = np.array(COLOUR_VALUES[colour], np.float32)
    tone = base * 0.45 if base.mean() > 150 else base * 0.35 + 166
    return base + _marks(PATTERNS[pattern].en) * (tone - base)


@lru_cache(maxsize=len(PATTERNS))
def _marks(pattern: str) -> Pixels:
    side = SIZE * _OVERSAMPLING
    y, x = np.mgrid[0:side, 0:side] / (8.0 * _SCALE)  # one period of the pattern is 8 squares of the grid
    marks = {
        "plain": np.zeros((side, side), bool),
        "striped": (x % 1) < 0.45,
        "dotted": (x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < 0.09,
        "checked": ((x % 1) < 0.5) ^ ((y % 1) < 0.5),
        "floral": _flowers(x, y),
        "zigzag": ((y + np.abs(x % 1 - 0.5)) % 1) < 0.45,
    }
    return _shrink(marks[pattern])


def _flowers(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Five petals around an empty heart, one flower for each two periods."""
    dx, dy = (x / 1.6) % 1 - 0.5, (y / 1.6) % 1 - 0.5
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    petals: npt.NDArray[np.bool_] = (radius < 0.26 + 0.16 * np.cos(5 * angle)) & (radius > 0.1)
    return petals
