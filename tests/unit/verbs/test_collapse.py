"""A student that really has collapsed is told as such at every step: export, card, table, doctor,
and the paper's Tables 4 and 5."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.quality import read_quality, write_quality
from fiqa.data.store import read_sidecar
from fiqa.errors import EvidenceError, InputError
from fiqa.evaluation.evidence import gather
from fiqa.evaluation.papers.dmsfiqa import agreement_table, filter_table
from fiqa.evaluation.setting import Setting
from fiqa.runtime.cards import card_path, read_card
from fiqa.training.config import resolve
from fiqa.types import Embeddings, Quality

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from fiqa.training.dataset import examples  # noqa: E402
from fiqa.training.evaluation import predict  # noqa: E402
from fiqa.training.loop import network  # noqa: E402
from fiqa.training.run_folder import best_of, crops_folder  # noqa: E402

pytestmark = pytest.mark.numeric

STD = 3e-4


@pytest.fixture
def collapsed(trainable, tmp_path, seed):
    """A run whose student gives held-out faces scores of a standard deviation of STD around .525:
    the middle of a bin of the entropy."""
    from safetensors.torch import load_file, save_file

    recipe, folder = (
        resolve(trainable(people=8, data__validation=0.5, optim__epochs=1) | {"seed": seed}),
        tmp_path / "run",
    )
    fiqa.train(recipe, out=folder)
    file, net = best_of(folder, "mae")[0], network(recipe)
    state = load_file(file)
    net.load_state_dict(state)
    data = examples(recipe, crops_folder(folder))
    scores = predict(net, data, data.validation, recipe.model)[:, 0]
    factor = STD / float(scores.std())
    state["quality.weight"] *= factor
    state["quality.bias"] = 0.525 - factor * (float(scores.mean()) - state["quality.bias"])
    save_file(state, file)
    return folder


def _table(columns, row):
    return dict(zip(columns, row, strict=True))


@pytest.mark.slow
def test_a_collapsed_student_is_refused_and_where_allowed_told_everywhere(collapsed, tmp_path):
    model = tmp_path / "m.onnx"
    with pytest.raises(
        EvidenceError,
        match=(
            r"(?s)at least 0\.1 times as widely as their labels, .*24 held-out crops have"
            r" collapsed: std 0\.000.*--allow-coll"
        ),
    ):
        fiqa.export(collapsed, model, runs=1)
    refused = CliRunner().invoke(
        build(), ["export", str(collapsed), "-o", str(model), "--runs", "1"]
    )
    assert refused.exit_code == 1
    assert "have collapsed" in refused.output
    assert not list(tmp_path.glob("m.*"))

    done = fiqa.export(collapsed, model, runs=1, allow_collapsed=True)
    card = read_card(card_path(model))
    assert (card.raw.low, card.raw.high) == (0, 1), "the labels lie in 0..1"
    assert card.raw.score.std == pytest.approx(STD, rel=0.2)
    assert card.raw.score.entropy == 0
    assert card.raw.labels.std == pytest.approx(
        pl.read_csv(tmp_path / "labels.csv")["value"].std(), rel=0.1
    )
    assert card.limits.startswith("Score-range collapse: std 0.000")
    assert (card.calibration.x0, card.calibration.w) == (0.5, pytest.approx(1 / (2 * np.log(9))))
    assert done.report["spread"]["collapsed"]
    assert done.report["spread"]["ratio"] < 0.01

    scores = tmp_path / "s.parquet"
    table = fiqa.score(tmp_path / "faces", model=str(model), aligned=True, out=scores, workers=1)
    assert table["uqs"].n_unique() == 1, "no calibration makes it look wide"
    told = read_sidecar(scores)["scales"]
    assert told["raw"]["range"] == [0, 1]
    assert told["raw"]["labels"] == card.raw.labels.model_dump()
    assert told["score"] == {"of": "calibration", "range": [0, 1]}

    for path, name in ((model, "spread"), (scores, "column raw")):
        report = fiqa.doctor(path)
        assert not report.healthy
        assert name in [check.name for check in report.checks if check.verdict == "problem"]
        assert "COLLAPSED" in "\n".join(report.lines())
    assert CliRunner().invoke(build(), ["doctor", str(scores)]).exit_code == 3
    _the_papers_tables_give_it_the_worst_spread(scores, tmp_path)


def _stretched(scores, path):
    """The table as an export of old made it: a calibration fitted on the scores, which fills 0..1,
    and nothing that says so."""
    table = pl.read_parquet(scores)
    raw = table["raw"].to_numpy()
    width = (np.quantile(raw, 0.95) - np.quantile(raw, 0.05)) / (2 * np.log(9))
    unit = 1 / (1 + np.exp(-(raw - np.median(raw)) / width))
    table.with_columns(
        score=pl.Series(unit), uqs=pl.Series(np.rint(100 * unit).astype(int))
    ).write_parquet(path)
    assert unit.std() > 0.2


def _the_papers_tables_give_it_the_worst_spread(scores, tmp_path):
    _stretched(scores, tmp_path / "old.parquet")
    labels = read_quality(tmp_path / "labels.csv")
    rng = np.random.default_rng(0)
    near = np.clip(labels.value + 0.1 * rng.normal(size=len(labels)), 0, 1)
    write_quality(Quality(labels.id, near, "near"), tmp_path / "near.parquet")
    raw = rng.normal(size=(len(labels), 8))
    length = np.linalg.norm(raw, axis=1)
    vectors = Embeddings(labels.id, raw / length[:, None], length, "r")
    files = {"new": scores, "old": tmp_path / "old.parquet", "near": tmp_path / "near.parquet"}
    evidence = gather(files, vectors)

    table = agreement_table(evidence, labels)
    rows = {row[0]: _table(table.columns, row) for row in table.rows}
    for name in ("new", "old"):
        for column in ("Q90-Q10", "Std", "Entropy"):
            assert rows[name][column] < 0.01 * rows["near"][column], f"{name}: {column}"
        assert rows[name]["MAE"] == pytest.approx(np.abs(0.525 - labels.value).mean(), abs=0.01)
        assert f"{name} has collapsed: std 0.000" in table.note
    assert "near has collapsed" not in table.note
    assert "new: column raw, 0..1 by its sidecar" in table.note

    filters = filter_table(evidence, vectors, Setting(fmr=0.05, draws=0))
    kept = {(row[0], row[1]): row[3] for row in filters.rows}
    assert [kept["old", f"score >= {cut}"] for cut in (0.2, 0.4, 0.6, 0.8)] == [48, 48, 0, 0]

    found = fiqa.evaluate(files, vectors, fmr=0.05, draws=0)
    spreads = {scores.name: scores.spread for scores in found.scores}
    assert spreads["old"].std < 0.001 < 0.1 < spreads["near"].std
    assert any("old: column raw, lies in 0..1" in note for note in found.notes)
    assert not fiqa.doctor(tmp_path / "old.parquet").healthy


@pytest.mark.slow
def test_labels_on_another_scale_keep_it_from_training_to_the_table(trainable, tmp_path):
    recipe = trainable(people=8, data__validation=0.5, optim__epochs=1)
    labels = pl.read_csv(tmp_path / "labels.csv")
    scaled = Quality(
        labels["id"].to_numpy().astype(str),
        20 + 30 * labels["value"].to_numpy(),
        "m",
        "label",
        (20.0, 50.0),
    )
    write_quality(scaled, tmp_path / "labels.parquet")
    recipe["data"]["labels"] = str(tmp_path / "labels.parquet")
    with pytest.raises(
        InputError,
        match=(
            r"(?s)must lie in 0\.\.1 for model\.output = 'sigmoid', got"
            r" 2[0-9.]*\.\.4[0-9.]+\..*rescale"
        ),
    ):
        fiqa.train(
            resolve(recipe | {"model": recipe["model"] | {"output": "sigmoid"}}),
            out=tmp_path / "refused",
        )
    fiqa.train(resolve(recipe), out=tmp_path / "run")
    done = fiqa.export(tmp_path / "run", tmp_path / "m.onnx", runs=1, allow_collapsed=True)
    assert (done.card.raw.low, done.card.raw.high) == (20, 50)
    assert done.card.raw.labels.std == pytest.approx(labels["value"].to_numpy().std(), rel=0.1), (
        "brought to 0..1"
    )
    fiqa.score(
        tmp_path / "faces",
        model=str(tmp_path / "m.onnx"),
        aligned=True,
        out=tmp_path / "s.csv",
        workers=1,
    )
    assert json.loads((tmp_path / "s.csv.json").read_text())["scales"]["raw"]["range"] == [20, 50]
