"""CLIP's residual tower has the size of the published RN50; what it computes is compared in
tests/unit/methods/clib_fiqa/test_clip_state.py."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from fiqa.nets.clip_resnet import ClipResNet  # noqa: E402

pytestmark = pytest.mark.numeric


def test_rn50_has_the_published_number_of_parameters():
    with torch.device("meta"):
        net = ClipResNet((3, 4, 6, 3), width=64, size=224, dim=1024)
        assert net(torch.rand(2, 3, 224, 224)).shape == (2, 1024)
    assert sum(value.numel() for value in net.parameters()) == 38_316_896


def test_each_size_changes_the_network():
    with torch.device("meta"):
        base = ClipResNet((1, 1, 1, 1), width=8, size=64, dim=4)
        more = ClipResNet((1, 2, 1, 1), width=8, size=64, dim=4)
        wide = ClipResNet((1, 1, 1, 1), width=16, size=64, dim=4)
        large = ClipResNet((1, 1, 1, 1), width=8, size=96, dim=6)
    assert set(more.state_dict()) - set(base.state_dict()) >= {"layer2.1.conv1.weight"}
    assert wide.attnpool.heads == 2 * base.attnpool.heads
    assert base.attnpool.positional_embedding.shape == (5, 256)
    assert large.attnpool.positional_embedding.shape == (10, 256)
    assert large.attnpool.c_proj.weight.shape == (6, 256)
