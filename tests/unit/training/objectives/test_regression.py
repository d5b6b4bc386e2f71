"""Losses against loops that say the same slowly."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from fiqa.training.objectives.regression import (  # noqa: E402
    factor_l1,
    ranking,
    weighted_l1,
    weighted_smooth_l1,
)

pytestmark = pytest.mark.numeric


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(4)
    return {
        "pred": torch.rand(20, generator=draw, dtype=torch.float64),
        "target": torch.randint(0, 5, (20,), generator=draw).double() / 4,
        "group": torch.randint(-1, 4, (20,), generator=draw),
        "weight": torch.randint(0, 3, (20,), generator=draw).double(),
    }


def test_ranking_is_the_mean_over_pairs_of_one_group_whose_targets_differ(batch):
    pred, target, group = (batch[name].tolist() for name in ("pred", "target", "group"))
    terms = []
    for i in range(20):
        for j in range(i + 1, 20):
            if group[i] == group[j] >= 0 and target[i] != target[j]:
                s = 1 if target[i] > target[j] else -1
                terms.append(math.log(1 + math.exp(-s * (pred[i] - pred[j]))))
    assert len(terms) > 10
    assert float(ranking(batch["pred"], batch["target"], batch["group"])) == pytest.approx(
        sum(terms) / len(terms)
    )


def test_ranking_pulls_apart_what_is_in_the_wrong_order():
    pred = torch.zeros(2, requires_grad=True)
    ranking(pred, torch.tensor([0.2, 0.8]), torch.tensor([0, 0])).backward()
    assert pred.grad[0] > 0 > pred.grad[1]
    target, group = torch.tensor([0.2, 0.8]), torch.tensor([0, 0])
    assert ranking(torch.tensor([0.0, 100.0]), target, group).item() < 1e-30
    assert ranking(torch.tensor([1000.0, 0.0]), target, group).item() == 1000


@pytest.mark.parametrize("count", [0, 1, 2])
def test_ranking_without_a_pair_is_0_and_keeps_the_gradient(count):
    pred = torch.rand(count, requires_grad=True)
    for target, group in (
        (torch.zeros(count), torch.zeros(count)),
        (torch.arange(count), torch.full((count,), -1)),
    ):
        loss = ranking(pred, target, group)
        assert loss.item() == 0
        loss.backward()
        assert not pred.grad.any()


def test_weighted_losses_agree_with_a_loop(batch):
    pred, target, weight = (batch[name] for name in ("pred", "target", "weight"))
    total = weight.sum()
    gap = [abs(a - b) for a, b in zip(pred.tolist(), target.tolist(), strict=True)]
    wanted = sum(w * d for w, d in zip(weight.tolist(), gap, strict=True)) / total
    assert float(weighted_l1(pred, target, weight)) == pytest.approx(float(wanted))
    for beta in (0.1, 0.5):
        smooth = [d * d / (2 * beta) if d < beta else d - beta / 2 for d in gap]
        wanted = sum(w * d for w, d in zip(weight.tolist(), smooth, strict=True)) / total
        assert float(weighted_smooth_l1(pred, target, weight, beta=beta)) == pytest.approx(
            float(wanted)
        )


def test_no_weight_at_all_is_0_and_not_nan():
    pred = torch.rand(3, requires_grad=True)
    loss = weighted_l1(pred, torch.zeros(3), torch.zeros(3))
    loss.backward()
    assert loss.item() == 0
    assert not pred.grad.any()


def test_unknown_factors_do_not_count_and_have_no_gradient():
    pred = torch.tensor([[0.5, 0.5], [0.1, 0.9]], requires_grad=True)
    target = torch.tensor([[0.9, math.nan], [math.nan, 0.4]])
    loss = factor_l1(pred, target, torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((1 * 0.4 + 3 * 0.5) / 4)
    loss.backward()
    assert torch.isfinite(pred.grad).all()
    assert pred.grad.tolist() == [[-0.25, 0.0], [0.0, 0.75]]
    assert factor_l1(pred, torch.full((2, 2), math.nan), torch.ones(2)).item() == 0


@pytest.mark.parametrize("output", ["sigmoid", "clip"])
def test_a_bounded_student_ends_in_0_to_1_in_its_file(output, tmp_path):
    """Weights that drive a line far out of 0..1 on both sides; the file must not follow."""
    pytest.importorskip("onnx")
    from fiqa.nets.to_onnx import onnx_bytes
    from fiqa.runtime.onnx import open_session
    from fiqa.training.config import resolve
    from fiqa.training.objectives.regression import Regression

    recipe = resolve({"data": {"faces": "f", "labels": "l"}, "model": {"output": output}})
    torch.manual_seed(0)
    net = Regression.network(recipe).eval()
    crops = torch.rand(16, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        line = net.quality(net.backbone(crops))
        net.quality.weight *= 3 / line.std()
        net.quality.bias += 0.5 - net.quality(net.backbone(crops)).mean()
        line = net.quality(net.backbone(crops))
    assert line.min() < -1 < 2 < line.max()
    content = onnx_bytes(
        Regression.deployed(recipe, net, tmp_path).net, size=32, outputs=["quality"]
    )
    raw = open_session(content, "m").run(["quality"], {"crops": crops.numpy()})[0]
    wanted = torch.sigmoid(line) if output == "sigmoid" else line.clamp(0, 1)
    assert abs(raw - wanted.numpy()).max() < 1e-4
    assert 0 <= raw.min() < 0.3 < 0.7 < raw.max() <= 1
