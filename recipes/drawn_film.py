"""A short film drawn from one photograph: a face that moves before a camera, is blurred, covered by
a hand, and goes dark. Nothing in it is recorded; it is for demonstrations and rehearsals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["drawn", "write_film"]

Pixels = NDArray[np.uint8]
RATE = 15
ACTS: tuple[tuple[str, float], ...] = (
    ("plain", 2.0),
    ("blurred", 1.0),
    ("plain", 1.2),
    ("covered", 1.5),
    ("plain", 1.4),
    ("dark", 1.6),
    ("plain", 1.0),
)
"""What is seen, and for how many seconds."""


def drawn(
    photograph: Pixels,
    size: tuple[int, int],
    *,
    at: tuple[int, int] = (0, 0),
    swing: int = 24,
    light: float = 1.0,
    acts: Sequence[tuple[str, float]] = ACTS,
    seed: int = 0,
) -> Iterator[Pixels]:
    """Yields the frames of the film: a window that moves over the photograph.

    Args:
        photograph: (H,W,3) uint8 RGB.
        size: width and height of a frame.
        at: where the window lies in the middle of its swing, x and y.
        swing: pixels that it goes to either side.
        light: what is left of the light, 0..1.
        acts: what is seen, and for how many seconds.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    number = 0
    for act, seconds in acts:
        for i in range(round(seconds * RATE)):
            x = at[0] + round(swing * np.sin(number / 9))
            y = at[1] + round(swing / 4 * np.sin(number / 5))
            x = min(max(x, 0), photograph.shape[1] - width)
            y = min(max(y, 0), photograph.shape[0] - height)
            frame = photograph[y : y + height, x : x + width].astype(np.float64) * light
            seen = _ACTS[act](frame, i / (seconds * RATE))
            noise = rng.normal(0, 2.0, (height, width, 1))
            yield np.clip(seen + noise, 0, 255).astype(np.uint8)
            number += 1


def _plain(frame: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    return frame


def _blurred(frame: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """A camera out of focus, most so in the middle of the act."""
    import cv2

    return cv2.GaussianBlur(frame, (0, 0), 0.3 + 5 * np.sin(np.pi * share))


def _covered(frame: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """A hand before the lens: of one color, and brighter where light comes through."""
    across = np.linspace(0.8, 1.2, frame.shape[1])[None, :, None]
    return np.broadcast_to(np.array([70.0, 42.0, 34.0]), frame.shape) * across


def _dark(frame: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """A tunnel: the light falls to a twelfth."""
    return frame * max(0.08, 1 - 4 * share)


_ACTS: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.float64]]] = {
    "plain": _plain,
    "blurred": _blurred,
    "covered": _covered,
    "dark": _dark,
}


def write_film(path: Path, frames: Iterator[Pixels]) -> None:
    """Writes frames as an MP4.

    Args:
        path: ends in .mp4.
        frames: (H,W,3) uint8 RGB, all of one size.
    """
    import cv2

    writer = None
    for frame in frames:
        if writer is None:
            code = cv2.VideoWriter_fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(path), code, RATE, frame.shape[1::-1])
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    if writer is not None:
        writer.release()
