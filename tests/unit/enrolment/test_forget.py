"""After `forget` the bytes of everything that fiqa wrote have nothing of the person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.embeddings import read_embeddings, write_embeddings
from fiqa.data.images import read_image, write_image
from fiqa.data.store import make_record, write_sidecar
from fiqa.errors import InputError, ReadError
from fiqa.types import Embeddings

Maker = Callable[..., Path]
NAME = "Zebedee"
CODES = ("utf-8", "utf-32-le")


def call(*words: str) -> Any:
    return CliRunner().invoke(build(), list(words))


def holding(roots: list[Path], needle: bytes | str) -> list[str]:
    """The files whose bytes or names hold something; arrays of text are UTF-32."""
    files = [p for root in roots for p in (root, *root.rglob("*")) if p.is_file()]
    forms = [needle] if isinstance(needle, bytes) else [needle.encode(c) for c in CODES]
    return [str(p) for p in files if any(f in content(p) or f in p.name.encode() for f in forms)]


def content(path: Path) -> bytes:
    """The bytes of a file, and of a table that is compressed its text and vectors too."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    table = pl.read_parquet(path)
    vectors = table["vector"].to_numpy().tobytes() if "vector" in table.columns else b""
    return path.read_bytes() + table.write_ndjson().encode() + vectors


@pytest.fixture
def fleet(folder: Maker, drawn: Any, tmp_path: Path) -> tuple[list[Path], list[Any], list[Any]]:
    """Two folders of `select`, a gallery, scores of the best shots, and vectors of them."""
    tracks = [drawn(0, f"mon{i}") for i in range(3)] + [drawn(1, f"tue{i}") for i in range(3)]
    one, two = folder("one", tracks[:4]), folder("two", tracks[4:])
    rows = [{"identity": NAME if t.who == 0 else "Bert", "track": t.name} for t in tracks]
    fiqa.enroll([one, two], pl.DataFrame(rows), out=tmp_path / "gallery.npz")
    fiqa.score(one / "frames.parquet", aligned=True, workers=1, out=tmp_path / "scores.csv")
    chosen = pl.read_parquet(one / "frames.parquet").filter(pl.col("status") == "ok")
    vectors = np.array([t.vector() for t in tracks[:4]], np.float32)
    for name in ("best.npz", "best.npy", "best.parquet"):
        known = Embeddings(np.array(chosen["id"].to_list()), vectors, recognizer="k")
        write_embeddings(known, tmp_path / name)
    files = ("gallery.npz", "scores.csv", "best.npz", "best.npy", "best.parquet")
    roots = [one, two, *(tmp_path / name for name in files)]
    return roots, tracks[:3], tracks[3:]


def test_no_byte_of_the_person_is_left(
    fleet: tuple[list[Path], list[Any], list[Any]], tmp_path: Path
) -> None:
    roots, gone, kept = fleet
    crops = {t.name: roots[0] / "best" / t.name / "1.png" for t in gone}
    pixels = {name: crop.read_bytes()[100:400] for name, crop in crops.items()}
    assert len(holding([tmp_path], NAME)) == 2
    assert len(holding([tmp_path], gone[0].vector().astype(np.float32).tobytes())) == 4
    assert len(holding([tmp_path], f"{gone[0].name}@5")) == 5
    done = fiqa.forget(NAME, roots)
    assert not done.left
    assert not holding([tmp_path], NAME)
    for track in gone:
        vector = track.vector().astype(np.float32)
        assert not holding([tmp_path], vector.tobytes())
        assert not holding([tmp_path], vector[:4].tobytes())
        assert not holding([tmp_path], f"{track.name}@")
        assert not holding([tmp_path], pixels[track.name])
        assert not crops[track.name].parent.exists()
        # in tables and pages, where names stand as text
        assert not holding([tmp_path], track.name)
    assert not holding([tmp_path], str(gone[0].vector()[0]))
    for path in (roots[0] / "frames.parquet", roots[0] / "tracks.parquet"):
        assert set(pl.read_parquet(path)["track"]) == {kept[0].name}
    for name in ("best.npz", "best.npy", "best.parquet"):
        left = read_embeddings(tmp_path / name)
        assert left.id.tolist() == [f"{kept[0].name}@5"]
        assert np.allclose(left.vector[0], kept[0].vector(), atol=1e-6)
    assert pl.read_csv(tmp_path / "scores.csv").filter(pl.col("status") == "ok").height == 1
    assert not (roots[0] / "index.html").exists()
    assert any("index.html; make it again" in line for line in done.lines())
    assert NAME not in "".join(done.lines())


def test_everyone_else_stays_as_they_were(
    fleet: tuple[list[Path], list[Any], list[Any]], tmp_path: Path
) -> None:
    roots, _, kept = fleet
    untouched = {p: p.read_bytes() for p in roots[1].rglob("*") if p.is_file()}
    before = dict(zip(*_gallery(tmp_path), strict=True))
    fiqa.forget(NAME, roots)
    assert {p: p.read_bytes() for p in roots[1].rglob("*") if p.is_file()} == untouched
    ids, vectors = _gallery(tmp_path)
    assert ids == ["Bert/joint", "Bert/rgb"]
    assert all(np.array_equal(before[i], v) for i, v in zip(ids, vectors, strict=True))
    people = json.loads((tmp_path / "gallery.npz.json").read_text())["people"]
    assert [person["identity"] for person in people] == ["Bert"]
    assert read_image(roots[0] / "best" / kept[0].name / "1.png").pixels.shape == (112, 112, 3)
    # once more there is nothing to do
    assert fiqa.forget(NAME, roots).rows == 0
    sidecar = json.loads(roots[0].with_name("one.json").read_text())
    assert sidecar["found"]["tracks"] == 1


def _gallery(folder: Path) -> tuple[list[str], list[Any]]:
    known = read_embeddings(folder / "gallery.npz")
    return known.id.tolist(), list(known.vector)


def test_a_folder_that_was_changed_counts_as_current(
    fleet: tuple[list[Path], list[Any], list[Any]],
) -> None:
    from fiqa.data.store import is_current, read_sidecar

    roots, _, _ = fleet
    mark = (read_sidecar(roots[0]) or {})["fingerprint"]
    fiqa.forget(NAME, roots)
    assert is_current(roots[0], mark)


def test_crops_and_sheets_are_removed_and_photographs_stay(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in (NAME, "Bert"):
        (photos / name).mkdir(parents=True)
        write_image(photos / name / "face.png", np.full((90, 90, 3), 120, np.uint8))
    table = tmp_path / "crops" / "manifest.parquet"
    for name in (NAME, "Bert"):
        (tmp_path / "crops" / name).mkdir(parents=True)
        write_image(tmp_path / "crops" / name / "1.png", np.full((112, 112, 3), 90, np.uint8))
    pl.DataFrame(
        {
            "id": [f"{NAME}/1", "Bert/1"], "path": [f"{NAME}/1.png", "Bert/1.png"],
            "source": [str(photos / NAME / "face.png"), str(photos / "Bert" / "face.png")],
            "identity": [NAME, "Bert"], "status": ["ok", "ok"],
        }
    ).write_parquet(table)  # fmt: skip
    inputs = {str(photos / NAME / "face.png"): "0" * 64, str(photos / "Bert" / "face.png"): ""}
    write_sidecar(table, make_record("align", arguments={}, inputs=inputs))
    own = tmp_path / "own.csv"
    own.write_text(f"note\n{NAME} has paid\n")
    scores, sheet = tmp_path / "scores.parquet", tmp_path / "sheet.html"
    done = call("score", str(table), "--aligned", "-o", str(scores), "--html", str(sheet), "-q")
    assert done.exit_code == 0, done.output
    assert NAME in sheet.read_text()
    before = (photos / NAME / "face.png").read_bytes()
    result = call("forget", "--identity", NAME, str(tmp_path))
    # the photograph and the note are not fiqa's: they are told, and stay
    assert result.exit_code == 3
    assert result.output.count("left: ") == 2
    assert (photos / NAME / "face.png").read_bytes() == before
    assert own.read_text() == f"note\n{NAME} has paid\n"
    assert not (tmp_path / "crops" / NAME).exists()
    assert not sheet.exists()
    assert pl.read_parquet(table)["id"].to_list() == ["Bert/1"]
    assert pl.read_parquet(scores)["id"].to_list() == ["Bert/1"]
    own.unlink()
    (photos / NAME / "face.png").unlink()
    (photos / NAME).rmdir()
    assert not holding([tmp_path], NAME)


def test_a_table_of_people_tells_tracks_and_is_left(
    folder: Maker, drawn: Any, tmp_path: Path
) -> None:
    one, two = folder("in/one", [drawn(0, "a"), drawn(1, "b")]), folder("in/two", [drawn(0, "a")])
    people = pl.DataFrame({"identity": [NAME, "Bert"], "track": ["one/a-1", "one/b-1"]})
    people.write_parquet(tmp_path / "in" / "people.parquet")
    done = fiqa.forget(NAME, tmp_path / "in")
    assert [Path(path).name for path in done.left] == ["people.parquet"]
    assert pl.read_parquet(one / "tracks.parquet")["track"].to_list() == ["b-1"]
    assert pl.read_parquet(two / "tracks.parquet")["track"].to_list() == ["a-1"]
    # named itself it is changed too
    again = fiqa.forget(NAME, [tmp_path / "in", tmp_path / "in" / "people.parquet"])
    assert not again.left
    assert pl.read_parquet(tmp_path / "in" / "people.parquet")["identity"].to_list() == ["Bert"]
    people.with_columns(track=pl.lit("a-1")).write_parquet(tmp_path / "in" / "people.parquet")
    folder("in/one", [drawn(0, "a")])
    with pytest.raises(InputError, match="2 folders have 'a-1'"):
        fiqa.forget(NAME, tmp_path / "in")


def test_parts_of_a_run_and_reports_are_fiqas(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    pl.DataFrame({"id": [f"{NAME}/1", "Bert/1"], "value": [0.1, 0.2]}).write_csv(labels)
    write_sidecar(labels, make_record("label", arguments={}, inputs={f"{NAME}.npz": ""}))
    part = tmp_path / "labels.csv.templates.csv"
    pl.DataFrame({"identity": [NAME, "Bert"], "template": ["x", "y"]}).write_csv(part)
    report = tmp_path / "report"
    report.mkdir()
    (report / "numbers.json").write_text(json.dumps({"worst": [f"{NAME}/1", "Bert/1"]}))
    (report / "areas.csv").write_text("method,interval,interval\nx,1,2\n")
    write_sidecar(report, make_record("evaluate", arguments={}, inputs={}))
    done = fiqa.forget(NAME, tmp_path)
    assert not done.left
    assert not holding([tmp_path], NAME)
    assert pl.read_csv(part)["identity"].to_list() == ["Bert"]
    assert not (report / "numbers.json").exists()
    assert (report / "areas.csv").exists()


def test_what_a_training_has_decoded_is_removed_whole(tmp_path: Path) -> None:
    caches = [
        tmp_path / "run" / "crops" / f"{kind}-{'a' * 64}.npy" for kind in ("crops", "features")
    ]
    for cache in caches:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, np.zeros((2, 4, 4, 3), np.uint8))
    other = tmp_path / "run" / "crops-of-mine.npy"
    np.save(other, np.zeros(3))
    (tmp_path / "run" / "empty.bin").touch()
    done = fiqa.forget(NAME, tmp_path / "run")
    assert not any(cache.exists() for cache in caches)
    assert sum("make it again" in line for line in done.lines()) == 2
    assert other.exists()


def test_a_name_inside_another_word_is_somebody_else(tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    rows = [{"id": "Al/1", "identity": "Al", "raw": 0.1},
            {"id": "Alarm/1", "identity": "Alarm", "raw": 0.2}]  # fmt: skip
    pl.DataFrame(rows).write_csv(table)
    assert fiqa.forget("Al", table).rows == 1
    assert pl.read_csv(table)["identity"].to_list() == ["Alarm"]


def test_tracks_that_no_gallery_tells_can_be_named(folder: Maker, drawn: Any) -> None:
    source = folder("one", [drawn(0, "mon"), drawn(1, "tue")])
    assert fiqa.forget(NAME, source).rows == 0
    assert fiqa.forget(NAME, source, tracks=["mon-1"]).rows > 10
    assert pl.read_parquet(source / "tracks.parquet")["track"].to_list() == ["tue-1"]


def test_what_cannot_be_forgotten_is_told_before_anything_is_done(
    folder: Maker, drawn: Any, tmp_path: Path
) -> None:
    source = folder("one", [drawn(0, "mon")])
    with pytest.raises(InputError, match="without a slash, got 'a/b'"):
        fiqa.forget("a/b", source)
    with pytest.raises(InputError, match="got none"):
        fiqa.forget(NAME, [])
    with pytest.raises(ReadError, match="nothing at"):
        fiqa.forget(NAME, tmp_path / "none")
    (source / "rows.parts").mkdir()
    with pytest.raises(InputError, match="was interrupted"):
        fiqa.forget(NAME, source, tracks=["mon-1"])
