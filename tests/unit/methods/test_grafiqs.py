"""GraFIQs against one face at a time, against finite differences, and against what each parameter
must do."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError, UnknownNameError
from fiqa.methods.grafiqs import gradient_magnitude

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.numeric
nn = torch.nn


def small(seed: int = 0) -> nn.Module:
    """Two blocks with statistics of their own; the activations change in place, as published
    networks do."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU6(inplace=True)),
        nn.Sequential(nn.Conv2d(4, 5, 3, bias=False), nn.BatchNorm2d(5), nn.PReLU()),
        nn.Flatten(),
        nn.Linear(125, 6),
    )
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return net.eval()


def losses(net: nn.Module, x: torch.Tensor, start: int = 0) -> torch.Tensor:
    """The loss of one face (1,3,S,S), layer by layer, in double precision; from block `start` on,
    whose input is `x`."""
    found = []
    for block in list(net)[start:2]:
        x = block[0](x)
        mean = x.mean(dim=(0, 2, 3))
        variance = ((x - mean[None, :, None, None]) ** 2).mean(dim=(0, 2, 3))
        found.append(
            ((mean - block[1].running_mean) ** 2).mean()
            + ((variance - block[1].running_var) ** 2).mean()
        )
        x = block[2](block[1](x))
    return torch.stack(found)


def alone(net: nn.Module, x: torch.Tensor) -> list[float]:
    """Sum of absolute gradients with respect to the image, one face at a time."""
    result = []
    for face in x:
        face = face[None].clone().requires_grad_()
        losses(net, face).mean().backward()
        result.append(float(face.grad.abs().sum()))
    return result


def test_a_batch_gives_what_each_face_alone_gives() -> None:
    net, x = small().double(), torch.rand(7, 3, 9, 9, dtype=torch.float64)
    np.testing.assert_allclose(gradient_magnitude(net, x), alone(net, x), rtol=1e-10)
    net, x = net.float(), x.float()
    one_by_one = torch.cat([gradient_magnitude(net, face[None]) for face in x])
    np.testing.assert_allclose(gradient_magnitude(net, x), one_by_one, rtol=1e-5)


def test_the_gradient_is_that_of_finite_differences() -> None:
    net, x = small().double(), torch.rand(1, 3, 9, 9, dtype=torch.float64)
    total, step = 0.0, 1e-6
    for place in np.ndindex(*x.shape):
        up, down = x.clone(), x.clone()
        up[place] += step
        down[place] -= step
        total += abs((losses(net, up) - losses(net, down)).mean().item()) / (2 * step)
    np.testing.assert_allclose(float(gradient_magnitude(net, x)[0]), total, rtol=1e-5)


def test_at_a_block_only_the_layers_after_it_count() -> None:
    net, x = small().double(), torch.rand(3, 3, 9, 9, dtype=torch.float64)
    wanted = []
    for face in x:
        inner = net[0](face[None]).detach().requires_grad_()
        (losses(net, inner, start=1).sum() / 2).backward()  # the mean is over both layers
        wanted.append(float(inner.grad.abs().sum()))
    np.testing.assert_allclose(gradient_magnitude(net, x, at="0"), wanted, rtol=1e-10)
    np.testing.assert_allclose(gradient_magnitude(net, x, at="0.2"), wanted, rtol=1e-10)
    before_relu = gradient_magnitude(net, x, at="0.1")
    assert (before_relu != gradient_magnitude(net, x, at="0")).any()


def test_a_face_with_the_statistics_of_training_has_no_gradient() -> None:
    net, x = small().double(), torch.rand(1, 3, 9, 9, dtype=torch.float64)
    plain = copy.deepcopy(net)
    with torch.no_grad():
        for k, block in enumerate(plain[:2]):
            inner = x if k == 0 else plain[0](x)
            y = block[0](inner)
            block[1].running_mean = y.mean((0, 2, 3))
            block[1].running_var = y.var((0, 2, 3), correction=0)
    assert float(gradient_magnitude(plain, x)[0]) < 1e-12
    assert float(gradient_magnitude(net, x)[0]) > 1e-3


def test_nothing_is_changed_and_nothing_stays_behind() -> None:
    net, x = small(), torch.rand(2, 3, 9, 9)
    before, state = x.clone(), {k: v.clone() for k, v in net.state_dict().items()}
    gradient_magnitude(net, x)
    assert torch.equal(before, x)
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in state.items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert x.grad is None
    with torch.no_grad():
        assert gradient_magnitude(net, x).shape == (2,)
    assert gradient_magnitude(net, x[:0]).shape == (0,)


def test_networks_that_cannot_be_asked() -> None:
    x = torch.rand(1, 3, 9, 9)
    with pytest.raises(InputError, match="needs a recognizer with BatchNorm2d layers"):
        gradient_magnitude(nn.Sequential(nn.Conv2d(3, 4, 3)).eval(), x)
    forgetful = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)
    ).eval()
    with pytest.raises(InputError, match="has 1 BatchNorm2d layers, some without"):
        gradient_magnitude(forgetful, x)
    with pytest.raises(
        InputError,
        match="must name a module that runs once and has a BatchNorm2d layer after it, got '3'",
    ):
        gradient_magnitude(small(), x, at="3")
    with pytest.raises(UnknownNameError, match=r"Unknown at '0\.9'"):
        gradient_magnitude(small(), x, at="0.9")


def test_every_setting_arrives(torch_recognizer, rng: np.random.Generator) -> None:
    crops = rng.integers(0, 256, (3, 112, 112, 3), np.uint8)
    plain = fiqa.load("grafiqs", recognizer=torch_recognizer)
    raw = plain.score(crops)
    wanted = -gradient_magnitude(torch_recognizer.net, torch_recognizer.tensor(crops)).numpy()
    np.testing.assert_allclose(raw, wanted, rtol=1e-6)
    assert (raw < 0).all()
    inner = fiqa.load("grafiqs", recognizer=torch_recognizer, at="first")
    assert (inner.score(crops) != raw).all()
    assert inner.version.endswith("at=first")
    np.testing.assert_allclose(
        fiqa.load("grafiqs", recognizer=torch_recognizer, batch=1).score(crops), raw, rtol=1e-5
    )
    shifted = fiqa.load("grafiqs", recognizer=torch_recognizer, x0=float(raw.max()) + 1, w=0.1)
    assert (
        shifted.unified(raw).max()
        < 50
        < fiqa.load("grafiqs", recognizer=torch_recognizer, x0=float(raw.min()) - 1, w=0.1)
        .unified(raw)
        .min()
    )
    with pytest.raises(UnknownNameError, match="Unknown at 'third'"):
        fiqa.load("grafiqs", recognizer=torch_recognizer, at="third").score(crops)
