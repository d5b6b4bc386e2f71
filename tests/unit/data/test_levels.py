"""The levels that a table of labels states: by word or number, for rows with a label alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fiqa.data.levels import label_table, stated_levels
from fiqa.errors import InputError, ReadError


def levels(path: Path) -> dict[str, int]:
    return stated_levels(label_table(path), path)


def test_words_and_numbers_and_rows_without_a_label(tmp_path: Path) -> None:
    file = tmp_path / "l.csv"
    file.write_text("id,value,level\na,.1,unusable\nb,.5,2\nc,,\nd,.99,perfect\n")
    assert levels(file) == {"a": 0, "b": 2, "d": 4}


def test_what_states_no_levels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,value\na,.1\n")
    (tmp_path / "b.csv").write_text("name,level\na,2\n")
    (tmp_path / "c.csv").write_text("id,uqs,level\na,50,medium\n")
    (tmp_path / "d.txt").write_text("a 0.5\n")
    assert [levels(tmp_path / name) for name in ("a.csv", "b.csv", "c.csv", "d.txt")] == [{}] * 4


def test_another_word_is_refused_and_no_file_is_a_read_error(tmp_path: Path) -> None:
    file = tmp_path / "l.csv"
    file.write_text("id,value,level\na,.1,fine\n")
    with pytest.raises(InputError, match=r"level in .*l\.csv' must be one of unusable.*got 'fine'"):
        levels(file)
    with pytest.raises(ReadError):
        levels(tmp_path / "none.csv")


def test_numbers_of_another_table(tmp_path: Path) -> None:
    file = tmp_path / "l.parquet"
    pl.DataFrame({"id": ["a", "b"], "value": [0.1, 0.2], "level": [0, 4]}).write_parquet(file)
    assert levels(file) == {"a": 0, "b": 4}
