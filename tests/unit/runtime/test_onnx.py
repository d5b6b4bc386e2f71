"""Running models as their cards say: refused when they are not the file described, the same values
for every batch."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.errors import (
    ContentShapeError,
    InputError,
    ReadError,
    ShapeError,
    UnknownNameError,
    UnsafeFileError,
    WeightsError,
)
from fiqa.functional.calibration import Calibration
from fiqa.runtime.cards import ModelOutput, card_path, read_card
from fiqa.runtime.onnx import OnnxEmbedder, OnnxModel, OnnxScorer, open_session, read_model
from fiqa.types import Faces, Recognizer, Scorer

Maker = Callable[..., Path]


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (70, 112, 112, 3), np.uint8)


def _plain_embedding(crops: np.ndarray) -> np.ndarray:
    pooled = (
        ((crops / 255 - 0.5) / 0.5)
        .reshape(-1, 7, 16, 7, 16, 3)
        .mean(axis=(2, 4))
        .transpose(0, 3, 1, 2)
    )
    return pooled.reshape(len(crops), 147) @ np.random.default_rng(7).normal(size=(147, 8)).astype(
        np.float32
    )


def _plain_sharpness(crops: np.ndarray) -> np.ndarray:
    green = crops[..., 1] / 127.5
    return np.abs(np.diff(green, axis=2)).mean(axis=(1, 2))


def test_embedder_computes_the_network_on_preprocessed_crops(
    tiny_recognizer: Maker, crops: np.ndarray
) -> None:
    embedder = OnnxEmbedder(tiny_recognizer("mine"))
    assert embedder.name == "mine"
    assert isinstance(embedder, Recognizer)
    vectors = embedder.embed(crops)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, _plain_embedding(crops), atol=1e-4)


@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_any_batch_gives_the_same_values(
    tiny_recognizer: Maker, crops: np.ndarray, batch: int | str
) -> None:
    embedder = OnnxEmbedder(tiny_recognizer(batch=batch), threads=1)
    whole = embedder.embed(crops)
    assert whole.std(axis=0).min() > 0.01
    for size in (1, 2, 7, 33):
        parts = np.concatenate([embedder.embed(crops[i : i + size]) for i in range(0, 70, size)])
        np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch", ["N", 1, 4])
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_any_count(
    tiny_recognizer: Maker, tiny_quality: Maker, crops: np.ndarray, n: int, batch: int | str
) -> None:
    assert OnnxEmbedder(tiny_recognizer(batch=batch)).embed(crops[:n]).shape == (n, 8)
    scorer = OnnxScorer(tiny_quality(batch=batch))
    assert scorer.score(crops[:n]).shape == (n,)
    assert scorer.unified(scorer.score(crops[:n])).shape == (n,)
    factors = scorer.explain(Faces(crops[:n]))
    assert factors is not None
    assert len(factors) == n


def test_threads_do_not_change_values(tiny_recognizer: Maker, crops: np.ndarray) -> None:
    path = tiny_recognizer()
    np.testing.assert_allclose(
        OnnxEmbedder(path, threads=2).embed(crops),
        OnnxEmbedder(path, threads=1).embed(crops),
        atol=1e-6,
    )
    with pytest.raises(InputError, match="threads must be in"):
        OnnxEmbedder(path, threads=0)


def test_scorer_says_what_it_is(tiny_quality: Maker, crops: np.ndarray) -> None:
    path = tiny_quality()
    scorer = OnnxScorer(path)
    assert isinstance(scorer, Scorer)
    assert scorer.name == "sharp"
    assert scorer.version == read_card(card_path(path)).sha256
    assert scorer.preprocess == "RGB 112x112, (x/255 - 0.5 0.5 0.5)/0.5 0.5 0.5, NCHW"
    assert scorer.calibration == Calibration(0.1, 0.05)
    assert scorer.calibration.level_cuts == (20, 40, 60, 80)
    np.testing.assert_allclose(scorer.score(crops), _plain_sharpness(crops), atol=1e-5)
    np.testing.assert_array_equal(scorer.score(Faces(crops)), scorer.score(crops))
    assert scorer.unified(np.array([0.1, 0.15], np.float32)).tolist() == [50, 73]


def test_polarity_comes_from_the_card(tiny_quality: Maker, crops: np.ndarray) -> None:
    upright = OnnxScorer(tiny_quality("a")).score(crops)
    flipped = OnnxScorer(tiny_quality("b", sign=-1.0, higher=False)).score(crops)
    wrong = OnnxScorer(tiny_quality("c", sign=-1.0)).score(crops)
    np.testing.assert_array_equal(flipped, upright)
    np.testing.assert_array_equal(wrong, -upright)


def test_factors_come_from_named_outputs(tiny_quality: Maker) -> None:
    bright = np.full((2, 112, 112, 3), 255, np.uint8)
    bright[1, :, :, 0] = 140  # red, the blur factor: (140/255 - .5)/.5 = .098
    factors = OnnxScorer(tiny_quality()).explain(Faces(bright))
    assert factors is not None
    np.testing.assert_allclose(factors.quality["blur"], [1.0, 0.098], atol=1e-3)
    np.testing.assert_allclose(factors.quality["pose"], [1.0, 1.0])
    assert np.isnan(factors.quality["crop"]).all()
    assert factors.reasons == ((), ("blurry",))


def test_extra_factors_and_named_outputs_are_measures(tiny_quality: Maker) -> None:
    outputs = (
        ModelOutput(name="q", role="quality"),
        ModelOutput(name="f", role="factors", factors=("blur", "expression")),
    )
    faces = Faces(np.full((2, 112, 112, 3), 140, np.uint8))
    factors = OnnxScorer(tiny_quality(outputs=outputs)).explain(faces)
    assert factors is not None
    assert list(factors.measures) == ["expression"]
    np.testing.assert_allclose(factors.measures["expression"], 0.098, atol=1e-3)
    outputs = (
        ModelOutput(name="q", role="factors", factors=("crop",)),
        ModelOutput(name="f", role="measures", measures=("red", "green")),
        ModelOutput(name="q", role="quality"),
    )
    factors = OnnxScorer(tiny_quality(outputs=outputs)).explain(faces)
    assert factors is not None
    np.testing.assert_allclose(factors.measures["green"], 0.098, atol=1e-3)


def test_a_score_and_its_reasons_come_from_one_run(
    tiny_quality: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, runs = OnnxScorer(tiny_quality()), []
    run = scorer.model.run
    monkeypatch.setattr(scorer.model, "run", lambda crops: runs.append(len(crops)) or run(crops))
    faces = Faces(np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8))
    raw, factors = scorer.assess(faces)
    assert runs == [2]
    assert factors is not None
    np.testing.assert_array_equal(raw, scorer.score(faces))
    np.testing.assert_array_equal(factors.matrix, scorer.explain(faces).matrix)  # type: ignore[union-attr]
    assert raw[0] != raw[1]


def test_factors_of_the_other_polarity_are_turned(tiny_quality: Maker) -> None:
    outputs = (
        ModelOutput(name="q", role="quality"),
        ModelOutput(name="f", role="factors", factors=("blur", "pose"), higher_is_better=False),
    )
    factors = OnnxScorer(tiny_quality(outputs=outputs)).explain(
        Faces(np.full((1, 112, 112, 3), 255, np.uint8))
    )
    assert factors is not None
    assert factors.quality["blur"].tolist() == [0.0]


def test_no_factor_output_no_factors(tiny_quality: Maker) -> None:
    scorer = OnnxScorer(
        tiny_quality(
            outputs=(ModelOutput(name="q", role="quality"), ModelOutput(name="f", role="other"))
        )
    )
    assert scorer.explain(Faces(np.zeros((1, 112, 112, 3), np.uint8))) is None


def test_color_of_the_card_matters(tiny_recognizer: Maker, crops: np.ndarray) -> None:
    path = tiny_recognizer()
    card = read_card(card_path(path))
    swapped = card.model_copy(update={"input": card.input.model_copy(update={"color": "BGR"})})
    np.testing.assert_allclose(
        OnnxEmbedder(path, card=swapped).embed(crops), _plain_embedding(crops[..., ::-1]), atol=1e-4
    )


def test_crops_of_another_size_are_resized(
    tiny_recognizer: Maker, rng: np.random.Generator
) -> None:
    big = np.repeat(np.repeat(rng.integers(0, 256, (2, 56, 56, 3), np.uint8), 4, axis=1), 4, axis=2)
    small = big[:, 1::2, 1::2]  # every 2x2 block of the big crops is one color
    embedder = OnnxEmbedder(tiny_recognizer())
    np.testing.assert_allclose(embedder.embed(big), embedder.embed(small), atol=1e-4)


def test_no_file_no_card_wrong_sha(tiny_recognizer: Maker, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is none at"):
        OnnxModel(tmp_path / "absent.onnx")
    path = tiny_recognizer(sha256="1" * 64)
    with pytest.raises(WeightsError, match="must be the file that its card describes"):
        OnnxModel(path)
    card_path(path).unlink()
    with pytest.raises(WeightsError, match="must have a card beside it"):
        OnnxModel(path)


def test_external_data_and_rubbish_are_refused(tiny_recognizer: Maker, tmp_path: Path) -> None:
    import onnx

    path = tiny_recognizer()
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UnsafeFileError, match="external data"):
        OnnxModel(path)
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(ReadError, match="malformed"):
        OnnxModel(path)


def test_a_model_larger_than_protobuf_allows_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with open(path, "wb") as file:
        file.truncate(1 << 31)
    with pytest.raises(ReadError, match="smaller than 2 GiB") as caught:
        read_model(path)
    assert caught.value.status == "too_large"


def test_what_the_runtime_cannot_load_is_one_clear_error() -> None:
    from onnx import helper

    graph = helper.make_graph([helper.make_node("NoSuchOperator", ["x"], ["y"])], "g", [], [])
    content = helper.make_model(graph).SerializeToString()
    with pytest.raises(WeightsError, match=r"m\.onnx cannot be loaded by onnxruntime"):
        open_session(content, "m.onnx")


def test_card_must_fit_the_model(
    tiny_recognizer: Maker, tiny_quality: Maker, crops: np.ndarray
) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown output of r\.onnx 'emb'"):
        OnnxModel(tiny_recognizer("r", outputs=(ModelOutput(name="emb", role="embedding"),)))
    path = tiny_recognizer("s")
    content = json.loads(card_path(path).read_text())
    content["input"]["size"] = 96
    card_path(path).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"must take \(N, 3, 96, 96\)"):
        OnnxModel(path)
    with pytest.raises(ShapeError, match=r"must have shape \(2, 9\), got \(2, 8\)"):
        OnnxEmbedder(tiny_recognizer("t", embedding_dim=9)).embed(crops[:2])
    with pytest.raises(InputError, match="must be a quality model, its card says recognizer"):
        OnnxScorer(tiny_recognizer("u"))
    with pytest.raises(InputError, match="must be a recognizer model, its card says quality"):
        OnnxEmbedder(tiny_quality("v"))


def test_input_must_be_one_float_tensor(tmp_path: Path, tiny_recognizer: Maker) -> None:
    import hashlib

    import onnx
    from onnx import TensorProto, helper

    path = tiny_recognizer()
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))
    path.write_bytes(model.SerializeToString())
    card = read_card(card_path(path)).model_copy(
        update={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    )
    with pytest.raises(InputError, match="must have one input of float32"):
        OnnxModel(path, card=card)


def test_a_failure_while_running_is_one_clear_error(
    tiny_recognizer: Maker, crops: np.ndarray
) -> None:
    model = OnnxModel(tiny_recognizer())
    model._input = "nothing"
    with pytest.raises(WeightsError, match="failed on a batch of 2"):
        model.run(crops[:2])


def test_an_output_that_forgets_the_batch_is_refused(
    tiny_quality: Maker, crops: np.ndarray
) -> None:
    import hashlib

    import onnx
    from onnx import helper

    path = tiny_quality()
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("ReduceMean", ["q"], ["all"], keepdims=0))
    model.graph.output.append(helper.make_tensor_value_info("all", onnx.TensorProto.FLOAT, []))
    path.write_bytes(model.SerializeToString())
    update: dict[str, Any] = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "outputs": (ModelOutput(name="all", role="quality"),),
    }
    scorer = OnnxScorer(path, card=read_card(card_path(path)).model_copy(update=update))
    with pytest.raises(
        ShapeError, match=r"output 'all' of sharp.onnx must have shape \(2, 1\), got \(\)"
    ):
        scorer.score(crops[:2])


FIRST = ("Slice", ["m", "zero", "one", "one"], ["c"], {})
"""The first channel of the means: (N,1)."""
SHAPES = {
    "column": [("Identity", ["c"], ["q"], {})],
    "flat": [("Squeeze", ["c", "one"], ["q"], {})],
    "squeezed": [("Squeeze", ["c"], ["q"], {})],
    "image": [("Unsqueeze", ["c", "two"], ["d"], {}), ("Unsqueeze", ["d", "two"], ["q"], {})],
}


@pytest.mark.parametrize("form", SHAPES)
@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_one_number_per_crop_in_any_form_and_any_count(
    tiny_shaped: Maker, crops: np.ndarray, form: str, batch: int | str
) -> None:
    nodes = SHAPES[form]
    scorer = OnnxScorer(tiny_shaped(FIRST, *nodes, batch=batch))
    wanted = (crops[..., 0].mean(axis=(1, 2)) / 255 - 0.5) / 0.5
    for n in (0, 1, 2, 7, 33, 65):
        found = scorer.score(crops[:n])
        assert (found.shape, found.dtype) == ((n,), np.float32)
        np.testing.assert_allclose(found, wanted[:n], atol=1e-4)


@pytest.mark.parametrize(
    ("nodes", "n", "got"),
    [
        ([("Slice", ["m", "zero", "two", "one"], ["q"], {})], 3, r"\(3, 1\), got \(3, 2\)"),
        ([("Slice", ["m", "zero", "two", "one"], ["q"], {})], 2, r"\(2, 1\), got \(2, 2\)"),
        ([("Slice", ["m", "zero", "two", "one"], ["q"], {})], 1, r"\(1, 1\), got \(1, 2\)"),
        ([FIRST, ("Transpose", ["c"], ["q"], {"perm": [1, 0]})], 3, r"\(3, 1\), got \(1, 3\)"),
        ([("ReduceMean", ["m"], ["q"], {"keepdims": 0})], 2, r"\(2, 1\), got \(\)"),
    ],
)
def test_another_shape_is_one_clear_error_that_names_it(
    tiny_shaped: Maker, crops: np.ndarray, nodes: list[Any], n: int, got: str
) -> None:
    scorer = OnnxScorer(tiny_shaped(*nodes))
    with pytest.raises(ContentShapeError, match=f"output 'q' .* must have shape {got}") as caught:
        scorer.score(crops[:n])
    assert "fiqa weights card --output" in str(caught.value)


@pytest.mark.parametrize("n", [1, 2])
def test_an_embedding_may_be_squeezed_too(tiny_shaped: Maker, crops: np.ndarray, n: int) -> None:
    path = tiny_shaped(("Squeeze", ["m"], ["q"], {}))
    card = read_card(card_path(path)).model_copy(
        update={
            "kind": "recognizer",
            "outputs": (ModelOutput(name="q", role="embedding"),),
            "embedding_dim": 3,
        }
    )
    found = OnnxEmbedder(path, card=card).embed(crops[:n])
    np.testing.assert_allclose(found, crops[:n].mean(axis=(1, 2)) / 127.5 - 1, atol=1e-4)


def test_a_model_is_copied_and_pickled_with_its_threads_and_card(
    tiny_recognizer: Maker, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tiny_recognizer()
    monkeypatch.chdir(tmp_path)
    card = read_card(card_path(path)).model_copy(update={"name": "other"})
    embedder = OnnxEmbedder(path.name, card=card, threads=1)
    packed = pickle.dumps(embedder)
    monkeypatch.chdir("/")
    for copied in (pickle.loads(packed), copy.deepcopy(embedder)):
        assert (copied.name, copied.version) == ("other", embedder.version)
        assert copied.model._made == (str(path), card, 1)
        np.testing.assert_array_equal(copied.embed(crops), embedder.embed(crops))
    path.write_bytes(tiny_recognizer("wide", size=224).read_bytes())
    with pytest.raises(WeightsError, match="must be the file that its card describes"):
        pickle.loads(packed)


def test_a_worker_process_uses_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    from fiqa.runtime import onnx

    assert onnx._threads(None) == 0
    assert onnx._threads(3) == 3
    monkeypatch.setattr(onnx.multiprocessing, "parent_process", object)
    assert onnx._threads(None) == 1
    assert onnx._threads(3) == 3


def test_sessions_have_the_threads_of_the_block_they_are_opened_in() -> None:
    from fiqa.methods.bundled import WEIGHTS
    from fiqa.runtime.onnx import open_session, session_threads

    def threads(**options: Any) -> int:
        session = open_session(WEIGHTS.read_bytes(), "the model", **options)
        return session.get_session_options().intra_op_num_threads

    with session_threads(1):
        assert threads() == 1
        assert threads(threads=2) == 2
        with session_threads(None):
            assert threads() == 0
    assert threads() == 0
    with pytest.raises(InputError, match="threads must be"), session_threads(0):
        threads()
