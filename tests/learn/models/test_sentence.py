"""A pretrained encoder that is tuned on what queries led to: planted words that nothing but the pairs can teach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_bert import save_bert
from transformers import AlbertConfig, AlbertModel, AutoModel
from worlds import write_shop

from shopkeeper.engine.encoder import SentenceEncoder
from shopkeeper.engine.transformer import Tokens
from shopkeeper.learn import judged
from shopkeeper.learn.encoder import build_encoder
from shopkeeper.learn.models import sentence
from shopkeeper.learn.models.loop import Loop
from shopkeeper.learn.models.sentence import Known, SentenceConfig, StudentConfig, Teacher, TunedNetwork, tuned
from shopkeeper.learn.models.sentence_network import Pooled
from shopkeeper.learn.models.subword import Clicks
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import EncoderSettings, Settings, TrainSettings
from shopkeeper.vocabulary import Request, silent

COLOURS = ("red", "blue", "green", "white", "black", "pink", "grey", "gold")
THINGS = {"mug": "blorp", "lamp": "quix", "chair": "zint", "shelf": "frob", "plate": "drill", "sofa": "mork"}
TITLES = [f"{colour} {thing}" for colour, thing in product(COLOURS, THINGS)]
NEVER = [f"{colour} {THINGS[thing]}" for at, (colour, thing) in enumerate(product(COLOURS, THINGS)) if at % 7 == 0]
TRAIN = TrainSettings(threads=1)
QUICK = SentenceConfig(rate=3e-3, epochs=8, patience=8, batch=16)
ROWS = np.arange(len(TITLES), dtype=np.int32)


def pairs(seed: int | None = None) -> Clicks:
    """What colours and made-up words led to, in either order, but for some that nobody searched; by chance with a
    seed."""
    told = [
        (query, at)
        for at, (colour, thing) in enumerate(product(COLOURS, THINGS))
        for query in (f"{colour} {THINGS[thing]}", f"{THINGS[thing]} {colour}", f"a {colour} {THINGS[thing]}")
        if f"{colour} {THINGS[thing]}" not in NEVER
    ]
    rows = np.array([row for _, row in told], np.int32)
    return Clicks([query for query, _ in told], rows if seed is None else np.random.default_rng(seed).permutation(rows))


@dataclass(frozen=True)
class Base:
    folder: Path
    encoder: SentenceEncoder

    def network(self) -> Any:
        return AutoModel.from_pretrained(self.folder, attn_implementation="eager")

    def tuned(
        self,
        clicks: Clicks,
        network: Any = None,
        layers: int = 0,
        work: Path | None = None,
        config: SentenceConfig = QUICK,
    ) -> tuple[TunedNetwork | None, str]:
        known = Known.of(clicks, (), ROWS)
        read = self.encoder.tokens(known.queries), self.encoder.tokens(TITLES)
        student = StudentConfig(rate=5e-3, epochs=10, patience=10, batch=16)
        return tuned(network or self.network(), known, *read, layers, TRAIN, work, config, student)

    def vectors(self, network: Any, texts: Sequence[str]) -> torch.Tensor:
        return Pooled(network).read_all(self.encoder.tokens(texts).take(range(len(texts))))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = save_bert(tmp_path_factory.mktemp("bert"), ("a", *COLOURS, *THINGS, *THINGS.values()))
    encoder = build_encoder(EncoderSettings(model=str(folder)), tmp_path_factory.mktemp("built"), threads=1)
    assert encoder is not None
    return Base(folder, encoder)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps what `taught` learned."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def taught(base: Base, work: Path) -> TunedNetwork:
    found, told = base.tuned(pairs(), work=work)
    assert found is not None
    assert told.startswith("the tuned model serves: NDCG@10 is 0.")
    return found


def found(base: Base, network: Any) -> float:
    """The share of the queries that nobody asked whose nearest title is the right one."""
    nearest = (base.vectors(network, NEVER) @ base.vectors(network, TITLES).T).argmax(1).tolist()
    right = [f"{query.split()[0]} {thing}" for query in NEVER for thing, made in THINGS.items() if made in query]
    return float(np.mean([TITLES[at] == title for at, title in zip(nearest, right, strict=True)]))


def test_queries_that_nobody_asked_find_their_items(base: Base, taught: TunedNetwork) -> None:
    assert found(base, base.network()) < 0.5
    assert found(base, taught.network) > 0.8
    assert 0.2 <= taught.convincing <= 0.5


def test_pairs_by_chance_leave_the_encoder_as_it_was(base: Base, taught: TunedNetwork) -> None:
    """It is one that knows better already."""
    network = base.network()
    network.load_state_dict(taught.network.state_dict())
    mixed = [*pairs().queries, *pairs(seed=1).queries], np.concatenate((pairs().rows, pairs(seed=1).rows))
    found, told = base.tuned(Clicks(*mixed), network, config=SentenceConfig(rate=3e-3, epochs=1, batch=16))
    assert found is None
    assert told.startswith("it stays as it was: NDCG@10 is 0.")


def test_one_that_learned_nothing_stays_as_it_came(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that decay are no gain."""
    loss = Teacher.loss
    monkeypatch.setattr(Teacher, "loss", lambda *told: 0.0 * loss(*told))
    found, told = base.tuned(pairs(), config=SentenceConfig())
    assert found is None
    assert told.startswith("it stays as it was: NDCG@10 is 0.")
    assert told.endswith("of 24 queries that it did not learn from, which is not surely better")


@pytest.mark.parametrize(("gains", "better"), [((0.1, -0.09), False), ((0.1, 0.1), True)])
def test_one_that_is_not_surely_better_stays_as_it_came(
    base: Base, gains: tuple[float, float], better: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gains: of every other query that is watched."""
    values = [np.full(24, 0.5), *[0.5 + np.tile(gains, 12)] * 9]
    monkeypatch.setattr(Teacher, "values", lambda *_: values.pop(0))
    found, told = base.tuned(pairs(), config=SentenceConfig(epochs=1, batch=16))
    assert (found is not None) == better
    assert ("NDCG@10 is 0.5000 as it came, and 0.6000 tuned (+0.1000" in told) == better
    assert told.endswith("not surely better") != better


def test_whoever_watches_reckons_alike(base: Base) -> None:
    """What a network was before is held against what it is while it learns, where products are in fewer bits."""
    known, heard, network = Known.of(pairs(), (), ROWS), list[torch.dtype](), base.network()
    network.encoder.layer[0].output.dense.register_forward_hook(lambda _, __, told: heard.append(told.dtype))
    teacher = Teacher(known, base.encoder.tokens(known.queries), base.encoder.tokens(TITLES), QUICK, TRAIN)
    with torch.autocast("cpu", torch.bfloat16):
        figure = teacher.watch(Pooled(network))
    assert {*heard} == {torch.float32}
    assert figure == teacher.watch(Pooled(network))


def test_few_queries_are_learned_at_the_full_rate(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, rate = list[float](), Loop._rate
    monkeypatch.setattr(Loop, "_rate", lambda *told: (rates.append(rate(*told)), rates[-1])[1])
    clicks = pairs()
    base.tuned(Clicks(clicks.queries[:100], clicks.rows[:100]), config=SentenceConfig())
    assert max(rates) == SentenceConfig().rate


def test_what_is_no_stack_of_layers_has_no_student(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """ALBERT has one layer, which it uses several times."""
    size = {"embedding_size": 16, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    network = AlbertModel(AlbertConfig(vocab_size=64, intermediate_size=32, **size))
    values = [np.zeros(24), *[np.ones(24)] * 9]
    monkeypatch.setattr(Teacher, "values", lambda *_: values.pop(0))
    found, told = base.tuned(pairs(), network, layers=3, config=SentenceConfig(epochs=1))
    assert found is not None
    assert found.network is network
    assert told.startswith("the tuned model serves: ")
    assert told.endswith("it has no student, as it is no stack of layers of which some could be taken")


def test_few_queries_teach_nothing(base: Base) -> None:
    few = pairs()
    told = "not tuned: of 60 queries that led to something too few can be watched"
    assert base.tuned(Clicks(few.queries[:60], few.rows[:60])) == (None, told)


def test_the_student_is_smaller_and_near_its_teacher(base: Base, taught: TunedNetwork, work: Path) -> None:
    student, told = base.tuned(pairs(), layers=1, work=work)
    assert student is not None
    assert told.startswith("its student serves: NDCG@10 is 0.")
    assert "its student, with 1 of its 2 layers, has " in told
    assert student.network.config.num_hidden_layers == len(student.network.encoder.layer) == 1
    both = (base.vectors(network, TITLES) for network in (student.network, taught.network))
    cosines = torch.stack(list(both)).prod(0).sum(1)
    assert float(cosines.mean()) > 0.9
    assert found(base, student.network) > 0.8


def test_the_same_seed_gives_the_same_and_what_was_learned_is_kept(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = SentenceConfig(rate=3e-3, epochs=2, batch=16)
    first, _ = base.tuned(pairs(), config=one)
    base.tuned(pairs(), work=tmp_path, config=SentenceConfig(epochs=1, batch=16))
    second, _ = base.tuned(pairs(), work=tmp_path, config=one)
    monkeypatch.setattr(Teacher, "batches", lambda *_: pytest.fail("it is learned again"))
    third, _ = base.tuned(pairs(), work=tmp_path, config=one)
    assert len([*(tmp_path / "sentence").iterdir()]) == 1  # which is large
    assert first is not None
    assert second is not None
    assert third is not None
    for name, weights in first.network.state_dict().items():
        assert torch.equal(weights, second.network.state_dict()[name])
        assert torch.equal(weights, third.network.state_dict()[name])


def test_what_is_graded_lowest_is_known_and_wrong() -> None:
    """Clicks and grades of one query count alike; items that cannot be read, and queries without any, are left out."""
    request = Request(surface="search", query="Red  mug")
    judged = Asked(
        request, np.array([1, 2], np.int32), np.array([1, 3], np.float32), judged=np.array([0, 1, 2, 9], np.int32)
    )
    clicks = Clicks(["red mug", "lamp"], np.array([2, 7], np.int32))
    known = Known.of(clicks, [judged], np.arange(5, dtype=np.int32))
    assert known.queries == ["red mug"]
    np.testing.assert_allclose(known.shares.toarray(), [[0, 0.125, 0.875, 0, 0]])
    assert known.shares.indices.tolist() == [0, 1, 2]


def test_an_item_that_several_queries_led_to_is_right_for_all_of_them() -> None:
    queries = [f"query {at // 2}" for at in range(240)]
    known = Known.of(Clicks(queries, np.arange(240, dtype=np.int32) % 60), (), np.arange(60, dtype=np.int32))
    tokens = [[at] for at in range(120)]
    teacher = Teacher(known, Tokens.of(tokens), Tokens.of(tokens[:60]), SentenceConfig(batch=64), TRAIN)
    lessons = list(teacher.batches(0))
    assert sum(len(lesson.items) for lesson in lessons) > 100
    for lesson in lessons:
        right = [[known.shares[query[0], item[0]] > 0 for item in lesson.items] for query in lesson.queries]
        np.testing.assert_array_equal(lesson.shares.numpy() > 0, right)
        np.testing.assert_allclose(lesson.shares.sum(1).numpy(), 1, rtol=1e-5)


HOUR = 3_600_000_000
ITEMS = [{"item_id": str(at), "title": title} for at, title in enumerate(TITLES)]
GRADED = [{"query": f"{one} {made}", "item_id": "1", "grade": 1.0} for one in COLOURS for made in THINGS.values()]


def opened(base: Base, folder: Path, items: Sequence[dict[str, Any]] = ITEMS, **encoder: Any) -> Workshop:
    """A shop of 100 searches, an hour apart, each for an item that nobody else looked for."""
    events = []
    for at in range(100):
        of = {"actor": f"u{at}", "user_id": f"u{at}", "session_id": f"s{at}"}
        query = f"{COLOURS[at % 8]} {COLOURS[at // 8 % 8]} {COLOURS[at // 64]}"
        events.append({"event_id": f"q{at}", "type": "search", "time": at * HOUR, "query": query, **of})
        events.append({"event_id": f"v{at}", "type": "view", "time": at * HOUR + 60, "item_id": str(at % 48), **of})
    settings = Settings(encoder=EncoderSettings(**{"model": str(base.folder), "fine_tune": True} | encoder))
    return Workshop.open(write_shop(folder, items, events, GRADED), settings, folder / "cache", silent)


def test_it_knows_half_of_the_judged_queries_and_nothing_that_is_measured_later(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[Known]()
    monkeypatch.setattr(judged, "FEWEST_JUDGED_TO_LEARN", 20)
    monkeypatch.setattr(sentence, "tuned", lambda _, known, *__: (told.append(known), "not tuned"))
    assert opened(base, tmp_path).made.told == "not tuned"
    nothing = np.empty(0, np.int32)
    given = [Asked(Request(query=row["query"]), nothing, nothing.astype(np.float32)) for row in GRADED]
    graded = {one.request.query for one in judged.parted(given, [judged.ENCODER])[1][judged.ENCODER]}
    asked = [query for query in told[0].queries if set(query.split()) <= {*COLOURS}]
    assert {*told[0].queries} - {*asked} == graded
    assert 0 < len(graded) < len(GRADED)
    assert 75 <= len(asked) <= 80  # the newest fifth of the events is measured


def test_of_many_items_some_are_read_besides_those_that_were_found(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue of millions would fill the memory with its tokens."""
    told = list[tuple[Known, Tokens]]()
    monkeypatch.setattr(sentence, "AN_EPOCH", 10)
    others = [{"item_id": f"other {at}", "title": "a lamp"} for at in range(200)]
    monkeypatch.setattr(sentence, "tuned", lambda _, known, __, items, *___: (told.append((known, items)), "not tuned"))
    opened(base, tmp_path, [*ITEMS, *others])
    ((known, items),) = told
    assert len(ITEMS) <= known.shares.shape[1] == len(items) <= len(ITEMS) + 10
    assert len(np.unique(known.shares.indices)) == len(ITEMS)
    by_chance = sentence.rows_to_read(Clicks([], ROWS[:0]), (), 1_000, seed=1)
    assert len(by_chance) == len(np.unique(by_chance)) == 10


def test_what_was_tuned_is_what_serves(
    base: Base, taught: TunedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence, "tuned", lambda *_: (TunedNetwork(taught.network, 0.37), "tuned"))
    made = opened(base, tmp_path).made
    assert (made.tuned, made.told) == (True, "tuned")
    encoder = made.encoder
    assert encoder is not None
    cosines = (encoder.encode(TITLES) * base.vectors(taught.network, TITLES).numpy()).sum(axis=1)
    assert cosines.min() > 0.99
    encoder.save(tmp_path / "release")
    assert SentenceEncoder.load(tmp_path / "release").convincing == 0.37
    assert SentenceEncoder.load(tmp_path / "release").digest == encoder.digest != base.encoder.digest
