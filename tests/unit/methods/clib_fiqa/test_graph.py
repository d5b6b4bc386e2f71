"""The network of a CLIB-FIQA model, against numpy: marginals, factor qualities, confidence; the
file gives what it gives."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.functional.soft import AXES, expected_score, marginals
from fiqa.methods.clib_fiqa.confidence import confidence
from fiqa.methods.clib_fiqa.prompts import GRID
from fiqa.runtime.onnx import open_session

torch = pytest.importorskip("torch")

from fiqa.methods.clib_fiqa.graph import (  # noqa: E402
    FACTORS,
    OUTPUTS,
    ClibGraph,
    agreement,
    card_outputs,
    measure_names,
)
from fiqa.nets.to_onnx import onnx_bytes  # noqa: E402

pytestmark = pytest.mark.numeric


class _Flat(torch.nn.Module):
    """An image tower of one matrix."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3 * 8 * 8, 16)

    def forward(self, x):
        return self.linear(x.flatten(1))


@pytest.fixture
def made():
    """(tower, text (360,16), merged-factor network, images (7,3,8,8))."""
    torch.manual_seed(3)
    merged = torch.nn.Sequential(torch.nn.Linear(72, 5), torch.nn.Softmax(dim=1))
    return _Flat(), torch.randn(360, 16), merged, torch.randn(7, 3, 8, 8)


def test_quality_factors_and_measures_are_those_of_the_joint_softmax(made):
    image, text, merged, x = made
    with torch.no_grad():
        quality, factors, measures = ClibGraph(image, text, 20.0, merged=merged, beta=8.0)(x)
        embedding = image(x).numpy().astype(np.float64)
    assert [tuple(part.shape) for part in (quality, factors, measures)] == [(7, 1), (7, 5), (7, 19)]
    words = text.numpy().astype(np.float64)
    cosine = (embedding / np.linalg.norm(embedding, axis=1)[:, None]) @ (
        words / np.linalg.norm(words, axis=1)[:, None]
    ).T
    weight = np.exp(20 * cosine)
    p = weight / weight.sum(axis=1, keepdims=True)
    each = marginals(p.reshape(7, 3, 2, 3, 2, 2, 5))
    assert np.ptp(quality.numpy()) > 0.02, "it varies"
    np.testing.assert_allclose(quality[:, 0], expected_score(each["quality"]), atol=1e-5)
    np.testing.assert_allclose(
        measures[:, :17], np.concatenate([each[name] for name in AXES], axis=1), atol=1e-5
    )
    for k, name in enumerate(FACTORS):
        levels = np.linspace(0, 1, len(GRID[name]))
        np.testing.assert_allclose(factors[:, k], each[name] @ levels, atol=1e-5)
    with torch.no_grad():
        told = (
            merged(torch.tensor(p.reshape(7, 72, 5).sum(axis=2), dtype=torch.float32))
            .numpy()
            .astype(np.float64)
        )
    told /= told.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        measures[:, 17], confidence(each["quality"], told, beta=8.0), atol=1e-4
    )
    np.testing.assert_allclose(measures[:, 18], expected_score(told), atol=1e-4)
    assert measures.shape == (7, 19)


def test_agreement_is_the_confidence_of_numpy_and_takes_zeros():
    p = np.array([[0, 0, 1, 0, 0], [0.2, 0.2, 0.2, 0.2, 0.2], [1, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0]])
    q = np.array([[0, 0, 1, 0, 0], [0, 0, 0, 0, 1.0], [0, 0, 0, 0, 1], [0.4, 0.6, 0, 0, 0]])
    for beta, again in ((4.0, False), (32.0, False), (32.0, True)):
        got = agreement(torch.tensor(p), torch.tensor(q), beta, softmax_again=again)
        np.testing.assert_allclose(got, confidence(p, q, beta=beta, softmax_again=again), atol=1e-9)


def test_the_form_of_the_confidence_reaches_the_measures(made):
    image, text, merged, x = made
    with torch.no_grad():
        plain, again = (
            ClibGraph(image, text, 20.0, merged=merged, softmax_again=s)(x)[2]
            for s in (False, True)
        )
    assert (again[:, 17] > plain[:, 17]).all()
    np.testing.assert_array_equal(again[:, :17], plain[:, :17])


def test_the_file_gives_what_the_network_gives_for_any_batch(made):
    image, text, merged, x = made
    model = ClibGraph(image, text, 100.0, merged=merged).eval()
    content = onnx_bytes(model, size=8, outputs=OUTPUTS)
    session = open_session(content, "clib", threads=1)
    for count in (1, 2, 7):
        with torch.no_grad():
            wanted = model(x[:count])
        got = session.run(list(OUTPUTS), {"crops": x[:count].numpy()})
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b.numpy(), atol=1e-4)
    assert np.ptp(got[0]) > 0.02
    assert len(content) > 4 * 360 * 16, "the text matrix is inside"


def test_the_card_names_every_column():
    quality, factors, measures = card_outputs(confidence=True)
    assert [output.name for output in (quality, factors, measures)] == list(OUTPUTS)
    assert factors.factors == ("blur", "occlusion", "pose", "expression", "illumination")
    assert measures.measures == measure_names(confidence=True)
    assert len(measure_names(confidence=False)) == 17
    assert measure_names(confidence=True)[17:] == ("confidence", "merged_score")
    assert {"p_pose_slight_angle", "p_expression_typical", "p_illumination_extreme"} < set(
        measures.measures
    )


def test_text_and_scale_are_checked(made):
    image, text, _, _ = made
    with pytest.raises(ShapeError, match=r"text must have shape \(360, D\), got \(5, 16\)"):
        ClibGraph(image, text[:5], 1.0)
    with pytest.raises(InputError, match=r"scale must be in \(0, inf\], got 0"):
        ClibGraph(image, text, 0.0)
    with pytest.raises(InputError, match=r"beta must be in \(0, inf\], got -1"):
        ClibGraph(image, text, 1.0, beta=-1.0)
