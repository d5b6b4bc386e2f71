"""The time of frames as it ascends, whatever a file says."""

from __future__ import annotations

import math

__all__ = ["Clock"]

_STEP = 0.04
"""Seconds to the next frame where no two frames have said more."""
_DISORDER = 1.0
"""Seconds by which a frame out of order may be late; more is a clock that starts anew."""
_LEAP = 3600.0
"""Seconds to the next frame; more is a damaged time, or a clock that was set."""


class Clock:
    """Time that ascends, whatever the file says.

    Attributes:
        last: the time of the frame before; below 0: there was none.
        step: seconds between the last two frames.
        longest: seconds between any two frames, at most.
    """

    def __init__(self) -> None:
        self.last, self.step, self.longest = -1.0, _STEP, 0.0
        self._offset, self._timeless = 0.0, False

    def at(self, seconds: float) -> tuple[float | None, str, str]:
        """Returns the time of the next frame, None: it is older than the one before; and what was
        wrong with it as (kind of event, detail), "" for nothing.

        Args:
            seconds: what the file says, NaN for nothing.
        """
        kind, detail = "", ""
        if not math.isfinite(seconds):
            if not self._timeless:
                kind, detail = "no_time", "from here on"
            self._timeless = True
            seconds = self.last + self.step - self._offset
        time = seconds + self._offset
        if self.last < 0:
            # A stream may begin before its own zero, by the frames that a decoder drops.
            self._offset = max(0.0, -time)
            self.last = max(0.0, time)
            return self.last, kind, detail
        if not self.last < time <= self.last + _LEAP:
            detail = f"from {self.last:.3f} s to {time:.3f} s"
            if 0 <= self.last - time < _DISORDER:
                return None, "out_of_order", detail
            kind = "time_jump"
            self._offset += self.last + self.step - time
            time = self.last + self.step
        self.step, self.last = time - self.last, time
        self.longest = max(self.longest, self.step)
        return time, kind, detail
