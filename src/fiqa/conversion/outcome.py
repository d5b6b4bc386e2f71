"""What a conversion makes, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TARGETS", "Conversion"]

TARGETS = ("images", "pairs", "table", "ofiq", "fiftyone", "imagefolder", "webdataset", "model")
"""What a file can become; `images` from .bin and .rec, `pairs` from pair lists, `model` from
published weights, the others from scores."""


@dataclass(frozen=True)
class Conversion:
    """What became of a file.

    Attributes:
        target: one of TARGETS.
        files: that were written.
        rows: in them.
        failed: rows without an image or a number.
        skipped: left out (repeated images, malformed pairs).
        left_out: pairs that cannot be (fiqa.data.sound).
    """

    target: str
    files: tuple[str, ...]
    rows: int
    failed: int
    skipped: int
    left_out: int = 0
