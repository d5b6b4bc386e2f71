"""CLIB-FIQA's grid, anchors, factor labels and confidence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from fiqa.errors import EvidenceError, InputError, ShapeError, UnknownNameError
from fiqa.methods.clib_fiqa import (
    GRID,
    PROMPTS,
    confidence,
    factor_labels,
    jensen_shannon,
    quality_anchors,
)
from fiqa.methods.cr_fiqa import relative_classifiability

pytestmark = pytest.mark.numeric


def test_prompts_are_the_grid_in_order():
    assert len(PROMPTS) == len(set(PROMPTS)) == 360
    assert [len(v) for v in GRID.values()] == [3, 2, 3, 2, 2, 5]
    assert (
        PROMPTS[0]
        == "a photo of a hazy, obstructed, and profile face with exaggerated expression under"
        " extreme lighting, which is of bad quality"
    )
    assert PROMPTS[1].endswith("which is of poor quality"), "quality is the fastest axis"
    at = np.ravel_multi_index((2, 1, 0, 1, 0, 3), (3, 2, 3, 2, 2, 5))
    assert (
        PROMPTS[at]
        == "a photo of a clear, unobstructed, and profile face with typical expression under"
        " extreme lighting, which is of good quality"
    )


def test_anchors_scale_relative_classifiability(clustered):
    vectors, identities = clustered
    ratio = relative_classifiability(vectors, identities)
    full = quality_anchors(vectors, identities, percentiles=(0, 100))
    np.testing.assert_allclose(full, (ratio - ratio.min()) / np.ptp(ratio), atol=1e-6)
    clipped = quality_anchors(vectors, identities, percentiles=(10, 90))
    assert np.sum(clipped == 0) >= 6
    assert np.sum(clipped == 1) >= 6
    assert not np.array_equal(
        full, quality_anchors(vectors, identities, percentiles=(0, 100), form="paper")
    )
    with pytest.raises(InputError, match="percentiles must ascend"):
        quality_anchors(vectors, identities, percentiles=(90, 10))


def test_factor_labels_cut_where_the_paper_cuts():
    nan, one = np.nan, np.ones(6)
    got = factor_labels(
        sharpness=[0.34, 0.35, 0.69, 0.7, nan, 1],
        yaw=[10, -10.1, 25, -25.1, nan, 0],
        occlusion=[0.49, 0.5, nan, 1, 0, 1],
        expression=one,
        illumination=one * 0,
        blur_measure="cpbd",
    )
    assert got["blur"].tolist() == [0, 1, 1, 2, -1, 2]
    assert got["pose"].tolist() == [2, 1, 1, 0, -1, 2]
    assert got["occlusion"].tolist() == [0, 1, -1, 1, 0, 1]
    assert got["expression"].tolist() == [1] * 6
    assert got["illumination"].tolist() == [0] * 6
    assert tuple(got) == tuple(GRID)[:5]


def test_factor_labels_options():
    rest = {"yaw": [0.0], "occlusion": [0.6], "expression": [1.0], "illumination": [1.0]}
    assert factor_labels(sharpness=[50.0], blur_measure="sobel", **rest)["blur"].tolist() == [1]
    assert factor_labels(sharpness=[50.0], **rest)["blur"].tolist() == [1], "it is the default"
    assert factor_labels(sharpness=[50.0], blur_measure="cpbd", **rest)["blur"].tolist() == [2]
    assert factor_labels(sharpness=[50.0], blur_cuts=(0.1, 0.4), **rest)["blur"].tolist() == [2]
    assert factor_labels(sharpness=[1.0], cut=0.7, **rest)["occlusion"].tolist() == [0]
    with pytest.raises(UnknownNameError, match="Unknown blur_measure"):
        factor_labels(sharpness=[1.0], blur_measure="laplace", **rest)
    with pytest.raises(ShapeError, match="yaw must have shape"):
        factor_labels(sharpness=[1.0, 2.0], **rest)


def test_confidence_is_the_formula(rng):
    p, q = rng.dirichlet(np.ones(5), 20), rng.dirichlet(np.ones(5), 20)
    distance = np.array([jensenshannon(a, b) ** 2 for a, b in zip(p, q, strict=True)])
    np.testing.assert_allclose(jensen_shannon(p, q), distance, atol=1e-12)
    np.testing.assert_allclose(confidence(p, q), 1 / (1 + np.exp(32 * distance)) + 0.5, atol=1e-12)
    assert confidence(p, p).tolist() == pytest.approx([1.0] * 20)
    assert confidence(np.eye(5)[:1], np.eye(5)[4:]).tolist() == pytest.approx([0.5], abs=1e-6)
    assert np.all(confidence(p, q, beta=1) >= confidence(p, q))
    softened = confidence(np.eye(5)[:1], np.eye(5)[4:], softmax_again=True)[0]
    assert 0.5 < softened < 0.65
    # The published code: both through a softmax, then KL(m, p)/2 + KL(m, q)/2 (m first), as
    # torch's kl_div(log p, m) has it.
    for a, b, rho in zip(p, q, confidence(p, q, softmax_again=True), strict=True):
        a, b = (np.exp(x) / np.exp(x).sum() for x in (a, b))
        m = (a + b) / 2
        theirs = (sum(m * np.log(m / a)) + sum(m * np.log(m / b))) / 2
        assert rho == pytest.approx(1 / (1 + np.exp(32 * theirs)) + 0.5, abs=1e-12)
    assert confidence(np.zeros((0, 5)), np.zeros((0, 5))).shape == (0,)


def test_confidence_refuses(rng):
    p = rng.dirichlet(np.ones(5), 3)
    with pytest.raises(InputError, match="probabilities that sum to 1"):
        confidence(p * 2, p)
    with pytest.raises(ShapeError, match="q must have shape"):
        jensen_shannon(p, p[:2])
    with pytest.raises(InputError, match="p must be finite"):
        confidence(p * np.nan, p)
    with pytest.raises(InputError, match="beta must be in"):
        confidence(p, p, beta=0)


def test_blur_is_cut_at_percentiles_whatever_the_scale(rng):
    value = rng.permutation(np.linspace(3, 9, 200))
    names = ("yaw", "occlusion", "expression", "illumination")
    rest = {name: np.ones(201) for name in names}
    sharp = np.append(value, np.nan)
    for scale in (1, 100):
        label = factor_labels(sharpness=scale * sharp, blur_cut_by="percentile", **rest)["blur"]
        slow = [int(np.sum(np.quantile(value, (0.35, 0.7)) <= one)) for one in value]
        assert label[:-1].tolist() == slow
        assert label[-1] == -1
        assert [int(np.sum(label == k)) for k in range(3)] == [70, 70, 60]
    many = np.where(sharp < 7, 0.0, sharp)
    with pytest.raises(EvidenceError, match=r"Percentiles 0.35 and 0.7 of cpbd must part.*200"):
        factor_labels(sharpness=many, blur_measure="cpbd", blur_cut_by="percentile", **rest)
    for cuts in ((0.7, 0.35), (0.5, 0.5), (0.1, 1.5), (0.1, 0.2, 0.3)):
        with pytest.raises(InputError, match=r"blur_cuts must be two .* in 0\.\.1"):
            factor_labels(sharpness=sharp, blur_cuts=cuts, **rest)
    with pytest.raises(UnknownNameError, match="Unknown blur_cut_by"):
        factor_labels(sharpness=sharp, blur_cut_by="rank", **rest)
