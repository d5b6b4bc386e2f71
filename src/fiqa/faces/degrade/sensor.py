"""What lens, sensor and file do to a face: blur, defocus, motion, noise, JPEG, low resolution."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from fiqa.faces.degrade.face import Face, Floats, encoded, linear

__all__ = ["blur", "defocus", "jpeg", "low_resolution", "motion", "noise", "sensor_noise"]


def blur(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face under a Gaussian blur, deviation up to 5.4 % of the side (6 px of 112).

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    sigma = 0.054 * face.crop.shape[0] * strength
    return replace(
        face, crop=cv2.GaussianBlur(face.crop, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    )


def _antialiased_disc(radius: float) -> Floats:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(disc / disc.sum())


def defocus(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face out of focus: the mean over a disc of linear light.

    The radius is up to 8 % of the side (9 px of 112).

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    # In linear light: a lens adds up light and not display levels.
    kernel = _antialiased_disc(0.08 * face.crop.shape[0] * strength)
    light = cv2.filter2D(linear(face.crop), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return replace(face, crop=encoded(light))


def motion(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face moved in a random direction: the mean along a segment.

    It is up to 25 % of the side long (28 px of 112).

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    angle = rng.uniform(0, np.pi)
    length = 0.25 * face.crop.shape[0] * strength
    reach = int(np.ceil(length / 2)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    kernel = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    light = cv2.filter2D(
        linear(face.crop), -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101
    )
    return replace(face, crop=encoded(light))


def sensor_noise(light: Floats, shot: float, read: float, rng: np.random.Generator) -> Floats:
    """Returns linear light with Poisson-Gaussian noise, independent per channel.

    variance = shot * light + read^2, drawn as its normal approximation.

    Args:
        light: (S,S,3) linear light.
        shot: variance per light.
        read: deviation in the dark.
        rng: the source of the draws.
    """
    deviation = np.sqrt(shot * light + read * read)
    return light + deviation * rng.standard_normal(light.shape, dtype=np.float32)


def noise(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face with the sensor noise of a high gain.

    At strength 1 a mid-grey pixel has about 40 electrons and the read noise is 6 % of white.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    light = sensor_noise(linear(face.crop), 0.09 * strength**2, 0.06 * strength, rng)
    return replace(face, crop=encoded(light))


def jpeg(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face out of a real JPEG file, quality 90 down to 2.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    # JPEG shows little above quality 50, so the square hurries past it.
    quality = round(2 + 88 * (1 - strength) ** 2)
    _, file = cv2.imencode(
        ".jpg", cv2.cvtColor(face.crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR))
    return replace(face, crop=cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def low_resolution(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face scaled down, to a tenth of the side at most, and up again.

    The distance between the eyes becomes what is left of it: that of the source or of the crop,
    whichever is less, times the scale.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size = face.crop.shape[0]
    small = max(2, round(size * 0.1**strength))
    tiny = cv2.resize(face.crop, (small, small), interpolation=cv2.INTER_AREA)
    # fmin passes over NaN: an unknown distance is that of the crop.
    in_crop = float(np.hypot(*(face.points[1] - face.points[0])))
    return replace(
        face,
        crop=cv2.resize(tiny, (size, size), interpolation=cv2.INTER_LINEAR),
        eye_distance=float(np.fmin(face.eye_distance, in_crop)) * small / size,
    )
