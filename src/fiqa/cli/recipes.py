"""fiqa recipes: list the recipes that come with fiqa, and copy one to run and change it.

Example:
  fiqa recipes list
  fiqa recipes copy labels
"""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the recipes, with a line on each.

    Example:
      fiqa recipes list
    """
    from fiqa.data.recipes import recipes

    width = max(map(len, recipes()))
    for name, recipe in recipes().items():
        typer.echo(f"{name:<{width}}  {recipe.summary}")


@app.command()
def copy(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name in `fiqa recipes list`.", show_default=False),
    ],
    out: Annotated[str, typer.Argument(metavar="DIR", help="Folder to write to.")] = "recipes",
) -> None:
    """Write the files of a recipe into a folder, the one to start with first.

    What it reads, and where that is to be had, is on the page Data of the documentation. A file of
    that name that is another one is never written over.

    Example:
      fiqa recipes copy labels
      fiqa recipes copy evaluate_lfw mine/
    """
    from fiqa.data.recipes import copy_recipe

    paths = copy_recipe(name, out)
    for path in paths:
        typer.echo(path)
    start = {".sh": "bash", ".toml": "fiqa train", ".py": "python"}[paths[0].suffix]
    typer.echo(f"start with: {start} {paths[0]}", err=True)
