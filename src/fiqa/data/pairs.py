"""Pairs on disk and pairs of identities: which images are compared, and which are mated."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.formats import lfw_pairs
from fiqa.data.formats.ijbc import read_pairs as read_template_pairs
from fiqa.data.formats.lfw_pairs import FALSE, TRUE, FoldedPairs
from fiqa.data.formats.source import read_text
from fiqa.data.frames import Frame
from fiqa.data.names import Match, find_ids
from fiqa.data.reading import reader
from fiqa.data.sound import warn
from fiqa.data.tables import READABLE, decode_text, encode_text, read_table, write_table
from fiqa.errors import InputError, ReadError
from fiqa.types import Pairs, PathLike

__all__ = ["MatedPairs", "join_pairs", "mated_pairs", "read_folds", "read_pairs", "write_pairs"]


@dataclass(frozen=True, eq=False)
class MatedPairs:
    """All mated pairs of some images.

    Attributes:
        index: (P,2) int64, first < second.
        single: identities with one image, which give no pair.
        duplicates: pairs left out because both images are the same.
    """

    index: NDArray[np.int64]
    single: int
    duplicates: int


def read_pairs(path: PathLike | Frame) -> Pairs:
    """Returns the pairs of a file: what `read_folds` returns, without the folds.

    Args:
        path: as `read_folds`.

    Raises:
        ReadError, InputError: as `read_folds`.
    """
    return read_folds(path).pairs


@reader
def read_folds(path: PathLike | Frame) -> FoldedPairs:
    """Returns the pairs of a file and their folds (None when it has none).

    By content: a table (.csv, .tsv, .parquet, .jsonl, or a frame) with columns `id_a`, `id_b`,
    `mated` and perhaps `fold`; the lists of LFW, XQLFW, CALFW, CPLFW; lists of three columns; the
    template pairs of IJB-C (three whole numbers a line). Pairs that cannot be (fiqa.data.sound) are
    left out and counted.

    Args:
        path: the file, or a frame of polars or pandas.

    Raises:
        ReadError: no such file, or none of these.
        InputError: `mated` that is neither true nor false, an empty id.
    """
    if not isinstance(path, (str, os.PathLike)):
        return _from_table("the frame of pairs", read_table(path))
    if Path(path).suffix.lower() in READABLE:
        return _from_table(path, read_table(path))
    lines = read_text(path).splitlines()
    first = lines[0].split() if lines else []
    # IJB-C's template numbers; LFW begins with at most two numbers, other lists with names.
    if len(first) == 3 and all(part.isdecimal() and str(int(part)) == part for part in first):
        return FoldedPairs(read_template_pairs(path), None, 0)
    return lfw_pairs.read(path)


def write_pairs(pairs: Pairs, path: PathLike, *, fold: NDArray[Any] | None = None) -> None:
    """Writes pairs as a table (id_a, id_b, mated 0 or 1, and fold), whole or not at all.

    Args:
        pairs: what to write.
        path: .csv, .parquet or .jsonl.
        fold: (P,) whole numbers, or None.

    Raises:
        UnknownNameError: another suffix.
        WriteError: the disk refused.
        ShapeError: `fold` of another length.
    """
    columns: dict[str, Any] = {
        "id_a": [encode_text(str(name)) for name in pairs.ids[pairs.index[:, 0]]],
        "id_b": [encode_text(str(name)) for name in pairs.ids[pairs.index[:, 1]]],
        "mated": pairs.mated.astype(np.uint8),
    }
    if fold is not None:
        columns["fold"] = checks.array(fold, "fold", shape=(len(pairs),), dtype=np.int64)
    write_table(
        pl.DataFrame(columns, schema_overrides={"id_a": pl.String, "id_b": pl.String}), path
    )


def join_pairs(
    pairs: Pairs, ids: Iterable[str], *, match: Match = "id"
) -> tuple[Pairs, NDArray[np.bool_]]:
    """Returns the pairs whose images both have an id of ours, and a mask (P,) of those kept.

    Args:
        pairs: its ids are names of another tool's making (`name/name_0001.jpg`).
        ids: ours, unique.
        match: how a name finds its id; see fiqa.data.names.Match.

    Raises:
        UnknownNameError: another `match`.
        InputError: a name that fits two ids.

    >>> import numpy as np
    >>> names, index = np.array(["a.jpg", "b.jpg", "c.jpg"]), np.array([[0, 1], [0, 2]])
    >>> pairs = Pairs(names, index, np.array([True, False]))
    >>> joined, kept = join_pairs(pairs, ["c", "b", "a"][1:])
    >>> joined.index.tolist(), kept.tolist()
    ([[1, 0]], [True, False])
    """
    ours = checks.ids(ids, "ids")
    index = find_ids(pairs.ids, ours, match=match)[pairs.index]
    kept = np.asarray((index >= 0).all(axis=1))
    return Pairs(ours, index[kept], pairs.mated[kept]), kept


def mated_pairs(
    identities: NDArray[np.str_], *, content: NDArray[np.str_] | None = None
) -> MatedPairs:
    """Returns every pair of two images of one person.

    Rows without an identity ("") belong to nobody.

    Args:
        identities: (N,) str.
        content: (N,) str, a hash of each image ("" unknown); a pair of equal hashes compares an
            image with itself and is left out, counted.

    Raises:
        ShapeError: lengths that differ.

    >>> import numpy as np
    >>> mated_pairs(np.array(["a", "b", "a", ""])).index.tolist()
    [[0, 2]]
    """
    names = checks.array(identities, "identities", shape=("N",), dtype=np.str_)
    order = np.argsort(names, kind="stable")
    order = order[names[order] != ""]
    _, starts = np.unique(names[order], return_index=True)
    groups = np.split(order, starts[1:]) if len(order) else []
    parts = [
        np.stack([g[i] for i in np.triu_indices(len(g), 1)], axis=1) for g in groups if len(g) > 1
    ]
    index = np.concatenate(parts).astype(np.int64) if parts else np.zeros((0, 2), np.int64)
    single = sum(len(group) == 1 for group in groups)
    if content is None:
        return MatedPairs(index, single, 0)
    hashes = checks.array(content, "content", shape=(len(names),), dtype=np.str_)
    # Two unknown contents are not equal ones.
    same = (hashes[index[:, 0]] == hashes[index[:, 1]]) & (hashes[index[:, 0]] != "")
    return MatedPairs(index[~same], single, int(same.sum()))


def _from_table(path: PathLike, frame: pl.DataFrame) -> FoldedPairs:
    missing = [name for name in ("id_a", "id_b", "mated") if name not in frame.columns]
    if missing:
        raise ReadError(
            f"{os.fspath(path)!r} must have the columns id_a, id_b and mated, it lacks"
            f" {', '.join(missing)}.",
            status="unsupported_format",
        )
    named = list(zip(frame["id_a"].to_list(), frame["id_b"].to_list(), strict=True))
    if any(not a or not b for a, b in named):
        raise InputError(f"{os.fspath(path)!r} must have an id in id_a and id_b of every row.")
    labels = [str(value).strip().lower() for value in frame["mated"].to_list()]
    wrong = next((label for label in labels if label not in TRUE | FALSE), None)
    if wrong is not None:
        raise InputError(
            f"mated must be true or false (1 or 0) in {os.fspath(path)!r}, got {wrong[:40]!r}."
        )
    fold = None
    if "fold" in frame.columns:
        fold = checks.array(frame["fold"].to_list(), "fold", shape=(len(named),), dtype=np.int64)
    pairs = lfw_pairs.collect(
        [(decode_text(str(a)), decode_text(str(b))) for a, b in named],
        [label in TRUE for label in labels],
    )
    folds = lfw_pairs.folded(pairs, fold)
    warn(folds.left_out, os.fspath(path))
    return folds
