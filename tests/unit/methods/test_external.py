"""The embedding norm as a quality, and the edge of the LightQNet adapter (the published graphs
themselves are in tests/realdata)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError, WeightsError
from fiqa.methods.norm import embedding_norm
from fiqa.types import Embeddings

pytestmark = pytest.mark.numeric


def test_the_norm_is_the_length_the_network_gave() -> None:
    vectors = Embeddings(np.array(["a", "b"]), np.eye(2), np.array([3.0, 5.0]), "r")
    assert embedding_norm(vectors).value.tolist() == [3.0, 5.0]
    assert embedding_norm(vectors, name="n").method == "n"
    assert embedding_norm(vectors.take(slice(0, 1))).value.tolist() == [3.0]
    assert len(embedding_norm(vectors.take(slice(0, 0)))) == 0


def test_lengths_that_were_lost_are_no_quality() -> None:
    ones = 1 + 1e-7 * np.random.default_rng(0).normal(size=5)
    vectors = Embeddings(np.arange(5).astype(str), np.eye(5), ones, "r")
    with pytest.raises(InputError, match="those of r are all 1"):
        embedding_norm(vectors)


def test_a_graph_that_is_not_published_is_refused_before_it_is_read(tmp_path: Path) -> None:
    other = tmp_path / "other.pb"
    other.write_bytes(b"anything")
    with pytest.raises(
        WeightsError, match="must be a published LightQNet graph, its sha256 is ee0874170b7f"
    ):
        fiqa.load(other)
    with pytest.raises(WeightsError, match="there is none at"):
        fiqa.load(str(tmp_path / "absent.pb"))
