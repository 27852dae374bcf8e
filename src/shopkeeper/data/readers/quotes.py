"""A quote that opens and never closes: the one line that holds it is bad, not the rows that it would swallow. A header
that breaks the rules of quoting is no reason to lose what follows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from shopkeeper.data.readers.rejected import Rejected
from shopkeeper.data.readers.text import BLOCK_BYTES, opened

LOOK_AHEAD = 1000  # lines: so much of a field is read before it is judged
ENOUGH = 3  # rows in the lines of a field, so that one which closes as it should is not believed
csv.field_size_limit(16 << 20)  # as much as DuckDB takes of a line
BROKEN = "a quote is opened that is not closed"


@dataclass(frozen=True)
class Quoting:
    """How fields are parted and quoted, and how many a row has."""

    delimiter: str
    quote: str
    escape: str
    fields: int

    def doubts(self, path: Path) -> bool:
        """Whether some line may open a quote that it does not close: one with an odd number of them, as the first line
        of a field of several lines has, or with a quote that seems to open where no field begins."""
        left, mark = b"", ord(self.quote)
        before = [ord("\n"), ord("\r"), ord(self.delimiter[-1]), mark, ord(self.escape)]  # what may stand before one
        with opened(path) as file:
            while block := left + (read := file.read(BLOCK_BYTES)):
                end = block.rfind(b"\n") + 1 if read else len(block)
                left, block = block[end:], block[:end].removeprefix(codecs.BOM_UTF8)
                if self.quote.encode() in block:
                    letters = np.frombuffer(block, np.uint8)
                    quotes = np.flatnonzero(letters == mark)
                    lines = np.searchsorted(np.flatnonzero(letters == ord("\n")), quotes)
                    opening = quotes[(np.arange(len(quotes)) - np.searchsorted(lines, lines)) % 2 == 0]
                    opening = opening[opening > 0]
                    if (np.bincount(lines) % 2).any() or not np.isin(letters[opening - 1], before).all():
                        return True
        return False

    def follows_rules(self, line: str) -> bool:
        """Whether the quotes of a whole row stand where fields begin and end, and nowhere else."""
        quote, delimiter, escape = map(re.escape, (self.quote, self.delimiter, self.escape))
        inside = rf"[^{quote}{escape}]|{escape}[{quote}{escape}]"
        field = rf"(?:{quote}(?:{inside})*{quote}|[^{quote}{delimiter}]*)"
        return bool(re.fullmatch(rf"{field}(?:{delimiter}{field})*", line.rstrip("\r\n")))

    def mend(self, path: Path, target: Path, *, header: bool) -> list[Rejected]:
        """Copy a UTF-8 file, with an empty line in the place of each line whose quote is stray; those lines. Of a
        header, which others may stumble over, nothing but the delimiters is copied."""
        rejected: list[Rejected] = []
        with (
            opened(path) as source,
            io.TextIOWrapper(source, encoding="utf-8", errors="replace", newline="") as text,
            target.open("w", encoding="utf-8", newline="") as out,
        ):
            lines = _Ahead(text)
            if header:
                out.writelines(self._delimiters(lines))
            for line in lines:
                if not self._is_open(line):
                    out.write(line)
                    continue
                number = lines.number
                further, closed = self._rest(lines)
                lone = self._is_stray(line, further, closed=closed)
                if lone or (not closed and len(further) < LOOK_AHEAD):  # the file ends within the quote
                    bad = [line] if lone else [line, *further]
                    rejected.append(Rejected(number, "".join(bad).rstrip("\r\n"), BROKEN))
                    out.writelines(_ending(one) for one in bad)
                    lines.push_back(further[len(bad) - 1 :])
                    continue
                out.write(line)
                out.writelines(further)
                while not closed and (line := next(lines, "")):
                    out.write(line)
                    closed = not self._is_open(self.quote + line)
        return rejected

    def _delimiters(self, lines: _Ahead) -> Iterator[str]:
        """In the place of the first row: as many lines, of which the first has its delimiters."""
        line = next(lines)
        while not line.strip("\r\n"):
            yield line
            line = next(lines)
        yield self.delimiter.join("x" * self.fields) + _ending(line)
        if not self._is_open(line):
            return
        further, closed = self._rest(lines)
        if not closed or self._is_stray(line, further, closed=closed):
            lines.push_back(further)
        else:
            yield from map(_ending, further)

    def _rest(self, lines: Iterator[str]) -> tuple[list[str], bool]:
        """The lines up to that in which the open quote is closed, and whether it was."""
        further: list[str] = []
        for line in islice(lines, LOOK_AHEAD):
            further.append(line)
            if not self._is_open(self.quote + line):
                return further, True
        return further, False

    def _is_stray(self, first: str, further: Sequence[str], *, closed: bool) -> bool:
        """Whether the lines that a quote takes in are rows by themselves. A field that closes as it should is believed
        unless the first and the last line are rows, too, but for the one quote."""
        sound = closed and len(self._parsed([first, *further])) == self.fields
        if not sound:
            rows = sum(self._is_row(line) or line.count(self.delimiter) + 1 == self.fields for line in further)
            return self.fields > 1 and 2 * rows >= len(further) > 0
        inner = further[:-1]
        rows = sum(map(self._is_row, inner))
        return rows >= max(ENOUGH, len(inner) / 2) and all(map(self._is_row_but_for_a_quote, (first, further[-1])))

    def _is_row(self, line: str) -> bool:
        return len(self._parsed([line])) == self.fields

    def _is_row_but_for_a_quote(self, line: str) -> bool:
        quotes = [at for at, letter in enumerate(line) if letter == self.quote]
        return any(self._is_row(line[:at] + line[at + 1 :]) for at in quotes)

    def _is_open(self, text: str) -> bool:
        """Whether a text, read from the start of a field, ends inside a quote."""
        return self.quote in text and len(list(self._reader([text, ""]))) == 1

    def _parsed(self, lines: Sequence[str]) -> list[str]:
        """The fields of one row; none when it breaks the rules of quoting."""
        try:
            return next(self._reader(lines, strict=True), [])
        except csv.Error:
            return []

    def _reader(self, lines: Sequence[str], *, strict: bool = False) -> Iterator[list[str]]:
        doubled = self.escape == self.quote
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            doublequote=doubled,
            escapechar=None if doubled else self.escape,
            strict=strict,
        )


class _Ahead:
    """Lines that may be given back; `number` is that of the last one taken, from 1."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._back, self.number = lines, list[str](), 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else next(self._lines)
        self.number += 1
        return line

    def push_back(self, lines: Sequence[str]) -> None:
        self._back.extend(reversed(lines))
        self.number -= len(lines)


def _ending(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]
