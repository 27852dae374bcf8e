"""The merchandiser's page: a rule is written, tried out, published, and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_shop
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from served import Visit, serving

from shopkeeper.console.site import site
from shopkeeper.keys import KeyStore, Role
from shopkeeper.shop import Shop


def standing(page: Page, column: int) -> list[str]:
    """The products of a column of the trial: 0 as it is, 1 as it would be."""
    return page.locator(".sides section").nth(column).locator(".value").all_inner_texts()


def write_gifts(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("Gifts")
    page.get_by_label("The search").fill("mug")
    page.get_by_label("Try it with").fill("mug")
    expect(page.locator(".sides section").first.locator("li")).to_have_count(3)


def test_a_rule_is_tried_out_published_and_taken_back(visit: Visit, tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    with serving(site([tmp_path])) as address, visit("merchandise", at=address) as page:
        write_gifts(page)
        before = standing(page, 0)
        page.get_by_label("Hide").fill("colour = red")
        expect(page.locator(".moved", has_text="leaves")).to_have_count(1)
        page.get_by_role("button", name=f"Pin {before[2]}").last.click()
        expect(page.locator(".sides section").nth(1).locator("li").first).to_contain_text(before[2])
        assert standing(page, 0) == before
        page.get_by_role("button", name="Save draft").click()
        expect(page.locator("#notice")).to_contain_text("The draft is kept")
        assert page.url.endswith("#/gifts")
        assert len(shop.search("mug").placements) == 3
        page.get_by_role("button", name="Publish 1 change").click()
        expect(page.locator("#notice")).to_contain_text("Published, as number 1")
        expect(page.locator("#rules .state")).to_have_text("live")
        slate = Shop(tmp_path).search("mug")
        assert slate.placements[0].item.title == before[2]
        assert slate.rules == ("gifts",)
        page.get_by_role("button", name="Remove", exact=True).click()
        page.get_by_role("button", name="Publish 1 change").click()
        expect(page.locator("#notice")).to_contain_text("Published, as number 2")
        page.get_by_role("button", name="History").click()
        page.get_by_role("button", name="Go back to this").click()
        expect(page.locator("#notice")).to_contain_text("What publication 1 had is in force again")
        assert Shop(tmp_path).search("mug").rules == ("gifts",)


def test_what_cannot_be_followed_is_said_where_it_is_tried(visit: Visit, tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    with serving(site([tmp_path])) as address, visit("merchandise", at=address, expected="400") as page:
        write_gifts(page)
        page.get_by_label("Hide").fill("brnd = Acme")
        expect(page.get_by_role("alert")).to_contain_text("there is no field 'brnd' · Did you mean 'brand'?")
        page.get_by_role("button", name="Save draft").click()
        expect(page.locator("#notice")).to_contain_text("there is no field 'brnd'")


@pytest.mark.parametrize(
    ("locale", "colours", "width"), [("en-GB", "light", 1280), ("zh-CN", "dark", 360)]
)  # labels differ by language, contrast by colours
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    visit: Visit, tmp_path: Path, locale: str, colours: Any, width: int
) -> None:
    small_shop.open_shop(tmp_path)
    size = {"width": width, "height": 800}
    with (
        serving(site([tmp_path])) as address,
        visit("merchandise", at=address, locale=locale, color_scheme=colours, viewport=size) as page,
    ):
        page.locator("[name=query]").fill("马克杯")
        page.locator("[data-key=try]").fill("mug")
        page.locator(".sides .pin").first.click()
        expect(page.locator(".pins li")).to_have_count(1)
        found = Axe().run(page).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not serious, [(each["id"], each["nodes"][0]["html"]) for each in serious]
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_shop_with_keys_wants_one_that_opens_rules(visit: Visit, tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    key = KeyStore(tmp_path).create((Role.MERCHANDISE, Role.SEARCH), name="Ada")[1]
    with serving(site([tmp_path])) as address, visit("merchandise", at=address, expected="401") as page:
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Open").click()
        write_gifts(page)
        page.get_by_role("button", name="Save draft").click()
        page.get_by_role("button", name="History").click()
        expect(page.locator(".audit")).to_contain_text("Ada")
