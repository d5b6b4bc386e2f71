"""Noise is not sharpness: what white noise does to the blur factor and to the reason `blurry`.

    python recipes/noise.py ../shared/data

Faces of LFW, pins and Extended Yale B as they are, blurred, and made dark and grey as in near
infrared (simulated: 35 % of the levels), each without noise and with noise of several standard
deviations in levels of 0..255, the same in all three channels. A line says the median blur factor,
how far the factor of the same face rose at most, the share of faces in which it rose by more than
.02, and how many are named `blurry` and `noisy`. Then the middles of photographs, without noise.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqa.data.images import read_image
from fiqa.faces.factors import measure
from fiqa.types import Faces

Crops = NDArray[np.uint8]
SETS = {"lfw": ("lfw/aligned/*/*.jpg", 300), "pins": ("pins/aligned/*/*.jpg", 300),
        "yaleb": ("yaleb/*/*A+000E+00*", 20)}  # fmt: skip
CLEAN = (3, 6, 11, 16, 22, 30)
DARK = (5, 8, 11, 16, 22)
BLURS = (1, 2, 3)


def taken(data: Path, pattern: str, count: int) -> Crops:
    """Returns images far apart in the list of those that a pattern names."""
    found = sorted(data.glob(pattern))
    if not found:
        sys.exit(f"error: {data} must have {pattern}; docs/guides/data.md says what goes into it")
    places = np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)
    return np.stack([read_image(found[place]).pixels for place in places])


def noisy(crops: Crops, deviation: float) -> Crops:
    """Returns crops with white noise, the same in all channels."""
    noise = np.random.default_rng(1).standard_normal((*crops.shape[:3], 1))
    return np.clip(np.rint(crops + deviation * noise), 0, 255).astype(np.uint8)


def dark(crops: Crops) -> Crops:
    """Returns crops in grey with 35 % of the levels."""
    grey = np.rint(0.35 * (crops @ np.array([0.65, 0.3, 0.05])))
    return np.repeat(grey[..., None], 3, 3).astype(np.uint8)


def blurred(crops: Crops, pixels: float) -> Crops:
    """Returns crops under a Gaussian blur."""
    import cv2

    return np.stack([cv2.GaussianBlur(crop, (0, 0), pixels) for crop in crops])


def told(name: str, crops: Crops, base: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Prints the line of some crops and returns their blur factor."""
    found = measure(Faces(np.ascontiguousarray(crops)))
    blur = found.quality["blur"]
    line = f"| {name} | {len(crops)} | {np.median(blur):.2f} |"
    rise = None if base is None else blur - base
    line += " | |" if rise is None else f" {rise.max():+.3f} | {np.mean(rise > 0.02):.1%} |"
    for reason in ("blurry", "noisy"):
        line += f" {np.mean([reason in named for named in found.reasons]):.1%} |"
    print(line, flush=True)
    return blur


def ladder(name: str, crops: Crops, deviations: tuple[int, ...]) -> None:
    """Prints crops without noise and with each."""
    base = told(name, crops, None)
    for deviation in deviations:
        told(f"{name}, noise of {deviation}", noisy(crops, deviation), base)


if __name__ == "__main__":
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    print("| faces | count | median | rose at most | rose by more than .02 | blurry | noisy |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for name, (pattern, count) in SETS.items():
        faces = taken(data, pattern, count)
        ladder(name, faces, CLEAN)
        if name != "yaleb":
            ladder(f"{name}, dark grey", dark(faces[::3]), DARK)
            for pixels in BLURS:
                ladder(f"{name}, blurred by {pixels}", blurred(faces[::3], pixels), (11,))
    photographs = taken(data, "photos/*.jpg", 120)
    told("middles of photographs", photographs[:, 69:181, 69:181], None)
