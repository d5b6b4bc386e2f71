"""The nouns of pixels: aligned faces, and why they are good or bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.types.fields import BoolArray, FloatArray, set_fields
from fiqa.vocabulary import FACTORS

__all__ = ["Faces", "Factors"]


@dataclass(frozen=True, eq=False)
class Faces:
    """Aligned faces and what their alignment knew.

    Only `crops` is always there; None means not known, and its factor is then missing.

    Attributes:
        crops: (N,S,S,3) uint8 RGB.
        landmarks: (N,5,2) float32 crop pixels (left eye, right eye, nose, left and right mouth
            corner, image-left first; a row of NaN where unknown).
        inside: (N,S,S) bool, True where the pixel came from the frame.
        eye_distance: (N,) float32 pixels of the source between the eyes (NaN where unknown).
        grey: (N,) bool, True where the source has no color (grey or near infrared).
        roll: (N,) float32 degrees by which the head was tilted clockwise in the photograph, before
            it was aligned (NaN where unknown).
        seen: (N,) bool, True where no landmarks were known and the face has those that a network
            sees in the crop (fiqa.faces.points.pointed).

    Raises:
        ShapeError: fields that do not fit each other, or crops that are no crops.
    """

    crops: NDArray[np.uint8]
    landmarks: FloatArray | None = None
    inside: BoolArray | None = None
    eye_distance: FloatArray | None = None
    grey: BoolArray | None = None
    roll: FloatArray | None = None
    seen: BoolArray | None = None

    def __post_init__(self) -> None:
        crops = checks.crops(self.crops, "Faces.crops")
        n, size = crops.shape[:2]
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "landmarks": ((n, 5, 2), np.float32),
            "inside": ((n, size, size), np.bool_),
            "eye_distance": ((n,), np.float32),
            "grey": ((n,), np.bool_),
            "roll": ((n,), np.float32),
            "seen": ((n,), np.bool_),
        }
        set_fields(self, crops=crops)
        # None stays None: what is not known is not checked.
        for name, (shape, dtype) in shapes.items():
            value = getattr(self, name)
            if value is not None:
                value = checks.array(value, f"Faces.{name}", shape=shape, dtype=dtype)
                set_fields(self, **{name: value})

    def __repr__(self) -> str:
        size = self.crops.shape[1]
        extras = [
            f.name for f in fields(self) if f.name != "crops" and getattr(self, f.name) is not None
        ]
        return f"Faces({len(self):,} crops of {size}x{size}, {', '.join(extras) or 'pixels alone'})"

    def __len__(self) -> int:
        return len(self.crops)

    def take(self, rows: Any) -> Faces:
        """Returns the faces chosen by an index array, a mask or a slice.

        Args:
            rows: which of them.
        """
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        chosen: dict[str, Any] = {
            name: None if value is None else value[rows] for name, value in values
        }
        return Faces(**chosen)


@dataclass(frozen=True, eq=False)
class Factors:
    """Why a face is good or bad: six qualities, the measures behind them, and reason codes.

    Attributes:
        quality: name -> (N,) float32 in 0..1, keys exactly fiqa.vocabulary.FACTORS, NaN where the
            factor cannot be measured.
        measures: name -> (N,) float32 with the unit in its name or in fiqa.faces.factors.MEASURES,
            NaN likewise.
        reasons: N tuples of reason codes, the costliest first, symptoms last.

    Raises:
        InputError: qualities of other factors, or in another order.
        ShapeError: fields of different lengths.
    """

    quality: Mapping[str, FloatArray]
    measures: Mapping[str, FloatArray]
    reasons: Sequence[tuple[str, ...]]

    def __post_init__(self) -> None:
        # In order too: `matrix` and every table have them in this one.
        if tuple(self.quality) != FACTORS:
            raise InputError(
                f"Factors.quality must have the keys {', '.join(FACTORS)} in this order, got"
                f" {', '.join(self.quality)}."
            )
        n = len(self.reasons)
        quality = {
            k: checks.array(v, f"Factors.quality[{k!r}]", shape=(n,), dtype=np.float32)
            for k, v in self.quality.items()
        }
        measures = {
            k: checks.array(v, f"Factors.measures[{k!r}]", shape=(n,), dtype=np.float32)
            for k, v in self.measures.items()
        }
        set_fields(
            self, quality=quality, measures=measures, reasons=tuple(tuple(r) for r in self.reasons)
        )

    def __repr__(self) -> str:
        named = sum(bool(reasons) for reasons in self.reasons)
        return f"Factors({len(self):,} faces, {named:,} with a reason)"

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def matrix(self) -> FloatArray:
        """The six qualities as (N,6) float32 in the order of FACTORS, NaN where missing."""
        return np.stack([self.quality[name] for name in FACTORS], axis=1)
