"""The documentation's examples run, its settings exist, and both READMEs say the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shopkeeper.settings import Settings
from shopkeeper.shop_toml import parse_settings, settings_text

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def run(command: list[str], folder: Path) -> str:
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": binaries + os.pathsep + os.environ["PATH"]}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def toyshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the commands of docs/index.md have run."""
    folder = tmp_path_factory.mktemp("docs")
    for block in blocks(DOCS / "index.md", "sh"):
        for line in block.strip().splitlines():
            run(["sh", "-c", line], folder)
    return folder


@pytest.mark.slow
def test_the_start_page_works_as_written(toyshop: Path) -> None:
    (script,) = blocks(DOCS / "index.md", "python")
    said = run([sys.executable, "-c", script], toyshop).splitlines()
    assert said[0].startswith("1 ")
    assert "price" in said[-1]


@pytest.mark.slow
def test_the_http_examples_are_answered(toyshop: Path) -> None:
    from starlette.testclient import TestClient

    from shopkeeper.server.app import create_app
    from shopkeeper.shop import Shop

    with TestClient(create_app(Shop(toyshop / "toyshop")), raise_server_exceptions=False) as client:
        examples = [each for page in ("http.md", "merchandising.md") for each in blocks(DOCS / page, "http")]
        assert examples
        for example in examples:
            line, _, body = example.strip().partition("\n")
            method, path = line.split(" ", 1)
            answer = client.request(method, path, json=json.loads(body) if body else None)
            assert answer.status_code == 200, f"{example}\n{answer.status_code} {answer.text}"


def test_every_setting_is_documented() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    for table in Settings.__struct_fields__:
        assert f"`{table}`" in page or f"[{table}]" in page or f"[[{table}]]" in page, table
    for name in re.findall(r"^#? ?(\w+) = ", settings_text(Settings()), re.M):
        assert name in page, f"{name} is not in docs/settings.md"


def test_the_settings_examples_are_valid() -> None:
    examples = blocks(DOCS / "settings.md", "toml")
    assert examples
    for example in examples:
        parse_settings(example)


def test_both_readmes_are_in_step() -> None:
    english, chinese = (ROOT / "README.md", ROOT / "README.zh-CN.md")
    commands = [
        [re.sub(r"\s*#.*", "", line) for block in blocks(page, "sh") for line in block.strip().splitlines()]
        for page in (english, chinese)
    ]
    assert commands[0] == commands[1]
    headings = [len(re.findall(r"^#+ ", page.read_text(encoding="utf-8"), re.M)) for page in (english, chinese)]
    assert headings[0] == headings[1]


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "README.zh-CN.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_benchmark_can_be_started() -> None:
    """In one process, as what they lean on takes seconds to import."""
    scripts = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    assert scripts
    run(
        [sys.executable, "-c", f"import importlib; [importlib.import_module(name) for name in {scripts}]"],
        ROOT / "benchmarks",
    )
