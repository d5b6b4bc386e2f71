"""Which images there are: files, folders, list files and manifests become one Manifest; nothing is
opened but lists.

- A folder lists every file with the suffix of an image, whatever it holds, and other files whose
  first bytes are an image's; hidden files are left out. In a tree `identity/image` the identity is
  the name of the folder an image lies in; a flat folder has none. Order: sorted by path.
- A `.txt` file is a list, one path a line. A `.csv`, `.tsv`, `.jsonl` or `.parquet` file, or a
  frame, is a manifest with a column `path`. Where a relative path in either leads, see
  fiqa.data.places. Anything else given by name is an image.
- ids: the path below the folder, without suffix (`ann/01`); of a file given by name, its folder and
  name. Where two would be equal both keep their suffix, and where that is not enough the later ones
  end in `#2`, `#3`, ...
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqa.data import columns
from fiqa.data.containers import is_video
from fiqa.data.folders import walk
from fiqa.data.formats.source import read_text
from fiqa.data.frames import Frame, is_frame
from fiqa.data.places import placed
from fiqa.data.reading import reader
from fiqa.errors import InputError, ReadError
from fiqa.types import Manifest, PathLike

__all__ = ["FOLDERS", "find", "listed", "of_table", "read_manifest", "to_frame", "write_manifest"]

FOLDERS = "the folder of each path"
"""Where identities come from that no column says."""

_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_NULL_FOR_ZERO = ("width", "height", "bits", "frames")
_FIXED = ("id", "path", "identity", "split", "status")
_log = logging.getLogger(__name__)


class _File(NamedTuple):
    """A file that was named or found.

    Attributes:
        path: where it is.
        relative: its path as ids tell it.
        identity: who is on it, "" where nobody said.
        status: from fiqa.vocabulary.STATUSES.
    """

    path: str
    relative: str
    identity: str
    status: str


def find(paths: PathLike | Frame | Sequence[PathLike]) -> Manifest:
    """Returns the images that `paths` name, one row each; nothing is decoded.

    A path that leads nowhere is a row with status not_found.

    Args:
        paths: one or more of: image file, folder, list file (.txt), manifest (.csv, .jsonl,
            .parquet); or a frame, a manifest in memory; see the module's docstring.

    Raises:
        ReadError: a list or manifest cannot be read.
        InputError: it is no manifest, or no path was given.
    """
    if is_frame(paths):
        return read_manifest(paths)
    if isinstance(paths, (str, os.PathLike)):
        listed: list[PathLike] = [paths]
    elif isinstance(paths, Iterable):
        listed = list(paths)
    else:
        raise InputError(f"paths must be paths or a frame, got {type(paths).__name__}.")
    if not listed:
        raise InputError("paths must hold at least one path, got none.")
    wrong = next((path for path in listed if not isinstance(path, (str, os.PathLike))), None)
    if wrong is not None:
        raise InputError(
            f"paths must be paths or a frame, got {type(wrong).__name__}.",
            hint='crops in memory: fiqa.score(crops, aligned=True, color="RGB")',
        )
    pieces: list[Manifest] = []
    files: list[_File] = []
    for path in (os.fspath(name) for name in listed):
        suffix = os.path.splitext(path)[1].lower()
        if os.path.isdir(path):
            files += _tree(path)
        elif suffix in _TABLES and os.path.isfile(path):
            pieces.append(read_manifest(path))
        elif suffix == ".txt" and os.path.isfile(path):
            files += _named(_lines(path))
        else:
            files += _named([path])
    if files or not pieces:
        pieces.append(_manifest(files))
    return pieces[0] if len(pieces) == 1 else _joined(pieces)


def _manifest(files: Sequence[_File]) -> Manifest:
    return Manifest(
        _ids([f.relative for f in files]),
        _text(f.path for f in files),
        _text(f.identity for f in files),
        status=_text(f.status for f in files),
        identity_from=FOLDERS if any(f.identity for f in files) else "",
    )


def _text(values: Iterable[str]) -> NDArray[np.str_]:
    listed = list(values)
    return np.array(listed, dtype=np.str_) if listed else np.empty(0, dtype="U1")


def _ids(relative: Sequence[str]) -> NDArray[np.str_]:
    stems = [os.path.splitext(path)[0] if os.path.splitext(path)[0] else path for path in relative]
    times = Counter(stems)
    # a.jpg and a.png would both be `a`: they keep their suffixes.
    names = [path if times[stem] > 1 else stem for stem, path in zip(stems, relative, strict=True)]
    uses: Counter[str] = Counter()
    taken = set(names)
    for row, name in enumerate(names):
        uses[name] += 1
        if uses[name] > 1:
            fresh = f"{name}#{uses[name]}"
            while fresh in taken:
                uses[name] += 1
                fresh = f"{name}#{uses[name]}"
            taken.add(fresh)
            names[row] = fresh
    return _text(names)


def _tree(folder: str) -> list[_File]:
    files: list[_File] = []
    passed = videos = 0
    for path, status in walk(folder):
        if not status:
            passed += 1
            videos += is_video(path)
            continue
        relative = os.path.relpath(path, folder)
        files.append(_File(path, relative, os.path.basename(os.path.dirname(relative)), status))
    if videos:
        _log.warning(
            "%s: %d videos were passed over: fiqa select finds the faces in them", folder, videos
        )
    if passed:
        _log.info("%s: %d files that are not images were passed over", folder, passed)
    return files


@reader
def _lines(path: str) -> list[str]:
    try:
        text = read_text(path)
    except ReadError as error:
        # A list without lines names no image, which is no error.
        if error.status != "empty_file":
            raise
        text = ""
    names = [line.rstrip("\r") for line in text.split("\n")]
    names = [name for name in names if name.strip()]
    paths = placed(names, path)
    _refuse_cells(names, paths, path)
    return paths


def _refuse_cells(names: Sequence[str], paths: Sequence[str], where: str) -> None:
    """Refuses a list of which no line is a path while the first cell of one is."""
    if any(os.path.lexists(path) for path in paths if "\0" not in path):
        return
    for name in names[:8]:
        for apart in columns.DELIMITERS:
            cell, mark, _ = name.partition(apart)
            if mark and os.path.lexists(placed([cell.strip(' "')], where)[0]):
                raise InputError(
                    f"{where!r} must have one path a line, got {name[:80]!r}.",
                    hint="a table of paths and more is a .csv with a header: path,identity",
                )


def _named(paths: Sequence[str], folders: bool | None = None) -> list[_File]:
    parents = [os.path.basename(os.path.dirname(path)) for path in paths]
    # Images of one folder say nothing of who is on them: its name is no identity.
    shaped = len(set(parents)) > 1 if folders is None else folders
    return [
        _File(
            path,
            os.path.join(parent, os.path.basename(path)),
            parent if shaped else "",
            _status(path),
        )
        for path, parent in zip(paths, parents, strict=True)
    ]


def _status(path: str) -> str:
    try:
        return "ok" if os.path.lexists(path) and "\0" not in path else "not_found"
    except (OSError, ValueError):
        return "not_found"


@reader
def read_manifest(source: PathLike | Frame) -> Manifest:
    """Returns the manifest in a .csv, .tsv, .jsonl or .parquet table, or in a frame.

    The column `path` must be there; `id`, `identity`, `split` and `status` are taken where they
    are, any other becomes a column (missing numbers are NaN, None in a column of whole numbers, 0
    in one of scan's counts; missing text is ""). A row whose file is gone gets status not_found.
    Without `identity` it is the folder of the path, unless another column may be meant (`person`,
    `subject`, ...): then it is empty, and a warning names that column.

    Args:
        source: the table, or a frame of polars or pandas.

    Raises:
        ReadError: not readable as a table.
        InputError: no column `path`, ids twice, a status that is in no table, a path that leads to
            two files, or a cell that is no number in a column of fiqa.data.columns.MEASURES.
    """
    from fiqa.data.tables import read_table

    frame = read_table(source)
    where = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
    if "path" not in frame.columns:
        raise InputError(
            "A manifest must have a column 'path', got the columns"
            f" {', '.join(frame.columns) or '(none)'}."
        )
    return of_table(frame, where)


def of_table(frame: Any, where: str, *, folders: bool | None = None) -> Manifest:
    """Returns the manifest in a frame as fiqa.data.tables.read_table returns it.

    Args:
        frame: of polars, with a column `path`.
        where: the path of the table, "" where it is in memory.
        folders: whether the folder of a path is its identity where no column says who it is; None:
            where there are several.

    Raises:
        InputError: as read_manifest.
    """
    table = {name: _column(frame[name]) for name in frame.columns}
    hashes = table["sha256"].tolist() if "sha256" in table else []
    places = placed(table.pop("path").tolist(), where, sha256=hashes)
    named = _named(places, folders)
    statuses = table.pop("status", _text("ok" for _ in places))
    status = _text(
        now.status if was in ("ok", "") else was
        for was, now in zip(statuses.tolist(), named, strict=True)
    )
    ids = table.pop("id") if "id" in table else _ids([f.relative for f in named])
    identity, origin = _identity(table, named, os.path.basename(where) or "the frame")
    split = table.pop("split") if "split" in table else _text("" for _ in places)
    columns.measures(table, ids)
    return Manifest(ids, _text(places), identity, split, status, table, origin)


def _identity(
    table: dict[str, NDArray[Any]], named: Sequence[_File], where: str
) -> tuple[NDArray[np.str_], str]:
    """Returns identities and where they come from; takes the column out of `table`."""
    if "identity" in table:
        return table.pop("identity"), f"column identity of {where}"
    meant = columns.identity_like(table)
    if meant:
        _log.warning("%s", columns.identity_missing(meant, where))
        return _text("" for _ in named), ""
    identity = _text(f.identity for f in named)
    return identity, FOLDERS if np.any(identity != "") else ""


def listed(frame: Any) -> Manifest:
    """Returns the rows of a table of ours as they are; no file is looked for.

    Args:
        frame: with the columns id, path and status.
    """
    table = {name: _column(frame[name]) for name in frame.columns}
    fields: dict[str, Any] = {
        name: table.pop(name, None) for name in ("path", "identity", "split", "status")
    }
    return Manifest(table.pop("id"), columns=table, **fields)


def _column(series: Any) -> NDArray[Any]:
    """A table's column as an array: text decoded, lists as objects.

    Missing text is "", a missing number NaN. Whole numbers and truth values have None, and are
    objects then; counts have 0.
    """
    import polars as pl

    from fiqa.data.columns import TEXT, typed
    from fiqa.data.tables import decode_text

    series = typed(series)
    if (
        series.dtype == pl.String
        or series.dtype == pl.Null
        or (series.name in TEXT and not series.dtype.is_nested())
    ):
        return _text(decode_text(value or "") for value in series.cast(pl.String).to_list())
    whole = series.dtype.is_integer() or series.dtype == pl.Boolean
    if series.name in _NULL_FOR_ZERO and series.dtype.is_integer():
        return np.asarray(series.fill_null(0).to_numpy())
    # numpy has no time zones, and no place for a missing whole number
    zoned = isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None
    if series.dtype.is_nested() or zoned or (whole and series.null_count()):
        result = np.empty(len(series), dtype=object)
        result[:] = series.to_list()
        return result
    return np.asarray(series.to_numpy())


def write_manifest(manifest: Manifest, path: PathLike) -> None:
    """Writes a manifest by the suffix of its path; read_manifest takes it back.

    Args:
        manifest: what to write.
        path: .parquet, .csv or .jsonl.

    Raises:
        UnknownNameError: another suffix.
        WriteError: the disk refused.
    """
    from fiqa.data.tables import write_table

    write_table(to_frame(manifest), path)


def to_frame(manifest: Manifest) -> Any:
    """Returns a manifest as a polars frame, text encoded (see fiqa.data.tables).

    A count of 0 (width, height, bits, frames) is missing there.

    Args:
        manifest: any.
    """
    import polars as pl

    from fiqa.data.columns import typed
    from fiqa.data.tables import encode_text

    arrays = {name: getattr(manifest, name) for name in _FIXED} | dict(manifest.columns)
    frame = pl.DataFrame(
        [
            (
                pl.Series(name, [encode_text(v) for v in values.tolist()], dtype=pl.String)
                if values.dtype.kind == "U"
                else typed(pl.Series(name, values.tolist() if values.dtype.kind == "O" else values))
            )
            for name, values in arrays.items()
        ]
    )
    counts = [name for name in _NULL_FOR_ZERO if name in frame.columns]
    return frame.with_columns(
        pl.when(pl.col(name) != 0).then(pl.col(name)).alias(name) for name in counts
    )


def _joined(pieces: Sequence[Manifest]) -> Manifest:
    """One manifest of many: columns that all have, in the order of their pieces.

    Ids that clash are an error of the caller's.
    """
    # A column that a piece lacks would need values that nobody gave.
    shared = [name for name in pieces[0].columns if all(name in piece.columns for piece in pieces)]
    fixed: dict[str, Any] = {
        name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in _FIXED
    }
    return Manifest(
        **fixed,
        columns={
            name: np.concatenate([piece.columns[name] for piece in pieces]) for name in shared
        },
        identity_from=", ".join(
            dict.fromkeys(piece.identity_from for piece in pieces if piece.identity_from)
        ),
    )
