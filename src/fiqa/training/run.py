"""A training run from its recipe to its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import distributed

from fiqa.data.guard import guard_outputs
from fiqa.data.store import fingerprint, read_sidecar
from fiqa.data.tables import read_table
from fiqa.data.texts import write_text
from fiqa.training.checkpoint import best_path, state_path
from fiqa.training.config import Recipe
from fiqa.training.dataset import examples
from fiqa.training.folds import Certainty, certainty, folds_path
from fiqa.training.log import metrics_path
from fiqa.training.loop import Step, fit
from fiqa.training.parallel import Place
from fiqa.training.run_folder import best_of, crops_folder
from fiqa.types import PathLike

__all__ = ["Trained", "carry_out", "guard_run", "trained"]


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        folder: where it is.
        best: metric -> the row of the history in which it was best.
        history: of all evaluations.
        current: True where it was there already.
        identity_from: where the people come from, in words, "" where nothing says who is who.
        certainty: how sure the numbers of validation are.
    """

    folder: Path
    best: dict[str, dict[str, Any]]
    history: list[dict[str, Any]]
    current: bool = False
    identity_from: str = ""
    certainty: Certainty = field(default_factory=Certainty)


def guard_run(folder: Path, recipe: PathLike | Recipe, plan: Recipe) -> None:
    """Refuses a run's folder with files in it that the recipe reads and the run would write over.

    Raises InputError.
    """
    best = best_path(folder, "*")
    kept = [
        file
        for suffix in (".json", best.suffix)
        for file in folder.glob(best.with_suffix(suffix).name)
    ]
    fixed = [folder / "recipe.json", folder / "run.html", metrics_path(folder), state_path(folder)]
    fixed.append(folds_path(folder))
    guard_outputs([folder], recipe, plan.record(), beside=[*fixed, *kept])


def carry_out(
    plan: Recipe,
    folder: Path,
    record: dict[str, Any],
    place: Place,
    *,
    force: bool,
    watch: Callable[[Step], None],
) -> Trained:
    """Trains to the end, or goes on with what the folder holds.

    Args:
        plan: the recipe.
        folder: of the run.
        record: of its sidecar.
        place: which process this is.
        force: begin again, whatever the folder holds.
        watch: called after every step, in the first process.

    Returns:
        The run, without its best rows.

    Raises:
        As fiqa.train.
    """
    if place.first and force:
        best = best_path(folder, "*")
        for file in (
            state_path(folder),
            *folder.glob(best.name),
            *folder.glob(best.with_suffix(".json").name),
        ):
            file.unlink(missing_ok=True)
        shutil.rmtree(folder / "folds", ignore_errors=True)
        folds_path(folder).unlink(missing_ok=True)
    # the first process decodes the crops; the others then find them
    if not place.first:
        distributed.barrier()
    data = examples(plan, crops_folder(folder))
    if place.first and place.world > 1:
        distributed.barrier()
    key = fingerprint({name: record[name] for name in ("arguments", "inputs")})
    if place.first and not state_path(folder).is_file():
        write_text(folder / "recipe.json", json.dumps(plan.record(), indent=1) + "\n")
    seen = watch if place.first else lambda _: None
    history = fit(plan, data, folder, key=key, place=place, watch=seen)
    sure = certainty(plan, data, folder, key=key, place=place, watch=seen)
    return Trained(folder, {}, history, identity_from=data.identity_from, certainty=sure)


def trained(folder: Path, plan: Recipe, *, current: bool = False) -> Trained:
    """Returns the finished run that lies in the folder."""
    history = read_table(metrics_path(folder)).to_dicts()
    best = {metric: best_of(folder, metric)[1] for metric in plan.run.select}
    record = read_sidecar(folder) or {}
    sure = Certainty(**record.get("certainty", {}))
    return Trained(folder, best, history, current, record.get("identity_from", ""), sure)
