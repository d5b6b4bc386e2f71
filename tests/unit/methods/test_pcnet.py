"""The losses of PCNet and LightQNet against loops and hand-computed values."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from fiqa.methods.pcnet import cross_entropy_loss, squared_loss  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture
def pairs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    return tuple(torch.rand(9, generator=draw, dtype=torch.float64) for _ in range(3))


def test_squared_loss_is_the_loop(pairs):
    total = sum((s - min(a, b)) ** 2 for s, a, b in zip(*(x.tolist() for x in pairs), strict=True))
    assert squared_loss(*pairs).item() == pytest.approx(total / 9)
    assert squared_loss(
        torch.tensor([0.5]), torch.tensor([0.2]), torch.tensor([0.9])
    ).item() == pytest.approx(0.09)


def test_cross_entropy_loss_is_the_loop(pairs):
    def one(s: float, a: float, b: float, slope: float, middle: float) -> float:
        p, t = 1 / (1 + math.exp(-min(a, b))), 1 / (1 + math.exp(-slope * (s - middle)))
        return -t * math.log(p) - (1 - t) * math.log(1 - p)

    rows = list(zip(*(x.tolist() for x in pairs), strict=True))
    assert cross_entropy_loss(*pairs).item() == pytest.approx(
        sum(one(*r, 16, 0.4) for r in rows) / 9
    )
    got = cross_entropy_loss(*pairs, slope=3, middle=0.7)
    assert got.item() == pytest.approx(sum(one(*r, 3, 0.7) for r in rows) / 9)


@pytest.mark.parametrize("loss", [squared_loss, cross_entropy_loss])
def test_only_the_lower_of_two_learns(loss, pairs):
    similarity, first, second = pairs
    first, second = first.requires_grad_(), second.requires_grad_()
    loss(similarity, first, second).backward()
    lower = first < second
    assert lower.any()
    assert not lower.all()
    assert not first.grad[~lower].any()
    assert not second.grad[lower].any()
    assert first.grad[lower].all()
    assert second.grad[~lower].all()


@pytest.mark.parametrize("loss", [squared_loss, cross_entropy_loss])
def test_no_pair_is_0_and_keeps_the_gradient(loss):
    p = torch.rand(3, requires_grad=True)
    value = loss(torch.zeros(0), p[:0], p[:0])
    value.backward()
    assert value.item() == 0
    assert not p.grad.any()


def test_cross_entropy_of_certain_faces_is_finite():
    far = torch.tensor([1000.0, -1000.0], requires_grad=True)
    loss = cross_entropy_loss(torch.tensor([0.0, 1.0]), far, far)
    loss.backward()
    assert loss.item() == pytest.approx(1000, rel=0.01)
    assert torch.isfinite(far.grad).all()


def test_the_least_loss_is_at_the_similarity():
    similarity = torch.tensor([0.3, 0.6, 0.9])
    assert squared_loss(similarity, similarity, similarity + 1).item() == 0
    logit = (16 * (similarity - 0.4)).clone().requires_grad_()
    cross_entropy_loss(similarity, logit, logit + 1).backward()
    assert logit.grad.abs().max() < 1e-6
