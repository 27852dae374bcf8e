"""Where a record's texts match the query: marked whole (`_highlightResult`) and around the match (`_snippetResult`)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.text import UNSPACED, fold, is_unspaced, parse_query, words
from shopkeeper.errors import RequestError
from shopkeeper.server.algolia.objects import OBJECT_ID
from shopkeeper.server.algolia.params import Params

SNIPPET_WORDS, MOST_WORDS = 10, 10_000
MOST_SPANS = 50  # of a text, among which the best passage is looked for

_RUN = re.compile(r"[^\W_]+(?:[-'’.&_][^\W_]+)*")  # a word, or several that are written as one: "XJ-200"
_WORD = re.compile(r"[^\W_]+")
_UNIT = re.compile(rf"[{UNSPACED}]{{1,2}}|[^\W_{UNSPACED}]+")  # a word of a snippet; in Chinese, two characters
_JOINTS = re.compile(r"[-'’.&_]")


@dataclass(frozen=True)
class Marks:
    """What to mark in the texts of one answer. `found`: the words by which texts match the query, folded; `by_word`:
    for each word of the query, those of them that are its own."""

    by_word: Mapping[str, frozenset[str]]
    before: str
    after: str
    found: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: LexicalSource | None, params: Params, records: Sequence[Any]) -> Marks:
        before, after = params.highlight_pre_tag, params.highlight_post_tag
        asked = list(dict.fromkeys(words(parse_query(params.query).text))) if text is not None else []
        if text is None or not asked:
            return cls({}, before, after)
        texts = [said for record in records for said in _texts(record)]
        found = text.matched(params.query, texts, verbatim=params.verbatim)  # texts are long, and read once
        by_word = {word: frozenset(text.matched(word, found, verbatim=params.verbatim)) for word in asked}
        return cls(by_word, before, after, frozenset(found))

    @cached_property
    def _unspaced(self) -> re.Pattern[str] | None:
        found = sorted((each for each in self.found if is_unspaced(each)), key=len)
        return re.compile("|".join(map(re.escape, reversed(found)))) if found else None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where words stand that match, from left to right."""
        if not self.found:
            return []
        spaced = [span for run in _RUN.finditer(text) for span in _matching(run, self.found)]
        unspaced = [found.span() for found in self._unspaced.finditer(text)] if self._unspaced else []
        return _apart(sorted(spaced + unspaced))

    def marked(self, text: str) -> str:
        parts, at = [], 0
        for begin, end in self.spans(text):
            parts += [text[at:begin], self.before, text[begin:end], self.after]
            at = end
        return "".join([*parts, text[at:]])

    def matched(self, text: str) -> list[str]:
        """The words of the query that the text matches."""
        said = {fold(text[begin:end]) for begin, end in self.spans(text)}
        said |= {_JOINTS.sub("", each) for each in said}
        return [word for word, found in self.by_word.items() if not found.isdisjoint(said)]

    def prefixed(self, text: str, prefix: str) -> str | None:
        """The text, marked where a word begins as `prefix` does; None where none does."""
        if not prefix:
            return text
        wanted = fold(prefix)
        for word in _WORD.finditer(text):
            if fold(text[word.start() :]).startswith(wanted):
                end = word.start() + len(prefix)
                return "".join((text[: word.start()], self.before, text[word.start() : end], self.after, text[end:]))
        return None

    def level(self, matched: Sequence[str]) -> str:
        return "none" if not matched else "full" if len(matched) == len(self.by_word) else "partial"


def highlighted(marks: Marks, record: Any) -> Any:
    """Every text and number of a record (or of a part of it), marked."""
    return _each(record, lambda text: _highlight(marks, text))


def snippets(marks: Marks, record: Mapping[str, Any], asked: Iterable[str], ellipsis: str) -> dict[str, Any]:
    """Of the attributes asked for ("description:20" is in 20 words, "*:10" all), so much as stands around a match."""
    found: dict[str, Any] = {}
    for each in asked:
        name, _, size = each.partition(":")
        n_words = _n_words(size) if size.isdecimal() else SNIPPET_WORDS
        for attribute in record if name == "*" else [name]:
            if attribute in record and attribute != OBJECT_ID:
                found[attribute] = _each(record[attribute], lambda text, n=n_words: _snippet(marks, text, n, ellipsis))
    return found


def _n_words(said: str) -> int:
    if len(said) > 6 or not 0 < int(said) <= MOST_WORDS:
        raise RequestError(
            f"{said[:60]} words are no snippet", where="attributesToSnippet", expected=f"from 1 to {MOST_WORDS:,} words"
        )
    return int(said)


def _each(said: Any, make: Any) -> Any:
    if isinstance(said, dict):
        return {
            name: made for name, inner in said.items() if name != OBJECT_ID and (made := _each(inner, make)) is not None
        }
    if isinstance(said, list):
        return [made for inner in said if (made := _each(inner, make)) is not None]
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    if isinstance(said, str | int | float) and not isinstance(said, bool):
        return make(str(said))
    return None


def _highlight(marks: Marks, text: str) -> dict[str, Any]:
    matched, spans = marks.matched(text), marks.spans(text)
    said = {"value": marks.marked(text), "matchLevel": marks.level(matched), "matchedWords": matched}
    if not spans:
        return said
    rest = [part for part in _WORD.finditer(text) if not any(begin <= part.start() < end for begin, end in spans)]
    return said | {"fullyHighlighted": not rest}


def _snippet(marks: Marks, text: str, n_words: int, ellipsis: str) -> dict[str, Any]:
    matched, spans, units = marks.matched(text), marks.spans(text), list(_UNIT.finditer(text))
    if len(units) <= n_words:
        return {"value": marks.marked(text), "matchLevel": marks.level(matched)}
    begin = _best(text, spans[:MOST_SPANS], [unit.end() for unit in units], n_words)
    left = units[begin].start() if begin else 0
    last = begin + n_words
    right = units[last - 1].end() if last < len(units) else len(text)
    left = min([left, *(start for start, end in spans if start < left < end)])
    right = max([right, *(end for start, end in spans if start < right < end)])
    cut = (ellipsis if left else "") + marks.marked(text[left:right]) + (ellipsis if right < len(text) else "")
    return {"value": cut, "matchLevel": marks.level(matched)}


def _best(text: str, spans: Sequence[tuple[int, int]], ends: Sequence[int], n_words: int) -> int:
    """The first of `n_words` units that hold the most different matches, with these in their middle. ends: of all."""
    found = [(bisect_right(ends, begin), fold(text[begin:end])) for begin, end in spans]
    best, most, last = 0, 0, 0
    for first, _ in found:
        within = [(at, said) for at, said in found if first <= at < first + n_words]
        if (told := len({said for _, said in within})) > most:
            best, most, last = first, told, within[-1][0]
    return max(0, min(best - (n_words - 1 - last + best) // 2, len(ends) - n_words))


def _matching(run: re.Match[str], wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where a run matches: all of it, or those of its words that do."""
    whole = fold(run[0])
    if whole in wanted or _JOINTS.sub("", whole) in wanted:
        yield run.span()
        return
    for word in _WORD.finditer(run[0]):
        if fold(word[0]) in wanted:
            yield run.start() + word.start(), run.start() + word.end()


def _apart(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ascending spans, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    elif isinstance(said, dict):
        for inner in said.values():
            yield from _texts(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from _texts(inner)
