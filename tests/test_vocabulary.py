"""Ids and rows."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.vocabulary import UNKNOWN_ROW, Address, Ids, Link

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(TEXTS, unique=True), TEXTS)
def test_ids_and_rows_translate_both_ways(known: list[str], other: str) -> None:
    ids = Ids(known)
    assert ids.rows(known).tolist() == list(range(len(known)))
    assert ids.ids(range(len(known))) == list(ids) == known
    assert (other in ids) == (other in known)


def test_ids_of_one_hash_are_told_apart() -> None:
    ids = Ids(["a", "plumless", "b", "buckeroo"])  # of one CRC-32
    assert ids.rows(["buckeroo", "plumless", "a"]).tolist() == [3, 1, 0]
    assert Ids(["plumless"]).row("buckeroo") == UNKNOWN_ROW


def test_what_is_no_text_is_unknown() -> None:
    assert Ids(["a"]).row("\ud800") == UNKNOWN_ROW


def test_no_ids_is_no_mistake() -> None:
    assert Ids([]).row("a") == UNKNOWN_ROW


def test_ids_come_once() -> None:
    with pytest.raises(ValueError, match="unique"):
        Ids(["a", "b", "a"])


@pytest.mark.parametrize("address", ["https://shop.example/a b?c=%20", "http://a", "/", "/sale", "/sale//x", "/a\\b"])
def test_a_link_leads_to_a_web_page_or_a_path_of_the_same_site(address: str) -> None:
    assert msgspec.convert(address, Link) == msgspec.convert(address, Address) == address


@pytest.mark.parametrize(
    "address", ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", "javascript:x", "sale"]
)
def test_no_link_runs_a_script_or_is_a_path_to_elsewhere(address: str) -> None:
    for kind in (Link, Address):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(address, kind)


def test_nothing_is_an_address_and_no_link() -> None:
    assert msgspec.convert("", Address) == ""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("", Link)
