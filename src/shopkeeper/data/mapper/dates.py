"""How a column of texts or numbers writes moments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple

ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
DATE_LIKE = re.compile(rf"\d{{8}}|.*\d[-/. 年,].*\d.*|.*{MONTH}.*\d.*|.*\d.*{MONTH}.*")
LETTERS = re.compile(r"[A-Za-z0-9]+")
DIRECTIVE = re.compile(r"%.")
OFFSET = re.compile(r"[+-]\d\d:?\d\d$")
DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日"),
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y", "%m-%d-%Y", "%d-%m-%Y"),
    *("%m %d, %Y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y"),
)
CLOCKS = ("", " %H", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", "T%H:%M:%S.%f")
ZONES = ("", " UTC", "Z", " %z", "%z")
# What a shop's clock can show, 1990 to 2040, in seconds; larger numbers are milli- or microseconds.
FIRST, LAST = 631_152_000, 2_208_988_800
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
ENOUGH = 0.95  # of the values must agree
RARE = 0.02  # of the values: so many make a further pattern worth to be written down
MOST_PATTERNS, ALSO = 4, "|"  # how many patterns a column may have, and what parts them in ColumnMapping.format
PROBES = 3


def _marks(text: str) -> str:
    return LETTERS.sub("", text)


def _by_marks() -> dict[tuple[str, bool], list[str]]:
    """(What stands between letters and digits, whether an offset follows) → patterns."""
    found: dict[tuple[str, bool], list[str]] = {}
    for pattern in map("".join, product(DATES, CLOCKS, ZONES)):
        found.setdefault((_marks(DIRECTIVE.sub("", pattern)), "%z" in pattern), []).append(pattern)
    return found


BY_MARKS = _by_marks()


class TimeShape(NamedTuple):
    """`format` as ColumnMapping.format writes it; whether the values hold a day and a time of day."""

    format: str
    has_date: bool
    has_clock: bool


def epoch_shape(numbers: Sequence[float]) -> TimeShape | None:
    """The unit in which these numbers count from 1970, if nearly all then fall between 1990 and 2040."""
    for unit, scale in EPOCHS.items():
        inside = sum(FIRST * scale <= number <= LAST * scale for number in numbers)
        if numbers and inside >= ENOUGH * len(numbers):
            return TimeShape(unit, True, True)
    return None


def text_shape(values: Sequence[str]) -> TimeShape | None:
    """The format that reads nearly all `values` as moments, or the few that do so together.

    Where day and month could change places, the reading that spans less time wins: a sample in which no day exceeds
    12 is a few days of one month far more often than one day of each month.
    """
    if not values:
        return None
    needed = ENOUGH * len(values)
    if sum(TIME_OF_DAY.fullmatch(value) is not None for value in values) >= needed:
        return TimeShape("%H:%M:%S" if values[0].count(":") == 2 else "%H:%M", False, True)
    if sum(map(_is_iso, values)) >= needed:
        return TimeShape("iso", True, any(len(value) > 10 for value in values))
    if sum(len(value) <= 40 and DATE_LIKE.match(value) is not None for value in values) < needed:
        return None
    if not (patterns := _patterns(values, needed)):
        return None
    return TimeShape(ALSO.join(patterns), True, any("%H" in pattern or "%I" in pattern for pattern in patterns))


def _is_iso(value: str) -> bool:
    """Whether it is a moment of ISO 8601 that exists: 2026-02-30 is a code that looks like one."""
    if not ISO.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _patterns(values: Sequence[str], needed: float) -> list[str]:
    """The one pattern that reads enough of the values, or a few of which each reads what those before it could not."""
    if readings := _readings(values, needed):
        return [min(readings, key=lambda reading: _span(reading[1]))[0]]
    patterns: list[str] = []
    rest = list(values)
    while len(values) - len(rest) < needed:
        readings = _readings(rest, RARE * len(values))
        if not readings or len(patterns) == MOST_PATTERNS:
            return []
        patterns.append(min(readings, key=lambda reading: (-len(reading[1]), _span(reading[1])))[0])
        rest = [value for value in rest if _parse(value, patterns[-1]) is None]
    return patterns


def _readings(values: Sequence[str], needed: float) -> list[tuple[str, list[datetime]]]:
    """Every pattern that reads enough of the values, with what it reads; patterns are first tried on a few values."""
    probes = values[:PROBES]
    candidates = {pattern: None for probe in probes for pattern in _alike(probe)}
    found = []
    for pattern in candidates:
        if not any(_parse(probe, pattern) for probe in probes):
            continue
        moments = [moment for value in values if (moment := _parse(value, pattern))]
        if len(moments) >= needed:
            found.append((pattern, moments))
    return found


def _alike(value: str) -> list[str]:
    """The patterns with the same marks between letters and digits: quicker than to parse with all of them."""
    return BY_MARKS.get((_marks(value), False), []) + BY_MARKS.get((_marks(OFFSET.sub("", value)), True), [])


def _parse(value: str, pattern: str) -> datetime | None:
    if pattern.startswith("%Y%m%d") and not value[:8].isdigit():
        return None
    if any(letter in pattern and letter not in value for letter in "TZ"):  # Python would take them in any case
        return None
    try:
        moment = datetime.strptime(value, pattern)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if 1900 <= moment.year <= 2100 else None


def _span(moments: Sequence[datetime]) -> float:
    return (max(moments) - min(moments)).total_seconds()
