"""The routes of Algolia's API that this shop answers, at the addresses where its clients look for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper.errors import RequestError
from shopkeeper.server.algolia import answers, curation_routes, records
from shopkeeper.server.algolia.door import MAX_REQUESTS, Asking, Door, read_body, read_list, read_text
from shopkeeper.server.algolia.indices import Indices
from shopkeeper.server.algolia.insights import read_insights
from shopkeeper.server.algolia.objects import OBJECT_ID, picked
from shopkeeper.server.algolia.recommend import recommend
from shopkeeper.server.callers import Caller
from shopkeeper.server.doors import Admin, Searcher, Teller
from shopkeeper.server.intake import EventBytes, ItemBytes, SearchBytes
from shopkeeper.server.refusals import Json, Refused
from shopkeeper.shop import Shop

INDEX = "/1/indexes/{index}"


def add_routes(app: FastAPI, shop: Shop) -> None:
    """They are no part of /openapi.json: Algolia describes them."""
    door = Door(shop, Indices(shop.directory))
    _search(app, door)
    _settings(app, door)
    _tell(app, door)
    curation_routes.add_routes(app, door)
    _records(app, door)  # last, as an objectID may be any text


def _search(app: FastAPI, door: Door) -> None:
    @app.post("/1/indexes/*/queries", include_in_schema=False)
    def queries(http: HttpRequest, caller: Searcher, body: SearchBytes) -> Response:
        """Several queries in one; each is answered as it is asked."""
        by, said = Asking(http, caller), read_body(body)
        return Json({"results": [_one(door, by, each) for each in read_list(said, "requests", MAX_REQUESTS)]})

    @app.post("/1/indexes/*/recommendations", include_in_schema=False)
    def recommendations(http: HttpRequest, caller: Searcher, body: SearchBytes) -> Response:
        by, asked = Asking(http, caller), read_list(read_body(body), "requests", MAX_REQUESTS)
        return Json({"results": [recommend(door, by, each) for each in asked]})

    @app.post(f"{INDEX}/query", include_in_schema=False)
    def query(http: HttpRequest, caller: Searcher, index: str, body: SearchBytes) -> Response:
        return Json(answers.search(door, Asking(http, caller), index, read_body(body)))

    @app.get(INDEX, include_in_schema=False)
    def query_in_address(http: HttpRequest, caller: Searcher, index: str) -> Response:
        return Json(answers.search(door, Asking(http, caller), index, dict(http.query_params)))

    @app.post(f"{INDEX}/facets/{{facet}}/query", include_in_schema=False)
    def facet_query(http: HttpRequest, caller: Searcher, index: str, facet: str, body: SearchBytes) -> Response:
        return Json(answers.facet_hits(door, Asking(http, caller), index, facet, read_body(body)))

    @app.post(f"{INDEX}/browse", include_in_schema=False)
    def browse(http: HttpRequest, caller: Searcher, index: str, body: SearchBytes) -> Response:
        return Json(records.browse(door, Asking(http, caller), index, read_body(body)))

    @app.get(f"{INDEX}/browse", include_in_schema=False)
    def browse_in_address(http: HttpRequest, caller: Searcher, index: str) -> Response:
        return Json(records.browse(door, Asking(http, caller), index, dict(http.query_params)))

    @app.post("/1/indexes/*/objects", include_in_schema=False)
    def objects(http: HttpRequest, caller: Searcher, body: SearchBytes) -> Response:
        return Json(records.get(door, Asking(http, caller), read_body(body)))


def _settings(app: FastAPI, door: Door) -> None:
    @app.get("/1/indexes", include_in_schema=False)
    def indices(_: Admin) -> Response:
        """Those that were set or are replicas; all of them hold the whole shop."""
        n, replicas = len(door.shop.engine().catalogue), door.indices.names()
        items = [
            {
                **{"name": name, "entries": n, "primary": primary or None, "dataSize": 0, "fileSize": 0},
                **{
                    "createdAt": "",
                    "updatedAt": "",
                    "lastBuildTimeS": 0,
                    "pendingTask": False,
                    "numberOfPendingTasks": 0,
                },
            }
            for name, primary in replicas.items()
        ]
        return Json({"items": items, "nbPages": 1})

    @app.get(f"{INDEX}/settings", include_in_schema=False)
    def settings(_: Admin, index: str) -> Response:
        return Json(door.indices.settings(index))

    @app.put(f"{INDEX}/settings", include_in_schema=False)
    def set_settings(_: Admin, index: str, body: SearchBytes) -> Response:
        """Kept whole; what changes nothing here is said."""
        passed_over = door.indices.set(index, read_body(body))
        said = {"updatedAt": records.now(), "taskID": door.shop.log.newest().changes}
        warning = f"kept, but without effect here: {', '.join(passed_over)}"
        return Json(said | ({"message": warning} if passed_over else {}))

    @app.get(f"{INDEX}/task/{{task}}", include_in_schema=False)
    def task(_: Searcher, index: str, task: int) -> Response:  # noqa: ARG001 - as the address has it
        """Whether answers know the change already."""
        done = door.shop.log.newest().changes - door.shop.lag().changes >= task
        return Json({"status": "published" if done else "notPublished", "pendingTask": not done})

    @app.api_route("/1/keys", methods=["GET", "POST", "PUT", "DELETE"], include_in_schema=False)
    @app.api_route("/1/keys/{key}", methods=["GET", "POST", "PUT", "DELETE"], include_in_schema=False)
    def keys(_: Admin) -> Response:
        remedy = "Make them with: shopkeeper keys create"
        raise Refused(403, "address", "keys are not made or read over HTTP here", where="/1/keys", remedy=remedy)

    @app.post(f"{INDEX}/operation", include_in_schema=False)
    def operation(_: Admin, index: str) -> Response:
        what = "an index is the shop itself, so there is none to copy or move to"
        raise RequestError(what, where=index, remedy="Save the records anew, and delete those that are gone.")


def _tell(app: FastAPI, door: Door) -> None:
    @app.post("/1/events", include_in_schema=False)
    def events(http: HttpRequest, caller: Teller, body: EventBytes) -> Response:
        """Insights events; on the disk when this answers."""
        told = read_insights(read_body(body))
        sent = [caller.bind_event(event) for event in told.events]
        fresh = door.shop.record(sent)
        http.app.state.metrics.took_events(fresh, len(sent) - fresh)
        return Json({"status": 200, "message": "OK"})


def _records(app: FastAPI, door: Door) -> None:
    def written(write: Callable[..., dict[str, Any]], http: HttpRequest, caller: Caller, *said: Any) -> Response:
        return Json(write(door, Asking(http, caller), *said))

    @app.post(f"{INDEX}/batch", include_in_schema=False)
    def batch(http: HttpRequest, caller: Admin, index: str, body: ItemBytes) -> Response:  # noqa: ARG001
        return written(records.batch, http, caller, read_body(body))

    @app.post(f"{INDEX}/clear", include_in_schema=False)
    def clear(http: HttpRequest, caller: Admin, index: str) -> Response:  # noqa: ARG001
        return written(records.clear, http, caller)

    @app.post(f"{INDEX}/deleteByQuery", include_in_schema=False)
    def delete_by(http: HttpRequest, caller: Admin, index: str, body: SearchBytes) -> Response:  # noqa: ARG001
        return written(records.delete_matching, http, caller, read_body(body))

    @app.post(INDEX, include_in_schema=False)
    def add(http: HttpRequest, caller: Admin, index: str, body: ItemBytes) -> Response:  # noqa: ARG001
        return written(records.save, http, caller, read_body(body))

    @app.delete(INDEX, include_in_schema=False)
    def delete_index(_: Admin, index: str) -> Response:
        remedy = "Delete records, or clear the index."
        raise RequestError("an index is the shop itself, which is not deleted", where=index, remedy=remedy)

    @app.post(f"{INDEX}/{{object_id}}/partial", include_in_schema=False)
    def partial(http: HttpRequest, caller: Admin, index: str, object_id: str, body: ItemBytes) -> Response:  # noqa: ARG001
        create = http.query_params.get("createIfNotExists", "true") != "false"
        said = {**read_body(body), OBJECT_ID: object_id}
        return Json(records.update(door, Asking(http, caller), said, create=create))

    @app.get(f"{INDEX}/{{object_id:id}}", include_in_schema=False)
    def get(http: HttpRequest, caller: Searcher, index: str, object_id: str) -> Response:  # noqa: ARG001
        record = door.records(Asking(http, caller), [object_id])[0]
        if record is None:
            raise HTTPException(404, "ObjectID does not exist")
        names = http.query_params.get("attributesToRetrieve", "*")
        return Json(picked(record, tuple(names.split(",")), door.barred(Asking(http, caller))))

    @app.put(f"{INDEX}/{{object_id:id}}", include_in_schema=False)
    def put(http: HttpRequest, caller: Admin, index: str, object_id: str, body: ItemBytes) -> Response:  # noqa: ARG001
        return written(records.save, http, caller, {**read_body(body), OBJECT_ID: object_id})

    @app.delete(f"{INDEX}/{{object_id:id}}", include_in_schema=False)
    def delete(http: HttpRequest, caller: Admin, index: str, object_id: str) -> Response:  # noqa: ARG001
        return written(records.delete, http, caller, [object_id])


def _one(door: Door, by: Asking, said: dict[str, Any]) -> dict[str, Any]:
    index = read_text(said, "indexName")
    if said.get("type") == "facet":
        return answers.facet_hits(door, by, index, read_text(said, "facet"), said)
    return answers.search(door, by, index, said)
