"""fiqa.tables and its command: what belongs to which paper, what is written, what is left alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.quality import write_quality
from fiqa.errors import FiqaError, InputError, ReadError, UnknownNameError

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("dms",), InputError, "need at least one quality and one file of embeddings"),
        (("dms", "q"), InputError, "need at least one quality and one file of embeddings"),
        (("dmsfiqa", "q", "e"), UnknownNameError, "did you mean 'dms'"),
        (
            ("clib", "q", "e", {"target": "t"}),
            InputError,
            "target belongs to the tables of dms, got it for clib",
        ),
        (
            ("clib", "q", "e", {"same": "a"}),
            InputError,
            "same belongs to the tables of label-opt, got it for clib",
        ),
        (("dms", {"data_set": ["s"]}), ReadError, "must have files in 's/quality'"),
        (
            ("dms", "q", "e", {"fmr": 0.1}),
            InputError,
            "fmr belongs to the tables of clib and label-opt, got it for",
        ),
        (
            ("dms", "q", "e", {"protocol": "clib"}),
            InputError,
            "protocol belongs to the tables of clib and label-opt",
        ),
        (
            ("dms", "q", "e", {"limits": (0.5,)}),
            InputError,
            "limits belongs to the tables of clib and label-opt",
        ),
        (("clib", "q", "e", {"unit": "u"}), InputError, "unit belongs to the tables of dms"),
        (
            ("clib", "q", "e", {"data_set": ["s"]}),
            InputError,
            "must not stand beside quality, embeddings",
        ),
        (("clib", {"data_set": ["absent"]}), ReadError, "must have files in 'absent/embeddings'"),
    ],
)
def test_what_a_paper_has_no_use_for_is_refused(
    arguments: tuple[Any, ...], kind: type[FiqaError], message: str
) -> None:
    named = arguments[-1] if isinstance(arguments[-1], dict) else {}
    with pytest.raises(kind, match=f"(?s){message}"):
        fiqa.tables(*[each for each in arguments if each is not named], **named)


def test_two_sets_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "one", tmp_path / "one")
    with pytest.raises(
        InputError, match=r"Each data set must have its own name .*, got 'one' twice"
    ):
        fiqa.tables("clib", data_set=[folder / "one", tmp_path / "one"], fmr=0.05)


def test_dms_says_what_is_missing_and_has_a_table_for_each_recognizer(here: dict[str, Any]) -> None:
    found = fiqa.tables("dms", here["near"], here["vectors"])
    assert [table.name for table in found.tables] == ["dms_filter_a", "dms_filter_b"]
    assert "note: Table 4 (agreement) needs a target: labels in 0..1." in found.text()
    whole = fiqa.tables("dms", here["near"], here["vectors"], target=here["label"])
    assert [table.name for table in whole.tables] == [
        "dms_agreement",
        "dms_filter_a",
        "dms_filter_b",
    ]


def test_draws_and_tracks_reach_the_tables_of_dms(here: dict[str, Any], tmp_path: Path) -> None:
    ids = here["ids"]
    faces = pl.DataFrame({"path": ids, "id": ids, "identity": here["who"], "track": ids})
    faces.write_csv(tmp_path / "faces.csv")
    how = {"target": here["label"], "faces": tmp_path / "faces.csv", "per": ["track"], "draws": 10}
    found = fiqa.tables("dms", here["near"], here["vectors"][0], **how)
    names = [table.name for table in found.tables]
    assert names == ["dms_agreement", "dms_agreement_intervals", "dms_filter_a"]
    assert "ROC-AUC low" in found.tables[2].columns
    assert "top 20 per track" in [row[1] for row in found.tables[2].rows]
    how["per"] = ["trck"]
    with pytest.raises(UnknownNameError, match=r"(?s)group column 'trck'.*did you mean 'track'"):
        fiqa.tables("dms", here["near"], here["vectors"][0], **how)


def test_the_command_writes_what_the_function_does_and_leaves_alone_what_is_current(
    here: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    quality, vectors = (
        str(folder / "one/quality/m.optimized.parquet"),
        str(folder / "one/embeddings/rec_a.npz"),
    )
    write_quality(here["label"], tmp_path / "labels.parquet")
    target = str(tmp_path / "labels.parquet")
    call = ["tables", "dms", "--quality", quality, "--embeddings", vectors, "--target", target]
    first = CliRunner().invoke(build(), [*call, "-o", str(tmp_path / "a")])
    assert first.exit_code == 0, first.output
    assert "DmsFIQA Table 4" in first.stdout
    again = CliRunner().invoke(build(), [*call, "-o", str(tmp_path / "a")])
    assert again.stdout == first.stdout
    assert "is current, nothing to do" in again.stderr
    found = fiqa.tables("dms", [quality], [vectors], target=target, out=tmp_path / "b")
    one, other = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab")
    assert (one["verb"], one["arguments"]["paper"], one["fingerprint"]) == (
        "tables",
        "dms",
        other["fingerprint"],
    )
    assert first.stdout.strip() == found.text()
    assert "near: column value, lies in 0..1" in one["tables"]["dms_agreement"], (
        "the sidecar says which scale"
    )
    table = (tmp_path / "b" / "dms_agreement.md").read_bytes()
    (tmp_path / "b" / "dms_agreement.md").write_text("edited")
    fiqa.tables("dms", [quality], [vectors], target=target, out=tmp_path / "b")
    assert (tmp_path / "b" / "dms_agreement.md").read_bytes() == table, (
        "a changed output is not current"
    )


def test_the_command_of_evaluate_has_no_tables_any_more(folder: Path) -> None:
    for option in ("--table", "--all-pairs", "--set"):
        done = CliRunner().invoke(build(), ["evaluate", option, "x"])
        assert done.exit_code == 2
        assert "No such option" in done.output
    told = CliRunner().invoke(build(), ["tables", "--help"]).output
    assert all(
        option in told
        for option in ("--data-set", "--target", "--same", "fiqa tables dms --quality")
    )
    done = CliRunner().invoke(
        build(), ["tables", "clib", "--target", "t", "--quality", "q", "--embeddings", "e"]
    )
    assert done.exit_code == 2
    assert "target belongs to the tables of dms" in done.stderr


def test_label_opt_by_data_sets_from_the_command(folder: Path) -> None:
    sets = ["--data-set", str(folder / "one"), "--data-set", str(folder / "two")]
    done = CliRunner().invoke(
        build(), ["tables", "label-opt", *sets, "--same", "rec_b", "--fmr", "0.05", "-q"]
    )
    assert done.exit_code == 0, done.output
    assert "Table I, the same recognizer" in done.stdout
    assert np.all([f"note: {name}: " in done.stdout for name in ("one", "two")])
