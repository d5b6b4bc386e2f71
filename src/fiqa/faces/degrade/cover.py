"""What stands before a face: a surgical mask, a hand, sunglasses.

Drawn where the landmarks say, in the colors and the light of the scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.degrade.face import Face, Floats, frame_points, lighting, paint, to_uint8

__all__ = ["hand", "mask", "sunglasses"]

# All shapes are in pixels of the 112 template; the eyes are at y = 52, the mouth at y = 92.
_MASK = np.array(
    [
        [15, 67], [34, 65], [48, 60], [56, 58], [64, 60], [78, 65], [97, 67], [92, 94], [76, 116],
        [56, 123], [36, 116], [20, 94],
    ],
    np.float32,
)  # fmt: skip
_PLEATS = [
    np.array([[17, y], [36, y + 3], [56, y + 4], [76, y + 3], [95, y]], np.float32)
    for y in (76, 86, 96)
]
_STRAPS = [np.array(line, np.float32) for line in ([[16, 68], [-6, 58]], [[96, 68], [118, 58]])]
_FABRICS = np.array([[150, 190, 216], [214, 218, 222], [44, 46, 52], [140, 188, 166]], np.float32)
_FINGERS = [
    (np.array([[-22, 12], [-27, -22]], np.float32), 13),
    (np.array([[-8, 8], [-9, -33]], np.float32), 14),
    (np.array([[6, 8], [8, -34]], np.float32), 14),
    (np.array([[20, 12], [25, -24]], np.float32), 13),
    (np.array([[26, 40], [46, 16]], np.float32), 15),
]
_ANGLES = np.linspace(0, 2 * np.pi, 48)
_PALM = np.column_stack([29 * np.cos(_ANGLES), 32 + 27 * np.sin(_ANGLES)])
_SCALE = 16.0
_SHIFT = 4
"""OpenCV draws at sixteenths of a pixel when it is given whole numbers shifted by 4 bits."""


def _fixed(points: Floats) -> NDArray[np.int32]:
    return np.rint(points * _SCALE).astype(np.int32)


def _polygon(size: int, points: Floats) -> Floats:
    canvas = np.zeros((size, size), np.uint8)
    cv2.fillPoly(canvas, [_fixed(points)], 255, cv2.LINE_AA, _SHIFT)
    return canvas.astype(np.float32) / 255


def _stroke(size: int, points: Floats, thickness: float) -> Floats:
    canvas = np.zeros((size, size), np.uint8)
    cv2.polylines(
        canvas, [_fixed(points)], False, 255, max(1, round(thickness)), cv2.LINE_AA, _SHIFT
    )
    return canvas.astype(np.float32) / 255


def _unit(face: Face) -> float:
    """Pixels of the crop in one pixel of the template."""
    return float(face.crop.shape[0] / 112)


def mask(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face behind a surgical mask in one of four colors.

    It hangs below the chin at first and covers mouth and nose at strength 1.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size, unit = face.crop.shape[0], _unit(face)
    down = np.array([0, 46 * (1 - strength)], np.float32)
    color = (_FABRICS[rng.choice(4, p=(0.5, 0.2, 0.2, 0.1))] * rng.uniform(0.92, 1.04)).astype(
        np.float32
    )
    lit = np.minimum(lighting(face), 1.05)[..., None] * color
    canvas = face.crop.astype(np.float32)
    for strap in _STRAPS:
        paint(canvas, 0.9 * lit, _stroke(size, frame_points(face, strap + down), 1.6 * unit))
    sheet = _polygon(size, frame_points(face, _MASK + down))
    # The sheet less its blurred self is bright along its border: a seam.
    rim = np.maximum(sheet - cv2.GaussianBlur(sheet, (0, 0), 3 * unit), 0)
    paint(canvas, lit, sheet)
    # Seam, fold and lit edge: their weights are by eye.
    paint(canvas, 0.55 * lit, 0.55 * rim)
    for pleat in _PLEATS:
        paint(
            canvas, 0.62 * lit, 0.5 * sheet * _stroke(size, frame_points(face, pleat + down), unit)
        )
        paint(
            canvas,
            1.1 * lit,
            0.35 * sheet * _stroke(size, frame_points(face, pleat + down + 1.3), unit),
        )
    return replace(face, crop=to_uint8(canvas))


def _skin(face: Face) -> Floats:
    """The median color around the nose."""
    size = face.crop.shape[0]
    reach = max(2, round(0.1 * size))
    x, y = np.clip(np.rint(face.points[2]), reach, size - reach).astype(int)
    patch = face.crop[y - reach : y + reach, x - reach : x + reach].reshape(-1, 3)
    return np.median(patch, axis=0).astype(np.float32)


def _hand_place(rng: np.random.Generator, strength: float) -> Callable[[Floats], Floats]:
    """Where points of the hand (its palm below the origin) lie in the template.

    The hand is turned by up to 30 degrees, left or right, and risen by the strength.
    """
    angle, mirror = rng.uniform(-0.5, 0.5), rng.choice((-1.0, 1.0))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) @ np.diag(
        [mirror, 1.0]
    )
    center = np.array([56 + rng.uniform(-6, 6), 84 + 58 * (1 - strength)])
    return lambda points: points @ turn.T + center


def hand(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face behind a hand in the color of its own skin.

    The hand rises from below until it covers mouth and nose at strength 1.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size, unit = face.crop.shape[0], _unit(face)
    place = _hand_place(rng, strength)
    light = np.clip(lighting(face), 0.3, 1.1)
    tone = (light / light.mean())[..., None] * (_skin(face) * np.float32(rng.uniform(0.86, 1.0)))
    palm = cv2.GaussianBlur(_polygon(size, frame_points(face, place(_PALM))), (0, 0), 1.2 * unit)
    canvas = face.crop.astype(np.float32)
    # A dark outline, the skin, a highlight; the palm comes last, over their ends.
    for finger, thickness in _FINGERS:
        line = frame_points(face, place(finger))
        paint(
            canvas,
            0.5 * tone,
            0.6 * cv2.GaussianBlur(_stroke(size, line, (thickness + 3) * unit), (0, 0), 1.2 * unit),
        )
        paint(canvas, 0.86 * tone, _stroke(size, line, thickness * unit))
        paint(
            canvas,
            1.06 * tone,
            cv2.GaussianBlur(_stroke(size, line, 0.5 * thickness * unit), (0, 0), 2 * unit),
        )
    paint(canvas, tone, palm)
    return replace(face, crop=to_uint8(canvas))


def _lens(center: Floats, width: float) -> Floats:
    cos, sin = np.cos(_ANGLES), np.sin(_ANGLES)
    # Powers below 1 make the ellipse a rounded rectangle.
    outline = np.column_stack(
        [np.sign(cos) * np.abs(cos) ** 0.6, 0.78 * np.sign(sin) * np.abs(sin) ** 0.7]
    )
    return center + width * outline


def sunglasses(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face with sunglasses that grow and darken until the eyes cannot be seen.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size, unit = face.crop.shape[0], _unit(face)
    width = (12 + 4 * strength) * rng.uniform(0.97, 1.03)
    tint = rng.uniform((16, 14, 12), (34, 28, 30)).astype(np.float32)
    alpha = np.float32(strength**0.7)
    canvas = face.crop.astype(np.float32)
    # Bridge and temples first, so that the lenses lie over them.
    bridge = [[38 + 0.7 * width, 49], [56, 46.5], [74 - 0.7 * width, 49]]
    for line in (bridge, [[38 - width, 50], [-8, 47]], [[74 + width, 50], [120, 47]]):
        paint(canvas, tint, alpha * _stroke(size, frame_points(face, np.array(line)), 3 * unit))
    for center in np.array([[38.0, 53.0], [74.0, 53.0]]):
        glass = _polygon(size, frame_points(face, _lens(center, width)))
        sheen = frame_points(face, center + np.array([[-7, 4], [3, -6]]))
        shine = cv2.GaussianBlur(_stroke(size, sheen, 3 * unit), (0, 0), 1.5 * unit)
        paint(canvas, tint, alpha * glass)
        paint(canvas, np.full(3, 190, np.float32), np.float32(0.22) * alpha * glass * shine)
    return replace(face, crop=to_uint8(canvas))
