"""A data set is a folder whose files are named by method and by recognizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.errors import ReadError
from fiqa.evaluation.data_set import read_set
from fiqa.types import Embeddings, Quality

pytestmark = pytest.mark.numeric


def test_files_are_found_by_their_stems_and_pairs_and_faces_where_they_are(tmp_path: Path) -> None:
    root = tmp_path / "three"
    ids, vectors = np.array(["a/1", "a/2"]), np.eye(2, dtype=np.float32)
    for part in ("embeddings", "quality"):
        (root / part).mkdir(parents=True)
    write_embeddings(
        Embeddings(ids, vectors, np.ones(2), "inside"), root / "embeddings" / "rec_a.npz"
    )
    for name in ("m.baseline", "m.optimized"):
        write_quality(
            Quality(ids, np.array([0.1, 0.9]), name), root / "quality" / f"{name}.parquet"
        )
    (root / "quality" / ".hidden.csv").write_text("")
    (root / "pairs.csv").write_text("id_a,id_b,mated\n")
    found = read_set(root)
    assert (found.name, list(found.embeddings)) == ("three", ["rec_a"])
    assert list(found.quality) == ["m.baseline", "m.optimized"], (
        "a sidecar and a hidden file are no qualities"
    )
    assert found.pairs == str(root / "pairs.csv")
    assert found.faces is None
    assert [each.recognizer for each in found.vectors()] == ["rec_a"]
    assert set(found.files) == {*found.quality.values(), *found.embeddings.values(), found.pairs}


def test_a_folder_without_qualities_or_embeddings_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        ReadError, match=r"A set of data must have files in .*embeddings', there are none"
    ):
        read_set(tmp_path)
