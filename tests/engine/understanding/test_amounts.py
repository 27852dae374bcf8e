"""Prices and orders in both languages, by tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.understanding.amounts import GUESSED, LIKELY, SURE, number_of, orders_in, prices_in


@pytest.mark.parametrize(
    ("query", "low", "high", "words"),
    [
        ("shoes under 50", None, 50, "under 50"),
        ("less than $50", None, 50, "less than $50"),
        ("lamp below 1,200.50", None, 1200.5, "below 1,200.50"),
        ("over 200 euro", 200, None, "over 200 euro"),
        ("chair at least $80", 80, None, "at least $80"),
        ("from $10", 10, None, "from $10"),
        ("shoes 50-100", 50, 100, "50-100"),
        ("$20 - $30 lamp", 20, 30, "$20 - $30"),
        ("between 20 and 30 dollars", 20, 30, "between 20 and 30 dollars"),
        ("max 30 eur", None, 30, "max 30 eur"),
        ("budget 300 euro", None, 300, "budget 300 euro"),
        ("around 50 dollars", 40, 60, "around 50 dollars"),
        ("50元以下", None, 50, "50元以下"),
        ("手机1000到2000块", 1000, 2000, "1000到2000块"),
        ("100-200元的裙子", 100, 200, "100-200元的"),
        ("不超过300", None, 300, "不超过300"),
        ("五十元以下", None, 50, "五十元以下"),
        ("两千元以内", None, 2000, "两千元以内"),
        ("1000元以上手机", 1000, None, "1000元以上"),
        ("100元左右", 80, 120, "100元左右"),
    ],
)
def test_prices(query: str, low: float | None, high: float | None, words: str) -> None:
    (price,) = prices_in(query)
    assert (price.low, price.high) == (low, high)
    assert query[price.start : price.end] == words


@pytest.mark.parametrize(
    "query",
    [
        "under 5 kg",
        "under 24 inch tv",
        "over ear headphones",
        "under armour shoes",
        "canon 70-200mm",
        "10-12 years",
        "3到5岁玩具",
        "from 10",
        "100 dalmatians",
        "white under 50% off",
        "以下",
        "€50",
        "between 30 and 20",
    ],
)
def test_what_is_no_price(query: str) -> None:
    assert not list(prices_in(query))


@pytest.mark.parametrize(
    "query",
    [
        "water heater under 40 gallons",
        "at least 500 lumens flashlight",
        "up to 300 sq ft heater",
        "from 2 to 4 players",
        "puzzle from 3 to 5",
        "2000-2005 honda civic",
        "iphone 11-13 case",
        "led 1000 - 2000 lm",
        "tv under 24 in",
        "一起玩的玩具",
        "16内存笔记本",
        "16内存",
        "100起泡",
        "100元内衣",
        "十以内加减法",
        "加减法十以内",
        "超过500流明手电筒",
        "5公斤以下",
    ],
)
def test_figures_of_something_else_are_no_price(query: str) -> None:
    assert not list(prices_in(query))


@pytest.mark.parametrize(
    ("query", "confidence"),
    [
        ("mugs under $20", SURE),
        ("toys for kids under 5 dollars", SURE),
        ("mugs cheaper than 20 porcelain", LIKELY),
        ("mugs price under 20 porcelain", LIKELY),
        ("mugs budget 20", LIKELY),
        ("价格100到200耳机", LIKELY),
        ("mugs under 20", LIKELY),
        ("under 50", LIKELY),
        ("shoes under 50 for men", LIKELY),
        ("shoes under 50 in black", LIKELY),
        ("耳机 100以下", LIKELY),
        ("100以下的耳机", LIKELY),
        ("耳机100内", LIKELY),
        ("耳机100起", LIKELY),
        ("vitamins for women over 50", GUESSED),
        ("toys for kids under 5", GUESSED),
        ("ages under 12", GUESSED),
        ("100以下耳机", GUESSED),
        ("shoes 50-100", GUESSED),
        ("耳机两千以内", GUESSED),
    ],
)
def test_a_price_is_the_surer_the_plainer_it_is_said(query: str, confidence: float) -> None:
    (price,) = prices_in(query)
    assert price.confidence == confidence


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        ("cheapest laptop", "price"),
        ("cheap laptop", "price"),
        ("便宜的手机", "price"),
        ("最便宜的手机", "price"),
        ("newest phones", "-launched"),
        ("最新手机", "-launched"),
        ("best selling mugs", "-popularity"),
        ("best laptop", "-popularity"),
        ("most expensive watch", "-price"),
    ],
)
def test_orders(query: str, sort: str) -> None:
    assert [order.sort for order in orders_in(query)] == [sort]


@pytest.mark.parametrize("query", ["bestway pool", "newestcompany", "gift for men", "手机"])
def test_what_is_no_order(query: str) -> None:
    assert not list(orders_in(query))


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,200.5", 1200.5), ("五十", 50), ("一百二十", 120), ("两千", 2000), ("一万五千", 15000), ("零", None)],
)
def test_numbers(text: str, number: float | None) -> None:
    assert number_of(text) == number


@given(st.text(alphabet="0123456789.,-一百万under between$元以下到 kg\"'寸\x00é", max_size=40))
def test_any_text_is_read_within_its_bounds(text: str) -> None:
    for found in (*prices_in(text), *orders_in(text)):
        assert 0 <= found.start < found.end <= len(text)
