"""A small shop that is served, to look at with a Chromium; a page that complains fails its test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import small_shop
from chromium import PATIENCE_MS
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from served import Visit, serving

from shopkeeper.console.site import storefront
from shopkeeper.shop import Shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return small_shop.open_shop(tmp_path_factory.mktemp("storefront"))


@pytest.fixture(scope="session")
def address(shop: Shop) -> Iterator[str]:
    with serving(storefront(shop)) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, address: str) -> Visit:
    """`visit(path, locale=…, viewport=…, …)`: a page in a browser of its own, which must not complain.

    `at`: another address than that of the small shop; `expected`: words of the complaints that belong to the test.
    """

    @contextmanager
    def opened(path: str = "", *, at: str = address, expected: str = "", **context: Any) -> Iterator[Page]:
        own = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce"} | context)
        own.set_default_timeout(PATIENCE_MS)
        try:
            with _watched(own, at, expected) as page:
                page.goto(at + path)
                yield page
        finally:
            own.close()

    return opened


@contextmanager
def _watched(context: BrowserContext, address: str, expected: str) -> Iterator[Page]:
    page = context.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (expected and expected in message.text):
            complaints.append(message.text)  # violations of the content security policy are among these

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith((address, "data:")) or complaints.append(request.url))
    yield page
    assert complaints == []


@pytest.fixture
def page(visit: Visit) -> Iterator[Page]:
    """The first page, drawn."""
    with visit() as page:
        expect(page.locator(".card").first).to_be_visible()
        yield page
