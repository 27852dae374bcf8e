"""The page for everyone: nothing that axe finds serious, no sideways scroll on a phone, words for bad days."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_shop
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from served import Visit, serving

from shopkeeper.console.site import site
from shopkeeper.keys import KeyStore, Role
from shopkeeper.vocabulary import Change, Item

LOOKS = [("en-GB", "light"), ("zh-CN", "dark")]  # labels differ by language, contrast by colours
PHONE = {"width": 360, "height": 740}


def home(page: Page) -> None:
    expect(page.locator(".shelf .card").first).to_be_visible()


def results(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/search/home?is:category=Mugs&is:category=Lamps&high=12")
    expect(page.locator(".chosen")).to_be_visible()


def nothing(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/search/zzzz")
    expect(page.locator(".search .shelf")).to_be_visible()


def product(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/item/mug-red")
    expect(page.locator(".shelf .card").first).to_be_visible()


def cart(page: Page) -> None:
    product(page)
    page.locator(".product .main").click()
    page.locator("#cart").click()
    expect(page.locator("#basket .shelf .card").first).to_be_visible()


def why(page: Page) -> None:
    page.keyboard.press("Escape")
    results(page)
    page.locator(".grid .why").first.click()
    expect(page.locator("#why .verdict")).to_be_visible()


def favourites(page: Page) -> None:
    page.keyboard.press("Escape")
    page.locator("#favourites").click()
    expect(page.locator("main .panel")).to_be_visible()


def unknown(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/item/no-such-item")
    expect(page.get_by_role("alert")).to_be_visible()


VIEWS: list[Callable[[Page], None]] = [home, results, nothing, product, cart, why, favourites, unknown]


@pytest.mark.parametrize(("locale", "colours"), LOOKS)
def test_axe_finds_nothing_serious(visit: Visit, locale: str, colours: Any) -> None:
    with visit(locale=locale, color_scheme=colours, expected="404") as page:
        for view in VIEWS:
            view(page)
            found = Axe().run(page).response["violations"]
            serious = [each for each in found if each["impact"] in ("serious", "critical")]
            assert not serious, (view.__name__, [(each["id"], each["nodes"][0]["html"]) for each in serious])


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_a_phone_never_scrolls_sideways(visit: Visit, locale: str) -> None:
    with visit(locale=locale, viewport=PHONE, has_touch=True, is_mobile=True, expected="404") as page:
        for view in VIEWS:
            view(page)
            for element in ("document.documentElement", "document.querySelector('dialog[open]') || document.body"):
                sizes = page.evaluate(f"[({element}).scrollWidth, ({element}).clientWidth]")
                assert sizes[0] <= sizes[1], (view.__name__, element)


def test_the_filters_of_a_phone_open_and_stay_open(visit: Visit) -> None:
    with visit("#/search/home", viewport=PHONE) as page:
        expect(page.get_by_role("checkbox", name="Mugs")).to_be_hidden()
        page.locator("summary").click()
        page.get_by_role("checkbox", name="Mugs").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("3 results for “home”")
        expect(page.get_by_role("checkbox", name="Mugs")).to_be_visible()


def test_the_first_tab_skips_to_the_products(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the products")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_page_works_below_a_path(visit: Visit, tmp_path: Path) -> None:
    for name in ("shop-a", "shop-b"):
        small_shop.open_shop(tmp_path / name)
    with (
        serving(site([tmp_path / "shop-a", tmp_path / "shop-b"])) as address,
        visit("shop-a/#/item/mug-red", at=address) as page,
    ):
        expect(page.locator(".shelf .card").first).to_be_visible()
        expect(page.locator(".product .initial")).to_have_text("R")  # the bytes of this picture are none
        assert page.evaluate("performance.getEntriesByType('resource').every(({ name }) => name.includes('/shop-a/'))")


def test_a_shop_without_a_release_says_so(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("")
    with serving(site([tmp_path])) as address, visit(at=address, expected="503") as page:
        expect(page.get_by_role("heading", name="This shop has not opened yet")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("shopkeeper train")


def test_a_server_that_is_gone_is_said_and_waited_for(visit: Visit) -> None:
    with visit(expected="ERR_") as page:
        expect(page.locator(".card").first).to_be_visible()
        page.route("**/v1/**", lambda route: route.abort())
        page.get_by_role("combobox", name="Search the shop").fill("red")
        expect(page.get_by_role("alert")).to_contain_text("The shop does not answer")
        page.unroute("**/v1/**")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("4 results for “red”")


def test_a_lost_connection_is_said_until_it_is_back(page: Page) -> None:
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_be_hidden()


def test_a_shop_with_keys_asks_for_one(visit: Visit, tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    _, key = KeyStore(tmp_path).create((Role.SEARCH, Role.EVENTS))
    with serving(site([tmp_path])) as address:
        with visit(at=address, expected="40") as page:
            page.get_by_label("Key").fill(key)
            page.get_by_role("button", name="Open").click()
            expect(page.locator(".card").first).to_be_visible()
        with visit(f"?key={key}#/search/red", at=address, expected="403") as page:
            expect(page.get_by_role("heading", level=1)).to_have_text("4 results for “red”")
            assert page.url == f"{address}#/search/red"  # the key leaves the address
            expect(page.get_by_label("Shopping as")).to_be_hidden()  # only an admin's key opens who the shoppers are


def test_nobody_goes_on_as_a_shopper_whom_the_key_does_not_open(visit: Visit, tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    with serving(site([tmp_path])) as address, visit(at=address, expected="403") as page:
        page.get_by_label("Shopping as").select_option(index=1)
        expect(page.get_by_role("heading", level=1)).to_have_text("Good to see you again.")
        page.wait_for_load_state("networkidle")  # what is still asked without a key would be refused
        _, key = KeyStore(tmp_path).create([Role.SEARCH, Role.EVENTS])
        page.goto(f"{address}?key={key}")
        expect(page.locator(".card").first).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("What are you looking for?")


def test_attributes_of_any_kind_break_no_page(visit: Visit, tmp_path: Path) -> None:
    odd = Item(
        id="odd", title="Odd mug", attributes={"title_en": 5.0, "description_en": [1.0], "keywords": {"a": None}}
    )
    shop = small_shop.open_shop(tmp_path)
    shop.change([Change(id="odd", time=small_shop.NOW, item=odd)])
    shop.close()
    with serving(site([tmp_path])) as address, visit("#/search/odd%20mug", at=address) as page:
        page.get_by_role("link", name="Odd mug").click()
        expect(page.locator(".product h1")).to_have_text("Odd mug")


def test_what_a_key_does_not_open_is_said_and_the_rest_goes_on(visit: Visit, tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    _, key = KeyStore(tmp_path).create((Role.SEARCH,))
    with serving(site([tmp_path])) as address, visit(f"?key={key}#/item/mug-red", at=address, expected="403") as page:
        expect(page.locator("#notice")).to_contain_text("this key does not open the door of 'events'")
        expect(page.locator(".shelf .card").first).to_be_visible()
