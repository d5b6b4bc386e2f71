"""`calibrate`: chances against a known truth, what is refused, and what is written."""

from __future__ import annotations

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
from fiqa.data.manifest import write_manifest
from fiqa.data.quality import write_quality
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.evaluation.match_chance import read_match_chance
from fiqa.functional.match_chance import chance_curve, left_out_chance, reliability
from fiqa.types import Embeddings, Manifest, Quality

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """60 people with 6 images each; noise in the vector grows as quality falls; in nir more."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(60), 6)
    true = rng.random(360).astype(np.float32)
    regime = np.where(np.arange(360) % 2, "nir", "rgb").astype("U7")
    regime[-6:] = "thermal"
    spread = (1.2 - true) * np.where(regime == "nir", 1.2, 0.6)
    vectors = rng.normal(size=(60, 24))[who] + spread[:, None] * rng.normal(size=(360, 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for p, k in zip(who, range(360), strict=True)])
    names = np.array([f"p{p}" for p in who])
    return {
        "quality": Quality(ids, true.astype(np.float64), "mine"),
        "embeddings": Embeddings(ids, vectors.astype(np.float32), recognizer="rec"),
        "faces": Manifest(ids, ids, names, columns={"regime": regime}),
    }


def test_the_chance_rises_with_quality_and_knows_the_regime(here: dict[str, Any]) -> None:
    found = fiqa.calibrate(**here, by="regime", fmr=1e-3)
    assert set(found.cells) == {"nir", "rgb"}
    assert list(found.refused) == ["thermal"]
    places = np.linspace(-0.5, 1.5, 41)
    for name, cell in found.cells.items():
        chance = found.chance(places, name)
        assert np.all(np.diff(chance) >= 0)
        assert chance[0] >= 0
        assert chance[-1] <= 1
        # of people whom the curve has not seen, the score tells more than their share does
        assert cell.error.brier < cell.error.base
    assert np.mean(found.chance(places, "rgb")) > np.mean(found.chance(places, "nir")) + 0.05
    with pytest.raises(UnknownNameError, match="nir"):
        found.chance(places, "nirr")


def test_a_curve_finds_the_truth_and_says_its_error() -> None:
    rng = np.random.default_rng(1)
    quality, person = rng.random(8000), np.arange(8000) % 400
    truth = 0.2 + 0.7 * quality
    matched = rng.random(8000) < truth
    assert np.max(np.abs(chance_curve(quality, matched, person).at(quality) - truth)) < 0.15
    told = reliability(left_out_chance(quality, matched, person), matched, person)
    # the error of the truth itself is the mean of p (1 - p)
    assert told.brier == pytest.approx(np.mean(truth * (1 - truth)), abs=0.01)
    assert np.max(np.abs(np.subtract(told.told, told.seen))) < 0.06


def test_a_person_counts_once_whatever_the_number_of_pairs() -> None:
    person = np.concatenate([np.arange(10), np.zeros(990, int)])
    matched = person == 0
    curve = chance_curve(np.zeros(1000), matched, person)
    assert curve.at([0.0])[0] == pytest.approx(0.1)


def test_leaving_out_uses_nothing_of_the_person() -> None:
    quality, person = np.tile(np.arange(5.0), 12), np.repeat(np.arange(12), 5)
    matched = quality > 2
    first = left_out_chance(quality, matched, person)
    matched[:5] = ~matched[:5]
    assert np.array_equal(left_out_chance(quality, matched, person)[:5], first[:5])


def test_fewer_than_ten_people_are_refused(here: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="9"):
        chance_curve(np.arange(9.0), np.ones(9), np.arange(9))
    all_ids, names = here["faces"].id[:54], np.repeat([f"p{k}" for k in range(9)], 6)
    few = Manifest(all_ids, all_ids, names)
    with pytest.raises(EvidenceError, match="10 people, got all: mated pairs of 9"):
        fiqa.calibrate(here["quality"], here["embeddings"], faces=few, fmr=0.1)


def test_the_command_writes_the_same_bytes_and_says_what_is_refused(
    here: dict[str, Any], tmp_path: Path
) -> None:
    write_quality(here["quality"], tmp_path / "q.csv")
    write_embeddings(here["embeddings"], tmp_path / "e.npz")
    write_manifest(here["faces"], tmp_path / "faces.parquet")
    words = ["calibrate", "--quality", str(tmp_path / "q.csv")]
    words += ["--embeddings", str(tmp_path / "e.npz"), "--faces", str(tmp_path / "faces.parquet")]
    words += ["--by", "regime", "-o", str(tmp_path / "chance.json")]
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 3, done.output
    assert "thermal: refused: mated pairs of 1 people" in done.output
    first = (tmp_path / "chance.json").read_bytes()
    written = json.loads(first)
    assert written["cells"]["rgb"]["people"] == 59
    assert (tmp_path / "chance.json.json").is_file()
    CliRunner().invoke(build(), words)
    assert (tmp_path / "chance.json").read_bytes() == first


def test_pairs_of_one_drive_do_not_count(here: dict[str, Any]) -> None:
    """Of each image there is a copy in its drive, which matches whatever the quality."""
    names = here["faces"].id
    ids = np.concatenate([names, np.array([f"{name}_copy" for name in names])])
    faces = Manifest(
        ids,
        ids,
        np.tile(here["faces"].identity, 2),
        columns={"drive": np.tile(names, 2)},
    )
    quality = Quality(ids, np.tile(here["quality"].value, 2), "mine")
    vectors = Embeddings(ids, np.tile(here["embeddings"].vector, (2, 1)), recognizer="rec")
    apart = fiqa.calibrate(quality, vectors, faces=faces, across="drive")
    mixed = fiqa.calibrate(quality, vectors, faces=faces)
    once = fiqa.calibrate(here["quality"], here["embeddings"], faces=here["faces"])
    assert (apart.across, mixed.across) == ("drive", None)
    # every pair four times over, and none of an image with its copy
    assert apart.cells[""].pairs == 4 * once.cells[""].pairs == mixed.cells[""].pairs - 360
    assert apart.cells[""].matched == pytest.approx(once.cells[""].matched, abs=0.02)
    assert mixed.cells[""].matched > apart.cells[""].matched


def test_factors_have_curves_of_their_own(here: dict[str, Any], tmp_path: Path) -> None:
    """One factor is the quality itself, one says nothing, one is known of five people alone."""
    ids, rng = here["faces"].id, np.random.default_rng(9)
    true = here["quality"].value
    table = pl.DataFrame(
        {
            "id": ids,
            "factors": [
                {
                    "blur": float(true[i]),
                    "pose": float(rng.random()),
                    "occlusion": 0.5 if i < 30 else None,
                }
                for i in range(360)
            ],
        }
    )
    table.write_parquet(tmp_path / "factors.parquet")
    given = {**here, "by": "regime", "factors": tmp_path / "factors.parquet"}
    found = fiqa.calibrate(**given, out=tmp_path / "chance.json")
    assert read_match_chance(tmp_path / "chance.json") == found
    assert found.factors["blur"]["rgb"].curve.quality == pytest.approx(
        found.cells["rgb"].curve.quality, abs=1e-6
    )
    none = found.factors["pose"]["nir"].error
    assert none.brier > 0.97 * none.base, "what says nothing tells no more than the share"
    assert found.factors["blur"]["nir"].error.brier < 0.9 * none.base
    assert not found.factors["occlusion"]
    assert "rgb occlusion" in found.refused
    assert "rgb, blur: 59 people" in found.text()
    with pytest.raises(InputError, match="id and factors"):
        fiqa.calibrate(**{**given, "factors": pl.DataFrame({"id": ids})})
