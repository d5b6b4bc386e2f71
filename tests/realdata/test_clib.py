"""A CLIB-FIQA file gives on real crops what its network gives in torch."""

from __future__ import annotations

import numpy as np
import pytest

import fiqa
from fiqa.data.images import read_image
from fiqa.runtime.preprocess import prepare
from fiqa.types import Faces

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from fiqa.methods.clib_fiqa.convert import write_model  # noqa: E402
from fiqa.methods.clib_fiqa.graph import ClibGraph  # noqa: E402
from fiqa.methods.clib_fiqa.table import table_net  # noqa: E402
from fiqa.methods.clib_fiqa.towers import Towers, clip_input  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.mark.slow
def test_parity_on_real_crops(data, tmp_path):
    files = sorted((data / "lfw" / "aligned").rglob("*.jpg"))[::900]
    crops = np.stack([read_image(file).pixels for file in files])
    torch.manual_seed(0)
    net = table_net("mobilefacenet", dim=64, scale=100.0)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
    x = torch.from_numpy(prepare(crops, clip_input(112)))
    with torch.no_grad():
        net.train()(x)  # statistics of real faces: without them a fresh network gives one number
        image = torch.nn.Sequential(net.backbone, net.projection).eval()
        text = net.text()
        wanted = ClibGraph(image, text, 100.0).eval()(x)
    write_model(Towers(image, text, 100.0, 112), tmp_path / "clib.onnx", origin="a test")
    scorer = fiqa.load(tmp_path / "clib.onnx")
    raw = scorer.score(crops)
    assert len(crops) >= 10
    assert np.ptp(raw) > 1e-2, "a constant would prove nothing"
    np.testing.assert_allclose(raw, wanted[0][:, 0], atol=1e-4)
    why = scorer.explain(Faces(crops))
    np.testing.assert_allclose(why.quality["blur"], wanted[1][:, 0], atol=1e-4)
    np.testing.assert_allclose(why.measures["p_quality_bad"], wanted[2][:, 12], atol=1e-4)
