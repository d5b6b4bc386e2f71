"""FaceQAN against a loop over copies and steps, with gradients by hand for a linear network."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError
from fiqa.methods.faceqan import explored, quality
from fiqa.methods.probe import content_seed

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.numeric


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def linear_oracle(
    matrix: np.ndarray, x: np.ndarray, noise: np.ndarray, steps: int, epsilon: float
) -> list[list[float]]:
    """Cosines (steps, copies) for f(x) = M x, the gradient of the cosine written out."""
    base = matrix @ x
    copies = [np.clip(x + n, 0, 1) for n in noise]
    found = []
    for _ in range(steps):
        row = []
        for k, copy in enumerate(copies):
            e = matrix @ copy
            row.append(cosine(e, base))
            ne, nb = np.linalg.norm(e), np.linalg.norm(base)
            gradient = matrix.T @ (base / (ne * nb) - cosine(e, base) * e / ne**2)
            copies[k] = np.clip(copy - epsilon * np.sign(gradient), 0, 1)
        found.append(row)
    return found


def test_the_similarities_are_those_of_a_loop(rng: np.random.Generator) -> None:
    matrix = rng.normal(size=(5, 12))
    x = rng.uniform(size=(3, 3, 2, 2))
    x[0, 0] = (0.0, 1.0)  # pixels at both ends of the range stay in it
    noise = rng.uniform(-0.01, 0.01, (3, 4, 3, 2, 2))
    weights = torch.from_numpy(matrix)
    got = explored(
        lambda p: p.flatten(1) @ weights.T,
        torch.from_numpy(x),
        torch.from_numpy(noise),
        steps=3,
        epsilon=0.02,
    )
    wanted = [
        linear_oracle(matrix, x[i].ravel(), noise[i].reshape(4, 12), 3, 0.02) for i in range(3)
    ]
    np.testing.assert_allclose(got.numpy(), np.array(wanted).reshape(3, 12), rtol=0, atol=1e-12)
    assert (np.diff(got.numpy().reshape(3, 3, 4).mean(axis=2), axis=1) < 0).all(), (
        "every step goes away from the face"
    )


def test_quality_is_the_formula() -> None:
    s = np.array([[0.9, 0.8, 1.0], [-0.5, -0.7, 0.1], [1.0, 1.0, 1.0]])
    symmetry = np.array([0.95, 0.5, -0.8])
    wanted = []
    for row, sym in zip(s.tolist(), symmetry, strict=True):
        mean = sum(row) / 3
        std = math.sqrt(sum((v - mean) ** 2 for v in row) / 3)
        wanted.append(((1 + mean) / 2 * min(max(1 - std, 0), 1) * sym) ** 5)
    np.testing.assert_allclose(quality(s, symmetry), wanted, rtol=1e-6)
    assert quality(s, symmetry)[2] == pytest.approx(-(0.8**5)), "the sign is kept"
    assert quality(np.empty((0, 5)), np.empty(0)).shape == (0,)


def test_the_score_is_that_of_its_parts(torch_recognizer, rng: np.random.Generator) -> None:
    crops = rng.integers(0, 256, (2, 112, 112, 3), np.uint8)
    vectors = torch_recognizer.vectors
    wanted = []
    for crop in crops:
        pixels = torch.from_numpy(crop[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
        noise = (
            2
            * torch.rand(
                (3, 3, 112, 112), generator=torch.Generator().manual_seed(content_seed(crop, 7))
            )
            - 1
        )
        s = explored(vectors, pixels, 0.01 * noise[None], steps=2, epsilon=0.01)
        a, b = vectors(torch.cat([pixels, pixels.flip(3)])).numpy()
        wanted.append(quality(s.numpy(), np.array([cosine(a, b)]))[0])
    scorer = fiqa.load(
        "faceqan", recognizer=torch_recognizer, copies=3, steps=2, epsilon=0.01, seed=7
    )
    np.testing.assert_allclose(scorer.score(crops), wanted, rtol=1e-4)
    assert scorer.version.endswith("copies=3, steps=2, epsilon=0.01, seed=7")


def test_every_setting_changes_the_score_and_batch_does_not(
    torch_recognizer, rng: np.random.Generator
) -> None:
    crops = rng.integers(0, 256, (2, 112, 112, 3), np.uint8)

    def score(**settings: float) -> np.ndarray:
        return fiqa.load(
            "faceqan",
            recognizer=torch_recognizer,
            **{"copies": 2, "steps": 2, "epsilon": 0.01} | settings,
        ).score(crops)

    plain = score()
    for changed in ({"copies": 3}, {"steps": 3}, {"epsilon": 0.02}, {"seed": 1}):
        assert (score(**changed) != plain).all(), changed
    np.testing.assert_allclose(score(batch=3), plain, rtol=1e-3)
    np.testing.assert_array_equal(score(), plain)


def test_the_spread_over_seeds_is_that_of_the_scores(
    torch_recognizer, rng: np.random.Generator
) -> None:
    crops = rng.integers(0, 256, (2, 112, 112, 3), np.uint8)
    settings = {"copies": 2, "steps": 2, "epsilon": 0.02}
    found = fiqa.load("faceqan", recognizer=torch_recognizer, **settings).seed_spread(
        crops, seeds=3
    )
    table = np.stack(
        [
            fiqa.load("faceqan", recognizer=torch_recognizer, seed=s, **settings).score(crops)
            for s in range(3)
        ]
    ).astype(float)
    np.testing.assert_allclose(found.std, table.std(axis=0, ddof=1), rtol=1e-4)
    within = table.var(axis=0, ddof=1).mean()
    between = max(table.mean(axis=0).var(ddof=1) - within / 3, 0)
    assert found.share == pytest.approx(within / (within + between), rel=1e-4)


@pytest.mark.parametrize("wrong", [{"copies": 0}, {"steps": 0}, {"epsilon": 0.0}, {"batch": 0}])
def test_numbers_out_of_range(torch_recognizer, wrong) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))} must be in"):
        fiqa.load("faceqan", recognizer=torch_recognizer, **wrong)
