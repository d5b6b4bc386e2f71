"""What is wrong with one image by itself: unreadable, no face, several, small, blurred, dark,
covered, a border."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fiqa.cleaning.findings import Finding
from fiqa.cleaning.limits import CleanLimits, grave
from fiqa.cleaning.look import Seen
from fiqa.faces.crops import ALIGNED_SIZE, Source
from fiqa.functional.geometry import TEMPLATE, eye_distance, similarity_transform, template
from fiqa.scoring.row import Row
from fiqa.vocabulary import STATUSES

__all__ = ["SINGLE", "single_findings"]

SINGLE = (
    "unreadable", "no_face", "several_people", "too_small", "blurred", "dark", "covered", "border",
)  # fmt: skip
"""The issues that an image has by itself."""

_NO_FACE = ("no_face", "multiple_faces")
_NO_FEATURES = "unclear_features"
_CROP_EYES = float(abs(TEMPLATE[1, 0] - TEMPLATE[0, 0]))
"""Pixels between the eyes of an aligned crop."""


def single_findings(
    sources: Sequence[Source], seen: Sequence[Seen], *, aligned: bool, limits: CleanLimits
) -> Iterator[Finding]:
    """Yields what is wrong with each image by itself.

    Args:
        sources: N images.
        seen: what each showed.
        aligned: whether they are crops.
        limits: from where it counts.
    """
    for source, shown in zip(sources, seen, strict=True):
        for issue, score, measured, limit, words in _wrong(source, shown, aligned, limits):
            yield Finding(source.path, source.id, issue, score, measured, limit, words)


Wrong = tuple[str, float, float | None, float | None, str]


def _wrong(source: Source, shown: Seen, aligned: bool, limits: CleanLimits) -> Iterator[Wrong]:
    status = shown.status
    if shown.border_share > 0 and shown.border_share >= limits.border:
        top, bottom, left, right = shown.border
        sides = {"top": top, "bottom": bottom, "left": left, "right": right}
        told = ", ".join(f"{side} {count}" for side, count in sides.items() if count)
        share = shown.border_share
        yield (
            "border", grave(share, limits.border, 1.0), share, limits.border,
            f"{100 * share:.0f} % of the picture is a flat border; pixels: {told}",
        )  # fmt: skip
    if status in _NO_FACE:
        yield "no_face", 1.0, None, None, f"{status}: {STATUSES[status]}"
    elif status in ("face_too_small", "wrong_size"):
        side = min(shown.width, shown.height)
        words = f"{status}: {STATUSES[status]} The picture has {shown.width} x {shown.height}."
        yield "too_small", 1.0, float(side), None, words
    elif status != "ok":
        yield "unreadable", 1.0, None, None, f"{status}: {STATUSES[status]}"
    else:
        yield from _of_face(shown, aligned, limits)


def _of_face(shown: Seen, aligned: bool, limits: CleanLimits) -> Iterator[Wrong]:
    row = shown.rows[0]
    reasons, uqs = list(row["reasons"] or ()), float(row["uqs"] or 0)
    if aligned and uqs < limits.no_face and _NO_FEATURES in reasons:
        yield (
            "no_face", grave(uqs, limits.no_face, 0.0), uqs, limits.no_face,
            f"scores {row['uqs']} of 100, and its features are not clear",
        )  # fmt: skip
        # what is no face has no eyes to be far apart, and nothing to be in focus
        return
    yield from _several(shown.rows, limits)
    eyes = _CROP_EYES * shown.width / ALIGNED_SIZE if aligned else _eyes(row)
    if eyes < limits.eyes:
        words = f"{eyes:.0f} pixels between the eyes"
        yield "too_small", grave(eyes, limits.eyes, 0.0), eyes, limits.eyes, words
        # a face of few pixels is blurred by being brought to the size of a crop
        limits = replace(limits, blurred=0.0, covered=0.0)
    factors = row["factors"] or {}
    asked = (
        ("blurred", "blur", limits.blurred, None),
        ("dark", "illumination", limits.dark, ("underexposed",)),
        ("covered", "occlusion", limits.covered, None),
    )
    for issue, factor, limit, only in asked:
        value = factors.get(factor)
        if value is None or value >= limit or (only and not set(only) & set(reasons)):
            continue
        words = f"{factor} {value:.2f} of 1" + _named(factor, reasons)
        yield issue, grave(value, limit, 0.0), value, limit, words
        # what covers a face cannot be told on one that is blurred or dark
        return


def _named(factor: str, reasons: Sequence[str]) -> str:
    """The reasons of a factor, in brackets."""
    from fiqa.faces.factors import factor_of_reason

    own = [code.replace("_", " ") for code in reasons if factor_of_reason().get(code) == factor]
    return f" ({', '.join(own)})" if own else ""


def _several(rows: Sequence[Row], limits: CleanLimits) -> Iterator[Wrong]:
    areas = sorted((row["bbox"][2] * row["bbox"][3] for row in rows if row["bbox"]), reverse=True)
    if len(areas) < 2 or areas[0] <= 0:
        return
    share = areas[1] / areas[0]
    if share >= limits.second_face:
        words = f"{len(areas)} faces; the second has {100 * share:.0f} % of the area of the largest"
        yield (
            "several_people", grave(share, limits.second_face, 1.0), share, limits.second_face,
            words,
        )  # fmt: skip


def _eyes(row: Row) -> float:
    """Pixels of the photograph between the eyes of a face."""
    import numpy as np

    points = np.reshape(np.asarray(row["landmarks"], np.float32), (5, 2))
    return float(eye_distance(similarity_transform(points, template())))
