"""One pass gives the quality and the factors."""

from __future__ import annotations

import pytest

from fiqa.errors import InputError, UnknownNameError

torch = pytest.importorskip("torch")

from fiqa.nets.heads import QualityNet  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture
def crops() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_quality_is_column_0_and_factors_lie_between_0_and_1(crops):
    net = QualityNet("mobilenet_v3_small", factors=("blur", "pose")).eval()
    out = net(crops)
    assert out.shape == (3, 3)
    assert out[:, 1:].min() >= 0
    assert out[:, 1:].max() <= 1
    features = net.backbone(crops)
    assert torch.allclose(out[:, :1], net.quality(features))
    assert torch.allclose(out[:, 1:], torch.sigmoid(net.factors(features)))
    with torch.no_grad():
        net.quality.bias += 100
    assert net(crops)[:, 0].min() > 50, "the quality is not squashed"


def test_a_bounded_quality_is_a_sigmoid_or_is_clipped_after_training(crops):
    for output in ("sigmoid", "clip"):
        torch.manual_seed(0)
        net = QualityNet("mobilenet_v3_small", output=output).eval()
        start = net(crops)
        assert (start - 0.5).abs().max() < 0.3, "each starts near the middle of its labels"
        line = net.quality(net.backbone(crops))
        wanted = 1 / (1 + torch.exp(-line)) if output == "sigmoid" else line
        assert torch.allclose(start, wanted)
        with torch.no_grad():
            net.quality.bias += 100
        assert net(crops).max() <= 1
        assert torch.equal(net(crops) == 1, torch.ones(3, 1, dtype=torch.bool))
    net.train()
    assert net.from_features(net.backbone(crops)).min() > 50, (
        "training sees the line: a clip has no gradient out there"
    )


def test_without_factors_there_is_one_column(crops):
    net = QualityNet("mobilenet_v3_small").eval()
    assert net(crops).shape == (3, 1)


def test_an_embedding_is_the_backbones_own_last_layer():
    net = QualityNet("mobilefacenet", embedding=128)
    assert net.quality.in_features == 128
    assert QualityNet("mobilefacenet").quality.in_features == 512


def test_a_wrong_argument_says_what_there_is():
    with pytest.raises(UnknownNameError, match="Unknown factor 'blurr'"):
        QualityNet("mobilenet_v3_small", factors=("blurr",))
    with pytest.raises(InputError, match="factors must be named at most once, got blur, blur"):
        QualityNet("mobilenet_v3_small", factors=("blur", "blur"))
    with pytest.raises(UnknownNameError, match="Unknown backbone 'resnet'"):
        QualityNet("resnet")
