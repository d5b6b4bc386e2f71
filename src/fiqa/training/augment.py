"""Augmentation of aligned crops, on numpy.

Each crop's changes depend on the seed, the epoch and its row alone, whoever computes them.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.degrade import KINDS, PRESETS, degrade
from fiqa.training.config import Augment
from fiqa.types import Faces

__all__ = ["augmented", "degraded", "generator", "plan"]

Crop = NDArray[np.uint8]
_BLUR = (0.4, 1.2)
"""Standard deviation of the mild blur, in pixels of a 112 crop."""
_NOISE = (1.0, 5.0)
"""Standard deviation of the mild noise, in grey levels."""
_SHADES = np.array([0.299, 0.587, 0.114], np.float32)


def generator(*key: int) -> np.random.Generator:
    """Returns a generator that depends on the numbers alone (each at least 0)."""
    return np.random.default_rng(np.random.SeedSequence(key))


def augmented(crop: Crop, settings: Augment, rng: np.random.Generator) -> Crop:
    """Returns one crop (S,S,3) uint8 RGB flipped, tinted, blurred and made noisy.

    A crop without color keeps none.

    Every draw is made whatever the options, so that one option does not change what another draws.

    Args:
        crop: as it is on disk.
        settings: the recipe's.
        rng: of this crop in this epoch.
    """
    flip, blur, noise, sigma, level = rng.random(5)
    color = 1 + settings.color * rng.uniform(-1, 1, 3)
    field = rng.standard_normal(crop.shape, np.float32) if noise < settings.noise else None
    grey = bool(np.all(crop == crop[..., :1]))
    if flip < settings.flip:
        crop = crop[:, ::-1]
    if settings.color and not grey:
        crop = _tinted(crop, *color)
    if blur < settings.blur:
        width = _BLUR[0] + sigma * (_BLUR[1] - _BLUR[0])
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), width * len(crop) / 112), np.uint8)
    if field is not None:
        field = np.broadcast_to(field[..., :1], crop.shape) if grey else field
        crop = _bytes(crop + field * np.float32(_NOISE[0] + level * (_NOISE[1] - _NOISE[0])))
    return np.ascontiguousarray(crop)


def _tinted(crop: Crop, brightness: float, contrast: float, saturation: float) -> Crop:
    pixels = crop.astype(np.float32) * np.float32(brightness)
    shade = pixels @ _SHADES
    middle = np.float32(shade.mean())
    pixels = shade[..., None] + (pixels - shade[..., None]) * np.float32(saturation)
    return _bytes(middle + (pixels - middle) * np.float32(contrast))


def _bytes(pixels: NDArray[Any]) -> Crop:
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def plan(settings: Augment, rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    """Returns the kinds and strengths of one degradation, in the order in which they happen.

    It is drawn from the preset; most often it is none, as `settings.degrade` says.

    The same plan goes on every crop that a ranking loss compares, so that their order stays true.
    """
    chances = PRESETS[settings.preset]
    chosen = rng.random() < settings.degrade
    # Drawn whether needed or not, so that `degrade` does not change which kinds are drawn.
    draws = {name: rng.random(2) for name in chances}
    if not chosen:
        return ()
    return tuple(
        # The square of an even draw: mild degradations are more frequent than strong ones.
        (name, float(draws[name][1] ** 2))
        for name in KINDS
        if name in chances and draws[name][0] < chances[name]
    )


def degraded(crop: Crop, steps: tuple[tuple[str, float], ...], *, seed: int) -> Crop:
    """Returns one crop after the kinds of a plan."""
    faces = Faces(crop[None])
    for kind, strength in steps:
        faces = degrade(faces, kind, strength, seed=seed)
    return faces.crops[0]
