"""Run times from a table: by what was timed, and what is no time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fiqa.data.times import read_times
from fiqa.errors import InputError, ReadError


def test_rows_are_parted_by_what_was_timed(tmp_path: Path) -> None:
    rows = {"method": ["a.b", "c", "a.b"], "id": ["007", "007", "8"], "ms": [1.5, 2, 3]}
    pl.DataFrame(rows, strict=False).write_csv(tmp_path / "t.csv")
    for source in (tmp_path / "t.csv", pl.DataFrame(rows, strict=False)):
        found = read_times(source)
        assert list(found) == ["a.b", "c"]
        assert found["a.b"][0].tolist() == ["007", "8"]
        assert found["a.b"][1].tolist() == [1.5, 3.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("method,id\na,b\n", "must have the columns method, id, ms .* it has method, id and 1"),
        ("method,id,ms\n", "at least one row, it has method, id, ms and 0 rows"),
        ("method,id,ms\na,b,1\na,c,0\n", "must be a number above 0, got 0 in row 2"),
        ("method,id,ms\na,b,fast\n", "must be a number above 0, got 'fast' in row 1"),
        ("method,id,ms\na,b,\na,c,1\n", "must be a number above 0, got None in row 1"),
    ],
)
def test_what_is_no_time(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_times(tmp_path / "t.csv")
    with pytest.raises(ReadError, match=r"t\.csv"):
        read_times(tmp_path / "t.csv")
    with pytest.raises(ReadError, match="absent"):
        read_times(tmp_path / "absent.csv")
