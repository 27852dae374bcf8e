"""Pictures go in as bytes and come out as the same bytes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from shopkeeper.data.schema import IMAGES
from shopkeeper.release.images import Images, media_type
from shopkeeper.vocabulary import Ids

JPEG, PNG = b"\xff\xd8\xff\xe0 red", b"\x89PNG\r\n\x1a\n blue"
SHOP = Ids(["a", "b", "c"])


def batches(*said: tuple[str, bytes]) -> list[pa.RecordBatch]:
    return pa.table({"item_id": [i for i, _ in said], "image": [b for _, b in said]}, schema=IMAGES).to_batches(2)


def test_pictures_come_back_by_row(tmp_path: Path) -> None:
    images = Images.build(batches(("c", PNG), ("gone", JPEG), ("a", JPEG), ("a", PNG)), SHOP, tmp_path)
    assert images.get(0) == (JPEG, "image/jpeg")
    assert images.get(1) is None
    assert images.get(2) == (PNG, "image/png")
    assert len(images) == 2


def test_a_saved_copy_is_the_same(tmp_path: Path) -> None:
    images = Images.build(batches(("b", JPEG)), SHOP, tmp_path / "one")
    images.save(tmp_path / "two")
    assert Images.load(tmp_path / "two").get(1) == images.get(1)


def test_a_shop_without_pictures(tmp_path: Path) -> None:
    images = Images.build([], SHOP, tmp_path)
    assert len(images) == 0
    assert images.get(2) is None


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x1cftypavif", "image/avif"),
        (b"<svg onload=alert(1)>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_media_types(start: bytes, kind: str) -> None:
    assert media_type(start) == kind
