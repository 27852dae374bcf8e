"""Text files: their encoding, their lines, and a small excerpt of a large one."""

from __future__ import annotations

import codecs
import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from shopkeeper.data.readers.base import MEND, RUNS, told
from shopkeeper.errors import DataError

HEAD_BYTES = 256 << 10
LONG_HEAD_BYTES = 16 << 20  # to sample from, where a file cannot be read from its middle
BLOCK_BYTES = 4 << 20
NULS = 0.01  # so few NUL bytes are damage to a text; more are no text, or UTF-16
# The mark of UTF-32 begins as that of UTF-16 does.
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
BOMS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
WIDE = ("utf-16", "utf-32")  # in which a line end is no single byte
CONTROL = bytes(set(range(32)) - set(b"\0\t\n\r\f\x1b\x01\x1c\x1d\x1e\x1f"))
EXPECTED = "CSV, TSV or JSON lines"
Source = BinaryIO | gzip.GzipFile


def opened(path: Path) -> Source:
    """The file's bytes, decompressed when its name ends in .gz."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def head(path: Path, where: str, size: int = HEAD_BYTES) -> bytes:
    """The first bytes, cut after a whole line where there is one.

    Raises DataError, which says `where`, for an empty file or a damaged archive.
    """
    with told(where), opened(path) as file:
        raw = file.read(size)
    if not raw.strip():
        raise DataError("the file is empty", where=where, expected="a header and rows", remedy=MEND)
    if len(raw) == size and not raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\n" in raw:
        raw = raw[: raw.rindex(b"\n") + 1]
    return raw


def encoding_of(raw: bytes, where: str) -> str:
    """The Python codec of a text by its first bytes: utf-8, utf-8-sig, utf-16, utf-16-le/be, utf-32, gb18030, cp1252,
    latin-1; of a text in several encodings, that of the lines which are not UTF-8.

    Raises DataError for bytes that are no text.
    """
    for bom, codec in BOMS.items():
        if raw.startswith(bom):
            return codec
    if raw.count(0) > NULS * len(raw) + 1:
        return _utf16_order(raw, where)
    if len(raw.translate(None, CONTROL)) < 0.98 * len(raw):
        raise DataError("these bytes are no text", where=where, expected=EXPECTED, remedy=MEND)
    bad = [line for line in raw.splitlines(keepends=True) if _utf8(line) is None]
    return _legacy(b"".join(bad)) if bad else "utf-8"


def text_of(raw: bytes, encoding: str) -> str:
    """The first bytes of a file as `transcode` writes them."""
    return "".join(_decoded(io.BytesIO(raw), encoding))


def _utf16_order(raw: bytes, where: str) -> str:
    """UTF-16 without its mark: in text with ASCII delimiters, every other byte is often zero, and two bytes that both
    look like ASCII are rare (in Chinese, a quarter)."""
    even, odd = raw[0::2].count(0), raw[1::2].count(0)
    order = "utf-16-le" if odd > even else "utf-16-be"
    parted = set(raw.decode(order, "ignore")) & set("\r\n,;\t|")  # as every table is
    single = 3 * len(re.findall(rb"(?=[ -~]{2})", raw)) > len(raw)
    if max(even, odd) < 0.2 * len(raw) / 2 or min(even, odd) > 0.02 * len(raw) / 2 or single or not parted:
        raise DataError("these bytes are no text", where=where, expected=EXPECTED, remedy=MEND)
    return order


def _legacy(raw: bytes) -> str:
    """Chinese stands in pairs of high bytes; accents of Western Europe stand alone between letters.

    A text with a few damaged bytes stays UTF-8.
    """
    text = raw.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    if sum(not character.isascii() for character in text) - damaged > 4 * damaged:
        return "utf-8"
    runs = [len(run) for run in re.findall(rb"[\x81-\xfe]+", raw)]
    paired = sum(length for length in runs if length % 2 == 0)
    if paired > 0.7 * sum(runs):
        return "gb18030"
    return "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", raw) else "cp1252"


def as_utf8(path: Path, encoding: str, target: Path) -> Path:
    """The file itself when all of it is UTF-8 with line ends of one kind, else its transcription at `target`.

    A head of plain ASCII proves nothing of what follows, so the whole file is read, in blocks.
    """
    if encoding == "utf-8" and _is_plain(path):
        return path
    target.parent.mkdir(parents=True, exist_ok=True)
    transcode(path, encoding, target)
    return target


def _is_plain(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    unix = windows = lone = 0
    with opened(path) as file:
        last = b""
        while block := file.read(BLOCK_BYTES):
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return False
            pairs = block.count(b"\r\n") + (last == b"\r" and block.startswith(b"\n"))
            windows += pairs
            unix += block.count(b"\n") - pairs
            lone += block.count(b"\r") - pairs
            last = block[-1:]
    return not decoder.getstate()[0] and not lone and not (unix and windows)


def transcode(path: Path, encoding: str, target: Path) -> None:
    """Write the file as UTF-8 whose lines end in "\n".

    Each line that is UTF-8 is read as that, whatever the others are: an export may be pasted together from several.
    Bytes that no encoding explains become U+FFFD, and a return that ends no line a blank.
    """
    with opened(path) as source, target.open("wb") as out:
        out.writelines(text.encode() for text in _decoded(source, encoding))


def _decoded(source: Source, encoding: str) -> Iterator[str]:
    return _wide(source, encoding) if encoding.startswith(WIDE) else _by_line(source, encoding)


def _wide(source: Source, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    left = ""
    while block := source.read(BLOCK_BYTES):
        text = left + decoder.decode(block)
        left = "\r" if text.endswith("\r") else ""
        yield _with_one_end(text.removesuffix("\r"))
    yield _with_one_end(left + decoder.decode(b"", final=True))


def _by_line(source: Source, encoding: str) -> Iterator[str]:
    block = [source.readline().removeprefix(codecs.BOM_UTF8)]
    returns_end_lines = block[0].count(b"\r") > 2  # as on old Macintoshes, where a file is one line to us
    while block:
        texts = [_utf8(line, encoding) for line in block]
        bad = b"".join(line for line, text in zip(block, texts, strict=True) if text is None)
        legacy = _legacy(bad) if encoding.startswith("utf-8") else encoding
        for line, text in zip(block, texts, strict=True):
            said = line.decode(legacy, "replace") if text is None else text
            yield said.replace("\r", "\n") if returns_end_lines else _with_one_end(said)
        block = source.readlines(BLOCK_BYTES)


def _utf8(line: bytes, otherwise: str = "") -> str | None:
    """The line, if it is UTF-8; two bytes may be a letter of GB18030 as well, but Chinese in UTF-8 takes three."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    either = otherwise == "gb18030" and not line.isascii() and max(text) < "\u0800"
    return None if either else text


def _with_one_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", " ") if "\r" in text else text


def excerpt(path: Path, target: Path, line_bytes: int, lines: int) -> None:
    """Copy the head and evenly spread windows of whole lines of an uncompressed file: a small file to sample from."""
    window = max(4096, 2 * line_bytes * lines // RUNS)
    size = path.stat().st_size
    with path.open("rb") as source, target.open("wb") as out:
        for run in range(RUNS):
            source.seek(run * (size - window) // (RUNS - 1))
            if run:
                source.readline()
            block = source.read(window)
            out.write(block[: block.rfind(b"\n") + 1])
