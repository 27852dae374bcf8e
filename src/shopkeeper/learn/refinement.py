"""Queries that many ask → a language model's reading of them, by an OpenAI-compatible API.

Asked while training, of queries that are suggested to others, so that no shopper ever waits for a model: an answer
reads from the release what the model said of its query. What it says counts only where the catalogue has that very
value; answers are kept from training to training, and whatever fails leaves things as they were.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shopkeeper.data.durable import write_whole
from shopkeeper.engine.understanding import Refined
from shopkeeper.engine.understanding.spans import folded
from shopkeeper.errors import SettingsError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.facts import IMPLIED
from shopkeeper.settings import UnderstandingSettings
from shopkeeper.vocabulary import Progress, silent

MAX_FIELDS, MAX_VALUES = 8, 60  # of the catalogue, the commonest, that the model is told of
MAX_ANSWER = 20_000  # bytes
GIVEN_UP = 3  # failures in a row after which the model is not asked again this time
_TASK = (
    "You read search queries of an online shop. Answer with one JSON object that maps a field to the value the query "
    "asks for. Use only these fields and exactly these values; leave out what the query does not ask for. {} is a good "
    "answer."
)

_log = logging.getLogger(__name__)


def refine(
    queries: Sequence[str],
    catalogue: Catalogue,
    settings: UnderstandingSettings,
    cache: Path,
    progress: Progress = silent,
) -> dict[str, Refined]:
    """What the model reads, by folded query; {} where the shop names no model. queries: such as may be told to others.
    cache: a file of its own, with the answers to these queries and no others.

    Raises SettingsError for an address that is none, or a key that is not there.
    """
    if not settings.url:
        return {}
    headers = _headers(settings)
    offered = _offered(catalogue)
    keys = {" ".join(folded(query).text.split()): query for query in queries}
    known = _kept(cache, f"{settings.url} {settings.model} {_digest(offered)}")
    known.answers = {key: labels for key, labels in known.answers.items() if key in keys}
    _keep(cache, known)
    failures = 0
    for done, (key, query) in enumerate(keys.items()):
        progress("refine queries", done, len(keys))
        if key in known.answers or failures == GIVEN_UP:
            continue
        try:
            known.answers[key] = _read(_ask(query, offered, settings, headers), catalogue)
            failures = 0
        except (OSError, ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
            failures += 1
            _log.warning("The language model did not read a query: %s", error)
        else:
            _keep(cache, known)
    progress("refine queries", len(keys), len(keys))
    return {key: Refined(labels) for key, labels in known.answers.items() if labels}


class _Kept(msgspec.Struct):
    """what: the model and the values it was offered. answers: by folded query, the labels that were read."""

    what: str
    answers: dict[str, dict[str, str]] = {}


def _kept(cache: Path, what: str) -> _Kept:
    try:
        kept = msgspec.json.decode(cache.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):
        return _Kept(what)
    return kept if kept.what == what else _Kept(what)


def _keep(cache: Path, known: _Kept) -> None:
    """After each answer, as an interruption must not lose those before it."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    write_whole(cache, msgspec.json.encode(known))


def _headers(settings: UnderstandingSettings) -> dict[str, str]:
    if not settings.url.startswith(("http://", "https://")):
        raise SettingsError(
            f"{settings.url!r} is no address",
            where="shop.toml, understanding.url",
            expected='such as "http://localhost:11434/v1"',
        )
    headers = {"Content-Type": "application/json"}
    if settings.key_env:
        key = os.environ.get(settings.key_env)
        if not key:
            raise SettingsError(
                f"the environment has no {settings.key_env}",
                where="shop.toml, understanding.key_env",
                remedy=f"Set it before training: export {settings.key_env}=…",
            )
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _offered(catalogue: Catalogue) -> dict[str, list[str]]:
    """The fields that most items have, with their commonest values."""
    labels = catalogue.labels
    names = [name for name in labels.names if name not in IMPLIED]
    names.sort(key=lambda name: -len(labels.rows_having(name)))
    offered = {}
    for name in names[:MAX_FIELDS]:
        values = labels[name].values
        sizes = np.array([len(labels.members(name, code)) for code in range(len(values))])
        offered[name] = [values[code] for code in np.argsort(-sizes, kind="stable")[:MAX_VALUES]]
    return offered


def _digest(offered: Mapping[str, Sequence[str]]) -> str:
    return hashlib.sha256(msgspec.json.encode(offered)).hexdigest()[:16]


def _ask(
    query: str, offered: Mapping[str, Sequence[str]], settings: UnderstandingSettings, headers: Mapping[str, str]
) -> str:
    """The text that the model answers with. Raises OSError, ValueError or LookupError."""
    body = {
        "model": settings.model,
        "temperature": 0,
        "response_format": {"type": "json_object"},
        "messages": [
            {"role": "system", "content": f"{_TASK}\n{json.dumps(offered, ensure_ascii=False)}"},
            {"role": "user", "content": query},
        ],
    }
    address = f"{settings.url.rstrip('/')}/chat/completions"
    request = urllib.request.Request(address, json.dumps(body).encode(), dict(headers))
    with urllib.request.urlopen(request, timeout=settings.timeout_ms / 1000.0) as answer:
        said: Any = json.loads(answer.read(MAX_ANSWER))
    return str(said["choices"][0]["message"]["content"])


def _read(text: str, catalogue: Catalogue) -> dict[str, str]:
    """What in the answer the catalogue knows, in its own spelling. Raises ValueError where it is no JSON object."""
    said = json.loads(text)
    if not isinstance(said, dict):
        raise TypeError("the answer is no JSON object")
    found = {}
    for field, value in said.items():
        if field in catalogue.labels and field not in IMPLIED and isinstance(value, str):
            code = catalogue.labels.code_of(field, value)
            if code >= 0:
                name = catalogue.labels.names[catalogue.labels.position(field)]
                found[name] = catalogue.labels[field].values[code]
    return found
