"""Takes the pictures of the storefront anew, from the demo shop.

    shopkeeper demo demo-shop
    python docs/images/screenshots.py http://127.0.0.1:8000/

Needs the extra `dev`, and Debian's chromium.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SIZE = {"width": 1280, "height": 820}


def search(page: Page) -> None:
    page.get_by_role("searchbox").fill("red mugg")
    page.locator("mark").first.wait_for()
    for number, label in enumerate(("Mugs", "Teapots", "Soldora"), start=1):
        page.get_by_role("checkbox", name=label).click()
        page.locator(".chosen li").nth(number).wait_for()


def why(page: Page) -> None:
    page.get_by_label("Shopping as").select_option(index=1)
    page.get_by_role("region", name="For you", exact=True).locator(".why").first.click()
    page.locator("#why .verdict").wait_for()


VIEWS: dict[str, Callable[[Page], None]] = {"demo": search, "why": why}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of the demo shop")
    address = parser.parse_args().address
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, view in VIEWS.items():
            page = browser.new_page(viewport=SIZE, locale="en-GB", reduced_motion="reduce")
            page.goto(address)
            page.locator(".card").first.wait_for()
            view(page)
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement.blur()")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=Path(__file__).with_name(f"{name}.png"))
        browser.close()


if __name__ == "__main__":
    main()
