"""Class centers and the margin softmax against loops."""

from __future__ import annotations

import math

import pytest

from fiqa.errors import InputError

torch = pytest.importorskip("torch")

from fiqa.nets.margin import ClassCenters, margin_loss  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    cosine = torch.rand(7, 5, generator=draw, dtype=torch.float64) * 2 - 1
    return {"cosine": cosine, "identity": torch.tensor([0, 4, 2, 2, 1, 0, 3])}


def loop(
    cosine: list[list[float]], identity: list[int], margins: list[float], scale: float
) -> float:
    total = 0.0
    for row, own, margin in zip(cosine, identity, margins, strict=True):
        logits = [scale * c for c in row]
        logits[own] = scale * math.cos(min(math.acos(row[own]) + margin, math.pi))
        most = max(logits)
        total += most + math.log(sum(math.exp(v - most) for v in logits)) - logits[own]
    return total / len(cosine)


@pytest.mark.parametrize("scale", [1.0, 64.0])
def test_margin_loss_is_the_loop(batch, scale):
    cosine, identity = batch["cosine"].tolist(), batch["identity"].tolist()
    got = margin_loss(**batch, margin=0.5, scale=scale)
    assert got.item() == pytest.approx(loop(cosine, identity, [0.5] * 7, scale), rel=1e-6)
    each = torch.linspace(0.4, 0.8, 7, dtype=torch.float64)
    got = margin_loss(**batch, margin=each, scale=scale)
    assert got.item() == pytest.approx(loop(cosine, identity, each.tolist(), scale), rel=1e-6)


def test_margin_loss_without_a_margin_is_cross_entropy_of_cosines(batch):
    wanted = torch.nn.functional.cross_entropy(3 * batch["cosine"], batch["identity"])
    assert margin_loss(**batch, margin=0.0, scale=3.0).item() == pytest.approx(
        wanted.item(), rel=1e-6
    )
    assert margin_loss(**batch, margin=0.5, scale=3.0) > wanted
    assert margin_loss(**batch, margin=0.9, scale=3.0) > margin_loss(**batch, margin=0.5, scale=3.0)


def test_margin_loss_has_the_gradient_of_its_values(batch):
    cosine = (0.9 * batch["cosine"]).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda c: margin_loss(c, batch["identity"], margin=0.3, scale=4.0), cosine
    )


def test_a_margin_never_turns_an_angle_back():
    """Beyond 180 degrees a plain cosine would reward the worst faces."""
    cosine = torch.tensor([[-1.0, 0.0], [-0.9, 0.0], [-0.5, 0.0]])
    each = [
        margin_loss(row[None], torch.tensor([0]), margin=0.5, scale=1.0).item() for row in cosine
    ]
    assert each[0] == pytest.approx(each[1])
    assert each[1] > each[2]


def test_edges_of_the_margin_loss():
    ends = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], requires_grad=True)
    loss = margin_loss(ends, torch.tensor([0, 0]), margin=0.5, scale=64.0)
    loss.backward()
    assert torch.isfinite(ends.grad).all()
    assert (
        margin_loss(
            torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), margin=0.5, scale=64.0
        ).item()
        == 0
    )


def test_centers_give_cosines_whatever_the_lengths():
    torch.manual_seed(0)
    centers = ClassCenters(4, 3)
    faces = torch.randn(6, 3)
    cosine = centers(faces)
    assert cosine.shape == (6, 4)
    torch.testing.assert_close(cosine, centers(10 * faces))
    for i in range(6):
        for k in range(4):
            a, b = faces[i], centers.weight[k]
            assert cosine[i, k].item() == pytest.approx(
                (a @ b / a.norm() / b.norm()).item(), abs=1e-6
            )
    assert centers(centers.weight).max() <= 1


def test_centers_need_two_classes_and_a_length():
    with pytest.raises(InputError, match=r"classes must be in \[2, inf\], got 1"):
        ClassCenters(1, 4)
    with pytest.raises(InputError, match=r"dim must be in \[1, inf\], got 0"):
        ClassCenters(2, 0)
