"""The preprocessing of a recognizer is found from faces: of a drawn network whose right one is
known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.images import read_image, write_image
from fiqa.diagnosis.preprocessing import SCALINGS, preprocessing
from fiqa.diagnosis.separation import Crowd
from fiqa.errors import InputError
from fiqa.runtime.cards import card_path, read_card
from fiqa.runtime.describe import Described

OPEN = Described(kind="recognizer", color="", mean="", std="", texts={})
PEOPLE, IMAGES = 12, 3


@pytest.fixture
def dark_reader(tmp_path: Path) -> Callable[..., Path]:
    """Makes a network that reads the dark half of (x - 127.5) / 127.5 in channels of the input, and
    is blind to what lies outside -1..0: a pixel that is scaled otherwise is lost or cut off; with
    `blind` it adds the channels up."""

    def make(*channels: int, blind: bool = False) -> Path:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        matrix = np.zeros((3, 49, 147), np.float32)
        for channel in channels:
            place = 0 if blind else 49 * channel
            matrix[channel] = np.eye(147, dtype=np.float32)[place : place + 49]
        weights = {"w": matrix.reshape(147, 147), "low": np.float32(-1), "high": np.float32(0)}
        nodes = [
            helper.make_node("Clip", ["x", "low", "high"], ["c"]),
            helper.make_node("AveragePool", ["c"], ["p"], kernel_shape=[16] * 2, strides=[16] * 2),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["e"]),
        ]
        shape = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "reader",
            [shape("x", TensorProto.FLOAT, ["N", 3, 112, 112])],
            [shape("e", TensorProto.FLOAT, ["N", 147])],
            [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()],
        )
        path = tmp_path / "reader.onnx"
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    return make


@pytest.fixture
def crops(tmp_path: Path) -> Callable[..., Path]:
    """Writes people whose textures differ in `channels`, of RGB; the other channels are noise."""

    def make(*channels: int, people: int = PEOPLE, noise: float = 12.0) -> Path:
        draw = np.random.default_rng(3)
        for person in range(people):
            own = draw.uniform(0, 160, (7, 7, 3))
            for image in range(IMAGES):
                cells = draw.uniform(0, 160, (7, 7, 3))
                for channel in channels:
                    cells[..., channel] = own[..., channel] + draw.normal(0, noise, (7, 7))
                pixels = np.clip(cells, 0, 255).astype(np.uint8).repeat(16, 0).repeat(16, 1)
                write_image(tmp_path / f"crops/p{person:02}/{image}.png", pixels)
        return tmp_path / "crops"

    return make


def _vectors(count: int, each: int, noise: float) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    draw = np.random.default_rng(1)
    centers = draw.normal(size=(count, 16)).repeat(each, 0)
    vectors = centers + noise * draw.normal(size=centers.shape)
    return vectors.astype(np.float32), np.array([f"p{i}" for i in range(count)]).repeat(each)


def test_separation_is_that_of_the_pairs_one_by_one() -> None:
    vectors, identity = _vectors(5, 3, 0.5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, columns = np.triu_indices(15, 1)
    cosine = np.einsum("nd,nd->n", unit[rows], unit[columns]).astype(np.float64)
    mated = identity[rows] == identity[columns]
    spread = np.sqrt((cosine[mated].var() + cosine[~mated].var()) / 2)
    wanted = (cosine[mated].mean() - cosine[~mated].mean()) / spread
    crowd = Crowd.of(identity)
    assert crowd.separation(vectors)[0] == pytest.approx(wanted, rel=1e-5)
    twice = replace(crowd, weight=np.array([[2.0, 1, 1, 1, 1]]))
    doubled = np.where(mated & (identity[rows] == "p0"), 2, 1) + np.where(
        ~mated & ((identity[rows] == "p0") | (identity[columns] == "p0")), 1, 0
    )
    again = np.repeat(cosine, doubled), np.repeat(mated, doubled)
    ours, others = again[0][again[1]], again[0][~again[1]]
    wanted = (ours.mean() - others.mean()) / np.sqrt((ours.var() + others.var()) / 2)
    assert twice.separation(vectors)[0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("channel", "color"), [(0, "RGB"), (2, "BGR")])
def test_the_right_one_of_ten_wins(
    dark_reader: Callable[..., Path], crops: Callable[..., Path], channel: int, color: str
) -> None:
    found = preprocessing(dark_reader(0), OPEN, crops(channel))
    assert (found.people, found.crops, len(found.trials)) == (PEOPLE, PEOPLE * IMAGES, 10)
    best = found.winner()
    assert (best.color, best.scaling) == (color, "(x - 127.5) / 127.5")
    lost = [trial for trial in found.trials if trial.scaling == "x, 0 to 255"]
    assert len(lost) == 2
    assert all(np.isnan(trial.separation) and trial.behind == 1 for trial in lost)
    assert "none  100.0% of draws" in found.text()


def test_the_command_writes_the_card_and_says_why(
    dark_reader: Callable[..., Path], crops: Callable[..., Path]
) -> None:
    path, faces = dark_reader(0), crops(2)
    arguments = ["weights", "card", str(path), "--kind", "recognizer", "--faces", str(faces)]
    done = CliRunner().invoke(build(), arguments)
    assert (done.exit_code, done.stdout.strip()) == (0, str(card_path(path))), done.output
    assert "written: BGR, (x - 127.5) / 127.5" in done.stderr
    card = read_card(card_path(path))
    assert (card.input.color, card.input.scale, card.input.mean) == ("BGR", 255, (0.5,) * 3)
    assert card.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    again = CliRunner().invoke(build(), arguments)
    assert again.exit_code == 2
    assert "--force replaces it" in again.stderr


def test_what_is_given_is_not_tried(
    dark_reader: Callable[..., Path], crops: Callable[..., Path]
) -> None:
    path, faces = dark_reader(0), crops(0)
    only = preprocessing(path, replace(OPEN, color="rgb"), faces)
    assert [trial.color for trial in only.trials] == ["RGB"] * len(SCALINGS)
    both = preprocessing(path, replace(OPEN, mean="127.5", std="128", scale=1.0), faces)
    assert {trial.color for trial in both.trials} == {"RGB", "BGR"}
    assert both.winner().described.scale == 1.0
    assert both.winner().color == "RGB"


def test_a_network_that_cannot_tell_colors_apart_gets_the_first(
    dark_reader: Callable[..., Path], crops: Callable[..., Path]
) -> None:
    given = replace(OPEN, mean=".5", std=".5")
    found = preprocessing(dark_reader(0, 1, 2, blind=True), given, crops(0, 1, 2))
    assert found.winner().color == "RGB"
    assert (found.trials[1].color, found.trials[1].scaling) == ("BGR", found.trials[0].scaling)
    assert np.isnan(found.trials[1].behind)
    assert "the same vectors" in found.text()


def test_grey_crops_do_not_prove_an_order_of_channels(
    dark_reader: Callable[..., Path], crops: Callable[..., Path]
) -> None:
    path, folder = dark_reader(0), crops(0)
    for file in folder.rglob("*.png"):
        write_image(file, np.ascontiguousarray(read_image(file).pixels[..., :1].repeat(3, 2)))
    with pytest.raises(InputError, match="must be in color to show the order of the channels"):
        preprocessing(path, OPEN, folder)
    assert preprocessing(path, replace(OPEN, color="BGR"), folder).winner().color == "BGR"


def test_no_card_when_two_are_as_good(
    dark_reader: Callable[..., Path], crops: Callable[..., Path]
) -> None:
    found = preprocessing(dark_reader(0), OPEN, crops(0, 2))
    with pytest.raises(
        InputError, match=r"is not ahead of (RGB|BGR) \(x - 127.5\) / 127.5"
    ) as told:
        found.winner()
    assert "more people" in str(told.value)


def test_no_card_when_nobody_is_told_apart(
    dark_reader: Callable[..., Path], crops: Callable[..., Path]
) -> None:
    with pytest.raises(InputError, match=r"must keep the people apart .*none does"):
        preprocessing(dark_reader(0), OPEN, crops(1)).winner()


def test_what_cannot_be_asked_is_refused(
    dark_reader: Callable[..., Path], crops: Callable[..., Path]
) -> None:
    path, faces = dark_reader(0), crops(0, people=7)
    for given, told in (
        (OPEN, "at least 8 people with two or more readable crops, it has 7"),
        (replace(OPEN, kind="quality"), "Only a recognizer's preprocessing"),
        (replace(OPEN, mean=".5"), "mean and std must be given both"),
        (replace(OPEN, scale=1.0), "must come with mean and std, got scale 1 alone"),
    ):
        with pytest.raises(InputError, match=told):
            preprocessing(path, given, faces)


def test_without_faces_the_command_says_what_is_missing(dark_reader: Callable[..., Path]) -> None:
    arguments = ["weights", "card", str(dark_reader(0)), "--kind", "recognizer", "--color", "RGB"]
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 2
    assert "--color, --mean and --std must be given, or --faces." in done.stderr
