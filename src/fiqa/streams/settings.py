"""How tracks and best shots are made: the numbers of fiqa.Stream and fiqa.select in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fiqa import checks
from fiqa.languages import known_language

__all__ = ["REGIMES", "Settings"]

REGIMES = ("auto", "rgb", "nir")
"""What a frame is taken for; `auto` is nir where it has no color."""


@dataclass(frozen=True)
class Settings:
    """The numbers of a stream.

    Attributes:
        k: best shots of a track, at least 1.
        detect_every: faces are looked for in every so manieth frame.
        embed_every: a face is compared with its track's at least every so many frames.
        regime: one of REGIMES.
        floor: (on, off) quality, 0..1.
        gap: seconds from which two best shots are fully apart.
        max_tracks: tracks that are open or may be resumed at once.
        realtime: leave out detections where the work falls behind the clock.
        language: of the advice, one of fiqa.languages.LANGUAGES.

    Raises:
        InputError: a number out of range.
        UnknownNameError: another regime or language.
    """

    k: int = 3
    detect_every: int = 3
    embed_every: int = 10
    regime: str = "auto"
    floor: tuple[float, float] = (0.5, 0.4)
    gap: float = 1.0
    max_tracks: int = 16
    realtime: bool = False
    language: str = "en"

    def __post_init__(self) -> None:
        for name in ("k", "detect_every", "embed_every", "max_tracks"):
            checks.in_range(getattr(self, name), name, 1, 1 << 20)
        checks.choice(self.regime, "regime", REGIMES)
        known_language(self.language)
        checks.in_range(self.gap, "gap", 0.0, math.inf, open_high=True)
        checks.in_range(self.floor[0], "floor[0]", 0.0, 1.0)
        checks.in_range(self.floor[1], "floor[1]", 0.0, self.floor[0])
