"""What is wrong with who is who: a wrong person under a name, one person under two, a person in two
splits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fiqa.cleaning.findings import Finding
from fiqa.cleaning.limits import CleanLimits, grave
from fiqa.functional.identities import encode, groups
from fiqa.functional.people import neighbors, same_people
from fiqa.functional.similarity import normalize
from fiqa.methods.cr_fiqa import relative_classifiability
from fiqa.types import Manifest

__all__ = ["leaking_people", "people_findings", "stranger_limit"]


def stranger_limit(
    classifiability: NDArray[np.float32],
    nearest: NDArray[np.float32],
    stranger: NDArray[np.float32],
    share: float,
) -> float:
    """Returns the classifiability under which an image belongs to its name no more than strangers.

    What an image would have under the name of a stranger is cos(stranger's center) over cos(nearest
    other center) + 1, as fiqa.methods.cr_fiqa has it; the limit is the quantile `share` of that.

    Args:
        classifiability: (N,) of the images, NaN where an image has no mate; those do not count.
        nearest: (N,) cosine to the nearest other center.
        stranger: (N,) cosine to the center of some other person.
        share: of strangers that are below the limit.
    """
    known = ~np.isnan(classifiability)
    if not known.any():
        return float("-inf")
    ratio = stranger[known].astype(np.float64) / (nearest[known].astype(np.float64) + 1.0 + 1e-9)
    return float(np.quantile(ratio, share))


def people_findings(
    manifest: Manifest, vectors: NDArray[np.float32], limits: CleanLimits
) -> Iterator[Finding]:
    """Yields wrong people and pairs of names of one person.

    Args:
        manifest: N images, each with an identity.
        vectors: (N,D), none of length zero.
        limits: from where it counts.
    """
    code, classes = encode(manifest.identity, len(manifest))
    if classes < 2:
        return
    yield from _wrong_people(manifest, vectors, code, classes, limits)
    yield from _two_names(manifest, vectors, code, classes, limits)


def _wrong_people(
    manifest: Manifest,
    vectors: NDArray[np.float32],
    code: NDArray[np.int64],
    classes: int,
    limits: CleanLimits,
) -> Iterator[Finding]:
    ratio = relative_classifiability(vectors, manifest.identity, leave_out=True)
    near = neighbors(vectors, code, classes)
    limit = stranger_limit(ratio, near.cosine, near.stranger, limits.wrong_person)
    own = ratio * (near.cosine + 1.0)
    # An image that is still nearer to its own people than to any other is a poor picture of them.
    wrong = np.flatnonzero((ratio < limit) & (own < near.cosine))
    if not len(wrong):
        return
    middle = _closest(vectors, code, classes)
    usual = float(np.nanmedian(ratio))
    for row in wrong.tolist():
        other = int(middle[near.nearest[row]])
        name, nearest = str(manifest.identity[row]), str(manifest.identity[other])
        words = (
            f"cosine to the others of {name!r} {own[row]:.2f}, to {nearest!r}"
            f" {near.cosine[row]:.2f}; classifiability {ratio[row]:.2f}, usual here"
            f" {usual:.2f}, a stranger reaches {limit:.2f}"
        )
        # The picture beside it is one of its own name, so that a person can compare.
        beside = int(middle[code[row]])
        beside = _another(code, beside, row)
        yield Finding(
            str(manifest.path[row]), str(manifest.id[row]), "wrong_person",
            grave(float(ratio[row]), limit, min(-0.5, limit - 1e-6)), float(ratio[row]), limit,
            words, str(manifest.path[beside]), str(manifest.id[beside]),
        )  # fmt: skip


def _another(code: NDArray[np.int64], beside: int, row: int) -> int:
    """`beside`, or another image of the same name where that is the image itself."""
    if beside != row:
        return beside
    return next((int(k) for k in np.flatnonzero(code == code[row]) if k != row), row)


def _two_names(
    manifest: Manifest,
    vectors: NDArray[np.float32],
    code: NDArray[np.int64],
    classes: int,
    limits: CleanLimits,
) -> Iterator[Finding]:
    count = np.bincount(code, minlength=classes)
    least, single = (max(v, 1e-6) for v in (limits.two_names, limits.two_names_of_one))
    middle = None
    for pair in same_people(vectors, code, classes, least=least, least_of_one=single):
        limit = single if min(count[pair.first], count[pair.second]) < 2 else least
        middle = _closest(vectors, code, classes) if middle is None else middle
        # The finding is at the name with fewer images: it is the likelier one to be a slip.
        small, large = sorted((pair.first, pair.second), key=lambda c: (count[c], -c))
        row, other = int(middle[small]), int(middle[large])
        names = str(manifest.identity[row]), str(manifest.identity[other])
        words = (
            f"{names[0]!r} ({count[small]} images) and {names[1]!r} ({count[large]}): likeness"
            f" {pair.likeness:.2f}, 1 is one person; mean cosine {pair.cosine:.2f}"
        )
        yield Finding(
            str(manifest.path[row]), str(manifest.id[row]), "two_names",
            grave(pair.likeness, limit, max(1.0, limit + 1e-6)), pair.likeness, limit, words,
            str(manifest.path[other]), str(manifest.id[other]),
        )  # fmt: skip


def _closest(
    vectors: NDArray[np.float32], code: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """(K,) the image of each person that is nearest to the person's center."""
    unit = normalize(vectors, "vectors")
    result = np.zeros(classes, np.int64)
    for rows in groups(code):
        center = unit[rows].sum(axis=0, dtype=np.float64)
        result[code[rows[0]]] = rows[int(np.argmax(unit[rows] @ center))]
    return result


def leaking_people(manifest: Manifest, split: NDArray[np.str_]) -> Iterator[Finding]:
    """Yields the people with images in two splits or more, one finding each.

    Args:
        manifest: N images.
        split: (N,) of each, "" where none is known.
    """
    known = (manifest.identity != "") & (split != "")
    rows = np.flatnonzero(known)
    code, _ = encode(manifest.identity[rows], len(rows))
    for group in groups(code):
        own = rows[group]
        counts = {str(name): int(np.sum(split[own] == name)) for name in np.unique(split[own])}
        if len(counts) < 2:
            continue
        # The training image is the one to move: other splits are measured on.
        ranked = sorted(counts, key=lambda name: (name != "train", name))
        first, second = (int(own[np.argmax(split[own] == name)]) for name in ranked[:2])
        told = ", ".join(f"{count} in {name}" for name, count in counts.items())
        yield Finding(
            str(manifest.path[first]), str(manifest.id[first]), "leak_person", 1.0,
            float(len(own)), None, f"{str(manifest.identity[first])!r} has images in"
            f" {len(counts)} splits: {told}", str(manifest.path[second]), str(manifest.id[second]),
        )  # fmt: skip
