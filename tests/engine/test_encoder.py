"""The encoder: batches, what it can read, and what it was made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_encoder import make_encoder
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from shopkeeper.engine import encoder as engine_encoder
from shopkeeper.engine.encoder import Encoder, SentenceEncoder
from shopkeeper.errors import ReleaseError


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


def test_vectors_have_length_one(encoder: Encoder) -> None:
    vectors = encoder.encode(["red mug", "lamp", "a red lamp for every day"])
    assert vectors.shape == (3, encoder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_a_batch_equals_one_by_one(encoder: Encoder) -> None:
    texts = ["red mug", "", "lamp " * 90, *(f"{'blue ' * (i % 7)}chair" for i in range(200))]
    single = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts), single, atol=1e-6)


def test_tokens_are_made_of_some_texts_at_a_time(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tokenizers say of a text takes many times the room of its tokens."""
    texts, at_once = ["red mug", "", "a red lamp", "chair", "blue"], list[int]()
    together = encoder.tokens(texts)
    monkeypatch.setattr(engine_encoder, "CHUNK", 2)
    encodings = SentenceEncoder._encodings
    monkeypatch.setattr(
        SentenceEncoder, "_encodings", lambda self, some: (at_once.append(len(some)), encodings(self, some))[1]
    )
    tokens = encoder.tokens(texts)
    assert at_once == [2, 2, 1]
    assert tokens.ids.dtype == np.int32
    np.testing.assert_array_equal(tokens.ids, together.ids)
    assert [text.tolist() for text in tokens.take(range(len(texts)))] == [
        encoding.ids for encoding in encodings(encoder, texts)
    ]
    assert len(encoder.tokens([])) == 0


def test_nothing_to_encode(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)
    assert encoder.unknown_shares([]).shape == (0,)


def test_unknown_shares(encoder: Encoder) -> None:
    shares = encoder.unknown_shares(["red mug", "red xyzzy", "xyzzy", "", "Ｒｅｄ mug"])
    assert shares.tolist() == [0, 0.5, 1, 1, 0]


def test_a_word_is_known_if_it_has_a_meaning_of_its_own(encoder: Encoder) -> None:
    assert encoder.knows("mug")
    assert not any(map(encoder.knows, ("mugg", "red mug", "", "杯子")))


def test_saved_equals_loaded(encoder: Encoder, tmp_path: Path) -> None:
    encoder.save(tmp_path / "copy")
    np.testing.assert_array_equal(
        SentenceEncoder.load(tmp_path / "copy").encode(["red mug"]), encoder.encode(["red mug"])
    )


def test_single_letters_of_a_script_are_not_reading_it(encoder: Encoder, tmp_path: Path) -> None:
    """English vocabularies hold every Cyrillic letter and some hundred Chinese characters, and mean nothing by them."""
    encoder.save(tmp_path)
    pieces = ["[UNK]", *(f"word{chr(97 + i % 26)}{i}" for i in range(400)), "н", "а", "红", "色"]
    tokenizer = Tokenizer(models.WordLevel({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Split("", "isolated")]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert SentenceEncoder.load(tmp_path).unknown_shares(["н а", "红 色"]).tolist() == [1, 1]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"lacks model\.onnx and tokenizer\.json"):
        SentenceEncoder.load(tmp_path)
