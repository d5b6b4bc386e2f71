"""The table of prompts and the merged-factor network."""

from __future__ import annotations

import itertools

import pytest

from fiqa.methods.clib_fiqa import GRID, PROMPTS

torch = pytest.importorskip("torch")

from fiqa.errors import UnknownNameError  # noqa: E402
from fiqa.methods.clib_fiqa.joint import joint  # noqa: E402
from fiqa.methods.clib_fiqa.merged import MergedFactors  # noqa: E402
from fiqa.methods.clib_fiqa.table import Constant, JointNet, PromptTable, table_net  # noqa: E402

pytestmark = pytest.mark.numeric


def test_a_prompt_is_the_normalized_sum_of_its_levels():
    table = PromptTable(9)
    text = table()
    assert text.shape == (360, 9)
    words = list(itertools.product(*(range(len(levels)) for levels in GRID.values())))
    for k in (0, 1, 4, 5, 123, 359):
        total = sum(table.levels[name][level] for name, level in zip(GRID, words[k], strict=True))
        torch.testing.assert_close(text[k], total / total.norm())
        for name, level in zip(GRID, words[k], strict=True):
            assert GRID[name][level] in PROMPTS[k]
    assert sum(value.shape[0] for value in table.parameters()) == 17


def test_the_net_is_the_one_path_and_its_scale_is_learned():
    net = table_net("mobilenet_v3_small", dim=16, scale=20.0).eval()
    crops = torch.rand(2, 3, 32, 32)
    wanted = joint(net.projection(net.backbone(crops)), net.text(), 20.0)
    torch.testing.assert_close(net(crops), wanted)
    assert net(crops).shape == (2, 360)
    net(crops)[:, 0].sum().backward()
    assert all(value.grad is not None for value in net.parameters())
    with torch.no_grad():
        net.logit_scale += 1
    assert (net(crops) - wanted).abs().max() > 1e-4
    with pytest.raises(UnknownNameError, match="Unknown backbone 'vgg'"):
        table_net("vgg")


def test_a_constant_matrix_is_not_trained():
    text = torch.randn(360, 4)
    net = JointNet(torch.nn.Flatten(), torch.nn.Linear(12, 4), Constant(text), 10.0)
    assert {name for name, _ in net.named_parameters()} == {
        "logit_scale",
        "projection.weight",
        "projection.bias",
    }
    assert "text.text" in net.state_dict()
    assert torch.equal(net.text(), text)


def test_the_merged_factors_have_the_papers_layers_and_teach_the_factors_nothing():
    net = MergedFactors()
    assert [tuple(value.shape) for name, value in net.named_parameters() if value.ndim == 2] == [
        (128, 72),
        (64, 128),
        (5, 64),
    ]
    assert sum(isinstance(layer, torch.nn.PReLU) for layer in net.layers) == 2
    factors = torch.softmax(torch.randn(3, 72), dim=1).requires_grad_()
    merged = net(factors)
    assert merged.shape == (3, 5)
    torch.testing.assert_close(merged.sum(dim=1), torch.ones(3))
    merged[:, 0].sum().backward()
    assert factors.grad is None
    assert net.layers[0].weight.grad is not None
    assert net(torch.zeros(0, 72)).shape == (0, 5)
