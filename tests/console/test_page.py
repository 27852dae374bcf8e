"""The page at "/": served whole, from here alone, with no door for a script that is not ours."""

from __future__ import annotations

import re
from pathlib import Path

import small_shop
from starlette.testclient import TestClient

from shopkeeper.console import STATIC, mount
from shopkeeper.server.app import create_app


def test_the_page_and_its_parts_are_served(tmp_path: Path) -> None:
    app = create_app(small_shop.open_shop(tmp_path))
    mount(app)
    with TestClient(app) as client:
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        parts = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
        assert len(parts) == 2
        for part in parts:
            assert client.get(part).status_code == 200
        assert client.get("/console/words.js").status_code == 200
        assert client.get("/console/../app.py").status_code == 404
        assert client.get("/v1/health").status_code == 200


def test_nothing_is_fetched_from_elsewhere_and_nothing_becomes_html() -> None:
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://\w", text), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text), file.name
        assert not re.search(r"\son\w+=|style=|javascript:", text) or file.suffix != ".html"


def test_every_element_and_word_that_the_script_names_exists() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    script = (STATIC / "page.js").read_text(encoding="utf-8")
    words = (STATIC / "words.js").read_text(encoding="utf-8")
    declared = set(re.findall(r'id="([\w-]+)"', page))
    assert set(re.findall(r'\$\("([\w-]+)"\)', script)) <= declared
    english, chinese = (set(re.findall(r"\b(\w+): [\"(]", part)) for part in words.split("zh: {"))
    assert english == chinese
    assert set(re.findall(r"\bwords\.(?!js)(\w+)", script)) <= english
