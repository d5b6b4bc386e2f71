"""Pairs that cannot be, against a slow loop, and in every reader."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqa.data.formats import ijbc, insightface_bin, lfw_pairs
from fiqa.data.pairs import read_folds
from fiqa.data.sound import REASONS, sentences, sound
from fiqa.errors import ReadError
from fiqa.types import Pairs

Listed = list[tuple[int, int, bool]]


def loop(
    listed: Listed, identity: list[str], content: list[str]
) -> tuple[list[bool], dict[str, int]]:
    """The rules as they are said, one pair after the other."""
    kept, counts, seen = [], dict.fromkeys(REASONS, 0), set()
    for a, b, mated in listed:
        pair = frozenset((a, b))
        labels = {label for x, y, label in listed if frozenset((x, y)) == pair}
        same = a == b or (not mated and content[a] == content[b] != "")
        reasons = [
            same,
            len(labels) == 2,
            pair in seen,
            not mated and identity[a] == identity[b] != "",
        ]
        seen.add(pair)
        kept.append(not any(reasons))
        if any(reasons):
            counts[list(REASONS)[reasons.index(True)]] += 1
    return kept, {reason: count for reason, count in counts.items() if count}


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), max_size=12),
    st.lists(st.sampled_from(["", "p", "q"]), min_size=5, max_size=5),
    st.lists(st.sampled_from(["", "x", "y"]), min_size=5, max_size=5),
)
def test_sound_equals_a_loop(listed: Listed, identity: list[str], content: list[str]) -> None:
    index = np.array([pair[:2] for pair in listed], np.int64).reshape(-1, 2)
    pairs = Pairs(np.array(list("abcde")), index, np.array([pair[2] for pair in listed], bool))
    found = sound(pairs, identity=np.array(identity), content=np.array(content))
    kept, counts = loop(listed, identity, content)
    assert found.kept.tolist() == kept
    assert found.left_out == counts


def test_every_reason_has_its_sentence() -> None:
    told = sentences(dict.fromkeys(REASONS, 2))
    assert len(told) == len(REASONS)
    assert all(
        sentence.startswith("2 pairs ") and sentence.endswith("were left out.") for sentence in told
    )


WANTED = {"self": 1, "both": 2, "repeated": 1}
NAMED = [("a", "b", 1), ("c", "c", 1), ("a", "c", 1), ("c", "a", 0), ("b", "a", 1), ("b", "d", 0)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_tables(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    from fiqa.data.tables import write_table

    frame = pl.DataFrame(NAMED, schema=["id_a", "id_b", "mated"], orient="row").with_row_index(
        "fold"
    )
    write_table(frame, tmp_path / f"p{suffix}")
    for found in (read_folds(tmp_path / f"p{suffix}"), read_folds(frame)):
        assert found.left_out == WANTED
        named = found.pairs.ids[found.pairs.index].tolist()
        assert (named, found.pairs.mated.tolist()) == ([["a", "b"], ["b", "d"]], [True, False])
        assert found.fold is not None
        assert found.fold.tolist() == [0, 5]
    assert (
        f"p{suffix}: 2 pairs are listed as mated and as non-mated and were left out." in caplog.text
    )


@pytest.mark.parametrize("apart", ["\t", ",", ";", " ", ", "])
@pytest.mark.parametrize("labels", [("1", "0"), ("1", "-1"), ("True", "False")])
def test_lists_of_three_columns(tmp_path: Path, apart: str, labels: tuple[str, str]) -> None:
    lines = [apart.join((f"p/{a}.jpg", f"p/{b}.jpg", labels[not mated])) for a, b, mated in NAMED]
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
    found = read_folds(tmp_path / "pairs.txt")
    assert found.pairs.ids[found.pairs.index].tolist() == [
        ["p/a.jpg", "p/b.jpg"],
        ["p/b.jpg", "p/d.jpg"],
    ]
    assert (found.pairs.mated.tolist(), found.fold, found.left_out) == ([True, False], None, WANTED)


def test_a_header_of_three_columns_is_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("first second label\na b 1\na c 0\n")
    with pytest.warns(UserWarning, match="1 malformed pairs were skipped, 2 were read"):
        found = read_folds(tmp_path / "pairs.txt")
    assert (len(found.pairs), found.skipped) == (2, 1)
    (tmp_path / "pairs.txt").write_text("0001 0002 1\n0001 0003 0\n")
    assert read_folds(tmp_path / "pairs.txt").pairs.ids.tolist() == ["0001", "0002", "0003"]
    (tmp_path / "pairs.txt").write_text("a b 2\na c maybe\n")
    with pytest.raises(ReadError, match="pair list"):
        read_folds(tmp_path / "pairs.txt")


def test_lists_of_lfw() -> None:
    found = lfw_pairs.parse("1\t3\nA\t1\t2\nA\t2\t1\nA\t1\t1\nA\t1\tA\t3\nA\t1\tB\t1\nA\t1\tB\t2\n")
    assert found.left_out == {"self": 1, "repeated": 1, "one_person": 1}
    assert found.pairs.mated.tolist() == [True, False, False]
    flat = lfw_pairs.parse("A_1.jpg 1\nA_2.jpg 1\nA_1.jpg 0\nA_3.jpg 0\nA_1.jpg 0\nB_1.jpg 0\n")
    assert (flat.left_out, len(flat.pairs)) == ({"one_person": 1}, 2)


def test_templates_and_bins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "t.txt").write_text("1 2 1\n2 1 1\n3 3 1\n1 3 0\n")
    assert ijbc.read_pairs(tmp_path / "t.txt").index.tolist() == [[0, 1], [0, 2]]
    assert "1 pairs compare an image with itself" in caplog.text
    bins = [b"a", b"b", b"b", b"a", b"a", b"a", b"a", b"c"]
    (tmp_path / "x.bin").write_bytes(pickle.dumps((bins, [True, True, False, False])))
    found = insightface_bin.read(tmp_path / "x.bin")
    assert found.left_out == {"self": 1, "repeated": 1}
    assert found.pairs.mated.tolist() == [True, False]
    assert list(found.images.values()) == [b"a", b"b", b"c"]
