"""The daily loop: when it runs, what it leaves behind, and that serving never waits for it."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from datetime import time as TimeOfDay
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import alive, serving, until
from typer.testing import CliRunner

from shopkeeper.cli.commands import app
from shopkeeper.data.simulate import simulate
from shopkeeper.server import daily
from shopkeeper.server.daily import DailyLoop, Run, next_run
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import Event, EventType

THREE = TimeOfDay(3)
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture(scope="module", autouse=True)
def berlin() -> Iterator[None]:
    """A place whose clocks go forward on 2026-03-29 at 2:00, and back on 2026-10-25 at 3:00."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def at(text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(fold=fold).timestamp()


@pytest.mark.parametrize(
    ("now", "last", "runs"),
    [
        ("2026-06-10 01:00", "2026-06-09 03:00", "2026-06-10 03:00"),
        ("2026-06-10 03:00", "2026-06-09 03:00", "2026-06-10 03:00"),
        ("2026-06-10 03:20", "2026-06-10 03:00", "2026-06-11 03:00"),
        ("2026-06-10 06:59", "2026-06-09 03:00", "2026-06-10 06:59"),  # missed: the machine slept
        ("2026-06-10 07:01", "2026-06-09 03:00", "2026-06-11 03:00"),  # too long ago
        ("2026-06-10 03:20", "2026-09-01 12:00", "2026-06-10 03:20"),  # by a clock that was wrong
        ("2026-12-31 12:00", "2026-12-31 03:00", "2027-01-01 03:00"),
    ],
)
def test_it_runs_once_a_day_at_its_time(now: str, last: str, runs: str) -> None:
    assert next_run(at(now), THREE, at(last)) == at(runs)


def test_a_late_hour_is_made_up_for_after_midnight() -> None:
    assert next_run(at("2026-06-10 00:30"), TimeOfDay(23, 30), at("2026-06-08 23:30")) == at("2026-06-10 00:30")
    assert next_run(at("2026-06-10 00:30"), TimeOfDay(23, 30), at("2026-06-09 23:30")) == at("2026-06-10 23:30")


@pytest.mark.parametrize("hour", [0, 1, 2, 3, 4, 23])
@pytest.mark.parametrize("change", ["2026-03-28 12:00", "2026-10-24 12:00"], ids=["forward", "back"])
def test_the_days_when_clocks_change_have_one_run_each(hour: int, change: str) -> None:
    """From noon before to noon after, with half past the hour, which may come twice or never."""
    runs, last = [], at(change)
    for minute in range(24 * 60):
        now = at(change) + minute * 60
        if next_run(now, TimeOfDay(hour, 30), last) <= now:
            runs.append(now)
            last = now
    assert len(runs) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(1.7e9, 1.9e9), st.times(), st.floats(-40 * DAY, 40 * DAY))
def test_the_next_run_is_never_past_nor_far(now: float, of_day: TimeOfDay, ago: float) -> None:
    runs = next_run(now, of_day, now - ago)
    assert now <= runs <= now + 25 * HOUR
    assert next_run(runs, of_day, runs) > runs


@pytest.fixture
def due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], dict[Path, TimeOfDay]]:
    """A shop that is due now, and whose jobs are this Python program."""

    def prepare(program: str, name: str = "shop") -> dict[Path, TimeOfDay]:
        monkeypatch.setattr(daily, "TICK_S", 0.01)
        monkeypatch.setattr(daily, "COMMAND", (sys.executable, "-c", program))
        (tmp_path / name / "reports").mkdir(parents=True)
        long_ago = Run(began=time.time() - 2 * DAY, ended=0, succeeded=True, said="")
        (tmp_path / name / "reports" / "daily.json").write_bytes(msgspec.json.encode(long_ago))
        return {tmp_path / name: (datetime.now() - timedelta(minutes=1)).time()}

    return prepare


def last_run(shop: Path) -> Run:
    return msgspec.json.decode((shop / "reports" / "daily.json").read_bytes(), type=Run)


def test_both_jobs_run_one_after_the_other_and_once(
    due: Callable[..., dict[Path, TimeOfDay]], caplog: pytest.LogCaptureFixture
) -> None:
    shops = due("import sys, os; print('did', sys.argv[1], 'at', os.nice(0))")
    (shop,) = shops
    with DailyLoop(shops), caplog.at_level(logging.INFO, "shopkeeper"):
        until(lambda: last_run(shop).ended)
        time.sleep(0.2)  # in which it could run again
    said = (shop / "reports" / "daily.log").read_text()
    assert [line for line in said.splitlines() if line.startswith("did")] == ["did ingest at 19", "did train at 19"]
    assert last_run(shop).succeeded
    assert f"The daily loop of {shop} is done. did train at 19" in caplog.text


def test_a_failure_is_a_sentence_and_the_next_job_does_not_run(
    due: Callable[..., dict[Path, TimeOfDay]], caplog: pytest.LogCaptureFixture
) -> None:
    shops = due("import sys; print('items.csv: cannot be read.'); sys.exit(sys.argv[1] == 'ingest')")
    (shop,) = shops
    with DailyLoop(shops):
        until(lambda: last_run(shop).ended)
    assert (last_run(shop).succeeded, last_run(shop).said) == (False, "items.csv: cannot be read.")
    assert "failed, and will try again tomorrow. items.csv: cannot be read." in caplog.text
    assert "shopkeeper train" not in (shop / "reports" / "daily.log").read_text()


def test_of_several_shops_one_runs_at_a_time(due: Callable[..., dict[Path, TimeOfDay]], tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    program = f"import os, time; os.mkdir({str(alone)!r}); time.sleep(0.2); os.rmdir({str(alone)!r})"
    shops = due(program, "north") | due(program, "south")
    with DailyLoop(shops):
        until(lambda: all(last_run(shop).ended for shop in shops))
    assert all(last_run(shop).succeeded for shop in shops)


def test_the_end_of_the_server_ends_the_job(due: Callable[..., dict[Path, TimeOfDay]], tmp_path: Path) -> None:
    shops = due(f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    with DailyLoop(shops):
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    assert not alive(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("wrong", ["3 am", "24:00", "3:00"])
def test_a_wrong_time_is_told_what_a_time_is(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "shop.toml").write_text(f"[server]\nretrain = {json.dumps(wrong)}\n")
    said = CliRunner().invoke(app, ["search", "mug", "--shop", str(tmp_path)])
    assert said.exit_code == 2
    assert "03:00" in said.output


@pytest.mark.slow
def test_what_happened_while_the_shop_was_open_is_learned_and_served(tmp_path: Path) -> None:
    """The whole loop with real processes: a live event is taken in, a release is published, and the workers change."""
    world = simulate(tmp_path / "world", products=120, events=3_000, seed=1)
    shop = Shop.new(tmp_path / "shop", [world.exports])
    encoder = msgspec.structs.replace(shop.settings.encoder, model="none")
    train = msgspec.structs.replace(shop.settings.train, max_requests=100, threads=1)
    text = settings_text(msgspec.structs.replace(shop.settings, encoder=encoder, train=train))
    (shop.directory / "shop.toml").write_text(text)
    shop = Shop(shop.directory)
    shop.ingest()
    first = shop.train()
    before = len(shop.engine().interactions)
    shop.record([Event(id="live-1", type=EventType.VIEW, item=shop.engine().catalogue.ids.id(0), user="new")])
    (shop.directory / "reports" / "daily.json").write_bytes(msgspec.json.encode(Run(0.0, 0.0, True, "")))
    a_minute_ago = (datetime.now() - timedelta(minutes=1)).strftime("%H:%M")
    with serving("--shop", shop.directory, "--workers", 2, "--retrain", a_minute_ago) as server:
        until(lambda: server.get("/v1/health")[0] == 200)
        until(lambda: last_run(shop.directory).began)
        assert last_run(shop.directory).succeeded, (shop.directory / "reports" / "daily.log").read_text()
        until(lambda: {server.get("/v1/ready")[1]["release"] for _ in range(8)} == {shop.releases.current().id})
    assert shop.releases.current().id != first.id
    assert len(Shop(shop.directory).engine().interactions) == before + 1
