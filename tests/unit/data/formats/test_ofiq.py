"""OFIQ's CSV: both blocks, failures, headers that are longer than rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqa.data.formats import ofiq
from fiqa.errors import InputError, ReadError, ShapeError, UnknownNameError

REAL = (
    "Filename;UnifiedQualityScore;Sharpness;UnifiedQualityScore.scalar;Sharpness.scalar;assessment_time_in_ms\n"
    "a.jpg;24.17;-13;61;0\n"
    "b.jpg;0;0;-1;-1\n"
)


def test_header_with_a_field_more_than_the_rows() -> None:
    table = ofiq.parse(REAL)
    assert table.filename == ["a.jpg", "b.jpg"]
    assert table.select() == (["a.jpg", "b.jpg"], ["61", None], "UnifiedQualityScore.scalar")
    assert table.select("Sharpness")[1] == ["-13", None]
    trailing = REAL.replace(";assessment_time_in_ms", ";")
    assert ofiq.parse(trailing).select() == table.select()


def test_raw_block_alone() -> None:
    table = ofiq.parse("Filename;UnifiedQualityScore\na;5\nb;-1\n")
    assert table.select() == (["a", "b"], ["5", None], "UnifiedQualityScore")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "must start with Filename"),
        ("path;score\n", "must start with Filename"),
        ("Filename;A;A\n", "each column once"),
        ("Filename;A;B;C\nx;1\n", "Row 1 .* must have 4 cells, got 2"),
    ],
)
def test_malformed(text: str, error: str) -> None:
    with pytest.raises(ReadError, match=error):
        ofiq.parse(text)


def test_unknown_column_has_a_hint() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'Sharpness'"):
        ofiq.parse(REAL).select("sharpness")


def test_write_and_read_again(tmp_path: Path) -> None:
    names = ["a;b.jpg", 'say "x".jpg', "line\nbreak.jpg", "=cmd()", "caf\udce9.jpg"]
    raw = {
        "UnifiedQualityScore": np.array([0.1, np.nan, 3, 1e-9, 1 / 3], np.float32),
        "Blur": np.arange(5.0),
    }
    scalar = {"UnifiedQualityScore": np.array([10.4, np.nan, 99.6, 0, 50]), "Blur": np.arange(5.0)}
    ofiq.write(tmp_path / "x.csv", names, raw, scalar)
    table = ofiq.read(tmp_path / "x.csv")
    assert table.filename == names
    assert list(table.columns) == [
        "UnifiedQualityScore",
        "Blur",
        "UnifiedQualityScore.scalar",
        "Blur.scalar",
    ]
    assert table.columns["UnifiedQualityScore.scalar"] == ["10", "-1", "100", "0", "50"]
    _, values, _ = table.select("UnifiedQualityScore")
    assert values[1] is None
    back = np.array([v for v in values if v is not None], np.float32)
    np.testing.assert_array_equal(back, raw["UnifiedQualityScore"][[0, 2, 3, 4]])
    first = (tmp_path / "x.csv").read_bytes()
    ofiq.write(tmp_path / "x.csv", names, raw, scalar)
    assert (tmp_path / "x.csv").read_bytes() == first


def test_write_checks_its_blocks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the same columns"):
        ofiq.write(tmp_path / "x.csv", ["a"], {"A": np.ones(1)}, {"B": np.ones(1)})
    with pytest.raises(ShapeError, match=r"\(1,\)"):
        ofiq.write(tmp_path / "x.csv", ["a"], {"A": np.ones(2)}, {"A": np.ones(1)})
    assert not list(tmp_path.iterdir())


def test_no_rows(tmp_path: Path) -> None:
    ofiq.write(tmp_path / "x.csv", [], {"A": np.ones(0)}, {"A": np.ones(0)})
    assert ofiq.read(tmp_path / "x.csv").filename == []
