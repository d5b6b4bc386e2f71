"""The exported file computes what torch computes, for any batch, and tells nothing of the machine
that made it."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import WeightsError
from fiqa.runtime.onnx import open_session

torch = pytest.importorskip("torch")

from fiqa.nets.heads import QualityNet  # noqa: E402
from fiqa.nets.to_onnx import onnx_bytes  # noqa: E402

pytestmark = pytest.mark.numeric


class _Two(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = QualityNet("mobilenet_v3_small", factors=("blur", "crop"))

    def forward(self, x):
        result = self.net(x)
        return result[:, :1], result[:, 1:]


def test_both_outputs_agree_for_every_batch_size():
    torch.manual_seed(2)
    net = _Two()
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
    net.train()(torch.rand(8, 3, 64, 64))
    content = onnx_bytes(net, size=64, outputs=("quality", "factors"))
    session = open_session(content, "net", threads=1)
    for count in (1, 2, 7):
        crops = torch.rand(count, 3, 64, 64)
        with torch.no_grad():
            wanted = [part.numpy() for part in net.eval()(crops)]
        got = session.run(["quality", "factors"], {"crops": crops.numpy()})
        assert [part.shape for part in got] == [(count, 1), (count, 2)]
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)
    assert b".py" not in content
    assert content == onnx_bytes(net, size=64, outputs=("quality", "factors")), (
        "the same bytes every time"
    )


class _Branches(torch.nn.Module):
    def forward(self, x):
        return (x.sum(dim=(1, 2, 3))[:, None] if x.sum() > 0 else x[:, 0, 0, :1],)


def test_a_network_that_cannot_be_exported_says_so():
    with pytest.raises(WeightsError, match="_Branches cannot be exported to ONNX"):
        onnx_bytes(_Branches(), size=8, outputs=("quality",))
