"""Several priors as one, and the step that is chosen on people held out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

import fiqa
from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.methods.label_optimization import LabelOptimizer, mean_mated_similarity, optimize_labels
from fiqa.methods.label_optimization.priors import combined_prior, learned_weights, unit_ranks
from fiqa.methods.label_optimization.step import StepCurve, step_curve
from fiqa.types import Embeddings, Quality

pytestmark = pytest.mark.numeric


def _people(rng, people=30, images=12, dim=24):
    """Vectors whose images lie further from their person the worse they are, along directions that
    a linear head can learn; and how bad each is."""
    bad = rng.uniform(0, 1, (people, images, 1))
    centers = rng.normal(size=(people, 1, dim))
    centers[..., :4] = 0
    noise = rng.normal(size=(people, images, dim)) * 0.3
    noise[..., :4] = 0
    vectors = centers * (1 - 0.8 * bad) + noise
    vectors[..., :1] = 3 * bad
    vectors = vectors.reshape(-1, dim)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat(np.arange(people), images), bad.ravel()


def test_unit_ranks_are_scipys():
    value = np.array([3.0, 1.0, 3.0, 2.0, -7.0])
    assert unit_ranks(value).tolist() == ((rankdata(value) - 1) / 4).tolist()
    assert unit_ranks([]).tolist() == []
    assert unit_ranks([4.0]).tolist() == [0.5]
    with pytest.raises(InputError, match="finite"):
        unit_ranks([1.0, np.nan])


def test_a_combination_is_the_mean_of_ranks_and_one_prior_stays_as_it_is():
    first, second = [10.0, 20.0, 30.0], [0.3, 0.1, 0.2]
    assert combined_prior([first]).tolist() == first
    assert combined_prior([first, second]).tolist() == [0.5, 0.25, 0.75]
    assert combined_prior([first, second], [1, 0]).tolist() == [0.0, 0.5, 1.0]
    assert combined_prior([first, second], [2, 6]).tolist() == [0.75, 0.125, 0.625]


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, 1, 1]])
def test_weights_that_are_none(weights):
    with pytest.raises(InputError, match="weights must be 2 numbers of at least 0"):
        combined_prior([[1, 2], [2, 1]], weights)


def test_no_prior_and_priors_of_several_lengths():
    with pytest.raises(InputError, match="priors must hold at least one"):
        combined_prior([])
    with pytest.raises(ShapeError, match="priors must have one length, got 2, 3"):
        combined_prior([[1, 2], [1, 2, 3]])


def test_learned_weights_find_the_sources_that_tell(rng):
    vectors, who, _ = _people(rng)
    similarity = mean_mated_similarity(vectors, who)
    good = similarity + rng.normal(scale=0.6 * similarity.std(), size=len(who))
    also = similarity + rng.normal(scale=0.6 * similarity.std(), size=len(who))
    noise = rng.normal(size=len(who))
    learned = learned_weights([good, noise, also], similarity, who)
    assert learned.weights.sum() == pytest.approx(1)
    assert learned.weights[1] < 0.15 < min(learned.weights[0], learned.weights[2])
    assert learned.held_out > learned.alone.max()
    alone = spearmanr(good, similarity).statistic
    assert learned.alone[0] == pytest.approx(alone, abs=0.1)
    with pytest.raises(EvidenceError, match="no prior rises with the mated similarity"):
        learned_weights([-good], similarity, who)


def test_one_run_has_the_labels_of_every_step(rng):
    vectors, who, bad = _people(rng, people=8)
    prior = -bad + rng.normal(size=len(bad))
    whole = LabelOptimizer(prior, vectors, who, theta=1.0, rank_scale="unit", repeats=3)
    whole.run()
    for theta in (0.0, 0.1, 0.37, 1.0):
        wanted = optimize_labels(prior, vectors, who, theta=theta, rank_scale="unit", repeats=3)
        np.testing.assert_array_equal(whole.labels(theta), wanted)


def test_a_step_helps_a_noisy_prior_and_not_a_perfect_one(rng):
    vectors, who, bad = _people(rng, people=40, images=15)
    noisy = -bad + rng.normal(scale=1.5, size=len(bad))
    curve = _curve(noisy, vectors, who)
    assert curve.theta[0] == 0
    assert curve.gain[0] == 0
    assert curve.best > 0
    assert curve.area[curve.theta.index(curve.best)] < curve.area[0]
    perfect = _curve(-bad, vectors, who)
    assert max(perfect.gain) < max(curve.gain)
    assert np.argmin(curve.area) == np.argmax(curve.gain)
    assert curve == _curve(noisy, vectors, who)


def _curve(prior, vectors, who) -> StepCurve:
    optimizer = LabelOptimizer(prior, vectors, who, theta=1.0, rank_scale="unit")
    optimizer.run()
    return step_curve(optimizer)


def test_what_a_step_curve_refuses(rng):
    vectors, who, bad = _people(rng, people=4)
    optimizer = LabelOptimizer(-bad, vectors, who, theta=1.0, rank_scale="unit")
    optimizer.run()
    with pytest.raises(EvidenceError, match="5 folds need at least 5 people, got 4"):
        step_curve(optimizer)
    with pytest.raises(InputError, match="thetas must ascend from 0"):
        step_curve(optimizer, thetas=(0.1, 0.2))


def _label(who, vectors, priors, **options):
    ids = np.array([f"p{person:02d}/{i}" for i, person in enumerate(who)])
    embeddings = Embeddings(ids, vectors, np.ones(len(ids), np.float32), "r")
    qualities = [
        Quality(ids, np.asarray(value, np.float32), name, "score", None, {})
        for name, value in priors.items()
    ]
    return fiqa.label("label_optimization", embeddings=embeddings, prior=qualities, **options)


def test_label_takes_several_priors_and_says_their_weights(rng):
    vectors, who, bad = _people(rng)
    first = -bad + rng.normal(scale=0.5, size=len(bad))
    second = -bad + rng.normal(scale=0.5, size=len(bad))
    priors = {"one": first, "two": second}
    equal = _label(who, vectors, priors)
    about = equal.provenance
    assert about["found"]["weights"] == "equal"
    learned = _label(who, vectors, priors, weights="auto")
    weights = learned.provenance["found"]["weights"]
    assert set(weights) == {"one", "two"}
    assert sum(weights.values()) == pytest.approx(1)
    found = learned.provenance["found"]
    assert found["held_out_agreement"] > max(found["held_out_agreement_alone"].values())
    lone = _label(who, vectors, priors, weights=[1.0, 0.0], theta=0.0)
    assert spearmanr(lone.value, first).statistic == pytest.approx(1)
    with pytest.raises(InputError, match="weights need several priors, got one: one"):
        _label(who, vectors, {"one": first}, weights="auto")
    with pytest.raises(InputError, match="weights of label_optimization must be a list"):
        _label(who, vectors, priors, weights=3)


def test_theta_auto_is_chosen_said_and_the_same_again(rng, caplog):
    vectors, who, bad = _people(rng, people=40)
    prior = {"one": -bad + rng.normal(scale=1.5, size=len(bad))}
    chosen = _label(who, vectors, prior, theta="auto")
    about = chosen.provenance["found"]
    assert about["theta"] in [row["theta"] for row in about["theta_curve"]]
    assert about["theta_curve"][0] == {
        "theta": 0.0, "area": about["theta_curve"][0]["area"], "gain": 0.0, "error": 0.0,
    }  # fmt: skip
    np.testing.assert_array_equal(chosen.value, _label(who, vectors, prior, theta="auto").value)
    fixed = _label(who, vectors, prior, theta=about["theta"], rank_scale="unit")
    np.testing.assert_array_equal(chosen.value, fixed.value)


def test_labels_that_hardly_move_are_said(rng, caplog):
    vectors, who, bad = _people(rng)
    _label(who, vectors, {"one": -bad + rng.normal(size=len(bad))}, theta=1e-6)
    assert "hardly moved" in caplog.text
    caplog.clear()
    _label(who, vectors, {"one": -bad + rng.normal(size=len(bad))}, theta=0.5, rank_scale="unit")
    assert "hardly moved" not in caplog.text


def test_other_methods_take_one_prior(rng):
    vectors, who, bad = _people(rng, people=4)
    ids = np.array([f"p{person:02d}/{i}" for i, person in enumerate(who)])
    embeddings = Embeddings(ids, vectors, np.ones(len(ids), np.float32), "r")
    quality = Quality(ids, bad.astype(np.float32), "m", "score", None, {})
    with pytest.raises(InputError, match="makes a label from one prior, got 2: m, m"):
        fiqa.label("ediffiqa", embeddings=embeddings, prior=[quality, quality])
