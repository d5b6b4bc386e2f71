"""`train`: from aligned crops and labels to a network of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqa.data.store import fingerprint, is_current, make_record, write_sidecar
from fiqa.data.texts import write_text
from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.progress import Progress
from fiqa.types import PathLike

if TYPE_CHECKING:
    from fiqa.training.config import Recipe
    from fiqa.training.run import Trained

__all__ = ["train"]


def train(
    recipe: PathLike | Recipe,
    *,
    out: PathLike,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress = False,
) -> Trained:
    """Trains a quality network as a recipe says and returns what became of it.

    The folder `out` gets recipe.json (every setting spelled out), metrics.csv, run.html with the
    curves, best_METRIC.safetensors with best_METRIC.json for each metric of `run.select`, and
    state.safetensors to go on from; with `data.folds`, folds.csv with the numbers of each fold. A
    finished run is not repeated; an interrupted one goes on and ends with the same weights, bit for
    bit on a CPU. Under torchrun all processes share the work and the first one writes.

    Args:
        recipe: a TOML file (fiqa.training.config says what it may hold), or a Recipe.
        out: the run's folder.
        settings: "TABLE.KEY" -> value, over the file's.
        force: begin again, whatever the folder holds.
        progress: True reports steps and evaluations on stderr; a callable is told ("train", step,
            steps) after every step.

    Raises:
        MissingExtraError: torch or safetensors is absent.
        ReadError, UnknownNameError, InputError: the recipe or what it names cannot be used, or the
            folder holds another run.
        EvidenceError: too few images, or the run has diverged.
        WriteError: the disk refused.
    """
    require("torch", extra="train")
    require("safetensors", extra="train")
    from fiqa.training.config import Recipe, read_recipe
    from fiqa.training.dataset import inputs_digest
    from fiqa.training.log import watcher
    from fiqa.training.loop import device_of
    from fiqa.training.parallel import together
    from fiqa.training.run import carry_out, guard_run, trained

    if isinstance(recipe, Recipe) and settings:
        raise InputError(
            "settings go with a recipe's file, and the recipe given is a Recipe.",
            hint="dataclasses.replace",
        )
    plan = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, settings)
    folder = Path(out)
    guard_run(folder, recipe, plan)
    record = make_record(
        "train", arguments=plan.record(), inputs=inputs_digest(plan), seed=plan.seed
    )
    if not force and is_current(folder, fingerprint(record)):
        return trained(folder, plan, current=True)
    with together(cuda=device_of(plan).type == "cuda") as place:
        done = carry_out(plan, folder, record, place, force=force, watch=watcher(progress))
        if place.first:
            _write_page(done, plan)
            learned = {"identity_from": done.identity_from, "certainty": done.certainty.json()}
            write_sidecar(folder, record, learned=learned)
    return trained(folder, plan)


def _write_page(run: Trained, plan: Recipe) -> None:
    from fiqa.report.training import run_page

    page = run_page(
        run.folder.name,
        plan.record(),
        run.history,
        plan.run.select,
        certainty=run.certainty.lines(),
    )
    write_text(run.folder / "run.html", page)
