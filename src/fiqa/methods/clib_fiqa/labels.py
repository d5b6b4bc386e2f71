"""What CLIB-FIQA learns from: a quality anchor per image and a level of each of five factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.spread import stretched
from fiqa.methods.cr_fiqa import relative_classifiability

__all__ = ["BLUR_CUTS", "MISSING", "FactorLabels", "factor_labels", "quality_anchors"]

MISSING = -1
"""Stands where a factor could not be estimated; training leaves it out of the loss."""

FactorLabels = Mapping[str, NDArray[np.int8]]
"""Factor -> (N,) int8 position in fiqa.methods.clib_fiqa.GRID (worst first), MISSING where
unknown."""

BLUR_CUTS = (0.35, 0.7)
"""Hazy lies below the first, blurry below the second; of CPBD, or of .01 of the Sobel measure."""
_YAW_CUTS_DEGREES = (10.0, 25.0)
# As in the published code: it brings a mean Sobel magnitude to where the same cuts fit it.
_SOBEL_SCALE = 0.01


def quality_anchors(
    embeddings: NDArray[np.floating[Any]],
    identities: ArrayLike,
    *,
    form: Literal["shifted", "paper"] = "shifted",
    percentiles: tuple[float, float] = (0.5, 99.5),
    leave_out: bool = False,
    least: int = 1,
    centers: tuple[Sequence[str] | NDArray[np.str_], NDArray[np.floating[Any]]] | None = None,
) -> NDArray[np.float32]:
    """Returns the quality anchor of every image: classifiability, scaled to [0, 1] [1, 3.2].

    The scale runs between two percentiles, so that a single outlier does not squeeze all others
    together; values beyond them are clipped. Differs from the published code, which masks the own
    class with -1e-12 (so that a negative nearest center is never found) and scales between minimum
    and maximum: `percentiles=(0, 100)` with `form="paper"` is the paper.

    Args:
        embeddings: (N,D) unit vectors.
        identities: (N,) who is on the image.
        form: see fiqa.methods.cr_fiqa.relative_classifiability.
        percentiles: what becomes 0 and 1.
        leave_out, least, centers: see fiqa.methods.cr_fiqa.relative_classifiability; the labels of
            `fiqa label` leave out.

    Returns:
        (N,) float32 in [0, 1], NaN for an image without an own center.

    Raises:
        ShapeError, InputError: one identity only, percentiles not ascending in 0..100.

    >>> import numpy as np
    >>> e = np.array([[1.0, 0], [0.8, 0.6], [0, 1.0], [0, 1.0]])
    >>> quality_anchors(e, ["a", "a", "b", "b"], percentiles=(0, 100)).round(2)
    array([1.  , 0.  , 0.47, 0.47], dtype=float32)
    """
    if not 0 <= percentiles[0] < percentiles[1] <= 100:
        raise InputError(f"percentiles must ascend within 0..100, got {percentiles}.")
    ratio = relative_classifiability(
        embeddings, identities, form=form, leave_out=leave_out, least=least, centers=centers
    ).astype(np.float64)
    finite = np.isfinite(ratio)
    if finite.any():
        ratio[finite] = stretched(ratio[finite], (percentiles[0] / 100, percentiles[1] / 100))
    return ratio.astype(np.float32)


def factor_labels(
    *,
    sharpness: ArrayLike,
    yaw: ArrayLike,
    occlusion: ArrayLike,
    expression: ArrayLike,
    illumination: ArrayLike,
    blur_measure: Literal["cpbd", "sobel"] = "sobel",
    blur_cuts: tuple[float, float] = BLUR_CUTS,
    blur_cut_by: Literal["value", "percentile"] = "value",
    cut: float = 0.5,
) -> FactorLabels:
    """Returns the five factor labels from measures; NaN gives MISSING, never the worst [1, 4.1].

    Args:
        sharpness: (N,) the mean Sobel magnitude (the published code's measure, scaled by .01), or
            CPBD in 0..1 when `blur_measure` is "cpbd". The paper names CPBD; on crops of 112 pixels
            the Sobel form follows drawn blur and recognition far better
            (recipes/blur_measures.py), so it is the default.
        yaw: (N,) degrees. |yaw| up to 10 frontal, up to 25 slight angle, else profile.
        occlusion, expression, illumination: (N,) qualities in 0..1; below `cut` obstructed,
            exaggerated, extreme.
        blur_measure: which measure `sharpness` is.
        blur_cuts: below the first hazy, below the second blurry, else clear; ascending in 0..1.
        blur_cut_by: "percentile" takes the cuts as shares of these images, so that .35 calls 35 %
            of them hazy; "value" as they are.
        cut: where the two-class factors are cut.

    Returns:
        blur, occlusion, pose, expression, illumination -> (N,) int8.

    Raises:
        ShapeError, UnknownNameError: blur_measure, blur_cut_by.
        InputError: cut outside 0..1, blur_cuts that do not ascend there.
        EvidenceError: percentiles that fall on one value, so that a word has no image.

    >>> import numpy as np
    >>> best = dict.fromkeys(("occlusion", "expression", "illumination"), [1.0, 1.0])
    >>> labels = factor_labels(sharpness=[20.0, 80.0], yaw=[np.nan, -30], **best)
    >>> labels["blur"].tolist(), labels["pose"].tolist()
    ([0, 2], [-1, 0])
    """
    checks.choice(blur_measure, "blur_measure", ("cpbd", "sobel"))
    checks.choice(blur_cut_by, "blur_cut_by", ("value", "percentile"))
    if len(blur_cuts) != 2 or not 0 <= blur_cuts[0] < blur_cuts[1] <= 1:
        raise InputError(f"blur_cuts must be two numbers that ascend in 0..1, got {blur_cuts}.")
    checks.in_range(cut, "cut", 0.0, 1.0)
    blur = checks.array(sharpness, "sharpness", shape=("N",), dtype=np.float64)
    n = len(blur)
    angle = np.abs(checks.array(yaw, "yaw", shape=(n,), dtype=np.float64))
    pairs = {"occlusion": occlusion, "expression": expression, "illumination": illumination}
    qualities = {
        name: checks.array(value, name, shape=(n,), dtype=np.float64)
        for name, value in pairs.items()
    }
    scaled = blur * _SOBEL_SCALE if blur_measure == "sobel" else blur
    known = scaled[np.isfinite(scaled)]
    cuts = np.array(blur_cuts, np.float64)
    if blur_cut_by == "percentile" and len(known):
        cuts = np.quantile(known, cuts)
        if cuts[0] == cuts[1] or cuts[0] == known.min():
            raise EvidenceError(
                f"Percentiles {blur_cuts[0]:g} and {blur_cuts[1]:g} of {blur_measure} must part the"
                f" images, got {cuts[0]:.4g} and {cuts[1]:.4g} of {len(known)} from"
                f" {known.min():.4g}.",
                hint="too many images have one value: take the other measure, or fixed cuts",
            )
    # An angle on a cut belongs to the better level, a sharpness on a cut too.
    return {
        "blur": _missing(np.searchsorted(cuts, scaled, side="right"), scaled),
        "occlusion": _missing(qualities["occlusion"] >= cut, qualities["occlusion"]),
        "pose": _missing(2 - np.searchsorted(_YAW_CUTS_DEGREES, angle, side="left"), angle),
        "expression": _missing(qualities["expression"] >= cut, qualities["expression"]),
        "illumination": _missing(qualities["illumination"] >= cut, qualities["illumination"]),
    }


def _missing(label: NDArray[Any], measure: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.where(np.isnan(measure), MISSING, label).astype(np.int8)
