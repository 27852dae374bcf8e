"""What may be kept as a rule or a synonym, whatever the catalogue holds."""

from __future__ import annotations

from shopkeeper.errors import RequestError
from shopkeeper.settings import Synonym

RESERVED = "shop.toml:"  # how the ids of that file's rules begin


def check_id(id_: str) -> None:
    """Raises RequestError."""
    if not 1 <= len(id_) <= 100 or not id_.isprintable():
        raise RequestError("this cannot be an id", where="id", expected="1 to 100 characters that can be seen")
    if id_.startswith(RESERVED):
        raise RequestError(f"{id_!r} is how a rule of shop.toml is called", where="id", expected="another id")


def check_synonym(synonym: Synonym) -> None:
    """Raises RequestError."""
    words = (*synonym.words, *synonym.means)
    if len(words) < 2 or not all(word.strip() for word in words):
        raise RequestError("this says of no words that they mean the same", where="words", expected="two words or more")
