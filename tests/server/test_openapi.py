"""Whatever is asked at any address of the interface, the answer is one that /openapi.json foretells, and never a 500.

The routes are read from /openapi.json itself, so that a new one is tried without a word here. By hand, for longer:
`EXAMPLES=2000 pytest tests/server/test_openapi.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest
import schemathesis
import small_shop
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import ignored_auth, negative_data_rejection, positive_data_acceptance
from schemathesis.python import asgi

from shopkeeper.keys import MAX_RATE, KeyStore, Role
from shopkeeper.server.app import create_app

EXAMPLES = int(os.environ.get("EXAMPLES", "30"))  # for each operation, as well as for each way to ask it
# No schema says which filters, surfaces and items a shop knows; of keys speaks test_keys.py.
NOT_FORETOLD = [positive_data_acceptance, ignored_auth]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[asgi.ASGIClient]:
    """A shop's interface, with a key that opens all of it."""
    shop = small_shop.open_shop(tmp_path_factory.mktemp("shop"))
    _, key = KeyStore(shop.directory).create([Role.ADMIN], rate=MAX_RATE)
    with asgi.get_client(create_app(shop)) as session:
        session.headers["X-API-Key"] = key
        yield session
    asgi.shutdown_lifespans()


@pytest.mark.parametrize("mode", GenerationMode)
def test_every_answer_is_foretold(client: asgi.ASGIClient, mode: GenerationMode, subtests: pytest.Subtests) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    for operation in (found.ok() for found in schema.get_all_operations()):
        with subtests.test(operation.label), suppress(Unsatisfiable):  # what has no parameters cannot be asked wrongly

            @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
            @given(case=operation.as_strategy(mode))
            def ask(case: schemathesis.Case) -> None:
                in_address = [] if case.operation.body else [negative_data_rejection]  # where any text is a list of one
                case.call_and_validate(session=client, excluded_checks=NOT_FORETOLD + in_address)

            ask()
