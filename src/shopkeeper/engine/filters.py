"""The filter language: `price < 50 and brand in ["Nike", "Puma"] and not colour = red`.

    either = both, { "or", both }
    both   = part, { "and", part }
    part   = "not", part | "(", either, ")" | test
    test   = field, ( "=" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "begins" ), value
           | field, "in", "[", values, "]" | field, "exists"
           | "within", "(", location, ",", latitude, ",", longitude, ",", length, ")"

Fields and values are words, quoted where they hold spaces or signs; case and width of letters make no difference.
An item of which a field is not known passes neither `price < 50` nor `price >= 50`, so it passes `not price < 50`;
`brand != Nike` is `not brand = Nike`. An item with several values has each of them. `launched` compares with dates.
`within(location, 48.85, 2.35, 10 km)` measures along the earth, in m, km or mi.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

import numpy as np

from shopkeeper.engine.conditions import (
    COMPARISONS,
    HOLDING,
    KEYWORDS,
    WORD,
    Compares,
    Condition,
    Either,
    Every,
    Exists,
    Holds,
    Is,
    Not,
    Within,
    place,
)
from shopkeeper.engine.geography import kilometres, place_of
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import fold_text
from shopkeeper.vocabulary import Mask

MAX_CHARACTERS, MAX_DEPTH = 20_000, 50
CACHE_BYTES = 64 * 2**20

TOKEN = re.compile(
    rf"""(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|“[^”]*”)|(?P<sign><=|>=|!=|[=<>()\[\],])|(?P<word>{WORD})""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Filter:
    """A filter that was read: `str` prints it again."""

    condition: Condition

    def __str__(self) -> str:
        return str(self.condition)

    def mask(self, catalogue: Catalogue) -> Mask:
        """The items that pass: bool [n].

        Raises RequestError when the catalogue has no such field, or a value cannot be compared with it.
        """
        return self.condition.mask(catalogue)

    def why_not(self, catalogue: Catalogue, row: int) -> str | None:
        """The part that keeps an item out, and what the item says: "price < 50, its price is 79"; None: it passes."""
        if self.condition.mask(catalogue)[row]:
            return None
        parts = self.condition.parts if isinstance(self.condition, Every) else (self.condition,)
        failed = next(part for part in parts if not part.mask(catalogue)[row])
        tested = failed.part if isinstance(failed, Not) else failed
        if isinstance(tested, (Every, Either, Not, Within)):
            return str(failed)
        return f"{failed}, {_what_it_says(catalogue, tested.name, row)}"


def compile_filter(text: str) -> Filter:
    """Read a filter; an empty text lets everything through.

    Raises RequestError with the place of the first mistake, what was expected there and what to do.
    """
    if len(text) > MAX_CHARACTERS:
        raise RequestError(
            f"a filter of {len(text):,} characters is too long", where="filter", expected=f"at most {MAX_CHARACTERS:,}"
        )
    return Filter(_Parser(text).everything())


def narrowed(text: str, by: str) -> str:
    """The filter that lets through what both do. Each is read by itself first, so that no bracket or "or" of the one
    reaches into the other. Raises RequestError as `compile_filter` does."""
    if not by.strip():
        return text
    compile_filter(by)
    if not text.strip():
        return by
    compile_filter(text)
    return f"({by} ) and ({text} )"


class Masks:
    """The masks of one catalogue's filters by their texts; those used last are kept, within CACHE_BYTES."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: OrderedDict[str, Mask] = OrderedDict()
        self.hits = self.misses = 0
        self._capacity = max(1, CACHE_BYTES // max(1, len(catalogue)))

    def mask(self, text: str) -> Mask:
        """bool [n], read-only. Raises RequestError."""
        return self._mask(text, lambda: compile_filter(text).condition)

    def of(self, condition: Condition) -> Mask:
        """The mask of a condition that was built and not read; as `mask`."""
        return self._mask(str(condition), lambda: condition)

    def _mask(self, text: str, read: Callable[[], Condition]) -> Mask:
        mask = self._kept.pop(text, None)
        if mask is not None:
            self.hits += 1
        else:
            self.misses += 1
            mask = read().mask(self._catalogue)
            mask.flags.writeable = False
        self._kept[text] = mask
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return mask


class _Token(NamedTuple):
    kind: str  # "text" (a word or a quoted one), "keyword", "sign" or "end"
    text: str
    at: int


class _Parser:
    """Recursive descent over the tokens, one method for each rule of the grammar above."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.next = 0

    def everything(self) -> Condition:
        if self._peek().kind == "end":
            return Every(())
        condition = self._either(0)
        if self._peek().kind == "text":
            self._fail('"and", "or" or the end', "Put quotes around a value of several words.")
        if self._peek().kind != "end":
            self._fail('"and", "or" or the end')
        return condition

    def _either(self, depth: int) -> Condition:
        parts = [self._both(depth)]
        while self._take("or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self, depth: int) -> Condition:
        parts = [self._part(depth)]
        while self._take("and"):
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _part(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            self._fail(f"at most {MAX_DEPTH} brackets or nots within each other")
        if self._take("not"):
            return Not(self._part(depth + 1))
        if self._take("("):
            inner = self._either(depth + 1)
            self._need(")")
            return inner
        return self._test()

    def _test(self) -> Condition:
        at = self._peek().at
        name = self._text("a field")
        if name.casefold() == "within" and self._take("("):
            return self._within(at)
        if self._take("exists"):
            return Exists(name, at)
        if self._take("in"):
            return Is(name, self._list(), at)
        if (how := self._peek()).kind == "text" and how.text.casefold() in HOLDING:
            self.next += 1
            return Holds(name, how.text.casefold(), self._text("a value"), at)
        sign = self._peek()
        if sign.kind != "sign" or sign.text not in ("!=", *COMPARISONS):
            self._fail('"=", "!=", "<", "<=", ">", ">=", "in", "exists", "contains" or "begins"')
        self.next += 1
        value = self._text("a value")
        if sign.text == "=":
            return Is(name, (value,), at)
        return Not(Is(name, (value,), at)) if sign.text == "!=" else Compares(name, sign.text, value, at)

    def _within(self, at: int) -> Within:
        name = self._text("a location")
        self._need(",")
        beginning, latitude = self._peek().at, self._text("a latitude")
        self._need(",")
        centre = place_of(latitude, self._text("a longitude"))
        if centre is None:
            self._fail_at(beginning, "this is no place on earth", "a latitude and a longitude, such as 48.85, 2.35")
        self._need(",")
        beginning, far = self._peek().at, self._text("a length")
        if self._peek().kind == "text":
            far = f"{far} {self._text('a unit')}"
        if kilometres(far) is None:
            self._fail_at(beginning, f"there is {far!r}", "a length such as 10 km, 500 m or 5 mi")
        self._need(")")
        return Within(name, centre, far, at)

    def _list(self) -> tuple[str, ...]:
        self._need("[")
        values = [self._text("a value")]
        while self._take(","):
            values.append(self._text("a value"))
        self._need("]")
        return tuple(values)

    def _text(self, expected: str) -> str:
        token = self._peek()
        if token.kind != "text":
            self._fail(expected)
        self.next += 1
        return token.text

    def _take(self, text: str) -> bool:
        token = self._peek()
        taken = token.kind in ("sign", "keyword") and token.text == text
        self.next += taken
        return taken

    def _need(self, text: str) -> None:
        if not self._take(text):
            self._fail(f'"{text}"')

    def _peek(self) -> _Token:
        return self.tokens[self.next]

    def _fail(self, expected: str, remedy: str | None = None) -> NoReturn:
        token = self._peek()
        self._fail_at(token.at, "it ends" if token.kind == "end" else f"there is {token.text!r}", expected, remedy)

    def _fail_at(self, at: int, what: str, expected: str, remedy: str | None = None) -> NoReturn:
        around = f"{self.text[max(0, at - 20) : at]}▸{self.text[at : at + 20]}"
        raise RequestError(f"{what} at {around}", where=place(at), expected=expected, remedy=remedy)

    def _tokens(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self.text):
            if self.text[at].isspace():
                at += 1
                continue
            match = TOKEN.match(self.text, at)
            if match is None:
                remedy = "Put quotes around a name or value that holds signs or quotes."
                self._fail_at(at, f"there is a lone {self.text[at]}", "a closing quote, or a sign such as !=", remedy)
            tokens.append(_token(match))
            at = match.end()
        return [*tokens, _Token("end", "", len(self.text))]


def _token(match: re.Match[str]) -> _Token:
    if match["quoted"]:
        inside = match["quoted"][1:-1]
        text = inside if match["quoted"][0] == "“" else re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL)
        return _Token("text", text, match.start())
    if match["word"] and match["word"].casefold() in KEYWORDS:
        return _Token("keyword", match["word"].casefold(), match.start())
    return _Token("sign" if match["sign"] else "text", match[0], match.start())


def _what_it_says(catalogue: Catalogue, name: str, row: int) -> str:
    """What an item says of a field: "its price is 79"."""
    key = fold_text(name)
    if key == "id":
        return f"its id is {catalogue.ids.id(row)}"
    if name in catalogue.labels:
        labels = catalogue.labels[name]
        texts = [labels.values[code] for code in labels.of(np.array([row], np.int32)).codes]
    else:
        number = float(catalogue.numbers.of(name, np.array([row], np.int32))[0])
        texts = [] if np.isnan(number) else [day(number) if key == "launched" else f"{number:.7g}"]
    return f"its {name} is {', '.join(texts)}" if texts else f"its {name} is not known"


def day(seconds: float) -> str:
    """The day (UTC) of a moment, as people write it."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
