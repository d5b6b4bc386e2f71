"""MagFace's margin, penalty and scale by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError
from fiqa.methods.magface import percent

torch = pytest.importorskip("torch")

from fiqa.methods.magface import length_penalty, margin  # noqa: E402

pytestmark = pytest.mark.numeric


def test_margin_by_hand():
    length = torch.tensor([1.0, 10.0, 60.0, 110.0, 500.0], dtype=torch.float64)
    np.testing.assert_allclose(margin(length), [0.45, 0.45, 0.625, 0.8, 0.8])


def test_penalty_by_hand():
    length = torch.tensor([5.0, 10.0, 110.0, 200.0], dtype=torch.float64)
    low, high = 10 / 12100 + 1 / 10, 110 / 12100 + 1 / 110
    assert length_penalty(length).item() == pytest.approx((2 * low + 2 * high) / 4)
    assert length_penalty(torch.zeros(0)).item() == 0


def test_the_penalty_pulls_lengths_up_inside_the_bounds_only():
    length = torch.tensor([5.0, 11.0, 109.0, 111.0], dtype=torch.float64, requires_grad=True)
    length_penalty(length).backward()
    np.testing.assert_allclose(length.grad * 4, [0, 1 / 12100 - 1 / 121, 1 / 12100 - 1 / 11881, 0])
    assert (length.grad <= 0).all()


def test_both_have_the_gradient_of_their_values():
    length = torch.tensor([12.0, 40.0, 100.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(margin, length)
    assert torch.autograd.gradcheck(length_penalty, length)


def test_percent_is_the_published_scale():
    got = percent(np.linspace(0, 60, 7))
    np.testing.assert_allclose(got, 100 / (1 + np.exp((23 - np.linspace(0, 60, 7)) / 2.6)))
    assert percent([]).shape == (0,)
    with pytest.raises(InputError, match="raw must be finite"):
        percent([np.nan])
