"""Label optimization's Table IV: how long an image takes before and after."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from fiqa.data.times import Times
from fiqa.errors import InputError
from fiqa.evaluation.papers.label_optimization import parted
from fiqa.functional.run_time import image_times, run_time
from fiqa.functional.table import Table

__all__ = ["run_time_table"]

_VARIANTS = ("baseline", "optimized")


def run_time_table(
    times: Times,
    methods: Collection[str] | None = None,
    *,
    draws: int = 0,
    level: float = 0.95,
    seed: int = 0,
) -> Table:
    """Returns milliseconds per image of each method and of its student, and before over after.

    Args:
        times: named METHOD.baseline and METHOD.optimized.
        methods: that the other tables have; None for any.
        draws: resamples of images for intervals; 0 for none.
        level: confidence of the intervals.
        seed: of the resamples.

    Raises:
        InputError: another name, a method without one of the two or that the other tables lack, or
            the two timed on different images.
        EvidenceError: intervals of one image.
    """
    rows: list[list[Any]] = []
    counts = []
    for method in dict.fromkeys(_checked(name)[0] for name in times):
        if methods is not None and method not in methods:
            raise InputError(
                f"Run times must be of methods that have a quality, {', '.join(methods)}, got"
                f" {method!r}."
            )
        found = [_of(times, method, variant) for variant in _VARIANTS]
        (images, before), (others, after) = (image_times(*each) for each in found)
        if not np.array_equal(images, others):
            raise InputError(
                f"{method!r} must be timed on the same images as baseline and as optimized, got"
                f" {len(images)} and {len(others)} images, {len(np.intersect1d(images, others))}"
                " of them in both."
            )
        counts.append(f"{method} {len(images)} images, {len(found[0][0])} calls")
        told = run_time(before, after, draws=draws, level=level, seed=seed)
        ends = told.ends or ((None, None),) * 3
        rows += [
            [method, "baseline", told.before, told.before_std, *ends[0]],
            [method, "optimized", told.after, told.after_std, *ends[1]],
            [method, "before / after", told.ratio, None, *ends[2]],
        ]
    columns = ["method", "labels", "ms per image", "std"]
    note = f"Each image by the median of its calls; mean and std over images. {'; '.join(counts)}."
    if draws:
        columns += ["low", "high"]
        note += (
            f" Low and high: {100 * level:g} % intervals over images, {draws} draws; before / after"
            " of the same images."
        )
    else:
        rows = [row[: len(columns)] for row in rows]
    title = "Label optimization Table IV: run time; before / after above 1 is faster"
    return Table("label_opt_times", title, columns, rows, note, 2)


def _of(times: Times, method: str, variant: str) -> Any:
    name = next((name for name in times if _checked(name) == (method, variant)), None)
    if name is None:
        given = ", ".join(name for name in times if _checked(name)[0] == method)
        raise InputError(
            f"{method!r} must be timed as {method}.baseline and as {method}.optimized, got {given}."
        )
    return times[name]


def _checked(name: str) -> tuple[str, str]:
    method, variant = parted(name)
    if variant not in _VARIANTS:
        raise InputError(
            "Run times of this table must be named METHOD.baseline or METHOD.optimized, got"
            f" {name!r}."
        )
    return method, variant
