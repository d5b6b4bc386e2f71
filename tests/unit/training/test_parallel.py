"""What several processes share; the training itself in two processes is in test_loop.py."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from fiqa.training.parallel import synchronize  # noqa: E402


def kinds(net):
    return {
        name: type(layer).__name__
        for name, layer in net.named_modules()
        if "Norm" in type(layer).__name__
    }


def two_parts():
    return nn.ModuleDict(
        {"backbone": nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), "vector": nn.BatchNorm1d(3)}
    )


def test_frozen_parts_keep_their_own_statistics():
    net = two_parts()
    synchronize(net, ("backbone",))
    assert kinds(net) == {"backbone.1": "BatchNorm1d", "vector": "SyncBatchNorm"}


def test_everything_else_sees_all_processes():
    net = two_parts()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    synchronize(net)
    assert kinds(net) == {"backbone.1": "SyncBatchNorm", "vector": "SyncBatchNorm"}
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
