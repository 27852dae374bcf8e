"""Reading names: the words of columns, files and values become concepts, and concepts speak for fields.

The words themselves are in lexicon.toml.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from math import prod
from typing import Any

LEXICON: dict[str, Any] = tomllib.loads(files(__package__).joinpath("lexicon.toml").read_text(encoding="utf-8"))
Patterns = dict[str, list[tuple[frozenset[str], float]]]  # field → sets of concepts that name it, and how surely


def _patterns(written: dict[str, dict[str, float]]) -> Patterns:
    return {
        field: [(frozenset(pattern.split()), sureness) for pattern, sureness in sets.items()]
        for field, sets in written.items()
    }


PATTERNS = _patterns(LEXICON["patterns"])
PATTERNS["date"] = PATTERNS["time"]  # told apart by the values
ROLE_PATTERNS = {role: _patterns(written) for role, written in LEXICON["role_patterns"].items()}
FILE_ROLES: dict[str, list[str]] = LEXICON["file_roles"]
UNKNOWN, DIGITS = "?", "#"
# What each concept that a pattern leaves over takes from its sureness.
LEFT_OVER = {UNKNOWN: 0.75, DIGITS: 0.95}
NOISE_LEFT_OVER = 0.3
OTHER_LEFT_OVER = 0.5
LEAST = 0.25  # a name that hints at less says nothing
SUBJECTS = {"item", "user", "order", "session", "event", "review"}
GENERIC = {"id", "name", "type"}  # concepts that say what they are of only by what stands beside them
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
LINKS = ("s", "n", "en", "es", "e")  # what German puts between the parts of a word


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name: camel case, digits and runs of Chinese split, accents and punctuation gone, lower case.

    >>> words("prixUnitaire_2")
    ('prix', 'unitaire', '2')
    """
    text = unicodedata.normalize("NFKC", name)
    text = CAMEL.sub(" ", text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not "\u0300" <= c <= "\u036f")
    text = unicodedata.normalize("NFC", text).casefold()
    text = CJK.sub(lambda run: f" {run[0]} ", text)
    text = re.sub(r"(?<=\d)(?=[^\W\d])|(?<=[^\W\d])(?=\d)", " ", text)
    return tuple(re.findall(r"[^\W_]+", text))


def _dictionary(concepts: dict[str, str]) -> dict[str, str]:
    """Phrase (its words joined by blanks) → concept; the first concept that claims a phrase keeps it."""
    found: dict[str, str] = {}
    for concept, phrases in concepts.items():
        for phrase in phrases.split(","):
            found.setdefault(" ".join(words(phrase)), concept)
    return found


COLUMN_WORDS = _dictionary(LEXICON["concepts"])
FILE_WORDS = _dictionary(LEXICON["file_concepts"])
EVENT_VALUES = _dictionary(LEXICON["event_values"])
OTHER_VALUES = _dictionary(LEXICON["other_values"])
LANGUAGES = frozenset(_dictionary({"": LEXICON["languages"]["words"]}))
CJK_LANGUAGE = re.compile("|".join(word for word in sorted(LANGUAGES) if CJK.fullmatch(word)))


@lru_cache(maxsize=4096)
def concepts(name: str) -> tuple[str, ...]:
    """The concepts of a column's name, in order, "?" for a word that is not known and "#" for digits.

    >>> concepts("Kundennummer")
    ('user', 'id')
    """
    return tuple(concept for concept in _read(words(name), COLUMN_WORDS) if concept)


def file_concepts(name: str) -> tuple[list[str], list[str]]:
    """What a file's name says, by the words of columns and by those of files."""
    stem = words(re.sub(r"\.[A-Za-z0-9]{1,8}(\.gz|\.zip)?$", "", name))
    return _read(stem, COLUMN_WORDS), _read(stem, FILE_WORDS)


@lru_cache(maxsize=4096)
def without_language(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a name, and those for a language at its end or its beginning.

    >>> without_language("title_zh_CN")
    (('title',), ('zh', 'cn'))
    """
    found = words(CJK_LANGUAGE.sub(r" \g<0> ", name))
    begin, end = 0, len(found)
    while end > 1 and found[end - 1] in LANGUAGES:
        end -= 1
    while end == len(found) and begin < end - 1 and found[begin] in LANGUAGES:
        begin += 1
    return found[begin:end], found[:begin] + found[end:]


def _read(tokens: Sequence[str], dictionary: dict[str, str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(tokens):
        for length in range(min(4, len(tokens) - at), 0, -1):
            phrase = tokens[at : at + length]
            concept = dictionary.get(" ".join(phrase))
            if concept is None and length > 1 and not CJK.search(phrase[0]):
                concept = dictionary.get("".join(phrase))
            if concept is not None:
                found.append(concept)
                at += length
                break
        else:
            found += _split(tokens[at], dictionary)
            at += 1
    return found


def _split(token: str, dictionary: dict[str, str]) -> list[str]:
    """The concepts of one word that the dictionary lacks: a plural, or a compound such as "ordernumber"."""
    if token.isdigit():
        return [DIGITS]
    for ending in ("s", "es", "en", "n"):
        if token.endswith(ending) and len(token) > len(ending) + 2 and token[: -len(ending)] in dictionary:
            return [dictionary[token[: -len(ending)]]]
    if CJK.fullmatch(token):
        return _split_cjk(token, dictionary)
    return _compound(token, dictionary) or [UNKNOWN]


def _compound(token: str, dictionary: dict[str, str]) -> list[str] | None:
    """The fewest known parts, the longest first, that make up all of the word."""
    for end in range(len(token) - 1, 2, -1):
        if token[:end] not in dictionary:
            continue
        rest = token[end:]
        for link in ("", *LINKS):
            tail = rest.removeprefix(link) if rest.startswith(link) else None
            if tail is None or len(tail) < 2:
                continue
            if tail in dictionary:
                return [dictionary[token[:end]], dictionary[tail]]
            if inner := _compound(tail, dictionary):
                return [dictionary[token[:end]], *inner]
    return None


def _split_cjk(token: str, dictionary: dict[str, str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(token):
        end = next((end for end in range(len(token), at, -1) if token[at:end] in dictionary), None)
        found.append(dictionary[token[at:end]] if end else UNKNOWN)
        at = end or at + 1
    return [
        concept for place, concept in enumerate(found) if concept != UNKNOWN or found[place - 1 : place] != [UNKNOWN]
    ]


def name_affinity(name: str, field: str, role: str) -> float:
    """How surely a column's name means a field in a file of a role, 0 to 1."""
    best = _affinity(name, field, "")
    if field in ROLE_PATTERNS.get(role, {}):
        best = max(best, _affinity(name, field, role))
    return best if best >= LEAST else 0.0


@lru_cache(maxsize=65536)
def _affinity(name: str, field: str, role: str) -> float:
    """By the patterns of a role alone, or of all."""
    read = set(concepts(name))
    best = 0.0
    for wanted, sureness in (ROLE_PATTERNS[role] if role else PATTERNS).get(field, ()):
        extras = read - wanted
        if wanted <= read and not (wanted <= GENERIC and extras - LEFT_OVER.keys()):
            bare = wanted <= SUBJECTS and field.endswith("_id")
            best = max(best, sureness * prod(_left_over(extra, bare=bare) for extra in extras))
    return best


def _left_over(concept: str, *, bare: bool) -> float:
    """What a concept that the pattern lacks leaves of its sureness: "product related" is no product."""
    if concept == "noise" or (bare and concept == UNKNOWN):
        return NOISE_LEFT_OVER
    return LEFT_OVER.get(concept, OTHER_LEFT_OVER)


def event_type_of(value: str) -> str | None:
    """The EventType that a value of an event_type column names, if any: "pv" is a view.

    >>> event_type_of("add_to_cart")
    'cart'
    """
    return _value(value, EVENT_VALUES)


def other_value_of(value: str) -> str | None:
    """What else a value of an event_type column may name: "page", the view of any page, or "none", no event of ours.

    >>> other_value_of("session_start")
    'none'
    """
    return _value(value, OTHER_VALUES)


def _value(value: str, dictionary: dict[str, str]) -> str | None:
    tokens = words(value)
    return dictionary.get(" ".join(tokens)) or dictionary.get("".join(tokens))
