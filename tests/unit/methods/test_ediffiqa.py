"""eDifFIQA's labels and student loss against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.methods.ediffiqa import lowered_quality

pytestmark = pytest.mark.numeric


def loop(prior, vectors, who, best, strength):
    result = []
    for q, e, name in zip(prior, vectors, who, strict=True):
        rows = sorted((i for i in range(len(who)) if who[i] == name), key=lambda i: -prior[i])
        rows = rows[: math.ceil(best * len(rows))]
        center = np.mean([vectors[i] for i in rows], axis=0)
        result.append(min(max(q - strength * (1 - e @ center / np.linalg.norm(center)), 0), 1))
    return result


@pytest.mark.parametrize("best", [0.2, 0.01, 0.25, 1.0])
@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_labels_are_the_loop(clustered, rng, best, strength):
    vectors, who = clustered
    prior = rng.uniform(size=60)
    got = lowered_quality(prior, vectors, who, best=best, strength=strength)
    np.testing.assert_allclose(got, loop(prior, vectors, who, best, strength), atol=1e-6)


def test_what_the_parameters_mean(clustered, rng):
    vectors, who = clustered
    prior = rng.uniform(size=60).astype(np.float32)
    plain = lowered_quality(prior, vectors, who)
    assert (plain <= prior + 1e-6).all()
    np.testing.assert_array_equal(lowered_quality(prior, vectors, who, strength=0.0), prior)
    for change in ({"best": 0.9}, {"strength": 0.1}):
        assert not np.array_equal(plain, lowered_quality(prior, vectors, who, **change)), change
    alone = lowered_quality(prior, vectors, np.arange(60))
    np.testing.assert_allclose(alone, prior, atol=1e-6)
    np.testing.assert_allclose(lowered_quality(prior, 7 * vectors, who), plain, atol=1e-6)


def test_a_fifth_of_ten_is_two_and_ties_take_the_first():
    vectors = np.eye(10, dtype=np.float32)
    got = lowered_quality(np.full(10, 0.9), vectors, ["a"] * 10)
    near = 0.9 - 0.5 * (1 - math.sqrt(0.5))
    np.testing.assert_allclose(got, [near, near, *[0.4] * 8], atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few(count):
    got = lowered_quality(np.full(count, 0.3), np.eye(4, dtype=np.float32)[:count], ["a"] * count)
    assert got.shape == (count,)
    assert got.dtype == np.float64


def test_refused(clustered):
    vectors, who = clustered
    prior = np.full(60, 0.5)
    for wrong in (prior + 1, prior - 1):
        with pytest.raises(InputError, match=r"prior must lie in 0\.\.1, got"):
            lowered_quality(wrong, vectors, who)
    with pytest.raises(InputError, match="prior must be finite"):
        lowered_quality(prior * np.nan, vectors, who)
    with pytest.raises(ShapeError, match=r"prior must have shape \(60,\), got \(2,\)"):
        lowered_quality([0.1, 0.2], vectors, who)
    with pytest.raises(ShapeError, match=r"identities must have shape \(60,\)"):
        lowered_quality(prior, vectors, who[:3])
    with pytest.raises(InputError, match="embeddings must have no row of length zero"):
        lowered_quality(prior, vectors * 0, who)
    with pytest.raises(InputError, match=r"best must be in \(0, 1\], got 0"):
        lowered_quality(prior, vectors, who, best=0)
    with pytest.raises(InputError, match=r"strength must be in \[0, inf\), got -1"):
        lowered_quality(prior, vectors, who, strength=-1)


def test_student_loss_is_the_loop():
    torch = pytest.importorskip("torch")
    from fiqa.methods.ediffiqa import student_loss

    draw = torch.Generator().manual_seed(4)
    q, t = (torch.rand(5, generator=draw, dtype=torch.float64) for _ in range(2))
    e, f = (torch.randn(5, 3, generator=draw, dtype=torch.float64) for _ in range(2))
    for share in (0.5, 0.2):
        got = student_loss(q, t, e, f, share=share)
        apart = [1 - (a @ b / a.norm() / b.norm()).item() for a, b in zip(e, f, strict=True)]
        assert got["embedding"].item() == pytest.approx(share * sum(apart) / 5)
        gaps = [abs(a - b) for a, b in zip(q.tolist(), t.tolist(), strict=True)]
        assert got["quality"].item() == pytest.approx((1 - share) * sum(gaps) / 5)
    assert sum(student_loss(q, q, e, 3 * e).values()).item() == pytest.approx(0, abs=1e-9)
    assert sum(student_loss(q[:0], t[:0], e[:0], f[:0]).values()).item() == 0
    assert torch.autograd.gradcheck(
        lambda a, b: sum(student_loss(a, t, b, f).values()), [x.requires_grad_() for x in (q, e)]
    )
