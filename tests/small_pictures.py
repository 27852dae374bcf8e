"""Drawn pictures, of which shape and colour are known."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw

SHAPES = ("ellipse", "rectangle", "triangle", "cross")
COLOURS = ("red", "blue", "green")


def drawn(
    shape: str,
    colour: str,
    *,
    file: str = "PNG",
    mode: str = "RGB",
    at: int = 20,
    size: int = 70,
    background: str = "white",
) -> bytes:
    """A shape of `size` pixels, `at` so many from the upper left corner of a picture of 160 by 120."""
    image = Image.new("RGB", (160, 120), background)
    draw, end, middle = ImageDraw.Draw(image), at + size, at + size // 2
    if shape == "triangle":
        draw.polygon([(at, end), (middle, at), (end, end)], fill=colour)
    elif shape == "cross":
        draw.rectangle((at + size * 5 // 14, at, at + size * 9 // 14, end), fill=colour)
        draw.rectangle((at, at + size * 5 // 14, end, at + size * 9 // 14), fill=colour)
    else:
        getattr(draw, shape)((at, at, end, end), fill=colour)
    content = BytesIO()
    image.convert(mode).save(content, file)
    return content.getvalue()
