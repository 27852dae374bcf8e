"""Searching by picture on the page: chosen, narrowed by what of it and by words, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import small_shop
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from served import Visit, serving
from small_pictures import SHAPES, drawn

from shopkeeper.console.site import storefront

PICTURES = {
    item: drawn(SHAPES[at // 3], small_shop.COLOURS[at % 3][0])
    for at, item in enumerate(small_shop.items().column("item_id").to_pylist())
}
TEAPOT = {"name": "mine.png", "mimeType": "image/png", "buffer": drawn("rectangle", "blue", at=30)}


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(storefront(small_shop.open_shop(tmp_path_factory.mktemp("pictured"), PICTURES))) as address:
        yield address


def choose(page: Page, name: str, file: dict[str, Any]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=name).click()
    chooser.value.set_files(files=[file])


def expect_no_complaint(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


def test_a_picture_is_chosen_and_words_make_it_another(visit: Visit, pictured: str) -> None:
    with visit(at=pictured) as page:
        choose(page, "Search by picture", TEAPOT)
        expect(page.get_by_role("heading", level=1)).to_contain_text("like your picture")
        expect(page.get_by_role("img", name="Your picture")).to_be_visible()
        expect(page.locator(".grid .title").first).to_have_text("Blue teapot 蓝色茶壶")
        page.get_by_role("button", name="Its colours").click()
        expect(page.get_by_role("button", name="Its colours")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".grid .title").first).to_contain_text("Blue")
        page.get_by_role("button", name="Its shape").click()
        page.get_by_role("textbox", name="With words").fill("but red")
        expect(page.locator(".grid .title").first).to_have_text("Red teapot 红色茶壶")
        expect(page.get_by_role("textbox", name="With words")).to_be_focused()
        expect_no_complaint(page)


def test_in_chinese_and_what_is_no_picture(visit: Visit, pictured: str) -> None:
    with visit(at=pictured, locale="zh-CN") as page:
        choose(page, "以图搜索", {**TEAPOT, "buffer": b"no picture"})
        expect(page.get_by_text("无法读取这个图片文件。")).to_be_visible()
        choose(page, "以图搜索", TEAPOT)
        page.get_by_role("button", name="形状").click()
        page.get_by_role("textbox", name="再加几个词").fill("但要绿色的")
        expect(page.locator(".grid .title").first).to_have_text("Green teapot 绿色茶壶")
        expect_no_complaint(page)
