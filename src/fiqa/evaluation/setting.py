"""How curves are made: one setting, checked, for every evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.protocols import Protocol, protocol_of, starting_fnmr

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
        count: whether mated pairs are counted and none is held (fiqa.evaluation.counted); None:
            where there are more than COUNTED.
    """

    fmr: float = 1e-3
    protocol: str = "iso"
    start_fnmr: float | None = None
    limits: Sequence[float] = (0.3, 0.95)
    draws: int = 200
    level: float = 0.95
    seed: int = 0
    fars: tuple[float, ...] = (1e-3, 1e-4)
    count: bool | None = None

    @cached_property
    def rule(self) -> Protocol:
        """The protocol itself, looked up once."""
        return protocol_of(self.protocol)

    @cached_property
    def start(self) -> float | None:
        """The FNMR that the threshold starts from, None where it comes from an FMR."""
        return starting_fnmr(self.rule, self.start_fnmr)

    @property
    def counts(self) -> bool | None:
        """Whether pairs are counted: True, False, or None where their number decides."""
        return self.count if self.rule.name == "iso" else False

    def __post_init__(self) -> None:
        # Asked here, so that a wrong protocol or start is an error before any work.
        _ = self.rule, self.start
        if self.count and self.rule.name != "iso":
            raise InputError(
                f"Pairs are counted under the protocol iso alone, got {self.rule.name!r}.",
                hint="leave --count out, and the pairs are held",
            )
        checks.in_range(self.fmr, "fmr", 0.0, 1.0, open_low=True, open_high=True)
        checks.in_range(self.level, "level", 0.0, 1.0, open_low=True, open_high=True)
        if not isinstance(self.limits, list | tuple):
            raise InputError(f"limits must be a list of discard fractions, got {self.limits!r}.")
        if not self.limits:
            raise InputError("limits must have at least one discard fraction, got none.")
        for limit in self.limits:
            checks.in_range(limit, "limits", 0.0, 1.0, open_low=True)
        if self.draws < 0 or self.draws == 1:
            raise InputError(f"draws must be 0 (no bands) or at least 2, got {self.draws}.")
        checks.seed(self.seed)
        # a limit named twice is one limit; a list would not be hashable
        object.__setattr__(self, "limits", tuple(dict.fromkeys(self.limits)))

    def record(self) -> dict[str, Any]:
        """Returns the setting as plain JSON values, for a sidecar."""
        plain = asdict(self)
        if self.count is None:  # as it was before there was a choice
            del plain["count"]
        return {**plain, "limits": list(self.limits), "fars": list(self.fars)}
