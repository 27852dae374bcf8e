"""The pages: served whole, from here alone, with no door for a script that is not ours."""

from __future__ import annotations

import re
from pathlib import Path

import small_shop
from starlette.testclient import TestClient

from shopkeeper.console import STATIC
from shopkeeper.console.site import storefront

SCRIPTS = sorted(STATIC.glob("*.js"))


def test_the_page_and_its_parts_are_served(tmp_path: Path) -> None:
    with TestClient(storefront(small_shop.open_shop(tmp_path))) as client:
        parts = list[str]()
        for path in ("/", "/merchandise"):
            page = client.get(path)
            assert page.headers["content-type"].startswith("text/html")
            assert "script-src 'self'" in page.headers["content-security-policy"]
            parts += re.findall(r'(?:src|href)="(console/[^"]+)"', page.text)
        assert parts
        for part in [*parts, *(f"console/{script.name}" for script in SCRIPTS)]:
            answer = client.get(f"/{part}")
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
        assert client.get("/console/../app.py").status_code == 404
        assert client.get("/v1/health").status_code == 200


def test_nothing_is_fetched_from_elsewhere_and_nothing_becomes_html() -> None:
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://\w", text), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text), file.name
        assert not re.search(r"\son\w+=|style=|javascript:|(?:src|href)=\"/", text) or file.suffix != ".html"


def test_every_element_and_word_that_the_scripts_name_exists() -> None:
    page = "\n".join(page.read_text(encoding="utf-8") for page in STATIC.glob("*.html"))
    scripts = "\n".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    assert set(re.findall(r'\$\("([\w-]+)"\)', scripts)) <= set(re.findall(r'id="([\w-]+)"', page))
    assert set(re.findall(r'icon\("([\w-]+)"\)', scripts)) <= set(re.findall(r'id="icon-([\w-]+)"', page))
    english, chinese = (set(_words(STATIC / f"{language}.js")) for language in ("en", "zh"))
    assert english == chinese
    said = set(re.findall(r"\bwords\.(?!js)(\w+)", scripts)) | set(re.findall(r'data-says="(\w+)"', page))
    assert said <= english


def _words(file: Path) -> list[str]:
    """The keys of a language, those of its inner tables left out."""
    table = file.read_text(encoding="utf-8").split("export default {")[1].split("\n};")[0]
    return re.findall(r"^  (\w+):", table, re.MULTILINE)
