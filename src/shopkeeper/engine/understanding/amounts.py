"""What a query says in figures: prices ("under 50", "50元以下"), measures ("24 inch", "5kg") and the order it asks for
("cheapest", "最新")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SURE, LIKELY, GUESSED = 0.95, 0.8, 0.6


class Price(NamedTuple):
    """At least `low` and at most `high` (None: no bound); `strict` where the bound itself is meant to be left out."""

    start: int
    end: int
    low: float | None
    high: float | None
    strict: bool
    confidence: float


class Measure(NamedTuple):
    start: int
    end: int
    amount: float
    unit: str


class Order(NamedTuple):
    """`sort` as a request has it."""

    start: int
    end: int
    sort: str
    confidence: float


# The names of each unit, the first of which is its own; and the words by which a shop names what is measured in it.
UNITS = {
    "inch": (("inch", "inches", "in", '"', "”", "寸", "英寸"), ("inch", "screen", "diagonal", "寸", "尺寸", "屏幕")),
    "cm": (("cm", "centimeter", "centimetre", "厘米", "公分"), ("cm", "width", "height", "length", "厘米", "长", "宽")),
    "mm": (("mm", "millimeter", "millimetre", "毫米"), ("mm", "thickness", "diameter", "毫米")),
    "m": (("m", "meter", "metre", "meters", "metres", "米"), ("m", "length", "米")),
    "ft": (("ft", "foot", "feet", "英尺"), ("ft", "feet", "length", "英尺")),
    "kg": (("kg", "kilo", "kilos", "kilogram", "kilograms", "公斤", "千克"), ("kg", "weight", "重量", "公斤")),
    "g": (("g", "gram", "grams", "克"), ("g", "weight", "重量", "克")),
    "lb": (("lb", "lbs", "pound weight", "磅"), ("lb", "lbs", "weight", "重量")),
    "l": (
        ("l", "liter", "litre", "liters", "litres", "升"),
        ("l", "litre", "liter", "volume", "capacity", "容量", "升"),
    ),
    "ml": (("ml", "毫升"), ("ml", "volume", "容量")),
    "gb": (("gb",), ("gb", "memory", "storage", "capacity", "内存", "存储", "容量")),
    "tb": (("tb",), ("tb", "storage", "capacity", "存储", "容量")),
    "w": (("w", "watt", "watts", "瓦"), ("w", "watt", "power", "功率")),
    "v": (("v", "volt", "volts", "伏"), ("v", "volt", "voltage", "电压")),
    "mah": (("mah", "毫安"), ("mah", "battery", "电池")),
    "hz": (("hz", "赫兹"), ("hz", "refresh", "刷新率")),
    "mp": (("mp", "megapixel", "megapixels", "像素"), ("mp", "megapixels", "camera", "像素")),
}
_UNIT_OF = {name: unit for unit, (names, _) in UNITS.items() for name in names}

_DIGITS = r"\d{1,9}(?:,\d{3})*(?:\.\d{1,4})?"
_CHINESE = "零一二两三四五六七八九十百千万"
_NUMBER = rf"(?:{_DIGITS}|[{_CHINESE}]{{1,9}})"
_BEFORE = r"(?:us\$|[$€£¥]|usd|eur|gbp|rmb|cny)"
_AFTER = r"(?:dollars?|euros?|pounds?|bucks|usd|eur|gbp|rmb|cny|yuan|[$€£¥]|块钱?|元钱?)"


def _money(name: str) -> str:
    return (
        rf"(?P<{name}_before>{_BEFORE})?\s*(?P<{name}>{_NUMBER})(?![\d%])(?!\.\d)"
        rf"(?:\s*(?P<{name}_after>{_AFTER})(?![a-z]))?"
    )


_WORD = r"(?<![a-z0-9])"
_PRICED = r"(?:(?:price|priced|cost|costs|costing|budget)\s+)?"
_FORMS = (
    (
        rf"{_WORD}{_PRICED}between\s+{_money('low')}\s*(?:and|to|-|–)\s*{_money('high')}",
        "range",
    ),
    (rf"{_WORD}{_PRICED}from\s+{_money('low')}\s+to\s+{_money('high')}", "range"),
    (
        rf"(?<![a-z0-9.,/-])(?:价格)?{_money('low')}\s*(?:-|–|~|到|至)\s*{_money('high')}(?:之间)?(?:的)?(?![a-z0-9/-])",
        "bare range",
    ),
    (
        rf"{_WORD}{_PRICED}(?:under|below|less than|cheaper than|up to|no more than|not over|at most|not exceeding)"
        rf"\s+{_money('high')}",
        "high",
    ),
    (rf"{_WORD}(?:max|maximum|within|budget|price)\s*:?\s+{_money('high')}", "high in money"),
    (rf"(?:不超过|不高于|低于|少于|小于|不到|最多|最高)\s*{_money('high')}(?:的)?", "high"),
    (rf"{_money('high')}\s*(?:以下|以内|之内|之下|内)(?:的)?", "high"),
    (rf"<\s*=?\s*{_money('high')}", "high"),
    (
        rf"{_WORD}{_PRICED}(?:over|above|more than|at least|no less than|not under)\s+{_money('low')}",
        "low",
    ),
    (rf"{_WORD}(?:min|minimum|from)\s*:?\s+{_money('low')}", "low in money"),
    (rf"(?:不低于|不少于|高于|大于|超过|至少|最少)\s*{_money('low')}(?:的)?", "low"),
    (rf"{_money('low')}\s*(?:以上|起)(?:的)?", "low"),
    (rf"{_WORD}(?:around|about|roughly)\s+{_money('near')}", "near in money"),
    (rf"(?:大约|大概)?{_money('near')}\s*左右(?:的)?", "near"),
)
_PATTERNS = tuple((re.compile(form), kind) for form, kind in _FORMS)
_HINT = re.compile(r"\d|[一二两三四五六七八九十百千万]")
_STRICT = re.compile(r"under|below|less than|cheaper than|低于|少于|小于|不到|over|above|more than|高于|大于|超过")
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNIT_OF), key=len, reverse=True))
# What makes the figure before it something else than a price.
_UNIT_NEXT = re.compile(
    rf"\s*-?\s*(?:{_UNIT_NAMES}|years?|yrs?|months?|days?|hours?|pcs|pieces?|packs?|people|persons?|岁|年|月|天|个|件|人|码|号)"
    r"(?![a-z0-9])"
)
_MEASURE = re.compile(rf"(?<![a-z0-9.,-])(?P<amount>{_DIGITS})\s*-?\s*(?P<unit>{_UNIT_NAMES})(?![a-z0-9])")
_NEAR = 0.2  # "around 50" is 40 to 60
_ORDERS = (
    (r"cheapest|lowest priced?|least expensive|最便宜|最低价|价格最低", "price", SURE),
    (r"cheap|inexpensive|affordable|便宜|低价|实惠|平价", "price", GUESSED),
    (r"most expensive|最贵", "-price", SURE),
    (r"newest|latest|最新", "-launched", SURE),
    (r"new arrivals?|新款|新品", "-launched", GUESSED),
    (r"most popular|best[ -]?sell(?:ing|ers?)|top rated|销量最高|最畅销|最热门", "-popularity", SURE),
    (r"best|热销|爆款|畅销", "-popularity", GUESSED),
)
_ORDER_PATTERNS = tuple(
    (re.compile(rf"(?:(?<![a-z])(?:{forms})(?![a-z]))(?:的)?"), sort, sure) for forms, sort, sure in _ORDERS
)


def prices_in(text: str) -> Iterator[Price]:
    """The price that a folded text names, at most one: the first form that it has."""
    if not _HINT.search(text):
        return
    for pattern, kind in _PATTERNS:
        for match in pattern.finditer(text):
            if price := _price(match, kind, text):
                yield price
                return


def _price(match: re.Match[str], kind: str, text: str) -> Price | None:
    groups = match.groupdict()
    names = [name for name in ("low", "high", "near") if groups.get(name)]
    in_money = any(groups.get(f"{name}_{side}") for name in names for side in ("before", "after"))
    amounts = {name: number_of(groups[name]) for name in names}
    if any(amount is None or not 0.0 < amount < 1e9 for amount in amounts.values()):
        return None
    if not in_money and (_UNIT_NEXT.match(text, match.end()) or kind.endswith("in money")):
        return None
    if not in_money and kind == "bare range" and not all(amount and amount >= 10 for amount in amounts.values()):
        return None
    low, high = amounts.get("low"), amounts.get("high")
    if (near := amounts.get("near")) is not None:
        low, high = near * (1 - _NEAR), near * (1 + _NEAR)
    if low is not None and high is not None and low >= high:
        return None
    confidence = SURE if in_money else GUESSED if kind == "bare range" else LIKELY
    start, end = match.span()
    start += len(match[0]) - len(match[0].lstrip())
    return Price(start, end, low, high, bool(_STRICT.search(match[0])), confidence)


def number_of(text: str) -> float | None:
    """ "1,200.50" and "一百二十" as numbers; None where it is none."""
    if text[0] not in _CHINESE:
        return float(text.replace(",", ""))
    total, part, digit = 0, 0, 0
    for character in text:
        place = _CHINESE.index(character)
        if place < 11:
            digit = (0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9)[place]
        elif character == "万":
            total, part, digit = (total + part + digit) * 10_000, 0, 0
        else:
            part, digit = part + (digit or 1) * {"十": 10, "百": 100, "千": 1000}[character], 0
    return float(total + part + digit) or None


def measures_in(text: str) -> Iterator[Measure]:
    for match in _MEASURE.finditer(text):
        amount = number_of(match["amount"])
        if amount is not None:
            yield Measure(match.start(), match.end(), amount, _UNIT_OF[match["unit"]])


def orders_in(text: str) -> Iterator[Order]:
    """The order that a folded text asks for, at most one: the surest form that it has."""
    for pattern, sort, confidence in _ORDER_PATTERNS:
        if match := pattern.search(text):
            yield Order(match.start(), match.end(), sort, confidence)
            return
