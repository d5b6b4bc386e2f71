"""What several processes share; the training itself in two processes, which is slow, is in
test_loop.py."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from fiqa.training.parallel import Place, gathered, synchronize  # noqa: E402

pytestmark = pytest.mark.numeric


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


@pytest.mark.parametrize("counts", [[3, 2], [2, 2], [1, 3]])
@pytest.mark.parametrize("rank", [0, 1])
def test_every_process_has_all_rows_and_the_gradient_of_its_own(monkeypatch, counts, rank):
    rows = list(torch.arange(4.0 * sum(counts)).reshape(-1, 4).split(counts))
    own = rows[rank].clone().requires_grad_()

    def all_gather(parts, padded):
        assert torch.equal(padded[: counts[rank]], rows[rank])
        for part, known in zip(parts, rows, strict=True):
            part[: len(known)] = known

    monkeypatch.setattr("fiqa.training.parallel.distributed.all_gather", all_gather)
    whole = gathered(own, Place(rank, 2, rank), counts)
    assert torch.equal(whole, torch.cat(rows))
    weights = torch.linspace(1, 2, len(whole))[:, None]
    (weights * whole).sum().backward()
    assert torch.equal(own.grad, weights.split(counts)[rank].expand(-1, 4))
    alone = own.detach()
    assert gathered(alone, Place(), [len(alone)]) is alone
