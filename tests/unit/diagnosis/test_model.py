"""The model part of doctor: what is wrong is found, what is right is not accused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.data.images import write_image
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.diagnosis.model import ModelReport, model_report, probe_faces
from fiqa.errors import InputError
from fiqa.runtime.cards import ModelOutput, card_path
from fiqa.types import Faces

pytestmark = pytest.mark.numeric

Maker = Callable[..., Path]


def _problems(report: ModelReport) -> set[str]:
    return {check.name for check in report.problems}


def _named(report: ModelReport, name: str) -> Any:
    return next(check for check in report.checks if check.name == name)


def _edited(path: Path, edit: Callable[[Any], None]) -> Path:
    """The model with its graph edited, and its card's sha256 put right."""
    import onnx

    model = onnx.load(path)
    edit(model.graph)
    path.write_bytes(model.SerializeToString())
    card = json.loads(card_path(path).read_text())
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    card_path(path).write_text(json.dumps(card))
    return path


def _weight(graph: Any, name: str, value: np.ndarray) -> None:
    from onnx import numpy_helper

    tensor = next(t for t in graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))


def test_drawn_faces_differ_and_are_reproducible() -> None:
    faces = drawn_faces(5)
    assert faces.crops.shape == (5, 112, 112, 3)
    assert len({crop.tobytes() for crop in faces.crops}) == 5
    np.testing.assert_array_equal(faces.crops, drawn_faces(5).crops)
    assert not np.array_equal(faces.crops, drawn_faces(5, seed=1).crops)
    np.testing.assert_array_equal(drawn_faces(3).crops, faces.crops[:3])
    assert len(drawn_faces(0)) == 0


def test_a_sound_recognizer_has_no_problems(tiny_recognizer: Maker) -> None:
    report = model_report(tiny_recognizer())
    assert report.healthy
    lines = report.lines()
    assert "drawn" in lines[1]
    assert any(line.startswith("ok") and "any batch" in line for line in lines)
    assert _named(report, "license").verdict == "note"


def test_a_sharpness_model_has_the_right_polarity_and_likes_noise(tiny_quality: Maker) -> None:
    drawn = model_report(tiny_quality(license="MIT"))
    assert _named(drawn, "polarity").verdict == "ok"
    assert _named(drawn, "no face").verdict == "note"
    assert "license" not in {check.name for check in drawn.checks}
    judged = model_report(tiny_quality(), faces=drawn_faces(8))
    assert _problems(judged) == {"no face"}
    assert "not below the faces: noise, color noise" in _named(judged, "no face").detail


def test_wrong_polarity_is_found(tiny_quality: Maker) -> None:
    report = model_report(tiny_quality(sign=-1.0))
    assert "polarity" in _problems(report)
    assert "higher_is_better" in _named(report, "polarity").detail
    assert "polarity" not in _problems(model_report(tiny_quality("other", sign=-1.0, higher=False)))


def test_a_constant_model_is_found(tiny_quality: Maker, tiny_recognizer: Maker) -> None:
    quality = _edited(tiny_quality(), lambda graph: _weight(graph, "sign", np.array(0.0)))
    assert _problems(model_report(quality)) == {"output varies"}
    recognizer = _edited(tiny_recognizer(), lambda graph: _weight(graph, "w", np.zeros((147, 8))))
    assert _problems(model_report(recognizer)) == {"vectors"}


def test_a_collapse_is_found_whatever_the_calibration_makes_of_it(tiny_quality: Maker) -> None:
    from fiqa.functional.calibration import Calibration
    from fiqa.runtime.cards import RawScale, SpreadNumbers

    def narrowed(name: str, **card: Any) -> Path:
        return _edited(
            tiny_quality(name, **card), lambda graph: _weight(graph, "sign", np.array(1e-3))
        )

    stretched = Calibration(x0=1e-4, w=1e-5)
    for faces in (None, drawn_faces(8)):
        report = model_report(narrowed("bare", calibration=stretched), faces=faces)
        assert "spread" in _problems(report)
        assert "raw scores on 0..1: COLLAPSED" in _named(report, "spread").detail
    sound = model_report(tiny_quality("sound"), faces=drawn_faces(8))
    assert "spread" not in _problems(sound)

    labels = SpreadNumbers(q90_q10=0.6, std=0.2, entropy=2.5, count=100)
    judged = _named(
        model_report(narrowed("wide", raw=RawScale(low=0, high=1, labels=labels))), "spread"
    )
    assert judged.verdict == "problem"
    assert "(labels 0.2)" in judged.detail
    few = SpreadNumbers(q90_q10=0.01, std=0.003, entropy=0.1, count=100)
    made = model_report(
        tiny_quality("made", raw=RawScale(low=0, high=0.1, score=few, labels=labels))
    )
    assert "when it was made: std 0.003 (labels 0.2)" in _named(made, "spread").detail
    assert "spread" in _problems(made), "its card says so, whatever the probe shows"


def test_an_open_scale_without_a_card_of_it_is_noted_with_numbers(tiny_quality: Maker) -> None:
    path = _edited(tiny_quality(), lambda graph: _weight(graph, "sign", np.array(1e4)))
    found = _named(model_report(path, faces=drawn_faces(8)), "spread")
    assert found.verdict == "note"
    assert "the card has no `raw` scale" in found.detail


def test_nan_is_found(tiny_quality: Maker, tiny_recognizer: Maker) -> None:
    for path in (
        _edited(tiny_quality(), lambda graph: _weight(graph, "sign", np.array(np.nan))),
        _edited(tiny_recognizer(), lambda graph: _weight(graph, "w", np.full((147, 8), np.nan))),
    ):
        report = model_report(path)
        assert _problems(report) == {"finite"}


def test_a_batch_that_leaks_into_its_rows_is_found(tiny_quality: Maker) -> None:
    def leak(graph: Any) -> None:
        from onnx import helper

        graph.node.append(helper.make_node("ReduceMean", ["q"], ["all"], keepdims=1))
        graph.node.append(helper.make_node("Sub", ["q", "all"], ["leaky"]))
        graph.output[0].name = "leaky"

    path = tiny_quality()
    card = json.loads(card_path(path).read_text())
    card["outputs"][0]["name"] = "leaky"
    card_path(path).write_text(json.dumps(card))
    assert "any batch" in _problems(model_report(_edited(path, leak)))


def test_calibration_that_is_stuck_is_found(tiny_quality: Maker) -> None:
    from fiqa.functional.calibration import Calibration

    path = tiny_quality(calibration=Calibration(x0=-1000.0, w=0.1))
    assert "calibration" in _problems(model_report(path, faces=drawn_faces(8)))
    assert "calibration" not in _problems(model_report(path))


def test_no_card_and_wrong_sha_are_problems_not_errors(
    tiny_recognizer: Maker, tmp_path: Path
) -> None:
    wrong = model_report(tiny_recognizer(sha256="0" * 64))
    assert _problems(wrong) == {"file and card"}
    assert "must be the file that its card describes" in wrong.lines()[-1]
    path = tiny_recognizer("bare")
    card_path(path).unlink()
    assert "must have a card beside it" in model_report(path).lines()[-1]
    assert "there is none at" in model_report(tmp_path / "absent.onnx").lines()[-1]


def test_a_model_that_fails_when_run_is_a_problem(tiny_recognizer: Maker) -> None:
    assert _problems(model_report(tiny_recognizer(embedding_dim=9))) == {"running it"}


def test_other_kinds_are_not_probed(tiny_recognizer: Maker) -> None:
    path = tiny_recognizer(kind="pose", outputs=(ModelOutput(name="e", role="other"),))
    assert _named(model_report(path), "probes").verdict == "note"


def test_the_seed_changes_the_noise(tiny_quality: Maker) -> None:
    path = tiny_quality()
    details = [_named(model_report(path, seed=seed), "no face").detail for seed in (0, 0, 1)]
    assert details[0] == details[1] != details[2]


def test_too_few_faces(tiny_quality: Maker) -> None:
    with pytest.raises(InputError, match="at least 4 faces, got 3"):
        model_report(tiny_quality(), faces=drawn_faces(3))


def test_probe_faces_are_spread_over_the_folder(tmp_path: Path) -> None:
    for i in range(10):
        write_image(tmp_path / f"{i}.png", np.full((112, 112, 3), i, np.uint8))
    (tmp_path / "9.png").write_bytes(b"broken")
    assert probe_faces(tmp_path, 5).faces.crops[:, 0, 0, 0].tolist() == [0, 2, 4, 6, 8]
    assert len(probe_faces(tmp_path, 64).faces) == 9
    assert isinstance(probe_faces(tmp_path, 4).faces, Faces)
