"""The folder of a training run: its recipe, its weights, its crops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fiqa.errors import WeightsError
from fiqa.training.config import Recipe
from fiqa.types import PathLike

__all__ = ["best_of", "crops_folder", "open_run"]


def crops_folder(folder: PathLike) -> Path:
    """Returns where a run keeps decoded crops when its recipe names no other place."""
    return Path(folder) / "crops"


def open_run(folder: PathLike) -> Recipe:
    """Returns the recipe of the run in `folder`.

    Raises:
        WeightsError: there is no run.
    """
    from fiqa.training.config import resolve

    file = Path(folder) / "recipe.json"
    try:
        return resolve(json.loads(file.read_text(encoding="utf-8")))
    except Exception as error:
        raise WeightsError(
            f"A run must have a recipe.json, {str(file)!r} cannot be read: {error}.",
            hint="fiqa train RECIPE.toml -o RUN",
        ) from error


def best_of(folder: PathLike, metric: str) -> tuple[Path, dict[str, Any]]:
    """Returns the best weights of a run by `metric`, and their row of the history.

    Raises:
        WeightsError: there are none.
    """
    from fiqa.training.checkpoint import best_path

    # The row is written after the weights: where it is, they are whole.
    file = best_path(folder, metric)
    try:
        row = dict(json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))
    except Exception as error:
        raise WeightsError(
            f"The run in {os.fspath(folder)!r} must have weights chosen by {metric}, there are"
            " none."
        ) from error
    return file, row
