"""Text files: their encoding, their lines, and a small excerpt of a large one."""

from __future__ import annotations

import codecs
import gzip
import re
from pathlib import Path
from typing import BinaryIO

from shopkeeper.data.readers.base import RUNS
from shopkeeper.errors import DataError

HEAD_BYTES = 256 << 10
BLOCK_BYTES = 4 << 20
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x01\x1c\x1d\x1e\x1f"))


def opened(path: Path) -> BinaryIO | gzip.GzipFile:
    """The file's bytes, decompressed when its name ends in .gz."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def head(path: Path, size: int = HEAD_BYTES) -> bytes:
    """The first bytes, cut after a whole line where there is one.

    Raises DataError for an empty file, a damaged archive, or bytes that are no text.
    """
    try:
        with opened(path) as file:
            raw = file.read(size)
    except (OSError, EOFError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    if not raw.strip():
        raise DataError("the file is empty", where=str(path), expected="a header and rows")
    if len(raw) == size and not raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\n" in raw:
        raw = raw[: raw.rindex(b"\n") + 1]
    return raw


def encoding_of(raw: bytes, where: str) -> str:
    """The Python codec of a text by its first bytes: utf-8, utf-8-sig, utf-16, utf-16-le/be, gb18030, cp1252, latin-1.

    Raises DataError for bytes that are no text.
    """
    for bom, codec in BOMS.items():
        if raw.startswith(bom):
            return codec
    if b"\0" in raw:
        return _utf16_order(raw, where)
    if len(raw.translate(None, CONTROL)) < 0.98 * len(raw):
        raise DataError("these bytes are no text", where=where, expected="CSV, TSV or JSON lines")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return _legacy(raw)
    return "utf-8"


def _utf16_order(raw: bytes, where: str) -> str:
    """UTF-16 without its mark: in text with ASCII delimiters, every other byte is often zero."""
    even, odd = raw[0::2].count(0), raw[1::2].count(0)
    if max(even, odd) < 0.2 * len(raw) / 2 or min(even, odd) > 0.02 * len(raw) / 2:
        raise DataError("these bytes are no text", where=where, expected="CSV, TSV or JSON lines")
    return "utf-16-le" if odd > even else "utf-16-be"


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
    """The file itself when all of it is UTF-8, else its transcription at `target`.

    A head of plain ASCII proves nothing of what follows, so the whole file is read, in blocks.
    """
    if encoding == "utf-8":
        decoder = codecs.getincrementaldecoder("utf-8")()
        block = b""
        try:
            with opened(path) as file:
                while block := file.read(BLOCK_BYTES):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            return path
        except UnicodeDecodeError:
            encoding = _legacy(block)
    target.parent.mkdir(parents=True, exist_ok=True)
    transcode(path, encoding, target)
    return target


def transcode(path: Path, encoding: str, target: Path) -> None:
    """Write the file as UTF-8, in blocks; bytes that the encoding does not know become U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with opened(path) as source, target.open("wb") as out:
        while block := source.read(BLOCK_BYTES):
            out.write(decoder.decode(block).encode("utf-8"))
        out.write(decoder.decode(b"", final=True).encode("utf-8"))


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
