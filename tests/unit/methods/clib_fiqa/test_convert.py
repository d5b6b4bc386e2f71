"""Published weights, a state dict of that shape, become a model that scores and explains."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.store import sha256_file
from fiqa.errors import EvidenceError, UnknownNameError, UnsafeFileError, WeightsError
from fiqa.runtime.cards import card_path, read_card
from fiqa.types import Faces, Scorer
from fiqa.vocabulary import FACTORS

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

from fiqa.methods.clib_fiqa import convert  # noqa: E402
from fiqa.methods.clib_fiqa.graph import ClibGraph  # noqa: E402
from fiqa.methods.clib_fiqa.towers import clip_input, state_towers  # noqa: E402
from fiqa.runtime.preprocess import prepare  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture(params=["resnet", "transformer"])
def weights(request, published, tmp_path):
    """A .pth as the published code saves one, and the state dict in it."""
    state = published(request.param)
    torch.save(state, tmp_path / "clib.pth")
    return tmp_path / "clib.pth", state


def test_a_published_state_dict_becomes_a_scorer(weights, clip_folder, tmp_path, rng):
    file, state = weights
    model = tmp_path / "clib.onnx"
    told = CliRunner().invoke(
        build(), ["convert", str(file), str(model), "--tokenizer", str(clip_folder)]
    )
    assert told.exit_code == 0, told.output
    assert told.stdout.split() == [str(model), str(card_path(model))]
    assert told.stderr == "model: 1 file, 0 failed, 0 skipped\n"

    scorer = fiqa.load(model)
    assert isinstance(scorer, Scorer)
    crops = rng.integers(0, 256, (7, 112, 112, 3), dtype=np.uint8)
    raw = scorer.score(crops)
    found = state_towers(state, "", tokenizer=str(clip_folder))
    with torch.no_grad():
        graph = ClibGraph(found.image, found.text, found.scale).eval()
        quality, factors, measures = graph(torch.from_numpy(prepare(crops, clip_input(64))))
    assert np.ptp(raw) > 1e-3, "a constant would prove nothing"
    np.testing.assert_allclose(raw, quality[:, 0], atol=1e-4)
    why = scorer.explain(Faces(crops))
    np.testing.assert_allclose(why.quality["pose"], factors[:, 2], atol=1e-4)
    np.testing.assert_allclose(why.measures["expression"], factors[:, 3], atol=1e-4)
    np.testing.assert_allclose(why.measures["p_quality_perfect"], measures[:, -1], atol=1e-4)
    assert [name for name in FACTORS if np.isnan(why.quality[name]).all()] == ["visibility", "crop"]
    assert scorer.preprocess.startswith("RGB 64x64, (x/255 - 0.481455")

    card = read_card(card_path(model))
    assert card.source == f"converted by fiqa from clib.pth, sha256 {sha256_file(file)}"
    assert scorer.unified(np.float32([0.1, 0.5, 0.9])).tolist() == [2, 50, 98]
    edges = 100 / (1 + np.exp(-(np.array([0.2, 0.4, 0.6, 0.8]) - 0.5) / 0.1))
    np.testing.assert_allclose(scorer.calibration.level_cuts, edges, atol=0.06)


def test_what_is_not_such_a_file_is_refused(published, clip_folder, tmp_path):
    import pickle

    def converted(name, output="x.onnx"):
        return fiqa.convert(tmp_path / name, tmp_path / output, tokenizer=clip_folder, to="model")

    state = published("resnet")
    state["visual.fc.weight"] = state.pop("visual.conv2.weight")
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(
        WeightsError,
        match=(
            r"other\.pt' must hold the weights of a CLIP; missing: visual\.conv2\.weight;"
            r" unexpected: visual\.fc\.weight"
        ),
    ):
        converted("other.pt")
    (tmp_path / "bad.pth").write_bytes(pickle.dumps(print))
    with pytest.raises(
        UnsafeFileError, match="must hold tensors only, it holds something that could run code"
    ):
        converted("bad.pth")
    torch.save({"state_dict": published("resnet")}, tmp_path / "wrapped.pth")
    with pytest.raises(WeightsError, match="nothing around it"):
        converted("wrapped.pth")
    (tmp_path / "x.bin").write_bytes(b"x")
    with pytest.raises(UnknownNameError, match=r"Unknown suffix of weights '\.bin'"):
        converted("x.bin")
    torch.save(published("resnet"), tmp_path / "good.pth")
    with pytest.raises(UnknownNameError, match=r"Unknown suffix of a model '\.pt'"):
        converted("good.pth", "x.pt")
    assert not list(tmp_path.glob("x.onnx*"))


def test_a_constant_and_a_file_that_differs_are_not_written(
    published, clip_folder, tmp_path, monkeypatch
):
    state = published("resnet")
    state["visual.attnpool.c_proj.weight"] *= 0
    torch.save(state, tmp_path / "constant.pth")
    with pytest.raises(
        EvidenceError, match=r"what a model gives must vary, it spans \S+ on 6 pictures"
    ):
        convert.convert_state(
            tmp_path / "constant.pth", tmp_path / "x.onnx", tokenizer=str(clip_folder)
        )
    monkeypatch.setattr(convert, "_PARITY", -1.0)
    torch.save(published("resnet"), tmp_path / "good.pth")
    with pytest.raises(
        EvidenceError, match="ONNX must give what torch gives to -1, they differ by"
    ):
        convert.convert_state(
            tmp_path / "good.pth", tmp_path / "x.onnx", tokenizer=str(clip_folder)
        )
    assert not list(tmp_path.glob("x.*"))
