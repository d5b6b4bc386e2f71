"""Templates of drives, their likeness and cuts, against slow loops and numbers from paper."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.functional.enrolment import driver_cuts, own_likeness, shrunk_cut, weighted_template


def test_a_template_is_the_weighted_mean_of_the_directions() -> None:
    rng = np.random.default_rng(0)
    vectors, weights = rng.normal(size=(7, 5)), rng.uniform(0.1, 1, 7)
    total = sum(w * v / np.linalg.norm(v) for w, v in zip(weights, vectors, strict=True))
    assert np.allclose(weighted_template(vectors, weights), total / np.linalg.norm(total))


def test_likeness_leaves_the_vector_itself_out() -> None:
    rng = np.random.default_rng(1)
    vectors, weights = rng.normal(size=(6, 4)) + 1, rng.uniform(0.1, 1, 6)
    like = own_likeness(vectors, weights)
    for i, vector in enumerate(vectors):
        others = [j for j in range(6) if j != i]
        mean = weighted_template(vectors[others], weights[others])
        assert like[i] == pytest.approx(vector @ mean / np.linalg.norm(vector), abs=1e-6)
    assert np.isnan(own_likeness(vectors[:1], [0.5])).all()


def test_a_drive_that_weighs_nearly_nothing_is_compared_all_the_same() -> None:
    assert own_likeness([[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0]).tolist() == [0.0, 0.0]


def test_a_cut_moves_from_the_common_to_the_own_one_with_the_drives() -> None:
    assert shrunk_cut(0.2, 0.6, 0) == 0.6
    assert shrunk_cut(0.2, 0.6, 5) == pytest.approx(0.2 * 0.2 + 0.8 * 0.6)
    assert shrunk_cut(0.2, 0.6, 20) == pytest.approx(0.4)
    assert shrunk_cut(0.2, 0.6, 100_000) == pytest.approx(0.2, abs=1e-3)


def test_own_cuts_bring_the_discard_of_drivers_together() -> None:
    rng = np.random.default_rng(2)
    quality = {f"p{i}": np.clip(rng.normal(0.35 + 0.05 * i, 0.1, 400), 0, 1) for i in range(6)}

    def spread(drives: int) -> float:
        cuts = driver_cuts(quality, dict.fromkeys(quality, drives), 0.5)
        shares = [float(np.mean(q < cuts[name])) for name, q in quality.items()]
        return max(shares) - min(shares)

    assert spread(0) > 0.7
    assert spread(0) > spread(5) > spread(20) > spread(1000)
    assert spread(1000) < 0.1


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: weighted_template(np.empty((0, 3)), []), ShapeError, "at least one row"),
        (lambda: weighted_template([[1.0, 0.0]], [-1.0]), InputError, "at least 0, got -1"),
        (lambda: weighted_template([[1.0], [-1.0]], [1.0, 1.0]), InputError, "length zero"),
        (lambda: shrunk_cut(0.1, 0.2, -1), InputError, "drives"),
        (lambda: driver_cuts({"a": []}, {"a": 1}, 0.5), InputError, "quality of a"),
    ],
)
def test_what_cannot_be_is_refused(call, kind, says) -> None:
    with pytest.raises(kind, match=says):
        call()
