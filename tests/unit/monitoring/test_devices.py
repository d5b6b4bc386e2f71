"""Drives counted on a device: the file, the C that writes it, and the check that reads it."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.formats.drive_file import COUNTERS, SIZE, DriveFile, read_drive, write_drive
from fiqa.errors import EvidenceError, InputError, ReadError, UnknownNameError
from fiqa.monitoring.fit import fit_reference
from fiqa.monitoring.reference import Reference

ONE = (("front", "nir"),)
DRIVE = DriveFile(
    reference=bytes(range(8)), drive=2**64 - 1, low=-0.5, high=1.5, camera="front", regime="nir",
    counters=(9, 6, 1, 1, 0, 0, 0, 1, 2), counts=(1, *[0] * 98, 5),
)  # fmt: skip


def written(path: Path, drive: DriveFile = DRIVE) -> Path:
    write_drive(drive, path)
    return path


def device_file(made: Reference, unit: int, raw: np.ndarray, camera="front") -> DriveFile:
    """What a device would count of the scores of a drive."""
    bins = np.clip(np.floor((raw - made.low) / (made.high - made.low) * 100), 0, 99).astype(int)
    counters = dict.fromkeys(COUNTERS, 0) | {"frames": len(raw), "scored": len(raw)}
    counts = tuple(np.bincount(bins, minlength=100).tolist())
    return DriveFile(
        made.key, unit, made.low, made.high, camera, "nir", tuple(counters.values()), counts
    )


def test_round_trip_and_size(tmp_path) -> None:
    path = written(tmp_path / "a.fiqd")
    assert read_drive(path) == DRIVE
    assert path.stat().st_size == SIZE == 504 < 1024
    longest = replace(DRIVE, camera="c" * 16, regime="")
    assert read_drive(written(path, longest)) == longest


def test_the_bytes_stand_where_the_text_says(tmp_path) -> None:
    data = written(tmp_path / "a.fiqd").read_bytes()
    assert data[:8] == b"FIQD\1\0\x64\0"
    assert (data[8:16], data[16:24]) == (bytes(range(8)), b"\xff" * 8)
    assert np.frombuffer(data, "<f4", 2, 24).tolist() == [-0.5, 1.5]
    assert (data[32:48], data[48:64]) == (b"front".ljust(16, b"\0"), b"nir".ljust(16, b"\0"))
    assert np.frombuffer(data, "<u4", 9, 64).tolist() == list(DRIVE.counters)
    assert np.frombuffer(data, "<u4", 100, 100).tolist() == list(DRIVE.counts)
    assert int.from_bytes(data[500:], "little") == zlib.crc32(data[:500])


def test_what_cannot_be_written(tmp_path) -> None:
    for bad, said in (
        (replace(DRIVE, camera="c" * 17), "camera must have at most 16 ASCII"),
        (replace(DRIVE, regime="dämmrig"), "regime must have at most 16 ASCII"),
        (replace(DRIVE, counts=(1,)), "9 counters and 100 bins, got 9 and 1"),
    ):
        with pytest.raises(InputError, match=said):
            write_drive(bad, tmp_path / "a.fiqd")
    assert not (tmp_path / "a.fiqd").exists()


def test_what_cannot_be_read(tmp_path) -> None:
    path = written(tmp_path / "a.fiqd")
    data = path.read_bytes()

    def sealed(body: bytes) -> bytes:
        return body + zlib.crc32(body).to_bytes(4, "little")

    for bad, said in (
        (b"", "must not be empty"),
        (data[:-1], "must have 504 bytes"),
        (data + b"x", "at most 504 bytes"),
        (b"JUNK" + data[4:], "begin with FIQD"),
        (data[:200] + b"\7" + data[201:], "checksum"),
        (sealed(data[:4] + b"\2" + data[5:500]), "of version 1"),
        (sealed(data[:100] + b"\2" + data[101:500]), "each scored frame in one bin"),
        (sealed(data[:72] + b"\x63" + data[73:500]), "no more than all frames"),
        (sealed(data[:32] + b"\xff" + data[33:500]), "cannot be read"),
    ):
        path.write_bytes(bad)
        with pytest.raises(ReadError, match=said):
            read_drive(path)


COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
PROGRAM = """
#include <math.h>
#include <stdio.h>
#include "fiqa_drive.h"
int main(int n, char **words) {
    fiqa_drive d;
    uint8_t bytes[FIQA_SIZE];
    fiqa_begin(&d, words[2], -0.5f, 1.5f, 0xFEDCBA9876543210u, "front", "nir");
    for (int i = 0; i < 100; i++) fiqa_score(&d, -0.49f + 0.02f * i, 0.0f);
    fiqa_score(&d, -9.0f, 0.0f);
    fiqa_score(&d, 9.0f, 0.0f);
    fiqa_score(&d, NAN, 0.0f);
    fiqa_score(&d, INFINITY, 0.0f);
    fiqa_state(&d, FIQA_NO_FACE);
    fiqa_state(&d, FIQA_COVERED);
    fiqa_state(&d, FIQA_TOO_DARK);
    fiqa_bytes(&d, bytes);
    FILE *file = fopen(words[1], "wb");
    fwrite(bytes, 1, FIQA_SIZE, file);
    return fclose(file);
}
"""


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")
def test_python_reads_what_the_header_writes(root, tmp_path) -> None:
    (tmp_path / "main.c").write_text(PROGRAM)
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
    words = [COMPILER, *flags, "-I", root / "examples", "main.c", "-o", "main"]
    subprocess.run(list(map(str, words)), cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "main", "c.fiqd", "00a1b2c3d4E5F607"], cwd=tmp_path, check=True)
    read = read_drive(tmp_path / "c.fiqd")
    assert read.reference == bytes.fromhex("00a1b2c3d4e5f607")
    assert read.drive == 0xFEDCBA9876543210
    assert (read.low, read.high, read.camera, read.regime) == (-0.5, 1.5, "front", "nir")
    assert read.counts == (2, *[1] * 98, 2)
    assert dict(zip(COUNTERS, read.counters, strict=True)) == {
        "frames": 107, "scored": 102, "no_face": 1, "covered": 1, "damaged": 0, "too_dark": 1,
        "too_bright": 0, "no_number": 2, "below_floor": 26,
    }  # fmt: skip
    write_drive(read, tmp_path / "p.fiqd")
    assert (tmp_path / "p.fiqd").read_bytes() == (tmp_path / "c.fiqd").read_bytes()


def test_the_header_is_short_and_names_the_offsets_of_the_reader(root) -> None:
    text = (root / "examples" / "fiqa_drive.h").read_text()
    assert len(text.splitlines()) <= 60
    assert f"#define FIQA_SIZE {SIZE}\n" in text
    words = text.partition("enum {")[2].partition("}")[0].replace("\n", " ").split(",")
    names = [word.strip().removeprefix("FIQA_").lower() for word in words]
    assert names == [*COUNTERS, "counters"]


@pytest.fixture
def counted(fleet, rng, tmp_path) -> tuple[Reference, pl.DataFrame, Path]:
    """A reference, a table of drives, and the same drives as files of devices."""
    made = fit_reference(fleet(rng, 40, cells=ONE))
    table = fleet(rng, 25, cells=ONE, change=lambda raw: raw - 0.08)
    folder = tmp_path / "drives"
    folder.mkdir()
    for k, name in enumerate(table["drive"].unique(maintain_order=True)):
        raw = table.filter(pl.col("drive") == name)["raw"].to_numpy()
        write_drive(device_file(made, k, raw), folder / f"{k:03d}.fiqd")
    return made, table, folder


def test_files_of_devices_give_what_the_table_gives(counted) -> None:
    made, table, folder = counted
    files, rows = (fiqa.monitor(s, reference=made, draws=200) for s in (folder, table))
    assert files.verdict == rows.verdict == "alarm"
    for a, b in zip(files.cells, rows.cells, strict=True):
        assert (a.counts, a.drives, a.drift, a.ratios) == (b.counts, b.drives, b.drift, b.ratios)
        assert a.charts[:2] == b.charts[:2]
    one = fiqa.monitor(folder / "003.fiqd", reference=made, draws=200)
    assert one.cells[0].drives == 1


def test_files_that_do_not_fit_the_reference(counted, tmp_path) -> None:
    made, _, folder = counted
    first = read_drive(folder / "000.fiqd")
    write_drive(replace(first, drive=1), folder / "x.fiqd")
    with pytest.raises(InputError, match="Two files must not be of one drive"):
        fiqa.monitor(folder, reference=made)
    write_drive(replace(first, reference=bytes(8)), folder / "x.fiqd")
    with pytest.raises(InputError, match="must be counted for this reference"):
        fiqa.monitor(folder, reference=made)
    write_drive(replace(first, low=-1.0), folder / "x.fiqd")
    with pytest.raises(InputError, match=r"x\.fiqd' is for .*, -1\.\."):
        fiqa.monitor(folder, reference=made)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvidenceError, match=r"must have files \.fiqd"):
        fiqa.monitor(tmp_path / "empty", reference=made)
    with pytest.raises(InputError, match="must be made from a table of scores"):
        fit_reference(folder)


def test_devices_know_camera_and_regime_only(fleet, rng, counted) -> None:
    _, table, folder = counted
    other = fit_reference(table.rename({"camera": "site"}), by=("site", "regime"))
    with pytest.raises(UnknownNameError, match="column of a drive file 'site'"):
        fiqa.monitor(folder, reference=other)
