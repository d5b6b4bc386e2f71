"""The recognizer with a quality: what it gives, in which order, and from which layers."""

from __future__ import annotations

import pytest

from fiqa.errors import InputError

torch = pytest.importorskip("torch")

from fiqa.nets.recognition import EmbeddingNet, VarianceNet  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize(
    ("embedding", "dim", "width"), [(0, 0, 576), (24, 0, 24), (0, 16, 16), (24, 16, 16)]
)
def test_it_gives_quality_then_vector(embedding, dim, width):
    torch.manual_seed(0)
    net = EmbeddingNet("mobilenet_v3_small", embedding=embedding, dim=dim).eval()
    crops = torch.randn(3, 3, 32, 32)
    got = net(crops)
    assert got.shape == (3, 1 + width)
    assert net.width == width
    vector = net.vector(net.backbone(crops))
    torch.testing.assert_close(got[:, 1:], vector)
    torch.testing.assert_close(got[:, :1], net.quality(vector))
    torch.testing.assert_close(net.from_features(net.backbone(crops)), got)


def test_without_a_quality_it_gives_the_vector():
    net = EmbeddingNet("mobilenet_v3_small", dim=8, quality=False).eval()
    assert net(torch.randn(1, 3, 32, 32)).shape == (1, 8)
    assert not [name for name, _ in net.named_parameters() if name.startswith("quality")]


def test_a_new_layer_starts_with_vectors_longer_than_ten():
    """Below a length of 10 MagFace has no gradient."""
    torch.manual_seed(0)
    net = EmbeddingNet("mobilenet_v3_small", dim=128, quality=False)
    length = net(torch.randn(16, 3, 32, 32)).norm(dim=1)
    assert length.mean().item() == pytest.approx(128**0.5, rel=0.1)


def test_a_dim_below_0_is_refused():
    with pytest.raises(InputError, match=r"dim must be in \[0, inf\], got -1"):
        EmbeddingNet("mobilenet_v3_small", dim=-1)


def test_variances_start_near_one_over_dim():
    torch.manual_seed(0)
    net = VarianceNet("mobilenet_v3_small", dim=16, hidden=5).eval()
    found = net(torch.randn(4, 3, 32, 32))
    assert found.shape == (4, 16)
    assert found.exp().mean().item() == pytest.approx(1 / 16, rel=0.2)
    with pytest.raises(InputError, match=r"dim must be in \[1, inf\], got 0"):
        VarianceNet("mobilenet_v3_small", dim=0)
    with pytest.raises(InputError, match=r"hidden must be in \[0, inf\], got -1"):
        VarianceNet("mobilenet_v3_small", dim=1, hidden=-1)
