"""`shopkeeper rules`: what merchandisers say of the shop, as a list and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from shopkeeper.cli import show
from shopkeeper.cli.app import Json, ShopDir
from shopkeeper.data.curation import By, Kind
from shopkeeper.errors import DataError, RequestError, SettingsError
from shopkeeper.settings import Rule, Synonym
from shopkeeper.shop import Shop

app = typer.Typer(no_args_is_help=True, help="The merchandisers' rules and synonyms: list, export, import.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="JSON.")]

WHO = "command line"


class Sheet(msgspec.Struct, forbid_unknown_fields=True):
    """The file: rules with their ids, synonyms by id."""

    rules: list[Rule] = []
    synonyms: dict[str, Synonym] = {}


@app.command("list")
def list_(shop: ShopDir = Path(), json: Json = False) -> None:
    """List rules and synonyms, as drafted and as published."""
    curation = Shop(shop).curation
    found: dict[str, list[Any]] = {f"{kind}s": curation.entries(kind) for kind in Kind}
    if json:
        show.as_json(msgspec.to_builtins(found))
        return
    rows = []
    for kind, entries in found.items():
        for entry in entries:
            said = entry.draft or entry.published
            about = said.name or said.query if isinstance(said, Rule) else ", ".join((*said.words, *said.means))
            rows.append((kind, entry.id, about, entry.state))
    if not rows:
        show.say("There is no rule and no synonym but those of shop.toml.")
        return
    show.table(("kind", "id", "says", "is"), rows)


@app.command("export")
def export(file: File, shop: ShopDir = Path()) -> None:
    """Write the rules and synonyms that are in force to a file."""
    curation = Shop(shop).curation
    entries: Sequence[Any] = curation.entries(Kind.SYNONYM)
    synonyms = {entry.id: entry.published for entry in entries if entry.published}
    sheet = Sheet(list(curation.published().rules), synonyms)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(sheet)) + b"\n")
    show.say(f"{len(sheet.rules)} rules and {len(sheet.synonyms)} synonyms are in {file}.")


@app.command("import")
def import_(
    file: File,
    shop: ShopDir = Path(),
    publish: Annotated[bool, typer.Option("--publish", help="Put them in force at once.")] = False,
) -> None:
    """Draft the rules and synonyms of a file; what else there is stays. All of the file, or nothing."""
    opened, sheet = Shop(shop), _read(file)
    for rule in sheet.rules:
        if not rule.id:
            raise SettingsError("a rule has no id", where=str(file), expected="an id for each rule")
    by = By(WHO, f"from {file.name}")
    said: dict[tuple[Kind, str], Rule | Synonym] = {(Kind.RULE, rule.id): rule for rule in sheet.rules}
    said |= {(Kind.SYNONYM, id_): synonym for id_, synonym in sheet.synonyms.items()}
    for (kind, id_), each in said.items():
        try:
            opened.check_kept(id_, each)
        except RequestError as error:
            where = f"{file}, {kind} {id_}, {error.where}"
            raise SettingsError(error.what, where=where, expected=error.expected, remedy=error.remedy) from None
    drafted = opened.curation.write_all(said, by)
    if publish and drafted:
        opened.curation.publish(by, drafted)
    done = "in force" if publish else "drafted"
    show.say(
        f"{len(sheet.rules)} rules and {len(sheet.synonyms)} synonyms are {done}; {len(drafted)} are new or changed."
    )


def _read(file: Path) -> Sheet:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Sheet)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        remedy = "See what it should look like with: shopkeeper rules export FILE"
        raise DataError(f"these are no rules ({error})", where=str(file), remedy=remedy) from None
