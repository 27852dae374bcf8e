"""Walking through the shop: products, cart, favourites, shoppers, reasons, languages."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect
from served import Visit

from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event


def shelf(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def expect_reason(page: Page, name: str, text: str) -> None:
    """Somewhere on the shelf: the first place may be an explored one."""
    expect(shelf(page, name).locator(".reason", has_text=text).first).to_be_visible()


def told(shop: Shop) -> list[Event]:
    """What the page has told the shop, oldest first."""
    return [event for _, batch in shop.log.events_after() for event in batch]


def open_product(page: Page, query: str) -> None:
    page.get_by_role("combobox", name="Search the shop").fill(query)
    expect(page.get_by_role("heading", level=1)).to_contain_text(query)
    page.locator(".grid .title a").first.click()
    expect(page.locator(".product")).to_be_visible()


def test_a_product_page_shows_what_there_is(page: Page, shop: Shop) -> None:
    open_product(page, "red mug")
    expect(page).to_have_title("Red mug 红色马克杯 · Small shop")
    expect(page.get_by_role("heading", level=1)).to_have_attribute("lang", "zh")
    expect(page.locator(".product .price")).to_have_text("€5.00")
    expect(page.locator(".product dl")).to_have_text("colourred")
    expect(shelf(page, "Similar").locator(".card").first).to_be_visible()
    expect(shelf(page, "Goes with it").locator(".card").first).to_be_visible()
    view = told(shop)[-1]
    assert (view.type, view.item, view.position, view.query) == ("view", "mug-red", 1, "red mug")
    assert view.slate
    page.get_by_role("link", name="Mugs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 results for “Mugs”")


def test_a_view_changes_the_shelves_at_once(page: Page) -> None:
    expect(shelf(page, "Popular now")).to_be_visible()
    expect(shelf(page, "You looked at")).to_have_count(0)
    open_product(page, "blue lamp")
    expect_reason(page, "For you now", "Because you viewed “Blue lamp 蓝色台灯”")
    page.get_by_role("link", name="Small shop").click()
    expect(shelf(page, "You looked at").locator(".title")).to_have_text(["Blue lamp 蓝色台灯"])
    expect_reason(page, "You looked at", "You viewed it today")
    expect_reason(page, "For you", "Because you viewed")


def test_the_cart_counts_suggests_and_buys(page: Page, shop: Shop) -> None:
    open_product(page, "green teapot")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("button", name="In your cart: 1")).to_be_focused()
    page.get_by_role("button", name="Cart: 1", exact=True).click()
    cart = page.get_by_role("dialog", name="Your cart")
    expect(cart.get_by_role("heading", name="Green teapot")).to_be_visible()
    expect(cart.get_by_role("region", name="Goes with it").locator(".card").first).to_be_visible()
    more = cart.get_by_role("button", name="One more: Green teapot")
    more.click()
    expect(cart.locator(".sum .price")).to_have_text("€20.00")
    expect(more).to_be_focused()
    cart.get_by_role("button", name="One less: Green teapot").click()
    expect(cart.locator(".sum .price")).to_have_text("€10.00")
    cart.get_by_role("button", name="Buy").click()
    expect(cart).to_contain_text("Thank you!")
    events = told(shop)[-5:]
    assert [event.type for event in events] == ["view", "cart", "cart", "uncart", "purchase"]
    assert (events[-1].item, events[-1].quantity, events[-1].price) == ("teapot-green", 1, 10.0)
    assert events[-1].order
    page.keyboard.press("Escape")
    expect(cart).to_be_hidden()
    expect(page.get_by_role("button", name="Cart: 0")).to_be_focused()


def test_the_cart_outlives_a_reload_and_belongs_to_its_shopper(page: Page) -> None:
    open_product(page, "red chair")
    page.get_by_role("button", name="Add to cart").click()
    page.reload()
    expect(page.get_by_role("button", name="Cart: 1", exact=True)).to_be_visible()
    page.get_by_label("Shopping as").select_option(index=1)
    expect(page.get_by_role("button", name="Cart: 0", exact=True)).to_be_visible()
    page.get_by_label("Shopping as").select_option("a newcomer")
    page.get_by_role("button", name="Cart: 1", exact=True).click()
    page.get_by_role("button", name="Remove Red chair").click()
    expect(page.get_by_role("dialog")).to_contain_text("Your cart is empty.")


def test_another_shopper_sees_another_shop(page: Page) -> None:
    expect(shelf(page, "For you")).to_have_count(0)
    page.get_by_label("Shopping as").select_option(index=1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Good to see you again.")
    expect_reason(page, "For you", "Because you viewed")
    expect(shelf(page, "You looked at")).to_be_visible()


def test_what_is_saved_stays(page: Page, shop: Shop) -> None:
    page.get_by_role("combobox", name="Search the shop").fill("blue mug")
    expect(page.get_by_role("heading", level=1)).to_contain_text("blue mug")
    save = page.get_by_role("button", name="Save Blue mug")
    save.click()
    expect(save).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Saved for later: 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Saved for later")
    expect(page.locator(".grid .title")).to_have_text(["Blue mug 蓝色马克杯"])
    assert told(shop)[-1].type == "favourite"
    save.click()
    page.reload()
    expect(page.get_by_text("Nothing is saved yet.")).to_be_visible()


def test_the_drawer_says_why(page: Page) -> None:
    page.get_by_role("combobox", name="Search the shop").fill("red lamp")
    expect(page.get_by_role("heading", level=1)).to_contain_text("red lamp")
    why = page.get_by_role("button", name="Why is it here: Red lamp")
    why.click()
    drawer = page.get_by_role("dialog", name="Why is it here?")
    expect(drawer.locator(".verdict")).to_have_text("Shown 1st")
    expect(drawer).to_contain_text("words ranks it 1st: Matches “red lamp” in title")
    expect(drawer).to_contain_text("Put here by its score, not to explore.")
    page.keyboard.press("Escape")
    expect(why).to_be_focused()


def test_the_drawer_says_why_not_and_how_long_it_took(page: Page, shop: Shop) -> None:
    page.get_by_role("combobox", name="Search the shop").fill("lamp")
    expect(page.get_by_role("heading", level=1)).to_contain_text("“lamp”")
    page.get_by_role("spinbutton", name="Highest price").fill("12")
    page.get_by_role("spinbutton", name="Highest price").press("Enter")
    page.get_by_role("button", name="How this was answered: 2 results").click()
    drawer = page.get_by_role("dialog", name="How this was answered")
    expect(drawer.get_by_role("rowheader")).to_contain_text(["person", "sources", "ranking", "in the shop"])
    expect(drawer).to_contain_text(shop.releases.current().id)
    for id_, verdict, text in (
        ("lamp/green", "Left out", "price <= 12"),
        ("mug-red", "Nothing proposed it", "lexical does not find it"),
        ("lamp-grene", "Not in this release", "no item of this release"),
        ("lamp/red", "Shown", "words ranks it"),  # 1st, or 2nd where the place is explored
    ):
        question = page.get_by_role("textbox", name="The id of a product")
        question.fill(id_)
        question.press("Enter")
        drawer = page.get_by_role("dialog", name="Why is it here?")
        expect(drawer.locator(".verdict")).to_contain_text(verdict)
        expect(drawer.locator(".told")).to_contain_text(text)
        expect(question).to_be_focused()


def test_an_explored_place_says_with_what_probability(visit: Visit) -> None:
    with visit() as page:
        expect(page.locator(".card").first).to_be_visible()

        def explore(route: object) -> None:
            answer = route.fetch()  # type: ignore[attr-defined]
            slate = answer.json()
            for placement, propensity in zip(slate["placements"], (1.0, 0.99, 0.125), strict=True):
                placement["propensity"] = propensity
            route.fulfill(response=answer, json=slate)  # type: ignore[attr-defined]

        page.route("**/v1/search", explore)
        page.get_by_role("combobox", name="Search the shop").fill("mug")
        expect(page.get_by_role("heading", level=1)).to_contain_text("“mug”")
        for at, said in enumerate(
            ("not to explore", "by its score; as the shop explores a little, in 99 %", "in 12.5 %")
        ):
            page.locator(".why").nth(at).click()
            expect(page.get_by_role("dialog")).to_contain_text(said)
            page.keyboard.press("Escape")


def test_the_page_speaks_chinese(visit: Visit) -> None:
    with visit(locale="zh-CN") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("想找点什么？")
        expect(page.locator("html")).to_have_attribute("lang", "zh")
        page.get_by_role("combobox", name="搜索商品").fill("蓝色台灯")
        expect(page.get_by_role("heading", level=1)).to_have_text("1 件商品：“蓝色台灯”")
        page.locator(".grid .title a").click()
        expect_reason(page, "相似商品", "与“Blue lamp 蓝色台灯”相似")
        english = page.get_by_role("button", name="English")
        english.click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect_reason(page, "Similar", "Similar to “Blue lamp 蓝色台灯”")
        expect(page.get_by_role("button", name="中文")).to_be_focused()
        page.reload()
        expect(page.get_by_role("button", name="Add to cart")).to_be_visible()
