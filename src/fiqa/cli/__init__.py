"""The command line: one file per verb, loaded when it is called.

`fiqa --help` must cost hardly more than importing typer, so the table below carries each command's
line of help and only the command that is run gets imported. A file `cli/<verb>.py` defines
`command(...)`, or `app`, a typer.Typer of sub-commands. In its docstring the part that starts with
a line `Example:` is printed last by `--help`.

Exit codes: 0 all rows ok, 3 some rows failed (all are written), 2 wrong usage, 1 anything fatal,
4 an alarm of `fiqa monitor`, 130 interrupted, 141 whoever read the output went away.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fiqa.cli.options import FATAL
from fiqa.errors import FiqaError, InputError
from fiqa.privacy import keep_plots_home

__all__ = ["COMMANDS", "build", "main"]

COMMANDS = {
    "scan": "List the images of folders as a manifest.",
    "align": "Detect faces and write aligned 112x112 crops.",
    "score": "Score faces and say why.",
    "select": "Follow every face through videos and keep its best frames.",
    "enroll": "Enroll people from the tracks of videos.",
    "forget": "Remove a person from everything that fiqa has written.",
    "embed": "Compute recognition vectors of aligned crops.",
    "label": "Make quality labels without people.",
    "train": "Train a quality network as a recipe says.",
    "export": "Export a model for a runtime or a chip, with its card.",
    "export verify": "Say whether a chip computes what the model does.",
    "evaluate": "Prove a score: error-versus-discard curves and a report.",
    "tables": "Make the tables of the papers.",
    "threshold": "Find the score to cut at, with a confidence interval.",
    "calibrate": "Map scores to the chance of a correct match, by regime.",
    "monitor": "Watch a fleet: collapse, drift and slow changes, by drive.",
    "convert": "Convert the field's benchmark files into images and tables.",
    "serve": "Score faces over HTTP.",
    "studio": "Choose templates and review faces in a browser.",
    "methods": "List the methods and what each needs.",
    "weights": "List, fetch, verify and describe model files.",
    "recipes": "List the recipes that come with fiqa, and copy one.",
    "clean": "Find what is wrong with a folder of faces.",
    "doctor": "Say what will go wrong with images, a model or scores.",
}
"""Each command and its line of help, in the order in which a project meets them."""

ROOT_EXAMPLE = "Example:\n  fiqa score photos/ --explain -o scores.parquet --html sheet.html"


class _Lazy(TyperGroup):
    """A group whose commands are stubs in the listing and are imported when one is invoked."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        if rest and f"{name} {rest[0]}" in COMMANDS:
            name, rest = f"{name} {rest[0]}", rest[1:]
        return name, _load(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # Whoever read has read enough (fiqa score ... | head). What is still buffered goes
            # nowhere, else the interpreter would complain of it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(128 + signal.SIGPIPE) from None
        except (FiqaError, OSError) as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2 if isinstance(error, InputError) else 1) from None


def _load(name: str) -> Any:
    """Returns the command `name` built from its file, with the example of each docstring moved to
    the end of its help."""
    module = importlib.import_module(f"fiqa.cli.{name.replace(' ', '_')}")
    nested = hasattr(module, "app")
    app = module.app if nested else typer.Typer()
    if not nested:
        app.command(name)(module.command)
    app._add_completion = False
    app.rich_markup_mode = None
    for info in app.registered_commands:
        info.help, info.epilog = split_example(inspect.getdoc(info.callback) or "")
    if nested:
        app.info.help, app.info.epilog = split_example(inspect.cleandoc(module.__doc__ or ""))
    return typer.main.get_command(app)


def split_example(text: str) -> tuple[str, str]:
    r"""Returns a docstring as (help, example); the example keeps its lines as they are.

    >>> split_example("Do it.\n\nExample:\n  fiqa do it")
    ('Do it.', '\x08\nExample:\n  fiqa do it')
    """
    body, mark, example = text.partition("\nExample:\n")
    return body.strip(), f"\b\nExample:\n{example.rstrip()}" if mark else ""


def _version(wanted: bool) -> None:
    if wanted:
        from fiqa import __version__

        typer.echo(f"fiqa {__version__}")
        raise typer.Exit


def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and stop.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Face image quality: a score with a reason, and the curve that proves it."""


def build() -> typer.Typer:
    """Returns the application that `main` runs and that tests invoke with
    typer.testing.CliRunner."""
    app = typer.Typer(
        cls=_Lazy,
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        epilog=f"\b\n{ROOT_EXAMPLE}",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    for name, line in COMMANDS.items():
        app.command(name, help=line)(_stub)
    return app


def _stub() -> None:
    """Stands for a command in the listing."""


def main() -> None:
    """Runs the command line and exits with its code."""
    _hold_streams()
    if sys.stdout is None:
        typer.echo(
            "error: fiqa must have a standard output, and it is closed.\n\nhint: >/dev/null",
            err=True,
        )
        sys.exit(FATAL)
    keep_plots_home()
    try:
        typer.main.get_command(build())(prog_name="fiqa")
    except OSError as error:  # help and version are printed before any command is invoked
        typer.echo(f"error: {error}", err=True)
        sys.exit(FATAL)


def _hold_streams() -> None:
    """Holds the descriptors of standard streams that are closed: the next files that are opened
    would have their numbers, and get what libraries print."""
    handle = os.open(os.devnull, os.O_RDWR)
    while handle <= 2:
        handle = os.open(os.devnull, os.O_RDWR)
    os.close(handle)
