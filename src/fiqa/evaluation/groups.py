"""The groups of images that a column of a manifest names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.frames import Frame
from fiqa.errors import InputError, UnknownNameError
from fiqa.evaluation.evidence import Evidence
from fiqa.functional.cut_groups import NO_GROUP
from fiqa.types import Manifest, PathLike

__all__ = ["group_names", "unnamed"]


def unnamed(
    faces: Manifest | PathLike | Frame | None, manifest: Manifest | None, column: str | None
) -> NDArray[np.str_]:
    """Returns the ids of the rows of a manifest's file whose group is empty.

    A column of whole numbers in memory does not show it: there a missing one is 0.

    Args:
        faces: where the manifest is from.
        manifest: what was read from it.
        column: of the groups.
    """
    if column is None or faces is None or manifest is None or isinstance(faces, Manifest):
        return np.empty(0, np.str_)
    from fiqa.data.tables import read_table

    frame = read_table(faces)
    if column not in frame.columns:
        return np.empty(0, np.str_)
    return manifest.id[frame[column].is_null().to_numpy()]


def group_names(evidence: Evidence, column: str, missing: NDArray[np.str_]) -> NDArray[np.str_]:
    """Returns the group (N,) of each image of the evidence, NO_GROUP where it has none.

    Args:
        evidence: with a manifest.
        column: of the manifest: text, whole numbers, or true and false.
        missing: ids whose group is empty although the column shows a value.

    Raises:
        InputError: no manifest, or a column that holds something else.
        UnknownNameError: no such column.
    """
    manifest = evidence.manifest
    if manifest is None:
        raise InputError(
            "A group column must come from a manifest, got none.",
            hint="--faces MANIFEST with that column",
        )
    columns = {"identity": manifest.identity, "split": manifest.split, **manifest.columns}
    if column not in columns:
        raise UnknownNameError("group column", column, columns)
    values = np.asarray(columns[column])
    names = _names_of(values)
    if names is None:
        raise InputError(
            f"A group column must hold text, whole numbers or true and false; {column!r} holds"
            f" {_kind(values)}.",
            hint=f"text columns of this manifest: {', '.join(_text_columns(columns)) or '(none)'}",
        )
    return np.where((names == "") | np.isin(manifest.id, missing), NO_GROUP, names)


def _names_of(values: NDArray[Any]) -> NDArray[np.str_] | None:
    """A column as names, "" where nothing is; None where it holds something else."""
    if values.dtype.kind in "Ubiu":
        return values.astype(np.str_)
    if values.dtype.kind == "f":
        # Whole numbers with gaps come as floats; fractions are measurements and no groups.
        numbers = values[np.isfinite(values)]
        if not len(numbers) or np.any(numbers != np.round(numbers)):
            return None
        return np.array(["" if np.isnan(value) else f"{value:.0f}" for value in values], np.str_)
    if values.dtype.kind == "O" and all(
        value is None or isinstance(value, str | bool | int) for value in values
    ):
        return np.array(["" if value is None else str(value) for value in values], np.str_)
    return None


def _kind(values: NDArray[Any]) -> str:
    """What a column holds, in words."""
    if values.dtype.kind == "f":
        return "fractions"
    kinds = {type(value).__name__ for value in values if value is not None}
    return (
        f"values of type {', '.join(sorted(kinds))}"
        if values.dtype.kind == "O"
        else str(values.dtype)
    )


def _text_columns(columns: dict[str, Any]) -> list[str]:
    return sorted(name for name, values in columns.items() if np.asarray(values).dtype.kind == "U")
