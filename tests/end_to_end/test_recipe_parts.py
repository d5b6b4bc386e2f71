"""The Python parts of the recipes for DmsFIQA and label transfer: who is trained on, and the
numbers of their tables."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import read_quality
from fiqa.data.recipes import copy_recipe, recipes
from fiqa.settings import assignments
from fiqa.training.config import Recipe, read_recipe
from fiqa.types import Embeddings

pytestmark = pytest.mark.numeric


def test_nobody_of_the_test_is_trained_on(part, two_sets, tmp_path):
    splits = part("splits")
    assert [path.name for path in splits.training(two_sets)] == ["Ada", "Bob", "Di"]
    assert [path.name for path in splits.training(two_sets, "pins")] == ["Di"]
    assert [path.name for path in splits.training(two_sets, part=2)] == ["Ada", "Di"]
    assert splits.write_faces(splits.training(two_sets), tmp_path / "a.csv") == 9
    assert splits.write_faces(splits.training(two_sets), tmp_path / "a.csv", every=2) == 1 + 2 + 3
    assert fiqa.scan(tmp_path / "a.csv").id.tolist() == [
        "Ada/Ada_0000",
        "Bob/Bob_0000",
        "Bob/Bob_0002",
        "Di/Di_0000",
        "Di/Di_0002",
        "Di/Di_0004",
    ]


def test_degraded_copies_keep_their_names(part, two_sets, tmp_path):
    splits, transfer = part("splits"), part("label_transfer")
    splits.write_faces(
        [two_sets / "lfw/aligned" / name for name in ("Ada", "Bob")], tmp_path / "test.csv"
    )
    for name in ("lfw", "degraded"):
        (tmp_path / name).mkdir(exist_ok=True)
    transfer.sets(tmp_path)
    degraded, clean = (fiqa.scan(tmp_path / name) for name in ("degraded/faces.csv", "test.csv"))
    assert degraded.id.tolist() == clean.id.tolist()
    assert (degraded.status == "ok").all()
    for name in ("lfw", "degraded"):
        assert fiqa.scan(tmp_path / name / "scored.csv").id.tolist() == clean.id.tolist()[1:], (
            "Ada has no mate"
        )
    assert any(
        a != b for a, b in zip(degraded.columns["sha256"], clean.columns["sha256"], strict=True)
    )


@pytest.fixture
def transfer_run(tmp_path: Path, rng) -> Path:
    """What recipes/label_transfer.sh leaves for its tables: two sets, two recognizers, scores of
    baselines and of regressors with two seeds."""
    ids = [f"p{person}/{k}" for person in range(20) for k in range(5)]
    for name in ("lfw", "degraded"):
        folder = tmp_path / name
        (folder / "embeddings").mkdir(parents=True)
        (folder / "quality").mkdir()
        frame = pl.DataFrame(
            {"path": ids, "id": ids, "identity": [i.partition("/")[0] for i in ids]}
        )
        frame.write_csv(folder / "faces.csv")
        for recognizer in "ab":
            raw = np.repeat(rng.normal(size=(20, 16)), 5, axis=0) + 0.6 * rng.normal(size=(100, 16))
            norm = np.linalg.norm(raw, axis=1)
            vectors = Embeddings(np.array(ids), raw / norm[:, None], norm, recognizer)
            write_embeddings(vectors, folder / "embeddings" / f"{recognizer}.npz")
        for method in ("analytic", "lightqnet", "cr_fiqa"):
            for kind in ("prior.0", "prior.1", "optimized.0", "optimized.1", "baseline"):
                if (method, kind) != ("cr_fiqa", "baseline"):
                    file = folder / "quality" / f"{method}.{kind}.parquet"
                    pl.DataFrame({"id": ids, "value": rng.random(100)}).write_parquet(file)
    return tmp_path


@pytest.mark.slow
def test_the_tables_have_the_areas_of_evaluate(part, transfer_run, capsys):
    transfer = part("label_transfer")
    transfer.tables(transfer_run, "0", "1")
    printed = capsys.readouterr().out
    lfw = transfer_run / "lfw"
    for limit in (0.3, 0.95):
        for kind, seeds in (("prior", 2), ("baseline", 1)):
            files = [
                lfw / "quality" / f"analytic.{kind}{f'.{k}' if seeds > 1 else ''}.parquet"
                for k in range(seeds)
            ]
            found = [
                fiqa.evaluate(
                    {"x": read_quality(file)},
                    lfw / "embeddings/a.npz",
                    faces=lfw / "faces.csv",
                    limits=(limit,),
                    draws=200,
                )
                .curve("x")
                .areas[limit, "raw"]
                for file in files
            ]
            value = 1000 * np.mean([one.value for one in found])
            assert f"{value:.2f} [" in printed
            if seeds == 1:
                assert (
                    f"{value:.2f} [{1000 * found[0].low:.2f}, {1000 * found[0].high:.2f}]"
                    in printed
                )
    assert printed.count("Table I, same recognizer") == printed.count("Table III, ablation") == 2
    assert "4750 non-mated" in printed


@pytest.mark.slow
def test_heads_learn_from_priors_and_from_what_optimizing_makes_of_them(
    part, transfer_run, rng, capsys
):
    pytest.importorskip("torch")
    transfer = part("label_transfer")
    folder = transfer_run / "lfw"
    shutil.copy(folder / "embeddings/a.npz", transfer_run / "a.npz")
    shutil.copy(folder / "faces.csv", transfer_run / "train.csv")
    (transfer_run / "prior").mkdir()
    for method in transfer.METHODS:
        shutil.copy(
            folder / "quality" / f"{method}.prior.0.parquet",
            transfer_run / "prior" / f"{method}.parquet",
        )
    transfer.heads(transfer_run)
    printed = capsys.readouterr().out
    assert printed.count("of 5 seeds") == 3 * 3 * 2
    assert "| analytic | 0.000 | 1.000 |" in printed
    vectors = rng.normal(size=(400, 6)).astype(np.float32)
    label = vectors[:, 0] + 0.1 * vectors[:, 1]
    guess = part("curves").head(np.tile(vectors, (20, 1)), np.tile(label, 20), 0)(vectors)
    assert np.corrcoef(guess, label)[0, 1] > 0.95


def test_a_change_is_the_difference_on_the_same_resamples(part):
    curves = part("curves")
    one, other = (
        curves.Area(value, np.array([value - 1, value, value + 1])) for value in (5.0, 7.0)
    )
    assert (one - other).text("+") == "-2.00 [-2.00, -2.00]"
    assert one.text() == "5.00 [4.05, 5.95]"


def test_table_iv_is_of_the_times_that_were_taken(part, two_sets, tmp_path, capsys, monkeypatch):
    transfer = part("label_transfer")
    images = sorted((two_sets / "pins/aligned/Di").glob("*.jpg"))[:3]
    frame = pl.DataFrame({"path": map(str, images), "id": [i.stem for i in images]}, strict=False)
    frame.write_csv(tmp_path / "test.csv")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/r.onnx").touch()

    class Scorer:
        def __init__(self, name: object) -> None:
            self.seconds = {"analytic": 0.002, "net.pb": 0.003}.get(str(name), 0.001)

        def score(self, faces: Any) -> None:
            assert len(faces.crops) == 1
            clock[0] += self.seconds * (1 + clock[1])

    clock = [0.0, 0.0]
    monkeypatch.setattr(transfer.fiqa, "load", Scorer)
    monkeypatch.setattr(transfer.time, "perf_counter", lambda: clock[0])
    transfer.times(tmp_path, "net.pb")
    told = capsys.readouterr().out
    rows = [line.split(" | ") for line in told.splitlines() if "before / after |" in line]
    assert [(row[0], row[2]) for row in rows] == [
        ("| analytic", "2.00"), ("| lightqnet", "3.00"), ("| cr_fiqa", "1.00")
    ]  # fmt: skip
    times = pl.read_csv(tmp_path / "times.csv")
    assert len(times) == 6 * 3 * transfer.ROUNDS
    own = times.filter(pl.col("method") == "analytic.baseline")["ms"].to_list()
    assert own == pytest.approx([2.0] * 12)


def test_recipes_of_agreement_begin_alike(part, two_sets, tmp_path, monkeypatch):
    agreement = part("agreement")
    found = agreement.several(two_sets, ["Ada", "Bob", "Cy"])
    assert {name: len(images) for name, images in found.items()} == {"Bob": 3}
    monkeypatch.setattr(sys, "argv", ["judges.py", str(two_sets), str(tmp_path / "out")])
    with pytest.raises(SystemExit, match=r"models/recognizer_a\.onnx"):
        agreement.begun("about", 3)
    (two_sets / "models").mkdir()
    for name in "ab":
        (two_sets / f"models/recognizer_{name}.onnx").touch()
    monkeypatch.setattr(agreement, "write_recognizers", lambda *_: None)
    assert agreement.begun("about", 3) == (two_sets, tmp_path / "out", 3)
    assert (tmp_path / "out").is_dir()
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--every", "8"])
    assert agreement.begun("about", 3)[2] == 8
    with pytest.raises(SystemExit, match="lfw/absent"):
        agreement.begun("about", 3, "lfw/absent")


def test_agreement_inside_a_person_and_its_interval(part, rng):
    from scipy.stats import spearmanr

    agreement = part("agreement")
    who = np.repeat(["a", "b", "c"], 4)
    vectors = rng.normal(size=(12, 5))
    like = agreement.mated(vectors, who)
    for row in range(12):
        others = [k for k in range(12) if who[k] == who[row] and k != row]
        assert like[row] == pytest.approx(np.mean([vectors[k] @ vectors[row] for k in others]))
    left = agreement.inside(like, who)
    assert left[:4] == pytest.approx(like[:4] - like[:4].mean())
    told = agreement.interval(like, left, who)
    value, low, high = (float(word.strip("[],")) for word in told.split())
    assert value == pytest.approx(spearmanr(like, left).statistic, abs=6e-4)
    assert low <= value <= high


def test_the_order_inside_people_is_the_mean_of_their_rhos(part, tmp_path, capsys, rng):
    counts = {"a": 4, "b": 3, "c": 2, "d": 1}
    ids = [f"{who}/{k}" for who, count in counts.items() for k in range(count)]
    who = [name.partition("/")[0] for name in ids]
    values = {name: rng.random(len(ids)) for name in ("value", "coarse", "student")}
    values["student"][ids.index("b/0") : ids.index("b/2") + 1] = 0.5
    table = pl.DataFrame({"id": ids, "identity": who, "status": "ok"} | values)
    table.drop("student").write_parquet(tmp_path / "test_labels.parquet")
    table.select("id", raw="student").write_parquet(tmp_path / "student.parquet")
    for name in "ab":
        raw = rng.normal(size=(len(ids), 4)).astype(np.float32)
        norm = np.linalg.norm(raw, axis=1)
        vectors = Embeddings(np.array(ids), raw / norm[:, None], norm, name)
        write_embeddings(vectors, tmp_path / f"test_{name}.npz")
    part("dmsfiqa").inside(tmp_path, "student")
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()]
    assert rows[0][1] == " 2 people "
    means = [[float(cell.split()[0]) for cell in row[2:5]] for row in rows[2:]]

    # Of b the student says nothing, which counts as 0.
    def rho(name: str, rows: slice) -> float:
        return float(spearmanr(values[name][rows], values["value"][rows]).statistic)

    first, second = slice(0, 4), slice(4, 7)
    assert means[0][0] == pytest.approx(rho("student", first) / 2, abs=6e-4)
    both = rho("coarse", first) + rho("coarse", second)
    assert means[1][0] == pytest.approx(both / 2, abs=6e-4)
    less = float(rows[3][2].split(";")[1].split()[0])
    assert less == pytest.approx(means[1][0] - means[0][0], abs=2e-3)


def trained(script: Path, folder: Path, **variables: str) -> Recipe:
    """The recipe that a script trains with: whatever else it does is left out."""
    for name in recipes()["dmsfiqa"].reads:
        (folder / "data" / name).mkdir(parents=True, exist_ok=True)
    python = folder / "python"
    python.write_text(
        f"""#!/usr/bin/env bash
        case "$*" in
          "-m fiqa train "*) printf '%s\\n' "${{@:4}}"; exit 1;;
          *"/dmsfiqa.py shared "*) exec "{sys.executable}" "$@";;
        esac"""
    )
    python.chmod(0o700)
    words = ["bash", str(script), str(folder / "data"), str(folder / "out")]
    environment = os.environ | {"PYTHON": str(python)} | variables
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1, done.stderr
    recipe, *options = done.stdout.splitlines()
    chosen = [value for name, value in itertools.pairwise(options) if name == "--set"]
    return read_recipe(recipe, assignments(chosen))


def test_each_student_of_dmsfiqa_has_the_one_loss(tmp_path):
    script, *_ = copy_recipe("dmsfiqa", tmp_path / "mine")
    papers, shipped = (tmp_path / "mine" / f"{name}.toml" for name in ("dmsfiqa", "finetune"))
    out = tmp_path / "out"
    own = {"data.faces": f"{out}/train.csv", "data.labels": f"{out}/train_labels.parquet"}
    assert trained(script, tmp_path, QUICK="") == read_recipe(papers, own)
    started = own | {
        "data.per_identity": 8,
        "data.validation": 0.1,
        "loss.ranking": 1.0,
        "loss.level_cuts": [0.2, 0.433333, 0.666667, 0.9],
        "optim.epochs": 3,
        "run.select": ["spearman_middle"],
    }
    assert trained(script, tmp_path, START="fiqa") == read_recipe(shipped, started)
    changed = papers.read_text().replace("ranking = 1.0", "ranking = 2.0")
    papers.write_text(changed.replace('quality = "l1"', 'quality = "smooth_l1"'))
    for start in ("", "fiqa"):
        loss = trained(script, tmp_path, START=start).loss
        assert (loss.ranking, loss.quality) == (2.0, "smooth_l1")


def test_centers_at_means_have_no_new_last_layer(part, root):
    form = part("network_form")
    recipe = root / "recipes/cr_fiqa.toml"
    assert '"vector."' in form.groups(recipe)
    assert '"vector."' not in form.groups(recipe, means=True)
    assert (
        form.groups(recipe, means=True).count("prefix") == form.groups(recipe).count("prefix") - 1
    )
