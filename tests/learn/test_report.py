"""The page of the report, from figures that are made up."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shopkeeper.learn.evaluate import Figures, GroupFigures, distinct
from shopkeeper.learn.glossary import GLOSSARY
from shopkeeper.learn.groups import ITEM_GROUPS, USER_GROUPS
from shopkeeper.learn.metrics import ACCURACY, Comparison, Estimate
from shopkeeper.learn.report import Evaluation, write_report
from shopkeeper.learn.tournament import Choice

MEASURES = tuple(f"{name}@10" for name in (*ACCURACY, "diversity", "novelty", "coverage"))


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01)


def measures(value: float, **others: float) -> dict[str, Estimate]:
    return {name: estimate(others.get(name.removesuffix("@10"), value)) for name in MEASURES}


def figures(
    systems: dict[str, dict[str, Estimate]],
    ahead: Estimate | None = None,
    groups: dict[str, GroupFigures] | None = None,
) -> Figures:
    against = {"popularity": Comparison(ahead or estimate(0.1), 1.0)}
    return Figures(requests=40, systems=systems, against=against, groups=groups or {})


def page_of(told: Figures, directory: Path, choices: dict[str, Choice] | None = None) -> str:
    write_report(Evaluation(10, 100, {"home": told}, choices or {}), directory, "shop", 0.0)
    text = (directory / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"\{\{|\{%", text)
    return " ".join(re.sub(r"<svg.*?</svg>", "", text, flags=re.S).split())


@pytest.mark.parametrize(
    ("swapped", "told"),
    [
        (0, "(by what stood at several places for other reasons)"),
        (2, "(by what chance exchanged, of the first 2 places, and behind them by what stood at several places"),
        (3, "(by what chance exchanged, of the first 3 places)"),
    ],
)
def test_the_curve_by_which_clicks_are_weighed_is_shown(swapped: int, told: str, tmp_path: Path) -> None:
    write_report(Evaluation(1, 1, {}, {}, looked_at=(1, 0.61, 0.4), looked_at_by_swaps=swapped), tmp_path, "s", 0.0)
    text = " ".join((tmp_path / "report.html").read_text(encoding="utf-8").split())
    assert f"1.00, 0.61, 0.40 {told}" in text


class Nesting(HTMLParser):
    """Asserts that what is opened is closed, inside out."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.open += [tag] if tag not in ("meta", "br") else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


SYSTEMS = {
    "served": measures(0.2),
    "similar": measures(0.1),
    "popular": measures(0.05),
    "popularity": measures(0.05),
}


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (
            Estimate(0.1183, 0.1078, 0.1287),
            "is better than plain popularity by 0.1183 NDCG@10 <small>(0.1078 to 0.1287)",
        ),
        (Estimate(-0.02, -0.03, -0.01), "is worse than plain popularity by 0.0200 NDCG@10 <small>(0.0100 to 0.0300)"),
        (Estimate(-0.02, -0.03, 0.01), "by 0.0200 NDCG@10 <small>(-0.0100 to 0.0300: it may be chance)"),
        (Estimate(0.0, 0.0, 0.0), "What is served is exactly as good as plain popularity."),
    ],
)
def test_the_lead_over_popularity_is_told_in_words(ahead: Estimate, told: str, tmp_path: Path) -> None:
    assert told in page_of(figures(SYSTEMS, ahead), tmp_path)


def test_what_says_the_same_twice_is_shown_once(tmp_path: Path) -> None:
    choice = Choice("similar", "it was best", figures=figures(SYSTEMS))
    page = page_of(figures(SYSTEMS), tmp_path, {"home": choice})
    assert page.count('<th scope="row">popular</th>') == 2  # of the test and of the validation part
    assert '<th scope="row">popularity</th>' not in page
    assert ">mrr@10</abbr>" in page
    assert ">map@10</abbr>" not in page
    assert ">recall@10</abbr>" not in page


def test_what_differs_in_one_row_is_shown(tmp_path: Path) -> None:
    systems = {**SYSTEMS, "similar": measures(0.1, map=0.09, recall=0.08), "popularity": measures(0.05, coverage=0.04)}
    page = page_of(figures(systems), tmp_path)
    for shown in ('<th scope="row">popularity</th>', ">map@10</abbr>", ">recall@10</abbr>"):
        assert shown in page


def test_popularity_stays_where_it_is_what_is_served() -> None:
    assert [*distinct({"served": 1, "new": 0, "popularity": 1})] == ["served", "new", "popularity"]
    assert [*distinct({"served": 1, "popular": 0, "popularity": 0})] == ["served", "popular"]


def test_a_group_that_one_source_alone_serves_better_is_named(tmp_path: Path) -> None:
    inside = {name: {"ndcg@10": estimate(value)} for name, value in (("served", 0.049), ("similar", 0.125))}
    page = page_of(figures(SYSTEMS, groups={"new items": GroupFigures(143, inside, {}, "similar")}), tmp_path)
    told = "For new items, similar alone is surely better than what is served: 0.125 against 0.049 NDCG@10."
    assert told in page


def test_every_head_is_explained_there_and_at_the_end(tmp_path: Path) -> None:
    systems = {**SYSTEMS, "similar": measures(0.1, map=0.09, recall=0.08)}
    groups = {name: GroupFigures(0) for name in (*USER_GROUPS, *ITEM_GROUPS)}
    choice = Choice("similar", "it was best", figures=figures(systems))
    page = page_of(figures(systems, groups=groups), tmp_path, {"home": choice})
    heads = set(re.findall(r'<th scope="col">(.*?)(?:<br>|</th>)', page))
    words = {word for head in heads for word in re.findall(r'<abbr title="[^"]{10,}">(.*?)</abbr>', head)}
    assert len(words) == len(heads)
    assert words >= {*MEASURES, *USER_GROUPS, *ITEM_GROUPS, "system", "contestant"}
    assert 'href="#reading"' in page
    assert all(f"<dt>{word}</dt><dd>" in page.partition('id="reading"')[2] for word in GLOSSARY)


def test_the_page_is_well_formed(tmp_path: Path) -> None:
    nesting = Nesting()
    nesting.feed(page_of(figures(SYSTEMS), tmp_path, {"home": Choice("similar", "best", figures=figures(SYSTEMS))}))
    assert nesting.open == []
