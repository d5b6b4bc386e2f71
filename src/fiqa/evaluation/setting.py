"""How curves are made: one setting, checked, for every evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.protocols import protocol_of, starting_fnmr

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """How curves are made; its fields are arguments of fiqa.evaluate.

    Attributes:
        fmr: the false match rate that sets the threshold.
        protocol: what is discarded, and whether the threshold follows.
        start_fnmr: for protocols that start at an FNMR; None is the protocol's own.
        limits: discard fractions up to which areas are taken.
        draws: resamples of identities; 0 for no intervals.
        level: of the intervals.
        seed: of everything that is drawn.
        fars: false accept rates of the table of verification.
    """

    fmr: float = 1e-3
    protocol: str = "iso"
    start_fnmr: float | None = None
    limits: Sequence[float] = (0.3, 0.95)
    draws: int = 200
    level: float = 0.95
    seed: int = 0
    fars: tuple[float, ...] = (1e-3, 1e-4)

    def __post_init__(self) -> None:
        rule = protocol_of(self.protocol)
        starting_fnmr(rule, self.start_fnmr)
        checks.in_range(self.fmr, "fmr", 0.0, 1.0, open_low=True, open_high=True)
        checks.in_range(self.level, "level", 0.0, 1.0, open_low=True, open_high=True)
        if not self.limits:
            raise InputError("limits must have at least one discard fraction, got none.")
        for limit in self.limits:
            checks.in_range(limit, "limits", 0.0, 1.0, open_low=True)
        if self.draws < 0 or self.draws == 1:
            raise InputError(f"draws must be 0 (no bands) or at least 2, got {self.draws}.")
        # a limit named twice is one limit; a list would not be hashable
        object.__setattr__(self, "limits", tuple(dict.fromkeys(self.limits)))

    def record(self) -> dict[str, Any]:
        """Returns the setting as plain JSON values, for a sidecar."""
        return {**asdict(self), "limits": list(self.limits), "fars": list(self.fars)}
