"""The discard curve, the noun that everything here is judged by, and the area under it in its three
forms."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.display import steps_svg
from fiqa.functional.protocols import Normalize, protocol_of

__all__ = ["DiscardCurve", "area", "best_area", "stepped_area", "theoretical_best"]


@dataclass(frozen=True, eq=False)
class DiscardCurve:
    """Error versus discard: the share of mated comparisons that fail among those kept.

    The comparisons of the worst quality are discarded first.

    Attributes:
        discard: (K,) float64 ascending in [0,1], the fraction discarded.
        fnmr: (K,) float64 in [0,1] among what is kept.
        kept: (K,) int64 mated pairs left.
        threshold: the comparison threshold at discard 0 (accepted is above it).
        fmr: its target, or None when it was set from a starting FNMR.
        protocol: the name in fiqa.functional.edc.PROTOCOLS.
        counts: mated, nonmated, errors, resolvable_fmr (the lowest FMR that the non-mated count can
            show).
        band: (2,K) low and high of a bootstrap, or None.
    """

    discard: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    kept: NDArray[np.int64]
    threshold: float
    fmr: float | None
    protocol: str
    counts: Mapping[str, float]
    band: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        discard = checks.array(self.discard, "DiscardCurve.discard", shape=("K",), dtype=np.float64)
        k = len(discard)
        if k == 0 or discard[0] != 0 or np.any(np.diff(discard) < 0):
            raise InputError("DiscardCurve.discard must start at 0 and ascend.")
        fields = {
            "discard": discard,
            "fnmr": checks.array(self.fnmr, "DiscardCurve.fnmr", shape=(k,), dtype=np.float64),
            "kept": checks.array(self.kept, "DiscardCurve.kept", shape=(k,), dtype=np.int64),
        }
        if self.band is not None:
            fields["band"] = checks.array(
                self.band, "DiscardCurve.band", shape=(2, k), dtype=np.float64
            )
        for name, value in fields.items():
            # A frozen dataclass takes its checked arrays only past its own guard.
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        rate = "a starting FNMR" if self.fmr is None else f"FMR {self.fmr:g}"
        place = min(int(np.searchsorted(self.discard, 0.3)), len(self) - 1)
        drop = f"FNMR {self.fnmr[0]:.4g} at 0, {self.fnmr[place]:.4g} at 30 % discarded"
        counts = (
            f"{int(self.counts['errors']):,} errors of {int(self.counts['mated']):,} mated pairs"
        )
        return f"DiscardCurve({self.protocol} at {rate}: {drop}; {counts})"

    def _repr_html_(self) -> str:
        picture = steps_svg(self.discard, self.fnmr, x_name="discarded share", y_name="FNMR")
        return f"<div><strong>{html.escape(repr(self))}</strong></div>{picture}"

    def __len__(self) -> int:
        return len(self.discard)

    def area(
        self, upto: float = 0.3, *, normalize: Literal["start", "best"] | None = None
    ) -> float:
        """Returns the area under the curve over discard fractions [0, upto].

        Args:
            upto, normalize: as the function `area`, which tells the three forms.

        Raises:
            InputError, UnknownNameError, EvidenceError: as there.
        """
        return area(self, upto, normalize=normalize)

    def with_band(self, band: NDArray[np.float64]) -> Self:
        """Returns the same curve with a confidence band.

        Args:
            band: (2,K) low and high.
        """
        return replace(self, band=band)


def theoretical_best(
    e0: float, discard: ArrayLike, *, form: Literal["exact", "line"] = "exact"
) -> NDArray[np.float64]:
    """Returns the lowest error that discarding can leave, same shape as `discard`.

    Args:
        e0: error at discard 0, in [0,1].
        discard: fractions in [0,1].
        form: "exact" is (e0-d)/(1-d), every discarded pair an error; "line" is e0-d, what the code
            published with Schlett et al. 2023 subtracts. The two meet at d = 0 and at d = e0;
            between them the exact one is the higher, so the line is out of reach.

    Raises:
        InputError, UnknownNameError.

    >>> theoretical_best(0.1, [0.0, 0.05, 0.2]).round(4).tolist()
    [0.1, 0.0526, 0.0]
    """
    checks.in_range(e0, "e0", 0.0, 1.0)
    checks.choice(form, "form", ("exact", "line"))
    d = np.asarray(discard, np.float64)
    if np.any(~((d >= 0) & (d <= 1))):
        raise InputError("discard must lie in [0, 1].")
    # At d = 1 nothing is left, and 0 / tiny says 0 instead of 0 / 0.
    left = np.maximum(e0 - d, 0.0)
    return left if form == "line" else np.asarray(left / np.maximum(1.0 - d, np.finfo(float).tiny))


def area(curve: DiscardCurve, upto: float = 0.3, *, normalize: Normalize = None) -> float:
    """Returns the area under a discard curve over discard fractions [0, upto].

    It follows the rule of the curve's protocol, stepwise or trapezoid.

    After its last point a curve goes on at its last value. The three forms are the same for every
    protocol; `Protocol.printed` names the one that its publications print (so the clib number is
    `normalize="start"`, and None is always the raw area).

    Args:
        curve: the curve to integrate.
        upto: in (0,1].
        normalize: None the raw area; "start" the mean FNMR over [0, upto] divided by the FNMR at 0
            (1: discarding does not help); "best" the raw area less that under the theoretical best
            of the protocol (0: nothing better is possible).

    Raises:
        InputError: upto out of range.
        UnknownNameError: another normalization.
        EvidenceError: "start" on a curve without an error at discard 0.

    >>> from fiqa.functional.edc import discard_curve
    >>> similarity, quality = [0.9, 0.1, 0.8], [[0.9, 0.8], [0.1, 0.9], [0.5, 0.5]]
    >>> rule = {"protocol": "schlett2023", "start_fnmr": 0.3}
    >>> curve = discard_curve(similarity, [True] * 3, quality, **rule)
    >>> round(area(curve, 0.5), 4), round(area(curve, 0.5, normalize="start"), 4)
    (0.1111, 0.6667)
    """
    rule = protocol_of(curve.protocol)
    return stepped_area(curve.discard, curve.fnmr, upto, normalize, rule.area, rule.best)


def stepped_area(
    discard: NDArray[np.float64],
    error: NDArray[np.float64],
    upto: float,
    normalize: Normalize,
    rule: Literal["step", "trapezoid"],
    best: Literal["exact", "line"],
) -> float:
    """Returns the area under (discard, error) over [0, upto], as `area` does for a curve.

    Args:
        discard: (K,) fractions, ascending from 0.
        error: (K,) error at each of them.
        upto: in (0,1].
        normalize: as `area`.
        rule: "step" or "trapezoid".
        best: the form of the theoretical best.

    Raises:
        InputError, UnknownNameError, EvidenceError: as `area`.
    """
    checks.in_range(upto, "upto", 0.0, 1.0, open_low=True)
    if normalize is not None:
        checks.choice(normalize, "normalize", ("start", "best"))
    inside = int(np.searchsorted(discard, upto, side="left"))
    # The last step ends at `upto`, inside a step of the curve.
    x = np.append(discard[:inside], upto)
    if rule == "step":
        raw = float(error[:inside] @ np.diff(x))
    else:
        y = np.append(error[:inside], np.interp(upto, discard, error))
        raw = float((y[1:] + y[:-1]) @ np.diff(x) / 2)
    start = float(error[0])
    if normalize is None:
        return raw
    if normalize == "best":
        return raw - best_area(start, upto, best)
    if start == 0:
        raise EvidenceError(
            "An area relative to the error at discard 0 needs an error there, got none.",
            hint="ask for a lower FMR or give harder pairs; the raw area is 0",
        )
    return raw / (upto * start)


def best_area(e0: float, upto: float, form: Literal["exact", "line"]) -> float:
    """Returns the area under theoretical_best over [0, upto].

    Args:
        e0: error at discard 0, in [0,1].
        upto: in (0,1].
        form: as theoretical_best.

    >>> round(best_area(0.05, 0.3, "line"), 5), round(best_area(0.05, 0.3, "exact"), 5)
    (0.00125, 0.00127)
    """
    end = min(upto, e0)
    if form == "line" or end >= 1:
        return e0 * end - end**2 / 2 if form == "line" else end
    # The integral of (e0-d)/(1-d) = 1 - (1-e0)/(1-d) up to where the best reaches 0.
    return float(end + (1 - e0) * np.log1p(-end))
