"""The encoder of a shop's own texts, as it serves: planted features, whatever is asked."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_contract import SourceContract

from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.encoders import load_encoder
from shopkeeper.engine.sources.semantic import Semantic
from shopkeeper.engine.subword import Bags, Reading, SubwordEncoder, features

SAID = ["red mug", "blue cup for every day", "kettle and lamp", "红色马克杯", "运动鞋"]


@cache
def planted() -> SubwordEncoder:
    """It knows what SAID is made of, each feature in a direction of its own."""
    reading = Reading.of(Chinese(), 32)
    tokens, _ = reading.bags(SAID)
    hashes = np.unique(features(tokens).things)
    table = np.random.default_rng(0).normal(size=(len(hashes), 24)).astype(np.float16)
    return SubwordEncoder(hashes, table, reading, convincing=0.3)


class TestSemanticContract(SourceContract):
    recipe = Semantic()

    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls) -> Encoder:
        return planted()


def test_words_in_any_order_and_misspelt_lie_together() -> None:
    mug, swapped, misspelt, kettle = planted().encode(["red mug", "mug red", "redd mug", "kettle"])
    assert mug @ swapped == pytest.approx(1.0, abs=1e-5)
    assert mug @ misspelt > 0.8 > abs(mug @ kettle) + 0.2


def test_many_at_once_are_as_each_alone() -> None:
    encoder, texts = planted(), [*SAID, "", "mug"] * 500
    together = encoder.encode(texts)
    np.testing.assert_allclose(together[:7], np.concatenate([encoder.encode([one]) for one in texts[:7]]), atol=1e-6)
    np.testing.assert_array_equal(together[:7], together[-7:])


def test_what_it_knows_nothing_of_is_unknown() -> None:
    shares = planted().unknown_shares(["red mug", "mugs", "马克杯", "xyzzy", "数据线", "", "?!", "red xyzzy"])
    assert shares.tolist() == [0, 0, 0, 1, 1, 1, 1, 0.5]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_nothing_is_an_error(text: str) -> None:
    encoder = planted()
    length = float(np.linalg.norm(encoder.encode([text])[0]))
    assert length == pytest.approx(1.0, abs=1e-4) or length == 0.0
    assert 0 <= encoder.unknown_shares([text])[0] <= 1


@pytest.mark.parametrize("text", ["x" * 10_000, "红" * 10_000, "red mug " * 2_000])
def test_long_texts_are_cut(text: str) -> None:
    assert planted().encode([text]).shape == (1, 24)


def test_an_encoder_of_nothing_reads_nothing() -> None:
    encoder = SubwordEncoder(np.empty(0, np.uint32), np.empty((0, 8), np.float16), Reading.of(Chinese(), 8), 1.0)
    assert encoder.unknown_shares(["mug"]).tolist() == [1]
    assert not encoder.encode(["mug", ""]).any()
    assert encoder.encode([]).shape == (0, 8)


def test_saved_equals_loaded_and_needs_no_pytorch(tmp_path: Path) -> None:
    encoder = planted()
    encoder.save(tmp_path / "encoder")
    loaded = load_encoder(tmp_path / "encoder")
    assert (loaded.digest, loaded.convincing) == (encoder.digest, 0.3)
    np.testing.assert_array_equal(loaded.encode(SAID), encoder.encode(SAID))
    told = (
        "import sys; from pathlib import Path; from shopkeeper.engine.encoders import load_encoder;"
        f"load_encoder(Path({str(tmp_path / 'encoder')!r})).encode(['red mug']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", told], check=True)


def test_bags_are_joined_and_taken() -> None:
    one, other = Bags.of([[1, 2], [], [3]], np.int64), Bags.of([[4], [5], []], np.int64)
    both = one.and_(other)
    assert (both.things.tolist(), both.sizes.tolist()) == ([1, 2, 4, 5, 3], [3, 1, 1])
    assert both.take(np.array([2, 0])).things.tolist() == [3, 1, 2, 4]
    assert one.sums(np.arange(8.0)[:, None]).tolist() == [[3], [0], [3]]
