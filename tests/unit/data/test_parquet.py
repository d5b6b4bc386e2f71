"""Claims of a Parquet file are checked before polars believes them; a panic of polars is an error
like any other, and silent."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiqa.data.parquet import check_parquet, fetched_groups, read_parquet
from fiqa.errors import UnsafeFileError

FRAME = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
NESTED = pl.DataFrame(
    {
        "v": pl.Series(np.arange(24.0).reshape(6, 4), dtype=pl.Array(pl.Float32, 4)),
        "s": [{"k": 1.0}] * 6,
        "l": [["a"], [], None, ["b", "c"], [], []],
        "t": [True, None, False, True, True, None],
    }
)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "uncompressed"}, {"statistics": False}, {"row_group_size": 2}]
)
@pytest.mark.parametrize("frame", [FRAME, NESTED, FRAME.head(0), pl.DataFrame()])
def test_whole_files_pass(tmp_path: Path, frame: pl.DataFrame, options: dict[str, Any]) -> None:
    path = tmp_path / "t.parquet"
    frame.write_parquet(path, **options)
    with path.open("rb") as file:
        assert read_parquet(file).equals(frame)


def test_constant_columns_of_many_rows_pass(tmp_path: Path) -> None:
    """They take a byte for thousands of rows, and are no bomb."""
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"zero": np.zeros(1_000_000), "text": ["the same"] * 1_000_000})
    frame.write_parquet(path)
    assert path.stat().st_size < 20_000
    with path.open("rb") as file:
        assert read_parquet(file).shape == frame.shape


# The compact protocol, written by hand for the tests: (kind, value) by field number
def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def thrift(fields: dict[int, Any]) -> bytes:
    out, last = b"", 0
    for number, value in fields.items():
        kind = {int: 6, str: 8, dict: 12, list: 9}[type(value)]
        out += bytes([(number - last) << 4 | kind]) + encoded(value)
        last = number
    return out + b"\0"


def encoded(value: Any) -> bytes:
    if isinstance(value, int):
        return varint(value << 1 ^ (value >> 63))
    if isinstance(value, str):
        return varint(len(value)) + value.encode()
    if isinstance(value, list):
        head = bytes([len(value) << 4 | 12]) if len(value) < 15 else b"\xfc" + varint(len(value))
        return head + b"".join(map(encoded, value))
    return thrift(value)


def made(
    *,
    rows: int = 3,
    group: int = 3,
    values: int = 3,
    page: dict[int, Any] | None = None,
    chunk: dict[int, Any] | None = None,
    schema: list[Any] | None = None,
) -> bytes:
    """A file of one column with one page of ten bytes, every claim of which can be a lie."""
    header = thrift(page or {1: 0, 2: 10, 3: 10, 5: {1: 3, 2: 0, 3: 3, 4: 3}})
    body = header + bytes(10)
    about = {1: 1, 5: values, 6: len(body), 7: len(body), 9: 4}
    column = chunk or {2: 4, 3: about}
    footer = thrift(
        {
            1: 1,
            2: schema or [{4: "root", 5: 1}, {1: 1, 4: "a"}],
            3: rows,
            4: [{1: [column], 2: len(body), 3: group}],
        }
    )
    return b"PAR1" + body + footer + struct.pack("<I", len(footer)) + b"PAR1"


def checked(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with (tmp_path / "t").open("rb") as file:
        check_parquet(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PAR1PAR1", "at least 12 bytes"),
        (b"PAR1" + bytes(8) + b"PAR2", "begin and end with PAR1"),
        (b"PAR1" + bytes(4) + struct.pack("<I", 900) + b"PAR1", "claims the bytes"),
        (made(schema=[{4: "deep", 5: 1}] * 40), "its columns nest more than 32 deep"),
        (made(rows=4), "it says 4 rows and its groups 3"),
        (made(values=2), "2 values in 3 rows"),
        (made(values=4), "says 4 values and its pages 3"),
        (made(page={1: 0, 2: 10, 3: 11, 5: {1: 3}}), "a page claims 11 bytes, 10 are left"),
        (made(page={1: 0, 2: 10, 3: 10}), "a field that must be there is not"),
        (made(page={1: 0, 2: 10, 3: 10, 5: {1: -3}}), "a page claims"),
        (made(chunk={2: 4}), "a field that must be there is not"),
        (made(chunk={2: 4, 3: {5: 3, 7: 9_000, 9: 4}}), "a column claims the bytes 4 to 9004"),
        (b"PAR1" + b"\x1c" * 200 + struct.pack("<I", 200) + b"PAR1", "nests more than"),
        (b"PAR1" + b"\x1d" * 4 + struct.pack("<I", 4) + b"PAR1", "unknown kind 13"),
        (
            b"PAR1" + b"\x16" + b"\xff" * 11 + struct.pack("<I", 12) + b"PAR1",
            "a number without end",
        ),
        (b"PAR1" + b"\x18\x7f\0" + struct.pack("<I", 3) + b"PAR1", "claims 127 at byte"),
    ],
)
def test_what_contradicts_itself_is_corrupt(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        checked(tmp_path, content)


def test_the_rows_of_a_file_in_a_store_are_those_of_its_groups() -> None:
    assert [told[1:] for told in fetched_groups(io.BytesIO(made()))] == [(0, 3)]
    with pytest.raises(ValueError, match="it says 4 rows and its groups 3"):
        list(fetched_groups(io.BytesIO(made(rows=4))))


def test_the_file_made_by_hand_is_whole_but_for_the_lies(tmp_path: Path) -> None:
    checked(tmp_path, made())
    checked(tmp_path, made(page={1: 0, 2: 1 << 24, 3: 10, 5: {1: 3}}))


@pytest.mark.parametrize(
    "content",
    [
        made(page={1: 0, 2: 1 << 30, 3: 10, 5: {1: 3}}),
        made(page={1: 0, 2: 10, 3: 10, 8: {1: 1 << 33}}, values=1 << 33),
        made(page={1: 2, 2: 10, 3: 10, 7: {1: 1 << 31}}),
    ],
)
def test_what_claims_far_more_than_it_is_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnsafeFileError, match="at most 1000 times as many") as caught:
        checked(tmp_path, content)
    assert caught.value.status == "too_large"


def test_a_column_in_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError, match="one names another file"):
        checked(tmp_path, made(chunk={1: "/etc/passwd", 2: 4, 3: {5: 3, 7: 20, 9: 4}}))


DAMAGE = """
import sys
from pathlib import Path
from fiqa.data.tables import read_table
from fiqa.errors import ReadError
path = Path(sys.argv[1])
whole = path.read_bytes()
refused = 0
for place in range(0, len(whole), 3):
    path.write_bytes(whole[:place] + bytes([127]) + whole[place + 1 :])
    try:
        read_table(path)
    except ReadError as error:
        refused += str(path) in str(error)
print(refused)
sys.stderr.write("still here")
"""


def test_any_wrong_byte_is_a_read_error_and_leaves_nothing_on_stderr(tmp_path: Path) -> None:
    """With this byte in two of the places polars 2.1 asked for gigabytes and ended the process; in
    some it panics."""
    path = tmp_path / "t.parquet"
    FRAME.write_parquet(path)
    done = subprocess.run(
        [sys.executable, "-c", DAMAGE, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stderr == "still here"
    assert int(done.stdout) > 50
