"""Mated pairs across the values of a column: which, what is said of the others, in every form."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.pairs import write_pairs
from fiqa.data.quality import write_quality
from fiqa.data.tables import write_table
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.evaluation.evidence import gather
from fiqa.types import Embeddings, Manifest, Pairs, Quality

PEOPLE, DRIVES, FRAMES = 8, 3, 4


@pytest.fixture
def world(rng: np.random.Generator) -> dict[str, Any]:
    """Frames of people on drives; frames of one drive are near-copies; three have no drive."""
    rows = list(itertools.product(range(PEOPLE), range(DRIVES), range(FRAMES)))
    ids = np.array([f"p{p}/d{d}f{f}" for p, d, f in rows])
    person, drive = rng.normal(size=(PEOPLE, 16)), rng.normal(size=(PEOPLE, DRIVES, 16))
    vectors = np.stack([person[p] + 1.2 * drive[p, d] for p, d, _ in rows])
    vectors += 0.05 * rng.normal(size=vectors.shape)
    unit = (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)
    drives: list[int | None] = [p * DRIVES + d for p, d, _ in rows]
    for lost in (0, 17, 40):
        drives[lost] = None
    return {
        "ids": ids,
        "who": np.array([f"p{p}" for p, _, _ in rows]),
        "drive": drives,
        "quality": Quality(ids, rng.random(len(ids)), "good"),
        "vectors": Embeddings(ids, unit, None, "rec"),  # type: ignore[arg-type]
    }


def faces(world: dict[str, Any], path: Path) -> Path:
    table = {"id": world["ids"], "path": world["ids"], "identity": world["who"]}
    write_table(pl.DataFrame(table | {"my drive": world["drive"]}), path)
    return path


def expected(world: dict[str, Any]) -> set[tuple[int, int]]:
    """The pairs by a plain loop."""
    who, drive = world["who"], world["drive"]
    return {
        (i, j)
        for i, j in itertools.combinations(range(len(who)), 2)
        if who[i] == who[j] and None not in (drive[i], drive[j]) and drive[i] != drive[j]
    }


@pytest.mark.parametrize("form", [".csv", ".jsonl", ".parquet"])
def test_the_pairs_are_those_of_a_plain_loop(
    world: dict[str, Any], tmp_path: Path, form: str
) -> None:
    table = faces(world, tmp_path / f"faces{form}")
    run = gather(world["quality"], world["vectors"], faces=table, across="my drive")
    assert {tuple(sorted(pair)) for pair in run.mated.tolist()} == expected(world)
    plain = gather(world["quality"], world["vectors"], faces=table)
    assert run.nonmated is None
    assert run.counts["nonmated"] == plain.counts["nonmated"]
    assert run.counts["mated"] == len(expected(world))
    left_out = run.counts["within"] + run.counts["pairs_without_value"]
    assert run.counts["mated"] + left_out == plain.counts["mated"]
    assert run.counts["without_value"] == 3


@pytest.mark.slow
def test_what_is_left_out_is_said(world: dict[str, Any], tmp_path: Path) -> None:
    table = faces(world, tmp_path / "faces.csv")
    found = fiqa.evaluate(
        world["quality"], world["vectors"], faces=table, across="my drive", fmr=0.05, draws=5,
        out=tmp_path / "report",
    )  # fmt: skip
    run = gather(world["quality"], world["vectors"], faces=table, across="my drive")
    within, lost = run.counts["within"], run.counts["pairs_without_value"]
    total = run.counts["mated"] + within + lost
    wanted = (
        f"Mated pairs are across my drive: {within} of {total} are of one value and were left out.",
        "3 of 96 images have no my drive ('p0/d0f0', 'p1/d1f1', 'p3/d1f0'): their"
        f" {lost} mated pairs were left out.",
    )
    assert set(wanted) <= set(found.notes)
    report = json.loads((tmp_path / "report" / "numbers.json").read_text())
    assert set(wanted) <= set(report["notes"])
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Mated pairs are across my drive" in page


def test_near_copies_made_it_look_easier(world: dict[str, Any], tmp_path: Path) -> None:
    table = faces(world, tmp_path / "faces.csv")
    settings: dict[str, Any] = {"faces": table, "fmr": 0.05, "draws": 0}
    plain = fiqa.evaluate(world["quality"], world["vectors"], **settings)
    apart = fiqa.evaluate(world["quality"], world["vectors"], across="my drive", **settings)
    assert apart.recognizers[0].fnmr > plain.recognizers[0].fnmr


def test_a_list_of_pairs_keeps_its_folds(world: dict[str, Any], tmp_path: Path) -> None:
    ids, who = world["ids"], world["who"]
    index = np.stack(np.triu_indices(len(ids), 1), axis=1)
    index = index[::7]
    mated = who[index[:, 0]] == who[index[:, 1]]
    fold = np.arange(len(index)) % 4
    write_pairs(Pairs(ids, index, mated), tmp_path / "pairs.csv", fold=fold)
    table = faces(world, tmp_path / "faces.csv")
    run = gather(
        world["quality"], world["vectors"], faces=table, pairs=tmp_path / "pairs.csv",
        across="my drive",
    )  # fmt: skip
    wanted = {
        (str(ids[i]), str(ids[j])): int(fold[k])
        for k, (i, j) in enumerate(index.tolist())
        if mated[k] and (i, j) in expected(world)
    }
    assert run.fold is not None
    assert len(run.fold) == len(run.mated) + int(np.count_nonzero(~mated))
    own = {
        tuple(run.ids[pair].tolist()): int(f) for pair, f in zip(run.mated, run.fold, strict=False)
    }
    assert own == wanted


def test_no_pair_is_an_error_that_counts(world: dict[str, Any]) -> None:
    manifest = Manifest(world["ids"], world["ids"], world["who"], columns={"clip": world["who"]})
    with pytest.raises(EvidenceError, match=r"got none: of 528 mated pairs 528 are of one value"):
        gather(world["quality"], world["vectors"], faces=manifest, across="clip")


def test_what_is_asked_wrong_is_said(world: dict[str, Any], tmp_path: Path) -> None:
    table = faces(world, tmp_path / "faces.csv")
    with pytest.raises(InputError, match="'drive' must come from a manifest"):
        gather(world["quality"], world["vectors"], across="drive")
    with pytest.raises(UnknownNameError, match="did you mean 'my drive'"):
        gather(world["quality"], world["vectors"], faces=table, across="my_drive")
    manifest = Manifest(
        world["ids"], world["ids"], world["who"], columns={"x": np.linspace(0, 1, 96)}
    )
    with pytest.raises(InputError, match="'x' holds fractions"):
        gather(world["quality"], world["vectors"], faces=manifest, across="x")


@pytest.mark.slow
def test_the_command_says_the_same_and_a_rerun_knows(world: dict[str, Any], tmp_path: Path) -> None:
    table = faces(world, tmp_path / "faces.jsonl")
    write_quality(world["quality"], tmp_path / "q.csv")
    write_embeddings(world["vectors"], tmp_path / "e.npz")
    words = [
        "evaluate", "--quality", str(tmp_path / "q.csv"), "--embeddings", str(tmp_path / "e.npz"),
        "--faces", str(table), "--fmr", "0.05", "--draws", "5", "-o", str(tmp_path / "report"),
    ]  # fmt: skip
    first = CliRunner().invoke(build(), [*words, "--across", "my drive"])
    assert first.exit_code == 0, first.output
    assert "Mated pairs are across my drive" in first.output
    numbers = tmp_path / "report" / "numbers.json"
    state = numbers.read_bytes()
    assert CliRunner().invoke(build(), [*words, "--across", "my drive"]).exit_code == 0
    assert numbers.read_bytes() == state
    assert CliRunner().invoke(build(), words).exit_code == 0
    assert numbers.read_bytes() != state
