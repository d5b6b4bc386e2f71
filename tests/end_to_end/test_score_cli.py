"""`fiqa score` as a user runs it: hostile folders, equal bytes, kills at any moment, odd names; in
a process of its own where that can make a difference (crashes, workers, signals, pipes, the names
of the system), else in this one."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.tables import decode_text, read_table
from fiqa.faces.crops import sources
from fiqa.scoring.run import plan


def process(*arguments, cwd=None, **options) -> subprocess.CompletedProcess[bytes]:
    """What a process of its own says."""
    command = [sys.executable, "-m", "fiqa", *map(os.fspath, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, timeout=120, check=False, **options
    )


def fiqa(*arguments) -> subprocess.CompletedProcess[bytes]:
    """The same, said in this process: the start of one is most of what a small run costs."""
    command = list(map(os.fspath, arguments))
    done = CliRunner().invoke(build(), command)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(
        command, done.exit_code, done.stdout_bytes, done.stderr_bytes
    )


def crop(seed: int, size: int = 112) -> Image.Image:
    """Something arranged like a face: it is scored; how well does not matter here."""
    rng = np.random.default_rng(seed)
    picture = Image.fromarray(rng.integers(90, 130, (size, size, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((15, 5, 97, 110), fill=(200, 160, 140))
    for x in (38, 73):
        draw.ellipse((x - 7, 48, x + 7, 56), fill=(40, 30, 30))
    draw.line((42, 92, 70, 92), fill=(120, 40, 40), width=3 + seed % 3)
    return picture


@pytest.fixture(scope="module")
def crops(tmp_path_factory) -> Path:
    """72 crops of six people."""
    folder = tmp_path_factory.mktemp("crops")
    for i in range(72):
        (folder / f"p{i % 6}").mkdir(exist_ok=True)
        crop(i).save(folder / f"p{i % 6}" / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    """A photograph with a face that dlib finds: the one that scikit-image carries."""
    skimage = pytest.importorskip("skimage.data")
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    Image.fromarray(skimage.astronaut()).save(path)
    return path


def copies(folder: Path, below: Path, count: int) -> list[Path]:
    """The same images in so many folders: no file is listed twice."""
    made = [below / f"{i:02d}" for i in range(count)]
    for copy in made:
        shutil.copytree(folder, copy, copy_function=os.link)
    return made


def rows_of(output: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output.decode(), newline="")))


@pytest.mark.parametrize(
    "way",
    [
        ("--aligned",),
        pytest.param(("--detector", "dlib", "--workers", "1"), marks=pytest.mark.slow),
    ],
)
def test_forty_hostile_files_are_forty_rows_and_exit_3(hostile, tmp_path, way):
    expected = hostile.make_hostile_folder(tmp_path / "in")
    crop(1).save(tmp_path / "in" / "good.png")
    out = tmp_path / "scores.parquet"
    done = process("score", tmp_path / "in", *way, "-o", out)
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
    status = {decode_text(row["path"]): row["status"] for row in read_table(out).to_dicts()}
    assert len(status) == len(expected) + 1 >= 41
    for path, wanted in expected.items():
        fine = {"wrong_size"} if way == ("--aligned",) else {"no_face", "face_too_small"}
        assert status[str(path)] in (fine if wanted == "ok" else {wanted}), path
    scored = read_table(out).filter(pl.col("status") == "ok")
    assert len(scored) == (1 if way == ("--aligned",) else 0)


def test_a_photograph_is_detected_aligned_scored_and_explained(portrait, tmp_path):
    html = tmp_path / "sheet.html"
    done = fiqa("score", portrait, "--detector", "dlib", "--explain", "--html", html)
    assert done.returncode == 0
    (row,) = rows_of(done.stdout)
    assert list(row)[:6] == ["path", "face_index", "status", "uqs", "score", "level"]
    assert row["path"] == str(portrait)
    assert 20 < int(row["uqs"]) <= 100
    assert float(row["factor_illumination"]) > 0.5
    page = html.read_text()
    assert "data:image/jpeg;base64," in page
    assert "astronaut.png" in page
    assert not re.search(r"""(src|href)=["']https?:""", page)


def test_a_sheet_of_a_table_on_disk_is_that_of_the_rows(portrait, crops, tmp_path):
    fiqa(
        "score", crops / "p0", "--aligned", "-o", tmp_path / "s.csv", "--html", tmp_path / "a.html"
    )
    fiqa("score", crops / "p0", "--aligned", "--html", tmp_path / "b.html")

    def cards(name: str) -> str:
        return (
            (tmp_path / name)
            .read_text()
            .partition('<section class="cards">')[2]
            .partition("</section>")[0]
        )

    assert cards("a.html").count("<article") == 12
    shown = [int(value) for value in re.findall(r'class="score">(\d+)', cards("a.html"))]
    assert shown == sorted(shown)
    assert cards("a.html") == cards("b.html")


@pytest.mark.slow
def test_the_number_of_processes_does_not_change_a_byte(crops, tmp_path):
    seen = []
    for workers in ("1", "2"):
        out = tmp_path / f"{workers}.parquet"
        assert (
            fiqa(
                "score", crops, "--aligned", "--explain", "--workers", workers, "-o", out
            ).returncode
            == 0
        )
        printed = fiqa(
            "score", crops, "--aligned", "--workers", workers, "--model", "laplacian"
        ).stdout
        seen.append((out.read_bytes(), printed))
    assert seen[0] == seen[1]
    assert len(rows_of(seen[0][1])) == 72


@pytest.mark.parametrize(
    "batch", [7, *(pytest.param(size, marks=pytest.mark.slow) for size in (1, 72))]
)
def test_the_batch_does_not_change_a_number(crops, batch):
    run = plan(crops, aligned=True, explain=True)
    images = list(sources(run.manifest))
    whole = run.how(images)
    split = [
        rows
        for start in range(0, len(images), batch)
        for rows in run.how(images[start : start + batch])
    ]
    assert split == whole
    assert len({rows[0]["raw"] for rows in whole}) > 36


def test_a_rerun_says_that_it_is_current_and_force_does_it_again(crops, tmp_path):
    out = tmp_path / "s.csv"
    again = ("score", crops / "p1", "--aligned", "-o", out)
    assert b"12 rows: 12 ok" in fiqa(*again).stderr
    stamp = out.stat().st_mtime_ns
    done = fiqa(*again)
    assert done.returncode == 0
    assert b"is current" in done.stderr
    assert out.stat().st_mtime_ns == stamp
    assert b"current" not in fiqa(*again, "--force").stderr
    assert out.stat().st_mtime_ns != stamp


def test_a_current_table_with_failures_still_exits_3(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    for _ in range(2):
        assert (
            fiqa("score", tmp_path / "a.jpg", "--aligned", "-o", tmp_path / "s.csv").returncode == 3
        )


@pytest.mark.slow
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(12):
        crop(i).save(folder / f"{i:04d}.png")
    for i in range(12, 1400):
        os.link(folder / f"{i % 12:04d}.png", folder / f"{i:04d}.png")
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    command = ("score", folder, "--aligned", "--model", "laplacian", "--quiet", "-o")
    assert fiqa(*command, whole).returncode == 0
    first_part = tmp_path / "out.parquet.parts" / "00000000.parquet"
    waits = [random.Random(7).uniform(0.1, 2.0), first_part, 0.6, None]
    for wait in waits:
        process = subprocess.Popen([sys.executable, "-m", "fiqa", *map(str, (*command, out))])
        end = time.monotonic() + 60
        while isinstance(wait, Path) and not wait.exists() and time.monotonic() < end:
            time.sleep(0.005)
        if isinstance(wait, float):
            time.sleep(wait)
        if wait is not None:
            process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=60) == (0 if wait is None else -signal.SIGKILL)
        assert out.exists() == (wait is None), "the table is whole or absent"
    assert out.read_bytes() == whole.read_bytes()
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == ["in", "out.parquet", "out.parquet.json", "whole.parquet", "whole.parquet.json"]


@pytest.mark.parametrize("form", ["csv", pytest.param("jsonl", marks=pytest.mark.slow)])
def test_odd_names_come_back_exactly(hostile, tmp_path, monkeypatch, form):
    names = list(hostile.ODD_NAMES.values())
    for name in names:
        crop(1).save(tmp_path / name, format="PNG")
    done = process("score", "--aligned", "--format", form, "--", *names, cwd=os.fsencode(tmp_path))
    assert done.returncode == 0
    rows = (
        rows_of(done.stdout)
        if form == "csv"
        else [json.loads(line) for line in done.stdout.splitlines()]
    )
    assert [decode_text(row["path"]) for row in rows] == names
    out = tmp_path / f"s.{form}"
    assert fiqa("score", tmp_path, "--aligned", "-o", out).returncode == 0
    assert sorted(Path(decode_text(path)).name for path in read_table(out)["path"]) == sorted(names)
    monkeypatch.chdir(tmp_path)
    again = fiqa("score", out, "--aligned")
    assert len(rows_of(again.stdout)) == len(names)


def test_a_list_and_a_manifest_are_read(crops, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{crops}/p0/{i:02d}.png\n" for i in (6, 0)) + "gone.png\n")
    done = fiqa("score", listed, "--aligned")
    assert done.returncode == 3
    assert [(Path(r["path"]).name, r["status"]) for r in rows_of(done.stdout)] == [
        ("06.png", "ok"),
        ("00.png", "ok"),
        ("gone.png", "not_found"),
    ]
    assert fiqa("scan", crops, "-o", tmp_path / "faces.csv").returncode == 0
    assert (
        len(rows_of(fiqa("score", tmp_path / "faces.csv", "--aligned", "--workers", "1").stdout))
        == 72
    )


def test_limits_are_options(crops):
    one = crops / "p0" / "00.png"
    assert (
        rows_of(fiqa("score", one, "--aligned", "--max-pixels", "100").stdout)[0]["status"]
        == "too_large"
    )
    assert (
        rows_of(fiqa("score", one, "--aligned", "--max-bytes", "100").stdout)[0]["status"]
        == "too_large"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "analytik", "--detector", "dlib"], 2, b"did you mean 'analytic'"),
        (["--model", "gone.onnx"], 1, b"gone.onnx"),
        (["--detector", "yunt"], 2, b"did you mean 'yunet'"),
        (["--faces", "biggest"], 2, b"must be one of: all, largest, one"),
        (["--format", "xml"], 2, b"csv"),
        (["--workers", "0"], 2, b"--workers"),
        (["-o", "scores.xls"], 2, b"table suffix"),
        (["-o", "/proc/nowhere/scores.csv", "--aligned"], 1, b"error: "),
        (["--detector", "yunet", "--weights", "gone.onnx"], 1, b"gone.onnx"),
        (["--detector", "dlib", "--weights", "gone.onnx"], 2, b"must be left out"),
        (["--aligned", "--html", ""], 2, b"ends in .html"),
        (["--aligned", "--html", "sheet.pdf"], 2, b"ends in .html"),
    ],
)
def test_wrong_use_is_told_without_a_traceback(crops, arguments, code, words):
    done = fiqa("score", crops / "p0", *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_a_process_says_what_this_one_says(crops):
    for arguments in (["--model", "analytik", "--detector", "dlib"], ["--aligned", "--quiet"]):
        one, other = (
            process("score", crops / "p0", *arguments),
            fiqa("score", crops / "p0", *arguments),
        )
        said = [(done.returncode, done.stdout, done.stderr) for done in (one, other)]
        assert said[0] == said[1]


def test_no_path_and_no_image_are_wrong_use(tmp_path):
    assert fiqa("score").returncode == 2
    done = fiqa("score", tmp_path)
    assert (done.returncode, b"at least one image" in done.stderr) == (2, True)


def test_all_that_read_images_refuse_an_empty_folder_and_a_table_of_no_row(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").write_text("id,path\n")
    before = sorted(tmp_path.rglob("*"))
    for given in (tmp_path / "empty", tmp_path / "empty.csv"):
        for command in (
            ["score", given, "-q"],
            ["scan", given, "-o", tmp_path / "o.csv", "-q"],
            ["align", given, "-o", tmp_path / "o", "--detector", "none", "-q"],
            ["label", "cr_fiqa", "--faces", given, "-o", tmp_path / "o.csv", "-q"],
            ["embed", given, "--recognizer", "r.onnx", "-o", tmp_path / "o.npz", "-q"],
        ):
            done = fiqa(*command)
            assert (command[0], done.returncode) == (command[0], 2)
            assert b"at least one" in done.stderr, command[0]
    assert fiqa("doctor", tmp_path / "empty").returncode == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_a_closed_pipe_is_quiet(crops, tmp_path):
    twice = " ".join(map(str, copies(crops, tmp_path, 2)))
    score = f"{sys.executable} -m fiqa score {twice} --aligned --model laplacian --quiet"
    command = f"{score} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60)
    assert done.stdout.startswith(b'"path"')
    assert done.stderr == b""


def alive(group: int) -> list[str]:
    """The processes of a group that still run."""
    stats = [
        file.read_text().rpartition(")")[2].split()
        for file in Path("/proc").glob("[0-9]*/stat")
        if file.exists()
    ]
    return [state for state, _, its_group, *_ in stats if its_group == str(group) and state != "Z"]


@pytest.mark.slow
def test_ctrl_c_stops_all_processes_quietly(crops, tmp_path):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "fiqa",
            "score",
            *map(str, copies(crops, tmp_path, 30)),
            "--aligned",
            "--quiet",
            "--workers",
            "2",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"interrupted\n")
    end = time.monotonic() + 10
    while (left := alive(process.pid)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left
