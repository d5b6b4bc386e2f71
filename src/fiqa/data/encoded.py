"""Pictures as the bytes of files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import ShapeError

__all__ = ["image_bytes"]

_WRITE = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def image_bytes(pixels: NDArray[np.uint8], suffix: str, quality: int = 95) -> bytes:
    """Returns (H,W,3) uint8 RGB as the bytes of a file.

    Args:
        pixels: (H,W,3) uint8 RGB.
        suffix: .jpg, .png or .webp.
        quality: 1..100, of JPEG and WebP; PNG is lossless.

    Raises:
        UnknownNameError: another suffix.
        ShapeError: another shape or type.
    """
    import PIL.Image

    suffix = checks.choice(suffix.lower(), "image suffix", _WRITE)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ShapeError(f"pixels must be (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}.")
    options: dict[str, Any] = (
        {} if suffix == ".png" else {"quality": int(checks.in_range(quality, "quality", 1, 100))}
    )
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format=_WRITE[suffix], **options)
    return buffer.getvalue()
