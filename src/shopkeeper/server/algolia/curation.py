"""Algolia's rules and synonyms ↔ those of this shop, which keep only what they can follow: all else is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from shopkeeper.engine.conditions import Condition, Either, Is, Not
from shopkeeper.engine.filters import compile_filter
from shopkeeper.errors import RequestError, expected_in_words, read_misfit
from shopkeeper.server.algolia.door import read_text
from shopkeeper.server.algolia.filters import FieldOf, print_filters, read_filters
from shopkeeper.settings import Rule, Synonym
from shopkeeper.vocabulary import Banner, Slate

Kind = TypeVar("Kind", Rule, Synonym)
OBJECT_ID = "objectID"
ANCHORS = {"is": "is", "startsWith": "starts", "contains": "contains", "endsWith": "pattern"}
SYNONYM, ONE_WAY = "synonym", "oneWaySynonym"
# What is understood, of each part of a rule; a part that is not would change what the rule does.
_RULE = ("objectID", "conditions", "condition", "consequence", "description", "enabled", "validity", "_metadata")
_CONDITION = ("pattern", "anchoring", "context", "filters", "alternatives")
_CONSEQUENCE = ("promote", "hide", "filterPromotes", "params", "userData")
_PARAMS = ("query", "filters", "renderingContent")
_USER_DATA = ("redirect", "banner")


def rule_of(said: Mapping[str, Any], field_of: FieldOf) -> Rule:
    """Raises RequestError for what cannot be followed here."""
    _only(said, _RULE, "rule")
    conditions = said.get("conditions") or ([said["condition"]] if said.get("condition") else [{}])
    if not isinstance(conditions, list) or len(conditions) != 1 or not isinstance(conditions[0], dict):
        raise RequestError("the value does not fit", where="conditions", expected="one condition: make a rule for each")
    consequence = _object(said, "consequence")
    _only(consequence, _CONSEQUENCE, "consequence")
    params, told = _object(consequence, "params"), _object(consequence, "userData")
    _only(params, _PARAMS, "consequence.params")
    _only(told, _USER_DATA, "consequence.userData")
    redirect = _object(_object(params, "renderingContent"), "redirect").get("url") or told.get("redirect") or ""
    since, until = _validity(said)
    given = {
        "name": read_text(said, "description")[:200],
        "enabled": said.get("enabled", True),
        **_asked(conditions[0], field_of),
        "since": since,
        "until": until,
        "pin_at": _promoted(consequence),
        "hide": _hidden(consequence, params, field_of),
        "use": params.get("query") or "",
        "redirect": redirect,
        "banner": told.get("banner") or {},
    }
    return _converted(given, Rule)


def record_of_rule(id_: str, rule: Rule) -> dict[str, Any]:
    """As `rule_of` reads it. What such a rule cannot say is left out, and named in `leftOut`, which `rule_of` refuses:
    saved as it is shown, the rule would be another."""
    condition: dict[str, Any] = {}
    hidden, filters, rest = _left_out(rule.hide)
    chosen = _printed(compile_filter(rule.chosen).condition) if rule.chosen else ""
    wild = rule.match == "pattern" and (rule.query[:1] != "*" or "*" in rule.query[1:])
    unsaid = {"query": wild, "chosen": chosen is None, "audience": len(rule.audience) > 1}
    unsaid |= {"hide": rest, "boost": bool(rule.boost), "bury": bool(rule.bury)}
    if rule.query and not wild:
        anchoring = next(name for name, match in ANCHORS.items() if match == rule.match)
        pattern = rule.query.removeprefix("*") if rule.match == "pattern" else rule.query
        condition |= {"pattern": pattern, "anchoring": anchoring}
    if rule.audience:
        condition["context"] = rule.audience[0]
    if chosen:
        condition["filters"] = chosen
    places = {**{id_: place for place, id_ in enumerate(rule.pin, start=1)}, **rule.pin_at}
    banner = {name: said for name, said in msgspec.to_builtins(rule.banner).items() if said}
    told = {**({"redirect": rule.redirect} if rule.redirect else {}), **({"banner": banner} if banner else {})}
    consequence = {
        "promote": [{OBJECT_ID: id_, "position": place - 1} for id_, place in places.items()],
        "hide": [{OBJECT_ID: id_} for id_ in hidden],
        "params": {**({"query": rule.use} if rule.use else {}), **({"filters": filters} if filters else {})},
        "userData": told,
    }
    record: dict[str, Any] = {OBJECT_ID: id_, "enabled": rule.enabled, "description": rule.name}
    record |= {"conditions": [condition] if condition else []}
    record["consequence"] = {name: said for name, said in consequence.items() if said}
    if rule.since or rule.until:
        record["validity"] = [{"from": _seconds(rule.since, 0), "until": _seconds(rule.until, 2**31 - 1)}]
    left_out = [name for name, is_unsaid in unsaid.items() if is_unsaid]
    return record | ({"leftOut": left_out} if left_out else {})


def synonym_of(said: Mapping[str, Any]) -> Synonym:
    """Raises RequestError for the types that are not known here."""
    kind, words = said.get("type"), said.get("synonyms")
    if str(kind).casefold() not in (SYNONYM, ONE_WAY.casefold()):
        what = f"synonyms of the type {kind!r} are not known here"
        raise RequestError(what, where="type", expected=f"{SYNONYM} or {ONE_WAY}")
    if kind == SYNONYM:
        return _converted({"words": words}, Synonym)
    return _converted({"words": [read_text(said, "input")], "means": words}, Synonym)


def record_of_synonym(id_: str, synonym: Synonym) -> dict[str, Any]:
    if not synonym.means:
        return {OBJECT_ID: id_, "type": SYNONYM, "synonyms": list(synonym.words)}
    return {OBJECT_ID: id_, "type": ONE_WAY, "input": synonym.words[0], "synonyms": list(synonym.means)}


def consequences(slate: Slate) -> dict[str, Any]:
    """What rules say of an answer besides its hits."""
    told: list[dict[str, Any]] = [{"redirect": slate.redirect}] if slate.redirect else []
    told += [{"banner": msgspec.to_builtins(banner)} for banner in slate.banners if banner != Banner()]
    said: dict[str, Any] = {"appliedRules": [{OBJECT_ID: id_} for id_ in slate.rules]} if slate.rules else {}
    return said | ({"userData": told} if told else {})


def _asked(condition: Mapping[str, Any], field_of: FieldOf) -> dict[str, Any]:
    _only(condition, _CONDITION, "conditions")
    pattern, context = read_text(condition, "pattern"), read_text(condition, "context")
    anchoring = condition.get("anchoring", "contains")
    if anchoring not in ANCHORS:
        raise RequestError(f"unknown anchoring {anchoring!r}", where="anchoring", expected=" or ".join(ANCHORS))
    if "{facet:" in pattern or (anchoring == "is" and "pattern" in condition and not pattern):
        what = "a pattern is words here, and at least one"
        raise RequestError(what, where="pattern", remedy="Use filters, or a context.")
    if ANCHORS[anchoring] == "pattern" and "*" in pattern:
        raise RequestError("a star would stand for any words here", where="pattern", expected="words without a star")
    chosen = read_filters(read_text(condition, "filters"), field_of)
    return {
        "query": f"*{pattern}" if ANCHORS[anchoring] == "pattern" else pattern,
        "match": ANCHORS[anchoring],
        "audience": [context] if context else [],
        "chosen": str(chosen or ""),
    }


def _promoted(consequence: Mapping[str, Any]) -> dict[str, int]:
    """Positions by id: ours begin at 1."""
    places: dict[str, int] = {}
    for each in _objects(consequence, "promote"):
        ids, first = each.get("objectIDs") or [each.get(OBJECT_ID)], each.get("position")
        if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids) or not isinstance(first, int):
            raise RequestError("the value does not fit", where="promote", expected="objectID and position, from 0")
        places |= {id_: first + at + 1 for at, id_ in enumerate(ids)}
    return places


def _hidden(consequence: Mapping[str, Any], params: Mapping[str, Any], field_of: FieldOf) -> str:
    """What is hidden by name, and what the filters of a rule do not let through."""
    parts = []
    if ids := [read_text(each, OBJECT_ID) for each in _objects(consequence, "hide")]:
        parts.append(str(Is("id", tuple(ids))))
    if (filters := read_filters(read_text(params, "filters"), field_of)) is not None:
        parts.append(str(Not(filters)))
    return " or ".join(parts)


def _printed(condition: Condition) -> str | None:
    """None for what Algolia's filters cannot say."""
    try:
        return print_filters(condition)
    except RequestError:
        return None


def _left_out(hide: str) -> tuple[tuple[str, ...], str, bool]:
    """The ids and the filters of which `_hidden` made this, and whether it says anything else."""
    if not hide:
        return (), "", False
    condition = compile_filter(hide).condition
    parts = condition.parts if isinstance(condition, Either) else (condition,)
    ids = [id_ for part in parts if isinstance(part, Is) and part.name == "id" for id_ in part.values]
    filters = [text for part in parts if isinstance(part, Not) and (text := _printed(part.part)) is not None]
    named = sum(isinstance(part, Is) and part.name == "id" for part in parts)
    return tuple(ids), " AND ".join(filters), named + len(filters) < len(parts)


def _validity(said: Mapping[str, Any]) -> tuple[str, str]:
    spans = _objects(said, "validity")
    if len(spans) > 1:
        raise RequestError("several spans of time", where="validity", expected="one: make a rule for each")
    if not spans:
        return "", ""
    return _moment(spans[0].get("from")), _moment(spans[0].get("until"))


def _moment(said: Any) -> str:
    if said is None:
        return ""
    try:
        return datetime.fromtimestamp(said, UTC).isoformat(timespec="seconds")
    except (TypeError, ValueError, OverflowError, OSError):
        raise RequestError("this is no moment", where="validity", expected="seconds since the epoch") from None


def _seconds(said: str, unsaid: int) -> int:
    if not said:
        return unsaid
    moment = datetime.fromisoformat(said)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _only(said: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name, value in said.items():
        if name not in names and value:
            what = f"{name!r} is nothing that a rule of this shop can do"
            raise RequestError(what, where=where, expected=", ".join(names))


def _object(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name) or {}
    if not isinstance(value, dict):
        raise RequestError("the value does not fit", where=name, expected="an object")
    return value


def _objects(said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = said.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RequestError("the value does not fit", where=name, expected="a list of objects")
    return value


def _converted(given: Mapping[str, Any], kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        keys, message = read_misfit(error)
        where, expected = ".".join(keys) or "body", expected_in_words(message)
        raise RequestError("the value does not fit", where=where, expected=expected) from None
