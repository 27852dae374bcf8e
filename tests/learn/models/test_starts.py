"""What one training leaves for the next: where it may start, and that it never knows anything of later."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import msgspec
import numpy as np
import pytest
import small_encoder
import torch
from chains import chains, small
from source_contract import NOW, context_of

from shopkeeper.engine.context import Material
from shopkeeper.errors import SettingsError
from shopkeeper.learn.models import lessons
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.models.lessons import checkpoint_of
from shopkeeper.learn.models.network import NextItem
from shopkeeper.learn.models.sasrec import SasRec as SasRecNetwork
from shopkeeper.learn.models.sequence import Hstu, SasRec
from shopkeeper.learn.models.starts import KEPT, Start, keep, last_kept, pretrained

CONFIG = SasRecConfig(width=8, blocks=1, heads=1)


def model_of(n_items: int, config: SasRecConfig = CONFIG, seed: int = 0) -> NextItem:
    torch.manual_seed(seed)
    return NextItem(n_items, SasRecNetwork(config, clock=True), config.width)


def start_of(rows: list[int], now: float) -> Start:
    return Start.of(model_of(len(rows)), np.array(rows, np.int32), now, now)


def test_items_are_found_again_by_their_ids(tmp_path: Path) -> None:
    """Rows may be others in another training: here every item stands two rows further on, and i9 is gone."""
    before, after = chains().catalogue, chains(n_items=14).catalogue
    start = start_of([1, 4, 9], NOW)
    keep(tmp_path, "sasrec", start, before)
    ids = [f"i{row}" for row in (13, 12, 4, 3, 2, 1)]
    moved = dataclasses.replace(after, ids=type(after.ids)(ids))
    found = last_kept(tmp_path, "sasrec", NOW + 1, moved)
    assert found is not None
    assert found.known.tolist() == [2, 5]  # i4 and i1
    torch.testing.assert_close(found.weights["items"], start.weights["items"][[1, 0]])


def test_nothing_is_taken_that_knew_the_moment_or_a_later_one(tmp_path: Path) -> None:
    catalogue = chains().catalogue
    for now in (NOW, NOW + 0.25, NOW + 1):
        keep(tmp_path, "sasrec", start_of([0, 1], now), catalogue)
    for before, expected in ((NOW + 2, NOW + 1), (NOW + 1, NOW + 0.25), (NOW + 0.25, NOW), (NOW, None)):
        found = last_kept(tmp_path, "sasrec", before, catalogue)
        assert (found.now if found else None) == expected
    assert last_kept(tmp_path, "hstu", NOW + 2, catalogue) is None


def test_what_cannot_be_read_is_passed_over_and_few_are_kept(tmp_path: Path) -> None:
    catalogue = chains().catalogue
    for day in range(KEPT + 3):
        keep(tmp_path, "sasrec", start_of([0, 1], NOW + day), catalogue)
    folder = tmp_path / "sasrec"
    assert len(list(folder.iterdir())) == KEPT
    (folder / f"{NOW + KEPT + 2}.start").write_bytes(b"half a file")
    found = last_kept(tmp_path, "sasrec", NOW + 100, catalogue)
    assert found is not None
    assert found.now == NOW + KEPT + 1


def test_a_model_whose_name_begins_alike_has_files_of_its_own(tmp_path: Path) -> None:
    shop = dataclasses.replace(chains(), work=tmp_path)
    histories = Histories.of(shop.interactions)
    for at, name in enumerate(("sasrec", *["sasrec-text"] * (KEPT + 3))):
        keep(tmp_path, name, start_of([0, 1], NOW + at), shop.catalogue)
        checkpoint = checkpoint_of(tmp_path, name, histories, (), (at,))
        assert checkpoint is not None
        checkpoint.write_bytes(b"weights")
    checkpoint_of(tmp_path, "sasrec", histories, (), ("another",))
    assert len([*(tmp_path / "sasrec-text").glob("*.pt")]) == lessons.KEPT
    found = last_kept(tmp_path, "sasrec", NOW + 100, shop.catalogue)
    assert found is not None
    assert found.now == NOW


def test_of_another_shape_it_does_not_fit() -> None:
    start = start_of([0, 1], NOW)
    assert start.fits(model_of(5))
    for other in ({"width": 16}, {"blocks": 0}):
        assert not start.fits(model_of(5, msgspec.structs.replace(CONFIG, **other)))


def test_new_items_keep_what_they_were_given() -> None:
    start, model = start_of([1, 4], NOW), model_of(3, seed=1)
    given = model.items.detach().clone()
    start.given_to(model, np.array([1, 2, 4], np.int32))
    torch.testing.assert_close(model.items.detach()[[0, 2]], start.weights["items"])
    torch.testing.assert_close(model.items.detach()[1], given[1])
    assert torch.equal(model.reader.blocks[0].gated.inner.weight, start.weights["reader.blocks.0.gated.inner.weight"])


def days(work: Path, people: int = 300) -> tuple[Material, Material]:
    """The same shop at two moments, read anew each time, as two trainings read it."""
    return tuple(  # type: ignore[return-value]
        dataclasses.replace(shop, now=now, interactions=shop.interactions.before(now), work=work)
        for shop, now in ((chains(people=people), NOW - 86_400.0 + 5), (chains(people=people), NOW))
    )


def hits(recipe: SasRec, shop: Material) -> int:
    source = recipe.fit(shop)
    walks = [context_of(shop, user=-1, items=(f"i{row - 1}", f"i{row}")) for row in range(1, 11)]
    return sum(source.retrieve(walk, 3).rows[0] == walk.anchors[-1] + 1 for walk in walks)


def test_a_training_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    early, late = days(tmp_path / "models")
    small(SasRec, epochs=20, batch=400, go_on=True).fit(early)
    assert hits(small(SasRec, epochs=1, batch=400, go_on=True), late) >= 8
    assert hits(small(SasRec, epochs=1, batch=400), late) < 8


def test_a_training_as_of_an_earlier_moment_begins_anew(tmp_path: Path) -> None:
    early, late = days(tmp_path / "models")
    anew = small(SasRec, epochs=1, go_on=True).fit(dataclasses.replace(early, work=None))
    small(SasRec, epochs=20, go_on=True).fit(late)
    source = small(SasRec, epochs=1, go_on=True).fit(early)
    for user in range(5):
        found, expected = (one.retrieve(context_of(early, user=user), 12) for one in (source, anew))
        np.testing.assert_array_equal(found.scores, expected.scores)


def test_without_a_clock_every_training_begins_anew(tmp_path: Path) -> None:
    early, late = (
        dataclasses.replace(
            shop,
            interactions=dataclasses.replace(shop.interactions, times=np.full(len(shop.interactions), np.nan)),
        )
        for shop in days(tmp_path / "models")
    )
    small(SasRec, epochs=20, go_on=True).fit(early)
    assert hits(small(SasRec, epochs=1, go_on=True, batch=400), late) < 8


def test_of_another_width_it_begins_anew_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    early, late = days(tmp_path / "models", people=40)
    small(SasRec, epochs=1, go_on=True).fit(early)
    with caplog.at_level(logging.WARNING):
        small(SasRec, epochs=1, go_on=True, width=8).fit(late)
    assert "another width or shape" in caplog.text


def test_what_was_learned_in_another_shop_is_a_beginning(tmp_path: Path) -> None:
    """Items of the same meanings under other ids: what follows a kind is known before anybody has been here."""
    encoder = small_encoder.make_encoder(tmp_path / "encoder")
    kinds = ("mug", "teapot", "lamp", "chair")
    other, here = (titled(chains(n_items=4, people=people, encoder=encoder), kinds) for people in (200, 3))
    work = tmp_path / "models"
    small(SasRec, epochs=20, text=True, go_on=True).fit(dataclasses.replace(other, work=work))
    (kept,) = work.glob("sasrec/*.start")
    for path, least, most in ((str(kept), 3, 4), ("", 0, 2)):
        source = small(SasRec, epochs=1, text=True, pretrained=path, rate=1e-5).fit(here)
        found = [source.retrieve(context_of(here, user=-1, items=(f"i{row}",)), 1).rows[0] for row in range(3)]
        assert least <= sum(row == at + 1 for at, row in enumerate(found)) <= most


def titled(shop: Material, titles: tuple[str, ...]) -> Material:
    items = shop.items.set_column(shop.items.column_names.index("title"), "title", [list(titles)])
    return dataclasses.replace(shop, items=items)


def test_what_was_learned_elsewhere_by_another_network_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = dataclasses.replace(chains(), work=tmp_path)
    small(Hstu, epochs=1, go_on=True).fit(shop)
    (kept,) = tmp_path.glob("hstu/*.start")
    with caplog.at_level(logging.WARNING):
        small(SasRec, epochs=1, pretrained=str(kept)).fit(chains())
    assert "another width or shape" in caplog.text
    (tmp_path / "rubbish.start").write_bytes(b"rubbish")
    with pytest.raises(SettingsError, match="cannot be read"):
        pretrained(tmp_path / "rubbish.start", "models.sasrec.pretrained")


def test_a_training_that_is_taken_up_again_is_the_same(tmp_path: Path) -> None:
    early, late = days(tmp_path / "models", people=40)
    small(SasRec, epochs=2, go_on=True).fit(early)
    once, again = (small(SasRec, epochs=2, go_on=True).fit(late) for _ in range(2))
    for user in range(5):
        first, second = (one.retrieve(context_of(late, user=user), 12) for one in (once, again))
        np.testing.assert_array_equal(first.scores, second.scores)
