"""Where a face lies and which way it looks, from five points: similarity transforms to the
alignment template, and head pose.

The five points are, image-left first: left eye, right eye, nose, left mouth corner, right mouth
corner; x to the right, y down, in pixels. A pixel's center has whole coordinates, as in OpenCV.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError

__all__ = [
    "TEMPLATE",
    "eye_distance",
    "inverse",
    "similarity_transform",
    "template",
    "transform_points",
]

TEMPLATE: NDArray[np.float64] = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""(5,2) where the five points of an aligned 112x112 crop lie, pixels: the ArcFace template."""
TEMPLATE.setflags(write=False)


def template(size: int = 112) -> NDArray[np.float64]:
    """Returns the (5,2) alignment template for a square crop: TEMPLATE times size/112.

    Args:
        size: side of the crop, pixels, at least 16.

    Raises:
        InputError: size under 16.

    >>> template(224)[0].round(4).tolist()
    [76.5892, 103.3926]
    """
    checks.in_range(size, "size", 16, np.inf)
    return TEMPLATE * (size / 112.0)


def similarity_transform(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Returns the rotation, scale and shift that bring `source` closest to `target`.

    Closest in least squares, by one scale for both axes; never a reflection.

    With points as complex numbers, p' = a p + b and a = sum(conj(p - mean) (q - mean)) / sum |p -
    mean|^2: the planar case of Umeyama (1991), eq. 40-42, where the best proper rotation is found
    without a decomposition.

    Args:
        source: (..., K, 2) points, K >= 2.
        target: (K, 2) or (..., K, 2) where they should fall.

    Returns:
        (..., 2, 3) float64 matrices that map a source point (x, y, 1) to the target.

    Raises:
        ShapeError: other shapes.
        InputError: NaN or infinite points, all source points equal, or no rotation is better than
            another.

    >>> similarity_transform([[0, 0], [1, 0]], [[5, 5], [5, 7]]).round(6).tolist()
    [[0.0, -2.0, 5.0], [2.0, 0.0, 5.0]]
    """
    p, q = _complex(source, "source"), _complex(target, "target")
    p_mean, q_mean = p.mean(-1, keepdims=True), q.mean(-1, keepdims=True)
    # The moments about the means leave the shift out.
    spread = np.sum(np.abs(p - p_mean) ** 2, axis=-1)
    # Relative to how far the points lie from the origin: far out, rounding alone spreads equal
    # points.
    if np.any(spread <= 1e-12 * np.maximum(1.0, np.abs(p_mean[..., 0]) ** 2)):
        raise InputError("source must have at least two distinct points; all of them are equal.")
    a = np.sum(np.conj(p - p_mean) * (q - q_mean), axis=-1) / spread
    b = q_mean[..., 0] - a * p_mean[..., 0]
    return np.stack(
        [np.stack([a.real, -a.imag, b.real], -1), np.stack([a.imag, a.real, b.imag], -1)], axis=-2
    )


def transform_points(matrix: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Returns (..., K, 2) points moved by an affine matrix.

    Args:
        matrix: (..., 2, 3); leading axes broadcast.
        points: (..., K, 2).

    >>> transform_points([[2, 0, 1], [0, 2, 0]], [[3, 4]]).tolist()
    [[7.0, 8.0]]
    """
    m, p = _matrix(matrix), np.asarray(points, np.float64)
    return p @ np.swapaxes(m[..., :2], -1, -2) + m[..., None, :, 2]


def inverse(matrix: ArrayLike) -> NDArray[np.float64]:
    """Returns the (..., 2, 3) affine matrix that undoes `matrix`.

    Args:
        matrix: (..., 2, 3) affine.

    Raises:
        InputError: a matrix that cannot be undone (zero scale, NaN).

    >>> inverse([[2, 0, 1], [0, 2, 0]]).tolist()
    [[0.5, 0.0, -0.5], [0.0, 0.5, 0.0]]
    """
    m = _matrix(matrix)
    (a, b), (c, d) = np.moveaxis(m[..., 0, :2], -1, 0), np.moveaxis(m[..., 1, :2], -1, 0)
    det = a * d - b * c
    # Written so that NaN fails too.
    if not np.all(np.abs(det) > 0):
        raise InputError("matrix must have an inverse; its determinant is 0 or NaN.")
    linear = (
        np.stack([np.stack([d, -b], -1), np.stack([-c, a], -1)], axis=-2) / det[..., None, None]
    )
    # + 0.0 turns -0.0 into 0.0
    return np.concatenate([linear, -(linear @ m[..., 2:])], axis=-1) + 0.0


def eye_distance(matrix: ArrayLike, size: int = 112) -> NDArray[np.float64]:
    """Returns (...,) the inter-eye distance of aligned faces in pixels of their source.

    The template's eye distance over the transform's scale. All five points set the scale, so a
    turned head is not measured as a smaller one; ISO/IEC 29794-5 divides by cos(yaw) to the same
    end.

    Args:
        matrix: (..., 2, 3), which aligns a face to a crop.
        size: side of that crop, pixels.

    >>> eye_distance([[0.5, 0, 0], [0, 0.5, 0]]).round(2).item()
    70.48
    """
    m = _matrix(matrix)
    # The square root of the determinant is the one scale of a similarity.
    scale = np.sqrt(np.abs(m[..., 0, 0] * m[..., 1, 1] - m[..., 0, 1] * m[..., 1, 0]))
    eyes = template(size)[:2]
    result: NDArray[np.float64] = np.linalg.norm(eyes[1] - eyes[0]) / scale
    return result


def _complex(points: ArrayLike, name: str) -> NDArray[np.complex128]:
    p = np.asarray(points, np.float64)
    checks.array(
        p.reshape((-1, *p.shape[-2:])) if p.ndim > 2 else p[None], name, shape=("N", "K", 2)
    )
    checks.finite(p, name)
    result: NDArray[np.complex128] = p[..., 0] + 1j * p[..., 1]
    return result


def _matrix(matrix: ArrayLike) -> NDArray[np.float64]:
    m = np.asarray(matrix, np.float64)
    checks.array(
        m.reshape((-1, *m.shape[-2:])) if m.ndim > 2 else m[None], "matrix", shape=("N", 2, 3)
    )
    return m
