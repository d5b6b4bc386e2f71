"""eDifFIQA's published rule in training: the global best images make the centers, people with too
few of them teach nothing, and the distance is measured on the student's own vector."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError
from fiqa.training.config import resolve

torch = pytest.importorskip("torch")

from fiqa.training.batches import make_batch  # noqa: E402
from fiqa.training.dataset import Examples, examples  # noqa: E402
from fiqa.training.objectives import Targets, objective  # noqa: E402

OWN = {"rule": "published", "best": 0.5, "least": 2, "strength": 0.3}


class Case:
    """The objective on all training rows, and a random output for them."""

    def __init__(self, content: dict[str, Any], folder: Path) -> None:
        self.recipe = resolve(content)
        self.data: Examples = examples(self.recipe, folder / "crops")
        self.objective = objective(self.recipe)(self.recipe, self.data)
        self.rows = self.data.training
        torch.manual_seed(5)
        self.output = torch.randn(len(self.rows), 7)
        batch = make_batch(self.data, self.recipe, 0, self.rows)
        self.batch = Targets.of(batch, torch.device("cpu"))

    def terms(self) -> dict[str, float]:
        losses = self.objective.losses(self.output, self.batch)
        return {name: value.item() for name, value in losses.items()}


def slow(case: Case, own: dict[str, Any]) -> tuple[float, float]:
    """(embedding term, quality term) by loops, from the words of the published code."""
    data, rows = case.data, case.rows
    vectors = case.objective.vectors.numpy().astype(float)
    label = {row: float(data.label[row]) for row in rows}
    count = math.ceil(own["best"] * len(rows) - 1e-9)
    best = sorted(rows, key=lambda row: -label[row])[:count]
    centers = {}
    for person in set(data.classes[rows].tolist()):
        mine = [row for row in best if data.classes[row] == person]
        if len(mine) >= own["least"]:
            centers[person] = np.sum([vectors[row] for row in mine], axis=0)
    gaps, angles = [], []
    for row, output in zip(rows, case.output.numpy().astype(float), strict=True):
        center = centers.get(int(data.classes[row]))
        if center is None:
            continue
        vector = output[1:]
        far = 1 - vector @ center / np.linalg.norm(vector) / np.linalg.norm(center)
        target = min(1.0, max(0.0, label[row] - own["strength"] * far))
        gaps.append(abs(output[0] - target))
        angles.append(1 - vector @ vectors[row] / np.linalg.norm(vector))
    return 0.5 * float(np.mean(angles)), 0.5 * float(np.mean(gaps))


@pytest.mark.parametrize("change", [{}, {"best": 0.3}, {"least": 3}, {"strength": 0.9}])
def test_the_published_rule_is_a_loop(peer: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    own = OWN | change
    case = Case(peer("ediffiqa", own), tmp_path)
    embedding, quality = slow(case, own)
    terms = case.terms()
    assert terms["loss_embedding"] == pytest.approx(embedding, rel=1e-4)
    assert terms["loss_quality"] == pytest.approx(quality, rel=1e-4)
    assert terms["loss"] == pytest.approx(embedding + quality, rel=1e-4)


def test_the_published_rule_is_another_loss_than_ours(peer: Any, tmp_path: Path) -> None:
    ours = Case(peer("ediffiqa"), tmp_path / "a").terms()
    theirs = Case(peer("ediffiqa", OWN), tmp_path / "b").terms()
    assert abs(ours["loss_quality"] - theirs["loss_quality"]) > 1e-3


def test_the_distance_has_no_gradient(peer: Any, tmp_path: Path) -> None:
    """The target is a number: the student may not lower its loss by moving the center away."""
    case = Case(peer("ediffiqa", OWN | {"share": 0.0}), tmp_path)
    output = case.output.clone().requires_grad_()
    case.objective.losses(output, case.batch)["loss_quality"].backward()
    assert output.grad is not None
    assert output.grad[:, 0].abs().sum() > 0
    assert output.grad[:, 1:].abs().sum() == 0


def test_too_few_best_images_of_anybody_is_an_error(peer: Any, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no person has 19 images among the best 50%"):
        Case(peer("ediffiqa", OWN | {"least": 19}), tmp_path)


def test_a_prior_outside_its_range_is_an_error(peer: Any, tmp_path: Path) -> None:
    content = peer("ediffiqa", OWN)
    labels = Path(content["data"]["labels"])
    from fiqa.data.quality import read_quality, write_quality
    from fiqa.types import Quality

    prior = read_quality(labels)
    write_quality(Quality(prior.id, prior.value * 3, "m", "label"), labels)
    with pytest.raises(InputError, match=r"the prior must lie in 0\.\.1"):
        Case(content, tmp_path)
