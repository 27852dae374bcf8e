"""What a filter says, as a tree: each condition knows its mask over a catalogue and prints as the filter language."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from shopkeeper.engine.geography import Place, distances, kilometres
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import Floats, fold_text
from shopkeeper.vocabulary import Mask

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
KEYWORDS = ("and", "or", "not", "in", "exists")
HOLDING = ("contains", "begins")  # no keywords: behind a field nothing else can stand
WORD = r"""[^\s"'“”=<>!()\[\],]+"""  # what needs no quotes


@dataclass(frozen=True)
class Is:
    """The field has one of the values."""

    name: str
    values: tuple[str, ...]
    at: int = field(default=0, compare=False)  # where the text names the field, for errors

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{_quote(self.name)} = {_quote(self.values[0])}"
        return f"{_quote(self.name)} in [{', '.join(map(_quote, self.values))}]"

    def mask(self, catalogue: Catalogue) -> Mask:
        found = np.zeros(len(catalogue), np.bool_)
        if fold_text(self.name) == "id":
            rows = catalogue.ids.rows(self.values)
            found[rows[rows >= 0]] = True
            return found
        is_label, is_number = _kinds(catalogue, self.name, self.at)
        if is_label:
            for value in self.values:
                found[catalogue.labels.rows_with(self.name, value)] = True
        if is_number:
            column = catalogue.numbers[self.name]
            for value in self.values:
                number = number_of(self.name, value)
                if number is None and not is_label:
                    raise _no_number(self.name, value, self.at)
                if number is not None:
                    found |= _compare(column, "=", number)
        return found


@dataclass(frozen=True)
class Compares:
    """The field's number lies on this side of the value. `sign` is "<", "<=", ">" or ">="."""

    name: str
    sign: str
    value: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{_quote(self.name)} {self.sign} {_quote(self.value)}"

    def mask(self, catalogue: Catalogue) -> Mask:
        _, is_number = _kinds(catalogue, self.name, self.at)
        if not is_number:
            raise RequestError(
                f"{self.name!r} holds no numbers, so {self.sign!r} says nothing",
                where=place(self.at),
                expected='"=", "!=" or "in"',
            )
        number = number_of(self.name, self.value)
        if number is None:
            raise _no_number(self.name, self.value, self.at)
        return _compare(catalogue.numbers[self.name], self.sign, number)


@dataclass(frozen=True)
class Exists:
    """Anything is known of the field."""

    name: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{_quote(self.name)} exists"

    def mask(self, catalogue: Catalogue) -> Mask:
        found = np.zeros(len(catalogue), np.bool_)
        if fold_text(self.name) == "id":
            return ~found
        is_label, is_number = _kinds(catalogue, self.name, self.at)
        if is_label:
            found[catalogue.labels.rows_having(self.name)] = True
        if is_number:
            found |= ~np.isnan(catalogue.numbers[self.name])
        return found


@dataclass(frozen=True)
class Holds:
    """A label of the field contains the text, or begins with it. `how` is "contains" or "begins"."""

    name: str
    how: str
    text: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{_quote(self.name)} {self.how} {_quote(self.text)}"

    def mask(self, catalogue: Catalogue) -> Mask:
        is_label, _ = _kinds(catalogue, self.name, self.at)
        if not is_label:
            raise RequestError(
                f"{self.name!r} holds no words, so {self.how!r} says nothing",
                where=place(self.at),
                expected="a comparison",
            )
        found = np.zeros(len(catalogue), np.bool_)
        found[catalogue.labels.rows_holding(self.name, self.text, begins=self.how == "begins")] = True
        return found


@dataclass(frozen=True)
class Within:
    """The item is at most so far from a place. `far` is a length as people write it: "10 km"."""

    name: str
    centre: Place
    far: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"within({_quote(self.name)}, {self.centre.latitude!r}, {self.centre.longitude!r}, {self.far})"

    def mask(self, catalogue: Catalogue) -> Mask:
        everything = np.arange(len(catalogue), dtype=np.int32)
        if (length := kilometres(self.far)) is None:
            raise RequestError(f"{self.far!r} is no length", where=place(self.at), expected="such as 10 km")
        found: Mask = distances(catalogue, self.name, self.centre, everything, place(self.at)) <= length
        return found


@dataclass(frozen=True)
class Not:
    part: Condition

    def __str__(self) -> str:
        return f"not {_bracket(self.part)}"

    def mask(self, catalogue: Catalogue) -> Mask:
        return ~self.part.mask(catalogue)


@dataclass(frozen=True)
class Every:
    """Every part holds; no part at all lets everything through."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(map(_bracket, self.parts))

    def mask(self, catalogue: Catalogue) -> Mask:
        found = np.ones(len(catalogue), np.bool_)
        for part in self.parts:
            found &= part.mask(catalogue)
        return found


@dataclass(frozen=True)
class Either:
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(map(_bracket, self.parts))

    def mask(self, catalogue: Catalogue) -> Mask:
        found = np.zeros(len(catalogue), np.bool_)
        for part in self.parts:
            found |= part.mask(catalogue)
        return found


Condition = Is | Compares | Exists | Holds | Within | Not | Every | Either


def place(at: int) -> str:
    """Where in a filter, for people."""
    return f"filter, character {at + 1}"


def _kinds(catalogue: Catalogue, name: str, at: int) -> tuple[bool, bool]:
    """Whether a field holds labels, and whether it holds numbers."""
    kinds = name in catalogue.labels, name in catalogue.numbers
    if not any(kinds):
        raise catalogue.unknown_field(name, place(at))
    return kinds


def _compare(column: Floats, sign: str, number: float) -> Mask:
    """In the precision of the column, so that a float32 price equals the 79.99 that it came from."""
    with np.errstate(over="ignore"):  # a number beyond float32 is infinite to it, and compares rightly
        mask: Mask = COMPARISONS[sign](column, number)
    return mask


def number_of(name: str, value: str) -> float | None:
    """The number (for `launched`, the date) that a value stands for, if it does."""
    try:
        if fold_text(name) == "launched":
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _no_number(name: str, value: str, at: int) -> RequestError:
    expected = "a date such as 2026-01-31" if fold_text(name) == "launched" else "a number"
    return RequestError(f"{name!r} cannot be compared with {value!r}", where=place(at), expected=expected)


def _quote(text: str) -> str:
    if re.fullmatch(WORD, text) and text.casefold() not in KEYWORDS:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _bracket(part: Condition) -> str:
    return f"({part})" if isinstance(part, (Every, Either)) else str(part)
