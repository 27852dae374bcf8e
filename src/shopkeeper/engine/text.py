"""Text → words, for every script: what is indexed, and what is asked.

Words are folded (NFKC, lower case, no accents). A compound such as "TN-2110" or "1TB" is indexed as its parts in
order and as one word, so that it is found however it is written; measures have one spelling (measures.py). Scripts
without spaces (Chinese, Japanese, Thai) are cut into words by rjieba, but for the shop's own words, its `lexicon`;
their single characters are the fallback.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import NamedTuple

import rjieba

from shopkeeper.engine.measures import parted_fractions, with_measures

MAX_QUERY_CHARACTERS, MAX_QUERY_WORDS = 1000, 24

# Words that a query may do without.
STOPWORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
        *"的了和与及或在是",
    )
)

# The letters of scripts that part no words by spaces, as a class of `re`.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTERS = rf"(?:(?![{UNSPACED}])(?:[^\W\d_]|[\u0900-\u0dff]))+"  # Indic vowel signs are no letters to `re`
_PIECE = re.compile(rf"\d+(?:[.,]\d+)*|{_LETTERS}")
_RUN = re.compile(rf"(?P<unspaced>[{UNSPACED}]+)|(?:{_PIECE.pattern})(?:[-'’.&]?(?:{_PIECE.pattern}))*")
_ASCII_PIECE = r"(?:\d+(?:[.,]\d+)*|[a-z]+)"  # most texts are plain: the same, many times as fast
_ASCII_RUN = re.compile(rf"{_ASCII_PIECE}(?:[-'.&]?{_ASCII_PIECE})*", re.ASCII)
_TOKEN = re.compile(rf"[^\W_{UNSPACED}]+")
_UNSPACED_START = re.compile(f"[{UNSPACED}]")
_ACCENTS = re.compile("(?<![иу])\u0306|[\u0300-\u0305\u0307-\u036f]")  # й and ў are letters of their own
_LONGEST_OWN = 8  # characters of a word of the lexicon
_QUOTED = re.compile(r'(?:^|(?<=\s))"([^"]*)"(?=\s|$)|“([^”]*)”')
_EXCLUDED = re.compile(r"(?:^|(?<=\s))-(?=[^\W\d])(\S+)")


class Word(NamedTuple):
    """A word of a query. `parts` are the pieces it is made of, in order: one for a plain word."""

    text: str
    parts: tuple[str, ...]
    unspaced: bool


class Asked(NamedTuple):
    """A query's plain text, the phrases in it that were quoted, and the words that a minus excludes."""

    text: str
    quoted: tuple[str, ...]
    excluded: tuple[str, ...]


def spans_of_tokens(folded: str) -> list[tuple[int, int]]:
    """Where the `spaced_tokens` stand."""
    return [token.span() for token in _TOKEN.finditer(folded)]


def parse_query(query: str) -> Asked:
    """What was quoted stays in the text, and what was excluded does not. A query that only excludes is plain text. Of
    the first MAX_QUERY_CHARACTERS, at most MAX_QUERY_WORDS phrases, and as many exclusions."""
    query = query[:MAX_QUERY_CHARACTERS]
    excluded = tuple(_EXCLUDED.findall(query))
    text = _EXCLUDED.sub(" ", query) if excluded else query
    if not text.strip():
        return Asked(query, (), ())
    quoted = tuple(one or other for one, other in _QUOTED.findall(text))
    plain = _QUOTED.sub(lambda found: f"{found[1] or found[2] or ''} ", text)
    return Asked(plain, quoted[:MAX_QUERY_WORDS], excluded[:MAX_QUERY_WORDS])


def plain_text(query: str) -> str:
    """The query with blanks in the place of what `parse_query` finds quoted or excluded."""
    text = _EXCLUDED.sub(_blanks, query)
    return _QUOTED.sub(_blanks, text) if text.strip() else query


def _blanks(found: re.Match[str]) -> str:
    return " " * len(found[0])


def is_unspaced(text: str) -> bool:
    """Whether the text begins in a script that writes its words without spaces."""
    return bool(_UNSPACED_START.match(text))


def fold(text: str) -> str:
    """The same letters for what people hold to be the same: width, case and accents."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", parted_fractions(text)).casefold().replace("⁄", "/")
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)))


def folded_line(text: str) -> str:
    """What is the same to people of a text on one line: folded, with single blanks."""
    return " ".join(fold(text).split())


def words(text: str, lexicon: Collection[str] = ()) -> list[str]:
    """The words under which a text is indexed, in order."""
    folded, found = with_measures(fold(text)), list[str]()
    if folded.isascii():
        for spaced in _ASCII_RUN.findall(folded):
            found.extend(_compound(spaced))
        return found
    for run in _RUN.finditer(folded):
        if not run["unspaced"]:
            found.extend(_compound(run[0]))
            continue
        for part in _own_words(run[0], lexicon):
            within = rjieba.cut_for_search(part)
            found.extend(within)
            if part in lexicon and part not in within:
                found.append(part)
    return found


def characters(text: str) -> list[str]:
    """The unspaced characters of a text in order, for matching by substring; "|" parts the runs."""
    if text.isascii():
        return []
    found: list[str] = []
    for run in _RUN.finditer(fold(text)):
        if run["unspaced"]:
            found.extend((*run[0], "|"))
    return found


def spaced_tokens(folded: str) -> list[str]:
    """The runs of letters and digits of a folded text, without those of the unspaced scripts."""
    return _TOKEN.findall(folded)


def query_words(query: str, lexicon: Collection[str] = ()) -> list[Word]:
    """What a query asks for: at most MAX_QUERY_WORDS distinct words of its first MAX_QUERY_CHARACTERS characters."""
    found: dict[str, Word] = {}
    for word in _query_words(with_measures(fold(query[:MAX_QUERY_CHARACTERS])), lexicon):
        found.setdefault(word.text, word)
        if len(found) == MAX_QUERY_WORDS:
            break
    return list(found.values())


def _query_words(folded: str, lexicon: Collection[str]) -> Iterator[Word]:
    for run in _RUN.finditer(folded):
        if not run["unspaced"]:
            parts = _pieces(run[0])
            yield Word("".join(parts), parts, unspaced=False)
            continue
        for part in _own_words(run[0], lexicon):
            for segment in [part] if part in lexicon else _join_singles(rjieba.cut(part)):
                yield Word(segment, tuple(segment), unspaced=True)


def _own_words(run: str, lexicon: Collection[str]) -> Iterator[str]:
    """The run in order: the longest words of the lexicon, and what lies between them."""
    if not lexicon:
        yield run
        return
    begin = at = 0
    while at < len(run):
        ends = range(min(len(run), at + _LONGEST_OWN), at + 1, -1)
        end = next((end for end in ends if run[at:end] in lexicon), 0)
        if not end:
            at += 1
            continue
        if begin < at:
            yield run[begin:at]
        yield run[at:end]
        begin = at = end
    if begin < len(run):
        yield run[begin:]


def _join_singles(segments: list[str]) -> Iterator[str]:
    """Neighbouring single characters are a word that the dictionary lacks (a name, Japanese, Thai)."""
    single = ""
    for segment in segments:
        if len(segment) == 1 and segment not in STOPWORDS:
            single += segment
            continue
        if single:
            yield single
        single = ""
        yield segment
    if single:
        yield single


@lru_cache(maxsize=100_000)
def _compound(run: str) -> tuple[str, ...]:
    """The pieces in order, and if they are many, all as one word."""
    parts = _pieces(run)
    return parts if len(parts) == 1 else (*parts, "".join(parts))


def _pieces(compound: str) -> tuple[str, ...]:
    return tuple(piece.replace(",", ".") for piece in _PIECE.findall(compound))
