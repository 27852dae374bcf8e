"""The passage of a long text that holds the words of a query, and where in it they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from shopkeeper.engine.text import fold, spans_of_tokens
from shopkeeper.vocabulary import Snippet

LENGTH = 160  # characters of a passage
_BREAK = re.compile(r"[\s。，；！？]")
_SLACK = 24  # characters by which a passage is moved so that no word is cut

Marks = list[tuple[int, int, str]]


def snippet(
    text: str, stems: Collection[str], unspaced: Collection[str], stems_of: Callable[[str], set[str]]
) -> Snippet:
    """The passage with most of the words, each counted once, or else the beginning. stems: of words with spaces around
    them; unspaced: words of other scripts; stems_of: those of a folded word of the text."""
    marks = sorted(_marks(text, stems, unspaced, stems_of))
    begin = max((start for start, _, _ in marks), key=lambda start: (_told(marks, start), -start), default=0)
    begin = _whole(text, begin - LENGTH // 8) if marks and begin + LENGTH // 2 > LENGTH else 0
    end = len(text) if len(text) - begin <= LENGTH else _whole(text, begin + LENGTH)
    within = [(start - begin, stop - begin) for start, stop, _ in marks if begin <= start and stop <= end]
    return Snippet(text[begin:end], tuple(_apart(within)))


def _marks(
    text: str, stems: Collection[str], unspaced: Collection[str], stems_of: Callable[[str], set[str]]
) -> Iterator[tuple[int, int, str]]:
    """Start, end and word of each place that matches, in the letters of the text itself."""
    folded, places = _folded(text)
    starts = {stem[:2] for stem in stems}
    for begin, end in spans_of_tokens(folded):
        token = folded[begin:end]
        if token[:2] in starts and (held := stems_of(token).intersection(stems)):
            yield places[begin], places[end - 1] + 1, min(held)
    for word in unspaced:
        at = folded.find(word)
        while at >= 0:
            yield places[at], places[at + len(word) - 1] + 1, word
            at = folded.find(word, at + len(word))


def _folded(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its letters the place of the one that it comes from."""
    if text.isascii():
        return fold(text), list(range(len(text)))
    letters = [fold(letter) for letter in text]
    return "".join(letters), [at for at, letter in enumerate(letters) for _ in letter]


def _told(marks: Marks, begin: int) -> int:
    """How many different words stand within a passage from there."""
    return len({word for start, end, word in marks if begin <= start and end <= begin + LENGTH - LENGTH // 8})


def _whole(text: str, at: int) -> int:
    """A place near by where no word is cut."""
    if at <= 0:
        return 0
    found = [match.end() for match in _BREAK.finditer(text, max(0, at - _SLACK), at)]
    return found[-1] if found else at


def _apart(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those that overlap or touch as one."""
    last: tuple[int, int] | None = None
    for begin, end in spans:
        if last is not None and begin <= last[1]:
            last = last[0], max(last[1], end)
            continue
        if last is not None:
            yield last
        last = begin, end
    if last is not None:
        yield last
