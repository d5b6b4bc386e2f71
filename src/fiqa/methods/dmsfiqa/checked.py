"""Which of the five criteria a template fails: measured for candidates and for chosen images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import InputError
from fiqa.methods.dmsfiqa.criteria import CRITERIA, Criterion, criteria
from fiqa.methods.labeler import Job, Work
from fiqa.types import Faces, FloatArray

__all__ = ["Checked", "check_templates", "told_of"]

_FACTORS = ("occlusion", "illumination", "crop", "blur")
_ANGLES = ("yaw", "pitch")
_NAMED = 10
"""Templates that are named in what a run found."""


@dataclass(frozen=True)
class Checked:
    """The criteria of one image.

    Attributes:
        criteria: the five; empty where the image could not be read.
    """

    criteria: tuple[Criterion, ...]

    @property
    def fails(self) -> str:
        """The names of those that it fails, "" for none."""
        return ", ".join(one.name for one in self.criteria if one.met is False)

    @property
    def unknown(self) -> str:
        """The names of those that cannot be measured (near frontal, without landmarks)."""
        known = [one.name for one in self.criteria if one.met is not None]
        return ", ".join(name for name in CRITERIA if name not in known)


@dataclass(frozen=True)
class _Measures:
    """What the criteria are read from, as MeasureFaces."""

    columns: int = len(_FACTORS) + len(_ANGLES)
    parallel: bool = True
    batch: int = 32

    def load(self) -> None:
        """Loads nothing."""

    def __call__(self, faces: Faces) -> FloatArray:
        from fiqa.faces.factors import measure

        found = measure(faces)
        parts = [found.quality[name] for name in _FACTORS]
        parts += [found.measures[name] for name in _ANGLES]
        return np.stack(parts, axis=1).astype(np.float32)


def check_templates(job: Job, rows: NDArray[np.int64], work: Work) -> list[Checked]:
    """Returns the criteria of some of a job's faces.

    Args:
        job: with faces.
        rows: of the candidates or templates.
        work: how it is done.

    Raises:
        InputError: a job without faces.
    """
    if job.faces is None:
        raise InputError("faces must be given.")
    some = replace(job, faces=job.faces.take(rows))
    table, status = work.per_face(some, _Measures(), "criteria")
    made = []
    for numbers, word in zip(table.astype(float).tolist(), status, strict=True):
        named: dict[str, float | None] = dict(zip((*_FACTORS, *_ANGLES), numbers, strict=True))
        made.append(Checked(tuple(criteria(named, named)) if word == "ok" else ()))
    return made


def told_of(names: Sequence[str], checked: Sequence[Checked]) -> dict[str, Any]:
    """Returns how many templates fail each criterion, and which do, the first ten by name.

    Args:
        names: ids of the templates.
        checked: of each.
    """
    failing = [(name, one.fails) for name, one in zip(names, checked, strict=True) if one.fails]
    every = [one for image in checked for one in image.criteria if one.met is False]
    counts = {name: sum(one.name == name for one in every) for name in CRITERIA}
    told = [f"{name} ({fails})" for name, fails in failing[:_NAMED]]
    told += [f"and {len(failing) - _NAMED} more"] if len(failing) > _NAMED else []
    share = f"{len(failing)} of {len(names)}"
    named = ": ".join(filter(None, (share, "; ".join(told))))
    return {"failing": counts, "templates_failing": named}
