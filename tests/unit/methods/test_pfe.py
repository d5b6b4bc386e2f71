"""PFE's loss and score against Gaussians written apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import hmean, norm

torch = pytest.importorskip("torch")

from fiqa.methods.pfe import mutual_loss, negative_variance  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture
def pairs() -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(3)
    mean = [
        torch.nn.functional.normalize(torch.randn(5, 4, generator=draw, dtype=torch.float64))
        for _ in range(2)
    ]
    return [*mean, *(torch.randn(5, 4, generator=draw, dtype=torch.float64) - 3 for _ in range(2))]


def test_it_is_minus_twice_the_likelihood_that_both_are_one_point(pairs):
    """The likelihood of a difference 0 under the difference of two independent Gaussians, its
    constant left out."""
    a, b, la, lb = (x.numpy() for x in pairs)
    score = norm.logpdf(a - b, scale=np.sqrt(np.exp(la) + np.exp(lb))).sum(axis=1)
    constant = 4 * math.log(2 * math.pi)
    assert mutual_loss(*pairs).item() == pytest.approx((-2 * score - constant).mean())


def test_the_loss_is_a_loop_and_its_gradient_that_of_its_values(pairs):
    total = 0.0
    for a, b, la, lb in zip(*(x.tolist() for x in pairs), strict=True):
        for d in range(4):
            v = math.exp(la[d]) + math.exp(lb[d])
            total += (a[d] - b[d]) ** 2 / v + math.log(v)
    assert mutual_loss(*pairs).item() == pytest.approx(total / 5)
    logs = [x.clone().requires_grad_() for x in pairs[2:]]
    assert torch.autograd.gradcheck(lambda la, lb: mutual_loss(*pairs[:2], la, lb), logs)


def test_the_least_loss_is_where_the_variances_add_up_to_the_squared_difference():
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]])
    half = ((first - second) ** 2 / 2).log().requires_grad_()
    mutual_loss(first, second, half, half).backward()
    assert half.grad.abs().max() < 1e-6


def test_the_score_is_minus_the_harmonic_mean():
    variance = np.random.default_rng(0).uniform(0.001, 3, (6, 5))
    got = negative_variance(torch.from_numpy(np.log(variance)))
    np.testing.assert_allclose(got, -hmean(variance, axis=1))
    assert negative_variance(torch.log(torch.tensor([[1.0, 3.0]]))).item() == pytest.approx(-1.5)
    assert negative_variance(torch.zeros(0, 5)).shape == (0,)
    low, high = negative_variance(torch.tensor([[-2.0] * 3, [-6.0] * 3]))
    assert low < high < 0


def test_no_pair_is_0_and_keeps_the_gradient():
    log = torch.zeros(2, 4, requires_grad=True)
    value = mutual_loss(torch.zeros(0, 4), torch.zeros(0, 4), log[:0], log[:0])
    value.backward()
    assert value.item() == 0
    assert not log.grad.any()
