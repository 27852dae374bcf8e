"""CSV and its relatives. Every column is read as text, so that "007" survives; types are the mapper's business."""

from __future__ import annotations

import codecs
import csv
import io
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.readers.base import MEND, SMALL_BYTES, Scanned, file_fingerprint, slug, take_spread, told
from shopkeeper.data.readers.quotes import Quoting
from shopkeeper.data.readers.rejected import write_rejected
from shopkeeper.data.readers.text import (
    LONG_HEAD_BYTES,
    WIDE,
    as_utf8,
    encoding_of,
    excerpt,
    head,
    opened,
    text_of,
    transcode,
)
from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import DataError

DELIMITERS = (",", "\t", ";", "|", "\x01", "^", "~", "::")
LONGEST_LINE = 16 << 20
# How a file begins that is called a table and is none, and what it is: what a failed download leaves, for one.
NO_TABLE = {b"<!doctype": "a web page", b"<html": "a web page", b"<?xml": "XML", b"%pdf-": "a PDF", b'{"': "JSON"}
NUMBER_OR_DATE = re.compile(r"[-+]?[\d.,]+([eE][-+]?\d+)?%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written. `ragged`: some rows lack their last fields, which then read as null."""

    encoding: str
    delimiter: str
    quote: str
    escape: str
    header: bool
    columns: tuple[str, ...]
    ragged: bool = False


def sniff(raw: bytes, where: str) -> Dialect:
    """The dialect of a file by its first bytes.

    Raises DataError when they are no text.
    """
    encoding = encoding_of(raw, where)
    if kind := next((kind for mark, kind in NO_TABLE.items() if raw.lstrip().lower().startswith(mark)), None):
        remedy = "Let its name end in .jsonl." if kind == "JSON" else MEND
        raise DataError(f"this is {kind}, no table", where=where, expected="a header and rows", remedy=remedy)
    text = text_of(raw, encoding).lstrip("\ufeff")
    quote = "'" if _quotes(text, "'") > 2 * _quotes(text, '"') else '"'
    escaped = len(re.findall(rf"\\{quote}(?=[^,;\t|\r\n{quote}])", text))  # not a field that ends in a backslash
    escape = "\\" if escaped > text.count(quote * 2) else quote
    parsed = {delimiter: _rows(text, delimiter, quote, escape) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda candidate: _agreement(parsed[candidate]))
    rows = parsed[delimiter]
    if len(delimiter) > 1:  # which is never quoted
        quote = escape = ""
    elif rows and any("\n" in cell for cell in rows[0]):
        rows = _unswallowed(rows, text, delimiter, quote, escape)
    if not rows:
        raise DataError("the file holds no row", where=where, expected="a header and rows", remedy=MEND)
    header, names = header_of(rows)
    least = min(2, len(names) - 1)  # fields: a lone one says nothing of the others, and is more likely no row at all
    ragged = any(least <= len(row) < len(names) for row in rows[1:])
    return Dialect(encoding, delimiter, quote, escape, header, names, ragged)


def header_of(rows: list[list[str]]) -> tuple[bool, tuple[str, ...]]:
    """Whether the first row holds names, and the names of the columns ("col0", "col1"… where there are none)."""
    if _has_header(rows):
        return True, _distinct(rows[0])
    return False, _distinct([""] * max(map(len, rows)))


def _quotes(text: str, quote: str) -> int:
    """How many fields begin with this quote."""
    return len(re.findall(rf"(?:^|[,;\t|]){quote}", text, re.MULTILINE))


def _rows(text: str, delimiter: str, quote: str, escape: str) -> list[list[str]]:
    """The rows of a text that may stop anywhere. A delimiter of two characters is never quoted."""
    if len(delimiter) > 1:
        return [line.split(delimiter) for line in text.splitlines() if line]
    doubled = escape == quote
    reader = csv.reader(
        io.StringIO(text),
        delimiter=delimiter,
        quotechar=quote,
        doublequote=doubled,
        escapechar=None if doubled else escape,
    )
    try:
        rows = [row for row in reader if row]
    except csv.Error:
        return []
    return rows if len(rows) < 3 or text.endswith(("\n", "\r")) else rows[:-1]


def _unswallowed(rows: list[list[str]], text: str, delimiter: str, quote: str, escape: str) -> list[list[str]]:
    """The rows, or, where a quote of the first line takes in lines that are rows by themselves, the first line cut at
    its delimiters, and these."""
    first, _, rest = text.lstrip("\r\n").partition("\n")
    names, below = first.rstrip("\r").replace(quote, "").split(delimiter), _rows(rest, delimiter, quote, escape)
    share, fields = _agreement(below)
    return [names, *below] if len(names) == fields > 1 and share > 0.5 else rows


def _agreement(rows: list[list[str]]) -> tuple[float, int]:
    """How well a delimiter explains the rows: the share that has the usual number of fields, then that number."""
    if not rows:
        return 0.0, 0
    fields, count = Counter(map(len, rows)).most_common(1)[0]
    if fields == 1:
        return 0.05, 1
    return round(count / len(rows), 1), fields


def _has_header(rows: list[list[str]]) -> bool:
    """Names look unlike values: no numbers or dates among them, and none comes again in its own column."""
    first, body = [cell.strip() for cell in rows[0]], rows[1:]
    named = first[1:] if first and not first[0] else first  # an index column has no name
    if not named or any(not cell or NUMBER_OR_DATE.fullmatch(cell) for cell in named):
        return False
    again = sum(any(len(row) > at and row[at].strip() == cell for row in body) for at, cell in enumerate(first) if cell)
    return again <= len(first) // 4


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Stripped names, "col0" for a missing one, "_2" for the second of a kind (SQL tells no case apart)."""
    used: set[str] = set()
    result = []
    for at, name in enumerate(names):
        base = unique = name.replace("\0", "").strip() or f"col{at}"  # SQL ends a name at a NUL
        count = 1
        while unique.lower() in used:
            count += 1
            unique = f"{base}_{count}"
        used.add(unique.lower())
        result.append(unique)
    return tuple(result)


def _first_line(path: Path) -> str:
    with opened(path) as file:
        line = next((line for line in file if line.strip(b"\r\n")), b"")
    return line.removeprefix(codecs.BOM_UTF8).decode(errors="replace")


class Delimited(Scanned):
    """A CSV or TSV file, plain or gzipped."""

    format = "csv"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.location = path, name, str(path)

    @cached_property
    def dialect(self) -> Dialect:
        return sniff(head(self.path, self.location), self.location)

    def fingerprint(self) -> str:
        return file_fingerprint(self.path)

    def modified(self) -> float:
        return self.path.stat().st_mtime

    def scan(self, staging: Path) -> str:
        path = as_utf8(self.path, self.dialect.encoding, staging / f"{slug(self.name)}.csv")
        return self._expression(self._mended(path, staging / f"{slug(self.name)}.mended.csv"))

    def sample(self, n: int = 2000) -> pa.Table:
        with Scratch() as folder, connect() as connection, told(self.location):
            plain = self.path.suffix.lower() != ".gz" and not self.dialect.encoding.startswith(WIDE)
            if self.path.stat().st_size <= (SMALL_BYTES if plain else SMALL_BYTES // 4):
                table = connection.sql(f"FROM {self.scan(folder)}").to_arrow_table()
                return take_spread(table, n)
            cut, text = folder / "cut", folder / "text"
            if plain:
                lines = head(self.path, self.location).splitlines()
                excerpt(self.path, cut, round(statistics.mean(map(len, lines))), n)
            else:
                cut.write_bytes(head(self.path, self.location, LONG_HEAD_BYTES))
            transcode(cut, self.dialect.encoding, text)
            expression = self._expression(self._mended(text, folder / "mended"))
            return take_spread(connection.sql(f"FROM {expression}").to_arrow_table(), n)

    def _mended(self, path: Path, target: Path) -> Path:
        """The file, or a copy of it without the lines whose quote is stray, and without a header that breaks the rules,
        behind which DuckDB reads nothing."""
        dialect = self.dialect
        if not dialect.quote:
            return path
        quoting = Quoting(dialect.delimiter, dialect.quote, dialect.escape, len(dialect.columns))
        broken = dialect.header and not quoting.follows_rules(_first_line(path))
        if not broken and not (len(dialect.columns) > 1 and quoting.doubts(path)):
            return path
        target.parent.mkdir(parents=True, exist_ok=True)
        rejected = quoting.mend(path, target, header=dialect.header)
        if not rejected and not broken:
            target.unlink()
            return path
        write_rejected(rejected, target)
        return target

    def _expression(self, path: Path) -> str:
        """Rows that do not fit are left out and told in DuckDB's table `reject_errors`."""
        dialect = self.dialect
        columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in dialect.columns)
        ragged = ", null_padding = true, parallel = false" if dialect.ragged else ""
        return (
            f"read_csv({literal(path)}, delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, "
            f"escape = {literal(dialect.escape)}, header = {str(dialect.header).lower()}, auto_detect = false, "
            f"columns = {{{columns}}}, max_line_size = {LONGEST_LINE}, hive_partitioning = false, "
            f"store_rejects = true{ragged})"
        )
