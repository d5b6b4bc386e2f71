"""The papers' tables against the pure functions, their spellings, and the run behind `fiqa evaluate`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.errors import InputError, ReadError, UnknownNameError
from fiqa.evaluation.curves import Setting
from fiqa.evaluation.evidence import gather
from fiqa.evaluation.papers.clib_fiqa import read_set
from fiqa.evaluation.papers.dmsfiqa import CUTS, agreement_table, filter_table
from fiqa.functional import agreement
from fiqa.functional.selection import top_k
from fiqa.functional.spread import spread
from fiqa.functional.verification import all_pairs
from fiqa.types import Embeddings, Quality
from fiqa.verbs.evaluate_run import Request, run

HOW = Setting(fmr=0.05, draws=10)


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """15 people with 25 images each, a label in 0..1, a score near it, and one on another scale; two recognizers."""
    rng = np.random.default_rng(3)
    n = 375
    true = rng.random(n)
    who = np.repeat(np.arange(15), 25)
    ids = np.array([f"p{p}/{k}" for p, k in zip(who, range(n), strict=True)])

    def vectors(name: str) -> Embeddings:
        rows = rng.normal(size=(15, 16))[who] + (2.5 - 2.2 * true)[:, None] * rng.normal(size=(n, 16))
        length = np.linalg.norm(rows, axis=1)
        return Embeddings(ids, rows / length[:, None], length, name)

    near = np.clip(true + 0.1 * rng.normal(size=n), 0, 1)
    return {
        "ids": ids,
        "who": np.array([f"p{p}" for p in who]),
        "label": Quality(ids, true, "label", kind="label"),
        "near": Quality(ids, near, "near"),
        "open": Quality(ids, 10 * near + rng.normal(size=n), "open"),
        "vectors": [vectors("a"), vectors("b")],
    }


@pytest.fixture(scope="module")
def folder(here: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets: the second lacks the ablation."""
    root = tmp_path_factory.mktemp("sets")
    for name, variants in (("one", ("baseline", "optimized", "prior")), ("two", ("baseline", "optimized"))):
        for vectors in here["vectors"]:
            (root / name / "embeddings").mkdir(parents=True, exist_ok=True)
            write_embeddings(vectors, root / name / "embeddings" / f"rec_{vectors.recognizer}.npz")
        (root / name / "quality").mkdir()
        for variant in variants:
            value = {"baseline": here["open"], "optimized": here["near"], "prior": here["label"]}[variant]
            write_quality(value, root / name / "quality" / f"m.{variant}.parquet")
    return root


def test_agreement_columns_are_those_of_the_pure_functions(here: dict[str, Any]) -> None:
    evidence = gather([here["near"], here["open"]], here["vectors"][0])
    table = agreement_table(evidence, here["label"])
    row = dict(zip(table.columns, table.rows[0], strict=True))
    pred, truth = (here[name].value.astype(float) for name in ("near", "label"))
    middle = (truth > CUTS[0]) & (truth <= CUTS[-1])
    assert row["MAE"] == pytest.approx(agreement.mae(pred, truth))
    assert row["RMSE"] == pytest.approx(agreement.rmse(pred, truth))
    assert row["Spearman"] == pytest.approx(agreement.per_identity(agreement.spearman, pred, truth, here["who"])[0])
    some = agreement.per_identity(agreement.kendall, pred[middle], truth[middle], here["who"][middle])
    assert (row["middle Kendall"], row["middle used/skipped"]) == (pytest.approx(some[0]), f"{some[1]}/{some[2]}")
    assert row["Entropy"] == pytest.approx(spread(pred).entropy)
    other = dict(zip(table.columns, table.rows[1], strict=True))
    assert other["MAE"] is None
    assert other["Std"] is None
    assert other["Spearman"] > 0.5
    assert "375 of 375 images" in table.note


def test_labels_must_be_of_these_images_and_in_range(here: dict[str, Any]) -> None:
    evidence = gather(here["near"], here["vectors"][0])
    with pytest.raises(InputError, match="must be of these images, got none of 375"):
        agreement_table(evidence, Quality(np.array(["x"]), np.array([0.5]), "l"))
    with pytest.raises(InputError, match="target must be in"):
        agreement_table(evidence, here["open"])


def test_filtering_verifies_what_is_left(here: dict[str, Any]) -> None:
    evidence = gather([here["near"], here["open"]], here["vectors"][0])
    table = filter_table(evidence, evidence.recognizers[0], HOW)
    rows = {(row[0], row[1]): dict(zip(table.columns, row, strict=True)) for row in table.rows}
    keep = top_k(here["near"].value, here["who"], 20)
    expected = all_pairs(here["vectors"][0].vector[keep], here["who"][keep])
    row = rows["near", "top 20 per identity"]
    assert row["coverage %"] == pytest.approx(80)
    assert (row["ROC-AUC"], row["EER %"]) == pytest.approx((expected.auc, 100 * expected.eer))
    assert row["TPR@0.001"] == pytest.approx(expected.tpr[1e-3])
    assert rows["near", "score >= 0.8"]["ROC-AUC"] > rows["-", "none"]["ROC-AUC"]
    assert ("open", "score >= 0.8") not in rows
    few = gather(Quality(here["ids"][:26], np.linspace(0, 0.1, 26), "low"), here["vectors"][0])
    last = filter_table(few, few.recognizers[0], HOW).rows[-1]
    assert last[3] == 0
    assert last[7] is None


def test_clib_tables_have_methods_by_sets_and_their_average(folder: Path) -> None:
    done = run(Request(table="clib", sets=(str(folder / "one"), str(folder / "two"))), HOW, out=str(folder / "out"))
    tables = {table["name"]: table for table in json.loads((folder / "out" / "tables.json").read_text())["tables"]}
    assert list(tables) == ["clib_pAUC_0.3_rec_a", "clib_AUC_0.95_rec_a", "clib_pAUC_0.3_rec_b", "clib_AUC_0.95_rec_b"]
    rows = {row[0]: row[1:] for row in tables["clib_pAUC_0.3_rec_b"]["rows"]}
    alone = fiqa.evaluate(
        {"m": folder / "one/quality/m.optimized.parquet"}, folder / "one/embeddings/rec_b.npz", fmr=0.05, draws=0
    )
    area = alone.curve("m").areas[0.3, "start"]
    assert area is not None
    assert rows["m.optimized"][0] == pytest.approx(area.value)
    assert rows["m.optimized"][2] == pytest.approx(np.mean(rows["m.optimized"][:2]))
    assert rows["m.prior"][1:] == [None, None]
    assert list(rows)[-2:] == ["random", "oracle"]
    assert "one: 4,500 mated with" in tables["clib_pAUC_0.3_rec_b"]["note"]
    assert "pAUC to 0.3 under rec_a" in done.text


def test_label_optimization_tables(folder: Path) -> None:
    request = Request(table="label-opt", sets=(str(folder / "one"), str(folder / "two")), same="rec_b")
    run(request, HOW, out=str(folder / "lo"))
    first, second, ablation = json.loads((folder / "lo" / "tables.json").read_text())["tables"]
    assert "Table I, the same recognizer: area to 0.95 x 10^3 under rec_b" in first["title"]
    assert "Table II, another recognizer: area to 0.95 x 10^3 under rec_a" in second["title"]
    base, better = ({row[1]: row for row in first["rows"]}[name][2] for name in ("baseline", "optimized"))
    assert better < base
    assert ablation["columns"] == ["method", "rec_a one", "rec_a two", "rec_b one", "rec_b two"]
    prior, change = ablation["rows"][0][3].rstrip(")").split(" (")
    assert float(prior) + float(change) == pytest.approx(better, abs=0.11)
    assert ablation["rows"][0][2] is None


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (Request(), InputError, "needs at least one --quality and one --embeddings"),
        (Request(("q",), ("e",), table="dmsfiqa"), UnknownNameError, "did you mean 'dms'"),
        (Request(("q",), ("e",), target="t"), InputError, "--target belongs to --table dms, got --table None"),
        (Request(("q",), ("e",), same="a", table="clib"), InputError, "--same belongs to --table label-opt"),
        (Request(sets=("s",)), InputError, "--set belongs to --table clib and --table label-opt"),
        (Request(("q",), ("e",), table="clib", sets=("s",)), InputError, "must not stand beside --quality"),
        (Request(("q",), ("e",), table="dms", thumbnails="d"), InputError, "--thumbnails belongs to the report"),
        (Request(table="clib", sets=("absent",)), ReadError, "must have files in 'absent/embeddings'"),
    ],
)
def test_options_that_do_not_belong_together(request_: Request, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        run(request_, HOW)


def test_names_of_label_optimization_are_checked(here: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    vectors = str(folder / "one/embeddings/rec_a.npz")
    file = str(folder / "one/quality/m.optimized.parquet")
    with pytest.raises(InputError, match=r"must be named METHOD.baseline, .* got 'x'"):
        run(Request((f"x={file}",), (vectors,), table="label-opt"), HOW)
    with pytest.raises(InputError, match="'x' must have both baseline and optimized, got optimized"):
        run(Request((f"x.optimized={file}",), (vectors,), table="label-opt"), HOW)
    done = run(Request((f"baseline={file}", f"optimized={file}"), (vectors,), table="label-opt"), HOW)
    assert "quality  optimized" in done.text


def test_a_set_has_pairs_and_faces_where_they_are_there(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "two", tmp_path / "three")
    (tmp_path / "three" / "pairs.csv").write_text("id_a,id_b,mated\n")
    found = read_set(tmp_path / "three")
    assert (found.name, list(found.embeddings), list(found.quality)) == (
        "three",
        ["rec_a", "rec_b"],
        ["m.baseline", "m.optimized"],
    )
    assert found.pairs == str(tmp_path / "three" / "pairs.csv")
    assert found.faces is None


def test_the_command_writes_a_report_once(folder: Path, tmp_path: Path) -> None:
    quality, vectors = str(folder / "one/quality/m.optimized.parquet"), str(folder / "one/embeddings/rec_a.npz")
    given = [
        "evaluate",
        "--quality",
        quality,
        "--quality",
        "norm",
        "--embeddings",
        vectors,
        "--fmr",
        "0.05",
        "--draws",
        "10",
    ]
    first = CliRunner().invoke(build(), [*given, "-o", str(tmp_path / "report")])
    assert first.exit_code == 0, first.output
    assert "area under the discard curve" in first.stdout
    page = (tmp_path / "report" / "index.html").read_bytes()
    sidecar = json.loads((tmp_path / "report.json").read_text())
    assert (sidecar["verb"], sidecar["protocol"], sidecar["arguments"]["draws"]) == ("evaluate", "iso", 10)
    again = CliRunner().invoke(build(), [*given, "-o", str(tmp_path / "report")])
    assert again.stdout == first.stdout
    assert "is current, nothing to do" in again.stderr
    (tmp_path / "report" / "index.html").unlink()
    CliRunner().invoke(build(), [*given, "-o", str(tmp_path / "report")])
    assert len((tmp_path / "report" / "index.html").read_bytes()) == pytest.approx(len(page), rel=0.01)


def test_exit_codes(folder: Path, tmp_path: Path) -> None:
    quality, vectors = str(folder / "one/quality/m.optimized.parquet"), str(folder / "one/embeddings/rec_a.npz")
    base = ["--quality", quality, "--embeddings", vectors]
    for arguments, code, words in (
        (["evaluate", *base, "--fmr", "1e-9"], 1, "An FMR of 1e-09 needs at least 1000000000"),
        (["evaluate", *base, "--pairs", "p.csv", "--all-pairs"], 2, "exclude each other"),
        (["evaluate", *base, "--protocol", "izo"], 2, "did you mean 'iso'"),
        (["threshold", *base, "--fmr", "0.05"], 2, "Exactly one of fnmr and coverage"),
        (["threshold", *base, "--fmr", "0.05", "--fnmr", "1e-5"], 1, "needs at least 300000 mated pairs"),
        (["threshold", *base, "--fmr", "0.05", "--coverage", "0.9", "-o", str(tmp_path / "cut.json")], 0, ""),
    ):
        done = CliRunner().invoke(build(), arguments)
        assert done.exit_code == code, done.output
        assert words in done.stderr
    assert json.loads((tmp_path / "cut.json").read_text())["cut"]["coverage"]["value"] == pytest.approx(0.9, abs=0.01)
