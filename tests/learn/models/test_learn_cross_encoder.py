"""What a cross-encoder learns that no feature sees: which word of a title goes with which word of a query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_reader import write_bert

from shopkeeper.engine.cross_encoder import CrossEncoder
from shopkeeper.errors import DivergedError, SettingsError
from shopkeeper.learn.models.cross_encoder import (
    CrossEncoderConfig,
    CrossEncoderNetwork,
    Graded,
    Teacher,
    learned,
    opened,
)
from shopkeeper.learn.models.loop import Loop
from shopkeeper.settings import CrossEncoderSettings, TrainSettings

WANTED = {"kids": "blunt", "chef": "sharp"}  # each title holds one of both as often as the other
TRAINING = TrainSettings(threads=1, device="cpu")
CONFIG = CrossEncoderConfig(rate=3e-3, falling="no", epochs=3, patience=3, batch=8)


def lists(n: int, seed: int) -> list[Graded]:
    generator = np.random.default_rng(seed)
    shown = []
    for _ in range(n):
        asked = ("kids", "chef")[generator.integers(2)]
        titles = [f"{generator.choice(['red', 'blue'])} mug {edge}" for edge in ("blunt", "sharp") * 2]
        gains = np.array([title.endswith(WANTED[asked]) for title in titles], np.float32)
        order = generator.permutation(len(titles))
        shown.append(Graded(f"mug for {asked}", [titles[at] for at in order], gains[order]))
    return shown


def settings_of(folder: Path) -> CrossEncoderSettings:
    return CrossEncoderSettings(model=str(folder), max_tokens=16)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def encoder(work: Path) -> CrossEncoder:
    """Begun with what no query has taught."""
    bert = settings_of(write_bert(work / "bert", labels=2))
    return learned(lists(120, 0), lists(20, 1), bert, TRAINING, work / "learned", work / "kept", CONFIG)


def test_an_interplay_of_words_is_learned(encoder: CrossEncoder) -> None:
    for asked, edge in WANTED.items():
        scores = encoder.score(
            f"mug for {asked}", ["red mug sharp", "red mug blunt", "blue mug sharp", "blue mug blunt"]
        )
        best = np.argsort(-scores)[:2] % 2
        assert best.tolist() == [["sharp", "blunt"].index(edge)] * 2


def test_any_text_has_a_score(encoder: CrossEncoder) -> None:
    scores = encoder.score("红色 杯子", ["红 mug", "", "xyzzy", "mug " * 500])
    assert np.isfinite(scores).all()
    assert scores.shape == (4,)


def test_what_was_learned_is_not_learned_again(
    encoder: CrossEncoder, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Teacher, "batches", lambda *_: pytest.fail("it is learned again"))
    told = (lists(120, 0), lists(20, 1), settings_of(work / "bert"), TRAINING)
    again = learned(*told, work / "again", work / "kept", CONFIG)
    texts = ["red mug sharp", "red mug blunt"]
    np.testing.assert_array_equal(again.score("mug for chef", texts), encoder.score("mug for chef", texts))


def test_a_cross_encoder_is_taken_as_it_is_where_there_is_too_little_to_learn(tmp_path: Path) -> None:
    bert = settings_of(write_bert(tmp_path / "bert"))
    encoder = learned([], [], bert, TRAINING, tmp_path / "taken")
    network, tokenizer, ready = opened(bert)
    pairs = [("mug for chef", "red mug sharp"), ("mug", "blue plate blunt for kids"), ("a", "")]
    with torch.inference_mode():
        expected = [
            float(network.eval()(**tokenizer([query], [text], return_tensors="pt")).logits[0, 0])
            for query, text in pairs
        ]
    assert ready
    found = [float(encoder.score(query, [text])[0]) for query, text in pairs]
    np.testing.assert_allclose(found, expected, atol=0.1 * np.ptp(expected))  # what eight bits leave


def test_a_cross_encoder_that_is_taught_nothing_better_stays_as_it_is(tmp_path: Path) -> None:
    bert = settings_of(write_bert(tmp_path / "bert"))
    plain = learned([], [], bert, TRAINING, tmp_path / "taken")
    said = ("red mug sharp", "red mug blunt", "blue plate")
    watched = [Graded("mug for chef", said, np.exp(plain.score("mug for chef", said)))]  # which it has right already
    taught = learned(lists(60, 0), watched, bert, TRAINING, tmp_path / "taught", config=CONFIG)
    np.testing.assert_array_equal(taught.score("mug for chef", said), plain.score("mug for chef", said))


def test_one_that_learned_nothing_stays_as_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that decay are no gain."""
    monkeypatch.setattr(CrossEncoderNetwork, "loss", lambda network, batch: 0.0 * network(*batch.inputs.values()).sum())
    bert = settings_of(write_bert(tmp_path / "bert"))
    plain = learned([], [], bert, TRAINING, tmp_path / "taken")
    taught = learned(lists(60, 0), lists(20, 1), bert, TRAINING, tmp_path / "taught", config=CONFIG)
    said = ("red mug sharp", "red mug blunt", "blue plate")
    np.testing.assert_array_equal(taught.score("mug for chef", said), plain.score("mug for chef", said))


@pytest.mark.parametrize(("gains", "better"), [((0.1, -0.09), False), ((0.1, 0.1), True)])
def test_one_that_is_not_surely_better_stays_as_it_came(
    gains: tuple[float, float], better: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gains: of every other list that is watched."""
    values = [np.full(20, 0.5), *[0.5 + np.tile(gains, 10)] * 9]
    monkeypatch.setattr(Teacher, "values", lambda *_: values.pop(0))
    bert = settings_of(write_bert(tmp_path / "bert"))
    plain = learned([], [], bert, TRAINING, tmp_path / "taken")
    taught = learned(lists(60, 0), lists(20, 1), bert, TRAINING, tmp_path / "taught", config=CONFIG)
    said = ("red mug sharp", "red mug blunt", "blue plate")
    same = (taught.score("mug for chef", said) == plain.score("mug for chef", said)).all()
    assert same != better


def test_whoever_watches_reckons_alike(tmp_path: Path) -> None:
    """What a network was before is held against what it is while it learns, where products are in fewer bits."""
    network, tokenizer, _ = opened(settings_of(write_bert(tmp_path / "bert")))
    heard, reader = list[torch.dtype](), CrossEncoderNetwork(network, tokenizer.model_input_names).eval()
    network.classifier.register_forward_hook(lambda _, __, told: heard.append(told.dtype))
    teacher = Teacher(lists(60, 0), lists(20, 1), tokenizer, CONFIG, TRAINING)
    with torch.autocast("cpu", torch.bfloat16):
        figure = teacher.watch(reader)
    assert {*heard} == {torch.float32}
    assert figure == teacher.watch(reader)


def test_few_lists_are_learned_at_the_full_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, rate = list[float](), Loop._rate
    monkeypatch.setattr(Loop, "_rate", lambda *told: (rates.append(rate(*told)), rates[-1])[1])
    bert = settings_of(write_bert(tmp_path / "bert", labels=2))
    learned(lists(50, 0), lists(12, 1), bert, TRAINING, tmp_path / "learned")
    assert max(rates) > 0.99 * CrossEncoderConfig().rate


def test_longer_texts_than_the_network_has_places_are_learned_from_and_read(tmp_path: Path) -> None:
    wide = CrossEncoderSettings(model=str(write_bert(tmp_path / "bert", labels=2)), max_tokens=64)
    told = [one._replace(texts=[f"{text} {'red mug ' * 40}" for text in one.texts]) for one in lists(60, 0)]
    encoder = learned(told, told[:12], wide, TRAINING, tmp_path / "learned", config=CrossEncoderConfig(epochs=1))
    assert np.isfinite(encoder.score("mug for chef", told[0].texts)).all()


def test_what_is_none_yet_needs_lists(tmp_path: Path) -> None:
    bert = settings_of(write_bert(tmp_path / "bert", labels=2))
    with pytest.raises(DivergedError, match="only 3 lists to learn from"):
        learned(lists(3, 0), lists(3, 1), bert, TRAINING, tmp_path / "nothing")


def test_an_unknown_cross_encoder_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match=r"no cross-encoder '/no/such'.*cross_encoder.download = true"):
        opened(CrossEncoderSettings(model="/no/such"))
