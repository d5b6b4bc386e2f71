"""Batches depend on the seed and the epoch alone."""

from __future__ import annotations

import time

import numpy as np
import pytest

from fiqa.errors import EvidenceError
from fiqa.training.batches import Prefetched, epoch_batches, make_batch
from fiqa.training.config import resolve
from fiqa.training.dataset import Examples, examples

pytestmark = pytest.mark.numeric


@pytest.fixture
def degrading(trainable, tmp_path) -> tuple[dict, Examples]:
    content = trainable(
        data__per_identity=3,
        loss__ranking=1.0,
        loss__level_cuts=[0.0, 0.4, 0.7, 1.0],
        augment__degrade=0.6,
        augment__noise=0.5,
    )
    return content, examples(resolve(content), tmp_path / "c")


def test_every_row_comes_at_most_once_and_epochs_differ(trainable, tmp_path):
    recipe = resolve(trainable(optim__batch=5))
    data = examples(recipe, tmp_path / "c")
    first, second = epoch_batches(data, recipe, 0), epoch_batches(data, recipe, 1)
    assert [len(rows) for rows in first] == [5, 5, 5], (
        "18 rows, the last three wait for another epoch"
    )
    flat = np.concatenate(first)
    assert len(set(flat.tolist())) == 15
    assert set(flat.tolist()) <= set(data.training.tolist())
    assert not np.array_equal(flat, np.concatenate(second))
    assert all(
        np.array_equal(a, b) for a, b in zip(first, epoch_batches(data, recipe, 0), strict=True)
    )
    large = resolve(trainable(optim__batch=100))
    assert [len(rows) for rows in epoch_batches(data, large, 0)] == [18], (
        "fewer than a batch are one batch"
    )


def test_people_come_together(degrading):
    content, data = degrading
    recipe = resolve(content)
    for epoch in range(3):
        batches = epoch_batches(data, recipe, epoch)
        assert sorted(np.concatenate(batches).tolist()) == sorted(data.training.tolist())
        for rows in batches:
            who = data.identity[rows].reshape(-1, 3)
            assert (who == who[:, :1]).all()


def test_a_batch_is_the_same_however_it_is_made(degrading):
    content, data = degrading
    recipe = resolve(content)
    rows = epoch_batches(data, recipe, 2)[1]
    whole = make_batch(data, recipe, 2, rows)
    for world in (2, 4):
        parts = [make_batch(data, recipe, 2, rows, rank=rank, world=world) for rank in range(world)]
        assert np.array_equal(np.concatenate([part.crops for part in parts]), whole.crops)
        for part in parts:
            assert np.array_equal(part.label, whole.label)
            assert np.array_equal(part.weight, whole.weight)
    assert not np.array_equal(make_batch(data, recipe, 3, rows).crops, whole.crops)
    assert not np.array_equal(
        make_batch(data, resolve(content | {"seed": 1}), 2, rows).crops, whole.crops
    )
    with pytest.raises(EvidenceError, match=r"at least one image per process \(7\), got 6"):
        make_batch(data, recipe, 2, rows, world=7)


def test_what_is_compared_is_degraded_alike_and_loses_its_label(degrading):
    content, data = degrading
    recipe = resolve(content)
    seen = set()
    for epoch in range(6):
        for rows in epoch_batches(data, recipe, epoch):
            batch = make_batch(data, recipe, epoch, rows)
            seen |= set(batch.weight.tolist())
            for group in np.unique(batch.group[batch.group >= 0]):
                assert len(set(batch.weight[batch.group == group].tolist())) == 1
            assert (batch.weight[batch.group < 0] == 1).all()
    assert seen == {0.0, 1.0}


def test_without_degradation_every_label_counts(trainable, tmp_path):
    recipe = resolve(trainable(augment__flip=0.0))
    data = examples(recipe, tmp_path / "c")
    rows = epoch_batches(data, recipe, 0)[0]
    batch = make_batch(data, recipe, 0, rows)
    assert (batch.weight == 1).all()
    assert np.array_equal(batch.crops, data.crops[rows])


@pytest.mark.parametrize("workers", [1, 4])
def test_items_come_in_order_and_an_error_comes_through(workers):
    def square(value: int) -> int:
        time.sleep(0.002 * (value % 3))
        if value == 50:
            raise ValueError("fifty")
        return value * value

    assert list(Prefetched(square, range(20), workers=workers)) == [
        value * value for value in range(20)
    ]
    with pytest.raises(ValueError, match="fifty"):
        list(Prefetched(square, range(45, 60), workers=workers))
    assert list(Prefetched(square, [], workers=workers)) == []


def test_waiting_is_measured():
    slow = Prefetched(lambda value: time.sleep(0.03), range(4), workers=1)
    list(slow)
    assert slow.waited > 0.06
    ready = Prefetched(lambda value: value, range(6), workers=1)
    for _ in ready:
        time.sleep(0.02)
    assert ready.waited < 0.06
