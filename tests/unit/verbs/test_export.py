"""fiqa.export: the file scores as torch does, its card says how, and a bad int8 model is
refused."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import norm

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.manifest import find
from fiqa.data.store import read_sidecar
from fiqa.errors import EvidenceError, InputError, UnknownNameError, WeightsError
from fiqa.functional.calibration import LEVEL_CUTS, levels
from fiqa.runtime.cards import card_path, read_card
from fiqa.training.config import resolve
from fiqa.types import Embeddings, Faces

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from fiqa.functional.calibration import fitted_calibration  # noqa: E402
from fiqa.training.dataset import examples  # noqa: E402
from fiqa.training.evaluation import predict  # noqa: E402
from fiqa.training.gate import Gate, mates  # noqa: E402
from fiqa.training.loop import network  # noqa: E402
from fiqa.training.run_folder import best_of, crops_folder  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def trained(trainable_in, shrink, tmp_path_factory, seed):
    """A short run on eight people, half of them held out, with one factor."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        recipe = resolve(
            trainable_in(
                home,
                people=8,
                model__factors=["blur"],
                loss__factors=1.0,
                data__factors=str(home / "factors.parquet"),
                data__validation=0.5,
                optim__epochs=40,
                optim__lr=1e-2,
                run__select=["mae", "spearman"],
            )
            | {"seed": seed}
        )
        fiqa.train(recipe, out=home / "run")
    return recipe, home / "run"


@pytest.fixture
def finished(trained, shrink, monkeypatch, tmp_path):
    """That run, in a copy which a test may change."""
    shrink(monkeypatch)
    recipe, run = trained
    shutil.copytree(run, tmp_path / "run")
    return recipe, tmp_path / "run"


@pytest.mark.slow
def test_the_exported_model_scores_as_the_network_does(finished, tmp_path):
    recipe, run = finished
    done = fiqa.export(run, tmp_path / "m.onnx", runs=2, license="CC0", name="tiny")
    data = examples(recipe, crops_folder(run))
    from safetensors.torch import load_file

    net = network(recipe)
    net.load_state_dict(load_file(best_of(run, "mae")[0]))
    wanted = predict(net, data, data.validation, recipe.model)
    scorer = fiqa.load(tmp_path / "m.onnx")
    crops = np.asarray(data.crops[data.validation])
    raw = scorer.score(crops)
    print(f"margin: export span {np.ptp(wanted[:, 0]):.4f} > 1e-3")
    assert np.ptp(wanted[:, 0]) > 1e-3, "a constant would prove nothing"
    np.testing.assert_allclose(raw, wanted[:, 0], atol=1e-4)
    np.testing.assert_allclose(
        scorer.explain(Faces(crops)).quality["blur"], wanted[:, 1], atol=1e-4
    )
    assert np.isnan(scorer.explain(Faces(crops)).quality["pose"]).all()
    assert scorer.name == "tiny"

    card = read_card(card_path(tmp_path / "m.onnx"))
    assert card == done.card
    assert card.license == "CC0"
    assert card.input.line() == "RGB 32x32, (x/255 - 0.5 0.5 0.5)/0.5 0.5 0.5, NCHW"
    assert card.outputs[1].reasons == {"blur": "blurry"}
    assert card.training_data.startswith("24 images of ")
    assert card.numbers["validation mae"] == pytest.approx(best_of(run, "mae")[1]["mae"])
    uqs = scorer.unified(raw)
    print(f"margin: uqs {uqs.min():.1f} < 45, {uqs.max():.1f} > 60")
    assert uqs.min() < 45 < 60 < uqs.max()
    assert len(set(levels(uqs, scorer.calibration.level_cuts).tolist())) >= 4
    report = read_sidecar(tmp_path / "m.onnx")["report"]
    assert report["parity"] < 1e-4
    assert report["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert [(row["size"], row["threads"]) for row in report["latency"]] == [
        (s, t) for s in (32, 112, 256) for t in (1, 2)
    ]
    assert all(0 < row["p50"] <= row["p95"] for row in report["latency"])

    again = fiqa.export(run, tmp_path / "m.onnx", runs=2, license="CC0", name="tiny")
    assert again.current
    assert again.card == done.card
    assert again.report == report
    other = fiqa.export(run, tmp_path / "s.onnx", runs=1, metric="spearman")
    assert other.card.name == "s"
    with pytest.raises(
        UnknownNameError, match="Unknown metric of this run 'rmse'; must be one of: mae, spearman"
    ):
        fiqa.export(run, tmp_path / "r.onnx", metric="rmse")


@pytest.mark.slow
def test_int8_passes_its_gate_or_is_not_written(finished, tmp_path, monkeypatch):
    _, run = finished
    whole = fiqa.export(run, tmp_path / "whole.onnx", runs=1)
    small = fiqa.export(
        run, tmp_path / "small.onnx", int8=True, gate=Gate(spearman=-1.0, spread=100.0), runs=1
    )
    assert (
        small.report["bytes_int8"]
        == (tmp_path / "small.onnx").stat().st_size
        < 0.5 * whole.report["bytes"]
    )
    assert -1 <= small.report["gate"]["spearman"] <= 1
    assert (
        small.card.numbers["validation int8 against fp32, area"]
        == "not measured, no embeddings were given"
    )
    assert fiqa.load(tmp_path / "small.onnx").score(np.zeros((2, 32, 32, 3), np.uint8)).shape == (
        2,
    )
    # no layer may stay in float32, so what int8 alone gives decides
    monkeypatch.setattr("fiqa.runtime.float_layers.candidates", lambda model: ())
    strict = Gate(spearman=1.0, spread=100.0)
    if small.report["gate"]["spearman"] == 1:  # of 24 crops the order may be the very same
        done = fiqa.export(run, tmp_path / "same.onnx", int8=True, gate=strict, runs=1)
        assert done.report["gate"]["spearman"] == 1
        strict = Gate(spearman=-1.0, spread=0.0)
    for gate in (strict, Gate(spearman=-1.0, spread=0.0)):
        with pytest.raises(
            EvidenceError,
            match=r"int8 is refused: on 24 held-out crops Spearman against fp32 is .*\(at least",
        ):
            fiqa.export(run, tmp_path / "no.onnx", int8=True, gate=gate, runs=1)
    assert not list(tmp_path.glob("no.*"))


@pytest.mark.slow
def test_with_embeddings_the_gate_has_the_discard_curve_of_held_people(finished, tmp_path, rng):
    recipe, run = finished
    data = examples(recipe, crops_folder(run))
    raw = rng.normal(size=(len(data.ids), 8)).astype(np.float32)
    norm = np.linalg.norm(raw, axis=1)
    file = tmp_path / "v.npz"
    write_embeddings(Embeddings(data.ids, raw / norm[:, None], norm, "r"), file)
    loose = Gate(spearman=-1.0, spread=100.0, area=100.0)
    done = fiqa.export(run, tmp_path / "small.onnx", int8=True, gate=loose, embeddings=file, runs=1)
    gate = done.report["gate"]
    held = mates(file, find(recipe.data.faces), data.ids, data.validation)
    assert len(held.index) == 4 * 15
    scores = fiqa.load(tmp_path / "small.onnx").score(np.asarray(data.crops[held.rows]))
    assert gate["area_int8"] == pytest.approx(held.area(scores))
    assert gate["area"] == pytest.approx(gate["area_int8"] - gate["area_fp32"])
    assert done.card.numbers["validation int8 against fp32, area"] == gate["area"]
    assert fiqa.export(
        run, tmp_path / "small.onnx", int8=True, gate=loose, embeddings=file, runs=1
    ).current
    write_embeddings(Embeddings(data.ids, -raw / norm[:, None], norm, "r"), file)
    assert not fiqa.export(
        run, tmp_path / "small.onnx", int8=True, gate=loose, embeddings=file, runs=1
    ).current


def test_a_constant_or_wrong_network_is_refused(finished, tmp_path, monkeypatch):
    from safetensors.torch import load_file, save_file

    from fiqa.training.model_file import ModelFile

    _, run = finished
    torch_gives = ModelFile._torch
    with monkeypatch.context() as patch:
        patch.setattr(ModelFile, "_torch", lambda work: torch_gives(work) + 1)
        with pytest.raises(EvidenceError, match="ONNX must give what torch gives to ") as caught:
            fiqa.export(run, tmp_path / "m.onnx")
    allowed, gap = (
        float(word) for word in re.findall(r"(?<=to |by )[\d.e-]+(?=,| on)", str(caught.value))
    )
    assert gap == pytest.approx(1, abs=1e-2)
    assert 0 < allowed < 1e-2
    file = best_of(run, "mae")[0]
    state = load_file(file)
    state["quality.weight"] *= 0
    save_file(state, file)
    with pytest.raises(
        EvidenceError, match="the scores of a model must vary, they span 0 on 24 validation crops"
    ):
        fiqa.export(run, tmp_path / "m.onnx")
    assert not list(tmp_path.glob("m.*"))


def test_what_is_no_run_or_no_place_is_an_error(tmp_path):
    with pytest.raises(WeightsError, match=r"A run must have a recipe\.json"):
        fiqa.export(tmp_path, tmp_path / "m.onnx")
    with pytest.raises(UnknownNameError, match=r"Unknown suffix of a model '\.pt'"):
        fiqa.export(tmp_path, tmp_path / "m.pt")
    with pytest.raises(
        InputError, match="embeddings are for the gate of an int8 model, and int8 is off"
    ):
        fiqa.export(tmp_path, tmp_path / "m.onnx", embeddings=tmp_path / "v.npz")


def test_a_calibration_puts_the_median_at_50_and_has_the_levels_of_every_model(rng):
    scores = rng.normal(3.0, 0.5, 5000).astype(np.float32)
    found = fitted_calibration(scores)
    uqs = 100 / (1 + np.exp(-(scores - found.x0) / found.w))
    assert np.median(uqs) == pytest.approx(50, abs=0.1)
    assert np.percentile(uqs, 5) == pytest.approx(10, abs=1.5)
    assert np.percentile(uqs, 95) == pytest.approx(90, abs=1.5)
    assert found.level_cuts == LEVEL_CUTS
    shares = np.bincount(levels(uqs, found.level_cuts), minlength=5) / len(uqs)
    low, high = (norm.cdf(logit(cut / 100) * found.w / 0.5) for cut in (20, 40))
    np.testing.assert_allclose(shares, [low, high - low, 1 - 2 * high, high - low, low], atol=0.02)


def test_a_calibration_needs_scores_that_differ():
    with pytest.raises(EvidenceError, match="at least 20 scores, got 19"):
        fitted_calibration(np.arange(19, dtype=np.float32))
    with pytest.raises(EvidenceError, match=r"needs scores that differ, 9 in 10 of 40 are 1\.0"):
        fitted_calibration(np.ones(40, np.float32))
    with pytest.raises(InputError, match="scores must be finite"):
        fitted_calibration(np.full(40, np.nan, np.float32))
