"""Quality on disk, ours and others', and joined to our ids."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data.quality import join_quality, read_quality, write_quality
from fiqa.data.tables import frame_of, write_table
from fiqa.errors import InputError, ReadError, UnknownNameError, UnsafeFileError
from fiqa.types import Quality

ODD = ["a,b", 'q"', "new\nline", "=cmd()", "caf\udce9", "007", "bytes:x"]


def odd() -> Quality:
    value = np.array([0.1, 1 / 3, 1e-7, 1, 0, 0.25, 0.75], np.float32)
    return Quality(np.array(ODD), value, "sdd_fiqa", "label", (0.0, 1.0), {"seed": 3})


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_write_and_read_again(tmp_path: Path, suffix: str) -> None:
    write_quality(odd(), tmp_path / f"q{suffix}")
    back = read_quality(tmp_path / f"q{suffix}")
    assert back.id.tolist() == ODD
    np.testing.assert_array_equal(back.value, odd().value)
    assert (back.method, back.kind, back.range) == ("sdd_fiqa", "label", (0.0, 1.0))
    assert back.provenance["seed"] == 3
    assert back.provenance["failed"] == 0
    (tmp_path / f"q{suffix}.json").unlink()
    bare = read_quality(tmp_path / f"q{suffix}")
    assert (bare.method, bare.kind, bare.range) == ("sdd_fiqa", "label", None)
    assert read_quality(tmp_path / f"q{suffix}", method="mine").method == "mine"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_table_of_scores(tmp_path: Path, suffix: str) -> None:
    rows = [
        {
            "id": "a",
            "path": "p/a.jpg",
            "status": "ok",
            "raw": 2.5,
            "score": 0.5,
            "uqs": 50,
            "factors": {"blur": 0.1},
            "model": "analytic",
        },
        {
            "id": "b",
            "path": "p/b.jpg",
            "status": "no_face",
            "raw": None,
            "score": None,
            "uqs": None,
            "factors": None,
            "model": "analytic",
        },
        {
            "id": "c",
            "path": "p/c.jpg",
            "status": "ok",
            "raw": -1.0,
            "score": 0.25,
            "uqs": 25,
            "factors": {"blur": 0.2},
            "model": "analytic",
        },
    ]
    write_table(frame_of(rows), tmp_path / f"s{suffix}")
    found = read_quality(tmp_path / f"s{suffix}")
    assert (found.id.tolist(), found.value.tolist()) == (["a", "c"], [2.5, -1.0])
    assert (found.method, found.kind) == ("analytic", "score")
    assert found.provenance["failed"] == 1
    assert found.provenance["column"] == "raw"
    assert read_quality(tmp_path / f"s{suffix}", column="uqs").value.tolist() == [50, 25]
    with pytest.raises(InputError, match="got 'nothing'"):
        read_quality(tmp_path / f"s{suffix}", column="nothing")


def test_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "ofiq.csv"
    path.write_text(
        "Filename;UnifiedQualityScore;UnifiedQualityScore.scalar\na.jpg;24.1;61\nb.jpg;0;-1\n"
    )
    found = read_quality(path)
    assert (found.id.tolist(), found.value.tolist(), found.range, found.method) == (
        ["a.jpg"],
        [61.0],
        (0.0, 100.0),
        "ofiq",
    )
    assert found.provenance["failed"] == 1
    (tmp_path / "s.txt").write_text("a b.jpg 0.5\n")
    assert read_quality(tmp_path / "s.txt", method="m").method == "m"
    (tmp_path / "s.csv").write_text("path,score\na,0.5\n")
    assert read_quality(tmp_path / "s.csv").id.tolist() == ["a"]
    (tmp_path / "s.pkl").write_bytes(pickle.dumps({"a": 1.0}))
    assert read_quality(tmp_path / "s.pkl").value.tolist() == [1.0]
    (tmp_path / "s.pkl").write_bytes(pickle.dumps({"a": print}))
    with pytest.raises(UnsafeFileError, match="print"):
        read_quality(tmp_path / "s.pkl")


def test_malformed(tmp_path: Path) -> None:
    for name, frame, error, message in (
        ("a.parquet", pl.DataFrame({"x": [1]}), ReadError, "a column `id`"),
        ("b.parquet", pl.DataFrame({"id": ["a"], "x": [1]}), InputError, "column of quality"),
        (
            "c.parquet",
            pl.DataFrame({"id": ["a", "a"], "raw": [1, 2]}),
            InputError,
            "each image once, got 'a' twice",
        ),
        (
            "d.parquet",
            pl.DataFrame({"id": ["a"], "raw": [float("nan")]}),
            InputError,
            "NaN or infinity for 'a'",
        ),
        ("e.parquet", pl.DataFrame({"id": ["a"], "raw": ["x"]}), ReadError, "must have a number"),
    ):
        frame.write_parquet(tmp_path / name)
        with pytest.raises(error, match=message):
            read_quality(tmp_path / name)
    with pytest.raises(ReadError):
        read_quality(tmp_path / "none.csv")
    (tmp_path / "n.npy").write_bytes(b"\x93NUMPY\0\0")
    with pytest.raises(ReadError, match="NUL"):
        read_quality(tmp_path / "n.npy")
    with pytest.raises(UnknownNameError, match="suffix"):
        write_quality(odd(), tmp_path / "q.txt")


@pytest.mark.parametrize("n", [0, 1, 2])
def test_small_counts(tmp_path: Path, n: int) -> None:
    quality = Quality(np.array([f"i{k}" for k in range(n)], "U9"), np.ones(n), "m")
    write_quality(quality, tmp_path / "q.parquet")
    assert len(read_quality(tmp_path / "q.parquet")) == n
    assert join_quality(quality, ["i0"]).missing == (1 if n == 0 else 0)


def test_join_quality() -> None:
    quality = Quality(
        np.array(["x/a.jpg", "x/b.jpg", "x/c.jpg"]), np.array([1.0, 2, 3]), "m", range=(0, 9)
    )
    joined = join_quality(quality, ["p/c", "p/a", "p/d", "p/e"], match="stem")
    assert (joined.quality.id.tolist(), joined.quality.value.tolist()) == (["p/a", "p/c"], [1, 3])
    assert (joined.unmatched, joined.missing) == (1, 2)
    assert (joined.quality.method, joined.quality.range) == ("m", (0, 9))
    assert join_quality(quality, ["p/a"]).unmatched == 3
    with pytest.raises(InputError, match="one name, 'p/a' has 2"):
        join_quality(
            Quality(np.array(["x/a.jpg", "y/a.jpg"]), np.ones(2), "m"), ["p/a"], match="stem"
        )
    with pytest.raises(InputError, match="fits 2"):
        join_quality(quality, ["p/a", "q/a"], match="stem")
    with pytest.raises(UnknownNameError, match="match"):
        join_quality(quality, ["p/a"], match="row")  # type: ignore[arg-type]
