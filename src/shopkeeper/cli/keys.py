"""`shopkeeper keys`: who may ask the shop over HTTP."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from shopkeeper.cli import show
from shopkeeper.cli.app import Json, ShopDir
from shopkeeper.errors import SettingsError
from shopkeeper.keys import MAX_RATE, KeyStore, Role
from shopkeeper.shop import Shop

app = typer.Typer(no_args_is_help=True, help="The keys that open the shop's HTTP interface: create, list, revoke.")


_UNITS = {"h": 3_600.0, "d": 86_400.0}


@app.command()
def create(
    roles: Annotated[list[Role], typer.Option("--role", help="What it opens; may come several times.")],
    shop: ShopDir = Path(),
    name: Annotated[str, typer.Option(help="For you: who holds it.")] = "",
    filter: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="What it shows, such as: market = DE. Whoever holds it cannot ask for more.")
    ] = "",
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="A day, as 2027-01-31, or a time from now: 90d, 12h.")
    ] = "",
    rate: Annotated[
        float | None, typer.Option(max=MAX_RATE, help="Requests a second; instead of server.key_rate.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a key, and show it once: it is kept nowhere, only its hash is."""
    store = KeyStore(Shop(shop).directory)
    key, text = store.create(roles, name=name, filter=filter, expires=_moment(expires), rate=rate)
    if json:
        show.as_json({"id": key.id, "key": text})
        return
    show.say(text, "bold")
    show.say(f"Key {key.id} opens: {', '.join(key.roles)}. Keep it now; it is not shown again.")


@app.command("list")
def list_(shop: ShopDir = Path(), json: Json = False) -> None:
    """List the keys, with what they open; never the keys themselves."""
    keys, now = KeyStore(Shop(shop).directory).read(), time.time()
    if json:
        shown = [{**msgspec.to_builtins(key), "state": key.state(now)} for key in keys]
        for each in shown:
            del each["hash"]
        show.as_json(shown)
        return
    if not keys:
        show.say("There is no key: the shop answers whoever asks, on this machine alone.")
        return
    rows = [
        (
            key.id,
            key.name,
            ", ".join(key.roles),
            key.filter,
            "" if key.rate is None else f"{key.rate:g}/s",
            _day(key.created),
            _day(key.expires),
            key.state(now),
        )
        for key in keys
    ]
    show.table(("id", "name", "opens", "filter", "rate", "made", "expires", "is"), rows, right=("rate",))


@app.command()
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")], shop: ShopDir = Path()
) -> None:
    """Let a key, and all that was signed with it, open nothing from now on."""
    key = KeyStore(Shop(shop).directory).revoke(id_)
    show.say(f"Key {key.id} opens nothing any more; running servers know within a second.")


def _moment(text: str) -> float | None:
    """Seconds since the epoch. Raises SettingsError."""
    if not text:
        return None
    if span := re.fullmatch(r"(\d{1,6})([hd])", text):
        return time.time() + int(span[1]) * _UNITS[span[2]]
    try:
        moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SettingsError(f"{text!r} is no time", where="--expires", expected="2027-01-31, 90d or 12h") from None
    if moment <= time.time():
        raise SettingsError(f"{text} is past", where="--expires", expected="a day to come")
    return moment


def _day(moment: float | None) -> str:
    return "" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"
