"""Rules and synonyms that clients save, and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest
from asked import Ask
from processes import until

from shopkeeper.data.curation import By, Kind
from shopkeeper.errors import RequestError
from shopkeeper.server.algolia.curation import record_of_rule, record_of_synonym, rule_of, synonym_of
from shopkeeper.settings import Rule, Synonym
from shopkeeper.shop import Shop

RULES, SYNONYMS = "indexes/products/rules", "indexes/products/synonyms"
FULL = {
    "objectID": "r1",
    "enabled": True,
    "description": "Mugs in spring",
    "conditions": [{"pattern": "mug", "anchoring": "contains", "context": "spring", "filters": '"brand":"Acme"'}],
    "consequence": {
        "promote": [{"objectID": "mug-green", "position": 0}],
        "hide": [{"objectID": "mug-red"}],
        "params": {"query": "cup", "filters": '"price":1 TO 9 AND ("colour":"red" OR NOT "colour":"blue")'},
        "userData": {"redirect": "/spring", "banner": {"text": "Spring"}},
    },
    "validity": [{"from": 1_700_000_000, "until": 1_800_000_000}],
}


def test_a_rule_is_translated_and_comes_back() -> None:
    rule = rule_of(FULL, lambda name: name)
    assert rule.pin_at == {"mug-green": 1}
    assert (rule.query, rule.match, rule.audience, rule.use) == ("mug", "contains", ("spring",), "cup")
    assert (rule.since, rule.redirect, rule.banner.text) == ("2023-11-14T22:13:20+00:00", "/spring", "Spring")
    assert rule.hide.startswith("id = mug-red or not ")
    assert record_of_rule("r1", rule) == FULL


@pytest.mark.parametrize(("anchoring", "match"), [("is", "is"), ("startsWith", "starts"), ("endsWith", "pattern")])
def test_anchors_come_back(anchoring: str, match: str) -> None:
    condition = {"pattern": "red mug", "anchoring": anchoring}
    rule = rule_of({"conditions": [condition], "consequence": {}}, lambda name: name)
    assert rule.match == match
    assert record_of_rule("r", rule)["conditions"] == [condition]


@pytest.mark.parametrize(
    "wrong",
    [
        {"conditions": [{"pattern": "a"}, {"pattern": "b"}]},
        {"conditions": [{"pattern": "", "anchoring": "is"}]},
        {"conditions": [{"pattern": "{facet:brand}", "anchoring": "is"}]},
        {"conditions": [{"pattern": "a", "anchoring": "near"}]},
        {"consequence": {"params": {"typoTolerance": "strict"}}},
        {"consequence": {"userData": {"anything": 1}}},
        {"consequence": {"promote": [{"objectID": "a"}]}},
        {"consequence": {"params": {"query": {"remove": ["a"]}}}},
        {"validity": [{"from": 1}, {"from": 2}]},
        {"validity": [{"from": "soon"}]},
        {"scope": "everything"},
    ],
)
def test_what_a_rule_cannot_do_here_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        rule_of({"objectID": "r", "consequence": {}, **wrong}, lambda name: name)


def test_synonyms_are_translated_and_come_back() -> None:
    both = {"objectID": "s", "type": "synonym", "synonyms": ["mug", "cup"]}
    one = {"objectID": "s", "type": "oneWaySynonym", "input": "beaker", "synonyms": ["mug", "cup"]}
    assert synonym_of(both) == Synonym(words=("mug", "cup"))
    assert synonym_of(one) == Synonym(words=("beaker",), means=("mug", "cup"))
    assert [record_of_synonym("s", synonym_of(each)) for each in (both, one)] == [both, one]
    with pytest.raises(RequestError, match="placeholder"):
        synonym_of({"type": "placeholder", "placeholder": "<no>", "replacements": ["a"]})
    with pytest.raises(RequestError, match="words"):
        synonym_of({"type": "synonym", "synonyms": "mug"})


def test_a_saved_rule_is_followed_until_it_is_deleted(ask: Ask, search: Ask) -> None:
    rule = {
        "objectID": "lamps",
        "conditions": [{"pattern": "lamp", "anchoring": "contains", "context": "night"}],
        "consequence": {
            "promote": [{"objectID": "lamp/green", "position": 0}],
            "hide": [{"objectID": "lamp/red"}],
            "userData": {"redirect": "/lamps"},
        },
    }
    ask(f"{RULES}/lamps", rule, "PUT")

    def shown(**params: Any) -> list[str]:
        return [hit["objectID"] for hit in search("lamp", **params)["hits"]]

    until(lambda: shown(ruleContexts=["night"]) == ["lamp/green", "lamp/blue"])
    assert set(shown()) == {"lamp/red", "lamp/green", "lamp/blue"}
    answer = search("lamp", ruleContexts=["night"])
    assert answer["appliedRules"] == [{"objectID": "lamps"}]
    assert answer["userData"] == [{"redirect": "/lamps"}]
    assert answer["renderingContent"] == {"redirect": {"url": "/lamps"}}
    assert ask(f"{RULES}/search", {"query": "night"})["nbHits"] == 1
    assert ask(f"{RULES}/lamps", None, "GET")["consequence"]["hide"] == [{"objectID": "lamp/red"}]
    ask(f"{RULES}/lamps", None, "DELETE")
    until(lambda: len(shown(ruleContexts=["night"])) == 3)
    ask(f"{RULES}/lamps", None, "GET", status=404)
    ask(f"{RULES}/bad", {"objectID": "bad", "consequence": {"params": {"filters": "nobody:"}}}, "PUT", status=400)


def test_batches_add_to_what_there_is_or_take_its_place(ask: Ask) -> None:
    def synonym(id_: str) -> dict[str, Any]:
        return {"objectID": id_, "type": "synonym", "synonyms": [id_, "mug"]}

    ask(f"{SYNONYMS}/batch", [synonym("cup"), synonym("beaker")])
    ask(f"{SYNONYMS}/batch", [synonym("beaker"), synonym("tankard")])
    assert ask(f"{SYNONYMS}/search", {})["nbHits"] == 3
    assert ask(f"{SYNONYMS}/cup", None, "GET") == synonym("cup")
    ask(f"{SYNONYMS}/batch?replaceExistingSynonyms=true", [synonym("cup")])
    assert [hit["objectID"] for hit in ask(f"{SYNONYMS}/search", {"hitsPerPage": 9})["hits"]] == ["cup"]
    ask(f"{SYNONYMS}/batch", [{"objectID": "", "type": "synonym", "synonyms": ["a"]}], status=400)
    ask(f"{SYNONYMS}/batch", b"x".decode(), status=400)
    ask(f"{SYNONYMS}/clear")
    assert ask(f"{SYNONYMS}/search", {})["hits"] == []


def test_a_rule_made_here_is_shown_as_far_as_it_can_be() -> None:
    rule = Rule(query="mug", pin=("a", "b"), boost="price < 9")
    assert record_of_rule("r", rule)["consequence"] == {
        "promote": [{"objectID": "a", "position": 0}, {"objectID": "b", "position": 1}]
    }


@pytest.mark.parametrize(
    ("rule", "left_out"),
    [
        (Rule(query="mug", chosen="brand exists"), ["chosen"]),
        (Rule(query="mug", chosen="brand contains ac"), ["chosen"]),
        (Rule(query="mug", chosen="not (brand = Acme or colour = red)"), ["chosen"]),
        (Rule(query="mug*red", match="pattern"), ["query"]),
        (Rule(query="mug", hide="brand exists", boost="price < 9"), ["hide", "boost"]),
        (Rule(query="mug", hide="not brand exists"), ["hide"]),
    ],
)
def test_what_cannot_be_shown_of_a_rule_is_named_and_not_saved_again(rule: Rule, left_out: list[str]) -> None:
    record = record_of_rule("r", rule)
    assert record["leftOut"] == left_out
    with pytest.raises(RequestError, match="leftOut"):
        rule_of(record, lambda name: name)


@pytest.mark.parametrize("pattern", ["a*b", "*b"])
def test_a_star_of_a_pattern_comes_back_or_is_refused(pattern: str) -> None:
    said = {"conditions": [{"pattern": pattern, "anchoring": "contains"}], "consequence": {}}
    assert record_of_rule("r", rule_of(said, lambda name: name))["conditions"] == said["conditions"]
    with pytest.raises(RequestError, match="star"):
        rule_of({"conditions": [{"pattern": pattern, "anchoring": "endsWith"}]}, lambda name: name)


def test_rules_of_merchandisers_stand_beside_those_of_clients(ask: Ask, shop: Shop) -> None:
    by = By("Ann")
    shop.curation.put(Kind.RULE, {"ours": Rule(query="mug", chosen="brand exists")}, by)
    shop.curation.write(Kind.RULE, "open", Rule(query="lamp"), by)
    ask(f"{RULES}/theirs", {"objectID": "theirs", "consequence": {}, "conditions": [{"pattern": "mug"}]}, "PUT")
    assert ask(f"{RULES}/search", {})["nbHits"] == 2
    rule = {"objectID": "open", "consequence": {}, "conditions": [{"pattern": "mug"}]}
    assert "drafted" in ask(f"{RULES}/batch", [{**rule, "objectID": "other"}, rule], status=409)["message"]
    assert ask(f"{RULES}/search", {})["nbHits"] == 2
    assert shop.curation.entry(Kind.RULE, "open").state == "new"
