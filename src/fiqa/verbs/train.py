"""`train`: from aligned crops and labels to a network of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqa.data.guard import guard_outputs
from fiqa.data.store import (
    atomic_path,
    fingerprint,
    is_current,
    make_record,
    read_sidecar,
    write_sidecar,
)
from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.training.run_folder import best_of, crops_folder
from fiqa.types import PathLike

if TYPE_CHECKING:
    from fiqa.training.config import Recipe
    from fiqa.training.loop import Progress
    from fiqa.training.parallel import Place

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """A finished run: its `folder`; `best` metric -> the row of the history in which it was best;
    `history` of all evaluations; `current` True where it was there already; `identity_from` where
    the people come from, in words ("" where nothing says who is who)."""

    folder: Path
    best: dict[str, dict[str, Any]]
    history: list[dict[str, Any]]
    current: bool = False
    identity_from: str = ""


def train(
    recipe: PathLike | Recipe,
    *,
    out: PathLike,
    settings: Sequence[str] = (),
    force: bool = False,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Trains a quality network as a recipe says and returns what became of it.

    The folder `out` gets recipe.json (every setting spelled out), metrics.csv, run.html with the
    curves, best_METRIC.safetensors with best_METRIC.json for each metric of `run.select`, and
    state.safetensors to go on from. A finished run is not repeated; an interrupted one goes on and
    ends with the same weights, bit for bit on a CPU. Under torchrun all processes share the work
    and the first one writes.

    Args:
        recipe: a TOML file (fiqa.training.config says what it may hold), or a Recipe.
        out: the run's folder.
        settings: "table.key=value" over the file's.
        force: begin again, whatever the folder holds.
        watch: called after every step.

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
    from fiqa.training.loop import device_of
    from fiqa.training.parallel import together

    if isinstance(recipe, Recipe) and settings:
        raise InputError(
            "settings go with a recipe's file, and the recipe given is a Recipe.",
            hint="dataclasses.replace",
        )
    plan = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, settings)
    folder = Path(out)
    _guard(folder, recipe, plan)
    record = make_record(
        "train", arguments=plan.record(), inputs=inputs_digest(plan), seed=plan.seed
    )
    if not force and is_current(folder, fingerprint(record)):
        return _trained(folder, plan, current=True)
    with together(cuda=device_of(plan).type == "cuda") as place:
        history, origin = _run(plan, folder, record, place, force=force, watch=watch)
        if place.first:
            _write_page(folder, plan, history)
            write_sidecar(folder, record, found={"identity_from": origin})
    return _trained(folder, plan)


def _guard(folder: Path, recipe: PathLike | Recipe, plan: Recipe) -> None:
    """Refuses a run's folder with files in it that the recipe reads and the run would write
    over."""
    from fiqa.training.checkpoint import best_path, state_path
    from fiqa.training.log import metrics_path

    best = best_path(folder, "*")
    kept = [
        file
        for suffix in (".json", best.suffix)
        for file in folder.glob(best.with_suffix(suffix).name)
    ]
    fixed = [folder / "recipe.json", folder / "run.html", metrics_path(folder), state_path(folder)]
    guard_outputs([folder], recipe, plan.record(), beside=[*fixed, *kept])


def _run(
    plan: Recipe,
    folder: Path,
    record: dict[str, Any],
    place: Place,
    *,
    force: bool,
    watch: Callable[[Progress], None],
) -> tuple[list[dict[str, Any]], str]:
    """Returns the history of the training, and where its people come from."""
    from torch import distributed

    from fiqa.training.checkpoint import best_path, state_path
    from fiqa.training.dataset import examples
    from fiqa.training.loop import fit

    if place.first:
        if force:
            best = best_path(folder, "*")
            for file in (
                state_path(folder),
                *folder.glob(best.name),
                *folder.glob(best.with_suffix(".json").name),
            ):
                file.unlink(missing_ok=True)
        data = examples(plan, crops_folder(folder))
    if place.world > 1:
        distributed.barrier()
    if not place.first:
        data = examples(plan, crops_folder(folder))
    key = fingerprint({name: record[name] for name in ("arguments", "inputs")})
    if place.first and not state_path(folder).is_file():
        with atomic_path(folder / "recipe.json") as aside:
            aside.write_text(json.dumps(plan.record(), indent=1) + "\n", encoding="utf-8")
    history = fit(
        plan, data, folder, key=key, place=place, watch=watch if place.first else lambda _: None
    )
    return history, data.identity_from


def _trained(folder: Path, plan: Recipe, *, current: bool = False) -> Trained:
    from fiqa.data.tables import read_table
    from fiqa.training.log import metrics_path

    history = read_table(metrics_path(folder)).to_dicts()
    best = {metric: best_of(folder, metric)[1] for metric in plan.run.select}
    origin = (read_sidecar(folder) or {}).get("identity_from", "")
    return Trained(folder, best, history, current, origin)


def _write_page(folder: Path, plan: Recipe, history: list[dict[str, Any]]) -> None:
    from fiqa.report.training import run_page

    with atomic_path(folder / "run.html") as aside:
        aside.write_text(
            run_page(folder.name, plan.record(), history, plan.run.select), encoding="utf-8"
        )
