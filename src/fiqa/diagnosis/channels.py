"""Whether crops have red and blue swapped, as OpenCV's BGR does when it is saved as RGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiqa.data.images import Limits
from fiqa.faces.crops import CropTable
from fiqa.types import Manifest

__all__ = ["Channels", "channels"]

_MOST, _FEWEST = 64, 8
"""Crops that are looked at, taken evenly; fewer than the latter say nothing."""
_FACE_UQS = 20
"""Score of 100 that a crop must have in one of the two orders, to be taken for a face at all."""
_MIDDLE = (slice(40, 90), slice(30, 82))
"""Rows and columns of a 112 crop that are mostly skin."""


@dataclass(frozen=True)
class Channels:
    """Two signs of swapped channels.

    Attributes:
        crops: faces of color that were looked at.
        bluer: share of them whose middle is bluer than red: of no skin it is, under white light.
        better: share of them whose score rises when red and blue change places.
    """

    crops: int
    bluer: float
    better: float

    @property
    def suspicious(self) -> bool:
        """True where most crops show the first sign, most show the second, and there are enough.

        Of LFW, the pins set and people in blue masks neither sign is seen in half of the crops.
        """
        return self.crops >= _FEWEST and self.bluer > 0.5 and self.better > 0.5

    def line(self) -> str:
        """Returns the finding as a line of text."""
        if self.crops < _FEWEST:
            return (
                f"color order: not judged, {self.crops} aligned faces of color (at least {_FEWEST})"
            )
        told = (
            f"of {self.crops} aligned faces {self.bluer:.0%} are bluer than red and "
            f"{self.better:.0%} score higher with red and blue swapped"
        )
        if self.suspicious:
            return f"warning: color order: {told}: were BGR images saved as RGB?"
        return f"color order: {told}"


def channels(images: Manifest, *, limits: Limits | None = None) -> Channels:
    """Returns the signs of swapped channels in what of `images` are square crops of faces in color.

    Args:
        images: readable images; of those that may be crops at most 64 are looked at.
        limits: what an image may cost.
    """
    from fiqa.methods import load

    columns = images.columns
    likely = np.flatnonzero(
        (columns["modality"] == "color") & (columns["width"] == columns["height"])
    )
    picked = likely[np.linspace(0, len(likely) - 1, min(_MOST, len(likely))).astype(int)]
    table = CropTable(images, limits or Limits())
    read = [crop for crop in (table.read(int(row))[1] for row in picked) if crop is not None]
    if len(read) < _FEWEST:
        return Channels(len(read), 0.0, 0.0)
    crops, scorer = np.stack(read), load()
    plain, swapped = scorer.score(crops), scorer.score(crops, color="BGR")
    # The better of the two orders: in the wrong one a face may look like none.
    face = scorer.unified(np.maximum(plain, swapped)) >= _FACE_UQS
    middle = crops[face][:, _MIDDLE[0], _MIDDLE[1]].astype(np.float64).mean(axis=(1, 2))
    if not len(middle):
        return Channels(0, 0.0, 0.0)
    bluer, better = middle[:, 2] > middle[:, 0], swapped[face] > plain[face]
    return Channels(len(middle), float(bluer.mean()), float(better.mean()))
