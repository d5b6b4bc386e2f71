"""Score files of other tools."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.data.formats import score_files
from fiqa.errors import InputError, ReadError, UnsafeFileError


def read(
    tmp_path: Path, text: str | bytes, name: str = "x.txt", **options: Any
) -> score_files.NamedScores:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    return score_files.read(path, **options)


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("a.jpg 0.5\nb c.jpg 1e-3\n", ["a.jpg", "b c.jpg"], [0.5, 1e-3]),
        ("a.jpg\t0.5\r\n\r\nb.jpg\t-2", ["a.jpg", "b.jpg"], [0.5, -2]),
        ("a.jpg,0.5\nb, c.jpg,1\n", ["a.jpg", "b, c.jpg"], [0.5, 1]),
        ('path,score\na.jpg,0.5\n"b, ""c"".jpg",1\n', ["a.jpg", 'b, "c".jpg'], [0.5, 1]),
        ("FileName, Sharpness\na;b.jpg,3\n", ["a;b.jpg"], [3]),
        ("\ufeffimage,score,other\na.jpg,1,2\n", ["a.jpg"], [1]),
        ("=cmd().jpg 1\n-rf.jpg 2\n", ["=cmd().jpg", "-rf.jpg"], [1, 2]),
        ("caf\udce9.jpg 1\n", ["caf\udce9.jpg"], [1]),
        (
            "Filename;UnifiedQualityScore;UnifiedQualityScore.scalar\na.jpg;24.5;61\n",
            ["a.jpg"],
            [61],
        ),
    ],
)
def test_forms(tmp_path: Path, text: str, names: list[str], values: list[float]) -> None:
    found = read(tmp_path, text)
    assert found.name == names
    np.testing.assert_array_equal(found.value, values)
    assert found.failed == 0


def test_failures_are_absent_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, "path,score\na,1\nb,\nc,NA\nd,none\ne\n")
    assert (found.name, found.failed, found.column) == (["a"], 4, "score")
    found = read(
        tmp_path,
        "Filename;UnifiedQualityScore;UnifiedQualityScore.scalar\na;0;-1\nb;3;9\n",
        column="UnifiedQualityScore",
    )
    assert (found.name, found.value.tolist(), found.failed) == (["b"], [3.0], 1)


def test_column_is_chosen_by_name(tmp_path: Path) -> None:
    text = "path,blur,yaw\na,1,2\n"
    assert read(tmp_path, text, column="yaw").value.tolist() == [2]
    assert read(tmp_path, text, column="blur").value.tolist() == [1]
    with pytest.raises(InputError, match="must have a column of quality, it has path, blur, yaw"):
        read(tmp_path, text)
    with pytest.raises(InputError, match="got 'pitch'"):
        read(tmp_path, text, column="pitch")
    with pytest.raises(InputError, match="has no header"):
        read(tmp_path, "a 1\n", column="score")


@pytest.mark.parametrize("protocol", range(6))
def test_pickled_dict(tmp_path: Path, protocol: int) -> None:
    value = {"a.jpg": 0.5, "é.jpg": np.float32(2), "c.jpg": 3, "d.jpg": None, "e": np.float64(4)}
    found = read(tmp_path, pickle.dumps(value, protocol=protocol), "x.pkl")
    assert found.name == ["a.jpg", "é.jpg", "c.jpg", "e"]
    assert found.value.tolist() == [0.5, 2, 3, 4]
    assert found.failed == 1
    if protocol >= 2:
        assert read(tmp_path, pickle.dumps(value, protocol=protocol), "noname").name == found.name


@pytest.mark.parametrize("protocol", range(6))
def test_hostile_pickle_is_refused(tmp_path: Path, protocol: int) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "fired"),)

    with pytest.raises(UnsafeFileError, match=r"x\.pkl.*mkdir"):
        read(tmp_path, pickle.dumps({"a": Evil()}, protocol=protocol), "x.pkl")
    assert not (tmp_path / "fired").exists()


@pytest.mark.parametrize(
    ("text", "name", "error", "message"),
    [
        ("a 1\na 2\n", "x.txt", InputError, "each image once, got 'a' twice"),
        ("path,score\n,2\n", "x.csv", InputError, "no name"),
        ("a nan\n", "x.txt", InputError, "NaN or infinity for 'a'"),
        ("path,score\na,inf\n", "x.csv", InputError, "NaN or infinity for 'a'"),
        (
            "path,score\na,good\n",
            "x.csv",
            ReadError,
            "row 1 must have a number in 'score', got 'good'",
        ),
        ("path,a,b,score\nx\n", "x.csv", ReadError, "must have 4 cells, got 1"),
        ("a 1\nb\n", "x.txt", ReadError, "line 2 must be `path score`"),
        ("a 1\n5\n", "x.txt", ReadError, "line 2 must be"),
        ("\n\n", "x.txt", ReadError, "holds none"),
        ("", "x.txt", ReadError, "0 bytes"),
        (b"\0\0\0", "x.txt", ReadError, "NUL bytes"),
        (pickle.dumps([1]), "x.pkl", ReadError, "a dict of name to number"),
        (pickle.dumps({"a": "1"}), "x.pkl", ReadError, "it holds text"),
        (pickle.dumps({"a": [1]}), "x.pkl", ReadError, "must have a number"),
        (pickle.dumps({"a": float("nan")}), "x.pkl", InputError, "NaN"),
        ("Filename;Sharpness\na;1\n", "x.csv", InputError, "UnifiedQualityScore"),
        ("Filename;A;A\na;1;2\n", "x.csv", ReadError, r"x\.csv.*each column once"),
    ],
)
def test_malformed(
    tmp_path: Path, text: str | bytes, name: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(tmp_path, text, name)


@given(st.binary(max_size=120))
@settings(deadline=None)
def test_random_bytes_give_clean_errors(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    with contextlib.suppress(ReadError, InputError):
        read(tmp_path_factory.mktemp("scores"), data)
