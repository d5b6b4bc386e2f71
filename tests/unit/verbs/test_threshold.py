"""`threshold`: the pure function on gathered evidence, the 0..100 scale, groups, what is refused, and what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.functional.threshold import choose_cut
from fiqa.types import Embeddings, Manifest, Quality
from fiqa.verbs import threshold as room
from fiqa.verbs.threshold import write_cut


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """200 people with 4 images each; the images of low quality are of nobody in particular."""
    rng = np.random.default_rng(7)
    people, each = 200, 4
    n = people * each
    true = rng.random(n).astype(np.float32)
    who = np.repeat(np.arange(people), each)
    vectors = rng.normal(size=(people, 24))[who] + np.where(true < 0.15, 4.0, 0.35)[:, None] * rng.normal(size=(n, 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for p, k in zip(who, range(n), strict=True)])
    camera = np.where(rng.random(n) < np.where(true < 0.15, 0.9, 0.3), "nir", "rgb")
    return {
        "ids": ids,
        "who": np.array([f"p{p}" for p in who]),
        "quality": Quality(ids, true, "mine"),
        "vectors": Embeddings(ids, vectors, None, "rec"),  # type: ignore[arg-type]
        "faces": Manifest(ids, ids, np.array([f"p{p}" for p in who]), columns={"camera": camera}),
    }


def test_the_cut_is_that_of_the_pure_function(here: dict[str, Any]) -> None:
    found = fiqa.threshold(here["quality"], here["vectors"], fnmr=0.02, fmr=0.01, seed=3)
    i, j = np.triu_indices(len(here["ids"]), 1)
    similarity = np.einsum("pd,pd->p", here["vectors"].vector[i], here["vectors"].vector[j])
    expected = choose_cut(
        similarity,
        here["who"][i] == here["who"][j],
        np.stack([i, j], axis=1),
        here["quality"].value,
        here["who"],
        fnmr=0.02,
        fmr=0.01,
        seed=3,
    )
    assert found.cut.cut == expected.cut
    assert found.cut.coverage == expected.coverage
    assert found.cut.threshold == pytest.approx(expected.threshold, abs=1e-6)
    assert found.cut.fnmr.value <= 0.02 < found.cut.fnmr_start
    assert 0.1 < found.cut.cut.value < 0.2
    assert found.uqs is None


def test_a_wanted_coverage(here: dict[str, Any]) -> None:
    found = fiqa.threshold(here["quality"], here["vectors"], coverage=0.9, fmr=0.01)
    assert found.cut.coverage.value == pytest.approx(0.9, abs=0.002)
    assert found.cut.cut.value == pytest.approx(np.quantile(here["quality"].value, 0.1), abs=0.01)
    assert "for coverage 0.9 at FMR 0.01 under rec" in found.text()


def test_groups_pay_what_the_cut_costs_them(here: dict[str, Any]) -> None:
    found = fiqa.threshold(here["quality"], here["vectors"], faces=here["faces"], group="camera", fnmr=0.02, fmr=0.01)
    nir, rgb = found.cut.groups
    assert (nir.name, rgb.name) == ("nir", "rgb")
    gone = here["quality"].value < found.cut.cut.value
    assert nir.discarded == pytest.approx(gone[here["faces"].columns["camera"] == "nir"].mean())
    assert nir.discarded > rgb.discarded
    assert nir.discarded_gap > 0 > rgb.discarded_gap
    assert "Groups at this cut" in found.text()


def test_the_scale_of_100_comes_from_the_file_or_from_the_calibration(here: dict[str, Any], tmp_path: Path) -> None:
    uqs = np.round(100 * here["quality"].value).astype(int)
    table = {"id": here["ids"], "raw": here["quality"].value, "uqs": uqs, "model": ["mine"] * len(uqs)}
    pl.DataFrame(table).write_parquet(tmp_path / "scores.parquet")
    found = fiqa.threshold(str(tmp_path / "scores.parquet"), here["vectors"], fnmr=0.02, fmr=0.01)
    assert found.uqs is not None
    assert found.uqs[0] == round(100 * found.cut.cut.value)
    assert found.uqs_from == "column uqs of the file"
    named = Quality(here["ids"], here["quality"].value, "laplacian")
    by_method = fiqa.threshold(named, here["vectors"], fnmr=0.02, fmr=0.01)
    raw = np.float32([by_method.cut.cut.value])
    assert by_method.uqs is not None
    assert by_method.uqs[0] == fiqa.load("laplacian").unified(raw)[0]
    assert by_method.uqs_from == "calibration of laplacian"


def test_more_pairs_than_are_stored_are_drawn_by_seed_and_said(
    here: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqa.evaluation.evidence.STORED", 20_000)
    monkeypatch.setattr(room, "STORED", 20_000)
    found = [fiqa.threshold(here["quality"], here["vectors"], fnmr=0.05, fmr=0.01, seed=s) for s in (0, 0, 1)]
    assert found[0].cut.nonmated == 20_000
    assert any("20,000 of 318,400 non-mated pairs were drawn" in note for note in found[0].notes)
    assert found[0].cut.threshold == found[1].cut.threshold != found[2].cut.threshold
    whole = fiqa.threshold(here["quality"], here["vectors"], fnmr=0.05, fmr=0.01, pairs=None, draws=2)
    assert found[0].cut.threshold == pytest.approx(whole.cut.threshold, abs=0.03)


def test_it_is_written_as_plain_json(here: dict[str, Any], tmp_path: Path) -> None:
    found = fiqa.threshold(here["quality"], here["vectors"], fnmr=0.02, fmr=0.01)
    write_cut(found, tmp_path / "cut.json", arguments={"fnmr": 0.02, "seed": 0}, files=[], command="fiqa threshold")
    read = json.loads((tmp_path / "cut.json").read_text())
    assert read["cut"]["cut"]["value"] == found.cut.cut.value
    assert read["command"] == "fiqa threshold"
    sidecar = json.loads((tmp_path / "cut.json.json").read_text())
    assert sidecar["verb"] == "threshold"
    assert sidecar["seed"] == 0


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({}, InputError, "Exactly one of fnmr and coverage must be given, got fnmr=None"),
        ({"fnmr": 0.1, "coverage": 0.5}, InputError, "Exactly one of fnmr and coverage"),
        ({"fnmr": 1e-4}, EvidenceError, "needs at least 30000 mated pairs"),
        ({"fnmr": 0.02, "fmr": 1e-7}, EvidenceError, "An FMR of 1e-07 needs at least 10000000 non-mated pairs"),
        ({"fnmr": 0.02, "group": "camera"}, InputError, "must come from a manifest"),
    ],
)
def test_it_refuses(here: dict[str, Any], changed: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fiqa.threshold(here["quality"], here["vectors"], **{"fmr": 0.01, **changed})


def test_an_unknown_group_column_gets_the_closest_one(here: dict[str, Any]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'camera'"):
        fiqa.threshold(here["quality"], here["vectors"], faces=here["faces"], group="cammera", fnmr=0.02, fmr=0.01)
