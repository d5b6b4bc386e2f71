"""What a scorer takes: the one check of crops that come from outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from fiqa import checks
from fiqa.errors import InputError, ShapeError
from fiqa.functional.crops import ALIGNED_SIZE, resized
from fiqa.types import Faces

__all__ = ["as_faces"]


def as_faces(
    crops: Any, *, color: str = "RGB", resize: bool = False, side: int = ALIGNED_SIZE
) -> Faces:
    """Returns crops as Faces of the size that a scorer sees.

    Args:
        crops: (N,S,S,3) uint8; or Faces, which are RGB and aligned.
        color: RGB or BGR (as OpenCV reads), the order of an array's channels.
        resize: bring an array of another size to 112; otherwise that is an error.
        side: a size besides 112 that is right too: that of a model's input.

    Raises:
        ShapeError: another shape, type or size.
        UnknownNameError: another color.
        InputError: `color` or `resize` with Faces.
    """
    is_faces = isinstance(crops, Faces)
    if is_faces and (color != "RGB" or resize):
        raise InputError("color and resize are for arrays; Faces are RGB and aligned.")
    faces = crops if is_faces else Faces(checks.crops(crops, color=color))
    size = faces.crops.shape[1]
    if size in (ALIGNED_SIZE, side):
        return faces
    if not resize:
        raise ShapeError(
            f"crops must be aligned faces of {ALIGNED_SIZE} x {ALIGNED_SIZE} pixels, got {size} x"
            f" {size}.",
            hint=(
                "whole photographs: fiqa.score(paths) or fiqa.align; aligned crops of another size:"
                " resize=True to a scorer, or bring them to 112 yourself"
            ),
        )
    empty = np.empty((0, ALIGNED_SIZE, ALIGNED_SIZE, 3), np.uint8)
    return Faces(np.stack([resized(crop) for crop in faces.crops]) if len(faces) else empty)
