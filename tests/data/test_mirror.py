"""A catalogue that changes beside an open shop: what is told of it, once, and what is not believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from shopkeeper.data.catalogues import Catalogues
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.data.mirror import Mirror, Mirrored
from shopkeeper.errors import DataError
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import Change, Item

FIELDS = {"sku": "item_id", "name": "title", "maker": "brand", "price": "price", "left": "stock", "hue": "attribute"}
HEADER = ",".join(FIELDS)


class Shop:
    """What an open shop knows of its items."""

    def __init__(self, folder: Path) -> None:
        self.export = folder / "goods.csv"
        columns = {name: ColumnMapping(field) for name, field in FIELDS.items()}
        self.mapping = Mapping([FileMapping("goods.csv", "items", columns=columns)])
        self.folder = folder / "shop" / "cache" / "mirror"
        self.items: dict[str, Item] = {}
        self.told: list[Change] = []

    def write(self, *rows: str) -> None:
        self.export.write_text("\n".join([HEADER, *rows]), encoding="utf-8")

    def look(self, *, let_go: bool = False) -> Mirrored:
        self.told = []
        catalogues = Catalogues(self.mapping, [self.export], self.folder, DataSettings())
        mirror = Mirror(catalogues, self.folder / "before.parquet")
        return mirror.look(self.items.get, self.tell, 1.0, let_go=let_go)

    def tell(self, changes: Sequence[Change]) -> int:
        for change in changes:
            if change.deleted:
                del self.items[change.id]
            else:
                self.items[change.id] = change.applied_to(self.items.get(change.id, Item(id=change.id)))
        self.told += changes
        return len(changes)


def interrupted(_: Sequence[Change]) -> int:
    raise KeyboardInterrupt


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_what_is_new_changed_or_gone_is_told_once(shop: Shop) -> None:
    shop.write("1,杯子,Acme,5,3,red", "2,Lamp,Bolt,9,1,", "3,Chair,,20,,")
    assert shop.look() == Mirrored(listed=3, new=3, changed=0, gone=0)
    assert (shop.items["1"].title, shop.items["1"].stock, shop.items["1"].attributes) == ("杯子", 3.0, {"hue": "red"})
    assert shop.look() == Mirrored(3, 0, 0, 0)
    shop.write("1,杯子,Acme,4,0,red", "3,Chair,,20,,blue", "4,Desk,,90,,")
    assert shop.look() == Mirrored(3, 1, 2, 1)
    figures = next(change for change in shop.told if change.id == "1")
    assert (figures.item, figures.price, figures.stock, figures.available) == (None, 4.0, 0.0, False)
    assert sorted(shop.items) == ["1", "3", "4"]
    assert shop.items["3"].attributes == {"hue": "blue"}


def test_what_a_catalogue_leaves_empty_stays_as_it_is_known(shop: Shop) -> None:
    shop.items["1"] = Item(
        id="1", title="Mug", brand="Acme", price=5.0, description="Of clay", attributes={"hue": "red"}
    )
    shop.write("1,Mug,,,,")
    assert shop.look() == Mirrored(1, 0, 0, 0)
    shop.write("1,Big mug,,,,")
    assert shop.look() == Mirrored(1, 0, 1, 0)
    assert shop.items["1"] == Item(
        id="1", title="Big mug", brand="Acme", price=5.0, description="Of clay", attributes={"hue": "red"}
    )


def test_a_broken_export_takes_nothing_out(shop: Shop) -> None:
    shop.write(*(f"{number},Mug {number},,5,," for number in range(10)))
    shop.look()
    shop.write("0,Mug 0,,7,,", "1,Mug 1,,5,,", "2,Mug 2,,5,,")
    with pytest.raises(DataError, match="no longer 7 of those before") as refused:
        shop.look()
    assert "--let-go" in str(refused.value)
    assert (len(shop.items), shop.told) == (10, [])
    assert shop.look(let_go=True) == Mirrored(3, 0, 1, 7)
    assert len(shop.items) == 3


def test_a_look_that_was_stopped_is_made_up_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("1,Mug,,5,,", "2,Lamp,,9,,")
    shop.look()
    shop.write("1,Mug,,6,,")
    with monkeypatch.context() as patched:
        patched.setattr(shop, "tell", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shop.look()
    assert shop.look() == Mirrored(1, 0, 1, 1)
    assert (shop.items["1"].price, list(shop.items)) == (6.0, ["1"])


def test_a_mapping_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no catalogue"):
        Catalogues(Mapping([FileMapping("e.csv", "events")]), [tmp_path], tmp_path, DataSettings())
