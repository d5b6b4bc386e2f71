"""Pairs on disk, joined to ids, and enumerated from identities."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.data.pairs import join_pairs, mated_pairs, read_folds, read_pairs, write_pairs
from fiqa.errors import InputError, ReadError, ShapeError, UnknownNameError
from fiqa.types import Pairs

ODD = ["a,b", 'q"', "new\nline", "=cmd()", "caf\udce9", "007", "1e5", " x"]


def odd_pairs() -> Pairs:
    index = np.array([[0, 1], [2, 3], [4, 5], [6, 7], [5, 7]])
    return Pairs(np.array(ODD), index, np.array([True, False, True, True, False]))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_write_and_read_again(tmp_path: Path, suffix: str) -> None:
    pairs = odd_pairs()
    write_pairs(pairs, tmp_path / f"p{suffix}")
    back = read_folds(tmp_path / f"p{suffix}")
    assert back.pairs.ids.tolist() == ODD
    np.testing.assert_array_equal(back.pairs.index, pairs.index)
    np.testing.assert_array_equal(back.pairs.mated, pairs.mated)
    assert back.fold is None
    write_pairs(pairs, tmp_path / f"f{suffix}", fold=np.arange(5))
    folded = read_folds(tmp_path / f"f{suffix}")
    assert folded.fold is not None
    assert folded.fold.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_no_pairs(tmp_path: Path, suffix: str) -> None:
    write_pairs(
        Pairs(np.array([], "U1"), np.zeros((0, 2), int), np.zeros(0, bool)), tmp_path / f"p{suffix}"
    )
    if suffix == ".jsonl":
        return  # a file of no lines has no columns either
    assert len(read_pairs(tmp_path / f"p{suffix}")) == 0


def test_the_form_shows_in_the_content(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("1\nA\t1\t2\nA\t1\tB\t1\n")
    assert read_pairs(path).ids.tolist() == ["A/A_0001.jpg", "A/A_0002.jpg", "B/B_0001.jpg"]
    path.write_text("11 7 1\n7 9 0\n")
    assert read_pairs(path).ids.tolist() == ["7", "9", "11"]
    path.write_text("A_1.jpg 1\nA_2.jpg 1\n")
    assert read_pairs(path).mated.tolist() == [True]
    frame = pl.DataFrame({"id_a": ["x"], "id_b": ["y"], "mated": [True]})
    frame.write_csv(tmp_path / "x.csv")
    assert read_pairs(tmp_path / "x.csv").mated.tolist() == [True]


def test_malformed_tables(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for text, error, message in (
        ("id_a,id_b\na,b\n", ReadError, "it lacks mated"),
        ("id_a,id_b,mated\na,b,maybe\n", InputError, "true or false .* got 'maybe'"),
        ("id_a,id_b,mated\na,b,2\n", InputError, "got '2'"),
        ("id_a,id_b,mated\na,b,\n", InputError, "true or false"),
        ("id_a,id_b,mated\n,b,1\n", InputError, "an id in id_a and id_b"),
        ("id_a,id_b,mated,fold\na,b,1,x\n", ShapeError, "fold"),
    ):
        path.write_text(text)
        with pytest.raises(error, match=message):
            read_pairs(path)
    with pytest.raises(ReadError):
        read_pairs(tmp_path / "none.csv")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ReadError, match=r"x\.parquet"):
        read_pairs(tmp_path / "x.parquet")


def test_write_refusals(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="suffix"):
        write_pairs(odd_pairs(), tmp_path / "x.txt")
    with pytest.raises(ShapeError, match="fold"):
        write_pairs(odd_pairs(), tmp_path / "x.csv", fold=np.arange(2))


def test_join_pairs() -> None:
    pairs = Pairs(
        np.array(["A/A_0001.jpg", "B/B_0001.jpg", "C/C_0001.jpg"]),
        np.array([[0, 1], [0, 2], [1, 0]]),
        np.array([True, False, False]),
    )
    joined, kept = join_pairs(pairs, ["B/B_0001", "A/A_0001", "D/D_0001"])
    assert joined.index.tolist() == [[1, 0], [0, 1]]
    assert joined.mated.tolist() == [True, False]
    assert kept.tolist() == [True, False, True]
    assert joined.ids.tolist() == ["B/B_0001", "A/A_0001", "D/D_0001"]
    joined, kept = join_pairs(pairs, ["x/A_0001", "x/C_0001"], match="stem")
    assert joined.index.tolist() == [[0, 1]]
    joined, kept = join_pairs(pairs, ["x/A_0001", "x/C_0001"])
    assert (len(joined), kept.any()) == (0, False)


@given(
    st.lists(st.sampled_from(["", "a", "b", "c", "d"]), max_size=14),
    st.lists(st.sampled_from(["", "1", "2", "3"]), min_size=14, max_size=14),
)
@settings(deadline=None)
def test_mated_pairs_equal_a_loop(names: list[str], hashes: list[str]) -> None:
    identities, content = np.array(names, "U1"), np.array(hashes[: len(names)], "U1")
    want = {
        (i, j)
        for i, j in itertools.combinations(range(len(names)), 2)
        if names[i] and names[i] == names[j]
    }
    found = mated_pairs(identities)
    assert {tuple(row) for row in found.index.tolist()} == want
    assert len(found.index) == len(want)
    assert found.single == sum(names.count(name) == 1 for name in set(names) - {""})
    same = {(i, j) for i, j in want if hashes[i] and hashes[i] == hashes[j]}
    without = mated_pairs(identities, content=content)
    assert {tuple(row) for row in without.index.tolist()} == want - same
    assert (without.duplicates, found.duplicates) == (len(same), 0)


def test_mated_pairs_refusals() -> None:
    with pytest.raises(ShapeError, match="content"):
        mated_pairs(np.array(["a"]), content=np.array(["x", "y"]))
    with pytest.raises(ShapeError, match="identities"):
        mated_pairs(np.array([["a"]]))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_ids_that_look_like_numbers_stay_as_they_are(tmp_path: Path, suffix: str) -> None:
    pairs = Pairs(np.array(["1e5", "2.50"]), np.array([[0, 1]]), np.array([True]))
    write_pairs(pairs, tmp_path / f"p{suffix}")
    assert read_pairs(tmp_path / f"p{suffix}").ids.tolist() == ["1e5", "2.50"]
