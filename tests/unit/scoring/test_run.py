"""score: one row per face whatever the image is; the numbers of the scorer in the right row; files
that resume."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fiqa.methods
from fiqa.data.images import Limits
from fiqa.data.manifest import write_manifest
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.errors import ContentShapeError, InputError, UnknownNameError, WeightsError
from fiqa.faces.crops import Source, joined, resized
from fiqa.faces.detection import Detection
from fiqa.functional.calibration import Calibration
from fiqa.functional.geometry import template
from fiqa.scoring import run as module
from fiqa.scoring.rows import FaceScoring, blank_row
from fiqa.scoring.run import plan, write_scores
from fiqa.types import Faces, Factors, Manifest, Scorer
from fiqa.verbs.score import score
from fiqa.vocabulary import FACTORS

COLUMNS = [
    "id",
    "path",
    "face_index",
    "sha256",
    "status",
    "reasons",
    "advice",
    "raw",
    "score",
    "uqs",
    "level",
    "factors",
    "measures",
    "bbox",
    "landmarks",
    "detector",
    "turn",
    "notes",
    "identity",
    "track",
    "frame",
    "split",
    "model",
    "model_sha256",
    "preprocess",
]


class Brightness(Scorer):
    """Raw score: the mean of the crop in 0..1. Remembers what it was given."""

    name = "brightness"
    version = sha256 = "f" * 64
    preprocess = "112 RGB"
    calibration = Calibration(0.5, 0.1)

    def __init__(self):
        self.seen: list[Faces] = []

    def score(self, faces):
        self.seen.append(faces)
        if any(crop[0, 0].tolist() == [255, 0, 0] for crop in faces.crops):
            raise ValueError("a red corner")
        raw = faces.crops.mean(axis=(1, 2, 3)).astype(np.float32) / 255
        return np.where(faces.crops[:, 0, 0, 2] == 77, np.nan, raw)

    def assess(self, faces):
        n = len(faces)
        quality = {name: np.full(n, 0.5, np.float32) for name in FACTORS}
        quality["pose"][:] = np.nan
        why = Factors(quality, {"yaw": np.full(n, np.nan, np.float32)}, [("blurry", "noisy")] * n)
        return self.score(faces), why


class Finder:
    """Finds one face per white pixel in the top row of a photograph, the box starting there."""

    name = "finder"

    def detect(self, image):
        if image[1, 0].tolist() == [1, 2, 3]:
            raise RuntimeError("native trouble")
        places = np.flatnonzero((image[0] == 255).all(axis=1))
        return [
            Detection(np.array([x, 0, 60 - i, 60]), template(60) + np.array([x, 0]), 0.9)
            for i, x in enumerate(places.tolist())
        ]


@pytest.fixture
def scorer(monkeypatch):
    fake = Brightness()
    monkeypatch.setattr(fiqa.methods, "load", lambda model=None: fake, raising=False)
    monkeypatch.setattr("fiqa.faces.detectors.detector", lambda name, weights=None: Finder())
    return fake


def save(path: Path, pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def flat(value: int, size: int = 112):
    return np.full((size, size, 3), value, np.uint8)


def photo(*faces: int):
    pixels = np.full((80, 400, 3), 128, np.uint8)
    pixels[0, list(faces)] = 255
    return pixels


def run(path, **settings) -> list[dict]:
    return score(path, workers=1, **settings).to_dicts()


def test_the_table_has_one_row_per_crop_in_order(scorer, tmp_path):
    for i, value in enumerate((0, 128, 255)):
        save(tmp_path / "ann" / f"{i}.png", flat(value))
    rows = run(tmp_path, aligned=True)
    assert list(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == ["ann/0", "ann/1", "ann/2"]
    assert [row["path"] for row in rows] == [f"{tmp_path}/ann/{i}.png" for i in range(3)]
    assert [row["uqs"] for row in rows] == [1, 50, 99]
    assert [row["level"] for row in rows] == ["unusable", "medium", "perfect"]
    assert rows[1]["raw"] == pytest.approx(128 / 255)
    assert rows[1]["score"] == pytest.approx(1 / (1 + np.exp(-(128 / 255 - 0.5) / 0.1)), abs=1e-6)
    assert {row["identity"] for row in rows} == {"ann"}
    assert (rows[0]["model"], rows[0]["model_sha256"], rows[0]["preprocess"]) == (
        "brightness",
        "f" * 64,
        "112 RGB",
    )
    assert len(rows[0]["sha256"]) == 64
    assert [
        rows[0][name] for name in ("reasons", "factors", "measures", "bbox", "landmarks", "split")
    ] == [None] * 6
    assert [rows[0][name] for name in ("detector", "turn", "notes")] == [None] * 3


def test_a_method_without_a_model_file_leaves_model_sha256_empty(scorer, tmp_path):
    scorer.sha256 = None
    assert run(save(tmp_path / "a.png", flat(9)), aligned=True)[0]["model_sha256"] is None


def test_explain_fills_factors_measures_and_reasons(scorer, tmp_path):
    (row,) = run(save(tmp_path / "a.png", flat(9)), aligned=True, explain=True)
    assert row["reasons"] == ["blurry", "noisy"]
    assert row["factors"] == {name: None if name == "pose" else 0.5 for name in FACTORS}
    assert row["measures"] == {"yaw": None}


@pytest.fixture
def silent(scorer, monkeypatch):
    """A scorer that has no factors of its own."""
    monkeypatch.setattr(scorer, "assess", lambda faces: (scorer.score(faces), None))
    return scorer


@pytest.mark.parametrize("suffix", ["", ".parquet", ".csv", ".jsonl"])
def test_a_method_without_factors_leaves_them_empty_and_says_so_once(
    silent, tmp_path, caplog, suffix
):
    for i in range(40):
        save(tmp_path / "in" / f"{i}.png", flat(5 * i))
    out = tmp_path / f"t{suffix}" if suffix else None
    rows = run(tmp_path / "in", aligned=True, explain=True, out=out)
    assert {(row["status"], row.get("factors"), row.get("measures")) for row in rows} == {
        ("ok", None, None)
    }
    assert not any(row["reasons"] for row in rows)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("brightness has no factors of its own: ")
    assert "--explain-by measures" in told
    if out is not None:
        record = read_sidecar(out)
        assert (record["explained_by"], record["notes"]) == (None, [told])


def test_nothing_is_said_where_no_reasons_were_asked_or_there_are_some(
    scorer, silent, tmp_path, caplog, monkeypatch
):
    path = save(tmp_path / "a.png", flat(9))
    run(path, aligned=True, out=tmp_path / "t.csv")
    assert read_sidecar(tmp_path / "t.csv")["explained_by"] is None
    assert "notes" not in read_sidecar(tmp_path / "t.csv")
    monkeypatch.undo()
    run(path, aligned=True, model="analytic", explain=True, out=tmp_path / "a.csv")
    assert read_sidecar(tmp_path / "a.csv")["explained_by"] == "model"
    assert "factors" not in caplog.text


def test_the_measures_explain_any_method(tmp_path, caplog, rng):
    for i in range(3):
        save(tmp_path / "in" / f"{i}.png", rng.integers(0, 256, (112, 112, 3)))
    plain = run(tmp_path / "in", aligned=True, model="laplacian")
    wanted = run(tmp_path / "in", aligned=True, model="analytic", explain="model")
    out = tmp_path / "t.parquet"
    rows = run(tmp_path / "in", aligned=True, model="laplacian", explain="measures", out=out)
    for row, bare, analytic in zip(rows, plain, wanted, strict=True):
        assert (row["raw"], row["uqs"]) == (bare["raw"], bare["uqs"])
        assert row["reasons"] == analytic["reasons"] != []
        for name in ("factors", "measures"):
            known = {k: v for k, v in analytic[name].items() if v is not None}
            assert row[name] == pytest.approx(analytic[name] | known)
    assert read_sidecar(out)["explained_by"] == "measures"
    assert "factors" not in caplog.text
    assert write_scores(
        plan(tmp_path / "in", aligned=True, model="laplacian", explain="measures"), out
    ).current
    assert not write_scores(
        plan(tmp_path / "in", aligned=True, model="laplacian", explain=True), out
    ).current


def test_an_unknown_explainer_is_named(scorer, tmp_path):
    with pytest.raises(UnknownNameError, match="Unknown explain 'measure'"):
        run(save(tmp_path / "a.png", flat(9)), aligned=True, explain="measure")


@pytest.mark.parametrize(
    ("pixels", "status"),
    [
        (flat(9, 26), "ok"),
        (flat(9, 25), "wrong_size"),
        (flat(9)[:, :100], "wrong_size"),
        (flat(9, 200), "ok"),
    ],
)
def test_a_crop_must_be_square_and_not_tiny(scorer, tmp_path, pixels, status):
    (row,) = run(save(tmp_path / "a.png", pixels), aligned=True)
    assert row["status"] == status
    assert (row["raw"] is None) == (status != "ok")
    assert len(row["sha256"]) == 64
    assert all(len(faces.crops[0]) == 112 for faces in scorer.seen)


def test_resizing_averages_when_it_shrinks():
    board = np.indices((224, 224)).sum(axis=0)[..., None] % 2 * np.full(3, 200)
    assert np.unique(resized(board.astype(np.uint8))).tolist() == [100]
    assert resized(flat(7)) is not None
    assert resized(flat(7, 50)).shape == (112, 112, 3)


def test_unreadable_files_are_rows_with_their_status(scorer, tmp_path):
    save(tmp_path / "c.png", flat(9))
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"no image")
    rows = run([tmp_path, "nowhere.jpg"], aligned=True)
    assert [row["status"] for row in rows] == [
        "empty_file",
        "unsupported_format",
        "ok",
        "not_found",
    ]
    assert all(
        row["uqs"] is None and row["raw"] is None and row["model"] is None
        for row in rows
        if row["status"] != "ok"
    )


def test_limits_reach_the_reader(scorer, tmp_path):
    path = save(tmp_path / "a.png", flat(9))
    assert (
        run(path, aligned=True, limits=Limits(max_pixels=112 * 112 - 1))[0]["status"] == "too_large"
    )


def test_a_row_that_failed_before_is_not_read_again(scorer, tmp_path):
    path = save(tmp_path / "a.png", flat(9))
    manifest = Manifest(
        ["a", "b"], [str(path)] * 2, status=["ok", "truncated"], split=["train", "test"]
    )
    rows = run(manifest, aligned=True)
    assert [(row["status"], row["split"]) for row in rows] == [
        ("ok", "train"),
        ("truncated", "test"),
    ]


def test_landmarks_of_a_manifest_reach_the_scorer(scorer, tmp_path):
    path = save(tmp_path / "a.png", flat(9))
    points = np.empty(2, object)
    points[:] = [list(map(float, range(10))), None]
    columns = {"landmarks": points, "eye_distance": np.array([60.0, np.nan])}
    write_manifest(Manifest(["a", "b"], [str(path)] * 2, columns=columns), tmp_path / "m.parquet")
    rows = run(tmp_path / "m.parquet", aligned=True)
    assert scorer.seen[0].landmarks[0].ravel().tolist() == list(range(10))
    assert np.isnan(scorer.seen[0].landmarks[1]).all()
    assert scorer.seen[0].eye_distance.tolist() == pytest.approx([60, np.nan], nan_ok=True)
    assert [row["landmarks"] for row in rows] == [list(range(10)), None]


def test_landmarks_of_a_crop_of_another_size_are_scaled_with_it(scorer, tmp_path):
    path = save(tmp_path / "a.png", flat(9, 224))
    points = np.empty(1, object)
    points[0] = [100.0] * 10
    run(Manifest(["a"], [str(path)], columns={"landmarks": points}), aligned=True)
    assert scorer.seen[0].landmarks.tolist() == [[[50.0, 50.0]] * 5]


def test_a_crop_that_lay_in_the_frame_has_nothing_outside(scorer, tmp_path):
    path = save(tmp_path / "a.png", flat(9))
    run(
        Manifest(["a", "b"], [str(path)] * 2, columns={"inside": np.array([1.0, 0.9])}),
        aligned=True,
    )
    unknown, known = sorted(scorer.seen, key=lambda faces: faces.inside is not None)
    assert known.inside.all()
    assert unknown.inside is None, "which pixels are outside is then read from the crop"


def test_the_first_of_several_frames_is_flagged(scorer, tmp_path):
    Image.fromarray(flat(9)).save(
        tmp_path / "a.gif", save_all=True, append_images=[Image.fromarray(flat(200))]
    )
    save(tmp_path / "b.png", flat(9))
    assert [row["frame"] for row in run(tmp_path, aligned=True)] == [0, None]


def test_grey_reaches_the_scorer(scorer, tmp_path):
    color = flat(9)
    color[..., 0] = 200
    save(tmp_path / "a.png", flat(9))
    save(tmp_path / "b.png", color)
    run(tmp_path, aligned=True)
    assert scorer.seen[0].grey.tolist() == [True, False]


def test_every_face_of_a_photograph_by_policy(scorer, tmp_path):
    path = save(tmp_path / "a.png", photo(10, 100, 200))
    everyone = run(path, faces="all")
    assert [row["id"] for row in everyone] == [
        f"{tmp_path.name}/a",
        f"{tmp_path.name}/a#1",
        f"{tmp_path.name}/a#2",
    ]
    assert [row["face_index"] for row in everyone] == [0, 1, 2]
    assert [row["bbox"][0] for row in everyone] == [10, 100, 200]
    assert everyone[1]["landmarks"] == pytest.approx(
        (template(60) + np.array([100, 0])).ravel().tolist(), rel=1e-6
    )
    assert len(run(path, faces="largest")) == 1
    assert run(path, faces="one")[0]["status"] == "multiple_faces"
    assert scorer.seen[0].inside.shape == (3, 112, 112)
    assert scorer.seen[0].eye_distance.tolist() == pytest.approx([35.24 * 60 / 112] * 3, rel=1e-2)


def test_a_photograph_without_a_face_has_no_score(scorer, tmp_path):
    (row,) = run(save(tmp_path / "a.png", photo()))
    assert (row["status"], row["raw"], row["uqs"]) == ("no_face", None, None)
    assert scorer.seen == []


def test_detector_none_means_aligned(scorer, tmp_path):
    path = save(tmp_path / "a.png", flat(9))
    assert run(path, detector="none")[0]["status"] == "ok"
    assert run(path)[0]["status"] == "no_face"


def test_what_breaks_a_detector_or_scorer_is_one_failed_row(scorer, tmp_path, caplog):
    broken, red, nan = photo(10), flat(9), flat(9)
    broken[1, 0] = [1, 2, 3]
    red[0, 0] = [255, 0, 0]
    nan[0, 0, 2] = 77
    save(tmp_path / "photos" / "a.png", broken)
    save(tmp_path / "photos" / "b.png", photo(10))
    assert [row["status"] for row in run(tmp_path / "photos")] == ["failed", "ok"]
    assert "native trouble" in caplog.text
    for name, pixels in (("a", flat(9)), ("b", red), ("c", nan), ("d", flat(255))):
        save(tmp_path / "crops" / f"{name}.png", pixels)
    rows = run(tmp_path / "crops", aligned=True)
    assert [row["status"] for row in rows] == ["ok", "failed", "failed", "ok"]
    assert [row["uqs"] for row in rows] == [1, None, None, 99]
    assert "1 failed with ValueError: a red corner" in caplog.text
    assert "1 failed with ArithmeticError: the score is not a finite number" in caplog.text


def test_many_failures_of_one_kind_are_one_warning_with_a_count(scorer, tmp_path, caplog):
    for i in range(70):
        red = flat(i)
        red[0, 0] = [255, 0, 0]
        save(tmp_path / "in" / f"{i:02d}.png", red)
    rows = run(tmp_path / "in", aligned=True)
    assert {row["status"] for row in rows} == {"failed"}
    assert [record.getMessage() for record in caplog.records] == [
        f"70 failed with ValueError: a red corner; the first is '{tmp_path}/in/00.png'"
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_of_a_wrong_shape_ends_the_run_with_one_error(tmp_path, tiny_shaped, workers):
    for i in range(70):
        save(tmp_path / "in" / f"{i:02d}.png", flat(i))
    path = tiny_shaped(("Slice", ["m", "zero", "two", "one"], ["q"], {}))
    with pytest.raises(ContentShapeError, match=r"must have shape \(32, 1\), got \(32, 2\)"):
        score(tmp_path / "in", aligned=True, model=str(path), workers=workers)


def test_a_model_that_squeezes_scores_one_face_and_many(tmp_path, tiny_shaped):
    for i in range(33):
        save(tmp_path / "in" / f"{i:02d}.png", flat(7 * i))
    first = ("Slice", ["m", "zero", "one", "one"], ["c"], {})
    path = tiny_shaped(first, ("Squeeze", ["c"], ["q"], {}))
    rows = run(tmp_path / "in", aligned=True, model=str(path))
    assert [row["raw"] for row in rows] == pytest.approx(
        [7 * i / 127.5 - 1 for i in range(33)], abs=1e-4
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"faces": "any"}, "Unknown faces 'any'"), ({"detector": "yunt"}, "'yunet'")],
)
def test_a_wrong_name_stops_before_anything_is_read(scorer, tmp_path, settings, message):
    with pytest.raises(UnknownNameError, match=message):
        score(tmp_path, **settings)


def test_a_process_that_died_leaves_a_failed_row():
    assert module._died(Source("a", "a.jpg")) == [blank_row(Source("a", "a.jpg"), "failed")]
    assert list(blank_row(Source("a", "a.jpg"), "failed")) == COLUMNS


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_crops_of_another_size_are_noted_in_row_warning_and_sidecar(
    scorer, tmp_path, caplog, suffix, monkeypatch
):
    monkeypatch.setattr(module, "_PART", 2)
    for i, size in enumerate((112, 250, 96, 250)):
        save(tmp_path / "in" / f"{i}.png", flat(100 + i, size))
    save(tmp_path / "in" / "wide.png", flat(9, 112)[:, :90])
    out = tmp_path / f"s{suffix}"
    rows = run(tmp_path / "in", aligned=True, out=out)
    notes = [None, "resized=250x250", "resized=96x96", "resized=250x250", None]
    assert [row["notes"] for row in rows] == notes
    assert [row["status"] for row in rows] == ["ok"] * 4 + ["wrong_size"]
    said = [record.message for record in caplog.records if "resized" in record.message]
    sentence = "3 crops are not 112x112 and were resized: 250x250 (2), 96x96 (1)."
    assert len(said) == 1
    assert said[0].startswith(sentence)
    assert read_sidecar(out)["notes"] == said
    caplog.clear()
    assert [row["notes"] for row in run(tmp_path / "in", aligned=True)] == notes
    assert caplog.text.count(sentence) == 1


def test_the_crops_of_an_interrupted_run_are_counted_too(scorer, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(module, "_PART", 2)
    for i in range(5):
        save(tmp_path / "in" / f"{i}.png", flat(100 + i, 250))
    how, out = plan(tmp_path / "in", aligned=True, workers=1), tmp_path / "s.csv"

    class StopError(Exception):
        pass

    def stop_after_three(stage, done, total):
        if done == 3:
            raise StopError

    with pytest.raises(StopError):
        write_scores(how, out, progress=stop_after_three)
    told = []
    write_scores(how, out, progress=lambda *at: told.append(at[1]))
    assert told == [3, 4, 5], "two images were done"
    said = [record.message for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("5 crops are not 112x112 and were resized: 250x250 (5).")
    assert read_sidecar(out)["notes"] == said


def test_crops_of_the_right_size_and_photographs_have_no_such_note(scorer, tmp_path, caplog):
    save(tmp_path / "in" / "a.png", flat(100))
    rows = run(tmp_path / "in", aligned=True, out=tmp_path / "s.csv")
    assert rows[0]["notes"] is None
    assert "notes" not in read_sidecar(tmp_path / "s.csv")
    save(tmp_path / "photos" / "b.png", photo(10))
    assert run(tmp_path / "photos", detector="yunet")[0]["notes"] is None
    assert caplog.text == ""


def test_an_image_that_is_listed_twice_is_said_once(scorer, tmp_path, caplog):
    a, b = (str(save(tmp_path / f"{name}.png", flat(100))) for name in "ab")
    rows = run([a, b, a, a], aligned=True, out=tmp_path / "s.csv")
    assert len(rows) == 4
    said = [record.message for record in caplog.records]
    assert said == [
        "1 image is listed more than once, 2 further rows in all, and every row counts; the first"
        f" is {a!r}."
    ]
    assert read_sidecar(tmp_path / "s.csv")["notes"] == said
    caplog.clear()
    run([a, b], aligned=True)
    assert caplog.text == ""


def test_a_folder_without_images_is_an_error(scorer, tmp_path):
    with pytest.raises(InputError, match="must lead to at least one image, got none"):
        score(tmp_path, workers=1)


@pytest.mark.parametrize("field", ["landmarks", "eye_distance"])
def test_faces_join_with_what_only_some_know(field):
    known = {"landmarks": np.ones((1, 5, 2)), "eye_distance": np.ones(1)}
    both = joined([Faces(flat(1)[None], **{field: known[field]}), Faces(flat(2)[None])])
    assert both.crops[:, 0, 0, 0].tolist() == [1, 2]
    value = getattr(both, field)
    assert np.array_equal(value[0], known[field][0])
    assert np.isnan(value[1]).all()


def test_a_crop_has_one_score_whatever_it_is_batched_with(tmp_path, rng):
    """Whether the frame's mask is known decides how a crop is measured; its neighbors in the batch
    must not decide it."""
    cut = rng.integers(60, 200, (112, 112, 3))
    cut[:, :45] = 0  # what an alignment leaves where the frame ended
    whole = rng.integers(60, 200, (112, 112, 3))
    paths = [
        str(save(tmp_path / f"{name}.png", image))
        for name, image in (("cut", cut), ("whole", whole))
    ]
    columns = {"inside": np.array([0.6, 1.0])}
    manifest = Manifest(["cut", "whole"], paths, columns=columns)
    together = [row["raw"] for row in run(manifest, aligned=True, model="analytic")]
    alone = [
        run(manifest.take(np.array([i])), aligned=True, model="analytic")[0]["raw"] for i in (0, 1)
    ]
    assert together == alone
    measured = score(manifest, aligned=True, model="analytic", explain=True, workers=1)
    assert measured["measures"].struct.field("outside_share").to_list() == pytest.approx(
        [45 / 112, 0], abs=0.02
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_table_on_disk_equals_the_table_in_memory(scorer, tmp_path, suffix):
    for i in range(5):
        save(tmp_path / "in" / f"{i}.png", flat(50 * i))
    (tmp_path / "in" / "9.png").write_bytes(b"")
    out = tmp_path / f"scores{suffix}"
    summary = write_scores(plan(tmp_path / "in", aligned=True, explain=True), out)
    assert (summary.rows, summary.failed, summary.current) == (6, 1, False)
    want = score(tmp_path / "in", aligned=True, explain=True, workers=1)
    got = read_table(out)
    assert got["id"].to_list() == want["id"].to_list()
    assert got["uqs"].to_list() == want["uqs"].to_list()
    assert got["raw"].to_list() == pytest.approx(want["raw"].to_list())
    assert got["factors"].to_list()[0] == want["factors"].to_list()[0]
    record = read_sidecar(out)
    assert record["arguments"]["model"] == "brightness"
    assert record["arguments"]["max_pixels"] == 40_000_000


def test_a_current_table_is_left_alone_and_a_stale_one_made_again(scorer, tmp_path):
    image = save(tmp_path / "in" / "a.png", flat(50))
    out = tmp_path / "scores.csv"

    def write(force: bool = False, **settings) -> bool:
        return write_scores(
            plan(tmp_path / "in", aligned=True, workers=1, **settings), out, force=force
        ).current

    assert not write()
    before = out.stat().st_mtime_ns
    assert write()
    assert out.stat().st_mtime_ns == before
    assert not write(force=True)
    assert not write(explain=True)
    os.utime(image, ns=(1, 1))
    assert not write(explain=True)
    scorer.version = "e" * 64
    assert not write(explain=True)
    out.write_text("changed")
    assert not write(explain=True)


def test_a_run_that_stopped_goes_on_where_it_was_and_ends_the_same(scorer, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PART", 2)
    for i in range(7):
        save(tmp_path / "in" / f"{i}.png", flat(30 * i))
    how = plan(tmp_path / "in", aligned=True, workers=1)
    whole, broken = tmp_path / "whole.parquet", tmp_path / "broken.parquet"
    write_scores(how, whole)

    class StopError(Exception):
        pass

    def stop_after_five(stage, done, total):
        if done == 5:
            raise StopError

    with pytest.raises(StopError):
        write_scores(how, broken, progress=stop_after_five)
    assert not broken.exists()
    told = []
    summary = write_scores(how, broken, progress=lambda *at: told.append(at))
    assert told == [("score", done, 7) for done in (5, 6, 7)]
    assert summary.rows == 7
    assert broken.read_bytes() == whole.read_bytes()


def test_the_settings_travel_to_a_process_and_what_was_loaded_stays(scorer):
    import pickle

    how = FaceScoring(None, True, "auto", "largest", "", None, Limits())
    assert how.scorer is scorer
    copy = pickle.loads(pickle.dumps(how))
    assert copy == how
    assert "scorer" not in vars(copy)


def test_frames_of_no_numbers_can_still_be_joined(scorer, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    frame = score(tmp_path, aligned=True, workers=1)
    assert pl.concat([frame, frame], how="diagonal_relaxed").height == 2


def test_crops_need_no_detector(tmp_path):
    path = save(tmp_path / "a.png", flat(9))
    for wrong in ({"detector": "dlib"}, {"weights": "yunet.onnx"}):
        with pytest.raises(InputError, match="aligned crops need no detector"):
            plan(path, aligned=True, **wrong)


def test_score_writes_what_it_returns_and_the_sheet(tmp_path):
    for number in range(3):
        save(tmp_path / "in" / f"{number}.png", flat(40 * number + 20))
    told = []
    settings = {"model": "laplacian", "aligned": True, "workers": 1}
    settings |= {"out": tmp_path / "s.parquet", "html": tmp_path / "s.html"}
    table = score(tmp_path / "in", progress=lambda *at: told.append(at), **settings)
    assert read_table(tmp_path / "s.parquet").equals(table)
    assert table["path"].to_list() == [str(tmp_path / "in" / f"{n}.png") for n in range(3)]
    assert told == [("score", 1, 3), ("score", 2, 3), ("score", 3, 3)]
    assert (tmp_path / "s.html").read_text().count("<article") == 3
    assert read_sidecar(tmp_path / "s.parquet")["verb"] == "score"
    again = score(tmp_path / "in", progress=lambda *at: pytest.fail("it was current"), **settings)
    assert again.equals(table)
    with pytest.raises(TypeError):
        score(tmp_path / "in", progress=told.append, force=True, **settings)


def test_detector_turn_and_notes_are_in_every_form_of_the_table(scorer, tmp_path):
    save(tmp_path / "in" / "a.png", photo(40))
    save(tmp_path / "in" / "blank.png", photo())
    save(tmp_path / "in" / "gone.png", photo(40)).write_bytes(b"no image")
    deep = np.linspace(0, 4095, 80 * 400).astype(np.uint16).reshape(80, 400)
    Image.fromarray(deep).save(tmp_path / "in" / "deep.png")
    wanted = {
        "a.png": ("finder", 0, None),
        "blank.png": ("finder", 0, None),
        "gone.png": (None, None, None),
    }
    wanted["deep.png"] = ("finder", 0, "samples_narrow=12")
    for suffix in ("parquet", "csv", "jsonl"):
        out = tmp_path / f"scores.{suffix}"
        score(tmp_path / "in", workers=1, out=out)
        rows = read_table(out).to_dicts()
        found = {
            Path(row["path"]).name: (row["detector"], row["turn"], row["notes"]) for row in rows
        }
        assert found == wanted
        assert read_sidecar(out)["arguments"]["detector"] == "finder"


def test_a_broken_detector_file_ends_the_run_and_changes_no_scores(tmp_path):
    save(tmp_path / "in" / "a.png", photo(40))
    (Path(os.environ["FIQA_HOME"]) / "yunet.onnx").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\n"
    )
    with pytest.raises(WeightsError, match="Git LFS pointer"):
        score(tmp_path / "in", workers=1)


def test_auto_is_decided_once_and_told_once(tmp_path, caplog):
    pytest.importorskip("dlib")
    save(tmp_path / "in" / "a.png", photo(40))
    with caplog.at_level("WARNING", logger="fiqa"):
        run = plan(tmp_path / "in", workers=1)
    assert run.how.detector == "dlib"
    assert caplog.text.count("detector auto takes dlib") == 1


def test_orientation_is_checked_and_kept_from_crops(tmp_path):
    save(tmp_path / "in" / "a.png", flat(3))
    with pytest.raises(UnknownNameError, match="orientation 'left'"):
        plan(tmp_path / "in", orientation="left", detector="yunet")
    with pytest.raises(InputError, match="aligned crops are upright"):
        plan(tmp_path / "in", orientation="auto", aligned=True)


def test_a_model_whose_score_hangs_on_the_batch_is_warned_of(tiny_shaped, tmp_path, caplog, rng):
    first = ("Slice", ["m", "zero", "one", "one"], ["c"], {})
    centered = [
        first,
        ("ReduceMean", ["c"], ["all"], {"axes": [0], "keepdims": 1}),
        ("Sub", ["c", "all"], ["q"], {}),
    ]
    for k in range(3):
        (tmp_path / "faces").mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (112, 112, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "faces" / f"{k}.png")
    hanging = str(tiny_shaped(*centered, name="hanging"))
    score(tmp_path / "faces", model=hanging, aligned=True, workers=1)
    (told,) = [r.getMessage() for r in caplog.records if "batch" in r.getMessage()]
    assert "must be the same for a crop in any batch" in told
    assert "The scores of this run depend on how the images are batched." in told
    caplog.clear()
    sound = str(tiny_shaped(first, ("Identity", ["c"], ["q"], {}), name="sound"))
    score(tmp_path / "faces", model=sound, aligned=True, workers=1)
    assert not caplog.records
