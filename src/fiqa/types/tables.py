"""The nouns with a row for each id or pair: which images there are, and what is known of them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError, ShapeError
from fiqa.functional.display import columns_html, counts_line, histogram_svg
from fiqa.types.fields import BoolArray, FloatArray, set_fields
from fiqa.vocabulary import STATUSES

__all__ = ["Embeddings", "Manifest", "Pairs", "Quality"]


@dataclass(frozen=True, eq=False)
class Manifest:
    """Which images there are, and what is known of each; the only noun that knows paths.

    Failures stay as rows.

    Attributes:
        id: (N,) str unique.
        path: (N,) str as it was given or found.
        identity: (N,) str, "" when unknown.
        split: (N,) str.
        status: (N,) str from fiqa.vocabulary.STATUSES.
        columns: name -> (N,) array of anything more (sha256, width, height, ...).
        identity_from: where the identities come from, in words ("column identity of faces.csv"), ""
            where nobody said.

    Raises:
        ShapeError: fields of different lengths.
        InputError: ids twice.
        UnknownNameError: a status that is in no table.
    """

    id: NDArray[np.str_]
    path: NDArray[np.str_]
    identity: NDArray[np.str_] = None  # type: ignore[assignment]
    split: NDArray[np.str_] = None  # type: ignore[assignment]
    status: NDArray[np.str_] = None  # type: ignore[assignment]
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    identity_from: str = ""

    def __post_init__(self) -> None:
        names = checks.ids(self.id, "Manifest.id")
        n = len(names)
        text = {
            "path": self.path,
            "identity": self.identity,
            "split": self.split,
            "status": self.status,
        }
        default = {"identity": "", "split": "", "status": "ok"}
        filled = {
            key: (
                np.full(n, default[key], dtype=object).astype(np.str_)
                if value is None
                else checks.array(value, f"Manifest.{key}", shape=(n,), dtype=np.str_)
            )
            for key, value in text.items()
        }
        # Unique first: a manifest has many rows and few statuses.
        for status in np.unique(filled["status"]):
            checks.choice(str(status), "status", STATUSES)
        extra = {
            key: checks.array(value, f"Manifest.columns[{key!r}]", shape=(n,))
            for key, value in self.columns.items()
        }
        set_fields(self, id=names, columns=extra, **filled)

    def __repr__(self) -> str:
        people = len(set(self.identity.tolist()) - {""})
        owners = f" of {people:,} identities" if people else ""
        return f"Manifest({len(self):,} images{owners}: {counts_line(self.status) or 'none'})"

    def _repr_html_(self) -> str:
        columns = ("id", "identity", "split", "status", "path")
        rows = zip(*(getattr(self, name)[:8].tolist() for name in columns), strict=True)
        return columns_html(repr(self), columns, rows)

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: NDArray[Any]) -> Manifest:
        """Returns the rows chosen by an index array, a mask or a slice.

        Args:
            rows: which of them.
        """
        return Manifest(
            self.id[rows],
            self.path[rows],
            self.identity[rows],
            self.split[rows],
            self.status[rows],
            {k: v[rows] for k, v in self.columns.items()},
            self.identity_from,
        )


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Recognition vectors, one per id.

    The norm is kept apart because some methods read it as quality (MagFace). A vector that could
    not be normalized is a missing row, not a NaN one.

    Attributes:
        id: (N,) str unique.
        vector: (N,D) float32 of unit norm.
        norm: (N,) float32, the length before normalizing; 1 where it was not told.
        recognizer: its name.

    Raises:
        ShapeError: fields of different lengths.
        InputError: ids twice, rows that are not of unit norm, a norm that is not finite.
    """

    id: NDArray[np.str_]
    vector: FloatArray
    norm: FloatArray = None  # type: ignore[assignment]
    recognizer: str = ""

    def __post_init__(self) -> None:
        names = checks.ids(self.id, "Embeddings.id")
        vector = checks.unit_rows(self.vector, "Embeddings.vector")
        if len(vector) != len(names):
            raise ShapeError(
                f"Embeddings.vector must have one row per id ({len(names)}), got {len(vector)}."
            )
        length = np.ones(len(names), np.float32) if self.norm is None else self.norm
        norm = checks.finite(
            checks.array(length, "Embeddings.norm", shape=(len(names),), dtype=np.float32),
            "Embeddings.norm",
        )
        set_fields(self, id=names, vector=vector, norm=norm)

    def __repr__(self) -> str:
        name = self.recognizer or "an unnamed recognizer"
        return f"Embeddings({len(self):,} vectors of {self.vector.shape[1]} numbers by {name})"

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: Any) -> Embeddings:
        """Returns the rows chosen by an index array, a mask or a slice.

        Args:
            rows: which of them.
        """
        return Embeddings(self.id[rows], self.vector[rows], self.norm[rows], self.recognizer)


@dataclass(frozen=True, eq=False)
class Quality:
    """One number per face, higher is better: a score or a label.

    A score was computed by a method from the image, a label was made from a recognizer or a judge.
    NaN is an error and missing is absent, so every id that is here has a number.

    Attributes:
        id: (N,) str unique.
        value: (N,) float64 finite, so that scores that differ never tie.
        method: what gave the numbers.
        kind: "score" or "label".
        range: (low, high) or None when open.
        provenance: whatever made it (arguments, seeds, hashes).

    Raises:
        ShapeError: fields of different lengths.
        InputError: ids twice, NaN or infinity, a value out of range.
        UnknownNameError: another kind.
    """

    id: NDArray[np.str_]
    value: NDArray[np.float64]
    method: str
    kind: Literal["score", "label"] = "score"
    range: tuple[float, float] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = checks.ids(self.id, "Quality.id")
        value = checks.finite(
            checks.array(self.value, "Quality.value", shape=(len(names),), dtype=np.float64),
            "Quality.value",
        )
        checks.choice(self.kind, "kind", ("score", "label"))
        if (
            self.range is not None
            and len(value)
            and (value.min() < self.range[0] or value.max() > self.range[1])
        ):
            raise InputError(
                f"Quality.value must lie in {self.range}, got {value.min()}..{value.max()}."
            )
        set_fields(self, id=names, value=value)

    def __repr__(self) -> str:
        if not len(self):
            return f"Quality({self.kind} by {self.method}: none)"
        low, middle, high = self.value.min(), float(np.median(self.value)), self.value.max()
        spread = f"{low:.4g} .. {high:.4g}, median {middle:.4g}"
        return f"Quality({self.kind} by {self.method}: {len(self):,} faces, {spread})"

    def _repr_html_(self) -> str:
        picture = histogram_svg(self.value, name=f"{self.kind} by {self.method}")
        return f"<div><strong>{html.escape(repr(self))}</strong></div>{picture}"

    def __len__(self) -> int:
        return len(self.id)

    def at(self, ids: NDArray[np.str_]) -> NDArray[np.float64]:
        """Returns the values of some ids in their order, joined by id.

        Args:
            ids: (M,) str; an id may occur more than once.

        Raises:
            InputError: an id that has no number; the message names it.
        """
        # Sorted once and searched: ids are many, and a dict of them would be slower and larger.
        order = np.argsort(self.id)
        place = (
            np.searchsorted(self.id, ids, sorter=order)
            if len(order)
            else np.zeros(len(ids), np.int64)
        )
        has_number = (
            np.zeros(len(ids), bool)
            if not len(order)
            else self.id[order[np.minimum(place, len(order) - 1)]] == ids
        )
        if not np.all(has_number):
            missing = np.asarray(ids)[~has_number]
            raise InputError(
                f"Quality of {self.method} must cover every id, got none for {len(missing)}, the"
                f" first {missing[0]!r}."
            )
        return self.value[order[place]]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which images are compared; no similarity inside.

    Attributes:
        ids: (N,) str unique.
        index: (P,2) int64 into `ids`.
        mated: (P,) bool, True for the same person.

    Raises:
        ShapeError: fields of different lengths.
        InputError: ids twice, an index out of range.
    """

    ids: NDArray[np.str_]
    index: NDArray[np.int64]
    mated: BoolArray

    def __post_init__(self) -> None:
        names = checks.ids(self.ids, "Pairs.ids")
        index = checks.array(self.index, "Pairs.index", shape=("P", 2), dtype=np.int64)
        mated = checks.array(self.mated, "Pairs.mated", shape=(len(index),), dtype=np.bool_)
        if len(index) and (index.min() < 0 or index.max() >= len(names)):
            raise InputError(
                f"Pairs.index must lie in 0..{len(names) - 1}, got {index.min()}..{index.max()}."
            )
        set_fields(self, ids=names, index=index, mated=mated)

    def __repr__(self) -> str:
        mated = int(np.count_nonzero(self.mated))
        return (
            f"Pairs({mated:,} mated, {len(self) - mated:,} non-mated, of {len(self.ids):,} images)"
        )

    def __len__(self) -> int:
        return len(self.index)
