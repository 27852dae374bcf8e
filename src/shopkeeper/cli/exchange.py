"""Commands by which a shop exchanges its data with others."""

from __future__ import annotations

from pathlib import Path
from time import sleep
from typing import Annotated

import typer

from shopkeeper.cli import show
from shopkeeper.cli.app import ShopDir, minutes_of
from shopkeeper.cli.progress import shown
from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import ShopkeeperError
from shopkeeper.settings import DataSettings
from shopkeeper.shop import Shop

app = typer.Typer()


@app.command()
def mirror(
    shop: ShopDir = Path(),
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="Look again and again: 90s, 20m, 1.5h. Default: look once.")
    ] = None,
    let_go: Annotated[bool, typer.Option("--let-go", help="Also where most of the items are gone.")] = False,
) -> None:
    """Look at the catalogues among the exports again, and have the open shop know what changed there."""
    opened, pause = Shop(shop), None if every is None else 60.0 * minutes_of(every)
    while True:
        try:
            show.mirrored(opened.mirror(let_go=let_go))
        except ShopkeeperError as error:
            if pause is None:
                raise
            show.say(f"{error} It is tried again in {every}.", "red")
        if pause is None:
            return
        sleep(pause)


@app.command()
def load(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Catalogues: files, folders, databases.")],
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Where the shop answers.")] = "http://localhost:8000",
    key: Annotated[
        str | None, typer.Option(envvar="SHOPKEEPER_KEY", help="One with the role admin, where the shop has keys.")
    ] = None,
) -> None:
    """Stream catalogues of any size into a shop that is open, here or elsewhere, over HTTP."""
    from shopkeeper.cli.loading import Door
    from shopkeeper.cli.loading import load as send
    from shopkeeper.data.catalogues import Catalogues
    from shopkeeper.data.mapper import propose
    from shopkeeper.data.readers import discover_all

    door = Door(to, key)
    with shown(show.console(stderr=True)) as progress, Scratch() as folder:
        catalogues = Catalogues(propose(discover_all(sources)), sources, folder, DataSettings())
        show.say(f"{send(catalogues, door, progress):,} items are taken.")


@app.command("export-ubi")
def export_ubi(
    folder: Annotated[Path, typer.Argument(help="Made, where it is not there.")],
    shop: ShopDir = Path(),
) -> None:
    """Write what was searched and done, as far as it was ingested, as files of User Behavior Insights (UBI)."""
    for name, lines in Shop(shop).export_ubi(folder).items():
        show.say(f"{folder / name}.jsonl: {lines:,} lines")
