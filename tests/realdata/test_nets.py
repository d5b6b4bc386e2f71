"""Our MobileFaceNet is the published one: its PyTorch weights load and give what its ONNX file
gives."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.data.images import read_image

torch = pytest.importorskip("torch")

from fiqa.nets.catalog import load_weights  # noqa: E402
from fiqa.nets.mobilefacenet import MobileFaceNet  # noqa: E402
from fiqa.runtime.onnx import open_session  # noqa: E402

pytestmark = pytest.mark.numeric

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def test_mobilefacenet_matches_the_onnx_file_of_recognizer_a(data):
    files = sorted((data / "lfw" / "aligned").glob("*/*.jpg"))[::1500]
    crops = np.stack([read_image(file).pixels for file in files])
    inputs = ((crops / np.float32(255) - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)
    net = MobileFaceNet(128).eval()
    load_weights(net, data / "models" / "recognizer_a.pt")
    with torch.no_grad():
        ours = net(torch.from_numpy(inputs)).numpy()
    session = open_session((data / "models" / "recognizer_a.onnx").read_bytes(), "a", threads=1)
    name = session.get_inputs()[0].name
    theirs = np.concatenate(
        [session.run(None, {name: inputs[i : i + 1]})[0] for i in range(len(inputs))]
    )
    assert theirs.std(axis=0).min() > 0.05, (
        "vectors of different faces must differ before their agreement says anything"
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
