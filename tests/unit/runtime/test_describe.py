"""Cards for models that come without one: what the file says is read, everything else must be
given."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.errors import ContentShapeError, InputError, UnknownNameError, WeightsError
from fiqa.functional.calibration import Calibration
from fiqa.runtime.cards import card_path, read_card
from fiqa.runtime.describe import Described, _drawn, describe, prove, triple
from fiqa.runtime.onnx import OnnxEmbedder, OnnxScorer

Maker = Callable[..., Path]
GIVEN = Described(
    kind="recognizer", color="rgb", mean=".5", std=".5", texts={"license": "MIT", "paper": ""}
)


def _bare(path: Path) -> Path:
    card_path(path).unlink()
    return path


def test_a_described_recognizer_runs(tiny_recognizer: Maker, rng: np.random.Generator) -> None:
    path = tiny_recognizer()
    crops = rng.integers(0, 256, (3, 112, 112, 3), np.uint8)
    wanted = OnnxEmbedder(path).embed(crops)
    assert describe(_bare(path), GIVEN) == card_path(path)
    card = read_card(card_path(path))
    assert (card.name, card.embedding_dim, card.license, card.input.layout) == (
        "tiny",
        8,
        "MIT",
        "NCHW",
    )
    np.testing.assert_array_equal(OnnxEmbedder(path).embed(crops), wanted)


def test_every_field_arrives(tiny_quality: Maker) -> None:
    path = _bare(tiny_quality())
    given = replace(
        GIVEN, kind="quality", color="BGR", mean="1,2,3", std="4,5,6", scale=1.0, size=112,
        output="q", higher_is_better=False, x0=2.0, w=3.0, name="n",
    )  # fmt: skip
    describe(path, given)
    card = read_card(card_path(path))
    assert (card.input.color, card.input.mean, card.input.std, card.input.scale) == (
        "BGR",
        (1, 2, 3),
        (4, 5, 6),
        1,
    )
    assert card.name == "n"
    assert OnnxScorer(path).calibration == Calibration(2.0, 3.0)
    assert [(o.name, o.role, o.higher_is_better) for o in card.outputs] == [
        ("q", "quality", False),
        ("f", "other", False),
    ]


def test_an_existing_card_is_kept_unless_told(tiny_recognizer: Maker) -> None:
    path = tiny_recognizer()
    with pytest.raises(InputError, match="must not exist yet"):
        describe(path, GIVEN)
    describe(path, replace(GIVEN, name="new"), replace=True)
    assert read_card(card_path(path)).name == "new"


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"kind": "face"}, UnknownNameError, "Unknown kind 'face'"),
        ({"color": "gray"}, UnknownNameError, "Unknown color 'GRAY'"),
        ({"mean": "a"}, InputError, "mean must be one number or three"),
        ({"std": "1,2"}, InputError, "std must be one number or three"),
        ({"std": "0"}, InputError, "std must be positive"),
        ({"size": 96}, InputError, r"has sides \[96, 112\]"),
        ({"output": "g"}, UnknownNameError, "Unknown output of sharp"),
        ({"output": None}, InputError, "which one to read must be given"),
        ({"x0": None}, InputError, "x0 and w must be given"),
        ({"kind": "recognizer"}, InputError, "must say how long its embedding is"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    tiny_quality: Maker, changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    path = _bare(tiny_quality())
    given: dict[str, Any] = {"kind": "quality", "output": "q", "x0": 0.0, "w": 1.0}
    with pytest.raises(error, match=text):
        describe(path, replace(GIVEN, **(given | changes)))
    assert not card_path(path).exists()


QUALITY = replace(GIVEN, kind="quality", size=112, output="q", x0=0.0, w=1.0)
FIRST = ("Slice", ["m", "zero", "one", "one"], ["c"], {})


@pytest.mark.parametrize("shape", [["N"], ["N", 1], [], None])
def test_a_model_that_squeezes_gets_a_card(tiny_shaped: Maker, shape: list[Any] | None) -> None:
    path = _bare(tiny_shaped(FIRST, ("Squeeze", ["c"], ["q"], {}), shape=shape))
    describe(path, QUALITY)
    assert OnnxScorer(path).score(np.zeros((1, 112, 112, 3), np.uint8)).shape == (1,)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([("Slice", ["m", "zero", "two", "one"], ["q"], {})], r"\(32, 1\), got \(32, 2\)"),
        ([FIRST, ("Transpose", ["c"], ["q"], {"perm": [1, 0]})], r"\(32, 1\), got \(1, 32\)"),
        ([("ReduceMean", ["m"], ["q"], {"keepdims": 0})], r"\(32, 1\), got \(\)"),
    ],
)
def test_no_card_for_an_output_of_a_wrong_shape(
    tiny_shaped: Maker, nodes: list[Any], text: str
) -> None:
    path = _bare(tiny_shaped(*nodes))
    with pytest.raises(ContentShapeError, match=text):
        describe(path, QUALITY)
    assert not card_path(path).exists()


def test_no_card_for_a_model_whose_numbers_hang_on_the_batch(tiny_shaped: Maker) -> None:
    centered = [
        FIRST,
        ("ReduceMean", ["c"], ["all"], {"axes": [0], "keepdims": 1}),
        ("Sub", ["c", "all"], ["q"], {}),
    ]
    path = _bare(tiny_shaped(*centered))
    with pytest.raises(InputError, match="must be the same for a crop in any batch") as caught:
        describe(path, QUALITY)
    told = re.search(
        r"in one of (\d) and in one of 33 crops it differs by ([\d.e-]+); its standard deviation"
        r" over crops is ([\d.e-]+)\.\n",
        str(caught.value),
    )
    assert told is not None
    crops = _drawn(33, 112)
    light = (crops[..., 0].mean(axis=(1, 2)) / 255 - 0.5) / 0.5
    whole = np.concatenate([light[:32] - light[:32].mean(), [0.0]])  # a batch has 32
    assert told[1] == "1"
    assert float(told[2]) == pytest.approx(abs(whole[0]), rel=1e-2)
    assert float(told[3]) == pytest.approx(whole.std(), rel=1e-2)
    assert not card_path(path).exists()


def test_no_card_for_a_model_that_is_not_finite(tiny_shaped: Maker) -> None:
    path = _bare(tiny_shaped(FIRST, ("Log", ["c"], ["q"], {})))
    dark = int((_drawn(33, 112)[..., 0].mean(axis=(1, 2)) < 127.5).sum())
    assert 0 < dark < 33
    with pytest.raises(InputError, match=f"must be finite, for {dark} of 33 drawn crops it is not"):
        describe(path, QUALITY)


def test_no_card_for_a_model_that_takes_one_batch_alone(tiny_shaped: Maker) -> None:
    shape = {"weights": {"three": np.array([1, 3])}}
    path = _bare(tiny_shaped(("Reshape", ["m", "three"], ["r"], {}), _first("r"), **shape))
    with pytest.raises(WeightsError, match="failed on a batch of 32"):
        describe(path, QUALITY)


def _first(name: str) -> tuple[Any, ...]:
    return ("Slice", [name, "zero", "one", "one"], ["q"], {})


@pytest.mark.parametrize("side", [8, 50, 112])
def test_drawn_crops_differ_in_light_contrast_and_sharpness(side: int) -> None:
    crops = _drawn(33, side).astype(np.float64)
    assert crops.shape == (33, side, side, 3)
    step = np.abs(np.diff(crops, axis=2)).mean(axis=(1, 2, 3))
    for measure in (crops.mean(axis=(1, 2, 3)), crops.std(axis=(1, 2, 3)), step):
        assert np.ptp(measure) > 20
    np.testing.assert_array_equal(_drawn(33, side), crops)


def test_shapes_that_say_nothing(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    def model(shape: list[int | str]) -> Path:
        graph = helper.make_graph(
            [helper.make_node("Flatten", ["x"], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "D"])],
        )
        path = tmp_path / "m.onnx"
        path.write_bytes(
            helper.make_model(
                graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
            ).SerializeToString()
        )
        return path

    with pytest.raises(InputError, match="three channels in axis 1 or 3"):
        describe(model(["N", 1, 112, 112]), GIVEN)
    with pytest.raises(InputError, match="does not say its side"):
        describe(model(["N", 3, "h", "w"]), GIVEN)
    with pytest.raises(InputError, match="one input of four axes"):
        describe(model(["N", 3]), GIVEN)
    describe(model(["N", "h", "w", 3]), replace(GIVEN, kind="pose", size=64))
    assert read_card(tmp_path / "m.json").input.layout == "NHWC"
    with pytest.raises(WeightsError, match="there is none"):
        describe(tmp_path / "absent.onnx", GIVEN)


def test_triple() -> None:
    assert triple("1,2,3", "m") == (1, 2, 3)


def test_a_constant_quality_is_told(tmp_path, caplog):
    prove(lambda crops: {"quality": np.full((len(crops), 1), 0.5, np.float32)}, 112, Path("m.onnx"))
    assert "the quality of m.onnx is 0.5 for each of 33 drawn crops" in caplog.text
