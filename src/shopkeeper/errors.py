"""Every error that a user of Shopkeeper can meet.

ShopkeeperError
├── SettingsError        shop.toml holds something that cannot be followed
│   └── DivergedError    a model learns nothing as it is set; others can do without it
├── DataError            a source, a file or a table is not what it should be
│   └── MappingError     mapping.toml does not fit the sources it speaks of
├── ReleaseError         a release is missing, damaged or half made
├── RequestError         a request cannot be answered as it was asked
└── MissingExtraError    the job needs a library that is not installed
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rapidfuzz import process


class ShopkeeperError(Exception):
    """One sentence for people: what was wrong, where, what was expected, what to do.

    The parts stay readable as attributes, so that a door (CLI, HTTP) can lay them out its own way.
    """

    def __init__(
        self, what: str, *, where: str | None = None, expected: str | None = None, remedy: str | None = None
    ) -> None:
        self.what, self.where, self.expected, self.remedy = what, where, expected, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        sentence = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected:
            sentence += f"; expected {self.expected}"
        sentence += "." if not sentence.endswith((".", "!", "?")) else ""
        return f"{sentence} {self.remedy}" if self.remedy else sentence


class SettingsError(ShopkeeperError):
    """shop.toml holds something that cannot be followed."""


class DivergedError(SettingsError):
    """A model learns nothing as it is set; others can do without it."""

    @property
    def why(self) -> str:
        """To be read behind the model's name, where no full stop is wanted."""
        return " ".join(filter(None, (f"{self.what}.", self.remedy))).removesuffix(".")


class DataError(ShopkeeperError):
    """A source, a file or a table is not what it should be."""


class MappingError(DataError):
    """mapping.toml does not fit the sources it speaks of."""


class ReleaseError(ShopkeeperError):
    """A release is missing, damaged or half made."""


class RequestError(ShopkeeperError):
    """A request cannot be answered as it was asked."""


class MissingExtraError(ShopkeeperError):
    """The job needs a library that is not installed."""

    def __init__(self, job: str, extra: str, library: str) -> None:
        super().__init__(
            f"{job} needs the library {library!r}, which is not installed",
            remedy=f"Install it with: pip install 'shopkeeper[{extra}]'",
        )


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A remedy for a misspelt name: "Did you mean 'price'?", or None when no valid name is near."""
    near = process.extractOne(name, list(names), score_cutoff=50)
    return f"Did you mean {near[0]!r}?" if near else None


def read_misfit(error: Exception) -> tuple[list[str], str]:
    """The keys and the complaint in msgspec's "Expected `int`, got `str` - at `$.server.ports[1]`"."""
    message, _, path = str(error).partition(" - at `$")
    return [key for key in re.split(r"[.\[\]]+", path.rstrip("`")) if key], message


_WORDS = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "null": "nothing"}
_WORDS |= {"array": "list", "object": "table"}


def expected_in_words(complaint: str) -> str:
    """What msgspec expected, for people: "Expected `int` >= 1" becomes "whole number >= 1"."""
    expected = complaint.removeprefix("Expected ").partition(", got ")[0]
    return re.sub(
        r"`([^`]+)`", lambda name: re.sub(r"\w+", lambda word: _WORDS.get(word[0], word[0]), name[1]), expected
    )
