"""CPBD, the cumulative probability of blur detection, and nothing else by that name.

[1] N. D. Narvekar, L. J. Karam, "A no-reference image blur metric based on the cumulative
    probability of blur detection (CPBD)", IEEE TIP 20(9), 2011.
[2] P. Marziliano et al., "A no-reference perceptual blur metric", ICIP 2002: the width of an edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import ShapeError

__all__ = ["cpbd"]

BLOCK = 64
EDGE_SHARE = 0.002
LOW_CONTRAST = 50
JUST_NOTICEABLE = (5, 3)
"""Width in pixels of a just noticeable blur at a block contrast up to 50 levels, and above."""

_TAN_22 = float(np.tan(np.pi / 8))
_STEEPEST = 2 * 4 * 255 + 1
"""Values of |dx| + |dy|: each is at most 4 x 255."""


def cpbd(luma: ArrayLike, *, block: int = BLOCK) -> float:
    """Returns the share of edges whose blur is not noticed, 0 (blurred) to 1 (sharp).

    An edge of width w in a block of contrast C is seen as blurred with probability P = 1 - exp(-(w
    / w_jnb)^3.6), w_jnb = 5 pixels for C <= 50 levels, else 3 ([1], eq. 1 and 3); CPBD = Prob(P <=
    P_jnb), P_jnb = 63 % ([1], eq. 4). P_jnb is P at w = w_jnb and P grows with w, so that is the
    share of edges with w <= w_jnb: the exponent 3.6 does not change the number. Counted are the
    vertical edges of the blocks in which more than 0.2 % of the pixels are edges by Canny. The
    width is the distance between the two local extrema of the row around the edge pixel, at least
    one pixel each way [2].

    Args:
        luma: (H,W) uint8 luminance.
        block: side of the square blocks in pixels; the paper's is 64. Pixels that fill no whole
            block at the right and bottom are left out, as in the authors' program: on a 112x112
            crop only the top left 64x64 would count, so the blur factor calls with 56, which tiles
            it.

    Returns:
        0..1; 0 where there is no edge at all (nothing shows that the image is sharp). No resampling
        is done: the widths are pixels of the image as given.

    Raises:
        ShapeError: not (H,W) uint8.
        InputError: block under 8.

    >>> step = np.repeat(np.uint8([[30, 220] * 4]), 16, axis=1)
    >>> cpbd(np.repeat(step, 128, axis=0)), cpbd(np.full((128, 128), 7, np.uint8))
    (1.0, 0.0)
    """
    image = checks.array(luma, "luma", shape=("H", "W"))
    if image.dtype != np.uint8:
        raise ShapeError(f"luma must be uint8 in 0..255, got {image.dtype}.")
    checks.in_range(block, "block", 8, np.inf)
    if image.shape[0] < block or image.shape[1] < block:
        return 0.0
    return of_gradient(image, *sobel(image), block=block)


def sobel(luma: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Returns (d/dx, d/dy) by 3x3 Sobel, int16: 8 times the slope in levels per pixel.

    Args:
        luma: (H,W) uint8 luminance.
    """
    dx, dy = cv2.spatialGradient(np.ascontiguousarray(luma))
    return np.asarray(dx, np.int16), np.asarray(dy, np.int16)


def of_gradient(
    luma: NDArray[np.uint8], dx: NDArray[np.int16], dy: NDArray[np.int16], *, block: int = BLOCK
) -> float:
    """Returns `cpbd` of an image whose Sobel gradient is computed already.

    Args:
        luma: (H,W) uint8 luminance.
        dx: (H,W), as `sobel` gives it.
        dy: (H,W), as `sobel` gives it.
        block: side of the square blocks in pixels.
    """
    limit = _limits(luma, _canny(dx, dy), block)
    place = np.flatnonzero(_vertical_edges(dx, dy) & (limit > 0))
    if not len(place):
        return 0.0
    rising = dx.ravel()[place] > 0
    return float(np.mean(_widths(luma, place, rising) <= limit.ravel()[place]))


def _limits(luma: NDArray[np.uint8], edges: NDArray[np.uint8], block: int) -> NDArray[np.uint8]:
    """Returns (H,W) uint8: the just noticeable width of the pixel's block.

    0 where its block is no edge block or not whole.
    """
    rows, columns = luma.shape[0] // block, luma.shape[1] // block
    tiled = (rows, block, columns, block)
    blocks = luma[: rows * block, : columns * block].reshape(tiled)
    contrast = blocks.max((1, 3)).astype(np.int32) - blocks.min((1, 3))
    counts = np.count_nonzero(edges[: rows * block, : columns * block].reshape(tiled), axis=(1, 3))
    width = np.where(contrast <= LOW_CONTRAST, *JUST_NOTICEABLE) * (
        counts > EDGE_SHARE * block * block
    )
    limit = np.zeros(luma.shape, np.uint8)
    limit[: rows * block, : columns * block].reshape(tiled)[...] = width[:, None, :, None]
    return limit


def _canny(dx: NDArray[np.int16], dy: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Returns Canny edges at thresholds that the image's own gradient sets.

    The upper one is the 70th percentile of the gradient, the lower .4 of it, as the authors'
    program lets them be chosen.
    """
    magnitude = (np.abs(dx) + np.abs(dy)).view(np.uint16)
    counts = cv2.calcHist([magnitude], [0], None, [_STEEPEST], [0, _STEEPEST]).ravel()
    high = max(float(np.searchsorted(np.cumsum(counts), 0.7 * magnitude.size)), 1.0)
    return np.asarray(cv2.Canny(dx, dy, 0.4 * high, high), np.uint8)


def _vertical_edges(dx: NDArray[np.int16], dy: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Returns (H,W) bool: whether a pixel is on a vertical edge.

    The horizontal slope is a maximum along its row, its square above 4 times the image's mean, its
    direction within 22.5 degrees.
    """
    slope = np.abs(dx)
    edge = slope > 2.0 * cv2.norm(dx, cv2.NORM_L2) / dx.size**0.5
    edge[:, 1:] &= slope[:, 1:] >= slope[:, :-1]
    edge[:, :-1] &= slope[:, :-1] > slope[:, 1:]
    edge &= np.abs(dy) < _TAN_22 * slope
    # The first and last column have no neighbor to be larger than.
    edge[:, [0, -1]] = False
    return edge


def _widths(
    luma: NDArray[np.uint8], place: NDArray[np.int64], rising: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Returns (E,) edge widths in pixels, exact up to the largest just noticeable one.

    Beyond that they are some larger number.

    Beyond the image the row stays what it is at its edge, which ends every slope.
    """
    reach = max(JUST_NOTICEABLE) + 1
    padded = cv2.copyMakeBorder(luma, 0, 0, reach, reach, cv2.BORDER_REPLICATE).astype(np.int16)
    start = place + (2 * reach) * (place // luma.shape[1])
    rows = padded.ravel()[start[:, None] + np.arange(2 * reach + 1)]
    steps = np.where(rising[:, None], rows[:, 1:] > rows[:, :-1], rows[:, 1:] < rows[:, :-1]).view(
        np.uint8
    )
    # A running product of 0 and 1 is 1 as long as the slope goes on.
    before = np.multiply.accumulate(steps[:, reach - 2 :: -1], axis=1)
    after = np.multiply.accumulate(steps[:, reach + 1 :], axis=1)
    return 2 + before.sum(1, dtype=np.int64) + after.sum(1, dtype=np.int64)
