"""IJB-C lists and templates, against a slow loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqa.data.formats import ijbc
from fiqa.errors import EvidenceError, InputError, ReadError, ShapeError


def test_media_list(tmp_path: Path) -> None:
    path = tmp_path / "ijbc_face_tid_mid.txt"
    path.write_text("1.jpg 1 69544\n10.jpg 1 69544\n\n2.jpg 7 3\n1.jpg 7 69544\n")
    rows = ijbc.read_media(path)
    assert rows.id.tolist() == ["1.jpg", "10.jpg", "2.jpg", "1.jpg"]
    assert rows.template.tolist() == [1, 1, 7, 7]
    assert rows.media.tolist() == [69544, 69544, 3, 69544]


def test_pair_list(tmp_path: Path) -> None:
    path = tmp_path / "ijbc_template_pair_label.txt"
    path.write_text("11065 1 1\n1 2 0\n")
    pairs = ijbc.read_pairs(path)
    assert pairs.ids.tolist() == ["1", "2", "11065"]
    assert pairs.index.tolist() == [[2, 0], [0, 1]]
    assert pairs.mated.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1 2\n", "row 1 must be"),
        ("1 2 1\n1 2 1 4\n", "row 2 must be"),
        ("a 2 1\n", "whole numbers"),
        ("1 2 7\n", "labels 0 or 1"),
        ("1 1 1e99\n", "whole numbers"),
        (f"{2**70} 1 1\n", "whole numbers"),
    ],
)
def test_malformed_lists(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(ReadError, match=error):
        ijbc.read_pairs(path)


def test_aggregate_equals_a_loop(rng: np.random.Generator) -> None:
    n = 300
    vectors = rng.normal(size=(n, 5))
    template, media = rng.integers(0, 20, n) * 3, rng.integers(0, 6, n)
    names, rows = ijbc.aggregate(vectors, template, media)
    assert names.tolist() == sorted(set(template.tolist()))
    for name, row in zip(names, rows, strict=True):
        of = [
            vectors[(template == name) & (media == m)].mean(0)
            for m in sorted(set(media[template == name].tolist()))
        ]
        expected = np.mean(of, axis=0)
        np.testing.assert_allclose(row, expected / np.linalg.norm(expected), atol=1e-6)


def test_a_video_counts_as_one_photograph() -> None:
    vectors = np.array([[1.0, 0.0]] * 99 + [[0.0, 1.0]])
    _, rows = ijbc.aggregate(vectors, np.zeros(100, int), np.array([5] * 99 + [6]))
    np.testing.assert_allclose(rows, [[2**-0.5, 2**-0.5]], rtol=1e-6)
    _, plain = ijbc.aggregate(vectors, np.zeros(100, int), np.arange(100))
    assert plain[0, 0] > 0.99


@pytest.mark.parametrize("n", [0, 1, 2])
def test_small_counts(n: int) -> None:
    names, rows = ijbc.aggregate(np.ones((n, 4)), np.arange(n), np.zeros(n, int))
    assert rows.shape == (n, 4)
    assert len(names) == n


def test_refusals() -> None:
    one = np.ones((2, 3))
    with pytest.raises(ShapeError, match="template"):
        ijbc.aggregate(one, np.zeros(3, int), np.zeros(2, int))
    with pytest.raises(ShapeError, match="media"):
        ijbc.aggregate(one, np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(ShapeError, match="vectors"):
        ijbc.aggregate(np.ones(3), np.zeros(3, int), np.zeros(3, int))
    with pytest.raises(InputError, match="finite"):
        ijbc.aggregate(one * np.nan, np.zeros(2, int), np.zeros(2, int))
    with pytest.raises(EvidenceError, match="1 of 1 have a zero mean"):
        ijbc.aggregate(np.array([[1.0], [-1.0]]), np.zeros(2, int), np.array([0, 1]))
