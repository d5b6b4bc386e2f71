"""Reads and writes embeddings: .npz, .npy with an id list beside it, and Parquet.

No pickle is ever read.

- `.npz`: arrays `id` (N,) str, `vector` (N,D), optionally `norm` (N,) and `recognizer` (a str).
- `.npy`: `x.npy` is the (N,D) array, mapped and not copied into memory when it is float32;
  `x.ids.txt` has one id a line, in the same order; `x.meta.npz`, optional, has `norm` and
  `recognizer`.
- `.parquet`: columns `id`, `vector` (a list of fixed length D), optionally `norm` and `recognizer`;
  other columns are not read.

Vectors may be float64, float32 or float16 in the file. Where there is a norm they must be of unit
length; where there is none they may have any length, which then becomes the norm. Rows with NaN,
infinity or zero length are refused: a face without a vector is an absent row.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.parquet import read_parquet
from fiqa.data.parts import is_parts
from fiqa.data.reading import reader
from fiqa.data.store import atomic_path, open_regular
from fiqa.errors import InputError, ReadError, ShapeError, UnsafeFileError
from fiqa.types import Embeddings, PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MappedEmbeddings", "map_embeddings", "read_embeddings", "write_embeddings"]

_KEYS = ("id", "vector", "norm", "recognizer")
_MOST_COMPRESSED = 100
"""How many times its size a .npz may unpack to; real vectors hardly compress."""
_SMALL = 1 << 24
"""Bytes that are unpacked without asking how well they were compressed."""


@reader
def read_embeddings(path: PathLike | Frame) -> Embeddings:
    """Returns the embeddings in a .npz, .npy or .parquet file, in a folder of parts, or in a frame.

    Args:
        path: the file or folder, or a frame of polars or pandas with the columns of a .parquet.

    Raises:
        UnknownNameError: another suffix.
        ReadError: no such file, or not of the format that its suffix says;
        UnsafeFileError: it holds Python objects, or unpacks to far more than it is.
        InputError, ShapeError: a key is missing or unknown, ids repeat, lengths differ, or a row
            cannot be normalized (the message names its id).
    """
    if not isinstance(path, (str, os.PathLike)):
        from fiqa.data.tables import read_table

        return _normalized(
            _from_frame(read_table(path), "the frame of embeddings"), "the frame of embeddings"
        )
    if is_parts(path):
        from fiqa.data.tables import read_table

        rows = read_table(path).filter(status="ok")
        return _normalized(_from_frame(rows, os.fspath(path)), os.fspath(path))
    file = Path(path)
    reader = _READERS[checks.choice(file.suffix, "suffix of an embeddings file", _READERS)]
    if not file.is_file():
        raise ReadError(
            f"An embeddings file must exist, there is none at {file}.", status="not_found"
        )
    return _normalized(reader(file), str(file))


@dataclass(frozen=True, eq=False)
class MappedEmbeddings:
    """Embeddings as they lie in a file; the vectors are not looked at yet.

    Attributes:
        id: (N,) str.
        vector: (N,D) of any float type.
        norm: (N,) or None.
        recognizer: its name.
    """

    id: NDArray[np.str_]
    vector: NDArray[np.floating[Any]]
    norm: NDArray[np.float32] | None
    recognizer: str


@reader
def map_embeddings(path: PathLike) -> MappedEmbeddings:
    """Returns the embeddings in a file, those of a .npy without their vectors in memory.

    It is for those who read them block by block; other files are read. The vectors of a .npy are
    not checked: they may be of any length and hold NaN, and ids may repeat.

    Args:
        path: the file.

    Raises:
        UnknownNameError, ReadError, UnsafeFileError, InputError, ShapeError: as read_embeddings.
    """
    file = Path(path)
    if file.suffix != ".npy" or not file.is_file():
        embeddings = read_embeddings(path)
        return MappedEmbeddings(
            embeddings.id, embeddings.vector, embeddings.norm, embeddings.recognizer
        )
    table = _read_npy(file)
    vector = table["vector"]
    if vector.ndim != 2 or len(vector) != len(table["id"]) or vector.dtype.kind != "f":
        raise ShapeError(
            f"vector of {file} must be floating point of shape ({len(table['id'])}, D), got"
            f" {vector.dtype} {vector.shape}."
        )
    norm = np.asarray(table["norm"], np.float32) if "norm" in table else None
    return MappedEmbeddings(table["id"], vector, norm, str(table.get("recognizer", "")))


def write_embeddings(
    embeddings: Embeddings,
    path: PathLike,
    *,
    half: bool = False,
    beside: pl.DataFrame | None = None,
) -> Path:
    """Writes embeddings whole or not at all, and returns the path.

    Args:
        embeddings: what to write.
        path: .npz, .npy (with .ids.txt and .meta.npz beside it) or .parquet.
        half: store the vectors as float16 (half the size, cosines good to about 1e-3); not for
            .parquet.
        beside: (N rows) more columns for a .parquet; the other formats have no place for them.

    Raises:
        UnknownNameError: another suffix.
        InputError: an id that the format cannot hold, or `half` for .parquet.
    """
    file = Path(path)
    writer = _WRITERS[checks.choice(file.suffix, "suffix of an embeddings file", _WRITERS)]
    vector = embeddings.vector.astype(np.float16) if half else embeddings.vector
    if writer is _write_parquet:
        _write_parquet(embeddings, file, vector, beside)
    else:
        writer(embeddings, file, vector)
    return file


def _normalized(table: Mapping[str, Any], name: str) -> Embeddings:
    """Embeddings of a file's columns, with unit vectors and their norms."""
    checks.choice("id", f"key of {name}", table)
    checks.choice("vector", f"key of {name}", table)
    for key in table:
        checks.choice(key, f"key of {name}", _KEYS)
    ids = checks.ids(_decoded(table["id"]), f"id of {name}")
    stored = checks.array(table["vector"], f"vector of {name}", shape=(len(ids), "D"))
    if stored.dtype.kind != "f":
        raise ShapeError(f"vector of {name} must be floating point, got {stored.dtype}.")
    vector = stored.astype(np.float32, copy=False)
    # Rows that overflow are named below as bad ones, not warned of.
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.sqrt(np.einsum("nd,nd->n", vector, vector, dtype=np.float64))
    bad = ~(np.isfinite(length) & (length > 0))
    if bad.any():
        raise InputError(
            f"vector of {name} must have rows that can be normalized; {int(bad.sum())} of"
            f" {len(ids)} are NaN, infinite or zero, the first is of id {str(ids[bad][0])!r}.",
            hint="leave failed faces out of the file",
        )
    recognizer = str(table.get("recognizer", ""))
    if "norm" not in table:
        return Embeddings(
            ids,
            (vector / length[:, None]).astype(np.float32),
            length.astype(np.float32),
            recognizer,
        )
    if stored.dtype != np.float32:
        # float16 has three digits, so stored unit vectors are of unit length only to about 1e-3.
        checks.unit_rows(vector, f"vector of {name}", tolerance=1e-2)
        vector = (vector / length[:, None]).astype(np.float32)
    return Embeddings(ids, vector, np.asarray(table["norm"]), recognizer)


def _decoded(ids: Any) -> Any:
    """Ids that are stored as bytes, as text; a byte that is no UTF-8 as file names have it."""
    if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "SO":
        return ids
    texts = [
        v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else v
        for v in ids.ravel().tolist()
    ]
    return np.array(texts, dtype=np.str_).reshape(ids.shape)


def _read_npz(file: Path) -> dict[str, Any]:
    try:
        _check_npz(file)
        with np.load(file, allow_pickle=False) as members:
            return {key: members[key] for key in members.files}
    except ReadError:
        raise
    # zipfile, zlib and numpy's reader of headers meet damage with a dozen kinds of errors
    except Exception as error:
        raise ReadError(
            f"{file} must be a .npz of plain arrays, it cannot be read: {error}.", status="corrupt"
        ) from error


def _check_npz(file: Path) -> None:
    """Refuses members that hold objects, lie about their size, or unpack to far too much.

    The headers alone are read.
    """
    with zipfile.ZipFile(file) as archive:
        total = sum(member.file_size for member in archive.infolist())
        if total > _SMALL and total > _MOST_COMPRESSED * file.stat().st_size:
            raise UnsafeFileError(
                f"{file} must unpack to at most {_MOST_COMPRESSED} times its size, it claims"
                f" {total} bytes.",
                status="too_large",
            )
        for member in archive.infolist():
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                header = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = header(stream)
                start = stream.tell()
            if dtype.hasobject:
                raise UnsafeFileError(
                    f"{file} must hold plain arrays, {member.filename} holds Python objects, which"
                    " could run code."
                )
            if math.prod(shape) * dtype.itemsize != member.file_size - start:
                raise ValueError(
                    f"{member.filename} says shape {shape} and has {member.file_size - start} bytes"
                )


def _read_npy(file: Path) -> dict[str, Any]:
    ids, meta = _beside(file)
    try:
        vector = np.lib.format.open_memmap(file, mode="r")
    except Exception as error:  # numpy reads the header as Python: tokenize's errors too
        # numpy's own words: an array of objects cannot be mapped.
        if "object" in str(error).lower():
            raise UnsafeFileError(
                f"{file} must hold a plain array, it holds Python objects, which could run code."
            ) from error
        raise ReadError(
            f"{file} must be a .npy array, it cannot be read: {error}.", status="corrupt"
        ) from error
    if not ids.is_file():
        raise ReadError(
            f"{file} must have its ids beside it, one a line, and there is no {ids}.",
            status="not_found",
        )
    text = ids.read_text(encoding="utf-8", errors="surrogateescape")
    table = {
        "id": np.array(text.removesuffix("\n").split("\n") if text else [], dtype=np.str_),
        "vector": vector,
    }
    return table | (_read_npz(meta) if meta.is_file() else {})


def _read_parquet(file: Path) -> dict[str, Any]:
    import polars as pl

    try:
        with open_regular(file) as opened:
            frame = read_parquet(opened)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise ReadError(
            f"{file} must be a Parquet file, it cannot be read: {error}.", status="corrupt"
        ) from error
    return _from_frame(frame, str(file))


def _from_frame(frame: Any, file: str) -> dict[str, Any]:
    import polars as pl

    # What else is in the table says nothing of the vectors.
    table: dict[str, Any] = {name: frame[name] for name in frame.columns if name in _KEYS}
    if "vector" in table:
        table["vector"] = _matrix(table["vector"], file)
    if "recognizer" in table:
        names = table["recognizer"].unique().to_list()
        if len(names) > 1:
            raise InputError(
                f"{file} must hold the vectors of one recognizer, it holds {len(names)}."
            )
        table["recognizer"] = names[0] if names else ""
    return {
        key: value.to_numpy() if isinstance(value, pl.Series) else value
        for key, value in table.items()
    }


def _matrix(column: Any, name: str) -> NDArray[Any]:
    """A Parquet column of lists as (N,D)."""
    import polars as pl

    if isinstance(column.dtype, pl.List):
        lengths = column.list.len().unique().to_list()
        if len(lengths) > 1:
            raise ShapeError(
                f"vector of {name} must have lists of one length, got {sorted(lengths, key=str)}."
            )
        column = column.list.to_array(lengths[0] if lengths else 0)
    if not isinstance(column.dtype, pl.Array):
        raise ShapeError(f"vector of {name} must be a column of lists, it is {column.dtype}.")
    if column.null_count():
        raise InputError(
            f"vector of {name} must have no nulls, got {column.null_count()}.",
            hint="leave failed faces out of the file",
        )
    return np.asarray(column.to_numpy())


def _write_npz(embeddings: Embeddings, file: Path, vector: NDArray[Any]) -> None:
    with atomic_path(file) as aside:
        np.savez(
            aside,
            id=embeddings.id,
            vector=vector,
            norm=embeddings.norm,
            recognizer=np.array(embeddings.recognizer),
        )


def _write_npy(embeddings: Embeddings, file: Path, vector: NDArray[Any]) -> None:
    broken = [str(name) for name in embeddings.id if "\n" in name or not name]
    if broken:
        raise InputError(
            f"Ids in an id list must be one line each, got {broken[0]!r}.",
            hint="write .npz, which holds any id",
        )
    ids, meta = _beside(file)
    # The vectors come last: where they are, their ids are there too.
    with atomic_path(ids) as aside:
        aside.write_bytes(
            "".join(f"{name}\n" for name in embeddings.id).encode("utf-8", "surrogateescape")
        )
    with atomic_path(meta) as aside:
        np.savez(aside, norm=embeddings.norm, recognizer=np.array(embeddings.recognizer))
    with atomic_path(file) as aside:
        np.save(aside, vector, allow_pickle=False)


def _write_parquet(
    embeddings: Embeddings, file: Path, vector: NDArray[Any], beside: pl.DataFrame | None = None
) -> None:
    import polars as pl

    if vector.dtype == np.float16:
        raise InputError("half must be False for .parquet.", hint="write .npz or .npy for float16")
    n, d = vector.shape
    columns = {
        "id": pl.Series(embeddings.id.tolist(), dtype=pl.String),
        "vector": pl.Series(vector, dtype=pl.Array(pl.Float32, d)),
        "norm": pl.Series(embeddings.norm),
        "recognizer": pl.Series([embeddings.recognizer] * n, dtype=pl.String),
    }
    table = pl.DataFrame(columns)
    if beside is not None:
        table = table.hstack(beside.get_columns())
    with atomic_path(file) as aside:
        table.write_parquet(aside)


def _beside(file: Path) -> tuple[Path, Path]:
    return file.with_suffix(".ids.txt"), file.with_suffix(".meta.npz")


_READERS: Mapping[str, Callable[[Path], dict[str, Any]]] = MappingProxyType(
    {".npz": _read_npz, ".npy": _read_npy, ".parquet": _read_parquet}
)
_WRITERS: Mapping[str, Callable[[Embeddings, Path, NDArray[Any]], None]] = MappingProxyType(
    {".npz": _write_npz, ".npy": _write_npy, ".parquet": _write_parquet}
)
