"""Measures in one spelling: "5 ft", 5' and "5 feet" are 5ft, and 1 1/2" is 1.5in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Every spelling of a unit, folded; the first is how it is indexed.
UNITS = (
    ("in", "inch", "inches", '"', "''", "”", "′′", "英寸", "寸", "吋"),
    ("ft", "feet", "foot", "'", "’", "′", "英尺"),
    ("yd", "yard", "yards"),
    ("sqft", "sq ft", "sq. ft", "square feet", "square foot"),
    ("mm", "millimetre", "millimetres", "millimeter", "millimeters", "毫米"),
    ("cm", "centimetre", "centimetres", "centimeter", "centimeters", "厘米", "公分"),
    ("m", "metre", "metres", "meter", "meters", "米"),
    ("ml", "millilitre", "millilitres", "milliliter", "milliliters", "毫升"),
    ("l", "litre", "litres", "liter", "liters", "升"),
    ("gal", "gallon", "gallons", "加仑"),
    ("qt", "quart", "quarts"),
    ("g", "gram", "grams", "gramme", "grammes", "克"),
    ("kg", "kilo", "kilos", "kilogram", "kilograms", "公斤", "千克"),
    ("oz", "ounce", "ounces", "盎司"),
    ("lb", "lbs", "pound", "pounds", "磅"),
    ("w", "watt", "watts", "瓦", "瓦特"),
    ("kw", "kilowatt", "kilowatts", "千瓦"),
    ("v", "volt", "volts", "伏"),
    ("mah", "毫安时", "毫安"),
    ("gb", "gigabyte", "gigabytes"),
    ("tb", "terabyte", "terabytes"),
    ("mp", "megapixel", "megapixels"),
    ("ct", "carat", "carats", "克拉"),
    ("hz", "hertz", "赫兹"),
)
# By what else a shop's fields name that which is measured in a unit.
FIELD_WORDS = {
    "in": ("screen", "diagonal", "尺寸", "屏幕"),
    "cm": ("width", "height", "length", "长", "宽"),
    "mm": ("thickness", "diameter"),
    "m": ("length",),
    "ft": ("length",),
    "kg": ("weight", "重量"),
    "g": ("weight", "重量"),
    "oz": ("weight", "重量"),
    "lb": ("weight", "重量"),
    "l": ("volume", "capacity", "容量"),
    "ml": ("volume", "容量"),
    "gb": ("memory", "storage", "capacity", "内存", "存储", "容量"),
    "tb": ("storage", "capacity", "存储", "容量"),
    "w": ("power", "功率"),
    "v": ("voltage", "电压"),
    "mah": ("battery", "电池"),
    "hz": ("refresh", "刷新率"),
    "mp": ("camera", "像素"),
}
UNIT_OF = {spelling: names[0] for names in UNITS for spelling in names}

_UNIT = r"sq(?:uare)?\.? ?f(?:oo|ee)?t|[a-z]+|['’′]{1,2}|[\"”]|[\u4e00-\u9fff]{1,3}"
# A number, or a fraction with or without whole ones before it, not within a word; then what may be its unit.
_MEASURE = re.compile(
    rf"(\d(?<![a-z0-9./,]\d)(?<![a-z]-\d)[\d.,]*(?:[ -]\d+/[1-9]\d*|/[1-9]\d*)?)[\s-]?({_UNIT})(?![a-z0-9'\"])"
)
_SAID_ON = re.compile(r"\s+(?!(?:x|by)\s)\w")  # "14 in black", but "14 in x 20 in"
_DIGIT = re.compile(r"\d")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_LONE_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")


class Measure(NamedTuple):
    """text[start:end] says so many of a unit, which is the first of its spellings."""

    start: int
    end: int
    amount: float
    unit: str


def measures_in(folded: str) -> Iterator[Measure]:
    """Those of a folded text, in order. The end of a range ("70-200mm") is none."""
    for match in _MEASURE.finditer(folded):
        unit, length = _unit_of(match)
        if unit and folded[match.start() - 1 : match.start()] != "-":
            try:
                amount = float(_plain(match[1]))
            except ValueError:  # "1.2.3"
                continue
            yield Measure(match.start(), match.start(2) + length, amount, unit)


def with_measures(folded: str) -> str:
    """A folded text whose measures are written in one way: the number, and the unit right behind it."""
    return _MEASURE.sub(_written, folded) if _DIGIT.search(folded) else folded


def parted_fractions(text: str) -> str:
    """ "1½" → "1 ½", which folds to "1 1/2" and not to "11/2"."""
    return _LONE_FRACTION.sub(" ", text)


def _written(measure: re.Match[str]) -> str:
    unit, length = _unit_of(measure)
    return f"{_plain(measure[1])}{unit}{measure[2][length:]}" if unit else measure[0]


def _unit_of(measure: re.Match[str]) -> tuple[str, int]:
    """The unit, and how many characters of what stands behind the number name it; "" where nothing does."""
    name = measure[2]
    if name.startswith("sq"):
        return "sqft", len(name)
    if name == "in" and measure[0][-3].isspace() and _SAID_ON.match(measure.string, measure.end()):
        return "", 0
    for length in range(len(name), 0 if name[0] > "\u2fff" else len(name) - 1, -1):  # "升装" begins with a unit
        if unit := UNIT_OF.get(name[:length]):
            return unit, length
    return "", 0


def _plain(number: str) -> str:
    """ "1,000" → "1000", "2,5" → "2.5", "1.50" → "1.5", "1 1/2" → "1.5"."""
    if "/" in number:
        *whole, fraction = re.split("[ -]", number)
        over, under = fraction.split("/")
        if not over.isdecimal() or not all(map(str.isdecimal, whole)):
            return number
        return f"{sum(map(int, whole)) + int(over) / int(under):.4g}"
    number = number.replace(",", "" if _THOUSANDS.fullmatch(number) else ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number
