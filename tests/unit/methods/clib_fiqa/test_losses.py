"""The losses of CLIB-FIQA against loops, the other implementation, and values worked out by
hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fiqa.functional.soft import soft_labels  # noqa: E402
from fiqa.methods.clib_fiqa.losses import dynamic_weights, emd, focal, soft_label  # noqa: E402

pytestmark = pytest.mark.numeric


def rows(n: int, k: int = 5, seed: int = 1) -> torch.Tensor:
    return torch.softmax(
        torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1
    )


def test_the_soft_label_of_one_half_is_the_known_one():
    assert soft_label(torch.tensor([0.5]), 32.0)[0].tolist() == pytest.approx(
        [0.004, 0.177, 0.638, 0.177, 0.004], abs=5e-4
    )
    near = soft_label(torch.tensor([0.5]), 32.0, distance="absolute")[0]
    assert near[2] > 0.99, "as the paper prints it, nearly one-hot"


@pytest.mark.parametrize("distance", ["squared", "absolute"])
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_soft_labels_agree_with_numpy(n, distance):
    q = torch.rand(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    beta = 32 * torch.rand(n, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    wanted = soft_labels(q.numpy(), beta=beta.numpy(), distance=distance)
    np.testing.assert_allclose(soft_label(q, beta, distance=distance).numpy(), wanted, atol=1e-12)
    np.testing.assert_allclose(
        soft_label(q, 5.0).numpy(), soft_labels(q.numpy(), beta=5.0), atol=1e-12
    )


def test_less_confidence_is_a_flatter_label():
    sharp, soft = soft_label(torch.tensor([0.7, 0.7]), 32 * torch.tensor([1.0, 0.5]))
    assert sharp.max() > soft.max()
    assert sharp.argmax() == soft.argmax() == 3


def test_emd_agrees_with_a_loop_and_a_value_by_hand():
    p, q = rows(6), rows(6, seed=2)
    for i in range(6):
        a = b = total = 0.0
        for k in range(5):
            a, b = a + p[i, k].item(), b + q[i, k].item()
            total += (a - b) ** 2
        assert float(emd(p, q)[i]) == pytest.approx(math.sqrt(total / 5))
    ends = torch.eye(5)[[0]], torch.eye(5)[[4]]
    assert float(emd(*ends)) == pytest.approx(math.sqrt(4 / 5)), (
        "four CDF differences of 1 in five bins"
    )
    assert float(emd(torch.eye(5)[[0]], torch.eye(5)[[1]])) == pytest.approx(math.sqrt(1 / 5))


def test_emd_as_printed_is_the_sum_of_absolute_differences_of_the_distribution_functions():
    rng = np.random.default_rng(2)
    p, q = (torch.tensor(rng.dirichlet(np.ones(5), 6)) for _ in range(2))
    for i in range(6):
        total = sum(abs(float(p[i, : k + 1].sum() - q[i, : k + 1].sum())) for k in range(5))
        assert float(emd(p, q, form="absolute")[i]) == pytest.approx(total)
    ends = torch.eye(5)[[0]], torch.eye(5)[[4]]
    assert float(emd(*ends, form="absolute")) == pytest.approx(4)


def test_emd_of_equals_is_0_and_its_gradient_finite():
    p = rows(3).requires_grad_()
    value = emd(p, p.detach())
    assert value.max() < 1e-5
    value.sum().backward()
    assert torch.isfinite(p.grad).all()


def test_focal_by_hand():
    p = torch.tensor([[0.5, 0.5]])
    assert float(focal(p, torch.tensor([1]))) == pytest.approx(0.25 * math.log(2))
    again = -math.log(math.exp(0.5) / (2 * math.exp(0.5)))
    assert float(focal(p, torch.tensor([1]), form="double-softmax")) == pytest.approx(0.25 * again)
    assert float(focal(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))) == 0


@pytest.mark.parametrize("form", ["sample", "batch", "double-softmax"])
def test_focal_agrees_with_a_loop(form):
    p, level = rows(8, 3), torch.tensor([0, 1, 2, -1, 0, 2, -1, 1])
    cross = []
    for i in range(8):
        values = p[i].tolist()
        if form == "double-softmax":
            values = [math.exp(v) / sum(math.exp(w) for w in values) for v in values]
        cross.append(-math.log(values[level[i]]) if level[i] >= 0 else 0.0)
    mean = sum(cross) / 6
    wanted = [(1 - math.exp(-(c if form == "sample" else mean))) ** 2 * c for c in cross]
    np.testing.assert_allclose(focal(p, level, form=form).numpy(), wanted, atol=1e-12)


def test_gamma_0_is_the_cross_entropy_and_more_is_less():
    p, level = rows(4, 2), torch.tensor([0, 1, 0, 1])
    plain = focal(p, level, gamma=0.0)
    np.testing.assert_allclose(plain.numpy(), -np.log(p.numpy()[np.arange(4), level.numpy()]))
    assert (focal(p, level, gamma=2.0) < plain).all()


def test_unknown_levels_cost_nothing_and_teach_nothing():
    p = rows(2, 3).requires_grad_()
    for form in ("sample", "batch", "double-softmax"):
        value = focal(p, torch.tensor([-1, -1]), form=form)
        assert value.tolist() == [0, 0]
    value.sum().backward()
    assert not p.grad.any()


def test_a_probability_of_0_has_a_finite_loss_and_gradient():
    p = torch.tensor([[0.0, 1.0]], requires_grad=True)
    value = focal(p, torch.tensor([0]))
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(p.grad).all()


def test_dynamic_weights_favor_what_falls_slowly():
    last, before = torch.tensor([0.5, 1.0, 1.0]), torch.tensor([1.0, 1.0, 1.0])
    weights = dynamic_weights(last, before)
    e = [math.exp(0.25), math.exp(0.5), math.exp(0.5)]
    assert weights.tolist() == pytest.approx([3 * x / sum(e) for x in e])
    assert weights[0] < 1 < weights[1]
    even = dynamic_weights(last, before, temperature=1e6)
    assert even.tolist() == pytest.approx([1, 1, 1], abs=1e-5)
