"""What the mapper makes of real exports, of fixtures in public formats, and of whatever else it may be given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given, settings
from mapper_score import FIXTURES, SIMULATED, UNSEEN, Score, read_truth, score_folder, simulated_exports

from shopkeeper.data.mapper import propose
from shopkeeper.data.mapping import FileMapping, Mapping, format_mapping, parse_mapping

TRUTH = read_truth("mapper_truth.toml")
UNSEEN_TRUTH = read_truth("mapper_truth_unseen.toml")


class Shelf:
    """An export that is already in memory."""

    def __init__(self, path: str, **columns: Any) -> None:
        self.name, self.table = path, pa.table(columns)

    def sample(self, n: int = 2000) -> pa.Table:
        return self.table.slice(0, n)


def read(*shelves: Shelf) -> list[FileMapping]:
    return propose(shelves).files


def fields(file: FileMapping) -> dict[str, str]:
    return {name: column.field for name, column in file.columns.items() if column.field != "attribute"}


@pytest.mark.parametrize("name", TRUTH)
def test_named_exports_need_no_hand(name: str, real_data: Callable[[str], Path], tmp_path: Path) -> None:
    if name == SIMULATED:
        folder = simulated_exports(tmp_path)
    else:
        folder = FIXTURES / name if (FIXTURES / name).is_dir() else real_data(name)
    score = score_folder(folder, TRUTH[name])
    assert score.columns_right >= 0.98 * score.columns, score.errors
    assert score.files_right == score.files, score.errors
    assert score.facts_right, score.errors


def test_schemas_held_out_at_first() -> None:
    total = Score()
    for name, truth in UNSEEN_TRUTH.items():
        total.add(score_folder(UNSEEN / name, truth))
    assert total.columns_right >= 0.95 * total.columns, total.errors
    assert total.files_right >= 0.95 * total.files, total.errors


def test_file_without_rows_goes_by_its_names() -> None:
    empty = pa.array([], pa.string())
    items, orders = read(
        Shelf("products.csv", **{"Product ID": empty, "Name": empty, "Price": empty, "Brand": empty}),
        Shelf("orders.csv", **{"order_id": empty, "customer_id": empty, "product_id": empty, "quantity": empty}),
    )
    assert items.role == "items"
    assert fields(items) == {"Product ID": "item_id", "Name": "title", "Price": "price", "Brand": "brand"}
    assert orders.role == "order_lines"


def test_values_of_another_file_name_a_column() -> None:
    catalogue = Shelf(
        "products.csv", id=[f"SKU-{n}" for n in range(40)], title=[f"Blue mug number {n}" for n in range(40)]
    )
    log = Shelf(
        "log.csv",
        x=[f"SKU-{n % 30}" for n in range(90)],
        user=[f"u{n % 7}" for n in range(90)],
        time=[f"2024-01-{1 + n % 28:02d} 10:00:00" for n in range(90)],
    )
    assert fields(read(catalogue, log)[1])["x"] == "item_id"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([f"{d}/3/2024 09:15" for d in range(1, 29)], "%d/%m/%Y %H:%M"),
        ([f"3/{d}/2024 09:15" for d in range(1, 29)], "%m/%d/%Y %H:%M"),
        ([f"12/{d}/10 8:26" for d in range(1, 13)], "%m/%d/%y %H:%M"),  # no day above 12: the shorter span wins
        ([f"{d:02d}.03.2024" for d in range(1, 29)], "%d.%m.%Y"),
        ([f"2024年3月{d}日" for d in range(1, 29)], "%Y年%m月%d日"),
        ([f"202403{d:02d}" for d in range(1, 29)], "%Y%m%d"),
        ([str(1_700_000_000 + d) for d in range(28)], "epoch_s"),
        ([str(1_700_000_000_000 + d) for d in range(28)], "epoch_ms"),
        ([f"2024-03-{d:02d}T09:15:00Z" for d in range(1, 29)], "iso"),
    ],
)
def test_dates_are_read_by_their_values(texts: list[str], expected: str) -> None:
    keys = [f"k{n % 5}" for n in range(len(texts))]
    [file] = read(Shelf("views.csv", user_id=keys, item_id=keys[::-1], when=texts))
    assert file.columns["when"].field in ("time", "date")
    assert file.columns["when"].format == expected


def test_the_only_moments_of_a_log_are_its_time_whatever_they_are_called() -> None:
    log = {
        "user": [f"u{n % 5}" for n in range(40)],
        "sku": [f"s{n % 9}" for n in range(40)],
        "event": [("view", "purchase")[n % 2] for n in range(40)],
    }
    moments = [f"{1 + n % 28:02}.11.2025 16:{n:02}:29" for n in range(40)]
    [file] = read(Shelf("klicks.csv", **log, wann=moments))
    assert file.columns["wann"].field == "time"
    [file] = read(Shelf("klicks.csv", **log, wann=moments, irgendwann=moments[::-1]))  # which of the two?
    assert "time" not in {column.field for column in file.columns.values()}


def test_prefix_of_returned_orders() -> None:
    orders = [f"RET{n}" if n % 6 == 0 else str(50_000 + n) for n in range(60)]
    amounts = [-1 if n % 6 == 0 else 2 for n in range(60)]
    [file] = read(Shelf("sales.csv", invoice=orders, sku=[f"s{n % 9}" for n in range(60)], quantity=amounts))
    assert file.returns == "RET"


def test_order_total_is_no_line_value() -> None:
    lines = Shelf(
        "orders.csv",
        order_id=[f"o{n // 3}" for n in range(60)],
        sku=[f"s{n % 9}" for n in range(60)],
        price=[2.5 + n % 4 for n in range(60)],
        quantity=[1 + n % 3 for n in range(60)],
        total=[99.0 + n // 3 for n in range(60)],
        amount=[(2.5 + n % 4) * (1 + n % 3) for n in range(60)],
    )
    assert fields(read(lines)[0])["amount"] == "value"
    assert "total" not in fields(read(lines)[0])


def test_pictures_are_known_by_their_first_bytes() -> None:
    jpeg = [b"\xff\xd8\xff\xe0" + bytes([n]) for n in range(9)]
    [file] = read(
        Shelf("a.parquet", product=[f"p{n}" for n in range(9)], title=[f"Red mug {n}" for n in range(9)], blob=jpeg)
    )
    assert file.columns["blob"].field == "image"


def test_money_in_cents() -> None:
    [file] = read(
        Shelf(
            "products.csv", sku=[f"s{n}" for n in range(30)], name=["Blue mug"] * 30, price_cents=list(range(100, 130))
        )
    )
    assert file.columns["price_cents"].format == "unit:0.01"


def test_to_have_a_coupon_is_no_event() -> None:
    sent = {
        "client": [f"u{n % 9}" for n in range(90)],
        "voucher": [f"V{n % 11}" for n in range(90)],
        "day": [dt.datetime(2024, 1, 1 + n % 28, 8) for n in range(90)],
    }
    used = [day if n % 9 == 0 else None for n, day in enumerate(sent["day"])]
    assert [file.role for file in read(Shelf("mailing.csv", **sent))] == ["other"]
    assert [file.role for file in read(Shelf("mailing.csv", **sent, redeemed_at=used))] == ["other"]
    [redemptions] = read(Shelf("voucher_redemptions.csv", **sent))
    assert (redemptions.role, redemptions.event_type) == ("events", "redeem")
    [log] = read(Shelf("log.csv", **sent, action=["sent", "redeemed"] * 45))
    assert (log.role, log.event_types) == ("events", {"redeemed": "redeem"})


def test_percent_is_no_amount() -> None:
    [file] = read(
        Shelf(
            "coupons.csv", coupon=[f"C{n}" for n in range(30)], discount_percent=[10, 20] * 15, amount_off=[5, 3] * 15
        )
    )
    assert fields(file) == {"coupon": "coupon_id", "amount_off": "discount"}


KINDS = ["Mugs", "Lamps", "Chairs", "Desks", "Plates", "Rugs"]
KINDS_ZH = ["马克杯", "台灯", "椅子", "书桌", "盘子", "地毯"]
KINDS_DE = ["Becher", "Lampen", "Stühle", "Schreibtische", "Teller", "Teppiche"]
ROOMS = ["Kitchen", "Home"]


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ({"title": "Blue {}", "category": KINDS, "category_zh": KINDS_ZH}, ["category"]),
        ({"title": "Blue {}", "category_zh": KINDS_ZH, "category": KINDS}, ["category"]),
        ({"title_de": "Blauer {}", "category_en": KINDS, "category_de": KINDS_DE}, ["category_de"]),
        ({"title": "Blue {}", "Kategorie": KINDS_DE, "类目": KINDS_ZH, "category": KINDS}, ["Kategorie"]),
        ({"标题": "蓝色{}", "category": KINDS, "类目": KINDS_ZH}, ["类目"]),
        ({"标题": "蓝色{}", "分类英文": KINDS, "分类": KINDS_ZH}, ["分类"]),
        ({"title": "Blue {}", "department": ROOMS, "category": KINDS}, ["department", "category"]),
    ],
)  # fmt: skip
def test_categories_are_read_in_the_language_of_the_titles(columns: dict[str, Any], kept: list[str]) -> None:
    rows = range(60)
    table = {
        name: [said.format(n) if isinstance(said, str) else said[n % len(said)] for n in rows]
        for name, said in columns.items()
    }
    [file] = read(Shelf("products.csv", sku=[f"s{n}" for n in rows], **table))
    assert [name for name, field in fields(file).items() if field == "category"] == kept
    told = [name for name, column in file.columns.items() if "in another language" in column.evidence]
    assert sorted([*told, *kept]) == sorted(set(columns) - {"title", "title_de", "标题"})


def log_of(kinds: list[Any]) -> FileMapping:
    rows = range(len(kinds))
    [file] = read(
        Shelf("log.csv", user_id=[f"u{n % 9}" for n in rows], item_id=[f"i{n % 11}" for n in rows], behavior_type=kinds)
    )
    assert file.columns["behavior_type"].field == "event_type"
    return file


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({1: 900, 2: 30, 3: 60, 4: 10}, {"1": "view", "3": "cart", "2": "favourite", "4": "purchase"}),
        ({7: 5, 8: 20, 9: 300}, {"9": "view", "8": "cart", "7": "purchase"}),
        ({1: 90, 2: 60, 3: 20}, {"1": "view"}),  # views are not far more
        ({1: 900, 2: 30, 3: 30, 4: 30}, {"1": "view"}),  # nothing is rarest
        ({1: 900, 2: 30}, {"1": "view"}),  # carts or purchases
        ({1: 900, 2: 60, 3: 50, 4: 40, 5: 10}, {"1": "view"}),
        ({"A": 900, "B": 60, "C": 10}, {"A": "view", "B": "cart", "C": "purchase"}),
    ],
)
def test_bare_codes_are_read_by_frequency_or_not_at_all(amounts: dict[Any, int], expected: dict[str, str]) -> None:
    file = log_of([code for code, amount in amounts.items() for _ in range(amount)])
    column = file.columns["behavior_type"]
    assert file.event_types == expected
    assert column.confidence < 0.5
    assert "bare codes" in column.evidence
    assert all(repr(str(code)) in column.evidence for code in amounts if str(code) not in expected)


def test_only_what_is_known_to_be_no_event_is_left_out() -> None:
    file = log_of(["view", "view", "cart", "xk9", "login"] * 20)
    assert file.event_types == {"cart": "cart", "login": "ignore", "view": "view"}
    assert "'xk9'" in file.columns["behavior_type"].evidence
    assert file.columns["behavior_type"].confidence < log_of(["view", "cart"] * 50).columns["behavior_type"].confidence


def test_page_view_is_a_view_where_nothing_else_is() -> None:
    assert log_of(["page_view", "add_to_cart"] * 50).event_types["page_view"] == "view"
    assert log_of(["page_view", "view_item", "add_to_cart"] * 50).event_types["page_view"] == "ignore"


def test_numbers_are_not_a_shop() -> None:
    table = {f"f{n}": [float(n * row) for row in range(50)] for n in range(30)}
    assert read(Shelf("features.csv", **table))[0].role == "other"


values = st.one_of(
    st.none(), st.text(max_size=12), st.integers(-(2**60), 2**60), st.floats(), st.booleans(), st.binary(max_size=6),
    st.datetimes(), st.dates(), st.lists(st.integers(-9, 9), max_size=3), st.lists(st.text(max_size=3), max_size=3),
    st.fixed_dictionaries({"key": st.text(max_size=3), "value": st.none() | st.integers(-9, 9)}),
)  # fmt: skip
NAMES = st.sampled_from(
    ["id", "ID", "Id ", "商品编号", "商品编号2", "", "a.b", "time", "price", "prix", "🛒", "items", "items.id"]
)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Any columns: each of one kind of values, many of them null, under names of every sort."""
    rows = draw(st.integers(0, 6))
    names = draw(st.lists(st.one_of(NAMES, st.text(max_size=8)), min_size=1, max_size=5, unique=True))
    columns = []
    for _ in names:
        first = draw(values)
        column = [first if draw(st.booleans()) else None for _ in range(rows)]
        columns.append(pa.array(column))
    return pa.table(dict(zip(names, columns, strict=True)))


@settings(max_examples=60, deadline=None)
@given(st.lists(tables(), min_size=1, max_size=3), st.text(max_size=10))
def test_any_table_gets_a_valid_mapping(drawn: list[pa.Table], name: str) -> None:
    shelves = [Shelf(f"{name}{place}.csv") for place in range(len(drawn))]
    for shelf, table in zip(shelves, drawn, strict=True):
        shelf.table = table
    mapping = propose(shelves)
    assert [file.path for file in mapping.files] == [shelf.name for shelf in shelves]
    for file, table in zip(mapping.files, drawn, strict=True):
        assert set(table.column_names) <= set(file.columns)
    assert parse_mapping(format_mapping(mapping)) == mapping


def test_nothing_gives_nothing() -> None:
    assert propose([]) == Mapping([])


def test_dates_of_arrow_need_no_format() -> None:
    days = [dt.date(2024, 1, 1 + n) for n in range(20)]
    [file] = read(Shelf("views.csv", user_id=["a", "b"] * 10, item_id=[f"i{n % 4}" for n in range(20)], day=days))
    assert (file.columns["day"].field, file.columns["day"].format) == ("date", "")
