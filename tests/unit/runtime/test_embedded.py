"""A card inside an ONNX file: read where no .json lies beside it, by any protobuf reader, and
refused where the file is another."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import fiqa
from fiqa.errors import ReadError, WeightsError
from fiqa.methods.bundled import WEIGHTS
from fiqa.runtime.cards import card_path, read_card
from fiqa.runtime.embedded import card_within, with_card, without_card
from fiqa.runtime.onnx import OnnxScorer
from fiqa.runtime.weights import verify

CROPS = np.random.default_rng(1).integers(0, 256, (3, 112, 112, 3), np.uint8)


@pytest.fixture
def alone(tiny_quality, tmp_path: Path) -> Path:
    """A model with its card inside and none beside it."""
    path = tiny_quality()
    content, _ = with_card(path.read_bytes(), read_card(card_path(path)))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "m.onnx").write_bytes(content)
    return tmp_path / "alone" / "m.onnx"


def test_a_file_alone_scores_as_with_its_card_beside_it(alone, tiny_quality):
    path = tiny_quality()
    beside, inside = OnnxScorer(path), OnnxScorer(alone)
    np.testing.assert_array_equal(inside.score(CROPS), beside.score(CROPS))
    assert inside.calibration == beside.calibration
    assert inside.version == hashlib.sha256(alone.read_bytes()).hexdigest()
    assert verify(alone) == alone
    np.testing.assert_array_equal(fiqa.load(alone).score(CROPS), beside.score(CROPS))


def test_onnx_itself_finds_the_entry_and_the_same_graph(alone, tiny_quality):
    onnx = pytest.importorskip("onnx")
    read, plain = onnx.load(alone), onnx.load(tiny_quality())
    assert read.graph == plain.graph
    (entry,) = read.metadata_props
    card = read_card(card_path(tiny_quality()))
    assert entry.key == "fiqa.card"
    assert json.loads(entry.value) == json.loads(card.model_dump_json())


def test_a_second_card_replaces_the_first(alone):
    content = alone.read_bytes()
    card = card_within(content, "m")
    again, told = with_card(content, card.model_copy(update={"name": "other"}))
    assert without_card(again) == without_card(content)
    assert again.count(b"fiqa.card") == 1
    assert card_within(again, "m").name == told.name == "other"
    assert told.sha256 == hashlib.sha256(again).hexdigest()


def test_the_card_beside_counts_before_the_one_inside(alone):
    text = card_within(alone.read_bytes(), "m").model_copy(update={"name": "beside"})
    card_path(alone).write_text(text.model_dump_json())
    assert OnnxScorer(alone).name == "beside"


def test_a_changed_file_is_refused(alone):
    content = alone.read_bytes()
    place = content.index(b"AveragePool") if b"AveragePool" in content else content.index(b"Conv")
    alone.write_bytes(content[:place] + b"X" + content[place + 1 :])
    with pytest.raises(WeightsError, match="must be the file that the card inside describes"):
        OnnxScorer(alone)


def test_a_card_inside_that_is_none_is_a_read_error(tiny_quality, tmp_path):
    from fiqa.runtime.protobuf import text_entry

    path = tmp_path / "bad.onnx"
    for text in ("{", "[]", '{"name": 5}', "[" * 100_000):
        path.write_bytes(tiny_quality().read_bytes() + text_entry(14, "fiqa.card", text))
        with pytest.raises(ReadError):
            OnnxScorer(path)


def test_a_file_without_any_card_says_so(tiny_quality, tmp_path):
    shutil.copy(tiny_quality(), tmp_path / "bare.onnx")
    with pytest.raises(WeightsError, match="A model must have a card beside it"):
        OnnxScorer(tmp_path / "bare.onnx")


def test_the_shipped_model_carries_its_card(tmp_path):
    shutil.copy(WEIGHTS, tmp_path / "f.onnx")
    inside, beside = OnnxScorer(tmp_path / "f.onnx").model.card, read_card(card_path(WEIGHTS))
    assert inside == beside
