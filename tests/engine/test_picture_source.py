"""Search by picture: by all of it, its colours or its shape, with words besides; and files that nobody should send."""

from __future__ import annotations

import dataclasses
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
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
from shopkeeper.engine import looks
from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.sources.picture import PictureSource
from shopkeeper.errors import RequestError
from shopkeeper.learn.models.config import PictureConfig
from shopkeeper.learn.models.picture import Picture

HUES = dict(zip(COLOURS, ("红色", "蓝色", "绿色"), strict=True))
Found = list[tuple[str, ...]]


def with_pictures(material: Material, pictures: dict[str, bytes]) -> Material:
    rows = [{"item_id": item, "image": picture} for item, picture in pictures.items()]
    batches = pa.Table.from_pylist(rows, schema=IMAGES).to_batches(max_chunksize=7)
    return dataclasses.replace(material, pictures=lambda: iter(batches))


@pytest.fixture(scope="module")
def shop() -> Material:
    """Four shapes in three colours, each in two places of the picture; the colour is said in English and Chinese."""
    names = [f"{shape} {colour} {at}" for shape in SHAPES for colour in COLOURS for at in (10, 40)]
    rows = [{"item_id": name, "title": f"{name.split()[1]} thing {HUES[name.split()[1]]}"} for name in names]
    pictures = {name: drawn(*name.split()[:2], at=int(name.split()[2])) for name in names}
    return with_pictures(material_of(items_table(rows), interactions_of([])), pictures)


@pytest.fixture(scope="module")
def source(shop: Material) -> PictureSource:
    return Picture().fit(shop)


def found(source: PictureSource, shop: Material, limit: int = 50, **request: Any) -> Found:
    """Shape and colour of what is found, best first."""
    candidates = source.retrieve(context_of(shop, user=-1, **request), limit)
    return [tuple(item.split()[:2]) for item in shop.catalogue.ids.ids(candidates.rows)]


class TestPicture(SourceContract):
    recipe: ClassVar[SourceRecipe] = Picture()

    @pytest.fixture(scope="class")
    @classmethod
    def material(cls, encoder: Encoder | None) -> Material:
        ids = small_items().column("item_id").to_pylist()
        pictures = {item: drawn(SHAPES[at // 3], COLOURS[at % 3]) for at, item in enumerate(ids)}
        return with_pictures(material_of(small_items(), small_interactions(), encoder), pictures)


def test_what_is_on_the_picture_comes_first(source: PictureSource, shop: Material) -> None:
    for shape in SHAPES:
        picture = drawn(shape, "blue", at=25, size=60, file="JPEG")
        assert found(source, shop, 2, picture=picture) == [(shape, "blue")] * 2


def test_by_its_colours_or_by_its_shape(source: PictureSource, shop: Material) -> None:
    picture = drawn("triangle", "green", at=30)
    assert {colour for _, colour in found(source, shop, 8, picture=picture, like="colour")} == {"green"}
    assert {shape for shape, _ in found(source, shop, 6, picture=picture, like="shape")} == {"triangle"}


def test_like_an_item_of_the_shop_and_not_the_item_itself(source: PictureSource, shop: Material) -> None:
    assert found(source, shop, 1, items=("cross red 10",)) == [("cross", "red")]
    rows = source.retrieve(context_of(shop, user=-1, items=("cross red 10",)), 50).rows
    assert "cross red 10" not in list(shop.catalogue.ids.ids(rows))


@pytest.mark.parametrize("words", ["like this but red", "red", "但是要红色的", "换成红色"])
def test_like_this_but_red(source: PictureSource, shop: Material, words: str) -> None:
    for shape in SHAPES:
        asked = {"picture": drawn(shape, "blue", at=25), "query": words, "like": "shape"}
        assert found(source, shop, 2, **asked) == [(shape, "red")] * 2


def test_a_colour_that_no_item_is_called_is_known_by_the_pictures_of_those_that_are(shop: Material) -> None:
    """Of each shape, half of the red things are called red."""
    rows = shop.items.to_pylist()
    for row in rows:
        if row["item_id"].endswith("40"):
            row["title"] = "thing"
    silent = dataclasses.replace(shop, items=pa.Table.from_pylist(rows, schema=shop.items.schema))
    picture = drawn("cross", "blue", at=25)
    assert found(Picture().fit(silent), silent, 2, picture=picture, query="red", like="shape") == [("cross", "red")] * 2


def test_words_that_nothing_is_called_change_nothing(source: PictureSource, shop: Material) -> None:
    picture = drawn("ellipse", "red")
    assert found(source, shop, picture=picture, query="xyzzy 不存在") == found(source, shop, picture=picture)


def test_what_is_not_alike_is_not_found(source: PictureSource, shop: Material) -> None:
    assert len(found(source, shop, picture=drawn("ellipse", "red"))) < len(shop.catalogue) / 2


def test_new_items_are_passed_over_and_the_others_still_found(source: PictureSource, shop: Material) -> None:
    more = pa.concat_tables([shop.items, items_table([{"item_id": "~ new", "title": "red thing"}])])
    changed = dataclasses.replace(material_of(more, interactions_of([])), items=more.slice(len(shop.items)))
    rows = np.array([len(shop.items)], np.int32)
    newer = source.updated(changed, rows)
    context = context_of(changed, picture=drawn("cross", "red", at=25), query="red", user=-1)
    context = dataclasses.replace(context, allowed=np.ones(len(more), np.bool_))
    best = newer.retrieve(context, 50).rows
    assert changed.catalogue.ids.id(int(best[0])).startswith("cross red")
    assert rows[0] not in best


def test_a_shop_without_pictures_says_so() -> None:
    bare = material_of(small_items(), small_interactions())
    source = Picture().fit(bare)
    assert "no item of this shop has a picture" in source.silent
    assert len(source.retrieve(context_of(bare, user=-1, picture=drawn("cross", "red")), 10).rows) == 0


def test_a_shop_may_leave_its_pictures_unread(shop: Material) -> None:
    assert Picture(PictureConfig(model="none")).fit(shop).silent


def bomb() -> bytes:
    content = BytesIO()
    Image.new("1", (9_000, 9_000)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"not a picture", "no picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no picture that can be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"),
        (drawn("cross", "red")[:200], "damaged"),
        (drawn("cross", "red", file="JPEG")[:300], "damaged"),
        (b"GIF89a" + b"\xff" * 50, "damaged|pixels"),
        (b"BM" + b"\xff" * 80, "damaged|pixels"),
        (bomb(), "81,000,000 pixels; expected at most 50,000,000"),
        (b"\xff\xd8\xff" + bytes(looks.MAX_BYTES), "too large; expected at most 10,000,000 bytes"),
    ],
    ids=("text", "svg", "postscript", "png", "cut", "cut jpeg", "gif", "bmp", "bomb", "large"),
)
def test_hostile_files_are_refused_in_a_sentence(source: PictureSource, shop: Material, file: bytes, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        source.retrieve(context_of(shop, user=-1, picture=file), 10)
