"""What was chosen in facets: by field, values of which any may hold, or ranges of its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shopkeeper.engine.conditions import Compares, Condition, Either, Every, Is
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue


class Span(NamedTuple):
    """A range as people write it: "10..50" holds both its ends, "10..<50" all but the upper, "50.." has none."""

    least: str
    most: str
    is_open: bool = False

    @classmethod
    def read(cls, text: str) -> Span | None:
        """None for what is no range."""
        least, dots, most = text.partition("..")
        span = cls(least.strip(), most.removeprefix("<").strip(), most.startswith("<"))
        return span if dots and (span.least or span.most) else None

    def condition(self, name: str) -> Condition:
        parts: list[Condition] = [Compares(name, ">=", self.least)] if self.least else []
        if self.most:
            parts.append(Compares(name, "<" if self.is_open else "<=", self.most))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))


def chosen(catalogue: Catalogue, name: str, values: Sequence[str]) -> Condition:
    """That a field has any of the values, at least one. Raises RequestError for a field that no item has."""
    is_number = name in catalogue.numbers
    if not is_number and name not in catalogue.labels:
        raise catalogue.unknown_field(name, place(name))
    spans = [Span.read(value) if is_number else None for value in values]
    plain = tuple(value for value, span in zip(values, spans, strict=True) if span is None)
    parts: list[Condition] = [span.condition(name) for span in spans if span is not None]
    if plain:
        parts.append(Is(name, plain))
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def place(name: str) -> str:
    """Where in a request, for people."""
    return f"refinements, {name}"


def at_home(error: RequestError, where: str) -> RequestError:
    """The error of a condition that stands in no filter, at the place where it was asked for."""
    return RequestError(error.what, where=where, expected=error.expected, remedy=error.remedy)
