"""Cleaning by named rules. Nothing is lost: what a rule takes out is kept aside in `quarantine/<rule>.parquet`.

A rule's predicate is SQL over a row of `judged.sql`: the staged event with `kind` (its type after returns are told
apart), `occurrence` (1 for the first of equal rows in its file), `again` (another file has said it),
`given` (the source has identified it), and what is usual in its source (`sources.sql`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# Words for what is billed but is no product, as regular expressions, in the languages that shops keep books in.
NO_PRODUCT_WORDS = (
    r"\bpostage\b", r"\bshipping\b", r"\bcarriage\b", r"\bdelivery\b", r"\bhandling\b", r"\bfreight\b", r"\bfees?\b",
    r"\bcommission\b", r"\bbank charges?\b", r"\bdiscount\b", r"\badjust(ment)?s?\b", r"\bbad debt\b",
    r"^manual\b", r"^samples?$", r"\btest product\b", r"^test( item| article)?$", r"\brounding\b",
    r"\bsurcharge\b", r"\bdeposit\b",
    r"\bversand", r"\bporto\b", r"gebühr", r"\brabatt\b", r"\bgutschrift\b", r"\bkorrektur\b", r"\bmuster\b",
    r"\bfrais de\b", r"\blivraison\b", r"\bremise\b", r"\bajustement\b", r"\béchantillons?\b",
    r"\benv[ií]o\b", r"\bdescuento\b", r"\bajuste\b", r"\bcomisi[oó]n\b", r"\bfrete\b", r"\bdesconto\b",
    r"\bspedizione\b", r"\bsconto\b", r"\bcommissione\b", "运费", "邮费", "快递费", "手续费", "折扣", "调整", "样品",
    "送料", "手数料", "割引",
)  # fmt: skip
# What else may stand in a title that says nothing but that: "Shipping & handling", "2 free samples".
NO_PRODUCT_TITLE = (
    r"^([\s\d%.,:;&+/()#*-]|and|und|et|y|for|of|the|to|free|express|standard|international|costs?|charges?|packing|tax"
    r"|postage|shipping|carriage|delivery|handling|freight|fees?|commission|bank|discounts?|adjust(ment)?s?|bad debt"
    r"|manual|samples?|test( product| item| article)?|rounding|surcharge|deposit|versand(kosten)?|porto"
    r"|[a-z]*gebühr(en)?|rabatt|gutschrift|korrektur|muster|frais de( port)?|livraison|remise|ajustements?"
    r"|échantillons?|env[ií]os?|descuento|ajuste|comisi[oó]n|frete|desconto|spedizione|sconto|commissione"
    r"|运费|邮费|快递费|手续费|折扣|调整|样品|送料|手数料|割引)+$"
)

Action = Literal["removed", "mended", "flagged"]


@dataclass(frozen=True)
class Rule:
    """`sentence` says to a shopkeeper what it is about; `action` what happens to the rows that `predicate` finds."""

    name: str
    sentence: str
    action: Action
    predicate: str


# In this order: a row is taken out by the first that finds it.
EVENT_RULES: tuple[Rule, ...] = (
    Rule("ignored_type", "The mapping leaves out what was done.", "removed", "type = 'ignore'"),
    Rule("unknown_type", "What was done is not known.", "removed", "type IS NULL"),
    Rule(
        "missing_keys",
        "No item is named (a search needs its words instead).",
        "removed",
        "events.item_id IS NULL AND NOT (kind = 'search' AND query IS NOT NULL) AND kind <> 'redeem'",
    ),
    Rule("missing_time", "No time, in a source that has times.", "removed", "time IS NULL AND has_clock"),
    Rule(
        "impossible_time",
        "The time is before 1990 or in the future.",
        "removed",
        "time < TIMESTAMP '1990-01-01' OR time > CAST(CURRENT_TIMESTAMP AS TIMESTAMP) + INTERVAL 1 DAY",
    ),
    Rule(
        "outlying_time",
        "The time lies far from nearly all others (more than five times the span of 90 % of them).",
        "removed",
        "EPOCH(time) < earliest OR EPOCH(time) > latest",
    ),
    Rule("impossible_price", "The price is negative.", "removed", "price < 0 AND kind <> 'return'"),
    Rule("no_product", "Postage, a fee, a discount or a correction.", "removed", "no_products.item_id IS NOT NULL"),
    Rule(
        "absurd_values",
        "A quantity or price ten thousand times what is high here.",
        "removed",
        "ABS(quantity) > absurd_quantity OR price > absurd_price",
    ),
    Rule(
        "duplicates",
        "The same row again: in another file, with the same identifier, or at the same moment.",
        "removed",
        "again OR (occurrence > 1 AND (given OR has_hours))",
    ),
    Rule(
        "returns", "A purchase of a negative quantity is a return.", "mended", "type = 'purchase' AND kind = 'return'"
    ),
    Rule(
        "unusual_values",
        "A quantity or price fifty times what is high here; kept.",
        "flagged",
        "ABS(quantity) > unusual_quantity OR price > unusual_price",
    ),
)
# Told by other means than a predicate over events.
UNREADABLE = Rule("unreadable_lines", "A line of a file that does not fit its columns.", "removed", "")
NAMELESS = Rule("missing_identifiers", "A row that does not say what it is about.", "removed", "")
SAID_AGAIN = Rule(
    "duplicate_identifiers",
    "A row about what an earlier row of the file is about; what only it says is kept there.",
    "removed",
    "",
)
IMPOSSIBLE_ITEM_PRICE = Rule(
    "impossible_item_price",
    "The catalogue's price is negative, or ten thousand times what is high here; taken off the item.",
    "mended",
    "",
)
UNREADABLE_VALUES = Rule(
    "unreadable_values", "A value that is no number, time or yes or no; the row stays without it.", "flagged", ""
)
MENDED_TEXTS = Rule("encodings", "Control characters, or letters garbled by a wrong encoding.", "mended", "")
UNITS = Rule("units", "Values multiplied by the unit of the mapping.", "mended", "")
ROW_RULES = (UNREADABLE, UNREADABLE_VALUES, NAMELESS, SAID_AGAIN, IMPOSSIBLE_ITEM_PRICE, UNITS, MENDED_TEXTS)


def verdict() -> str:
    """The branches of a SQL CASE that names the first rule which takes a row out."""
    removing = (rule for rule in EVENT_RULES if rule.action == "removed")
    return "\n        ".join(f"WHEN {rule.predicate} THEN '{rule.name}'" for rule in removing)


def notes() -> str:
    """Columns that say which rules found a row without taking it out."""
    return ",\n    ".join(f"{rule.predicate} AS {rule.name}" for rule in EVENT_RULES if rule.action != "removed")


# What a text in need of mending holds: control characters, U+FFFD, or UTF-8 that was read as Western European.
GARBLED = (
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\x{FFFD}]"
    r"|[\x{C2}-\x{F4}][\x{80}-\x{BF}\x{152}\x{153}\x{160}\x{161}\x{178}\x{17D}\x{17E}\x{192}\x{2C6}\x{2DC}"
    r"\x{2013}-\x{203A}\x{20AC}\x{2122}]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]+")


def mend_text(text: str) -> str:
    """The text without control characters, and read as UTF-8 where it had been read as Western European by mistake."""
    if text.isascii():
        return _tidy(text)
    for codec in ("cp1252", "latin-1"):
        try:
            return mend_text(text.encode(codec).decode("utf-8"))
        except UnicodeError:
            continue
    return _tidy(text)


def _tidy(text: str) -> str:
    return re.sub(r" {2,}", " ", _CONTROL.sub(" ", text)).strip()
