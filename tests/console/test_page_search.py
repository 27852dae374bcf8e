"""Searching on the page: as it is typed, marked, narrowed, sorted, by keyboard."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect
from served import Visit


def titles(page: Page) -> list[str]:
    return [text.split("\n")[0] for text in page.locator(".grid .title").all_inner_texts()]


def search(page: Page, query: str) -> None:
    page.get_by_role("combobox", name="Search the shop").fill(query)
    expect(page.get_by_role("heading", level=1)).to_contain_text(query)


def test_results_follow_the_typing_and_are_marked(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("blue tea")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 result for “blue tea”")
    expect(page.locator("mark")).to_have_text(["Blue", "teapot"])
    expect(page.get_by_role("status").last).to_have_text("1 result for “blue tea”")
    page.keyboard.type("x ")
    expect(page.get_by_role("combobox", name="Search the shop")).to_have_value("blue teax ")
    page.get_by_role("combobox", name="Search the shop").fill("")
    expect(page.get_by_role("heading", level=1)).to_have_text("What are you looking for?")


def test_misspelt_and_chinese_words_are_marked_where_they_were_found(page: Page) -> None:
    search(page, "lammp")
    expect(page.locator("mark")).to_have_text(["lamp"] * 3)
    search(page, "红色台灯")
    expect(page.locator("mark")).to_have_text(["红色", "台灯"])


def test_what_the_shop_says_never_becomes_markup(page: Page) -> None:
    search(page, "bolt <b>co")
    expect(page.locator(".grid .maker").first).to_have_text("Bolt & <b>Co</b>")
    expect(page.locator(".grid .maker b")).to_have_count(0)
    expect(page.locator(".grid .maker mark").first).to_have_text("Bolt")


def test_facets_narrow_together_and_chips_take_away(page: Page) -> None:
    def results(count: int) -> None:
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{count} result{'s' * (count > 1)} for “home”")

    def count(value: str) -> Locator:
        return page.locator(".facets label", has_text=value).locator(".count")

    search(page, "home")
    results(12)
    page.get_by_role("checkbox", name="Mugs").click()
    results(3)
    expect(page.get_by_role("checkbox", name="Mugs")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Mugs")).to_be_focused()
    expect(count("Acme")).to_have_text("2")
    expect(count("Lamps")).to_have_text("3")  # an alternative to the mugs
    page.get_by_role("checkbox", name="red").click()
    results(1)
    expect(count("Lamps")).to_have_text("1")
    page.get_by_role("checkbox", name="Lamps").click()
    results(2)
    page.get_by_role("button", name="Remove Mugs").click()
    results(1)
    page.go_back()
    results(2)
    page.get_by_role("button", name="Clear all").click()
    results(12)
    expect(page.get_by_role("checkbox", name="Lamps")).not_to_be_checked()


def test_the_price_range_narrows(page: Page) -> None:
    search(page, "red")
    highest = page.get_by_role("spinbutton", name="Highest price")
    expect(highest).to_have_attribute("placeholder", "14")
    highest.fill("8")
    highest.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 results for “red”")
    expect(page.get_by_role("button", name="Remove up to")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Highest price")).to_be_focused()


def test_a_sort_holds_while_typing_goes_on(page: Page) -> None:
    search(page, "lamp")
    page.get_by_role("combobox", name="Sort by").select_option("-price")
    expect(page.locator(".grid .price")).to_have_text(["€13.00", "€12.00", "€11.00"])
    search(page, "chair")
    expect(page.locator(".grid .price")).to_have_text(["€16.00", "€15.00", "€14.00"])


def test_a_search_is_an_address(visit: Visit) -> None:
    with visit("#/search/red?is:category=Mugs&is:category=Chairs&low=6&sort=price") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("1 result for “red”")
        expect(page.get_by_role("combobox", name="Search the shop")).to_have_value("red")
        expect(page.get_by_role("list", name="Chosen filters").get_by_role("button")).to_have_count(4)
        assert titles(page) == ["Red chair 红色椅子"]


def test_nothing_found_is_said_and_helped(page: Page) -> None:
    search(page, "zzzz")
    expect(page.get_by_role("heading", name="Nothing matches “zzzz”")).to_be_visible()
    expect(page.get_by_role("region", name="Popular now").locator(".card").first).to_be_visible()


def test_more_results_come_and_the_focus_is_on_the_first_of_them(visit: Visit) -> None:
    with visit("#/search/red?show=2") as page:
        page.get_by_role("button", name="Show more").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".grid .card")).to_have_count(4)
        expect(page.locator(".grid .title a").nth(2)).to_be_focused()
        expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("red")
    expect(page.get_by_role("heading", level=1)).to_have_text("4 results for “red”")
    links = page.locator(".grid .title a")
    page.keyboard.press("ArrowDown")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(links.nth(1)).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement, '::after').outlineStyle") == "solid"
    title = links.nth(1).inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("combobox", name="Search the shop")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="Search the shop")).to_be_focused()


def test_what_was_read_in_a_query_is_a_chip_to_take_away(page: Page) -> None:
    search(page, "red mug under 8")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 result for “red mug under 8”")
    chips = page.get_by_role("list", name="Read in your search").get_by_role("button")
    expect(chips).to_have_text(["Colour: red", "Category: Mugs", "Price: < 8"])
    page.get_by_role("button", name="Not meant: Price: < 8").press("Enter")
    expect(chips).to_have_text(["Colour: red", "Category: Mugs"])
    expect(page.get_by_role("main")).to_be_focused()
    page.go_back()
    expect(chips).to_have_count(3)
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("list", name="从搜索词中理解到").get_by_role("button")).to_have_count(3)
