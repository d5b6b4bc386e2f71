"""Which parameters train with which rate."""

from __future__ import annotations

import math

import pytest

from fiqa.errors import InputError
from fiqa.training.config import Group, Optim

torch = pytest.importorskip("torch")

from fiqa.training.groups import optimizer, parameter_groups, rate  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture
def net() -> torch.nn.Module:
    return torch.nn.ModuleDict(
        {
            "body": torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(4))),
            "head": torch.nn.Linear(2, 1),
        }
    )


def names(net, groups):
    known = {id(value): name for name, value in net.named_parameters()}
    return [[known[id(value)] for value in group["params"]] for group in groups]


def test_prefix_then_the_last_of_what_is_left_then_frozen(net):
    optim = Optim(
        groups=(
            Group(1e-3, prefix="head.", weight_decay=1e-4),
            Group(1e-3, last=2, weight_decay=1e-5),
            Group(1e-4, last=3),
        ),
        rest="freeze",
    )
    groups = parameter_groups(net, optim)
    assert names(net, groups) == [
        ["head.weight", "head.bias"],
        ["body.3.weight", "body.3.bias"],
        ["body.1.bias", "body.2.weight", "body.2.bias"],
    ]
    assert [(g["lr"], g["weight_decay"]) for g in groups] == [
        (1e-3, 1e-4),
        (1e-3, 1e-5),
        (1e-4, 0.0),
    ]
    assert {name for name, value in net.named_parameters() if not value.requires_grad} == {
        "body.0.weight", "body.0.bias", "body.1.weight",
    }  # fmt: skip


def test_the_rest_trains_with_the_common_rate(net):
    groups = parameter_groups(
        net, Optim(lr=5e-4, weight_decay=0.3, groups=(Group(1e-3, prefix="head."),))
    )
    assert [len(g["params"]) for g in groups] == [2, 8]
    assert (groups[1]["lr"], groups[1]["weight_decay"]) == (5e-4, 0.3)
    assert names(net, parameter_groups(net, Optim())) == [
        [name for name, _ in net.named_parameters()]
    ]


def test_what_cannot_train_is_in_no_group(net):
    net["head"].bias.requires_grad = False
    assert "head.bias" not in names(net, parameter_groups(net, Optim()))[0]


def test_a_group_that_takes_nothing_or_too_much_is_an_error(net):
    with pytest.raises(
        InputError,
        match=(
            r"must find names that begin with 'hat'; the network has 10 left, the first"
            r" 'body.0.weight'"
        ),
    ):
        parameter_groups(net, Optim(groups=(Group(1.0, prefix="hat"),)))
    with pytest.raises(InputError, match="must find 11 tensors that are left; the network has 10"):
        parameter_groups(net, Optim(groups=(Group(1.0, last=11),)))
    with pytest.raises(InputError, match="optim must train something"):
        parameter_groups(net, Optim(rest="freeze"))


@pytest.mark.parametrize(("name", "kind"), [("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD")])
def test_the_optimizer_is_the_one_that_is_named(net, name, kind):
    made = optimizer(
        parameter_groups(net, Optim()), Optim(name=name, betas=(0.8, 0.9), momentum=0.7)
    )
    assert type(made).__name__ == kind
    assert made.defaults.get("betas", (0.8, 0.9)) == (0.8, 0.9)
    assert made.defaults.get("momentum", 0.7) == 0.7


def test_the_rate_rises_then_falls_as_a_cosine():
    cosine = [rate(step, total=20, warmup=5, schedule="cosine") for step in range(20)]
    assert cosine[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert cosine[5:] == pytest.approx([0.5 * (1 + math.cos(math.pi * k / 15)) for k in range(15)])
    assert [rate(step, total=20, warmup=2, schedule="constant") for step in (0, 1, 2, 19)] == [
        0.5,
        1,
        1,
        1,
    ]
    assert rate(0, total=1, warmup=0, schedule="cosine") == 1
    assert rate(3, total=3, warmup=3, schedule="cosine") == 1, (
        "no division by 0 where warm-up is everything"
    )


def test_no_gradient_is_computed_for_the_frozen_trunk_of_label_transfer(root):
    from fiqa.nets.heads import QualityNet
    from fiqa.training.config import read_recipe

    network = QualityNet("mobilefacenet", embedding=128).eval()
    groups = parameter_groups(
        network, read_recipe(root / "recipes" / "label_optimization.toml").optim
    )
    assert [len(group["params"]) for group in groups] == [2, 10, 40, 50]
    carries = []
    for layer in (network.backbone.conv1, *network.backbone.features):
        layer.register_forward_hook(
            lambda _layer, _given, result: carries.append(result.requires_grad)
        )
    network(torch.zeros(1, 3, 112, 112)).sum().backward()
    assert carries == 6 * [False] + 10 * [True], "the five blocks before the 102 tensors that train"
