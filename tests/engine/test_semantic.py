"""Search by meaning, with an encoder whose meanings are planted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from small_encoder import make_encoder
from source_contract import NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources.lexical import Lexical
from shopkeeper.engine.sources.semantic import Semantic, SemanticSource
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Ids, Request

ROWS = [
    {"item_id": "1", "title": "red mug"},
    {"item_id": "2", "title": "blue cup"},
    {"item_id": "3", "title": "kettle"},
    {"item_id": "4", "title": "红色马克杯"},
    {"item_id": "5", "title": "xyzzy plugh lamp"},
    {"item_id": "6"},
    {"item_id": "7", "title": "Green seat", "attributes": '{"title_zh": "绿色椅子"}', "description": "绿色\nby hand"},
]


class TestSemanticContract(SourceContract):
    recipe = Semantic()

    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
        return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material_of(items_table(ROWS), interactions_of([]), make_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def source(material: Material) -> SemanticSource:
    return Semantic().fit(material)


def found(source: SemanticSource, material: Material, query: str) -> list[int]:
    return source.retrieve(context_of(material, user=-1, query=query), 10).rows.tolist()


def test_finds_by_meaning(source: SemanticSource, material: Material) -> None:
    assert found(source, material, "scarlet beaker") == [0, 1]
    assert found(source, material, "teapot") == [2]


@pytest.mark.parametrize("query", ["", " ", "红色马克杯", "xyzzy mug", "?!", "x" * 10_000, "green"])
def test_is_silent_where_it_cannot_read_or_nothing_is_near(
    source: SemanticSource, material: Material, query: str
) -> None:
    assert found(source, material, query) == []


def test_queries_are_remembered_when_items_change(material: Material) -> None:
    source = Semantic().fit(material)
    assert found(source, material, "teapot") == [2]
    assert found(source.updated(material, np.arange(len(ROWS), dtype=np.int32)), material, "teapot") == [2]
    assert source.lookups() == (1, 1)


def test_what_it_cannot_read_has_no_vector(source: SemanticSource) -> None:
    assert source.vectors.rows.tolist() == [0, 1, 2, 6]


def test_one_readable_title_is_enough(source: SemanticSource, material: Material) -> None:
    assert found(source, material, "chair") == [6]


def test_without_an_encoder_it_is_silent() -> None:
    material = material_of(items_table(ROWS), interactions_of([]))
    assert found(Semantic().fit(material), material, "red mug") == []


def test_items_are_encoded_once_for_all_sources(material: Material) -> None:
    assert material.meanings is material.meanings
    assert material.meanings is not None
    np.testing.assert_allclose(np.linalg.norm(material.meanings.vectors, axis=1), 1, rtol=1e-5)


def asked(encoder: Encoder, titles: Sequence[str], query: str) -> tuple[str, list[int]]:
    """How an engine reads the query for its meaning, and what is found by that."""
    items = items_table([{"item_id": str(at), "title": title} for at, title in enumerate(titles)])
    material = material_of(items, interactions_of([]), encoder)
    engine = Engine(
        catalogue=material.catalogue,
        interactions=material.interactions,
        actors=Ids(()),
        sources={recipe.name: recipe.fit(material) for recipe in (Lexical(), Semantic())},
        statistics=Statistics.fit(material.catalogue, material.interactions, NOW),
        settings=Settings(),
        encoder=encoder,
    )
    context = engine.context(Request(query=query))
    return context.meant, engine.sources["semantic"].retrieve(context, 10).rows.tolist()


def test_misspelt_words_are_read_as_the_shop_reads_them(material: Material) -> None:
    assert material.encoder is not None
    assert asked(material.encoder, ["red mug", "blue cup", "kettle"], "Scarlet ketle ") == ("scarlet kettle", [2])


def test_words_that_the_encoder_knows_are_not_read_as_what_looks_alike(material: Material) -> None:
    assert material.encoder is not None
    assert asked(material.encoder, ["seal of wax", "green chair"], "seat ") == ("seat ", [1])
