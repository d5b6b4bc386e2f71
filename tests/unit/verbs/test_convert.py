"""convert: benchmark files into images and tables, scores into the forms of other tools, by API and
command line."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.formats import fiftyone, imagefolder, insightface_bin, ofiq, recordio, webdataset
from fiqa.data.manifest import find, read_manifest
from fiqa.data.pairs import read_folds
from fiqa.data.quality import read_quality
from fiqa.data.tables import frame_of, write_table
from fiqa.errors import InputError, ReadError, UnknownNameError, UnsafeFileError
from fiqa.verbs.convert import convert

JPEG, PNG = b"\xff\xd8\xffa", b"\x89PNG\r\n\x1a\nb"


def run(*arguments: object) -> Any:
    return CliRunner().invoke(build(), ["convert", *map(str, arguments)])


@pytest.fixture
def bin_file(tmp_path: Path) -> Path:
    path = tmp_path / "x.bin"
    path.write_bytes(pickle.dumps(([JPEG, PNG, JPEG, JPEG], [True, False])))
    return path


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """A table of scores as fiqa score writes it, of two images and one that is gone."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(JPEG)
    (folder / "b;c.png").write_bytes(PNG)
    rows = [
        {
            "id": "a",
            "path": str(folder / "a.jpg"),
            "status": "ok",
            "reasons": ["blurry"],
            "raw": 2.5,
            "uqs": 50,
            "factors": {"blur": 0.25},
        },
        {
            "id": "b;c",
            "path": str(folder / "b;c.png"),
            "status": "ok",
            "reasons": [],
            "raw": 1.5,
            "uqs": 30,
            "factors": {"blur": 0.5},
        },
        {
            "id": "d",
            "path": str(folder / "d.jpg"),
            "status": "not_found",
            "reasons": None,
            "raw": None,
            "uqs": None,
            "factors": None,
        },
    ]
    write_table(frame_of(rows), tmp_path / "s.parquet")
    return tmp_path / "s.parquet"


def test_bin_to_a_folder_and_back(bin_file: Path, tmp_path: Path) -> None:
    done = convert(bin_file, tmp_path / "out")
    assert (done.target, done.rows, done.failed, done.skipped) == ("images", 2, 0, 2)
    assert done.left_out == 1, "the second pair compares an image with itself"
    assert done.files == tuple(
        str(tmp_path / "out" / name) for name in ("images", "manifest.csv", "pairs.csv")
    )
    manifest = read_manifest(tmp_path / "out" / "manifest.csv")
    assert [Path(path).read_bytes() for path in manifest.path] == [JPEG, PNG]
    assert set(manifest.status) == {"ok"}
    assert sorted(find(tmp_path / "out" / "images").id) == sorted(manifest.id)
    pairs = read_folds(tmp_path / "out" / "pairs.csv").pairs
    assert set(pairs.ids) == set(manifest.id)
    assert pairs.index.tolist() == [[0, 1]]
    images = {str(i): Path(p).read_bytes() for i, p in zip(manifest.id, manifest.path, strict=True)}
    insightface_bin.write(tmp_path / "back.bin", images, pairs)
    assert pickle.loads((tmp_path / "back.bin").read_bytes()) == ([JPEG, PNG], [True])


def test_a_rerun_gives_the_same_bytes(bin_file: Path, tmp_path: Path) -> None:
    convert(bin_file, tmp_path / "out")
    first = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["result"] == {
        "target": "images",
        "rows": 2,
        "failed": 0,
        "skipped": 2,
        "left_out": 1,
    }
    assert record["inputs"] == {"source": hashlib.sha256(bin_file.read_bytes()).hexdigest()}
    convert(bin_file, tmp_path / "out")
    assert {
        path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    } == first


@pytest.mark.parametrize("index", [True, False])
def test_rec_to_a_folder(tmp_path: Path, index: bool) -> None:
    recordio.write(tmp_path / "t.rec", [(0, JPEG), (0, PNG), (0, JPEG), (12, JPEG), (12, b"junk")])
    if not index:
        (tmp_path / "t.idx").unlink()
    seen: list[tuple[str, int, int]] = []
    done = convert(tmp_path / "t.rec", tmp_path / "out", progress=lambda *at: seen.append(at))
    assert (done.rows, done.failed, done.skipped) == (4, 1, 1)
    assert seen == [("convert", n, 5) for n in range(1, 6)]
    manifest = read_manifest(tmp_path / "out" / "manifest.csv")
    assert manifest.identity.tolist() == ["0000000", "0000000", "0000012", "0000012"]
    assert manifest.status.tolist() == ["ok", "ok", "ok", "unsupported_format"]
    assert Path(manifest.path[1]).read_bytes() == PNG


def test_rec_without_identities(tmp_path: Path) -> None:
    recordio.write(tmp_path / "t.rec", [(-1, JPEG)])
    with pytest.raises(ReadError, match=r"Record 1 must be labeled .* got -1"):
        convert(tmp_path / "t.rec", tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.csv").exists()


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.jsonl"])
def test_pair_lists(tmp_path: Path, name: str) -> None:
    (tmp_path / "pairs.txt").write_text("1\t1\nA\t1\t2\nA\t1\tB\t1\n")
    done = convert(tmp_path / "pairs.txt", tmp_path / name)
    assert (done.target, done.rows, done.skipped) == ("pairs", 2, 0)
    found = read_folds(tmp_path / name)
    assert found.pairs.mated.tolist() == [True, False]
    assert found.fold is not None
    (tmp_path / "flat.txt").write_text("A_1.jpg 1\nA_2.jpg 1\n")
    convert(tmp_path / "flat.txt", tmp_path / name, to="pairs")
    assert read_folds(tmp_path / name).pairs.ids.tolist() == ["A_1.jpg", "A_2.jpg"]


def test_scores_to_ofiq(scores: Path, tmp_path: Path) -> None:
    done = convert(scores, tmp_path / "o.csv", to="ofiq")
    assert (done.rows, done.failed) == (3, 1)
    table = ofiq.read(tmp_path / "o.csv")
    assert [Path(name).name for name in table.filename] == ["a.jpg", "b;c.png", "d.jpg"]
    assert table.columns == {
        "UnifiedQualityScore": ["2.5", "1.5", "-1"],
        "blur": ["0.25", "0.5", "-1"],
        "UnifiedQualityScore.scalar": ["50", "30", "-1"],
        "blur.scalar": ["25", "50", "-1"],
    }
    assert read_quality(tmp_path / "o.csv", column="UnifiedQualityScore").value.tolist() == [
        2.5,
        1.5,
    ]


def test_scores_to_fiftyone_and_imagefolder(scores: Path, tmp_path: Path) -> None:
    convert(scores, tmp_path / "f.csv", to="fiftyone")
    names, fields = fiftyone.read(tmp_path / "f.csv")
    assert [Path(name).name for name in names] == ["a.jpg", "b;c.png", "d.jpg"]
    assert fields["raw"] == ["2.5", "1.5", ""]
    assert fields["factor_blur"] == ["0.25", "0.5", ""]
    done = convert(scores, tmp_path / "photos" / "metadata.jsonl")
    assert done.target == "imagefolder"
    names, values = imagefolder.read(tmp_path / "photos" / "metadata.jsonl")
    assert names == ["a.jpg", "b;c.png", "d.jpg"]
    assert values["uqs"] == [50, 30, None]
    with pytest.raises(InputError, match="must be inside"):
        convert(scores, tmp_path / "elsewhere" / "metadata.csv")


def test_scores_to_webdataset(scores: Path, tmp_path: Path) -> None:
    done = convert(scores, tmp_path / "w.tar")
    assert (done.target, done.rows, done.failed) == ("webdataset", 2, 1)
    samples = [sample for _, sample in webdataset.read(tmp_path / "w.tar")]
    assert [set(sample) for sample in samples] == [{"jpg", "json"}, {"png", "json"}]
    assert samples[0]["jpg"] == JPEG
    about = json.loads(samples[0]["json"])
    assert (about["id"], about["raw"], about["reasons"]) == ("a", 2.5, "blurry")
    first = (tmp_path / "w.tar").read_bytes()
    convert(scores, tmp_path / "w.tar")
    assert (tmp_path / "w.tar").read_bytes() == first


def test_other_scores_to_a_table(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("a.jpg 0.5\nb.jpg 0.25\n")
    done = convert(tmp_path / "s.txt", tmp_path / "q.parquet")
    assert (done.target, done.rows) == ("table", 2)
    assert read_quality(tmp_path / "q.parquet").value.tolist() == [0.5, 0.25]
    (tmp_path / "c.csv").write_text("path,a,b\nx,1,2\n")
    convert(tmp_path / "c.csv", tmp_path / "q.csv", column="b")
    assert read_quality(tmp_path / "q.csv").value.tolist() == [2]


def test_other_scores_to_ofiq_need_a_scale(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("a.jpg 0.5\n")
    with pytest.raises(InputError, match="uqs"):
        convert(tmp_path / "s.txt", tmp_path / "o.csv", to="ofiq")
    (tmp_path / "o.csv").write_text(
        "Filename;UnifiedQualityScore;UnifiedQualityScore.scalar\na;24;61\n"
    )
    convert(tmp_path / "o.csv", tmp_path / "p.csv", to="ofiq")
    assert ofiq.read(tmp_path / "p.csv").columns["UnifiedQualityScore.scalar"] == ["61"]


def test_refusals(bin_file: Path, scores: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ofiq'"):
        convert(scores, tmp_path / "x", to="ofic")
    with pytest.raises(InputError, match="target must be clear"):
        convert(scores, tmp_path / "x.dat")
    with pytest.raises(InputError, match=r"Only \.bin and \.rec"):
        convert(scores, tmp_path / "x", to="images")
    with pytest.raises(InputError, match=r"A \.bin file must become images"):
        convert(bin_file, tmp_path / "x.csv", to="table")
    with pytest.raises(ReadError, match="cannot be opened"):
        convert(tmp_path / "none.bin", tmp_path / "x")


def test_command_line(bin_file: Path, scores: Path, tmp_path: Path) -> None:
    done = run(bin_file, tmp_path / "out", "--quiet")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(tmp_path / "out" / name) for name in ("images", "manifest.csv", "pairs.csv")
    ]
    assert (
        done.stderr == "images: 2 rows, 0 failed, 2 skipped\n1 pairs that cannot be were left out\n"
    )
    failed = run(scores, tmp_path / "o.csv", "--to", "ofiq")
    assert failed.exit_code == 3
    assert "3 rows, 1 failed" in failed.stderr
    assert run(scores, tmp_path / "x.dat").exit_code == 2
    assert run(tmp_path / "none.bin", tmp_path / "x").exit_code == 1
    assert run(scores, tmp_path / "q.csv", "--column", "uqs").exit_code == 3
    assert read_quality(tmp_path / "q.csv").value.tolist() == [50, 30]


def test_hostile_bin_is_refused_at_the_command_line(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "fired"),)

    (tmp_path / "x.bin").write_bytes(pickle.dumps(([Evil(), JPEG], [True])))
    with pytest.raises(UnsafeFileError):
        convert(tmp_path / "x.bin", tmp_path / "out")
    done = run(tmp_path / "x.bin", tmp_path / "out")
    assert done.exit_code == 1
    assert "refused before anything ran" in done.stderr
    assert not (tmp_path / "fired").exists()
    assert not (tmp_path / "out").exists()


def test_odd_names_survive(tmp_path: Path) -> None:
    names = ["=cmd()", "a,b", 'q"', "new\nline", "-rf", "x" * 200]
    rows = [
        {"id": name, "path": f"{name}.jpg", "status": "ok", "raw": 1.0, "uqs": 5} for name in names
    ]
    write_table(frame_of(rows), tmp_path / "s.csv")
    for target, name in (("ofiq", "o.csv"), ("fiftyone", "f.csv")):
        convert(tmp_path / "s.csv", tmp_path / name, to=target)
    assert ofiq.read(tmp_path / "o.csv").filename == [f"{name}.jpg" for name in names]
    assert fiftyone.read(tmp_path / "f.csv")[0] == [f"{name}.jpg" for name in names]
    assert np.array_equal(read_quality(tmp_path / "o.csv").id, [f"{name}.jpg" for name in names])
