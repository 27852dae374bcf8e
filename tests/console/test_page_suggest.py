"""What is suggested below the search box: by keyboard, by mouse, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import small_shop
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect
from served import Visit, serving

from shopkeeper.console.site import storefront
from shopkeeper.engine.suggestions import ITEMS_KEPT, Completions, Suggestions


@pytest.fixture(scope="module")
def suggesting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The small shop, whose people often searched for red mugs and blue teapots."""
    directory: Path = tmp_path_factory.mktemp("suggesting")
    shop = small_shop.open_shop(directory)
    shop.engine().suggestions = Suggestions(
        _entries({"red mug": 3.0, "red teapot": 2.0}), _entries({"Teapots": 1.0}), _entries({}), Suggestions.none().past
    )
    with serving(storefront(shop)) as address:
        yield address


def _entries(scores: dict[str, float]) -> Completions:
    items = np.array([[0, *[-1] * (ITEMS_KEPT - 1)]] * len(scores), np.int32).reshape(-1, ITEMS_KEPT)
    weights = np.array(list(scores.values()), np.float32)
    return Completions.build(list(scores), weights, items, trending=weights)


def options(page: Page, **named: bool) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option", **named)


def test_suggestions_are_chosen_by_keyboard_and_searches_come_back_until_they_are_forgotten(
    visit: Visit, suggesting: str
) -> None:
    with visit(at=suggesting) as page:
        expect(page.locator(".card").first).to_be_visible()
        box = page.get_by_role("combobox", name="Search the shop")
        box.press_sequentially("te")
        expect(options(page)).to_have_text(["red teapot", "Teapots"])
        expect(box).to_have_attribute("aria-expanded", "true")
        found = Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        page.keyboard.press("ArrowDown")
        expect(options(page, selected=True)).to_have_text("red teapot")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("red teapot")
        expect(options(page)).to_have_count(0)
        expect(box).to_have_value("red teapot")
        box.fill("")
        expect(page.get_by_role("group", name="Your searches").get_by_role("option")).to_have_text("red teapot")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Delete")
        expect(page.get_by_role("group", name="Your searches")).to_have_count(0)
        expect(options(page)).to_have_text(["red mug", "red teapot"])
        page.keyboard.press("Escape")
        expect(options(page)).to_have_count(0)
        expect(box).to_be_focused()


def test_a_suggested_category_narrows_in_chinese_too(visit: Visit, suggesting: str) -> None:
    with visit(at=suggesting, locale="zh-CN") as page:
        page.get_by_role("combobox", name="搜索商品").press_sequentially("teap")
        page.get_by_role("group", name="类别").get_by_role("option").click()
        expect(page.locator(".chosen")).to_contain_text("Teapots")


def test_what_is_typed_while_an_answer_comes_is_asked_for_too(visit: Visit, suggesting: str) -> None:
    """The answer to the first letters comes between the last letter and the pause after which it is asked for."""
    with visit(at=suggesting) as page:
        box = page.get_by_role("combobox", name="Search the shop")
        held: list[Route] = []
        page.route("**/v1/suggest?q=re&*", lambda route: held.append(route))
        box.press_sequentially("re")
        expect(options(page)).to_have_count(0)
        page.wait_for_timeout(300)
        (first,) = held
        page.evaluate("() => { window.setTimeout = ((real) => (deed, ms) => real(deed, ms && ms + 700))(setTimeout) }")
        box.press_sequentially("d m")
        first.continue_()
        expect(options(page)).to_have_text(["red mug"])
