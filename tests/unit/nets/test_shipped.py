"""The shipped model as a network to train computes what its file does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from fiqa.errors import InputError, WeightsError  # noqa: E402
from fiqa.methods.bundled import WEIGHTS  # noqa: E402
from fiqa.methods.bundled.large import WEIGHTS as LARGE  # noqa: E402
from fiqa.nets.heads import QualityNet  # noqa: E402
from fiqa.nets.shipped import load_shipped  # noqa: E402
from fiqa.runtime.onnx import open_session, read_model  # noqa: E402
from fiqa.training.config import Recipe, resolve  # noqa: E402
from fiqa.training.evaluation import to_input  # noqa: E402
from fiqa.training.loop import network  # noqa: E402
from fiqa.vocabulary import FACTORS  # noqa: E402

pytestmark = pytest.mark.numeric

SETTINGS = {
    "weights": "fiqa",
    "backbone": "mobilefacenet_half",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "freeze_batchnorm": True,
}


def recipe(**model: object) -> Recipe:
    judged = bool(model.get("factors"))
    data = {"faces": "x", "labels": "y", "factors": "z" if judged else ""}
    loss = {"factors": float(judged)}
    return resolve({"data": data, "model": SETTINGS | model, "loss": loss})


@pytest.mark.parametrize("factors", [(), FACTORS])
@pytest.mark.parametrize(
    ("file", "backbone"), [(WEIGHTS, "mobilefacenet_half"), (LARGE, "mobilefacenet")]
)
def test_the_network_gives_the_scores_of_the_file(
    file: Path, backbone: str, factors: tuple[str, ...], rng: np.random.Generator
) -> None:
    plan = recipe(weights=file.stem, backbone=backbone, factors=factors)
    crops = rng.integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)
    crops[1:3] = crops[1:3] // 64 * 64
    crops[4] = 200
    net = network(plan).eval()
    pixels = to_input(crops, plan.model, torch.device("cpu"))
    with torch.no_grad():
        given = net(pixels).numpy()
    session = open_session(read_model(file), "the model")
    quality, judged = session.run(["quality", "factors"], {"crops": pixels.numpy()})
    np.testing.assert_allclose(given[:, :1], quality, rtol=1e-4, atol=1e-4)
    if factors:
        np.testing.assert_allclose(given[:, 1:], judged, rtol=1e-4, atol=1e-4)
    assert np.ptp(quality) > 0.01


def test_a_recipe_starts_from_it() -> None:
    net, other = network(recipe()), QualityNet("mobilefacenet_half")
    load_shipped(other, WEIGHTS)
    state = other.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


def test_another_network_is_refused(tiny_quality) -> None:
    with pytest.raises(WeightsError, match=r"must have \d+ convolutions"):
        load_shipped(QualityNet("mobilefacenet"), WEIGHTS)
    with pytest.raises(WeightsError, match=r"must have \d+ convolutions"):
        load_shipped(QualityNet("mobilefacenet_half"), Path(tiny_quality()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"freeze_batchnorm": False}, "model.freeze_batchnorm must be True"),
        ({"backbone": "mobilefacenet"}, "model.backbone must be 'mobilefacenet_half'"),
        ({"weights": "fiqa-large"}, "model.backbone must be 'mobilefacenet' where"),
        ({"mean": [0.5, 0.5, 0.5]}, "model.mean must be"),
        ({"output": "sigmoid"}, "model.output must be 'linear'"),
    ],
)
def test_settings_that_change_what_it_computes_are_refused(change, message) -> None:
    with pytest.raises(InputError, match=message):
        recipe(**change)
