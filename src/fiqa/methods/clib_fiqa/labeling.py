"""`label clib_fiqa`: quality anchors and the five factor labels that CLIB-FIQA's training wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.methods.clib_fiqa import GRID, factor_labels, quality_anchors
from fiqa.methods.labeler import Job, Labels, Work
from fiqa.types import Faces, FloatArray

__all__ = ["MEASURES", "anchors_and_factors"]

MEASURES = ("cpbd", "sobel", "yaw", "occlusion", "expression", "illumination")
"""What is measured of each face for its factor labels, in this order; NaN where it cannot be."""


@dataclass(frozen=True)
class _FactorMeasures:
    """The measures of MEASURES, as MeasureFaces.

    Attributes:
        columns: how many there are.
        parallel: several processes may each have one.
        batch: faces at once.
    """

    columns: int = len(MEASURES)
    parallel: bool = True
    batch: int = 32

    def load(self) -> None:
        """Loads nothing."""

    def __call__(self, faces: Faces) -> FloatArray:
        from fiqa.faces.factors import measure
        from fiqa.methods.clib_fiqa.expression import expression_quality

        factors = measure(faces)
        measures = {
            **factors.measures,
            "occlusion": factors.quality["occlusion"],
            "illumination": factors.quality["illumination"],
        }
        return np.stack(
            [
                expression_quality(faces) if name == "expression" else measures[name]
                for name in MEASURES
            ],
            axis=1,
        )


def anchors_and_factors(job: Job, options: dict[str, Any], work: Work) -> Labels:
    """Returns quality anchors in 0..1 as labels.

    Columns: blur, occlusion, pose, expression, illumination (words of the prompts, null where it
    could not be estimated) and the measures behind them.

    `about`: how many labels of each factor there are, and how many are missing.
    """
    table, status = work.per_face(job, _FactorMeasures(), "factors")
    anchor = {name: options[name] for name in ("form", "percentiles", "leave_out", "least")}
    if job.centers is not None:
        # Centers of a recognizer's own training do not hold these images.
        anchor |= {"leave_out": False, "centers": job.centers}
    value = quality_anchors(job.needed_vectors(), job.names_of_rows(), **anchor)
    measured = dict(zip(MEASURES, table.T, strict=True))
    labels = factor_labels(
        sharpness=measured[options["blur_measure"]],
        yaw=measured["yaw"],
        occlusion=measured["occlusion"],
        expression=measured["expression"],
        illumination=measured["illumination"],
        blur_measure=options["blur_measure"],
        blur_cuts=tuple(options["blur_cuts"]),
        blur_cut_by=options["blur_cut_by"],
        cut=options["cut"],
    )
    ok = status == "ok"
    columns: dict[str, Any] = {name: _words(label, GRID[name]) for name, label in labels.items()}
    columns["measures"] = pl.DataFrame(
        {k: pl.Series(v, nan_to_null=True) for k, v in measured.items()}
    ).to_struct()
    status[ok & np.isnan(value)] = "no_mate" if job.centers is None else "no_center"
    value = np.where(ok, value, np.float32(np.nan))
    return Labels(value, status, columns, {"factors": _counts(labels)}, (0.0, 1.0))


def _words(label: NDArray[np.int8], words: tuple[str, ...]) -> pl.Series:
    index = pl.Series(label.astype(np.int64))
    return pl.Series(words).gather(pl.select(pl.when(index >= 0).then(index)).to_series())


def _counts(labels: Mapping[str, NDArray[np.int8]]) -> dict[str, dict[str, int]]:
    """Factor -> word -> how many, `missing` among them."""
    return {
        name: {word: int(np.sum(label == k)) for k, word in enumerate(GRID[name])}
        | {"missing": int(np.sum(label < 0))}
        for name, label in labels.items()
    }
