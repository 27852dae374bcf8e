"""What the commands share: how they end, what they are asked with, and the options that several have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from shopkeeper.cli import INTERRUPTED, STOPPED, WRONG, show
from shopkeeper.data.duck import was_interrupted
from shopkeeper.errors import ShopkeeperError


class _Polite(TyperGroup):
    """Ends every mishap that we foresee with a sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ShopkeeperError as error:
            show.console(stderr=True).print(str(error), style="red", markup=False, soft_wrap=True)
            raise typer.Exit(WRONG) from None
        except KeyboardInterrupt:
            raise _stopped() from None
        except BrokenPipeError:  # whoever read our output has seen enough
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            remedy = "What was there before is as it was; mend this and run the command again."
            said = f"{place}{error.strerror or error}. {remedy}"
            show.console(stderr=True).print(said, style="red", markup=False, soft_wrap=True)
            raise typer.Exit(WRONG) from None
        except RuntimeError as error:
            if was_interrupted(error):
                raise _stopped() from None
            raise


def _stopped() -> typer.Exit:
    show.console(stderr=True).print(STOPPED, soft_wrap=True)
    return typer.Exit(INTERRUPTED)


app = typer.Typer(
    cls=_Polite,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The search box and the shelves of an online shop, learned from its own catalogue and clicks.",
)

ShopDir = Annotated[Path, typer.Option("--shop", metavar="DIR", help="The shop's directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
User = Annotated[str | None, typer.Option(help="For whom; without, for a newcomer.")]
Items = Annotated[list[str] | None, typer.Option("--item", help="A product to start from; may come several times.")]
Filter = Annotated[str, typer.Option(help="Such as: price < 50 and brand in ['Acme', 'Zen'].")]
Size = Annotated[int, typer.Option(help="How many items.")]
Offset = Annotated[int, typer.Option(help="How many items to leave out before them.")]


def minutes_of(text: str) -> float:
    """The minutes of "90s", "20m" or "1.5h"."""
    said = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if not said or not float(said[1]):
        raise typer.BadParameter(f"{text!r} is no time; expected a number above 0 and s, m or h: 90s, 20m, 1.5h")
    return float(said[1]) * {"s": 1 / 60, "m": 1.0, "h": 60.0}[said[2]]
