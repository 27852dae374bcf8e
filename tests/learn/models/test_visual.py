"""Likeness by pictures: drawn shapes and colours, and what is no picture."""

from __future__ import annotations

import dataclasses
import logging
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw
from small_pictures import COLOURS, SHAPES, drawn
from source_contract import (
    SourceContract,
    context_of,
    interactions_of,
    items_table,
    material_of,
    small_interactions,
    small_items,
)

from shopkeeper.data.schema import IMAGES
from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.looks import look
from shopkeeper.learn.models.visual import Visual


def pictured(items: pa.Table, pictures: dict[str, bytes], **told: Any) -> Material:
    rows = [{"item_id": item, "image": picture} for item, picture in pictures.items()]
    batches = pa.Table.from_pylist(rows, schema=IMAGES).to_batches(max_chunksize=5)
    return dataclasses.replace(material_of(items, interactions_of([]), **told), pictures=lambda: iter(batches))


def shop_of(pictures: dict[str, bytes]) -> Material:
    return pictured(items_table([{"item_id": item} for item in pictures]), pictures)


class TestVisual(SourceContract):
    recipe: ClassVar[SourceRecipe] = Visual()

    @pytest.fixture(scope="class")
    @classmethod
    def material(cls, encoder: Encoder | None) -> Material:
        ids = small_items().column("item_id").to_pylist()
        pictures = {item: drawn(SHAPES[at // 3], COLOURS[at % 3]) for at, item in enumerate(ids)}
        shop = pictured(small_items(), pictures, encoder=encoder)
        return dataclasses.replace(shop, interactions=small_interactions())


def nearest(shop: Material, item: str) -> list[str]:
    found = Visual().fit(shop).retrieve(context_of(shop, user=-1, items=(item,)), 50)
    return list(shop.catalogue.ids.ids(found.rows))


def test_what_shares_shape_and_colour_is_nearest_wherever_it_stands_and_whatever_the_file() -> None:
    pictures = {f"{shape} {colour}": drawn(shape, colour) for shape in SHAPES for colour in COLOURS}
    again = {f"again {name}": drawn(*name.split(), file="JPEG", at=40) for name in pictures}
    shop = shop_of(pictures | again)
    for name in pictures:
        assert nearest(shop, name)[0] == f"again {name}"
    assert {"cross red", "cross blue"} & set(nearest(shop, "cross green")[:4])


@pytest.mark.parametrize(("file", "mode"), [("GIF", "P"), ("PNG", "L"), ("PNG", "LA"), ("BMP", "RGB"), ("WEBP", "RGB")])
def test_every_kind_of_picture_is_read(file: str, mode: str) -> None:
    assert np.isfinite(look(drawn("ellipse", "red", file=file, mode=mode))).all()


def test_what_is_transparent_is_background() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((20, 20, 80, 80), fill="red")
    content = BytesIO()
    image.save(content, "PNG")
    np.testing.assert_allclose(look(content.getvalue())[:40], look(drawn("ellipse", "red"))[:40], atol=0.1)


def test_one_colour_all_over_is_read_whole() -> None:
    content = BytesIO()
    Image.new("RGB", (1, 1), "blue").save(content, "PNG")
    assert np.isfinite(look(content.getvalue())).all()


def framed(size: tuple[int, int], *, turned: bool = False) -> bytes:
    """A red picture with a white rim; turned: lying on its side, as a camera says in EXIF."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((10, 10, size[0] - 10, size[1] - 10), fill="red")
    content, exif = BytesIO(), Image.Exif()
    if turned:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6
    image.save(content, "JPEG", exif=exif)
    return content.getvalue()


def test_what_is_wide_is_not_what_is_high() -> None:
    wide, high, turned = look(framed((300, 60))), look(framed((60, 300))), look(framed((300, 60), turned=True))
    assert wide[-1] > 4 > -4 > high[-1]
    assert turned[-1] == pytest.approx(wide[-1], abs=0.5)


def test_whatever_a_reader_of_pictures_raises_costs_that_picture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = {f"{shape} {colour}": drawn(shape, colour) for shape in SHAPES for colour in COLOURS}
    shop, opened = shop_of(pictures), Image.open

    def refusing(file: BytesIO) -> Image.Image:
        if file.getvalue() == pictures["cross red"]:
            raise RuntimeError("Failed to decode image")
        return opened(file)

    monkeypatch.setattr(Image, "open", refusing)
    assert nearest(shop, "cross red") == []
    assert nearest(shop, "cross blue")


def test_what_is_no_picture_is_left_out_and_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    bomb = BytesIO()
    Image.new("L", (400, 400)).save(bomb, "PNG")
    broken = {"text": b"not a picture", "cut": drawn("cross", "red")[:60], "empty": b"", "bomb": bomb.getvalue()}
    pictures = {f"{shape} {colour}": drawn(shape, colour) for shape in SHAPES for colour in COLOURS}
    shop = shop_of(pictures | broken)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30_000)
    with caplog.at_level(logging.WARNING):
        assert not set(nearest(shop, "cross red")) & set(broken)
    assert "3 pictures cannot be read" in caplog.text
    assert nearest(shop, "text") == []


def test_without_pictures_it_is_silent() -> None:
    shop = material_of(small_items(), small_interactions())
    assert len(Visual().fit(shop).retrieve(context_of(shop), 5).rows) == 0
