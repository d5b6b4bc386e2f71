"""iResNet has insightface's parameters."""

from __future__ import annotations

import pytest

from fiqa.errors import InputError

torch = pytest.importorskip("torch")

from fiqa.nets.iresnet import IResNet  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize(("depth", "millions"), [(18, 24.03), (50, 43.59), (100, 65.16)])
def test_the_number_of_parameters_is_the_published_one(depth, millions):
    with torch.device("meta"):
        net = IResNet(depth)
    assert sum(value.numel() for value in net.parameters()) / 1e6 == pytest.approx(
        millions, abs=0.01
    )


@pytest.mark.parametrize(
    ("depth", "blocks"), [(18, (2, 2, 2, 2)), (50, (3, 4, 14, 3)), (100, (3, 13, 30, 3))]
)
def test_names_and_shapes_are_insightfaces(depth, blocks):
    with torch.device("meta"):
        state = IResNet(depth).state_dict()
    parts = {"conv1.weight", "prelu.weight", "fc.weight", "fc.bias"}
    parts |= {f"{bn}.{what}" for bn in ("bn1", "bn2", "features") for what in _BN}
    for stage, count in enumerate(blocks, 1):
        for k in range(count):
            head = f"layer{stage}.{k}."
            parts |= {f"{head}{bn}.{what}" for bn in ("bn1", "bn2", "bn3") for what in _BN}
            parts |= {f"{head}{name}.weight" for name in ("conv1", "conv2", "prelu")}
        parts |= {f"layer{stage}.0.downsample.0.weight"} | {
            f"layer{stage}.0.downsample.1.{what}" for what in _BN
        }
    assert set(state) == parts
    assert tuple(state["fc.weight"].shape) == (512, 25088)
    assert tuple(state["layer2.0.downsample.0.weight"].shape) == (128, 64, 1, 1)
    assert tuple(state["layer4.1.prelu.weight"].shape) == (512,)


_BN = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def test_it_embeds_crops_and_drops_features_in_training_only():
    torch.manual_seed(0)
    net = IResNet(18, dim=16, dropout=0.5).eval()
    crops = torch.rand(2, 3, 112, 112)
    with torch.no_grad():
        first = net(crops)
        assert first.shape == (2, 16)
        assert torch.equal(first, net(crops))
        net.dropout.train()
        assert not torch.equal(first, net(crops))
    assert not net.features.weight.requires_grad


def test_a_wrong_argument_says_what_there_is():
    with pytest.raises(InputError, match="depth must be one of 18, 50, 100, got 34"):
        IResNet(34)
    with pytest.raises(InputError, match=r"dim must be in \[1, inf\], got 0"):
        IResNet(18, dim=0)
