"""What the rows of a file of events are."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa

from shopkeeper.data.mapper.file import File
from shopkeeper.data.mapper.lexicon import event_type_of, other_value_of
from shopkeeper.data.mapper.profile import Profile
from shopkeeper.data.mapper.roles import named_event
from shopkeeper.data.mapping import ColumnMapping, FileMapping
from shopkeeper.vocabulary import EventType

DEFAULT_EVENTS = {"order_lines": "purchase", "ratings": "rating", "reviews": "rating", "sessions": "view"}
# What as many codes mean, the most frequent first, where views far outnumber the rest and one is rarest of all.
FUNNELS = {3: ("view", "cart", "purchase"), 4: ("view", "cart", "favourite", "purchase")}
FAR = 3  # times as many are far more
RARER = 0.9  # of the next rarest at most
GUESSED = 0.3  # the confidence in what only frequencies say
RETURN_PREFIX = re.compile(r"([A-Za-z]{1,4})[-_]?\d")


def say_events(mapping: FileMapping, file: File, columns: Mapping[str, str]) -> None:
    """What the rows are: by a column, or all of them by the file's name; and how an order says that it is a return.

    `columns` are by field.
    """
    if "event_type" in columns:
        name = columns["event_type"]
        mapping.event_types = _event_types(file.profiles[name], mapping.columns[name])
    elif mapping.role == "events":
        mapping.event_type = _default_event(file, columns)
    elif mapping.role in DEFAULT_EVENTS:
        mapping.event_type = DEFAULT_EVENTS[mapping.role]
    if "order_id" in columns and "quantity" in columns:
        mapping.returns = _returns_prefix(file.table, columns["order_id"], columns["quantity"])


def _event_types(profile: Profile, column: ColumnMapping) -> dict[str, str]:
    """The values whose meaning is known by their words or, where none is, plain by how often they come.

    The rows of any other are kept aside by cleaning, and counted, until a person names it; `column` says which.
    """
    found, said = _by_words(profile.distinct), ""
    if found:
        known = sum(count for value, count in profile.counts.items() if value in found)
        column.confidence = round(column.confidence * known / max(1, sum(profile.counts.values())), 2)
    else:
        found, said = _by_frequency(profile.counts)
        column.confidence = min(column.confidence, GUESSED)
    unknown = sorted(profile.distinct - found.keys())
    if unknown:
        told = ", ".join(map(repr, unknown[:10])) + (", …" if len(unknown) > 10 else "")
        said += f"; not known: {told}, whose rows are kept aside until event_types names them"
    column.evidence += said
    return found


def _by_words(values: frozenset[str]) -> dict[str, str]:
    """A page's view is a product's where nothing else is; else it is no event, like a login."""
    found = {value: kind for value in sorted(values) if (kind := event_type_of(value))}
    meanings = {"page": "ignore" if EventType.VIEW in found.values() else "view", "none": "ignore"}
    others = {value: meanings[other] for value in values - found.keys() if (other := other_value_of(value))}
    return dict(sorted({**found, **others}.items()))


def _by_frequency(counts: Mapping[str, int]) -> tuple[dict[str, str], str]:
    """What bare codes mean, by how often they come, and the same in words."""
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    amounts = [counts[value] for value in ordered]
    funnel = FUNNELS.get(len(ordered))
    if funnel is None or amounts[0] < FAR * amounts[1] or amounts[-1] > RARER * amounts[-2]:
        return dict.fromkeys(
            ordered[:1], "view"
        ), "; of these bare codes the most frequent is taken for views: please check"
    shares = ", ".join(f"{value}: {amount / sum(amounts):.0%}" for value, amount in zip(ordered, amounts, strict=True))
    said = f"; bare codes, taken for {', '.join(funnel)} in the order of their frequencies ({shares}): please check"
    return dict(sorted(zip(ordered, funnel, strict=True))), said


def _default_event(file: File, columns: Mapping[str, str]) -> str:
    """From the names of the file, its columns and its folders, in this order."""
    named = named_event(file.name, file.profiles.values())
    return named or ("search" if "query" in columns and "item_id" not in columns else "view")


def _returns_prefix(table: pa.Table, order: str, quantity: str) -> str:
    """Letters before the number of an order that come with negative quantities, and hardly with others."""
    if order not in table.column_names or quantity not in table.column_names:
        return ""
    rows = list(
        zip(table[order].cast(pa.string()).to_pylist(), table[quantity].cast(pa.string()).to_pylist(), strict=True)
    )
    backwards = [_prefix(text) for text, amount in rows if text and amount and amount.lstrip().startswith("-")]
    onwards = {_prefix(text) for text, amount in rows if text and amount and not amount.lstrip().startswith("-")}
    if not backwards:
        return ""
    commonest = max(set(backwards), key=backwards.count)
    return (
        commonest if commonest and commonest not in onwards and backwards.count(commonest) * 2 > len(backwards) else ""
    )


def _prefix(text: str) -> str:
    found = RETURN_PREFIX.match(text)
    return found[1] if found else ""
