"""Algolia's filters → the filter language: `brand:Acme AND (price < 10 OR NOT _tags:sale)`.

    all   = any, { "AND", any }
    any   = part, { "OR", part }
    part  = "(", all, ")" | [ "NOT" ], test
    test  = attribute, ( "<" | "<=" | "=" | "!=" | ">=" | ">" ), number | attribute, ":", number, "TO", number
          | attribute, ":", value | tag

As with Algolia, OR binds before AND where no brackets say otherwise, no AND stands within an OR, and NOT stands before
a test alone: what breaks these rules is refused, since it would be read in two ways. What differs: an OR may hold tests
of several kinds. https://www.algolia.com/doc/api-reference/api-parameters/filters
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from shopkeeper.engine.conditions import Compares, Condition, Either, Every, Exists, Holds, Is, Not, Within
from shopkeeper.engine.filters import MAX_DEPTH
from shopkeeper.errors import RequestError

TAGS = "_tags"
NOTHING = Is("id", ("",))  # no item has this id

FieldOf = Callable[[str], str | None]  # the field that holds an attribute; None: no item has it

_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_ATTRIBUTE = re.compile(rf"""{_QUOTED}|[^\s:<>=!()"']+""", re.DOTALL)
_VALUE = re.compile(rf"{_QUOTED}|[^\s()]+", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SIGN = re.compile(r"<=|>=|!=|[<>=:]")
_SCORE = re.compile(r"<score=\d+>$")  # how much an optional filter counts
_KEYWORDS = ("AND", "OR", "NOT")


def read_filters(text: str, field_of: FieldOf) -> Condition | None:
    """The parameter `filters`; None where it says nothing. Raises RequestError with the place of the first mistake."""
    return _Parser(text, "filters", field_of).everything() if text.strip() else None


def read_facet_filters(said: Any, field_of: FieldOf) -> Condition | None:
    """["brand:Acme", ["colour:red", "colour:-blue"]]: all of the outer list, any of an inner. Raises RequestError."""
    return _nested(said, "facetFilters", lambda text: _facet_filter(text, field_of))


def read_numeric_filters(said: Any, field_of: FieldOf) -> Condition | None:
    """["price>=10", ["stock>0", "year:2020 TO 2024"]]. Raises RequestError."""
    return _nested(said, "numericFilters", lambda text: _Parser(text, "numericFilters", field_of).one_test())


def read_tag_filters(said: Any, field_of: FieldOf) -> Condition | None:
    """["sale", ["new", "-used"]]. Raises RequestError."""
    return _nested(said, "tagFilters", lambda text: _facet_filter(f"{TAGS}:{text}", field_of))


def print_filters(condition: Condition) -> str:
    """A condition as `read_filters` reads it, by the names of fields."""
    if isinstance(condition, Is):
        return " OR ".join(f"{_quote(condition.name)}:{_quote(value)}" for value in condition.values)
    if isinstance(condition, Compares):
        return f"{_quote(condition.name)} {condition.sign} {condition.value}"
    if isinstance(condition, Exists | Holds | Within):
        raise RequestError(f"{condition} cannot be said in Algolia's filters", where="filters")
    if isinstance(condition, Not):
        if isinstance(condition.part, Every | Either | Not) or (
            isinstance(condition.part, Is) and condition.part.values[1:]
        ):
            raise RequestError(f"{condition} cannot be said in Algolia's filters", where="filters")
        return f"NOT {print_filters(condition.part)}"
    if isinstance(condition, Every) and _is_range(condition):
        low, high = (part for part in condition.parts if isinstance(part, Compares))
        return f"{_quote(low.name)}:{low.value} TO {high.value}"
    parts = [(each, print_filters(each)) for each in condition.parts]
    joint = " AND " if isinstance(condition, Every) else " OR "
    return joint.join(f"({text})" if isinstance(each, Either) else text for each, text in parts)


def _nested(said: Any, where: str, read: Callable[[str], Condition]) -> Condition | None:
    if not said:
        return None
    inner = [_list(part, where) for part in _list(said, where)]
    parts = [_either([read(_text(each, where)) for each in part]) for part in inner if part]
    return None if not parts else parts[0] if len(parts) == 1 else Every(tuple(parts))


def _list(said: Any, where: str) -> list[Any]:
    if not isinstance(said, str | list):
        raise RequestError(
            f"{said!r} is no filter", where=where, expected='texts such as "brand:Acme", or lists of them'
        )
    return [said] if isinstance(said, str) else said


def _text(said: Any, where: str) -> str:
    if not isinstance(said, str):
        raise RequestError(f"{said!r} is no filter", where=where, expected='a text such as "brand:Acme"')
    return said


def _either(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Either(tuple(parts))


def _facet_filter(text: str, field_of: FieldOf) -> Condition:
    """Behind the colon all is value, but for a minus that denies it and a backslash that takes a minus as it is."""
    attribute, colon, value = text.partition(":")
    if not colon:
        raise RequestError(f"{text!r} names no value", where="facetFilters", expected='a text such as "brand:Acme"')
    value = _SCORE.sub("", value)
    denied = value.startswith("-") and not _NUMBER.fullmatch(value)
    value = value[1:] if value.startswith("\\-") or denied else value
    test = _is(attribute, value, field_of)
    return Not(test) if denied else test


def _is(attribute: str, value: str, field_of: FieldOf) -> Condition:
    field = field_of(attribute)
    return NOTHING if field is None else Is(field, (value,))


class _Parser:
    """Recursive descent over the text, one method for each rule of the grammar above."""

    def __init__(self, text: str, where: str, field_of: FieldOf) -> None:
        self.text, self.where, self.field_of = text, where, field_of
        self.at = self.depth = 0

    def everything(self) -> Condition:
        condition = self._all()
        if self._rest():
            self._fail("AND, OR or the end")
        return condition

    def one_test(self) -> Condition:
        test = self._test()
        if self._rest():
            self._fail("the end")
        return test

    def _all(self) -> Condition:
        parts = [self._any()]
        while self._keyword("AND"):
            parts.append(self._any())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _any(self) -> Condition:
        parts = [self._part()]
        while self._keyword("OR"):
            parts.append(self._part())
        if len(parts) > 1 and any(isinstance(part, Every) and not _is_range(part) for part in parts):
            self._fail("no AND within an OR", "Write it as an AND of ORs.")
        return _either(parts)

    def _part(self) -> Condition:
        if self._take("("):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                self._fail(f"at most {MAX_DEPTH} brackets within each other")
            inside = self._all()
            self.depth -= 1
            if not self._take(")"):
                self._fail(")")
            return inside
        if self._keyword("NOT"):
            if self._rest().startswith("("):
                self._fail("a single test after NOT", "Write NOT before each test, and AND for OR.")
            return Not(self._test())
        return self._test()

    def _test(self) -> Condition:
        attribute = self._match(_ATTRIBUTE, "an attribute")
        if attribute in _KEYWORDS:
            self._fail(f"an attribute, not {attribute}", "Put quotes around a name or value that is a keyword.")
        sign = self._sign()
        if sign is None:
            return _is(TAGS, _unquoted(attribute), self.field_of)
        name = _unquoted(attribute)
        if sign != ":":
            return self._compares(name, sign, self._match(_NUMBER, "a number"))
        value = self._match(_VALUE, "a value")
        if _NUMBER.fullmatch(value) and self._keyword("TO"):
            high = self._match(_NUMBER, "a number")
            return Every((self._compares(name, ">=", value), self._compares(name, "<=", high)))
        return _is(name, _unquoted(_SCORE.sub("", value)), self.field_of)

    def _compares(self, attribute: str, sign: str, number: str) -> Condition:
        field = self.field_of(attribute)
        if field is None:
            return NOTHING
        if sign in ("=", "!="):
            return Is(field, (number,)) if sign == "=" else Not(Is(field, (number,)))
        return Compares(field, sign, number)

    def _sign(self) -> str | None:
        self._skip()
        found = _SIGN.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def _match(self, pattern: re.Pattern[str], expected: str) -> str:
        self._skip()
        found = pattern.match(self.text, self.at)
        if found is None:
            self._fail(expected)
        self.at = found.end()
        return found[0]

    def _keyword(self, word: str) -> bool:
        self._skip()
        found = re.compile(rf"{word}(?![^\s()])").match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found is not None

    def _take(self, sign: str) -> bool:
        taken = self._rest().startswith(sign)
        self.at += taken
        return taken

    def _rest(self) -> str:
        self._skip()
        return self.text[self.at :]

    def _skip(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _fail(self, expected: str, remedy: str | None = None) -> NoReturn:
        around = f"{self.text[max(0, self.at - 20) : self.at]}▸{self.text[self.at : self.at + 20]}"
        raise RequestError(f"it cannot be read at {around}", where=self.where, expected=expected, remedy=remedy)


def _is_range(part: Every) -> bool:
    """`price:10 TO 20` is one test, though we write it as two."""
    return [each.sign for each in part.parts if isinstance(each, Compares)] == [">=", "<="] and len(part.parts) == 2


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if quoted else text
