"""What is wrong with two images together: copies of each other, and copies in two splits."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fiqa.cleaning.findings import Finding
from fiqa.cleaning.limits import CleanLimits, grave
from fiqa.cleaning.look import Seen
from fiqa.functional.copies import first_copies
from fiqa.types import Manifest

__all__ = ["PAIRS", "SPLITS", "pair_findings", "splits_of"]

PAIRS = ("exact_duplicate", "near_duplicate", "leak_image")
"""The issues that two images have together."""

SPLITS: Mapping[str, str] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "dev", "eval": "test", "test": "test", "testing": "test",
}  # fmt: skip
"""Names of folders that are splits, and the split that each is."""


def splits_of(manifest: Manifest) -> tuple[NDArray[np.str_], str]:
    """Returns the split of each image, "" where none is known, and where it is from, in words.

    The column `split` tells, or else a folder of the id that is called train, val, test or the
    like.

    >>> ids = np.array(["train/ann/1", "test/ann/2"])
    >>> split, words = splits_of(Manifest(ids, ids))
    >>> split.tolist(), words
    (['train', 'test'], 'the folders test, train')
    """
    if np.any(manifest.split != ""):
        return manifest.split, "the column split"
    found, folders = [], set()
    for path in manifest.path.tolist():
        parts = [part for part in path.replace("\\", "/").split("/")[:-1] if part.lower() in SPLITS]
        found.append(SPLITS[parts[-1].lower()] if parts else "")
        folders.update(parts[-1:])
    # One folder of all images, somewhere above them, divides nothing.
    if len(set(found) - {""}) < 2:
        return np.full(len(manifest), "", dtype="U1"), ""
    return np.array(found, np.str_), f"the folders {', '.join(sorted(folders))}"


def pair_findings(
    manifest: Manifest,
    seen: Sequence[Seen],
    vectors: NDArray[np.float32] | None,
    split: NDArray[np.str_],
    limits: CleanLimits,
) -> Iterator[Finding]:
    """Yields the copies: of each group of copies one image stays, and every other is a finding.

    The one that stays lies outside of the split "train" where one does, so that test sets stay
    whole; then it is the one that scores best; then the first. A file that is listed twice, or by
    a link, is no copy of itself.

    Args:
        manifest: N images.
        seen: what each showed.
        vectors: (N,D) of unit length, zeros where there is none.
        split: (N,) of each image, "" where none is known.
        limits: what counts as a copy.
    """
    good = np.array([bool(shown.width) for shown in seen], bool)
    order = _preferred(np.flatnonzero(good), seen, split)
    first: dict[str, int] = {}
    different, files = [], set()
    for row in order.tolist():
        file = _file(str(manifest.path[row]))
        if file in files:  # one file by two names is no copy: with it the only one would go
            continue
        files.add(file)
        sha = str(seen[row].rows[0]["sha256"] or "")
        kept = first.setdefault(sha, row) if sha else row
        if kept == row:
            different.append(row)
        else:
            words = f"the same bytes, sha256 {sha[:12]}{_names(manifest, row, kept)}"
            yield from _found(manifest, split, row, kept, "exact_duplicate", 1.0, (None, words))
    rows = np.array(different, np.int64)
    if not len(rows):
        return
    hashes = np.stack([seen[row].hash for row in different])
    own = None if vectors is None else vectors[rows]
    copies = first_copies(hashes, own, likeness=limits.likeness)
    for place in np.flatnonzero(copies.of >= 0).tolist():
        row, kept = int(rows[place]), int(rows[copies.of[place]])
        bits, cosine = int(copies.bits[place]), float(copies.cosine[place])
        words = f"{bits} of 255 hash bits differ"
        words += "" if math.isnan(cosine) else f", cosine of the vectors {cosine:.2f}"
        words += ", mirrored" if copies.mirrored[place] else ""
        words += _names(manifest, row, kept)
        worst = limits.copy_bits if bits <= limits.copy_bits else limits.copy_bits_with_cosine
        told = (float(bits), words)
        score = grave(bits, worst, 0.0)
        yield from _found(manifest, split, row, kept, "near_duplicate", score, told, worst)


def _file(path: str) -> tuple[int, int] | str:
    """What tells a file from others, whatever it is called."""
    try:
        state = os.stat(path)
    except OSError:
        return path
    return state.st_dev, state.st_ino


def _preferred(
    rows: NDArray[np.int64], seen: Sequence[Seen], split: NDArray[np.str_]
) -> NDArray[np.int64]:
    """The rows, those that rather stay first."""

    def key(row: int) -> tuple[bool, float, int]:
        value = seen[row].rows[0]["raw"]
        return split[row] == "train", -math.inf if value is None else -value, row

    return np.array(sorted(rows.tolist(), key=key), np.int64)


def _names(manifest: Manifest, row: int, kept: int) -> str:
    own, other = str(manifest.identity[row]), str(manifest.identity[kept])
    return f"; under another name: {own!r} and {other!r}" if own != other else ""


def _found(
    manifest: Manifest,
    split: NDArray[np.str_],
    row: int,
    kept: int,
    issue: str,
    score: float,
    told: tuple[float | None, str],
    limit: float | None = None,
) -> Iterator[Finding]:
    """The copy as a finding, and as a leak where the two are in different splits."""
    measured, words = told
    places = (
        str(manifest.path[row]), str(manifest.id[row]), str(manifest.path[kept]),
        str(manifest.id[kept]),
    )  # fmt: skip
    path, name, other, other_id = places
    yield Finding(path, name, issue, score, measured, limit, words, other, other_id)
    if split[row] and split[kept] and split[row] != split[kept]:
        leak = f"in {split[row]}, and in {split[kept]}: {words}"
        yield Finding(path, name, "leak_image", score, measured, limit, leak, other, other_id)
