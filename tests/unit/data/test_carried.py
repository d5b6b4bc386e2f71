"""The user's columns travel from manifest to tables: which, in which type, in each form of file."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.alignment import run as align_run
from fiqa.data.carried import Carried, carried_names
from fiqa.data.images import write_image
from fiqa.data.manifest import read_manifest
from fiqa.data.tables import read_table, write_table
from fiqa.embedding.run import failures_path
from fiqa.scoring import run as score_run

FORMS = [".csv", ".jsonl", ".parquet"]
N = 6
EXTRA: dict[str, list[Any]] = {
    "camera": ["left", "right", None, "left", "007", "right"],
    "regime": ["nir", "rgb", "nir", "rgb", "nir", "rgb"],
    "drive": [3, 3, 4, None, 5, 5],
    "speed": [1.5, 2.25, None, 0.0, 7.0, -1.0],
    "parked": [True, False, True, True, False, False],
    "track": ["7", "7", "8", "8", "9", "9"],
    "frame": [10, 20, 30, 40, 50, 60],
}
HOSTILE = [
    "a,b", 'say "so"', "=1+1", "naïve", "line\nbreak", "semi;colon", "Tab\there", "x" * 300, "fps ",
    "Camera", "__class__", "0", '""', 'a""b', "with space", "NULL", "a.b", "../up", "%s", "{0}",
    "Quality of it",
]  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> list[str]:
    """Crops of two people; the fifth is damaged."""
    paths = [tmp_path / "photos" / f"p{i % 2}" / f"{i}.png" for i in range(N)]
    for path in paths:
        write_image(path, rng.integers(0, 256, (112, 112, 3), dtype=np.uint8))
    paths[4].write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    return list(map(str, paths))


def manifest(folder: Path, form: str, photos: list[str], extra: dict[str, list[Any]]) -> Path:
    path = folder / f"faces{form}"
    own = {"id": [f"p{i % 2}/{i}" for i in range(N)], "path": photos}
    own["identity"] = [f"p{i % 2}" for i in range(N)]
    write_table(pl.DataFrame(own | extra), path)
    return path


def carried(table: pl.DataFrame, names: list[str]) -> dict[str, list[Any]]:
    return table.select(names).to_dict(as_series=False)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("out", FORMS)
def test_they_reach_every_table(
    tmp_path: Path, photos: list[str], tiny_recognizer: Any, form: str, out: str
) -> None:
    faces = manifest(tmp_path, form, photos, EXTRA)
    crops = fiqa.align(faces, out=tmp_path / "crops", detector="none", workers=1)
    assert crops.id.tolist() == [f"p{i % 2}/{i}" for i in range(N)]
    listed = tmp_path / "crops" / align_run.MANIFEST
    assert carried(read_table(listed), list(EXTRA)) == EXTRA

    scores = tmp_path / f"scores{out}"
    table = fiqa.score(listed, aligned=True, workers=1, out=scores)
    for found in (table, read_table(scores), fiqa.score(listed, aligned=True, workers=1)):
        assert carried(found, list(EXTRA)) == EXTRA
        assert found["status"].to_list() == ["ok"] * 4 + [crops.status[4], "ok"]

    vectors = tmp_path / "vectors.parquet"
    fiqa.embed(listed, recognizer=tiny_recognizer(), out=vectors)
    kept = {name: [v for i, v in enumerate(cells) if i != 4] for name, cells in EXTRA.items()}
    assert carried(read_table(vectors), list(EXTRA)) == kept
    failures = read_table(failures_path(vectors))
    assert failures.select("camera", "drive").rows() == [("007", 5)]

    labels = tmp_path / f"labels{out}"
    fiqa.label("norm", faces=listed, embeddings=vectors, out=labels)
    assert carried(read_table(labels), list(EXTRA)) == EXTRA

    turned = tmp_path / f"converted{out}"
    fiqa.convert(scores, turned, to="table")
    assert carried(read_table(turned), list(EXTRA)) == kept


@pytest.mark.parametrize("form", FORMS)
def test_hostile_names_are_names(tmp_path: Path, photos: list[str], form: str) -> None:
    extra = {name: [f"{name[:9]} {i}" for i in range(N)] for name in HOSTILE}
    faces = manifest(tmp_path, form, photos, extra)
    names = [name.strip() for name in HOSTILE]
    wanted = {name.strip(): cells for name, cells in extra.items()}
    fiqa.align(faces, out=tmp_path / "crops", detector="none", workers=1)
    listed = tmp_path / "crops" / align_run.MANIFEST
    assert carried(read_table(listed), names) == wanted
    out = tmp_path / f"scores{form}"
    assert carried(fiqa.score(listed, aligned=True, workers=1, out=out), names) == wanted
    assert carried(read_table(out), names) == wanted


def test_names_of_ours_stay_ours(tmp_path: Path, photos: list[str], caplog: Any) -> None:
    mine: dict[str, list[Any]] = {
        "score": ["mine"] * N, "raw": [1.0] * N, "model": ["canon"] * N, "factor_fun": [0.5] * N,
        "bbox_depth": [1] * N, "Quality": [2] * N, "value": [3.0] * N, "status": ["ok"] * N,
    }  # fmt: skip
    faces = manifest(tmp_path, ".parquet", photos, mine | {"camera": ["a"] * N})
    caplog.set_level("INFO", "fiqa.data.carried")
    table = fiqa.score(faces, aligned=True, workers=1)
    assert table["model"].drop_nulls().unique().to_list() == ["fiqa"]
    assert table["score"].dtype == pl.Float64
    assert not {"factor_fun", "bbox_depth", "Quality", "value"} & set(table.columns)
    assert "not carried: score, raw, model, factor_fun, bbox_depth, Quality, value" in caplog.text
    assert table["camera"].to_list() == ["a"] * N


def test_types_are_those_of_the_manifest(tmp_path: Path, photos: list[str]) -> None:
    day, noon = datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 12, 30, 0, 123456)
    typed = {
        "small": pl.Series([1, 2, 3, 4, 5, 6], dtype=pl.Int16),
        "half": pl.Series([0.1, 0.2, None, 0.4, 0.5, 0.6], dtype=pl.Float32),
        "day": pl.Series([day, None, day, day, day, day]),
        "when": pl.Series([noon, noon, None, noon, noon, noon], dtype=pl.Datetime("ns")),
        "zoned": pl.Series([noon] * N).dt.replace_time_zone("UTC"),
        "gaps": pl.Series([1, None, 3, 4, 5, 6]),
        "maybe": pl.Series([True, None, False, True, True, True]),
        "tags": pl.Series([["a"], ["b", "c"], None, [], ["d"], ["e"]]),
        "empty": pl.Series([None] * N, dtype=pl.String),
    }
    faces = manifest(tmp_path, ".parquet", photos, typed)  # type: ignore[arg-type]
    table = fiqa.score(faces, aligned=True, workers=1, out=tmp_path / "scores.parquet")
    for name, column in typed.items():
        assert table[name].dtype == column.dtype, name
        assert table[name].to_list() == column.to_list(), name


def test_track_and_frame_are_of_the_manifest_where_it_has_them(
    tmp_path: Path, photos: list[str]
) -> None:
    plain = fiqa.score(manifest(tmp_path, ".csv", photos, {}), aligned=True, workers=1)
    assert plain["track"].null_count() == plain["frame"].null_count() == N
    again = fiqa.score(plain, aligned=True, workers=1)
    assert again.columns == plain.columns
    faces = manifest(tmp_path, ".csv", photos, {"frame": EXTRA["frame"]})
    table = fiqa.score(faces, aligned=True, workers=1)
    assert table.columns == plain.columns
    assert table["frame"].to_list() == EXTRA["frame"]


def test_every_face_of_a_photograph_has_them(
    tmp_path: Path, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fiqa.faces.detection import Detection
    from fiqa.functional.geometry import TEMPLATE

    class Two:
        name = "two"

        def detect(self, image: np.ndarray) -> list[Detection]:
            box = np.array([0, 0, 112, 112], np.float32)
            large = Detection(box, TEMPLATE.astype(np.float32), 0.9)
            return [large, Detection(box / 2, (TEMPLATE / 2).astype(np.float32), 0.8)]

    monkeypatch.setattr("fiqa.faces.detectors.detector", lambda name, weights=None: Two())
    faces = manifest(tmp_path, ".csv", photos, {"camera": list("abcdef")})
    table = fiqa.score(faces, detector="yunet", faces="all", weights="x", workers=1)
    assert table["camera"].to_list() == list("aabbccddeff")


@pytest.mark.parametrize("form", FORMS)
def test_a_killed_run_ends_with_the_same_bytes(
    tmp_path: Path, photos: list[str], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = manifest(tmp_path, form, photos, EXTRA)
    monkeypatch.setattr(score_run, "_PART", 2)
    whole, killed = tmp_path / f"whole{form}", tmp_path / f"killed{form}"
    fiqa.score(faces, aligned=True, workers=1, out=whole)

    def told(stage: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fiqa.score(faces, aligned=True, workers=1, out=killed, progress=told)
    assert not killed.exists()
    fiqa.score(faces, aligned=True, workers=1, out=killed)
    assert killed.read_bytes() == whole.read_bytes()
    assert carried(read_table(killed), list(EXTRA)) == EXTRA


def test_a_changed_column_is_another_table(tmp_path: Path, photos: list[str]) -> None:
    out = tmp_path / "scores.parquet"
    fiqa.score(
        manifest(tmp_path, ".csv", photos, {"camera": list("abcdef")}), aligned=True, out=out
    )
    faces = manifest(tmp_path, ".csv", photos, {"camera": list("abcdeg")})
    table = fiqa.score(faces, aligned=True, out=out)
    assert table["camera"].to_list() == list("abcdeg")
    crops = tmp_path / "crops"
    fiqa.align(faces, out=crops, detector="none", workers=1)
    faces = manifest(tmp_path, ".csv", photos, {"camera": list("zbcdeg")})
    fiqa.align(faces, out=crops, detector="none", workers=1)
    assert read_table(crops / align_run.MANIFEST)["camera"].to_list() == list("zbcdeg")


def test_groups_of_a_cut_are_on_what_align_left(tmp_path: Path, rng: np.random.Generator) -> None:
    ids = [f"p{p}/{i}" for p in range(12) for i in range(6)]
    folder = tmp_path / "photos"
    for name in ids:
        write_image(folder / f"{name}.png", rng.integers(0, 256, (112, 112, 3), dtype=np.uint8))
    cameras = ["left" if i % 2 else "right" for i in range(len(ids))]
    table = {"id": ids, "path": [str(folder / f"{name}.png") for name in ids], "camera": cameras}
    table["identity"] = [name.partition("/")[0] for name in ids]
    write_table(pl.DataFrame(table), tmp_path / "faces.csv")
    fiqa.align(tmp_path / "faces.csv", out=tmp_path / "crops", detector="none", workers=1)
    who = np.repeat(np.arange(12), 6)
    vectors = rng.normal(size=(12, 8))[who] + 0.3 * rng.normal(size=(len(ids), 8))
    unit = (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)
    report = fiqa.threshold(
        fiqa.Quality(np.array(ids), rng.random(len(ids)), "drawn"),
        fiqa.Embeddings(np.array(ids), unit, np.ones(len(ids), np.float32), "r"),
        faces=tmp_path / "crops" / align_run.MANIFEST, group="camera", coverage=0.9, fmr=0.05,
        draws=5,
    )  # fmt: skip
    groups = report.points[0].cut.groups
    assert sorted(group.name for group in groups) == ["left", "right"]


def test_a_manifest_without_rows_or_columns_carries_nothing() -> None:
    none = Carried.of(fiqa.Manifest(np.empty(0, "U1"), np.empty(0, "U1")))
    assert none.digest() == {}
    table = pl.DataFrame({"id": ["a"]})
    assert none.beside(table, [0]).equals(table)
    assert carried_names([]) == []


def test_a_missing_number_is_no_zero(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,drive,parked\na.jpg,1,true\nb.jpg,,\n")
    found = read_manifest(tmp_path / "m.csv")
    assert found.columns["drive"].tolist() == [1, None]
    assert found.columns["parked"].tolist() == [True, None]
