"""The class-center labels of cr_fiqa by partitions of identities on an engine.

Two passes: the centers, and each image's similarity to its own one, from whole identities; then the
nearest other center from blocks of rows, with all centers in a file that every process maps. Both
compute what fiqa.methods.cr_fiqa.relative_classifiability does, in the same blocks of rows and of
centers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.functional.batches import batches
from fiqa.functional.identities import class_sums, directions, groups, own_similarity
from fiqa.methods.cr_fiqa import (
    ROWS,
    check_classes,
    ratios,
    relative_classifiability,
    shift_of,
    trained_centers,
)
from fiqa.methods.labeler import Job, Work
from fiqa.methods.partitions import Mapped, Partition, most_of, partitions

__all__ = ["classifiability"]

_BLOCKS = 16
"""Blocks of rows of a task of the second pass."""


def classifiability(
    job: Job, options: dict[str, Any], work: Work, *, most: int | None = None
) -> NDArray[np.float32]:
    """Returns relative_classifiability of a job, (n,), by partitions where the work is apart.

    Args:
        job: the images.
        options: of relative_classifiability, `centers` among them where there are some.
        work: what gives tasks to the engine.
        most: images of a partition, None: fiqa.methods.partitions.most_of.

    Raises:
        InputError, UnknownNameError: as relative_classifiability.
    """
    vectors = job.needed_vectors()
    if not work.apart or not len(vectors):
        return relative_classifiability(vectors, job.names_of_rows(), **options)
    form, least = options["form"], options["least"]
    checks.choice(form, "form", ("shifted", "paper"))
    checks.in_range(least, "least", 1, np.inf)
    with work.scratch("centers") as folder:
        mapped = Mapped.of(vectors, folder, "vectors")
        if "centers" in options:
            code, table = trained_centers(job.names_of_rows(), options["centers"], vectors)
            own, centers = None, Mapped.of(table, folder, "centers")
        else:
            code = np.unique(job.identities, return_inverse=True)[1].astype(np.int64)
            own, centers = _centers(code, mapped, options, work, folder, most)
        check_classes(centers.shape[0])
        items = (
            (rows.start, code[rows], None if own is None else own[rows])
            for rows in batches(len(code), _BLOCKS * ROWS)
        )
        found = work.mapped(_Ratios(mapped, centers, shift_of(form)), items)
        result = np.empty(len(code), np.float32)
        for rows, values in zip(batches(len(code), _BLOCKS * ROWS), found, strict=True):
            result[rows] = values
            work.progress("nearest", rows.stop, len(code))
        return result


def _centers(
    code: NDArray[np.int64],
    vectors: Mapped,
    options: dict[str, Any],
    work: Work,
    folder: Path,
    most: int | None,
) -> tuple[NDArray[np.float32], Mapped]:
    """The similarity of each image to its own center, and all centers in a file."""
    together = list(enumerate(groups(code)))
    path = str(folder / "centers.npy")
    shape = (len(together), vectors.shape[1])
    table = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    own = np.empty(len(code), np.float32)
    size = most or most_of(len(code))
    found = work.mapped(
        _Centers(vectors, options["leave_out"], options["least"]), partitions(together, size)
    )
    for part, (directed, similarity) in zip(partitions(together, size), found, strict=True):
        table[part.identities[0] : part.identities[-1] + 1] = directed
        own[np.sort(np.concatenate(part.rows))] = similarity
        work.progress("centers", part.identities[-1] + 1, len(together))
    table.flush()
    return own, Mapped.at(path)


@dataclass(frozen=True)
class _Centers:
    """Partitions -> the center of each identity, and the similarity of each image, in the order of
    the rows, to its own one."""

    vectors: Mapped
    leave_out: bool
    least: int

    def __call__(
        self, parts: Sequence[Partition]
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        return [self._one(part) for part in parts]

    def _one(self, part: Partition) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows, classes = np.concatenate(part.rows), len(part.rows)
        order = np.argsort(rows)
        rows = rows[order]
        code = np.repeat(np.arange(classes), [len(one) for one in part.rows])[order]
        embeddings = self.vectors.array()[rows]
        total = class_sums(embeddings, code, classes, place=rows)
        own = own_similarity(
            embeddings, code, classes, leave_out=self.leave_out, least=self.least, total=total
        )
        return directions(total), own


@dataclass(frozen=True)
class _Ratios:
    """Blocks of rows (the first row, the own class of each, its similarity) -> their labels."""

    vectors: Mapped
    centers: Mapped
    shift: float

    def __call__(
        self, blocks: Sequence[tuple[int, NDArray[np.int64], NDArray[np.float32] | None]]
    ) -> list[NDArray[np.float32]]:
        return [*self._each(blocks)]

    def _each(
        self, blocks: Sequence[tuple[int, NDArray[np.int64], NDArray[np.float32] | None]]
    ) -> Iterator[NDArray[np.float32]]:
        for start, code, own in blocks:
            embeddings = self.vectors.array()[start : start + len(code)]
            yield ratios(embeddings, code, self.centers.array(), own, self.shift)
