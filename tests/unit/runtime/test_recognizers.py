"""fiqa.runtime.recognizers and dlib_net: recognizers by name, and the one that needs no file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from fiqa.embedding.run import embed_rows
from fiqa.errors import InputError, ShapeError, WeightsError
from fiqa.functional.geometry import transform_points
from fiqa.methods.probe import opened
from fiqa.runtime import dlib_net
from fiqa.runtime.cards import ModelCard
from fiqa.runtime.describe import Described, describe
from fiqa.runtime.dlib_net import CHIP, CHIP_SIZE, POINTS, DlibRecognizer, dlib_card
from fiqa.runtime.recognizers import named_recognizer
from fiqa.runtime.weights import listing, verify
from fiqa.types import Recognizer


@pytest.fixture(scope="module")
def dlib() -> DlibRecognizer:
    pytest.importorskip("dlib")
    return DlibRecognizer()


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (3, 112, 112, 3), np.uint8)


def test_chip_has_its_points_where_dlib_has_them() -> None:
    # dlib::get_face_chip_details of five points, size 150, padding .25: its outer eye corners
    wanted = np.array([[0.8595674595992, 0.2134981538014], [0.1205750620789, 0.2137274526848]])
    found = transform_points(CHIP, POINTS[[0, 2]])
    assert np.abs(found - (wanted + 0.25) / 1.5 * CHIP_SIZE).max() < 1.0
    # a similarity: turned by next to nothing, one scale
    assert CHIP[0, 0] == CHIP[1, 1]
    assert abs(CHIP[0, 1]) < 0.01


def test_card_says_terms_and_threshold() -> None:
    card = dlib_card()
    assert (card.kind, card.embedding_dim) == ("recognizer", 128)
    assert "CC0" in card.license
    assert card.match_threshold is not None
    assert 0.8 < card.match_threshold < 1.0


def test_names_lead_to_it(dlib: DlibRecognizer) -> None:
    for made in (named_recognizer("dlib"), opened("dlib")):
        assert isinstance(made, DlibRecognizer)
        assert isinstance(made, Recognizer)
        assert (made.name, made.version) == ("dlib", dlib.card.sha256)
        assert made.match_threshold == dlib.card.match_threshold


def test_other_names_are_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.onnx"):
        named_recognizer(tmp_path / "none.onnx")


def test_any_batch_gives_the_same_vectors(dlib: DlibRecognizer, crops: np.ndarray) -> None:
    whole = dlib.embed(crops)
    assert (whole.shape, whole.dtype) == ((3, 128), np.float32)
    np.testing.assert_allclose(np.concatenate([dlib.embed(c[None]) for c in crops]), whole, 1e-4)
    assert dlib.embed(crops[:0]).shape == (0, 128)
    assert len(np.unique(whole.round(3), axis=0)) == 3


def test_vectors_are_those_of_dlib_itself(dlib: DlibRecognizer, crops: np.ndarray) -> None:
    import cv2
    import dlib as library

    file = dlib_net.model_file(dlib.card.file, "a test")
    net = library.face_recognition_model_v1(str(file))
    chip = cv2.warpAffine(crops[0], CHIP, (150, 150))
    np.testing.assert_allclose(
        dlib.embed(crops[:1])[0], np.array(net.compute_face_descriptor(chip)), rtol=1e-5
    )


def test_larger_crops_are_brought_to_the_size(dlib: DlibRecognizer, crops: np.ndarray) -> None:
    large = crops.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(dlib.embed(large), dlib.embed(crops), atol=1e-5)


def test_refusals(dlib: DlibRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShapeError):
        dlib.embed(np.zeros((1, 112, 100, 3), np.uint8))
    with pytest.raises(InputError, match="threads must be 1 with recognizer 'dlib', got 4"):
        DlibRecognizer(threads=4)
    other = ModelCard.model_validate(dlib.card.model_dump() | {"sha256": "0" * 64})
    monkeypatch.setattr(dlib_net, "dlib_card", lambda: other)
    with pytest.raises(WeightsError, match="must have sha256 0000"):
        DlibRecognizer()


def test_travels_to_another_process(dlib: DlibRecognizer, crops: np.ndarray) -> None:
    there = pickle.loads(pickle.dumps(dlib))
    np.testing.assert_array_equal(there.embed(crops[:1]), dlib.embed(crops[:1]))


def test_embed_writes_and_knows_its_table_again(
    tmp_path: Path, dlib: DlibRecognizer, crops: np.ndarray
) -> None:
    source = (["a", "b", "c"], crops)
    first = embed_rows(source, recognizer="dlib", out=tmp_path / "emb.npz")
    assert not first.current
    assert first.embeddings.recognizer == "dlib"
    np.testing.assert_allclose(np.linalg.norm(first.embeddings.vector, axis=1), 1.0, rtol=1e-5)
    assert embed_rows(source, recognizer=dlib, out=tmp_path / "emb.npz").current


def test_the_verbs_of_weights_know_the_name(dlib: DlibRecognizer, tmp_path: Path) -> None:
    (row,) = [row for row in listing() if row.name == "dlib"]
    assert (row.path, row.state, row.license) == (verify("dlib"), "present", dlib.card.license)
    with pytest.raises(InputError, match=r"whose card comes with fiqa: .*dlib\.json"):
        describe("dlib", Described("recognizer", "RGB", "0", "1", {}))


def test_the_listing_says_what_is_absent_and_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> str:
        return next(row.state for row in listing() if row.name == "dlib")

    monkeypatch.setattr(dlib_net.importlib.util, "find_spec", lambda name: None)
    assert state() == "absent"
    (tmp_path / "other.dat").write_bytes(b"other")
    monkeypatch.setattr(dlib_net, "model_file", lambda name, what: tmp_path / "other.dat")
    assert state() == "wrong"
    with pytest.raises(WeightsError, match="must have sha256"):
        verify("dlib")
