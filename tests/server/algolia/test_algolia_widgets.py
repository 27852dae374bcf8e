"""InstantSearch, in Chromium, on a page from elsewhere: what is shown after typing, clicking and checking is right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_shop
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect
from processes import answering, until
from starlette.staticfiles import StaticFiles

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.settings import ServerSettings, Settings, ShopSettings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import EventType

pytestmark = pytest.mark.slow
DOCUMENTED = Path(__file__).resolve().parents[3] / "docs" / "algolia.md"


@pytest.fixture(scope="module")
def site(packages: Path) -> Iterator[str]:
    """Where the page lies: another server than the shop, so that the shop must let its page in."""
    with answering(StaticFiles(directory=packages), log_level="error") as (_, (host, port)):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="module")
def shop(site: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = small_shop.open_shop(tmp_path_factory.mktemp("widgets") / "small")
    settings = Settings(shop=ShopSettings(name="Small shop"), server=ServerSettings(cors_origins=(site,)))
    (shop.directory / "shop.toml").write_text(settings_text(settings), encoding="utf-8")
    return Shop(shop.directory)


@pytest.fixture(scope="module")
def page(browser: Browser, site: str, shop: Shop) -> Iterator[Page]:
    """The page, started: every test goes on where the one before it stopped, and ends with nothing chosen."""
    _, key = KeyStore(shop.directory).create([Role.SEARCH, Role.EVENTS], rate=1_000.0)
    context = browser.new_context()
    context.set_default_timeout(20_000)
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon" not in message.location.get("url", ""):
            complaints.append(message.text)

    with answering(create_app(shop), log_level="error") as (_, (host, port)):
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{site}/page.html?host={host}:{port}&key={key}")
        expect(page.locator("#hits article").first).to_be_visible()
        yield page
        context.close()
    assert complaints == []


def _titles(page: Page) -> Locator:
    return page.locator("#hits article b")


def _clear(page: Page) -> None:
    page.locator("#searchbox input").fill("")
    if (button := page.locator("#clear button")).is_enabled():
        button.click()
    expect(page.locator("#stats")).to_contain_text("12 results")


def test_everything_is_there_before_anything_is_asked(page: Page) -> None:
    expect(page.locator("#stats")).to_contain_text("12 results")
    expect(_titles(page)).to_have_count(4)
    expect(page.locator("#brands .ais-RefinementList-item")).to_have_count(2)
    expect(page.locator("#pages .ais-Pagination-item--page")).to_have_count(3)


def test_typing_finds_and_marks(page: Page) -> None:
    page.locator("#searchbox input").press_sequentially("red mu")
    expect(page.locator("#stats")).to_contain_text("1 result")
    expect(_titles(page).locator("mark")).to_have_text(["Red", "mug"])
    _clear(page)


def test_brands_are_chosen_together_and_counted_apart(page: Page) -> None:
    brands = page.locator("#brands .ais-RefinementList-item")
    brands.filter(has_text="Acme").locator("input").check()
    expect(page.locator("#stats")).to_contain_text("6 results")
    expect(brands.filter(has_text="Bolt").locator(".ais-RefinementList-count")).to_have_text("6")
    brands.filter(has_text="Bolt").locator("input").check()
    expect(page.locator("#stats")).to_contain_text("12 results")
    _clear(page)


def test_brands_are_searched(page: Page) -> None:
    box = page.locator("#brands input[type=search]")
    box.press_sequentially("b")
    expect(page.locator("#brands mark").first).to_have_text("B")  # the widget shows whatever answer comes last
    box.press_sequentially("o")
    expect(page.locator("#brands .ais-RefinementList-item")).to_have_count(1)
    expect(page.locator("#brands mark")).to_have_text("Bo")
    page.locator("#brands input[type=search]").fill("")
    expect(page.locator("#brands .ais-RefinementList-item")).to_have_count(2)


def test_categories_open_by_levels(page: Page) -> None:
    menu = page.locator("#categories")
    menu.get_by_text("Home", exact=True).click()
    expect(menu.locator(".ais-HierarchicalMenu-list--child .ais-HierarchicalMenu-item")).to_have_count(4)
    menu.get_by_text("Teapots", exact=True).click()
    expect(page.locator("#stats")).to_contain_text("3 results")
    expect(menu.locator(".ais-HierarchicalMenu-list--child .ais-HierarchicalMenu-item")).to_have_count(4)
    expect(_titles(page).first).to_contain_text("teapot")
    _clear(page)


def test_a_range_of_prices_narrows(page: Page) -> None:
    low, high = page.locator("#prices .ais-RangeInput-input--min"), page.locator("#prices .ais-RangeInput-input--max")
    expect(low).to_have_attribute("placeholder", "5")
    expect(high).to_have_attribute("placeholder", "16")
    low.fill("6")
    high.fill("8")
    page.locator("#prices button").click()
    expect(page.locator("#stats")).to_contain_text("3 results")
    expect(page.locator("#slider [role=slider]").first).to_have_attribute("aria-valuenow", "6")
    _clear(page)


def test_the_order_changes_and_pages_turn(page: Page) -> None:
    page.locator("#sort select").select_option("products_price_desc")
    expect(page.locator("#hits article i")).to_have_text(["16", "15", "14", "13"])
    page.locator("#pages a[aria-label='Page 3'], #pages a", has_text=re.compile("^3$")).first.click()
    expect(page.locator("#hits article i")).to_have_text(["8", "7", "6", "5"])
    page.locator("#sort select").select_option("products")
    _clear(page)


def test_shelves_are_filled(page: Page) -> None:
    expect(page.locator("#trending li")).to_have_count(3)
    expect(page.locator("#related li").first).to_be_visible()
    expect(page.locator("#related")).not_to_contain_text("Red mug")
    expect(page.locator("#together li").first).to_be_visible()


def test_the_page_of_the_documentation_finds(page: Page, packages: Path) -> None:
    (written,) = re.findall(r"^```html\n(.*?)^```", DOCUMENTED.read_text(encoding="utf-8"), re.S | re.M)
    address, _, asked = page.url.partition("/page.html?host=")
    host, _, key = asked.partition("&key=")
    here = re.sub(r"<link.*?>", '<link rel="icon" href="data:,">', written).replace("127.0.0.1:8000", host)
    here = here.replace("https://cdn.jsdelivr.net/npm/algoliasearch@5", "node_modules/algoliasearch")
    widgets = "node_modules/instantsearch.js/dist/instantsearch.production.min.js"
    here = here.replace("https://cdn.jsdelivr.net/npm/instantsearch.js@4", widgets).replace('"KEY"', f'"{key}"')
    (packages / "documented.html").write_text(f"<!doctype html><meta charset=utf-8>{here}", encoding="utf-8")
    other = page.context.new_page()
    other.goto(f"{address}/documented.html")
    other.locator("#box input").press_sequentially("green chair")
    expect(other.locator("#hits mark").first).to_have_text("Green")
    expect(other.locator("#hits li")).to_have_count(1)
    expect(other.locator("#brands li")).to_have_count(1)
    other.close()


def test_a_click_is_an_event_of_the_slate_that_was_shown(page: Page, shop: Shop) -> None:
    page.locator("#searchbox input").press_sequentially("lamp")
    expect(page.locator("#stats")).to_contain_text("3 results")
    page.locator("#hits article").nth(1).click()

    def clicks() -> list[object]:
        return [
            event
            for _, events in shop.log.events_after()
            for event in events
            if event.type is EventType.VIEW and (event.item or "").startswith("lamp") and event.slate
        ]

    until(clicks)
    (click,) = clicks()
    assert click.position == 2
    assert click.session.startswith("anonymous-")
    _clear(page)
