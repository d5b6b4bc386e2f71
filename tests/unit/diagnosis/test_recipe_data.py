"""`fiqa doctor DATA --for`: what each recipe reads, what is there, where to get the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.recipes import recipes
from fiqa.diagnosis.recipe_data import SOURCES, data_report
from fiqa.errors import ReadError, UnknownNameError


def test_a_recipe_reads_what_it_checks() -> None:
    assert recipes()["cabin"].reads == (
        "pins/aligned",
        "video/carphone.mp4",
        "models/recognizer_a.onnx",
        "models/yunet.onnx",
    )
    assert recipes()["clean"].reads[2] == "photos"
    assert recipes()["pcnet"].reads == ()


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    for path in recipes()["cabin"].reads[1:]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    report = data_report(tmp_path, "cabin")
    assert report.missing == {"pins/aligned"}
    assert not report.healthy
    lines = [line.split() for line in report.lines()]
    assert ["cabin", "pins/aligned", "missing"] in lines
    assert ["cabin", "models/yunet.onnx", "found"] in lines
    place = tmp_path / "pins/aligned"
    assert report.lines()[-1] == f"missing: {place}. From: {SOURCES['pins/aligned']}"
    place.mkdir(parents=True)
    assert data_report(tmp_path, "cabin").healthy
    every = data_report(tmp_path)
    assert set(every.reads) == {name for name, each in recipes().items() if each.reads}
    assert f"recipes with all their data: 1 of {len(every.reads)}" in every.lines()


def test_the_command_ends_as_doctor_does(tmp_path: Path) -> None:
    def run(*arguments: object) -> tuple[int, str, str]:
        done = CliRunner().invoke(build(), ["doctor", *map(str, arguments)])
        return done.exit_code, done.stdout, done.stderr

    for path in {path for each in recipes().values() for path in each.reads}:
        (tmp_path / path).mkdir(parents=True)
    assert run(tmp_path, "--for", "recipes")[0] == 0
    (tmp_path / "models/yunet.onnx").rmdir()
    code, stdout, _ = run(tmp_path, "--for", "recipes")
    assert code == 3
    assert stdout == "\n".join(fiqa.doctor(tmp_path, purpose="recipes").lines()) + "\n"
    assert run(tmp_path, "--for", "labels")[0] == 0
    assert run(tmp_path / "none", "--for", "recipes")[0] == 1


def test_other_names_and_other_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'labels'"):
        data_report(tmp_path, "lables")
    with pytest.raises(UnknownNameError):
        data_report(tmp_path, "pcnet")
    with pytest.raises(ReadError, match="The data must be a folder, and there is none at"):
        data_report(tmp_path / "none")
