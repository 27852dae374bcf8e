"""Which of a merchant's rules hold for a request. They are looked up by their words: a thousand cost little more than
one."""

from __future__ import annotations

import fnmatch
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shopkeeper.engine.conditions import Condition, Every
from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import compile_filter
from shopkeeper.engine.text import MAX_QUERY_CHARACTERS, Word, fold, query_words
from shopkeeper.errors import RequestError
from shopkeeper.settings import Rule

NEWCOMER, REGULAR = "newcomer", "regular"


@dataclass(frozen=True, slots=True, eq=False)
class ReadRule:
    """A rule, and what it asks of a request. `id` is what a slate calls it, `label` what a sentence does.

    pattern: of the whole query, folded, with single spaces; chosen: parts that the request's filter must have; since,
    until: seconds since the epoch, the second not included.
    """

    rule: Rule
    id: str
    label: str
    words: tuple[Word, ...]
    pattern: re.Pattern[str] | None
    chosen: frozenset[str]
    audience: frozenset[str]
    since: float
    until: float


def read_rule(rule: Rule, number: int = 0) -> ReadRule:
    """`number`: of a rule without an id, in shop.toml. Raises RequestError for what cannot be read in it."""
    since, until = _moment("since", rule.since), _moment("until", rule.until)
    if since >= until:
        raise RequestError("it ends before it begins", where="until", expected=f"a time after {rule.since}")
    by_pattern = rule.match == "pattern" and rule.query
    try:
        chosen = _parts(rule.chosen)
    except RequestError as error:
        raise RequestError(
            error.what, where=f"chosen, {error.where}", expected=error.expected, remedy=error.remedy
        ) from None
    return ReadRule(
        rule=rule,
        id=rule.id or f"shop.toml:{number}",
        label=f"rule “{rule.name}”" if rule.name else f"rule {rule.id or number}",
        words=() if by_pattern else tuple(query_words(rule.query)),
        # The translation backtracks into no star once it is passed: the time is linear for each of them.
        pattern=re.compile(fnmatch.translate(_spaced_once(fold(rule.query)))) if by_pattern else None,
        chosen=chosen,
        audience=frozenset(map(fold, rule.audience)),
        since=since,
        until=until,
    )


class RuleBook:
    """Rules in the order in which they are heard: by priority, then as they are given. Those that cannot be read, or
    are not enabled, never hold."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._surfaces: dict[str, _Index] = defaultdict(_Index)
        for rule in sorted(self._readable(), key=lambda each: -each.rule.priority):
            self._surfaces[rule.rule.surface].add(rule)

    def holding(self, context: Context) -> tuple[ReadRule, ...]:
        """The rules for this request. Raises RequestError when its filter cannot be read."""
        index = self._surfaces.get(context.request.surface)
        if index is None:
            return ()
        asked = Asked(context.request.query if index.reads else "")
        near = index.near(asked)
        return tuple(rule for rule in near if _holds(rule, context, asked)) if near else ()

    def _readable(self) -> list[ReadRule]:
        found = []
        for number, rule in enumerate(self.rules, start=1):
            try:
                found += [read_rule(rule, number)] if rule.enabled else []
            except RequestError:
                continue  # `Rules.check` says why
        return found


class Asked:
    """A query, as rules are held against it."""

    def __init__(self, query: str) -> None:
        self.folded = fold(query[:MAX_QUERY_CHARACTERS])
        self.texts = [word.text for word in query_words(query)]
        self.spaced_once = _spaced_once(self.folded)


@dataclass(slots=True)
class _Index:
    """The rules of a surface, each under one thing that a query must have for it to hold: a word, or, in scripts
    without spaces, a character."""

    rules: list[ReadRule] = field(default_factory=list)
    always: list[int] = field(default_factory=list)
    by_word: dict[str, list[int]] = field(default_factory=dict)
    by_character: dict[str, list[int]] = field(default_factory=dict)
    reads: bool = False  # whether a rule asks for anything in the query

    def add(self, rule: ReadRule) -> None:
        place = len(self.rules)
        self.rules.append(rule)
        self.reads |= bool(rule.rule.query)
        needed = rule.words[:1] if rule.rule.match == "starts" else rule.words
        if not needed:
            self.always.append(place)
            return
        word = max(needed, key=lambda each: (not each.unspaced, len(each.text)))
        if word.unspaced:
            self.by_character.setdefault(word.text[0], []).append(place)
        else:
            self.by_word.setdefault(word.text, []).append(place)

    def near(self, asked: Asked) -> list[ReadRule]:
        """Those that may hold, in their order."""
        found = set(self.always)
        if self.by_word:
            found.update(*(self.by_word.get(text, ()) for text in asked.texts))
        if self.by_character:
            found.update(*(self.by_character.get(character, ()) for character in set(asked.folded)))
        return [self.rules[place] for place in sorted(found)]


def _holds(rule: ReadRule, context: Context, asked: Asked) -> bool:
    if not rule.since <= context.now < rule.until or not asks(asked, rule):
        return False
    if rule.audience and not rule.audience & _names(context):
        return False
    return not rule.chosen or rule.chosen <= _parts(context.request.filter)


def asks(asked: Asked, rule: ReadRule) -> bool:
    """Whether a query is one that the rule speaks of; any is, where it names none."""
    if rule.pattern is not None:
        return rule.pattern.match(asked.spaced_once) is not None
    wanted = [word.text for word in rule.words]
    if rule.rule.match == "contains" or not rule.rule.query:
        return all(word.text in asked.texts or (word.unspaced and word.text in asked.folded) for word in rule.words)
    if rule.rule.match == "is":
        return wanted == asked.texts
    # Where one word of a script without spaces ends depends on what follows it: from the first of them on, by letters.
    spaced = next((at for at, word in enumerate(rule.words) if word.unspaced), len(wanted))
    rest = "".join(asked.texts[spaced:])
    return wanted[:spaced] == asked.texts[:spaced] and rest.startswith("".join(wanted[spaced:]))


def _names(context: Context) -> set[str]:
    """What the person of a request is called in an audience."""
    request = context.request
    known = REGULAR if len(context.history) else NEWCOMER
    return {known, *map(fold, request.segments), *([fold(request.device)] if request.device else ())}


def _parts(filter: str) -> frozenset[str]:  # noqa: A002 - as requests call it
    """What must all be so for a filter to let an item through, folded. Raises RequestError."""
    return frozenset(_conjuncts(compile_filter(filter).condition))


def _conjuncts(condition: Condition) -> list[str]:
    if isinstance(condition, Every):
        return [text for part in condition.parts for text in _conjuncts(part)]
    return [fold(str(condition))]


def _spaced_once(text: str) -> str:
    return " ".join(text.split())


def _moment(name: str, text: str) -> float:
    """Seconds since the epoch; a day ends with its last moment. Raises RequestError."""
    if not text:
        return math.inf if name == "until" else -math.inf
    try:
        moment = datetime.fromisoformat(text)
        if name == "until" and len(text) == len("2027-01-31"):
            moment += timedelta(days=1)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise RequestError(f"{text!r} is no time", where=name, expected="a day such as 2027-01-31") from None
