"""From embeddings to marginals and score, against loops over the 360 prompts."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fiqa.functional import soft  # noqa: E402
from fiqa.methods.clib_fiqa import GRID, PROMPTS  # noqa: E402
from fiqa.methods.clib_fiqa.joint import expected, factor_joint, joint, marginals  # noqa: E402

pytestmark = pytest.mark.numeric

D = 7


def draw(n: int, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, D, generator=rng), torch.randn(360, D, generator=rng) * 5


def test_joint_agrees_with_a_loop_over_prompts():
    image, text = draw(3)
    got = joint(image, text, 20.0)
    for i in range(3):
        e = image[i].tolist()
        weights = []
        for k in range(360):
            t = text[k].tolist()
            cosine = sum(a * b for a, b in zip(e, t, strict=True)) / math.hypot(*e) / math.hypot(*t)
            weights.append(math.exp(20 * cosine))
        np.testing.assert_allclose(got[i].numpy(), np.array(weights) / sum(weights), rtol=2e-4)


def test_lengths_do_not_matter_and_the_scale_does():
    image, text = draw(4)
    one = joint(image, text, 20.0)
    torch.testing.assert_close(joint(image * 9, text * 0.1, 20.0), one)
    assert (joint(image, text, 40.0) - one).abs().max() > 1e-3
    torch.testing.assert_close(joint(image, text, 0.0), torch.full((4, 360), 1 / 360))


def test_marginals_read_the_words_of_the_prompts():
    """Mass on prompt k must appear at the words that prompt k says: an oracle that knows nothing of
    axes."""
    found = marginals(torch.eye(360))
    for name, words in GRID.items():
        for k, prompt in enumerate(PROMPTS):
            said = found[name][k].argmax().item()
            word = f"{words[said]} quality" if name == "quality" else words[said]
            assert word in prompt
            if name == "occlusion":
                assert ("unobstructed" in prompt) == (said == 1)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_marginals_and_score_agree_with_numpy(n):
    p = joint(*draw(n), 50.0)
    ours, theirs = marginals(p), soft.marginals(p.numpy().reshape(n, 3, 2, 3, 2, 2, 5))
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert value.shape == (n, len(GRID[name]))
        np.testing.assert_allclose(value.numpy(), theirs[name], atol=1e-6)
    score = expected(ours["quality"])
    assert score.shape == (n,)
    np.testing.assert_allclose(score.numpy(), soft.expected_score(theirs["quality"]), atol=1e-6)


def test_factor_joint_sums_the_quality_out():
    p = joint(*draw(2), 50.0)
    slow = [[sum(p[i, 5 * f + q].item() for q in range(5)) for f in range(72)] for i in range(2)]
    np.testing.assert_allclose(factor_joint(p).numpy(), slow, atol=1e-6)


def test_score_ends_at_the_outer_anchors():
    assert expected(torch.eye(5)).numpy() == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


def test_gradients_reach_image_text_and_scale():
    image, text = (one.requires_grad_() for one in draw(2))
    scale = torch.tensor(10.0, requires_grad=True)
    expected(marginals(joint(image, text, scale))["quality"]).sum().backward()
    assert all(one.grad is not None and one.grad.abs().max() > 0 for one in (image, text, scale))
