"""The groups of images that a column of a manifest names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import InputError, UnknownNameError
from fiqa.functional.cut_groups import NO_GROUP
from fiqa.types import Manifest

__all__ = ["group_names"]


def group_names(
    manifest: Manifest | None, column: str, *, none: str = NO_GROUP
) -> NDArray[np.str_]:
    """Returns the group (N,) of each image of a manifest.

    Args:
        manifest: of the images.
        column: of the manifest: text, whole numbers, or true and false.
        none: the group of an image that has none.

    Raises:
        InputError: no manifest, or a column that holds something else.
        UnknownNameError: no such column.
    """
    if manifest is None:
        raise InputError(
            f"The column {column!r} must come from a manifest, got none.",
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
    return np.where(names == "", none, names)


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
