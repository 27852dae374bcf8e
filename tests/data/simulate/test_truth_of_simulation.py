"""What is planted in a simulated shop can be found in its exports."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.compute as pc
import pytest

from shopkeeper.data.simulate import Truth
from shopkeeper.errors import DataError


def sql(truth: Truth, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as database:
        database.execute(f"create view events as from '{truth.exports}/events/*.parquet'")
        database.execute(f"create view sends as from '{truth.exports}/coupon_sends.parquet'")
        for name in ("products", "coupons"):
            suffix = "parquet" if name == "products" else "csv"
            database.execute(f"create view {name} as from '{truth.exports}/{name}.{suffix}'")
        for name in ("items", "users"):
            database.execute(f"create view true_{name} as from '{truth.folder}/truth/{name}.parquet'")
        return database.execute(query).fetchall()


def test_position_bias_is_recovered_from_swaps(shop: Truth) -> None:
    """What stood first is clicked at place k as often as at place 1, times the examination of k."""
    rows = sql(
        shop,
        """
        with tried as (
            select request_id, product_id, position from events
            where event_type = 'impression' and list_test = 'swap-' || position
        ), clicked as (select distinct request_id, product_id from events where event_type = 'view')
        select position, avg((clicked.request_id is not null)::int)
        from tried left join clicked using (request_id, product_id) group by position order by position
        """,
    )
    rates = np.array([rate for _, rate in rows])
    assert len(rates) == len(shop.examination)
    np.testing.assert_allclose(rates / rates[0], shop.examination, atol=0.08)


def test_clicks_fall_faster_than_examination_where_nothing_was_swapped(shop: Truth) -> None:
    """The shop's ranking puts the better first, so the naive estimate is confounded."""
    rows = sql(
        shop,
        """
        with shown as (select request_id, product_id, position from events where event_type = 'impression'),
        clicked as (select distinct request_id, product_id from events where event_type = 'view')
        select position, avg((clicked.request_id is not null)::int)
        from shown left join clicked using (request_id, product_id) group by position order by position
        """,
    )
    rates = np.array([rate for _, rate in rows])
    assert (rates / rates[0])[-1] < shop.examination[-1] - 0.03


def _conversions(shop: Truth) -> dict[tuple[str, bool], tuple[int, float, float]]:
    """(test group, thrifty) → carts in the coupon's category and time, the share bought, the mean true lift."""
    lifts = {
        code: dict(zip(*(column.to_pylist() for column in shop.uplift(code).columns), strict=True))
        for code in shop.table("coupons")["coupon_code"].to_pylist()
    }
    rows = sql(
        shop,
        """
        select sends.test_group, true_users.thrift > 0.5, sends.coupon_code, sends.customer_id,
               exists (from events p where p.event_type = 'purchase' and p.session_id = cart.session_id
                       and p.product_id = cart.product_id)
        from events cart
        join products using (product_id)
        join coupons on split_part(products.category, ' > ', 1) = coupons.category
          and cart.event_time between coupons.valid_from and coupons.valid_until
        join sends on sends.coupon_code = coupons.coupon_code and sends.customer_id = cart.customer_id
        join true_users on true_users.customer_id = cart.customer_id
        where cart.event_type = 'add_to_cart'
        """,
    )
    outcomes: dict[tuple[str, bool], list[tuple[bool, float]]] = defaultdict(list)
    for group, thrifty, coupon, customer, bought in rows:
        outcomes[str(group), bool(thrifty)].append((bool(bought), lifts[str(coupon)][str(customer)]))
    return {
        key: (len(cases), float(np.mean([bought for bought, _ in cases])), float(np.mean([lift for _, lift in cases])))
        for key, cases in outcomes.items()
    }


def test_uplift_in_the_orders_is_the_true_one(shop: Truth) -> None:
    conversions = _conversions(shop)
    for thrifty in (True, False):
        (n_sent, sent, lift), (n_held, held, _) = conversions["sent", thrifty], conversions["held back", thrifty]
        error = sent / held * np.sqrt((1 - sent) / (sent * n_sent) + (1 - held) / (held * n_held))
        assert sent / held - 1 == pytest.approx(lift, abs=3.5 * error)
        assert error < 0.1
    assert conversions["sent", True][2] > conversions["sent", False][2] + 0.2


def test_coupons_are_redeemed_by_those_who_were_sent_them(shop: Truth) -> None:
    assert sql(
        shop,
        """
        select count(*) > 0, count(*) filter (sends.test_group is distinct from 'sent'),
               max(abs(e.price - products.price * (1 - coupons.discount_percent / 100))) < 0.011
        from events e join products using (product_id) join coupons on coupons.coupon_code = e.coupon_code
        left join sends on sends.customer_id = e.customer_id and sends.coupon_code = e.coupon_code
        where e.event_type = 'redeem'
        """,
    ) == [(True, 0, True)]


def test_bots_look_and_never_buy(shop: Truth) -> None:
    rows = sql(
        shop,
        """
        select bot, count(*) filter (event_type = 'purchase'), count(*) / count(distinct session_id),
               count(distinct product_id) / count(distinct session_id)
        from events join true_users using (customer_id) group by bot order by bot
        """,
    )
    people, booster, scraper = rows
    assert [row[0] for row in rows] == ["", "booster", "scraper"]
    assert people[1] > 0
    assert booster[1] == scraper[1] == 0
    assert booster[2] > 1.5 * people[2]
    assert scraper[2] > 1.5 * people[2]


def test_items_come_back_as_often_as_planted(shop: Truth) -> None:
    """Returns follow the planted propensity, up to those that come after the last day."""
    ((expected, seen),) = sql(
        shop,
        """
        select sum(return_probability) filter (event_type = 'purchase'), count(*) filter (event_type = 'return')
        from events join true_items using (product_id) where event_type in ('purchase', 'return')
        """,
    )
    assert 0.7 * float(str(expected)) < float(str(seen)) < 1.05 * float(str(expected))


def test_complements_are_bought_together(shop: Truth) -> None:
    ((together, chance),) = sql(
        shop,
        """
        with bought as (select distinct order_id, product_id from events where event_type = 'purchase'),
        pairs as (select a.product_id one, b.product_id other from bought a join bought b using (order_id)
                  where a.product_id <> b.product_id)
        select avg((bought_with = other)::int), 1.0 / (select count(*) from products)
        from pairs join true_items on one = true_items.product_id
        """,
    )
    assert together > 30 * chance


def test_quality_shows_in_ratings(shop: Truth) -> None:
    ((correlation,),) = sql(
        shop,
        "select corr(rating, quality) from events join true_items using (product_id) where event_type = 'rating'",
    )
    assert correlation > 0.3


def test_grades_say_what_answers_a_query(shop: Truth) -> None:
    products = {row[0]: row for row in sql(shop, "select product_id, category, colour from products")}
    grades = dict(zip(*(column.to_pylist() for column in shop.grades("red mug").columns), strict=True))
    assert 2 in grades.values()
    for product, (_, category, colour) in products.items():
        is_mug = str(category).endswith("Mugs")
        assert grades.get(product, 0) == (is_mug + (is_mug and colour == "red")), (product, category, colour)
    assert shop.grades("红色马克杯").equals(shop.grades("red mug"))
    with pytest.raises(DataError, match="no query 'unheard of'"):
        shop.grades("unheard of")
    with pytest.raises(DataError, match="no coupon"):
        shop.uplift("FREE")


def test_searches_are_in_both_languages_and_now_and_then_misspelt(shop: Truth) -> None:
    asked = Counter(row[0] for row in sql(shop, "select search_query from events where event_type = 'search'"))
    known = shop.table("queries")
    assert set(asked) <= set(known["query"].to_pylist())
    languages = dict(zip(known["query"].to_pylist(), known["language"].to_pylist(), strict=True))
    chinese = sum(count for query, count in asked.items() if languages[query] == 1) / asked.total()
    assert 0.25 < chinese < 0.55
    slips = set(known.filter(known["misspelt"])["query"].to_pylist()) - set(
        known.filter(pc.invert(known["misspelt"]))["query"].to_pylist()
    )
    assert 0.01 < sum(asked[query] for query in slips) / asked.total() < 0.08


def _hit_rates(truth: Truth) -> dict[str, tuple[float, float, float]]:
    """By model: HR@10 for the next view within a visit in the last tenth of the time, by popularity and by what
    followed the last view before; chance; and the standard error of chance."""
    rows = sql(truth, "select session_id, product_id from events where event_type = 'view' order by event_time")
    cut = int(len(rows) * 0.9)
    visits: list[dict[str, list[str]]] = [defaultdict(list), defaultdict(list)]
    for number, (session, product) in enumerate(rows):
        visits[number >= cut][str(session)].append(str(product))
    popular = [item for item, _ in Counter(item for views in visits[0].values() for item in views).most_common(10)]
    follows: dict[str, Counter[str]] = defaultdict(Counter)
    for views in visits[0].values():
        for before, after in pairwise(views):
            follows[before][after] += 1
    tested = [pair for views in visits[1].values() for pair in pairwise(views)]
    chance = 10 / truth.products
    error = float(np.sqrt(chance * (1 - chance) / len(tested)))
    by_popularity = float(np.mean([after in popular for _, after in tested]))
    by_neighbour = float(np.mean([after in dict(follows[before].most_common(10)) for before, after in tested]))
    return {"popularity": (by_popularity, chance, error), "neighbours": (by_neighbour, chance, error)}


def test_a_predictable_world_can_be_learnt(shop: Truth) -> None:
    rates = _hit_rates(shop)
    hits, chance, _ = rates["popularity"]
    assert hits > 1.8 * chance
    hits, chance, _ = rates["neighbours"]
    assert hits > 12 * chance


def test_a_random_world_cannot(random_shop: Truth) -> None:
    for hits, chance, error in _hit_rates(random_shop).values():
        assert abs(hits - chance) < 4 * error


@pytest.mark.parametrize("kind", ["view", "add_to_cart", "purchase", "wishlist", "rating"])
def test_in_a_random_world_every_item_is_as_likely(random_shop: Truth, kind: str) -> None:
    counts = np.zeros(random_shop.products)
    rows = sql(random_shop, f"select count(*) from events where event_type = '{kind}' group by product_id")
    counts[: len(rows)] = [row[0] for row in rows]
    mean = counts.mean()
    # The variance of even counts is their mean (Poisson); its own spread is sqrt(2 / n) of it.
    assert counts.var() / mean == pytest.approx(1.0, abs=5 * np.sqrt(2 / len(counts)) + 0.1)


def test_load_gives_what_simulate_gave(shop: Truth, tmp_path: Path) -> None:
    assert Truth.load(shop.folder) == shop
    with pytest.raises(DataError, match="no simulated shop"):
        Truth.load(tmp_path)
