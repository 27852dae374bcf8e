"""What a query says of money: prices ("under 50", "50元以下") and the order it asks for ("cheapest", "最新")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shopkeeper.engine.text import STOPWORDS

SURE, LIKELY, GUESSED = 0.95, 0.8, 0.6


class Price(NamedTuple):
    """At least `low` and at most `high` (None: no bound); `strict` where the bound itself is meant to be left out."""

    start: int
    end: int
    low: float | None
    high: float | None
    strict: bool
    confidence: float


class Order(NamedTuple):
    """`sort` as a request has it."""

    start: int
    end: int
    sort: str
    confidence: float


_DIGITS = r"\d{1,9}(?:,\d{3})*(?:\.\d{1,4})?"
_CHINESE = "零一二两三四五六七八九十百千万"
_NO_WORD = r"(?:(?=的)|(?![\u4e00-\u9fff]))"  # 内 and 起 begin words of their own: 内存, 起泡
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
# How each way to say a price is written, and how likely a figure without a currency is one there; 0.0: it never is.
_FORMS = (
    (rf"{_WORD}{_PRICED}between\s+{_money('low')}\s*(?:and|to|-|–)\s*{_money('high')}", LIKELY),
    (rf"{_WORD}{_PRICED}from\s+{_money('low')}\s+to\s+{_money('high')}", GUESSED),
    (
        rf"(?<![a-z0-9.,/-])(?:价格)?{_money('low')}\s*(?:-|–|~|到|至)\s*{_money('high')}(?:之间)?(?:的)?(?![a-z0-9/-])",
        GUESSED,
    ),
    (
        rf"{_WORD}{_PRICED}(?:under|below|less than|cheaper than|up to|no more than|not over|at most|not exceeding)"
        rf"\s+{_money('high')}",
        LIKELY,
    ),
    (rf"{_WORD}(?:max|maximum|within)\s*:?\s+{_money('high')}", 0.0),
    (rf"{_WORD}(?:budget|price)\s*:?\s+{_money('high')}", LIKELY),
    (rf"(?:价格)?(?:不超过|不高于|低于|少于|小于|不到|最多|最高)\s*{_money('high')}(?:的)?", LIKELY),
    (rf"{_money('high')}\s*(?:以下|以内|之内|之下|内{_NO_WORD})(?:的)?", LIKELY),
    (rf"<\s*=?\s*{_money('high')}", LIKELY),
    (rf"{_WORD}{_PRICED}(?:over|above|more than|at least|no less than|not under)\s+{_money('low')}", LIKELY),
    (rf"{_WORD}(?:min|minimum|from)\s*:?\s+{_money('low')}", 0.0),
    (rf"(?:价格)?(?:不低于|不少于|高于|大于|超过|至少|最少)\s*{_money('low')}(?:的)?", LIKELY),
    (rf"{_money('low')}\s*(?:以上|起{_NO_WORD})(?:的)?", LIKELY),
    (rf"{_WORD}(?:around|about|roughly)\s+{_money('near')}", 0.0),
    (rf"(?:大约|大概)?{_money('near')}\s*左右(?:的)?", LIKELY),
)
_PATTERNS = tuple((re.compile(form), bare) for form, bare in _FORMS)
_HINT = re.compile(r"\d|[一二两三四五六七八九十百千万]")
_STRICT = re.compile(r"under|below|less than|cheaper than|低于|少于|小于|不到|over|above|more than|高于|大于|超过")
_OF_PRICES = re.compile(r"cheaper|价|(?:pric|cost|budget)[a-z]*\s+[a-z]")
# A figure at the end of what it belongs to. "24 in" are inches, "50 in black" are none.
_ENDED = re.compile(rf"\s*(?:$|[,;!?，。；！？]|(?:{'|'.join(sorted(STOPWORDS - {'in'}))})(?![a-z0-9])|in\s+[^\W\d])")
_AGED = re.compile(  # before a figure that may be an age or a size
    r"(?:^|[^a-z])(?:wom[ae]n|m[ae]n|ladies|lady|kids?|child(?:ren)?|boys?|girls?|toddlers?|bab(?:y|ies)|infants?|teens?"
    r"|adults?|seniors?|elderly|people|persons?|age[sd]?|sizes?)(?:'s?)?\s*$"
)
_LEAST_IN_A_RANGE = 10  # "3-5" is seldom a price
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
    for pattern, bare in _PATTERNS:
        for match in pattern.finditer(text):
            if price := _price(match, bare):
                yield price
                return


def _price(match: re.Match[str], bare: float) -> Price | None:
    groups = match.groupdict()
    names = [name for name in ("low", "high", "near") if groups.get(name)]
    amounts = {name: number_of(groups[name]) for name in names}
    if any(amount is None or not 0.0 < amount < 1e9 for amount in amounts.values()):
        return None
    if any(groups.get(f"{name}_{side}") for name in names for side in ("before", "after")):
        confidence = SURE
    elif _OF_PRICES.search(match[0]):
        confidence = LIKELY
    else:
        confidence = _likelihood(match, bare, [groups[name] for name in names])
    low, high = amounts.get("low"), amounts.get("high")
    if (near := amounts.get("near")) is not None:
        low, high = near * (1 - _NEAR), near * (1 + _NEAR)
    if not confidence or (low is not None and high is not None and low >= high):
        return None
    start, end = match.span()
    start += len(match[0]) - len(match[0].lstrip())
    return Price(start, end, low, high, bool(_STRICT.search(match[0])), confidence)


def _likelihood(match: re.Match[str], bare: float, figures: Sequence[str]) -> float:
    """How likely figures that say nothing of money are a price; 0.0: they are none."""
    text, chinese = match.string, [figure for figure in figures if figure[0] in _CHINESE]
    if any(len(figure) == 1 for figure in chinese):
        return 0.0  # 一起, 十以内
    if not (match[0].endswith("的") or _ENDED.match(text, match.end())):
        return GUESSED if bare and not chinese and match[0][-1] > "\u2fff" else 0.0  # "100以下耳机"; "under 40 gallons"
    if bare <= GUESSED and any((number_of(figure) or 0.0) < _LEAST_IN_A_RANGE for figure in figures):
        return 0.0
    return min(bare, GUESSED) if chinese or _AGED.search(text[: match.start()]) else bare


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


def orders_in(text: str) -> Iterator[Order]:
    """The order that a folded text asks for, at most one: the surest form that it has."""
    for pattern, sort, confidence in _ORDER_PATTERNS:
        if match := pattern.search(text):
            yield Order(match.start(), match.end(), sort, confidence)
            return
