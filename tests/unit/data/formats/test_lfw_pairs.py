"""Pair lists of LFW, XQLFW, CALFW and CPLFW."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from fiqa.data.formats import lfw_pairs
from fiqa.errors import ReadError

FOLDS = (
    "2\t2\nA\t1\t2\nB\t1\t12\nA\t1\tB\t2\nA\t2\tC\t3\nC\t1\t2\nC\t1\t3\nA\t1\tC\t2\nB\t1\tC\t1\n"
)


def test_folds() -> None:
    found = lfw_pairs.parse(FOLDS)
    assert found.fold is not None
    assert found.fold.tolist() == [0] * 4 + [1] * 4
    assert found.pairs.mated.tolist() == [True, True, False, False] * 2
    named = found.pairs.ids[found.pairs.index]
    assert named[1].tolist() == ["B/B_0001.jpg", "B/B_0012.jpg"]
    assert named[3].tolist() == ["A/A_0002.jpg", "C/C_0003.jpg"]
    assert len(set(found.pairs.ids)) == len(found.pairs.ids)
    assert found.skipped == 0


@pytest.mark.parametrize(
    "change",
    [lambda t: t.replace("\t", " "), lambda t: t.replace("\n", "\r\n"), lambda t: t + "\n\n"],
)
def test_spelling_does_not_matter(change: object) -> None:
    found = lfw_pairs.parse(change(FOLDS))  # type: ignore[operator]
    np.testing.assert_array_equal(found.pairs.index, lfw_pairs.parse(FOLDS).pairs.index)
    assert found.pairs.ids.tolist() == lfw_pairs.parse(FOLDS).pairs.ids.tolist()


def test_dev_file_has_one_fold() -> None:
    found = lfw_pairs.parse("1\nA\t1\t2\nA\t1\tB\t1\n")
    assert found.fold is not None
    assert found.fold.tolist() == [0, 0]


def test_names_with_spaces_stand_between_tabs() -> None:
    assert lfw_pairs.parse("1\nA b\t1\t2\nA b\t1\tC\t1\n").pairs.ids[0] == "A b/A b_0001.jpg"


@pytest.mark.parametrize(
    "text", ["2\nA\t1\t2\n", "1\nA\t1\t2\n", "1\n" + "A\t1\t2\n" * 3, "10\t300\n"]
)
def test_another_number_of_pairs_than_promised(text: str) -> None:
    with pytest.raises(ReadError, match="as its first line says"):
        lfw_pairs.parse(text)


def test_malformed_lines_are_skipped_and_counted() -> None:
    with pytest.warns(UserWarning, match="1 malformed pairs were skipped, 7 were read"):
        found = lfw_pairs.parse(FOLDS.replace("C\t1\t3", "C\tone\t3"))
    assert found.skipped == 1
    assert found.fold is not None
    assert found.fold.tolist() == [0] * 4 + [1] * 3
    assert found.pairs.mated.tolist() == [True, True, False, False, True, False, False]


def test_nothing_readable() -> None:
    for text in ("", "1\nA\tx\t2\nA\t1\tB\tx\n", "hello\nworld\n", "a.txt 1\na.txt 1\n"):
        with pytest.raises(ReadError, match="pair list"):
            lfw_pairs.parse(text)


def test_flat_lists_of_calfw_and_cplfw() -> None:
    text = "A_0001.jpg 1\nA_0002.jpg 1\nB b_1.jpg\t10\nB b_2.jpg\t10\nA_0001.jpg 0\nC_3.jpg 0\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = lfw_pairs.parse(text)
    assert found.pairs.ids.tolist() == [
        "A_0001.jpg",
        "A_0002.jpg",
        "B b_1.jpg",
        "B b_2.jpg",
        "C_3.jpg",
    ]
    assert found.pairs.index.tolist() == [[0, 1], [2, 3], [0, 4]]
    assert found.pairs.mated.tolist() == [True, True, False]
    assert found.fold is None


def test_flat_list_with_malformed_names() -> None:
    good = "".join(f"A_{k}.jpg 1\nA_{k + 1}.jpg 1\n" for k in (1, 2, 3))
    for bad in (
        "A.jpg 1\nA_2.jpg 1\n",
        "A_1.jpg 1\nA_2.jpg 0\n",
        "A_1.jpg\nA_2.jpg\n",
        "A_1.jpg 1\n",
    ):
        with pytest.warns(UserWarning, match="1 malformed pairs were skipped, 3 were read"):
            found = lfw_pairs.parse(good + bad)
        assert (len(found.pairs), found.skipped) == (3, 1)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(FOLDS)
    assert len(lfw_pairs.read(path).pairs) == 8
    assert lfw_pairs.is_header(path)
    path.write_text("nothing 1")
    assert not lfw_pairs.is_header(path)
    with pytest.raises(ReadError, match=r"pairs\.txt.*pair list"):
        lfw_pairs.read(path)
    with pytest.raises(ReadError, match="cannot be opened"):
        lfw_pairs.read(tmp_path / "none.txt")


def test_collect_of_nothing() -> None:
    assert len(lfw_pairs.collect([], [])) == 0
