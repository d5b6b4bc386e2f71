"""Verification numbers against scikit-learn and slow loops, with ties; streaming against all pairs
at once."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional import ranks, verification
from fiqa.functional.verification import (
    all_pairs,
    allowed_false_matches,
    eer,
    fnmr_at_fmr,
    lfw_accuracy,
    roc_auc,
    threshold_at_fmr,
    tpr_at_far,
)

pytestmark = pytest.mark.numeric

tied = st.lists(st.integers(0, 8), min_size=1, max_size=30).map(lambda v: np.array(v) / 8)


def slow_eer(mated: np.ndarray, nonmated: np.ndarray) -> float:
    """Where the polyline through every threshold's (FMR, FNMR) crosses the diagonal."""
    points = [(0.0, 1.0)]
    for t in sorted(set(mated) | set(nonmated), reverse=True):
        points.append((float(np.mean(nonmated >= t)), float(np.mean(mated < t))))
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x1 >= y1:
            share = (y0 - x0) / ((y0 - x0) + (x1 - y1))
            return x0 + share * (x1 - x0)
    raise AssertionError


@settings(max_examples=80, deadline=None)
@given(tied, tied)
def test_auc_and_eer_with_ties(mated: np.ndarray, nonmated: np.ndarray) -> None:
    truth = np.r_[np.ones(len(mated)), np.zeros(len(nonmated))]
    assert roc_auc(mated, nonmated) == pytest.approx(
        roc_auc_score(truth, np.r_[mated, nonmated]), abs=1e-12
    )
    assert eer(mated, nonmated) == pytest.approx(slow_eer(mated, nonmated), abs=1e-12)
    assert roc_auc(mated, nonmated) == pytest.approx(1 - roc_auc(nonmated, mated), abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(
    tied,
    st.lists(st.integers(0, 8), min_size=4, max_size=30).map(lambda v: np.array(v) / 8),
    st.sampled_from([0.25, 0.3, 0.5]),
)
def test_tpr_is_the_best_that_the_far_allows(
    mated: np.ndarray, nonmated: np.ndarray, far: float
) -> None:
    truth = np.r_[np.ones(len(mated)), np.zeros(len(nonmated))]
    fpr, tpr, _ = roc_curve(truth, np.r_[mated, nonmated], drop_intermediate=False)
    assert tpr_at_far(mated, nonmated, far) == pytest.approx(
        tpr[fpr <= far + 1e-12].max(), abs=1e-12
    )
    assert fnmr_at_fmr(mated, nonmated, far) == pytest.approx(1 - tpr_at_far(mated, nonmated, far))
    assert np.mean(nonmated > threshold_at_fmr(nonmated, far)) <= far


def test_perfect_and_hopeless() -> None:
    assert (roc_auc([0.9], [0.1]), eer([0.9], [0.1])) == (1.0, 0.0)
    assert (roc_auc([0.1], [0.9]), eer([0.1], [0.9])) == (0.0, 1.0)
    assert (roc_auc([0.5, 0.5], [0.5]), eer([0.5, 0.5], [0.5])) == (0.5, 0.5)


def test_allowed_false_matches_and_their_refusal() -> None:
    assert [allowed_false_matches(100, f) for f in (0.01, 0.29, 0.295, 0.57)] == [1, 29, 29, 57]
    assert allowed_false_matches(3, 1 - 1e-12) == 2
    with pytest.raises(
        EvidenceError, match=r"FMR of 0.0001 needs at least 10000 non-mated pairs, got 9999"
    ):
        threshold_at_fmr(np.arange(9999.0), 1e-4)
    with pytest.raises(EvidenceError, match="got 0: there is none"):
        tpr_at_far([0.5], [], 0.1)
    with pytest.raises(InputError, match="fmr must be in"):
        threshold_at_fmr([0.5], 1.0)


def test_refuses_empty_nan_and_wrong_shapes() -> None:
    with pytest.raises(EvidenceError, match="mated needs at least 1 similarity, got 0"):
        roc_auc([], [0.1])
    with pytest.raises(EvidenceError, match="nonmated needs at least 1 similarity, got 0"):
        eer([0.1], [])
    with pytest.raises(InputError, match="mated must be finite"):
        roc_auc([np.nan], [0.1])
    with pytest.raises(ShapeError, match="nonmated must have shape"):
        roc_auc([0.1], [[0.1]])


# --- all pairs
# ------------------------------------------------------------------------------------------------


def exact_vectors(rng: np.random.Generator, n: int) -> np.ndarray:
    """Unit rows of four +-1/2: every cosine is exact in float32 and ties abound, also between mated
    and non-mated pairs."""
    return rng.choice([-0.5, 0.5], size=(n, 4)).astype(np.float32)


def listed(vectors: np.ndarray, identities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    i, j = np.triu_indices(len(vectors), 1)
    similarity, same = (vectors @ vectors.T)[i, j], identities[i] == identities[j]
    return similarity[same], similarity[~same]


@pytest.mark.parametrize(("n", "people"), [(3, 2), (40, 7), (1500, 3), (1500, 900)])
def test_all_pairs_equals_the_listed_pairs_with_ties(
    rng: np.random.Generator, n: int, people: int
) -> None:
    vectors = exact_vectors(rng, n)
    identities = np.arange(n) % people
    mated, nonmated = listed(vectors, identities)
    result = all_pairs(vectors, identities, fars=(0.5, 0.9))
    assert (result.mated, result.nonmated) == (len(mated), len(nonmated))
    assert result.auc == pytest.approx(roc_auc(mated, nonmated), abs=1e-12)
    assert result.eer == pytest.approx(eer(mated, nonmated), abs=1e-12)
    assert result.tpr == {
        far: pytest.approx(tpr_at_far(mated, nonmated, far), abs=1e-12) for far in (0.5, 0.9)
    }
    assert result.resolvable_far == 1 / len(nonmated)


def test_all_pairs_when_every_bucket_overlaps(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few buckets and small buffers, so that most similarities need the exact comparison, in many
    rounds."""
    monkeypatch.setattr(ranks, "_BUCKETS", 8)
    monkeypatch.setattr(ranks, "_CHUNK", 1 << 10)
    monkeypatch.setattr(ranks, "_PENDING", 500)
    vectors = rng.normal(size=(700, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identities = rng.integers(0, 50, 700)
    mated, nonmated = listed(vectors, identities)
    result = all_pairs(vectors, identities, fars=(0.01,))
    truth = np.r_[np.ones(len(mated)), np.zeros(len(nonmated))]
    assert result.auc == pytest.approx(roc_auc_score(truth, np.r_[mated, nonmated]), abs=1e-6)
    assert result.eer == pytest.approx(eer(mated, nonmated), abs=1e-4)
    assert 0.4 < result.auc < 0.6
    assert result.auc != 0.5


def test_all_pairs_does_not_depend_on_order_or_names(rng: np.random.Generator) -> None:
    vectors, identities = exact_vectors(rng, 300), rng.integers(0, 20, 300)
    order = rng.permutation(300)
    assert all_pairs(vectors, identities) == all_pairs(
        vectors[order] * 3, np.array([f"p{c}" for c in identities])[order]
    )


def test_all_pairs_memory_stays_bounded(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(6000, 8)).astype(np.float32)
    tracemalloc.start()
    all_pairs(vectors, np.arange(6000) // 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6 < 6000 * 5999 / 2 * 4


def test_a_far_that_cannot_be_resolved_allows_no_false_accept() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.3, 1]], np.float32)
    result = all_pairs(vectors, ["a", "a", "b", "b"])
    assert result.tpr == {1e-3: 1.0, 1e-4: 1.0}
    assert result.resolvable_far == 0.25


def test_a_far_counts_false_accepts_as_written() -> None:
    """0.29 of 100 is 29, although 0.29 * 100 is just below it in binary."""
    nonmated = np.arange(100, dtype=np.float32) / 128
    mated = (np.arange(100, dtype=np.float32) - 0.5) / 128
    found = verification.of_stream(mated, [nonmated], fars=(0.29,))
    assert found.tpr[0.29] == tpr_at_far(mated, nonmated, 0.29) == 0.29


def test_all_pairs_refuses() -> None:
    square = np.eye(4, dtype=np.float32)
    with pytest.raises(EvidenceError, match="needs mated and non-mated pairs, got 0 and 6"):
        all_pairs(square, [0, 1, 2, 3])
    with pytest.raises(EvidenceError, match="needs mated and non-mated pairs, got 6 and 0"):
        all_pairs(square, [0, 0, 0, 0])
    for n in (0, 1):
        with pytest.raises(EvidenceError, match="got 0 and 0"):
            all_pairs(square[:n], list(range(n)))
    with pytest.raises(InputError, match="fars must be in"):
        all_pairs(square, [0, 0, 1, 1], fars=(0.0,))
    with pytest.raises(ShapeError, match="identities must have shape"):
        all_pairs(square, [0, 0])
    with pytest.raises(InputError, match="vectors must be finite"):
        all_pairs(square * np.nan, [0, 0, 1, 1])


# --- LFW accuracy
# ------------------------------------------------------------------------------------------------


def test_lfw_accuracy_equals_a_slow_search(rng: np.random.Generator) -> None:
    same = rng.random(400) < 0.5
    similarity = np.round(np.where(same, 0.6, 0.4) + rng.normal(scale=0.15, size=400), 2)
    result = lfw_accuracy(similarity, same)
    fold = np.arange(400) // 40
    values = np.unique(similarity)
    cuts = np.r_[values[0] - 1, (values[1:] + values[:-1]) / 2, values[-1] + 1]
    for k in range(10):
        rest, best = fold != k, result.thresholds[k]
        right = max(np.mean((similarity[rest] > c) == same[rest]) for c in cuts)
        assert np.mean((similarity[rest] > best) == same[rest]) == pytest.approx(right)
    accuracy = [
        np.mean((similarity[fold == k] > result.thresholds[k]) == same[fold == k])
        for k in range(10)
    ]
    assert result.mean == pytest.approx(np.mean(accuracy))
    assert result.std == pytest.approx(np.std(accuracy))
    assert lfw_accuracy(similarity, same, fold).mean == result.mean
    assert lfw_accuracy(similarity, same, np.arange(400) % 10).mean != result.mean


def test_lfw_accuracy_refuses_folds_that_are_not_there() -> None:
    with pytest.raises(InputError, match="folds must be at least 2 and none empty, got 1 of 4"):
        lfw_accuracy([0.1] * 4, [True] * 4, 1)
    with pytest.raises(InputError, match="got 3 of 3 pairs"):
        lfw_accuracy([0.1] * 3, [True] * 3, 10)
    with pytest.raises(InputError, match="got 0 of 0 pairs"):
        lfw_accuracy([], [])
