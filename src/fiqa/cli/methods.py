"""`fiqa methods`: the table of methods, and the whole card of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Show everything known of this one.", show_default=False
        ),
    ] = None,
) -> None:
    """List the methods: what each gives, what it needs, and whether it is ready.

    Of one: its card, and of the three papers followed here also each equation and table, where it
    is and what holds.

    Example:
      fiqa methods
      fiqa methods cr_fiqa
    """
    from fiqa.methods import card, names, settings_of
    from fiqa.methods.papers import PAPERS

    lines: list[tuple[str, ...]]
    if name is not None:
        lines = [(key, _words(value)) for key, value in asdict(card(name)).items()]
        lines += (
            [("settings", ", ".join(map(_setting, settings_of(name).items())))]
            if settings_of(name)
            else []
        )
    else:
        lines = [("name", "year", "gives", "needs", "extras", "status", "summary")]
        for entry in map(card, names()):
            needs, gives, extras = _words(entry.needs), _words(entry.gives), _words(entry.extras)
            lines.append(
                (entry.name, str(entry.year), gives, needs, extras, entry.status, entry.summary)
            )
    for line in _columns(lines):
        typer.echo(line)
    for place in PAPERS.get(name or "", ()):
        typer.echo(f"\n{place.what}\n  {place.holds}")
        for key, value in (("where", place.where), ("command", place.command)):
            if value:
                typer.echo(f"  {key}: {'fiqa.' if key == 'where' else ''}{value}")


def _setting(item: tuple[str, object]) -> str:
    """A setting with its default, or its name alone where it must be given."""
    import inspect

    name, default = item
    return name if default is inspect.Parameter.empty else f"{name}={default}"


def _words(value: object) -> str:
    return (",".join(value) if isinstance(value, tuple) else str(value)) or "-"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows as lines of columns two blanks apart, the last one as long as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    return ["  ".join([*map(str.ljust, row[:-1], widths), row[-1]]) for row in rows]
