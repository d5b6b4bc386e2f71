"""Mated pairs of a batch, and vectors joined by id."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.data.embeddings import write_embeddings
from fiqa.errors import InputError
from fiqa.training.config import resolve
from fiqa.types import Embeddings

torch = pytest.importorskip("torch")

from fiqa.training.dataset import examples  # noqa: E402
from fiqa.training.objectives.mates import (  # noqa: E402
    mated_pairs,
    recognizer_vectors,
    require_mates,
)

pytestmark = pytest.mark.numeric


def test_mated_pairs_are_the_loop():
    code = [0, 2, 0, -1, 2, -1, 0, 1]
    wanted = [(i, j) for i in range(8) for j in range(i + 1, 8) if code[i] == code[j] >= 0]
    first, second = mated_pairs(torch.tensor(code))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == wanted
    assert len(wanted) == 4


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_faces_have_few_pairs(count):
    first, second = mated_pairs(torch.zeros(count, dtype=torch.int64))
    assert len(first) == len(second) == count // 2


@pytest.fixture
def data(trainable, tmp_path):
    recipe = resolve(trainable())
    return examples(recipe, tmp_path / "crops")


def saved(ids, vectors, folder):
    return write_embeddings(
        Embeddings(ids, vectors, np.ones(len(ids), np.float32), "r"), folder / "v.npz"
    )


def test_vectors_are_joined_by_id_in_any_order(data, tmp_path, rng):
    unit = rng.normal(size=(24, 5)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    shuffled = rng.permutation(24)
    file = saved(data.ids[shuffled], unit[shuffled], tmp_path)
    np.testing.assert_array_equal(recognizer_vectors(file, data), unit)


def test_an_image_to_train_on_must_have_a_vector_and_one_to_validate_need_not(data, tmp_path):
    eye = np.eye(24, dtype=np.float32)
    keep = np.setdiff1d(np.arange(24), data.validation)
    found = recognizer_vectors(saved(data.ids[keep], eye[keep], tmp_path), data)
    np.testing.assert_array_equal(found[keep], eye[keep])
    assert not found[data.validation].any()
    few = np.setdiff1d(np.arange(24), data.training[:2])
    with pytest.raises(
        InputError,
        match=r"embeddings must have every image to train on; 2 of 18 are not in .*v\.npz",
    ):
        recognizer_vectors(saved(data.ids[few], eye[few], tmp_path), data)
    with pytest.raises(InputError, match="18 of 18 are not in"):
        recognizer_vectors(saved(np.array(["x"]), eye[:1], tmp_path), data)


def test_mates_must_come_together(trainable):
    require_mates(resolve(trainable(data__per_identity=2)))
    with pytest.raises(InputError, match=r"data\.per_identity must be at least 2 for regression"):
        require_mates(resolve(trainable()))
