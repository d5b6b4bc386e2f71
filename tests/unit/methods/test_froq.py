"""FROQ: lengths by hand, layers found where they were hidden, and a table of scores as
reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError, ReadError, ShapeError, UnknownNameError
from fiqa.functional.agreement import spearman
from fiqa.methods.froq import Layer, choose_layers, layer_norms

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.numeric


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    """Thirty crops whose contrast differs."""
    noise = rng.normal(size=(30, 14, 14, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return np.clip(
        127 + np.linspace(5, 60, 30)[rng.permutation(30), None, None, None] * noise, 0, 255
    ).astype(np.uint8)


def by_hand(recognizer, crops: np.ndarray) -> dict[str, np.ndarray]:
    """Length of the output of two layers, face by face."""
    found: dict[str, list[float]] = {"first.0": [], "last": []}
    for crop in crops:
        x = recognizer.tensor(crop[None])
        found["first.0"].append(float((recognizer.net.first[0](x) ** 2).sum().sqrt()))
        found["last"].append(float((recognizer.net(x) ** 2).sum().sqrt()))
    return {name: np.array(values) for name, values in found.items()}


def test_lengths_are_those_of_each_face_alone(torch_recognizer, crops) -> None:
    got = layer_norms(torch_recognizer.net, torch_recognizer.tensor(crops[:5]), ["last", "first.0"])
    wanted = by_hand(torch_recognizer, crops[:5])
    np.testing.assert_allclose(
        got, np.stack([wanted["last"], wanted["first.0"]], axis=1), rtol=1e-5
    )
    with pytest.raises(UnknownNameError, match="Unknown layer 'third'"):
        layer_norms(torch_recognizer.net, torch_recognizer.tensor(crops[:1]), ["third"])
    unused = torch.nn.Sequential(torch.nn.Linear(2, 2))
    unused.extra = torch.nn.Linear(2, 2)
    unused.forward = lambda x: x
    with pytest.raises(InputError, match="a tensor with a row per crop, extra did not"):
        layer_norms(unused, torch.ones(1, 2), ["extra"])
    assert not any(m._forward_hooks for m in torch_recognizer.net.modules())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_layer_that_is_the_reference_is_found(torch_recognizer, crops, sign) -> None:
    hidden = by_hand(torch_recognizer, crops)["first.0"]
    (layer,) = choose_layers(torch_recognizer, crops, sign * hidden**3, count=1)
    assert isinstance(layer, Layer)
    np.testing.assert_allclose(layer[1:], (sign, hidden.mean(), hidden.std()), rtol=1e-4)
    scorer = fiqa.load(
        "froq", recognizer=torch_recognizer, reference=(crops, sign * hidden**3), count=1
    )
    np.testing.assert_allclose(
        scorer.score(crops), sign * (hidden - hidden.mean()) / hidden.std(), atol=1e-3
    )
    assert f"layers={layer.name}, reference_faces=30" in scorer.version


def test_more_layers_agree_better_and_no_layer_is_taken_twice(torch_recognizer, crops, rng) -> None:
    lengths = by_hand(torch_recognizer, crops)
    rank = {name: value.argsort().argsort() for name, value in lengths.items()}
    reference = rank["first.0"] - rank["last"] + 0.1 * rng.normal(size=30)

    def agreement(count: int) -> float:
        score = fiqa.load(
            "froq", recognizer=torch_recognizer, reference=(crops, reference), count=count
        ).score(crops)
        return spearman(score, reference)

    assert agreement(1) < agreement(4)
    names = [layer.name for layer in choose_layers(torch_recognizer, crops, reference, count=100)]
    assert len(set(names)) == len(names) < 8


def test_the_reference_may_be_a_table_of_scores(torch_recognizer, crops, tmp_path: Path) -> None:
    import cv2
    import polars as pl

    for i, crop in enumerate(crops):
        cv2.imwrite(str(tmp_path / f"{i}.png"), crop[..., ::-1])
    raw = by_hand(torch_recognizer, crops)["last"]
    table = tmp_path / "reference.parquet"
    frame = pl.DataFrame(
        {
            "id": range(31),
            "path": [str(tmp_path / f"{i}.png") for i in range(30)] + ["gone.png"],
            "raw": [*raw, None],
        }
    )
    frame.write_parquet(table)
    by_table = fiqa.load("froq", recognizer=torch_recognizer, reference=str(table))
    by_arrays = fiqa.load("froq", recognizer=torch_recognizer, reference=(crops, raw))
    np.testing.assert_array_equal(by_table.score(crops), by_arrays.score(crops))
    frame.drop("raw").write_parquet(table)
    with pytest.raises(ReadError, match="must have the columns path and raw, it lacks raw"):
        fiqa.load("froq", recognizer=torch_recognizer, reference=table)
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((20, 30, 3), np.uint8))
    frame.write_parquet(table)
    with pytest.raises(InputError, match="must be aligned crops, some are not square"):
        fiqa.load("froq", recognizer=torch_recognizer, reference=table)


def test_references_that_choose_nothing(torch_recognizer, crops) -> None:
    with pytest.raises(InputError, match="at least 20 reference faces whose scores differ, got 19"):
        choose_layers(torch_recognizer, crops[:19], np.arange(19))
    with pytest.raises(InputError, match="got 30 with the same score"):
        choose_layers(torch_recognizer, crops, np.ones(30))
    with pytest.raises(InputError, match="reference must be finite"):
        choose_layers(torch_recognizer, crops, np.full(30, np.nan))
    with pytest.raises(ShapeError, match=r"reference must have shape \(30,\)"):
        choose_layers(torch_recognizer, crops, np.ones(29))
    with pytest.raises(InputError, match="count must be in"):
        choose_layers(torch_recognizer, crops, np.arange(30), count=0)
    with pytest.raises(
        InputError, match="a layer that answers differently to the reference faces, tiny has none"
    ):
        choose_layers(torch_recognizer, crops[:1].repeat(20, axis=0), np.arange(20))
