"""One look at every image: its hash, its border, and its rows of scores; what every worker process
of `clean` runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import ReadError
from fiqa.faces.crops import Source, read_row
from fiqa.failures import failed
from fiqa.functional.borders import Border, border
from fiqa.functional.copies import BITS, picture_hash
from fiqa.scoring.row import Row
from fiqa.scoring.rows import FaceScoring, blank_row

__all__ = ["Looking", "Seen", "unseen"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What one image showed.

    Attributes:
        rows: of the table of scores, one a face, or one that says why there is none.
        hash: (2,255) as fiqa.functional.copies.picture_hash gives it.
        border: lines of flat color at each edge.
        width: pixels, 0 where the image cannot be read.
        height: likewise.
    """

    rows: Sequence[Row]
    hash: NDArray[np.int8]
    border: Border = (0, 0, 0, 0)
    width: int = 0
    height: int = 0

    @property
    def status(self) -> str:
        """Of the image, from fiqa.vocabulary.STATUSES."""
        return str(self.rows[0]["status"])

    @property
    def border_share(self) -> float:
        """Share of the picture that its border covers."""
        if not self.width or not self.height:
            return 0.0
        top, bottom, left, right = self.border
        inside = (self.height - top - bottom) * (self.width - left - right)
        return 1.0 - inside / (self.height * self.width)


def unseen(source: Source, status: str = "failed") -> Seen:
    """Returns what is known of an image that could not be looked at."""
    return Seen([blank_row(source, status)], np.zeros((2, BITS), np.int8))


@dataclass(frozen=True)
class Looking:
    """How images are looked at: `looking(sources)` as an object that every process can load its
    detector and scorer from.

    Attributes:
        scoring: how their faces are found and scored.
    """

    scoring: FaceScoring

    def __call__(self, batch: Sequence[Source]) -> list[Seen]:
        """Returns what each image shows; `[]` loads what is needed and returns `[]`."""
        scored = self.scoring(batch)
        return [self._seen(source, rows) for source, rows in zip(batch, scored, strict=True)]

    def _seen(self, source: Source, rows: Sequence[Row]) -> Seen:
        blank = np.zeros((2, BITS), np.int8)
        if source.status != "ok":
            return Seen(rows, blank)
        try:
            pixels = read_row(source.path, source.sha256, limits=self.scoring.limits).pixels
            height, width = pixels.shape[:2]
            return Seen(rows, picture_hash(pixels), border(pixels), width, height)
        except ReadError:
            return Seen(rows, blank)
        # whatever one image does to a decoder, the others are still looked at
        except Exception as error:  # noqa: BLE001
            failed(source.path, error)
            return Seen(rows, blank)
