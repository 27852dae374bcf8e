"""One function for each command. What they do is in `Shop`; here is only how it is asked for and shown."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Mapping
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from shopkeeper import __version__
from shopkeeper.cli import INTERRUPTED, exchange, keys, rules, show
from shopkeeper.cli.app import Filter, Items, Json, Offset, ShopDir, Size, User, app, minutes_of
from shopkeeper.cli.progress import shown
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError, SettingsError
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request

app.add_typer(keys.app, name="keys")
app.add_typer(rules.app, name="rules")
app.add_typer(exchange.app)

__all__ = ["app"]

REPORT = "evaluation/report.html"


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        show.say(__version__)
        raise typer.Exit


@app.command()
def new(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The shop's directory, made here.")],
    sources: Annotated[
        list[str], typer.Option("--from", metavar="SOURCE", help="A file, a folder or a database address.")
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Further sources.")] = None,
) -> None:
    """Make a shop from its exports: propose what every column means, clean, make tables."""
    shop = Shop.new(directory, [*sources, *(more or [])])
    show.mapping(shop.mapping)
    show.say(f"The proposal is in {directory / 'mapping.toml'}; if you edit it: shopkeeper ingest --shop {directory}")
    _ingest(shop)
    show.say(f"Next: shopkeeper train --shop {directory}")


@app.command()
def ingest(
    shop: ShopDir = Path(),
    new: Annotated[bool, typer.Option("--new", help="First add a proposal for files that mapping.toml lacks.")] = False,
) -> None:
    """Read the exports (again) into tables, as mapping.toml says."""
    opened = Shop(shop)
    if new:
        for name in opened.map_new():
            show.say(f"{name} is new: what it seems to be now stands in {shop / 'mapping.toml'}.")
    _ingest(opened)


def _ingest(shop: Shop) -> None:
    with shown(show.console(stderr=True)) as progress:
        report = shop.ingest(progress)
    show.ingested(report)
    if not any(table.rows for table in report.tables if table.name in ("items", "events")):
        read = ", ".join(f"{file.mapping.path} ({' '.join([*file.mapping.columns][:5])})" for file in report.files[:3])
        raise DataError(
            f"no product and no event was found in {read}",
            where=str(shop.directory),
            expected="columns that name products",
            remedy="Say in mapping.toml which file holds them, or add rows; then run: shopkeeper ingest",
        )
    show.say(f"What was cleaned, and why: {shop.directory / 'reports' / 'ingest.html'}")


@app.command()
def train(
    shop: ShopDir = Path(),
    if_better: Annotated[
        bool, typer.Option("--if-better", help="Change what serves a surface only where that wins on the newest days.")
    ] = False,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="For fitting one model once: 90s, 20m, 1.5h. Default: shop.toml.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Say in the end where the page with plots lies.")] = False,
) -> None:
    """Train, measure on the newest days, and publish a release."""
    _train(
        Shop(shop), if_better=if_better, budget_minutes=None if budget is None else minutes_of(budget), report=report
    )


def _train(shop: Shop, *, if_better: bool = False, budget_minutes: float | None = None, report: bool = False) -> None:
    with shown(show.console(stderr=True)) as progress:
        release = shop.train(progress, if_better=if_better, budget_minutes=budget_minutes)
    show.say(f"Published {release.id}.")
    show.metrics(release.manifest.metrics)
    if report:
        show.say(f"With plots: {(release.path / REPORT).absolute().as_uri()}")


@app.command()
def tune(
    model: Annotated[str, typer.Argument(metavar="SOURCE", help="Its name; shopkeeper models lists them.")],
    shop: ShopDir = Path(),
    trials: Annotated[int, typer.Option(help="How many, with those of an earlier run on the same tables.")] = 30,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="For all of this run: 90s, 20m, 1.5h. Default: no end.")
    ] = None,
    json: Json = False,
) -> None:
    """Look for better settings of a source, by the validation part alone, and print them for shop.toml."""
    minutes = None if budget is None else minutes_of(budget)
    with shown(show.console(stderr=True)) as progress:
        found = Shop(shop).tune(model, progress, trials=trials, budget_minutes=minutes)
    show.as_json(found) if json else show.tuned(found)
    if not json and found.trials < trials:
        show.say(f"Time was over after {found.trials} of {trials} trials; run it again to go on.")


@app.command()
def evaluate(
    shop: ShopDir = Path(),
    json: Json = False,
    html: Annotated[bool, typer.Option("--html", help="Print only the path of the report with plots.")] = False,
) -> None:
    """Show how good the current release was when it was trained, on the days that were held back."""
    opened = Shop(shop)
    report = opened.releases.current().path / REPORT
    if html:
        show.say(str(report))
    elif json:
        show.as_json(opened.evaluate())
    else:
        show.metrics(opened.evaluate())
        show.say(f"With plots: {report}")


@app.command()
def serve(
    shops: Annotated[
        list[Path], typer.Option("--shop", metavar="DIR", help="The shop's directory; several shops may be named.")
    ] = [Path()],  # noqa: B006 - never changed
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; instead of server.workers.")] = None,
    retrain: Annotated[
        datetime | None,
        typer.Option(formats=["%H:%M"], help="Take in what happened and train at this time of every day."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Instead of server.host in shop.toml.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Instead of server.port; 0: any free one.")] = None,
) -> None:
    """Answer over HTTP, with a page to try the shop at /. Of several shops, each is at /NAME/, its directory's name,
    and the first one's shop.toml says the host, the port and the number of workers."""
    _serve(shops, workers, retrain.time() if retrain else None, host, port)


def _serve(
    shops: list[Path],
    workers: int | None = None,
    retrain: time | None = None,
    host: str | None = None,
    port: int | None = None,
) -> None:
    from shopkeeper.console.site import named, site
    from shopkeeper.server import supervisor
    from shopkeeper.server.daily import DailyLoop
    from shopkeeper.server.doors import require_keys

    first, several = _first_valid(shops), len(shops) > 1
    if several:
        named(shops)
    else:
        Shop(shops[0]).check()  # what is amiss is told at once
    settings = first.settings.server
    address, processes = host or settings.host, workers or settings.workers
    for directory in shops:
        require_keys(directory, address)
    listener = supervisor.take(address, settings.port if port is None else port)
    open_ = f"{len(shops)} shops are open" if several else f"{first.settings.shop.name} is open"
    show.say(f"{open_} at {supervisor.address(listener)} (Ctrl-C closes)", "bold green")
    sys.stdout.flush()
    with DailyLoop({directory: at for directory in shops if (at := retrain or _retrains_at(directory))}):
        stopped_by = supervisor.serve(partial(site, shops, processes, address), listener, processes)
    show.say("Closed.")
    if stopped_by == signal.SIGINT:
        raise typer.Exit(INTERRUPTED)


def _first_valid(shops: list[Path]) -> Shop:
    """The first shop with a valid shop.toml. Raises SettingsError, of the last, when none has."""
    for directory in shops[:-1]:
        with contextlib.suppress(SettingsError):
            return Shop(directory)
    return Shop(shops[-1])


def _retrains_at(directory: Path) -> time | None:
    with contextlib.suppress(SettingsError):  # such a shop is closed, and says so itself
        at = Shop(directory).settings.server.retrain
        return time.fromisoformat(at) if at else None
    return None


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="The words searched.")],
    shop: ShopDir = Path(),
    user: User = None,
    filter: Filter = "",  # noqa: A002 - the option's name
    sort: Annotated[str, typer.Option(help="A field, with - before it for descending: -price.")] = "",
    size: Size = 10,
    offset: Offset = 0,
    facet: Annotated[list[str] | None, typer.Option(help="Count the items by this field; * chooses some.")] = None,
    json: Json = False,
) -> None:
    """Search the shop."""
    fields = {"user": user, "filter": filter, "sort": sort, "size": size, "offset": offset}
    answer = Shop(shop).search(query, facets=tuple(facet or ()), **fields)
    show.as_json(answer) if json else show.slate(answer)


@app.command()
def queries(
    shop: ShopDir = Path(),
    days: Annotated[float, typer.Option(min=0.01, help="How far back.")] = 30.0,
    size: Annotated[int, typer.Option(min=1, help="How many queries.")] = 50,
    json: Json = False,
) -> None:
    """List what people searched for and was not found, or not with all of its words: newest first."""
    found = Shop(shop).unanswered(days, size)
    show.as_json(found) if json else show.unanswered(found)


@app.command()
def synonyms(shop: ShopDir = Path(), json: Json = False) -> None:
    """Propose synonyms, from what people chose when the current release was trained. Write those that are right into
    synonyms.txt."""
    proposals = Shop(shop).evaluate().get("synonyms", [])
    show.as_json(proposals) if json else show.synonyms(proposals)


@app.command()
def recommend(
    shop: ShopDir = Path(),
    surface: Annotated[
        str, typer.Option(help="home, similar, cart, new, popular, recent… Default: similar with --item, else home.")
    ] = "",
    user: User = None,
    item: Items = None,
    filter: Filter = "",  # noqa: A002 - the option's name
    size: Size = 10,
    offset: Offset = 0,
    json: Json = False,
) -> None:
    """Fill a shelf."""
    surface = surface or ("similar" if item else "home")
    fields = {"user": user, "filter": filter, "size": size, "offset": offset}
    answer = Shop(shop).recommend(surface, items=tuple(item or ()), **fields)
    show.as_json(answer) if json else show.slate(answer)


@app.command()
def explain(
    target: Annotated[str, typer.Argument(metavar="ITEM", help="The item's id.")],
    shop: ShopDir = Path(),
    query: Annotated[str, typer.Option(help="The words searched.")] = "",
    surface: Annotated[str, typer.Option(help="Default: search with --query, similar with --item, else home.")] = "",
    user: User = None,
    item: Items = None,
    filter: Filter = "",  # noqa: A002 - the option's name
    json: Json = False,
) -> None:
    """Why an item stands where it stands, or why it is absent."""
    surface = surface or ("search" if query else "similar" if item else "home")
    request = Request(surface=surface, query=query, user=user, items=tuple(item or ()), filter=filter)
    told = Shop(shop).explain(target, request)
    show.as_json(told) if json else show.explanation(told)


@app.command()
def rollback(
    shop: ShopDir = Path(),
    to: Annotated[str | None, typer.Option(metavar="RELEASE", help="Default: the one before the current.")] = None,
) -> None:
    """Serve an earlier release; a running server changes to it by itself."""
    release = Shop(shop).rollback(to)
    show.say(f"{release.id}, made {release.manifest.created}, is the current release.")


@app.command()
def doctor(shop: ShopDir = Path(), json: Json = False) -> None:
    """Check everything the shop stands on: settings, mapping, tables, release, keys, disk, libraries, port."""
    from shopkeeper.doctor import examine

    found = examine(shop)
    show.as_json(found) if json else show.checks(found)
    failed = sum(not check.passed for check in found)
    if failed:
        raise typer.Exit(1)


@app.command()
def models(json: Json = False) -> None:
    """The models that can compete for a surface, each with when to choose it."""
    from shopkeeper.engine.ranking.recipe import ranker_recipes
    from shopkeeper.engine.sources import recipes

    kinds: dict[str, Mapping[str, object]] = {"source": recipes(), "ranker": ranker_recipes()}
    told = {
        name: {"kind": kind, "when": getattr(recipe, "when", "")}
        for kind, offered in kinds.items()
        for name, recipe in sorted(offered.items())
    }
    rows = [(name, *said.values()) for name, said in told.items()]
    show.as_json(told) if json else show.table(("model", "kind", "choose it for"), rows)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Gets exports/ and truth/.")],
    products: Annotated[int, typer.Option(min=1, help="How many products.")] = 5_000,
    events: Annotated[int, typer.Option(min=1, help="How many events.")] = 300_000,
    seed: Annotated[int, typer.Option(help="Same seed and end, same world.")] = 0,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day after its last, 2026-04-05; else today.")
    ] = None,
) -> None:
    """Write the exports of a simulated shop, and the truth about it beside them."""
    _simulate(folder, products, events, seed, end)
    show.say(f"Next: shopkeeper new SHOP --from {folder / 'exports'}")


def _simulate(folder: Path, products: int, events: int, seed: int, end: datetime | None = None) -> None:
    from shopkeeper.data.simulate import simulate  # draws pictures, which no other command needs

    with shown(show.console(stderr=True)) as progress:
        simulate(
            folder, products=products, events=events, seed=seed, end=end.date() if end else None, progress=progress
        )


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The shop's directory.")] = Path("demo-shop"),
    products: Annotated[int, typer.Option(min=1, help="How many products.")] = 5_000,
    events: Annotated[int, typer.Option(min=1, help="How many events.")] = 300_000,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Make it, but do not open it.")] = False,
) -> None:
    """A simulated shop, from its exports to a page that answers. What is there already is used again."""
    exports = directory / "world" / "exports"
    if not exports.exists():
        show.say(f"Simulating a shop of {products:,} products and {events:,} events", "bold")
        _simulate(directory / "world", products, events, seed=0)
    if not (directory / "shop.toml").exists():
        Shop.new(directory, [exports], name="Demo shop")
    shop = Shop(directory)
    if not Tables(directory).has("items"):
        show.say("Making tables of its exports", "bold")
        _ingest(shop)
    if not shop.releases.list():
        show.say("Training", "bold")
        _train(shop, report=True)
    if not no_serve:
        _serve([directory])
