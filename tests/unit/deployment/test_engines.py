"""Each runtime gives what onnxruntime gives, in the file that an export writes; one that is not
installed says how to install it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.store import read_sidecar
from fiqa.deployment.engines import ENGINES, engine
from fiqa.deployment.evidence import drawn_crops
from fiqa.errors import EvidenceError, InputError, MissingExtraError, UnknownNameError
from fiqa.runtime.cards import card_path, read_card
from fiqa.runtime.float_layers import passing_int8
from fiqa.runtime.onnx import open_session
from fiqa.training.gate import Gate

pytestmark = pytest.mark.numeric
NEEDS = {
    "onnx": ("onnx",),
    "openvino": ("openvino",),
    "ncnn": ("ncnn", "pnnx"),
    "tflite": ("litert_torch", "ai_edge_litert"),
}


def needs(name: str) -> None:
    """Skips where a runtime is not installed."""
    for package in NEEDS[name]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'fiqa[{name}]'")


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("name", ENGINES)
def test_a_runtime_gives_what_onnxruntime_gives(small_model, tmp_path, name, static, rng):
    needs(name)
    content = small_model().read_bytes()
    one, path = engine(name), tmp_path / f"m{ENGINES[name]}"
    one.convert(content, path, (1, 3, 112, 112), static=static)
    assert all(file.is_file() for file in one.files(path))
    inputs = rng.normal(size=(3, 3, 112, 112)).astype(np.float32)
    wanted = open_session(content, "m", threads=1).run(["factors", "quality"], {"x": inputs})
    call = one.open(path, ["factors", "quality"])
    parts = [call(inputs[k : k + 1]) for k in range(3)]
    for k, want in enumerate(wanted):
        found = np.concatenate([part[k] for part in parts])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, want, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_an_export_is_judged_in_its_runtime_and_says_how_fast_it_is(small_model, tmp_path, name):
    needs(name)
    out = tmp_path / f"m{ENGINES[name]}"
    words = ["export", str(small_model()), "-o", str(out), "--to", name, "--static", "--runs", "3"]
    result = CliRunner().invoke(build(), [*words, "--quiet"])
    assert result.exit_code == 0, result.output
    report = (read_sidecar(out) or {})["report"]
    assert report["runtime_gate"]["spearman"] > 0.999
    assert report["runtime_gate"]["difference"] < 1e-3
    assert "not measured" in report["runtime_gate"]["area"]
    assert report["files"] == {file.name: file.stat().st_size for file in engine(name).files(out)}
    assert [row["threads"] for row in report["speed"]] == [1, 1, 2, 2]
    for row in report["speed"]:
        assert 0 < row["p50"] <= row["p95"] <= row["p99"]
        assert row["memory"] is None or row["memory"] > 1
    card = read_card(card_path(out))
    assert card.file == out.name
    key = f"{name} against fp32 on onnxruntime, spearman"
    assert card.numbers[key] == report["runtime_gate"]["spearman"]
    told = CliRunner().invoke(build(), words).output
    assert "is current, nothing to do" in told
    assert "p99 ms" in told
    assert "Spearman against fp32 1.0000" in told


def test_what_does_not_pass_is_not_written(small_model, tmp_path, monkeypatch):
    """A runtime that is wrong on purpose: the numbers are in the refusal."""
    from fiqa.deployment.engines.onnx import Onnx

    right = Onnx.open

    def wrong(self, path, outputs, *, threads=1):
        call = right(self, path, outputs, threads=threads)
        return lambda values: [part[:, ::-1] ** 3 for part in call(values[..., ::-1].copy())]

    monkeypatch.setattr(Onnx, "open", wrong)
    with pytest.raises(EvidenceError, match=r"static onnx is refused: on 256 .* Spearman .* is "):
        fiqa.export(small_model(), tmp_path / "m.onnx", static=True, runs=1)
    assert not list(tmp_path.iterdir())


def test_the_gate_has_the_area_where_faces_have_vectors(small_model, tmp_path, rng):
    from fiqa.data.embeddings import write_embeddings
    from fiqa.data.images import write_image
    from fiqa.types import Embeddings

    ids = []
    for k, crop in enumerate(drawn_crops(60, seed=5)):
        ids.append(f"p{k // 10}/{k}")
        write_image(tmp_path / "crops" / f"{ids[-1]}.png", crop)
    raw = rng.normal(size=(60, 8)).astype(np.float32)
    norm = np.linalg.norm(raw, axis=1)
    write_embeddings(Embeddings(np.array(ids), raw / norm[:, None], norm, "r"), tmp_path / "v.npz")
    out, given = tmp_path / "m.onnx", {"faces": tmp_path / "crops", "runs": 1, "static": True}
    done = fiqa.export(small_model(), out, embeddings=tmp_path / "v.npz", **given)
    gate = done.report["runtime_gate"]
    assert gate["area"] == pytest.approx(0, abs=1e-6)
    assert gate["area_fp32"] > 0
    assert done.report["judged_on"].startswith("30 of 60 crops of")
    with pytest.raises(InputError, match="embeddings must come with the faces"):
        fiqa.export(small_model(), tmp_path / "n.onnx", embeddings=tmp_path / "v.npz")


@pytest.mark.slow
def test_a_missing_runtime_says_how_to_install_it(small_model, tmp_path, monkeypatch):
    import fiqa.extras

    real = fiqa.extras.importlib.import_module

    def absent(name, *rest):
        if name in ("openvino", "ncnn", "ai_edge_litert.interpreter"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest)

    monkeypatch.setattr(fiqa.extras.importlib, "import_module", absent)
    for name in ("openvino", "ncnn", "tflite"):
        with pytest.raises(MissingExtraError, match=rf"pip install 'fiqa\[{name}\]'"):
            fiqa.export(small_model(), tmp_path / f"m{ENGINES[name]}", to=name)
    assert not list(tmp_path.iterdir())


def test_options_that_do_not_go_together_are_refused(small_model, tmp_path):
    with pytest.raises(UnknownNameError, match=r"Unknown suffix of a model '\.onnx'"):
        fiqa.export(small_model(), tmp_path / "m.onnx", to="openvino")
    with pytest.raises(UnknownNameError, match="Unknown runtime 'tensorrt'"):
        fiqa.export(small_model(), tmp_path / "m.onnx", to="tensorrt")
    with pytest.raises(InputError, match="int8 must be of onnx, got openvino"):
        fiqa.export(small_model(), tmp_path / "m.xml", to="openvino", int8=True)
    with pytest.raises(InputError, match="a metric is for a training run"):
        fiqa.export(small_model(), tmp_path / "m.onnx", metric="mae")
    path = small_model()
    with pytest.raises(InputError, match="must not be one of the inputs"):
        fiqa.export(path, path)


@pytest.mark.slow
def test_a_static_file_takes_one_crop_and_scores_as_before(small_model, tmp_path):
    path, out = small_model(), tmp_path / "m.onnx"
    fiqa.export(path, out, static=True, runs=1)
    shape = open_session(out.read_bytes(), "m", threads=1).get_inputs()[0].shape
    assert shape == [1, 3, 112, 112]
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)
    np.testing.assert_allclose(fiqa.load(out).score(crops), fiqa.load(path).score(crops), atol=1e-5)


def test_the_shipped_model_is_exported_by_its_name(tmp_path: Path):
    done = fiqa.export("fiqa", tmp_path / "mine.onnx", name="mine", runs=1)
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)
    same = fiqa.load(tmp_path / "mine.onnx")
    np.testing.assert_array_equal(same.score(crops), fiqa.load().score(crops))
    assert same.name == done.card.name == "mine"
    assert "runtime_gate" not in done.report


@pytest.mark.parametrize("refusals", range(5))
def test_layers_stay_in_float_one_more_at_a_time_until_a_gate_passes(small_model, refusals):
    import onnx

    seen: list[bytes] = []

    def judge(content: bytes) -> dict[str, float]:
        seen.append(content)
        if len(seen) <= refusals:
            raise EvidenceError(f"number {len(seen)}")
        return {"spearman": 1.0}

    path = small_model("gated", gates=True)
    card = read_card(card_path(path))
    order = ("first", "last", "squeeze")
    given = (path.read_bytes(), drawn_crops(8, seed=1), card.input, judge)
    if refusals > len(order):
        with pytest.raises(EvidenceError, match="first, last, squeeze in float32: number 4"):
            passing_int8(*given)
        return
    found = passing_int8(*given)
    assert found.left == order[:refusals]
    assert len(found.refused) == refusals
    assert found.content == seen[-1]
    # a layer in int8 takes its weights from a DequantizeLinear, one in float from the file
    graph = onnx.load_from_string(found.content).graph
    made = {name: node.op_type for node in graph.node for name in node.output}
    layers = {n.name.removesuffix("_quant"): n for n in graph.node if n.op_type in ("Conv", "Gemm")}
    quantized = {name for name, n in layers.items() if made.get(n.input[1]) == "DequantizeLinear"}
    assert quantized == set(layers) - set(found.left)


@pytest.mark.slow
def test_int8_of_a_finished_model_is_written_with_its_numbers_or_not_at_all(small_model, tmp_path):
    path = small_model("gated", gates=True)
    done = fiqa.export(path, tmp_path / "a.onnx", int8=True, gate=Gate(-1.0, 100.0), runs=1)
    assert done.report["float_layers"] == []
    assert done.report["gate"]["spearman"] > 0.9
    assert done.report["bytes_int8"] == (tmp_path / "a.onnx").stat().st_size
    assert done.card.numbers["int8 against fp32, spearman"] == done.report["gate"]["spearman"]
    with pytest.raises(EvidenceError) as caught:
        fiqa.export(path, tmp_path / "c.onnx", int8=True, gate=Gate(-1.0, 0.0), runs=1)
    for words in ("no layer in float32", "first in float32", "first, last in float32"):
        assert words in caught.value.message
    assert not (tmp_path / "c.onnx").exists()
