"""What the factors share: one face's luminance, gradients and residuals, each computed once, and
the regions of the aligned square."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.cpbd import sobel
from fiqa.functional.geometry import TEMPLATE

__all__ = ["CELLS", "SIZE", "Planes", "cell_box", "cell_oval", "detrended", "oval"]

SIZE = 112
"""The factors look at the aligned square at this size; another size is resampled to it (area
averaging down, bilinear up)."""
CELLS = 28
"""The square in cells of 4x4 pixels."""

_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True, eq=False)
class Planes:
    """One face; all that is not a field is derived when first used.

    Attributes:
        rgb: (112,112,3) uint8.
        inside: (112,112) bool, True where the pixel came from the frame, or None where unknown.
        grey: True where color means nothing.
    """

    rgb: NDArray[np.uint8]
    inside: NDArray[np.bool_] | None
    grey: bool

    @classmethod
    def of(
        cls, crop: NDArray[np.uint8], inside: NDArray[np.bool_] | None, grey: bool | None
    ) -> Planes:
        """Returns the planes of one crop.

        Args:
            crop: (S,S,3) uint8 RGB.
            inside: (S,S) bool, or None where unknown.
            grey: None: told from the pixels (mean channel difference under 2 levels).
        """
        if crop.shape[0] != SIZE:
            interpolation = cv2.INTER_AREA if crop.shape[0] > SIZE else cv2.INTER_LINEAR
            crop = np.asarray(cv2.resize(crop, (SIZE, SIZE), interpolation=interpolation), np.uint8)
            inside = None if inside is None else _shrink(inside)
        if inside is not None and inside.all():
            # The same object for every whole face: `partial` need not look at the pixels again.
            inside = _EVERYWHERE
        if grey is None:
            red, green, blue = cv2.split(crop)
            # The two differences are added, so that a mean under 2 levels is a sum under 4.
            grey = (
                float(cv2.mean(cv2.absdiff(red, green))[0] + cv2.mean(cv2.absdiff(green, blue))[0])
                < 4.0
            )
        return cls(np.ascontiguousarray(crop), inside, grey)

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """(112,112) uint8 luminance, ITU-R BT.601: .299 R + .587 G + .114 B."""
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def gradient(self) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """(d/dx, d/dy) of the luminance, 8 times the slope in levels per pixel.

        By 3x3 Sobel, int16; 0 beside the outside of the frame.
        """
        dx, dy = sobel(self.luma)
        if self.partial:
            dx, dy = np.where(self.core, dx, np.int16(0)), np.where(self.core, dy, np.int16(0))
        return dx, dy

    @cached_property
    def laplacian(self) -> NDArray[np.int16]:
        """(112,112) int16 4-neighbor Laplacian of the luminance."""
        return np.asarray(cv2.Laplacian(self.luma, cv2.CV_16S), np.int16)

    @cached_property
    def residual(self) -> NDArray[np.float32]:
        """(112,112) float32 absolute response of the noise kernel of Immerkaer (1996).

        It is blind to planes, edges along the axes and ramps.
        """
        return np.abs(cv2.filter2D(self.luma, cv2.CV_32F, _NOISE))

    @property
    def partial(self) -> bool:
        """True when some of the square lies outside the frame."""
        return self.inside is not None and self.inside is not _EVERYWHERE

    @cached_property
    def core(self) -> NDArray[np.bool_]:
        """(112,112) bool: inside the frame and not within two pixels of its edge."""
        if not self.partial:
            return _EVERYWHERE
        # The filters reach one pixel beyond their own, and alignment mixes in another.
        return np.asarray(
            cv2.erode(np.asarray(self.inside, np.uint8), np.ones((5, 5), np.uint8)), bool
        )

    @cached_property
    def face(self) -> NDArray[np.uint8]:
        """(112,112) uint8 mask, 255 where the face oval is and the frame was."""
        return _OVAL if not self.partial else np.where(self.core, _OVAL, np.uint8(0))

    @cached_property
    def cells(self) -> NDArray[np.float32]:
        """(28,28) float32 luminance averaged over 4x4 pixels."""
        return np.asarray(
            cv2.resize(self.luma, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32
        )

    @cached_property
    def known_cells(self) -> NDArray[np.bool_] | None:
        """(784,) bool: the cell came from the frame; None when all did or it is not known."""
        # One pixel near its middle stands for a cell.
        return self.core[1::4, 1::4].ravel() if self.partial else None


def oval() -> NDArray[np.bool_]:
    """Returns the (112,112) bool oval of the face in the aligned square.

    Its center is (56,68), its half axes are 34 and 44 pixels.

    It holds brows to chin and leaves most hair and background out; its center lies between the
    template's nose and mouth.
    """
    y, x = np.mgrid[:SIZE, :SIZE]
    inside: NDArray[np.bool_] = ((x - 56) / 34) ** 2 + ((y - 68) / 44) ** 2 <= 1
    return inside


def cell_oval() -> NDArray[np.int64]:
    """Returns the flat indices of the cells of `Planes.cells` whose centers lie in the oval."""
    return np.flatnonzero(oval()[1::4, 1::4])


def cell_box(
    points: tuple[int, ...], half_width: float, half_height: float, *, down: float = 0.0
) -> NDArray[np.int64]:
    """Returns the flat indices of the cells within a box around points of the template.

    Args:
        points: places in the template, whose mean is the middle of the box.
        half_width: pixels.
        half_height: pixels.
        down: pixels by which the box is moved.
    """
    x, y = TEMPLATE[list(points)].mean(axis=0) + np.array([0.0, down])
    rows, columns = np.mgrid[:CELLS, :CELLS] * 4 + 1.5
    return np.flatnonzero((np.abs(columns - x) <= half_width) & (np.abs(rows - y) <= half_height))


def detrended(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns cells less their Gaussian mean of 3.5 cells.

    What light does slowly is gone, features stay.

    Args:
        cells: (28,28) float32.
    """
    return cells - np.asarray(cv2.GaussianBlur(cells, (0, 0), 3.5), np.float32)


def _shrink(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(
        cv2.resize(inside.astype(np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_NEAREST), bool
    )


_EVERYWHERE = np.ones((SIZE, SIZE), np.bool_)
_EVERYWHERE.setflags(write=False)
_OVAL = np.where(oval(), np.uint8(255), np.uint8(0))
_OVAL.setflags(write=False)
