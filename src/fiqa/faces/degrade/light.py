"""What light does to a face: too little, too much, from the side, into the lens, or near
infrared."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from fiqa.faces.degrade.face import Face, Floats, encoded, frame_points, grid, linear, to_uint8
from fiqa.faces.degrade.sensor import sensor_noise

__all__ = ["glare", "low_light", "nir", "over_exposure", "side_light"]

_GLARE_PLACES = np.array([[38, 50], [74, 50], [56, 34], [40, 70], [72, 70]], np.float32)
"""Where glare falls, in pixels of the 112 template: the lenses of glasses, the forehead, the
cheeks."""


def low_light(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face in up to 5 stops less light, with the shot and read noise that stay.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    # The noise is that of the sensor: it stays when the light goes.
    light = linear(face.crop) * np.float32(2.0 ** (-5 * strength))
    return replace(face, crop=encoded(sensor_noise(light, 0.002 * strength, 0.004 * strength, rng)))


def over_exposure(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face in up to 4 stops too much light, clipped at white.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    return replace(face, crop=encoded(linear(face.crop) * np.float32(2.0 ** (4 * strength))))


def _blob(size: int, center: Floats, width: float, height: float, angle: float) -> Floats:
    x, y = grid(size)
    along = (x - center[0]) * np.cos(angle) + (y - center[1]) * np.sin(angle)
    across = (y - center[1]) * np.cos(angle) - (x - center[0]) * np.sin(angle)
    blob: Floats = np.exp(-0.5 * ((along / width) ** 2 + (across / height) ** 2), dtype=np.float32)
    return blob


def glare(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face with two specular spots on eyes, forehead or cheeks.

    They grow and brighten until they are white, and scattered light lays a veil over all.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size = face.crop.shape[0]
    places = rng.choice(len(_GLARE_PLACES), 2, replace=False)
    centers = frame_points(
        face, _GLARE_PLACES[places] + rng.normal(0, 3, (2, 2)).astype(np.float32)
    )
    # The veil: scattered light adds to all of the picture.
    light = linear(face.crop) + np.float32(0.10 * strength**2)
    for center, reach, angle in zip(centers, (0.11, 0.07), rng.uniform(-0.6, 0.6, 2), strict=True):
        width = size * reach * (0.4 + 0.9 * strength)
        light += (4 * strength * _blob(size, center, width, 0.6 * width, angle))[..., None]
    return replace(face, crop=encoded(light))


def side_light(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face lit from one side.

    The lit side is up to 1 stop brighter, the other up to 6 stops darker, turning over at the nose.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size = face.crop.shape[0]
    sign = rng.choice((-1.0, 1.0))
    x, _ = grid(size)
    lit = 0.5 - 0.5 * np.tanh(sign * (x - face.points[2, 0]) / (0.18 * size))
    # Fully lit is 1 stop more, not lit 6 stops less.
    stops = strength * (7 * lit - 6)
    return replace(
        face, crop=encoded(linear(face.crop) * np.exp2(stops, dtype=np.float32)[..., None])
    )


def nir(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face as a near-infrared camera with its own lamp sees it.

    No color (at any strength), skin bright and soft, contrast lost, dark around the lamp's spot.

    Red counts most in the mix, since skin reflects near infrared as it does red.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size = face.crop.shape[0]
    mix = face.crop.astype(np.float32) @ np.array([0.65, 0.3, 0.05], np.float32)
    soft = cv2.addWeighted(
        mix, 1 - 0.7 * strength, cv2.GaussianBlur(mix, (0, 0), 0.012 * size), 0.7 * strength, 0
    )
    flat = 118 + (soft - 118) * (1 - 0.7 * strength)
    lamp = 1 - 0.4 * strength * (1 - _blob(size, face.points[2], 0.45 * size, 0.45 * size, 0.0))
    grain = 5 * strength * rng.standard_normal((size, size), dtype=np.float32)
    grey = to_uint8(flat * lamp + grain)
    return replace(face, crop=np.repeat(grey[..., None], 3, axis=2), grey=True)
