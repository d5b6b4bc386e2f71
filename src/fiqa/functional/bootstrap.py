"""How sure a discard curve is: bands and intervals by resampling identities, and a paired test of
two qualities on the same pairs.

Comparisons of one person fail together, so the identities are resampled, not the pairs: a draw
takes as many identities as there are, with replacement, and a mated pair weighs as often as its
identity was drawn. Every draw is evaluated on one sorted order by cumulative sums of weights;
nothing is sorted again.

The comparison threshold stays the point estimate's in every draw: the band is that of the FNMR at
this threshold, and says nothing of how sure the threshold itself is. So non-mated pairs carry no
weight, and only the protocols with a threshold fixed at discard 0 can be resampled (iso, clib,
schlett2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional import edc
from fiqa.functional.curve import DiscardCurve, best_area
from fiqa.functional.draws import GRID, OrderedPairs, identity_weights, mated_codes
from fiqa.functional.protocols import Normalize, Protocol, protocol_of

__all__ = [
    "Band",
    "Difference",
    "Interval",
    "band_of",
    "bootstrap_band",
    "difference",
    "paired_difference",
]


@dataclass(frozen=True)
class Interval:
    """A value with its percentile interval.

    Attributes:
        value: the point estimate.
        low: the lower end.
        high: the upper end.
        level: confidence of the interval, in (0,1).
        draws: the resamples in which the value is defined.
    """

    value: float
    low: float
    high: float
    level: float
    draws: int


@dataclass(frozen=True, eq=False)
class Band:
    """A discard curve with its band, and what each of R draws gave at the G fractions of GRID.

    Attributes:
        curve: the point estimate; it carries the band.
        fnmr: (R,G) of every draw.
        areas: (R,G) the raw area under that draw's curve up to each fraction.
        level: confidence of the band, in (0,1).
    """

    curve: DiscardCurve
    fnmr: NDArray[np.float64]
    areas: NDArray[np.float64]
    level: float

    def area(self, upto: float = 0.3, *, normalize: Normalize = None) -> Interval:
        """Returns DiscardCurve.area with its interval.

        Args:
            upto, normalize: as DiscardCurve.area.

        Raises:
            InputError, UnknownNameError: as DiscardCurve.area.
            EvidenceError: as there, and where half of the draws have no error to be relative to.
        """
        value = self.curve.area(upto, normalize=normalize)
        drawn = _areas(self, upto, normalize, edc.protocol_of(self.curve.protocol))
        return _interval(value, drawn, self.level)

    def raw(self, upto: float = 0.3) -> NDArray[np.float64]:
        """Returns the raw area of each draw (R,).

        Args:
            upto: in (0,1].
        """
        return _areas(self, upto, None, edc.protocol_of(self.curve.protocol))


@dataclass(frozen=True)
class Difference:
    """The areas of two qualities on the same pairs, and how sure their difference is.

    Attributes:
        area_a: of the first quality.
        area_b: of the second.
        difference: area_a - area_b; negative where the first is better.
        low: the lower end of the difference.
        high: the upper end of the difference.
        p: of the two-sided bootstrap test.
        level: confidence of the interval, in (0,1).
        draws: the resamples in which both areas are defined.
    """

    area_a: float
    area_b: float
    difference: float
    low: float
    high: float
    p: float
    level: float
    draws: int


def bootstrap_band(
    similarity: ArrayLike,
    mated: ArrayLike,
    quality: ArrayLike,
    identities: ArrayLike,
    *,
    fmr: float = 1e-3,
    protocol: str | Protocol = "iso",
    start_fnmr: float | None = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Band:
    """Returns the discard curve with its band by identity bootstrap.

    Args:
        similarity, mated, quality, fmr, protocol, start_fnmr: as edc.discard_curve; a protocol with
            a fixed threshold.
        identities: (P,2) identity of each pair's two images, any type; integers are fastest.
        draws: resamples, at least 2.
        level: confidence in (0,1).
        seed: of the resampling.

    Raises:
        ShapeError, UnknownNameError: as edc.discard_curve.
        InputError: as there; another protocol, draws or level out of range, a mated pair of two
            identities.
        EvidenceError: as there; fewer than two identities that have mated pairs.

    >>> similarity, same = [0.1, 0.9, 0.8, 0.2], [True] * 4
    >>> quality = [[0.1, 0.5], [0.9, 0.8], [0.7, 0.9], [0.2, 0.3]]
    >>> people = [["a", "a"], ["b", "b"], ["c", "c"], ["d", "d"]]
    >>> rule = {"protocol": "schlett2023", "start_fnmr": 0.5}
    >>> band = bootstrap_band(similarity, same, quality, people, **rule)
    >>> band.curve.band.shape, bool((band.curve.band[0] <= band.curve.fnmr).all())
    ((2, 4), True)
    """
    chosen: dict[str, Any] = {"fmr": fmr, "protocol": protocol, "start_fnmr": start_fnmr}
    # Checks all but the identities, so what follows may take rows as they are.
    curve = edc.discard_curve(similarity, mated, quality, **chosen)
    rule = protocol_of(curve.protocol)
    if rule.discards != "mated":
        raise InputError(
            f"A bootstrap needs a protocol with a threshold fixed at discard 0, got {rule.name!r}.",
            hint="use iso, clib or schlett2023",
        )
    same = np.asarray(mated, bool)
    code, _ = mated_codes(identities, same)
    genuine = np.asarray(similarity)[same]
    return band_of(
        curve, genuine, edc.pair_quality(quality)[same], code, draws=draws, level=level, seed=seed
    )


def band_of(
    curve: DiscardCurve,
    similarity: ArrayLike,
    worst: ArrayLike,
    identities: ArrayLike,
    *,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Band:
    """Returns a curve with its band by identity bootstrap.

    The curve is one that edc.curve_at made from the same pairs.

    Args:
        curve: its threshold decides which pairs fail.
        similarity: (M,) of the mated pairs.
        worst: (M,) the lower quality of each.
        identities: (M,) identity of each mated pair, any type.
        draws, level, seed: as bootstrap_band.

    Raises:
        ShapeError, InputError: shapes, draws or level out of range.
        EvidenceError: fewer than two identities.

    >>> similarity, worst = [0.1, 0.9, 0.8], [0.1, 0.5, 0.7]
    >>> curve = edc.curve_at(similarity, worst, 0.2, fmr=0.1, nonmated=10, protocol="iso")
    >>> band_of(curve, similarity, worst, ["a", "b", "c"]).curve.band.shape
    (2, 3)
    """
    genuine = checks.array(similarity, "similarity", shape=("M",))
    quality = checks.array(worst, "worst", shape=(len(genuine),))
    names, code = np.unique(
        checks.array(identities, "identities", shape=(len(genuine),)), return_inverse=True
    )
    count = len(names)
    sample = OrderedPairs(quality, genuine <= np.float64(curve.threshold), code)
    drawn = [sample.evaluate(weight) for weight in identity_weights(count, draws, level, seed)]
    fnmr, areas = (np.stack([draw[k] for draw in drawn]) for k in (0, 1))
    ends = np.quantile(fnmr, ((1 - level) / 2, (1 + level) / 2), axis=0)
    band = np.stack([np.interp(curve.discard, GRID, end) for end in ends])
    return Band(curve.with_band(band), fnmr, areas, level)


def paired_difference(
    similarity: ArrayLike,
    mated: ArrayLike,
    quality_a: ArrayLike,
    quality_b: ArrayLike,
    identities: ArrayLike,
    *,
    upto: float = 0.3,
    normalize: Normalize = "start",
    fmr: float = 1e-3,
    protocol: str | Protocol = "iso",
    start_fnmr: float | None = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Returns the difference of the areas of two qualities on the same pairs, with interval and p.

    Both are drawn on the same resamples.

    p is twice the smaller share of draws on either side of zero, counting the point estimate as one
    draw, at most 1: with 200 draws it is 2/201 at least.

    Args:
        quality_a, quality_b: (P,2) each.
        upto, normalize: the area compared, as fiqa.functional.curve.area.
        others: as bootstrap_band.

    Raises:
        ShapeError, InputError, UnknownNameError: as bootstrap_band.
        EvidenceError: as there, and an area relative to no error.

    >>> similarity, same = [0.1, 0.9, 0.8, 0.2], [True] * 4
    >>> quality = [[0.1, 0.5], [0.9, 0.8], [0.7, 0.9], [0.2, 0.3]]
    >>> people = [["a", "a"], ["b", "b"], ["c", "c"], ["d", "d"]]
    >>> rule = {"protocol": "schlett2023", "start_fnmr": 0.5}
    >>> paired_difference(similarity, same, quality, quality, people, upto=0.5, **rule).difference
    0.0
    """
    chosen: dict[str, Any] = {
        "fmr": fmr, "protocol": protocol, "start_fnmr": start_fnmr, "draws": draws, "level": level,
        "seed": seed,
    }  # fmt: skip
    bands = [
        bootstrap_band(similarity, mated, quality, identities, **chosen)
        for quality in (quality_a, quality_b)
    ]
    return difference(bands[0], bands[1], upto=upto, normalize=normalize)


def difference(
    a: Band, b: Band, *, upto: float = 0.3, normalize: Normalize = "start"
) -> Difference:
    """Returns paired_difference of two bands.

    Args:
        a, b: drawn on the same pairs with the same draws, level and seed.
        upto, normalize: the area compared, as fiqa.functional.curve.area.

    Raises:
        InputError: bands of different draws, level or protocol; upto out of range.
        UnknownNameError: another normalization.
        EvidenceError: an area relative to no error.

    >>> similarity, worst = [0.1, 0.9, 0.8], [0.1, 0.5, 0.7]
    >>> curve = edc.curve_at(similarity, worst, 0.2, fmr=0.1, nonmated=10, protocol="iso")
    >>> band = band_of(curve, similarity, worst, ["a", "b", "c"])
    >>> difference(band, band, upto=0.5, normalize=None).difference
    0.0
    """
    if a.fnmr.shape != b.fnmr.shape or a.level != b.level or a.curve.protocol != b.curve.protocol:
        raise InputError(
            f"Bands to compare must be of the same draws, level and protocol, got {len(a.fnmr)},"
            f" {a.level}, {a.curve.protocol} and {len(b.fnmr)}, {b.level}, {b.curve.protocol}."
        )
    first, second = (band.curve.area(upto, normalize=normalize) for band in (a, b))
    rule = protocol_of(a.curve.protocol)
    gap = _areas(a, upto, normalize, rule) - _areas(b, upto, normalize, rule)
    interval = _interval(first - second, gap, a.level)
    gap = gap[np.isfinite(gap)]
    tail = int(min(np.count_nonzero(gap <= 0), np.count_nonzero(gap >= 0)))
    # The point estimate counts as a draw on the smaller side, so that p is never 0.
    p = min(1.0, 2 * (tail + 1) / (len(gap) + 1))
    return Difference(
        first, second, first - second, interval.low, interval.high, p, a.level, interval.draws
    )


def _areas(band: Band, upto: float, normalize: Normalize, rule: Protocol) -> NDArray[np.float64]:
    """Returns the area of every draw (R,), NaN where it is relative to no error."""
    raw = np.array([np.interp(upto, GRID, row) for row in band.areas])
    start = band.fnmr[:, 0]
    if normalize is None:
        return raw
    if normalize == "best":
        return raw - np.array([best_area(e0, upto, rule.best) for e0 in start])
    # A draw without an error at discard 0 has nothing to be relative to.
    return np.where(start > 0, raw / (upto * np.where(start > 0, start, 1.0)), np.nan)


def _interval(value: float, drawn: NDArray[np.float64], level: float) -> Interval:
    used = drawn[np.isfinite(drawn)]
    if 2 * len(used) < len(drawn):
        raise EvidenceError(
            "An interval relative to the error at discard 0 needs errors in most draws, got none"
            f" in {len(drawn) - len(used)} of {len(drawn)}.",
            hint="too few identities have errors; ask for the raw area, or give more pairs",
        )
    low, high = np.quantile(used, ((1 - level) / 2, (1 + level) / 2))
    return Interval(value, float(low), float(high), level, len(used))
