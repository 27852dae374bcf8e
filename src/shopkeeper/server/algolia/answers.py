"""A slate → the answer that Algolia's clients and InstantSearch expect."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from shopkeeper.engine.facets import USEFUL
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.facts import PATH
from shopkeeper.release.fields import fold_text
from shopkeeper.server.algolia.curation import consequences
from shopkeeper.server.algolia.door import Asking, Door
from shopkeeper.server.algolia.highlight import Marks, highlighted, snippets
from shopkeeper.server.algolia.objects import picked
from shopkeeper.server.algolia.params import Params, facet_of, read_request
from shopkeeper.server.algolia.places import metres_from
from shopkeeper.vocabulary import Facet, Placement, Slate


def search(door: Door, by: Asking, index: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """One query. Raises RequestError."""
    params = door.params(by, index, said)
    catalogue = door.shop.engine().catalogue
    asked = _asked_facets(params, door.indices.facets(index), catalogue)
    request = read_request(params, catalogue, door.indices.sort(index, catalogue), tuple(dict.fromkeys(asked.values())))
    slate = door.slate(by, request, log=params.analytics)
    shown = {
        "hits": _hits(door, by, params, slate),
        "nbHits": slate.total,
        "page": params.page,
        "nbPages": _pages(params, slate.total),
        "hitsPerPage": params.hits_per_page,
        **_facets(params, asked, slate, catalogue),
        "exhaustive": {"facetsCount": True, "nbHits": True},
        "exhaustiveFacetsCount": True,
        "exhaustiveNbHits": True,
        "query": params.query,
        "params": _echoed(said),
        "index": index,
        "processingTimeMS": math.ceil(sum(slate.timings.values())),
        "renderingContent": params.rendering_content or {},
    }
    if params.offset is not None or params.length is not None:
        shown |= {"offset": params.start, "length": params.size}
    if params.click_analytics:
        shown["queryID"] = slate.id
    if params.user_data is not None:
        shown["userData"] = params.user_data
    shown |= consequences(slate)
    if slate.redirect:
        shown["renderingContent"] = {**shown["renderingContent"], "redirect": {"url": slate.redirect}}
    if "*" in params.response_fields:
        return shown
    return {name: value for name, value in shown.items() if name in params.response_fields}


def facet_hits(door: Door, by: Asking, index: str, attribute: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a facet that hold a text at the beginning of a word, those of most items first. Raises
    RequestError."""
    params = msgspec.structs.replace(door.params(by, index, said), hits_per_page=0, page=0, length=None, offset=None)
    catalogue = door.shop.engine().catalogue
    field = shown_facet(params, attribute, catalogue)
    request = read_request(params, catalogue, "", (field,) if field else ())
    slate = door.slate(by, msgspec.structs.replace(request, max_values=1_000), log=False)
    marks = Marks({}, params.highlight_pre_tag, params.highlight_post_tag)
    hits = [
        {"value": each.value, "highlighted": marks.prefixed(each.value, params.facet_query), "count": each.count}
        for facet in slate.facets
        for each in facet.values
        if marks.prefixed(each.value, params.facet_query) is not None
    ]
    if params.sort_facet_values_by == "alpha":
        hits.sort(key=lambda hit: str(hit["value"]))
    return {
        "facetHits": hits[: params.max_facet_hits],
        "exhaustiveFacetsCount": True,
        "processingTimeMS": math.ceil(sum(slate.timings.values())),
    }


def dressed(params: Params, records: Sequence[Mapping[str, Any]], marks: Marks) -> Iterator[dict[str, Any]]:
    """Records as hits: what was asked for of each, marked."""
    for whole in records:
        record = picked(whole, ("*",), params.unretrievable_attributes)
        hit = picked(record, params.attributes_to_retrieve)
        if params.attributes_to_highlight:
            hit["_highlightResult"] = highlighted(marks, picked(record, params.attributes_to_highlight))
        if params.attributes_to_snippet:
            asked = params.attributes_to_snippet
            hit["_snippetResult"] = snippets(marks, record, asked, params.snippet_ellipsis_text)
        yield hit


def _hits(door: Door, by: Asking, params: Params, slate: Slate) -> list[dict[str, Any]]:
    records = [door.record(by, placement.item) for placement in slate.placements]
    text = door.shop.engine().text_source(slate.surface)
    marks = Marks.of(text, params, records)
    hits = list(dressed(params, records, marks))
    if params.get_ranking_info:
        far = _distances(door, params, slate)
        for hit, placement, metres in zip(hits, slate.placements, far, strict=True):
            hit["_rankingInfo"] = _ranking_info(placement, metres)
    return hits


def _distances(door: Door, params: Params, slate: Slate) -> list[int]:
    """Metres of each hit from where it is looked for; 0 where nobody knows, or asks."""
    if params.centre is None:
        return [0] * len(slate.placements)
    ids = [placement.item.id for placement in slate.placements]
    return [metres or 0 for metres in metres_from(params.centre, ids, door.shop.engine().catalogue)]


def _ranking_info(placement: Placement, metres: int) -> dict[str, Any]:
    """What this shop can say of how a hit came to its place; the names are Algolia's, which ranks by other criteria."""
    return {
        "userScore": round(placement.score * 1_000),
        "promoted": any(reason.source == "rules" for reason in placement.reasons),
        "reasons": [reason.text for reason in placement.reasons],
        "nbTypos": 0,
        "firstMatchedWord": 0,
        "proximityDistance": 0,
        "geoDistance": metres,
        "nbExactWords": 0,
        "words": 0,
        "filters": 0,
    }


def shown_facet(params: Params, attribute: str, catalogue: Catalogue) -> str | None:
    """The facet that counts the values of an attribute; None where no item says it, or nobody may see it."""
    field = facet_of(catalogue, attribute)
    return field if field and not _is_barred(field, params, catalogue) else None


def _is_barred(field: str, params: Params, catalogue: Catalogue) -> bool:
    """Whether a field holds what is unretrievable, or what lies within."""
    barred = {fold_text(facet_of(catalogue, name) or name) for name in params.unretrievable_attributes}
    barred |= {PATH} if "category" in barred else set()
    return any(fold_text(field) == each or fold_text(field).startswith(f"{each}.") for each in barred)


def _asked_facets(params: Params, declared: Sequence[str], catalogue: Catalogue) -> dict[str, str]:
    """The field to count, by the attribute asked for. "*" is what the index declares, or else what divides an answer
    best; what no item says is passed over, as an index may come to know it, and so is what nobody may see."""
    names = [name for each in params.facets for name in (declared if each == "*" and declared else [each])]
    found: dict[str, str] = {}
    for name in names:
        if name == USEFUL:
            found[name] = name
        elif field := shown_facet(params, name, catalogue):
            found[name] = field
    return found


def _facets(params: Params, asked: Mapping[str, str], slate: Slate, catalogue: Catalogue) -> dict[str, Any]:
    if not params.facets:
        return {}
    by_field = {facet.name: facet for facet in slate.facets if not _is_barred(facet.name, params, catalogue)}
    told = {name: by_field[field] for name, field in asked.items() if field in by_field}
    if USEFUL in asked:
        told |= {name: facet for name, facet in by_field.items() if name not in asked.values()}
    counts, stats = {}, {}
    for name, facet in told.items():
        counts[name] = _counts(facet, params.sort_facet_values_by)
        if facet.minimum is not None:
            stats[name] = {"min": facet.minimum, "max": facet.maximum, "avg": facet.mean, "sum": facet.sum}
    return {"facets": counts, "facets_stats": stats}


def _counts(facet: Facet, order: str) -> dict[str, int]:
    counts = {each.value: each.count for each in facet.values}
    return dict(sorted(counts.items())) if order == "alpha" else counts


def _pages(params: Params, total: int) -> int:
    size = params.hits_per_page
    return math.ceil(min(total, params.pagination_limited_to) / size) if size else 0


def _echoed(said: Mapping[str, Any]) -> str:
    """The parameters as an address would have them."""
    if isinstance(said.get("params"), str):
        return str(said["params"])
    texts = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in said.items()
        if name not in ("indexName", "type", "params")
    }
    return urlencode(texts, errors="replace")
