"""The CSV of OFIQ, the reference implementation of ISO/IEC 29794-5: `;` between cells, a block of
raw values, then a block of `.scalar` values 0..100.

A failure is -1 in the scalar block. Some versions end the header with `;` and not the rows, so
cells are read by name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.formats.source import read_text, write_whole
from fiqa.data.reading import reading
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["UNIFIED", "OfiqTable", "is_header", "parse", "read", "write"]

UNIFIED = "UnifiedQualityScore"
"""OFIQ's name of the overall quality."""


@dataclass(frozen=True)
class OfiqTable:
    """The cells of an OFIQ CSV.

    Attributes:
        filename: the images.
        columns: name -> cells as text, one per image.
    """

    filename: list[str]
    columns: dict[str, list[str]]

    def select(self, column: str | None = None) -> tuple[list[str], list[str | None], str]:
        """Returns (file names, cells or None where OFIQ failed, the column).

        Args:
            column: None takes `UnifiedQualityScore.scalar`, or `UnifiedQualityScore` where there is
                no scalar block.

        Raises:
            InputError: no such column.
        """
        default = f"{UNIFIED}.scalar" if f"{UNIFIED}.scalar" in self.columns else UNIFIED
        used = default if column is None else column
        checks.choice(used, "column", self.columns)
        scalar = used if used.endswith(".scalar") else f"{used}.scalar"
        judge = self.columns.get(scalar, self.columns[used])
        failed = [cell.strip() in ("-1", "-1.0") for cell in judge]
        return (
            self.filename,
            [None if bad else v for v, bad in zip(self.columns[used], failed, strict=True)],
            used,
        )


def is_header(line: str) -> bool:
    """Tells whether a first line is that of an OFIQ CSV.

    Args:
        line: the first line of a file.

    >>> is_header("Filename;UnifiedQualityScore;Sharpness"), is_header("path,score")
    (True, False)
    """
    return line.split(";")[0].strip().strip('"').lower() == "filename" and ";" in line


def read(path: PathLike) -> OfiqTable:
    """Returns the cells of an OFIQ CSV.

    Args:
        path: the file.

    Raises:
        ReadError: as `parse`, or the file cannot be read.
    """
    text = read_text(path)
    with reading(path):
        return parse(text)


def parse(text: str) -> OfiqTable:
    r"""Returns the cells of the text of an OFIQ CSV.

    Args:
        text: of the whole file.

    Raises:
        ReadError: another header, a name twice in it, or a row that lacks cells.

    >>> table = parse("Filename;UnifiedQualityScore;UnifiedQualityScore.scalar;\na.jpg;24.1;61\n")
    >>> table.columns["UnifiedQualityScore.scalar"]
    ['61']
    """
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=";") if row]
    header = [cell.strip() for cell in rows[0]] if rows else []
    while header and not header[-1]:
        header.pop()
    if not header or header[0].lower() != "filename":
        raise ReadError(
            "An OFIQ CSV must start with Filename; it starts otherwise.",
            status="unsupported_format",
        )
    if len(set(header)) != len(header):
        raise ReadError(
            "An OFIQ CSV must name each column once; this one does not.", status="corrupt"
        )
    width = len(header)
    # One cell less is allowed: some versions end the header with `;` and not the rows.
    short = next((i for i, row in enumerate(rows) if len(row) < width - 1), None)
    if short is not None:
        raise ReadError(
            f"Row {short} of the OFIQ CSV must have {width} cells, got {len(rows[short])}.",
            status="truncated",
        )
    cells = {
        name: [row[i] if i < len(row) else "" for row in rows[1:]] for i, name in enumerate(header)
    }
    return OfiqTable(cells.pop(header[0]), cells)


def write(
    path: PathLike,
    filename: Sequence[str],
    raw: Mapping[str, NDArray[np.floating]],
    scalar: Mapping[str, NDArray[np.floating]],
) -> None:
    """Writes a CSV of the form of OFIQ, whole or not at all.

    Args:
        path: where.
        filename: N names; a name that holds `;`, a quote or a line break is quoted.
        raw: column -> (N,) the method's own values, NaN for a failure.
        scalar: the same columns -> (N,) 0..100, NaN for a failure; written as whole numbers.
            Failures are -1 in both blocks.

    Raises:
        InputError: the two blocks have different columns.
        ShapeError: lengths that differ.
    """
    if list(raw) != list(scalar):
        raise InputError(
            f"raw and scalar must have the same columns, got {', '.join(raw)} and"
            f" {', '.join(scalar)}."
        )
    n = len(filename)
    blocks = [
        [
            _cell(v, rounded=rounded)
            for v in checks.array(values, name, shape=(n,), dtype=np.float64)
        ]
        for rounded, block in ((False, raw), (True, scalar))
        for name, values in block.items()
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(["Filename", *raw, *(f"{name}.scalar" for name in scalar)])
    writer.writerows(zip(filename, *blocks, strict=True))
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _cell(value: float, *, rounded: bool) -> str:
    if not np.isfinite(value):
        return "-1"
    return str(round(value)) if rounded else repr(float(value))
