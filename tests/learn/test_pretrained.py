"""Models by name: whatever is wrong with one is a sentence that names the setting, and what is written stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_bert import save_bert
from small_reader import WORDS, write_bert

from shopkeeper.engine.encoder import SentenceEncoder
from shopkeeper.errors import SettingsError
from shopkeeper.learn import encoder as learn_encoder
from shopkeeper.learn import pretrained
from shopkeeper.learn.encoder import build_encoder
from shopkeeper.learn.pretrained import KEPT, read_tokenizer
from shopkeeper.settings import CrossEncoderSettings, EncoderSettings


def read_as_encoder(model: Path, max_tokens: int = 16) -> Any:
    return learn_encoder._pretrained(EncoderSettings(model=str(model), max_tokens=max_tokens))


def read_as_cross_encoder(model: Path, max_tokens: int = 16) -> Any:
    from shopkeeper.learn.models.cross_encoder import opened

    return opened(CrossEncoderSettings(model=str(model), max_tokens=max_tokens))


READERS = {"encoder": read_as_encoder, "cross_encoder": read_as_cross_encoder}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert(tmp_path_factory.mktemp("bert"))


@pytest.mark.parametrize(("table", "read"), READERS.items())
def test_cut_weights_are_a_sentence(table: str, read: Callable[[Path], Any], bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(SettingsError, match=rf"shop.toml, {table}.model: .*header.*{table}.download = true"):
        read(tmp_path / "cut")


@pytest.mark.parametrize(("table", "read"), READERS.items())
def test_a_tokenizer_that_cannot_be_served_is_a_sentence(
    table: str, read: Callable[[Path], Any], bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *_, **__: object())
    with pytest.raises(SettingsError, match=rf"{table}.model: .*no fast form"):
        read(bert)


def test_a_cross_encoder_that_cannot_pad_is_a_sentence(tmp_path: Path) -> None:
    """As those of the kind of GPT-2."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(("[UNK]", *WORDS))}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(tmp_path)
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    size = {"vocab_size": len(WORDS) + 1, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
    GPT2ForSequenceClassification(GPT2Config(num_labels=1, **size, **ends)).save_pretrained(tmp_path)
    with pytest.raises(SettingsError, match=r"cross_encoder.model: .*no token to pad with"):
        read_as_cross_encoder(tmp_path)


def test_a_model_that_is_no_encoder_of_texts_is_a_sentence(bert: Path, tmp_path: Path) -> None:
    """It also has to be given what it is to answer."""
    from transformers import T5Config, T5Model

    shutil.copytree(bert, tmp_path / "t5", ignore=shutil.ignore_patterns("config.json", "*.safetensors"))
    size = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": len(WORDS) + 5}
    T5Model(T5Config(**size)).save_pretrained(tmp_path / "t5")
    with pytest.raises(SettingsError, match=r"encoder.model: there is no encoder .*You must specify"):
        read_as_encoder(tmp_path / "t5")


@pytest.mark.parametrize("max_tokens", [8, 500])
def test_texts_are_cut_where_the_network_has_no_more_places(max_tokens: int, bert: Path) -> None:
    network, tokenizer = read_as_encoder(bert, max_tokens)[::-1]
    positions = network.config.max_position_embeddings
    assert len(tokenizer.encode("red mug " * 300, truncation=True)) == min(max_tokens, positions)


def test_a_tokenizer_may_know_of_fewer_places_than_the_config(bert: Path) -> None:
    """RoBERTa counts places from 2 on."""
    network, tokenizer = read_as_encoder(bert)[::-1]
    tokenizer.model_max_length = 30
    assert read_tokenizer(lambda _: tokenizer, network.config, 500).model_max_length == 30


def test_what_was_loaded_is_what_is_saved(tmp_path: Path) -> None:
    """Another training, of later events, writes into the same place meanwhile."""
    import torch

    folder = save_bert(tmp_path / "bert", WORDS)
    tokenizer, network = read_as_encoder(folder)
    loaded = SentenceEncoder.load(learn_encoder._write(tokenizer, network, tmp_path / "tuned", 0.3))
    vectors = loaded.encode(["red mug"])
    for change in range(KEPT - 1):
        with torch.no_grad():
            network.embeddings.word_embeddings.weight.add_(1.0 + change)
        learn_encoder._write(tokenizer, network, tmp_path / "tuned", 0.4)
    loaded.save(tmp_path / "release")
    released = SentenceEncoder.load(tmp_path / "release")
    assert (released.digest, released.convincing) == (loaded.digest, 0.3)
    np.testing.assert_array_equal(released.encode(["red mug"]), vectors)


def test_the_same_is_written_once_and_the_oldest_go(tmp_path: Path) -> None:
    import torch

    tokenizer, network = read_as_encoder(save_bert(tmp_path / "bert", WORDS))
    first = learn_encoder._write(tokenizer, network, tmp_path / "tuned")
    assert learn_encoder._write(tokenizer, network, tmp_path / "tuned") == first
    for change in range(KEPT):
        with torch.no_grad():
            network.embeddings.word_embeddings.weight.add_(1.0 + change)
        last = learn_encoder._write(tokenizer, network, tmp_path / "tuned")
    left = [*(tmp_path / "tuned").iterdir()]
    assert len(left) == KEPT
    assert last in left
    assert first not in left


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise OSError("no space left")

    folder = save_bert(tmp_path / "bert", WORDS)
    monkeypatch.setattr(learn_encoder, "_write_graph", broken)
    with pytest.raises(OSError, match="no space left"):
        build_encoder(EncoderSettings(model=str(folder)), tmp_path / "encoder", threads=1)
    assert not [*(tmp_path / "encoder").iterdir()]


def test_the_bundled_graph_is_built_once_for_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_bert(tmp_path / "bert", WORDS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pretrained, "bundled_weights", lambda _: str(folder))
    first = build_encoder(EncoderSettings(model="bundled"), tmp_path / "one", threads=1)
    monkeypatch.setattr(learn_encoder, "_write", lambda *_: pytest.fail("it is built again"))
    second = build_encoder(EncoderSettings(model="auto"), tmp_path / "two", threads=1)
    assert first is not None
    assert second is not None
    assert first.digest == second.digest
