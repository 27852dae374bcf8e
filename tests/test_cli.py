"""The commands: what they print, in a pipe as on a terminal, and how they end."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import small_shop
from typer.testing import CliRunner, Result

from shopkeeper.cli import show
from shopkeeper.cli.app import minutes_of
from shopkeeper.cli.commands import app
from shopkeeper.cli.progress import shown
from shopkeeper.data.curation import Kind
from shopkeeper.data.tables import Tables
from shopkeeper.learn.metrics import Comparison, Estimate
from shopkeeper.learn.tune import Tuning
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import parse_settings


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shops") / "small"
    small_shop.open_shop(directory)
    return directory


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_search_shows_titles_prices_and_reasons(shop: Path) -> None:
    said = run("search", "红色马克杯", "--shop", shop, "--facet", "brand")
    assert said.exit_code == 0
    for part in ("mug-red", "Red mug 红色马克杯", "5.00 EUR", "matches"):
        assert part in said.stdout


def test_what_looks_like_markup_stays_text(shop: Path) -> None:
    assert "Bolt & <b>Co</b> (1)" in run("search", "mug", "--shop", shop, "--facet", "brand").stdout
    said = run("search", "[bold]mug[/bold]", "--shop", shop)
    assert said.exit_code == 0


def test_json_is_only_json(shop: Path) -> None:
    for arguments in (["search", "mug"], ["recommend", "--user", "u1"], ["recommend", "--item", "mug-red"]):
        slate = json.loads(run(*arguments, "--shop", shop, "--json").stdout)
        assert slate["placements"][0]["item"]["id"]
    told = json.loads(run("explain", "mug-red", "--query", "mug", "--shop", shop, "--json").stdout)
    assert told["verdict"] == "shown"
    assert isinstance(json.loads(run("doctor", "--shop", shop, "--json").stdout), list)
    assert json.loads(run("evaluate", "--shop", shop, "--json").stdout) == {}


def test_recommend_chooses_the_surface_by_what_it_is_given(shop: Path) -> None:
    assert json.loads(run("recommend", "--shop", shop, "--json").stdout)["surface"] == "home"
    assert json.loads(run("recommend", "--item", "mug-red", "--shop", shop, "--json").stdout)["surface"] == "similar"
    assert run("recommend", "--surface", "popular", "--shop", shop).exit_code == 0


def test_explain_says_a_sentence(shop: Path) -> None:
    assert "price" in run("explain", "mug-red", "--query", "mug", "--filter", "price > 6", "--shop", shop).stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["search", ""], "needs a query"),
        (["search", "\udcff\udcfe"], "this is no text"),
        (["search", "mug", "--filter", "prise < 3"], "price"),
        (["recommend", "--surface", "hom"], "Did you mean 'home'?"),
        (["rollback"], "no earlier release"),
        (["rollback", "--to", "then"], "there is no release 'then'"),
        (["tune", "slsit"], "Did you mean 'slist'?"),
        (["tune", "popular"], "the source 'popular' has no settings to tune"),
        (["tune", "slist", "--trials", "0"], "0 trials find nothing"),
    ],
)
def test_a_mistake_ends_with_a_sentence(shop: Path, arguments: list[str], part: str) -> None:
    said = run(*arguments, "--shop", shop)
    assert said.exit_code == 2
    assert part in said.stderr
    assert "Traceback" not in said.output


def test_no_shop_and_no_release_end_with_a_sentence(tmp_path: Path) -> None:
    missing = run("search", "mug", "--shop", tmp_path)
    assert (missing.exit_code, "there is no shop.toml" in missing.stderr) == (2, True)
    (tmp_path / "shop.toml").touch()
    untrained = run("search", "mug", "--shop", tmp_path)
    assert (untrained.exit_code, "shopkeeper train" in untrained.stderr) == (2, True)


def test_an_interruption_ends_with_a_sentence(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Shop, "train", interrupted)
    said = run("train", "--shop", shop)
    assert said.exit_code == 130
    assert "run it again to go on" in said.stderr


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ('[[rules]]\nbury = "lager < 3"', "there is no field 'lager'"),
        ('[surfaces.checkout]\nsources = ["bougt_together"]', "Did you mean 'bought_together'?"),
        ("[models.slsit]\nitems = 9", "Did you mean 'slist'?"),
        ("[models.slist]\nitms = 9", "unknown key 'models.slist.itms'"),
        ("[models.popular]\nitems = 9", "These have settings: als, "),
    ],
)
def test_what_shop_toml_asks_in_vain_stops_the_start(tmp_path: Path, table: str, part: str) -> None:
    small_shop.open_shop(tmp_path / "shop")
    with (tmp_path / "shop" / "shop.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{table}\n")
    stopped = run("serve", "--shop", tmp_path / "shop", "--port", 0)
    assert (stopped.exit_code, part in stopped.stderr) == (2, True)
    assert "is open" not in stopped.stdout


def test_training_before_ingest_ends_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("", encoding="utf-8")
    stopped = run("train", "--shop", tmp_path)
    assert (stopped.exit_code, "there are no tables" in stopped.stderr) == (2, True)
    assert not list((tmp_path / "releases").glob("2*"))


def test_a_taken_port_ends_with_a_sentence(shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = run("serve", "--shop", shop, "--port", taken.getsockname()[1])
    assert (said.exit_code, "--port" in said.stderr) == (2, True)


def test_rollback_returns_to_the_release_before(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    first = shop.releases.current().id
    small_shop.publish(tmp_path, shop.settings)
    said = run("rollback", "--shop", tmp_path)
    assert (said.exit_code, first in said.stdout) == (0, True)
    assert shop.releases.current().id == first


def test_evaluate_says_that_it_measures_nothing_anew() -> None:
    assert "when it was trained" in run("evaluate", "--help").stdout


def test_evaluate_prints_where_the_report_lies(shop: Path) -> None:
    assert run("evaluate", "--shop", shop, "--html").stdout.strip().endswith("evaluation/report.html")
    assert "too few events" in run("evaluate", "--shop", shop).stdout


def test_metrics_are_a_table_next_to_popularity(capsys: pytest.CaptureFixture[str]) -> None:
    figure = {"ndcg@10": {"value": 0.25, "low": 0.2, "high": 0.3}}
    show.metrics({"surfaces": {"home": {"requests": 1200, "systems": {"served": figure, "popularity": figure}}}})
    said = capsys.readouterr().out
    for part in ("home: 1,200 requests held back", "served", "popularity", "0.2500 (0.200–0.300)"):
        assert part in said


def test_popularity_is_not_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    figure, best = ({"ndcg@10": {"value": value, "low": value, "high": value}} for value in (0.25, 0.5))
    systems = {"served": best, "popular": figure, "popularity": figure}
    show.metrics({"surfaces": {"home": {"requests": 1200, "systems": systems}}})
    assert "popularity" not in capsys.readouterr().out


def test_surfaces_that_were_not_measured_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"requests": 40, "systems": {}}
    show.metrics({"surfaces": {"home": figures}, "unasked": ["search", "cart"]})
    assert "Not measured, as no requests for them were held back: search, cart" in capsys.readouterr().out
    show.metrics({"surfaces": {}, "unasked": ["home"]})
    assert "Not measured" not in capsys.readouterr().out


def test_what_was_tuned_is_a_table_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    figure, gain = Estimate(0.25, 0.2, 0.3), Comparison(Estimate(0.01, -0.01, 0.03), 0.8)
    found = Tuning("slist", "home", 1200, 9, 2, before=figure, ndcg=figure, gain=gain, settings={"ridge": 12.5})
    show.tuned(found)
    said = capsys.readouterr().out
    for part in (
        "9 trials, 2 of them given up early",
        "0.2500 (0.200–0.300)",
        "within what chance does",
        "1,200 requests",
    ):
        assert part in said
    assert parse_settings(said[said.index("[models") :]).models == {"slist": {"ridge": 12.5}}


@pytest.mark.parametrize(("given", "minutes"), [([], None), (["--budget", "90s"], 1.5)])
def test_tune_asks_the_shop(
    shop: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], minutes: float | None
) -> None:
    asked = list[Any]()
    monkeypatch.setattr(Shop, "tune", lambda _, model, __, **named: asked.append((model, named)) or {"found": 1})
    assert json.loads(run("tune", "slist", "--shop", shop, "--trials", 7, "--json", *given).stdout) == {"found": 1}
    assert asked == [("slist", {"trials": 7, "budget_minutes": minutes})]


def test_the_table_of_a_release_is_read_at_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    estimate = {"value": 0.12345, "low": 0.1, "high": 0.2}
    measures = dict.fromkeys(("ndcg@10", "hr@10", "mrr@10", "coverage@10"), estimate)
    systems = dict.fromkeys(("served", "viewed_together", "a_model_of_a_long_name", "popularity"), measures)
    group = {"requests": 4_000, "systems": systems, "against": {}}
    nobody = {"requests": 0, "systems": {}, "against": {}}
    figures = {"requests": 5_000, "systems": systems, "groups": {"newcomers": group, "heavy users": nobody}}
    console = show.Console(width=100, record=True, highlight=False)
    monkeypatch.setattr(show, "console", lambda: console)
    show.metrics({"surfaces": {"home": figures}})
    said = console.export_text()
    (newcomers,) = [line for line in said.splitlines() if line.lstrip().startswith("newcomers")]
    assert newcomers.split() == ["newcomers", "4,000", "0.1235", "(0.100–0.200)", "0.1235", "0.1235", "viewed_together"]
    assert any(line.split() == ["heavy", "users", "0"] for line in said.splitlines())
    (served,) = [line for line in said.splitlines() if line.lstrip().startswith("served")]
    assert served.split() == ["served", "0.1235", "(0.100–0.200)", "0.1235", "0.1235", "0.1235"]


def test_a_group_that_one_source_alone_serves_better_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    systems = {
        name: {"ndcg@10": {"value": value, "low": value, "high": value}}
        for name, value in (("served", 0.05), ("similar", 0.125), ("popularity", 0.0))
    }
    group = {"requests": 143, "systems": systems, "beaten_by": "similar"}
    show.metrics({"surfaces": {"home": {"requests": 143, "systems": systems, "groups": {"new items": group}}}})
    told = "For new items, similar alone is surely better than what is served: 0.1250 against 0.0500 NDCG@10"
    assert told in capsys.readouterr().out.splitlines()


def test_train_ends_with_the_table_and_the_page(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = Shop(shop).releases.current()
    monkeypatch.setattr(Shop, "train", lambda *_, **__: release)
    monkeypatch.chdir(shop)
    said = run("train", "--report").stdout.splitlines()
    assert said[0] == f"Published {release.id}."
    assert said[-1] == f"With plots: {(shop / 'releases' / release.id / 'evaluation' / 'report.html').as_uri()}"
    assert "file:" not in run("train").stdout


def test_new_refuses_what_is_in_use(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,title\n1,Mug\n")
    said = run("new", shop, "--from", tmp_path)
    assert (said.exit_code, "there is a shop here already" in said.stderr) == (2, True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    said = run("new", tmp_path / "other", "--from", tmp_path / "items.csv")
    assert (said.exit_code, "there is something here already" in said.stderr) == (2, True)
    said = run("new", tmp_path / "fresh", "--from", tmp_path / "nowhere")
    assert said.exit_code == 2
    assert not (tmp_path / "fresh").exists()


def test_progress_in_a_pipe_is_a_line_for_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(show.console(stderr=True)) as progress:
        for done in range(3):
            progress("read [items]", done, 3)
        progress("write", 0, 0)
        progress("fit, model [a]: epoch 1", 1, 0)
        progress("fit, model [a]: epoch 2", 2, 0)
    said = ["read [items]…", "write…", "fit, model [a]: epoch 1", "fit, model [a]: epoch 2"]
    assert capsys.readouterr().err.splitlines() == said


def test_progress_on_a_terminal_draws_bars_that_end() -> None:
    console = show.Console(force_terminal=True, record=True, width=100)
    with shown(console) as progress:
        progress("read [items]", 1, 4)
        progress("write", 0, 0)
        progress("write", 7, 7)
        progress("fit, model [a]: epoch 1", 1, 0)
        progress("fit, model [a]: epoch 2", 2, 0)
    said = console.export_text()
    assert "epoch 1" not in said.rpartition("read [items]")[2]
    assert said.rpartition("read [items]")[2].count("fit, model [a]: epoch 2") == 1
    assert "read [items]" in said
    assert "4/4" in said
    assert "7/7" in said


def test_every_command_has_help() -> None:
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert len(names) >= 12
    for name in names:
        said = run(name, "--help")
        assert (said.exit_code, "Usage" in said.stdout) == (0, True)


def test_models_says_when_to_choose_each() -> None:
    told = json.loads(run("models", "--json").stdout)
    assert {"lexical", "popular", "viewed_together", "slist", "sasrec", "lambdamart", "stacking", "mlp"} <= told.keys()
    assert all(said["when"] for said in told.values())
    assert (told["slist"]["kind"], told["lambdamart"]["kind"]) == ("source", "ranker")
    assert "histories" in run("models").stdout


@pytest.mark.parametrize(("text", "minutes"), [("90s", 1.5), ("20m", 20.0), ("1.5h", 90.0)])
def test_a_budget_is_a_time(text: str, minutes: float) -> None:
    assert minutes_of(text) == minutes


@pytest.mark.parametrize("text", ["", "20", "m", "0m", "-1m", "20 days", "1e9m"])
def test_what_is_no_budget_gets_a_sentence(shop: Path, text: str) -> None:
    refused = run("train", "--shop", shop, "--budget", text)
    assert refused.exit_code == 2
    assert "expected a number above 0 and s, m or h" in " ".join(refused.output.replace("│", " ").split())


def test_one_product_is_a_shop_and_none_is_not(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("item_id,title,price\n1,Red mug,3.5\n")
    said = run("new", tmp_path / "one", "--from", tmp_path / "one.csv")
    assert (said.exit_code, Tables(tmp_path / "one").count("items")) == (0, 1)
    (tmp_path / "none.csv").write_text("item_id,title,price\n")
    for arguments in (
        ["new", tmp_path / "none", "--from", tmp_path / "none.csv"],
        ["ingest", "--shop", tmp_path / "none"],
    ):
        said = run(*arguments)
        assert (said.exit_code, "no product and no event" in said.stderr) == (2, True)
        assert "Next:" not in said.stdout
    assert (tmp_path / "none" / "mapping.toml").exists()


def test_a_file_in_place_of_a_folder_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    said = CliRunner().invoke(app, ["simulate", str(tmp_path / "taken"), "--products", "5", "--events", "20"])
    assert said.exit_code == 2
    assert "taken" in said.output
    assert "Traceback" not in said.output
    assert (tmp_path / "taken").read_text() == "a file"


def test_rules_are_exported_imported_and_published(tmp_path: Path) -> None:
    for name in ("one", "other"):
        small_shop.open_shop(tmp_path / name)
    sheet = tmp_path / "rules.json"
    rules = [{"id": "gifts", "query": "mug", "pin": ["chair-red"]}, {"id": "out", "hide": "id = mug-blue"}]
    sheet.write_text(json.dumps({"rules": rules, "synonyms": {"cups": {"words": ["mug", "cup"]}}}))
    assert "drafted; 3 are new" in run("rules", "import", sheet, "--shop", tmp_path / "one").stdout
    assert Shop(tmp_path / "one").search("mug").rules == ()
    assert "in force" in run("rules", "import", sheet, "--publish", "--shop", tmp_path / "one").stdout
    assert Shop(tmp_path / "one").search("mug").rules == ("gifts", "out")
    again = tmp_path / "again.json"
    run("rules", "export", again, "--shop", tmp_path / "one")
    assert "0 are new" in run("rules", "import", again, "--publish", "--shop", tmp_path / "one").stdout
    run("rules", "import", again, "--publish", "--shop", tmp_path / "other")
    assert Shop(tmp_path / "other").curation.published() == Shop(tmp_path / "one").curation.published()
    listed = json.loads(run("rules", "list", "--json", "--shop", tmp_path / "other").stdout)
    assert [entry["id"] for entry in listed["rules"]] == ["gifts", "out"]
    assert "gifts" in run("rules", "list", "--shop", tmp_path / "other").stdout
    assert Shop(tmp_path / "one").curation.audit()[0].who == "command line"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"rules": [{"id": "a"}, {"id": "b", "hide": "brnd = x"}]}', "there is no field 'brnd'"),
        ('{"rules": [{"query": "a"}]}', "a rule has no id"),
        ('{"rules": [{"id": "a\\tb"}]}', "this cannot be an id"),
        ('{"rules": [{"id": "shop.toml:1"}]}', "is how a rule of shop.toml is called"),
        ('{"rules": [{"id": "a"}], "synonyms": {"b": {"words": ["mug"]}}}', "says of no words that they mean the same"),
        ('{"ruls": []}', "these are no rules"),
        ("{", "these are no rules"),
    ],
)
def test_a_file_of_rules_that_cannot_be_followed_changes_nothing(
    shop: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "rules.json").write_text(text)
    said = run("rules", "import", tmp_path / "rules.json", "--shop", shop)
    assert (said.exit_code, sentence in said.stderr) == (2, True)
    assert Shop(shop).curation.entries(Kind.RULE) == []
