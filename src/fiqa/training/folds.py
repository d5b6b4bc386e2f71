"""How sure the numbers of a run are: it is trained again, each time with other people put aside.

With few people in validation, a number is mostly theirs. Every person is in the validation of one
fold; the spread of the folds gives the standard error of their mean.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fiqa.data.tables import frame_of, write_table
from fiqa.functional.folds import folds_of
from fiqa.training.config import METRICS, Recipe
from fiqa.training.dataset import Examples
from fiqa.training.loop import Step, fit
from fiqa.training.parallel import Place

__all__ = ["FEW", "Certainty", "certainty", "certainty_of", "folds_path"]

FEW = 10
"""People in validation below which a run says that its numbers are uncertain."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Certainty:
    """How sure the numbers of validation are.

    Attributes:
        people: who are put aside in the run itself, None where it does not part people.
        folds: how often it was trained again, 0 for not.
        mean: metric -> its mean over the folds, each after its last step.
        error: metric -> the standard error of that mean.
    """

    people: int | None = None
    folds: int = 0
    mean: Mapping[str, float] = field(default_factory=dict)
    error: Mapping[str, float] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Returns what is to be said, nothing where enough people are put aside."""
        if self.folds:
            return [
                f"{name}: {self.mean[name]:.4f} +- {self.error[name]:.4f} (standard error,"
                f" {self.folds} folds by person, after the last step)"
                for name in self.mean
            ]
        if self.people is not None and self.people < FEW:
            who = "1 person is" if self.people == 1 else f"{self.people} people are"
            return [
                f"{who} put aside, fewer than {FEW}: the numbers are mostly theirs;"
                " data.folds = 5 trains with others put aside too, and says the standard error"
            ]
        return []

    def json(self) -> dict[str, Any]:
        """Returns every number as a sidecar holds it."""
        return asdict(self)


def folds_path(folder: Path) -> Path:
    """Returns where the numbers of each fold are."""
    return folder / "folds.csv"


def certainty(
    plan: Recipe,
    data: Examples,
    folder: Path,
    *,
    key: str,
    place: Place,
    watch: Callable[[Step], None],
) -> Certainty:
    """Trains once for each fold of people and returns what that says.

    Folds that are done are not trained again.

    Args:
        plan: the recipe; `data.folds` says how many.
        data: what the run learned from.
        folder: of the run; gets folds.csv.
        key: of the run.
        place: which process this is.
        watch: called after every step of each.

    Raises:
        EvidenceError: fewer people than folds, or a fold has diverged.
        InputError, WeightsError, WriteError: as fiqa.training.loop.fit.
    """
    people = len(np.unique(data.identity[data.validation]))
    told = people if plan.data.split == "identity" else None
    if not plan.data.folds:
        return Certainty(told)
    fold, last = folds_of(data.identity, plan.data.folds, seed=plan.seed), []
    for number in range(plan.data.folds):
        _log.info("fold %d of %d", number + 1, plan.data.folds)
        held = fold == number
        part = replace(data, training=np.flatnonzero(~held), validation=np.flatnonzero(held))
        own = folder / "folds" / str(number)
        own.mkdir(parents=True, exist_ok=True)
        history = fit(plan, part, own, key=f"{key}-{number}", place=place, watch=watch)
        last.append({"fold": number, "people": len(np.unique(data.identity[held])), **history[-1]})
    if place.first:
        names = ("fold", "people", *_measured(last))
        rows = [{name: row.get(name) for name in names} for row in last]
        write_table(frame_of(rows), folds_path(folder))
        shutil.rmtree(folder / "folds")
    return certainty_of(last, people=told)


def _measured(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The metrics that every fold has."""
    known = [name for name in METRICS if name != "step"]
    return [name for name in known if all(row.get(name) is not None for row in rows)]


def certainty_of(rows: Sequence[Mapping[str, Any]], *, people: int | None = None) -> Certainty:
    """Returns the mean of each metric that every fold has, and its standard error.

    Args:
        rows: of each fold, at least 2.
        people: who are put aside in the run itself.

    >>> certainty_of([{"mae": 0.1}, {"mae": 0.3}]).lines()[0][:22]
    'mae: 0.2000 +- 0.1000 '
    """
    values = {name: np.array([row[name] for row in rows], float) for name in _measured(rows)}
    return Certainty(
        people,
        len(rows),
        {name: float(value.mean()) for name, value in values.items()},
        {name: float(value.std(ddof=1) / np.sqrt(len(value))) for name, value in values.items()},
    )
