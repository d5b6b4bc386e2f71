"""fiqa.align: crops, the manifest that lists them, failures that keep their row, interrupted
runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.alignment import photographs as align_rows
from fiqa.alignment import run as module
from fiqa.data.images import Limits, read_image, write_image
from fiqa.data.manifest import find, write_manifest
from fiqa.data.store import read_sidecar
from fiqa.errors import InputError, UnknownNameError, WriteError
from fiqa.faces.align import align as align_face
from fiqa.faces.detection import Detection
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Manifest
from fiqa.verbs.align import align
from fiqa.verbs.score import score


class _TwoFaces:
    """Finds a large and a small face in every image over 100 pixels wide."""

    name = "two"

    def detect(self, image: np.ndarray) -> list[Detection]:
        if image.shape[1] < 100:
            return []
        box = np.array([0, 0, 112, 112], np.float32)
        large = Detection(box, (TEMPLATE + np.array([5.0, 8.0])).astype(np.float32), 0.9)
        return [large, Detection(box / 2, (TEMPLATE / 2).astype(np.float32), 0.8)]


@pytest.fixture
def two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(align_rows, "detector", lambda name, weights=None: _TwoFaces())


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Crops of two people, and beside them a damaged file and one that is not square."""
    folder = tmp_path / "photos"
    for name in ("ann/01", "ann/02", "bob/01"):
        write_image(folder / f"{name}.png", rng.integers(0, 256, (112, 112, 3), dtype=np.uint8))
    (folder / "ann" / "03.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    write_image(folder / "bob" / "02.png", rng.integers(0, 256, (112, 150, 3), dtype=np.uint8))
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_crops_and_failures_keep_their_order(photos: Path, tmp_path: Path) -> None:
    found = align(photos, out=tmp_path / "crops", detector="none", workers=1)
    assert found.id.tolist() == ["ann/01", "ann/02", "ann/03", "bob/01", "bob/02"]
    assert found.identity.tolist() == ["ann", "ann", "ann", "bob", "bob"]
    assert found.status.tolist()[:2] == ["ok", "ok"]
    assert found.status[2] in ("corrupt", "truncated")
    assert found.status.tolist()[3:] == ["ok", "wrong_size"]
    for row in (0, 1, 3):
        source = photos / f"{found.id[row]}.png"
        assert Path(found.path[row]) == tmp_path / "crops" / f"{found.id[row]}.png"
        assert np.array_equal(read_image(found.path[row]).pixels, read_image(source).pixels)
        assert found.columns["source"][row] == str(source)
        assert found.columns["source_sha256"][row] == read_image(source).sha256
        assert found.columns["inside"][row] == 1.0
    assert found.columns["landmarks"][0] is None
    assert np.isnan(found.columns["eye_distance"][2])
    assert fiqa.align is align


def test_manifest_reads_back_from_the_folder(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = align(photos, out=tmp_path / "crops", detector="none", workers=1)
    monkeypatch.chdir(tmp_path / "crops")
    again = find("faces.parquet")
    assert again.status.tolist() == found.status.tolist()
    (tmp_path / "crops").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    moved = find("moved/faces.parquet")
    assert moved.status.tolist() == found.status.tolist()
    assert read_image(moved.path[0]).pixels.shape == (112, 112, 3)


@pytest.mark.usefixtures("two_faces")
class TestPolicies:
    def test_largest_takes_one_and_says_where(self, photos: Path, tmp_path: Path) -> None:
        found = align(photos / "ann" / "01.png", out=tmp_path / "crops", workers=1)
        pixels = read_image(photos / "ann" / "01.png").pixels
        expected = align_face(pixels, TEMPLATE + np.array([5.0, 8.0]))
        assert np.array_equal(read_image(found.path[0]).pixels, expected.crop)
        assert found.columns["inside"][0] == pytest.approx(expected.inside.mean())
        assert found.columns["bbox"][0] == [0, 0, 112, 112]
        assert np.allclose(found.columns["landmarks"][0], TEMPLATE.ravel(), atol=1e-3)
        assert found.columns["confidence"][0] == pytest.approx(0.9)
        assert found.columns["eye_distance"][0] == pytest.approx(35.24, abs=0.01)
        assert len(found) == 1

    def test_all_takes_both(self, photos: Path, tmp_path: Path) -> None:
        found = align(photos, out=tmp_path / "crops", faces="all", workers=1)
        assert found.id.tolist()[:4] == ["ann/01", "ann/01#1", "ann/02", "ann/02#1"]
        assert found.columns["face_index"].tolist()[:2] == [0, 1]
        assert (tmp_path / "crops" / "ann" / "01#1.png").is_file()
        assert len({str(p) for p in found.path}) == len(found)

    def test_one_refuses_both(self, photos: Path, tmp_path: Path) -> None:
        found = align(photos / "ann", out=tmp_path / "crops", faces="one", workers=1)
        assert found.status.tolist()[:2] == ["multiple_faces", "multiple_faces"]
        assert found.path[0] == str(photos / "ann" / "01.png")

    def test_ids_that_look_like_further_faces_stay_apart(
        self, photos: Path, tmp_path: Path
    ) -> None:
        path = str(photos / "ann" / "01.png")
        images = Manifest(np.array(["a", "a#1"]), np.array([path, path]), np.array(["x", "x"]))
        found = align(images, out=tmp_path / "crops", faces="all", workers=1)
        assert len(set(found.id.tolist())) == 4
        assert len(set(found.path.tolist())) == 4
        assert all(Path(p).is_file() for p in found.path)


@pytest.mark.parametrize(("size", "form"), [(112, "png"), (96, "png"), (224, "jpg")])
def test_size_and_format(photos: Path, tmp_path: Path, size: int, form: str) -> None:
    found = align(
        photos / "bob" / "01.png",
        out=tmp_path / "crops",
        detector="none",
        size=size,
        format=form,
        workers=1,
    )
    assert found.path[0].endswith(f"01.{form}")
    image = read_image(found.path[0])
    assert image.pixels.shape == (size, size, 3)
    assert image.format == {"png": "PNG", "jpg": "JPEG"}[form]


def test_hostile_names_stay_inside(photos: Path, tmp_path: Path) -> None:
    path = str(photos / "ann" / "01.png")
    ids = [
        "../../evil",
        "x/..",
        "A",
        "a",
        "deep/one/same",
        "deep/two/same",
        "n" * 300,
        ".hidden",
        "",
        "caf\udce9",
        "=cmd()|'x'!A1;\n",
    ]
    identity = ["..", "/etc", "P", "p", "q", "q", "m" * 300, "", "", "", ""]
    images = Manifest(np.array(ids), np.array([path] * len(ids)), np.array(identity))
    out = tmp_path / "one" / "two" / "crops"
    found = align(images, out=out, detector="none", workers=1)
    assert found.status.tolist() == ["ok"] * len(ids)
    assert found.id.tolist() == ids
    places = [Path(p).resolve() for p in found.path]
    assert all(place.is_relative_to(out) and place.is_file() for place in places)
    assert len({str(place).casefold() for place in places}) == len(ids)
    assert not any(
        part.startswith(".") for place in places for part in place.relative_to(out).parts
    )


def test_a_killed_run_goes_on_and_ends_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART", 2)
    align(photos, out=tmp_path / "whole", detector="none", workers=1)

    def dying(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        align(photos, out=tmp_path / "cut", detector="none", workers=1, progress=dying)
    assert not (tmp_path / "cut" / "faces.parquet").exists()
    seen: list[tuple[str, int, int]] = []
    align(
        photos,
        out=tmp_path / "cut",
        detector="none",
        workers=1,
        progress=lambda *at: seen.append(at),
    )
    assert seen == [("align", n, 5) for n in (3, 4, 5)]  # the first part of two images was kept
    assert _files(tmp_path / "cut") == _files(tmp_path / "whole")


def _forbidden(stage: str, done: int, total: int) -> None:
    raise RuntimeError("nothing was to be done")


def test_a_current_output_is_left_alone(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "crops"

    def run(**more: Any) -> Manifest:
        return align(photos, out=out, detector="none", workers=1, **more)

    first = run()
    assert run(progress=_forbidden).path.tolist() == first.path.tolist()
    assert read_sidecar(out / "faces.parquet")["arguments"]["detector"] == "none"
    changes: list[Callable[[], Any]] = [
        lambda: run(force=True, progress=_forbidden),
        lambda: run(size=96, progress=_forbidden),
        lambda: run(limits=Limits(max_bytes=10**6), progress=_forbidden),
        lambda: (photos / "ann" / "02.png").touch() or run(progress=_forbidden),
        lambda: (out / "bob" / "01.png").unlink() or run(progress=_forbidden),
    ]
    for change in changes:
        with pytest.raises(RuntimeError, match="nothing was to be done"):
            change()
        run()


def test_limits_reach_the_reader(photos: Path, tmp_path: Path) -> None:
    found = align(
        photos,
        out=tmp_path / "crops",
        detector="none",
        workers=1,
        limits=Limits(max_pixels=112 * 112 - 1),
    )
    assert found.status.tolist() == ["too_large"] * 2 + ["truncated"] + ["too_large"] * 2


def test_a_manifest_without_any_face_can_be_scored(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    align(tmp_path / "empty.png", out=tmp_path / "crops", detector="none", workers=1)
    assert score(tmp_path / "crops" / "faces.parquet", aligned=True, workers=1)[
        "status"
    ].to_list() == ["empty_file"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_crops_without_landmarks_are_scored_alike_from_any_manifest(
    photos: Path, tmp_path: Path, suffix: str
) -> None:
    found = align(photos / "ann" / "01.png", out=tmp_path / "crops", detector="none", workers=1)
    assert found.columns["landmarks"].tolist() == [None]
    write_manifest(found, tmp_path / f"again{suffix}")
    rows = score(tmp_path / f"again{suffix}", aligned=True, workers=1)
    assert rows["status"].to_list() == ["ok"]
    assert rows["raw"].to_list() == score(found, aligned=True, workers=1)["raw"].to_list()


def test_processes_change_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(photos)] * 9  # more than one batch
    images = find(paths)
    align(images, out=tmp_path / "one", detector="none", workers=1)
    align(images, out=tmp_path / "two", detector="none", workers=2)
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def test_without_a_detector_what_is_resized_is_noted_and_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, shape in (("a", (250, 250)), ("b", (96, 96)), ("c", (96, 90))):
        write_image(tmp_path / "in" / f"{name}.png", np.full((*shape, 3), 90, np.uint8))
    found = align(tmp_path / "in", out=tmp_path / "out", detector="none", size=96, workers=1)
    assert found.status.tolist() == ["ok", "ok", "wrong_size"]
    assert found.columns["notes"].tolist() == ["resized=250x250", "", ""]
    said = [record.message for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("1 crop is not 96x96 and was resized: 250x250 (1).")
    sidecar = read_sidecar(tmp_path / "out" / "faces.parquet")
    assert sidecar is not None
    assert sidecar["notes"] == said
    assert "paths_from" not in sidecar, "all paths are absolute"


def test_no_image_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one image, got none in an empty manifest"):
        align(
            Manifest(np.empty(0, "U1"), np.empty(0, "U1")),
            out=tmp_path / "crops",
            detector="none",
            workers=1,
        )
    assert not (tmp_path / "crops").exists()


def test_what_is_asked_wrongly_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Unknown detector 'yunt'"):
        align(photos, out=tmp_path / "crops", detector="yunt")
    with pytest.raises(UnknownNameError, match="Unknown faces 'most'"):
        align(photos, out=tmp_path / "crops", faces="most")
    with pytest.raises(UnknownNameError, match="Unknown format 'gif'"):
        align(photos, out=tmp_path / "crops", format="gif")
    with pytest.raises(InputError, match="size must be in"):
        align(photos, out=tmp_path / "crops", size=8)
    assert not (tmp_path / "crops").exists()


def test_a_disk_that_refuses_ends_the_run(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "ann").write_text("a file where a folder is wanted")
    with pytest.raises(WriteError, match="could not be written"):
        align(photos, out=tmp_path / "crops", detector="none", workers=1)


def test_one_image_that_breaks_the_detector_is_one_row(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaking(_TwoFaces):
        def detect(self, image: np.ndarray) -> list[Detection]:
            if image.shape[1] == 150:
                raise ZeroDivisionError("inside the detector")
            return super().detect(image)

    monkeypatch.setattr(align_rows, "detector", lambda name, weights=None: Breaking())
    found = align(photos / "bob", out=tmp_path / "crops", workers=1)
    assert found.status.tolist() == ["ok", "failed"]
    assert "bob/02.png" in caplog.text
