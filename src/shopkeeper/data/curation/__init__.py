"""The rules and synonyms that merchandisers keep, `curation.sqlite` in a shop's directory."""

from shopkeeper.data.curation.checks import check_id, check_synonym
from shopkeeper.data.curation.store import (
    FILE,
    By,
    Conflict,
    Curated,
    Curation,
    Kind,
    Line,
    RuleEntry,
    SynonymEntry,
)

__all__ = [
    "FILE",
    "By",
    "Conflict",
    "Curated",
    "Curation",
    "Kind",
    "Line",
    "RuleEntry",
    "SynonymEntry",
    "check_id",
    "check_synonym",
]
