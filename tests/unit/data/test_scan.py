"""scan: one row per file whatever it holds, duplicates, artifacts, exit codes."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.images import Limits, read_image, write_image
from fiqa.data.manifest import read_manifest
from fiqa.data.scan import scan
from fiqa.data.store import read_sidecar, sha256_file
from fiqa.diagnosis.folder import folder_report
from fiqa.errors import InputError, ReadError, UnknownNameError
from fiqa.verbs.score import score
from fiqa.vocabulary import STATUSES


def test_hostile_folder_one_row_each(hostile_folder: dict[Path, str]) -> None:
    found = scan(next(iter(hostile_folder)).parent, decode=True)
    assert dict(zip(found.path.tolist(), found.status.tolist(), strict=True)) == {
        str(path): status for path, status in hostile_folder.items()
    }
    good = found.take(found.status == "ok")
    assert (good.columns["width"] > 0).all()
    assert set(good.columns["modality"].tolist()) == {"grey", "color"}
    assert set(good.columns["bits"].tolist()) == {1, 8, 16, 32}
    assert good.columns["frames"].max() == 3
    assert all(len(sha) == 64 for sha in good.columns["sha256"].tolist())
    bad = found.take(found.status != "ok")
    assert not bad.columns["width"].any()
    assert set(bad.columns["sha256"].tolist()) == {""}


def test_without_decoding_headers_are_enough_for_most(hostile_folder: dict[Path, str]) -> None:
    found = scan(next(iter(hostile_folder)).parent)
    status = dict(
        zip((Path(p).name for p in found.path.tolist()), found.status.tolist(), strict=True)
    )
    assert status["damaged.png"] == "ok"
    assert status["bomb.png"] == status["65_mib.jpg"] == "too_large"
    assert status["empty.jpg"] == "empty_file"
    modality = dict(
        zip(
            (Path(p).name for p in found.path.tolist()),
            found.columns["modality"].tolist(),
            strict=True,
        )
    )
    assert (modality["grey.jpg"], modality["rgb.jpg"]) == ("grey", "")


def kinds_that_are_not_read(folder: Path) -> dict[str, str]:
    """Files of known kinds that are not read, and words that say so."""
    tags = (
        (0x100, 4), (0x101, 4), (0x102, 32), (0x103, 1), (0x106, 2), (0x111, 8), (0x115, 3),
        (0x116, 4), (0x117, 192), (0x153, 3),
    )  # fmt: skip
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    entries = struct.pack("<H", len(tags)) + body + bytes(4)
    (folder / "float.tif").write_bytes(b"II*\0" + struct.pack("<I", 200) + bytes(192) + entries)
    PIL.Image.new("LAB", (4, 4)).save(folder / "lab.tif")
    (folder / "phone.jpg").write_bytes(struct.pack(">I", 16) + b"ftypheic" + bytes(40))
    (folder / "text.jpg").write_bytes(b"hello")
    return {
        "float.tif": "This kind of TIFF cannot be decoded: its decoder finds no image",
        "lab.tif": "This kind of TIFF cannot be decoded: there is no conversion from LAB to RGB.",
        "phone.jpg": "This is a HEIC image, which is not read. hint: save it as JPEG",
        "text.jpg": "The bytes must be an image of a known format.",
    }


@pytest.mark.parametrize("decode", [False, True])
def test_what_is_not_read_is_told_in_the_same_words_everywhere(
    tmp_path: Path, decode: bool
) -> None:
    words = kinds_that_are_not_read(tmp_path)
    (tmp_path / "empty.jpg").write_bytes(b"")
    PIL.Image.new("L", (4, 4)).save(tmp_path / "good.png")
    found = scan([tmp_path, tmp_path / "gone.jpg"], decode=decode, out=tmp_path / "m.csv")
    told = dict(zip(found.path.tolist(), found.columns["message"].tolist(), strict=True))
    report = "\n".join(folder_report(tmp_path).lines())
    for name, wanted in words.items():
        path = str(tmp_path / name)
        assert told[path].startswith(wanted)
        assert f"unsupported_format: {path!r}. {told[path]}" in report
        with pytest.raises(ReadError) as caught:
            read_image(path)
        spoken = f"{caught.value.message} hint: {caught.value.hint}"
        assert spoken == f"{path!r}: {told[path]}"
    assert told[str(tmp_path / "empty.jpg")] == STATUSES["empty_file"]
    assert told[str(tmp_path / "gone.jpg")] == STATUSES["not_found"]
    assert told[str(tmp_path / "good.png")] == ""
    back = read_manifest(tmp_path / "m.csv")
    assert back.columns["message"].tolist() == found.columns["message"].tolist()
    lines = CliRunner().invoke(build(), ["scan", str(tmp_path / "phone.jpg")])
    assert "1 images, 1 failed; the first is" in lines.stderr
    assert "pillow-heif" in lines.stderr


def test_duplicates_name_the_first(tmp_path: Path, hostile: ModuleType) -> None:
    for name in ("ann/1.jpg", "ann/2.jpg", "bob/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(
            hostile.encoded("JPEG", quality=50 if name == "ann/2.jpg" else 80)
        )
    assert scan(tmp_path).columns["duplicate_of"].tolist() == ["", "", "ann/1"]


def test_sizes_are_upright_and_limits_apply(tmp_path: Path, hostile: ModuleType) -> None:
    (tmp_path / "a.jpg").write_bytes(hostile.with_orientation(6))
    found = scan(tmp_path)
    assert (found.columns["width"].tolist(), found.columns["height"].tolist()) == ([40], [48])
    assert found.columns["bytes"].tolist() == [(tmp_path / "a.jpg").stat().st_size]
    assert scan(tmp_path, limits=Limits(max_pixels=100)).status.tolist() == ["too_large"]
    assert scan(tmp_path, limits=Limits(max_bytes=100)).status.tolist() == ["too_large"]


def test_progress_sees_every_row(tmp_path: Path, hostile: ModuleType) -> None:
    (tmp_path / "a.png").write_bytes(hostile.encoded("PNG"))
    seen: list[tuple[str, int, int]] = []
    scan(tmp_path, progress=lambda *at: seen.append(at))
    assert seen == [("scan", 1, 1)]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_the_artifact_and_its_sidecar(
    tmp_path: Path, hostile_folder: dict[Path, str], suffix: str
) -> None:
    output = tmp_path / f"faces{suffix}"
    found = fiqa.scan(next(iter(hostile_folder)).parent, out=output)
    back = read_manifest(output)
    assert back.path.tolist() == found.path.tolist()
    assert back.id.tolist() == found.id.tolist()
    assert back.columns["sha256"].tolist() == found.columns["sha256"].tolist()
    assert back.columns["width"].tolist() == found.columns["width"].tolist()
    record = read_sidecar(output)
    assert record is not None
    assert (record["verb"], record["arguments"]["decode"]) == ("scan", False)
    again = scan(output)
    assert again.columns["sha256"].tolist() == found.columns["sha256"].tolist()


@pytest.mark.parametrize("decode", [False, True])
def test_a_table_of_scores_keeps_its_sha256_where_the_file_is_another_one(
    tmp_path: Path, decode: bool
) -> None:
    for name, grey in (("a", 10), ("b", 200), ("c", 90)):
        write_image(tmp_path / f"{name}.png", np.full((40, 40, 3), grey, np.uint8))
    table = tmp_path / "scores.csv"
    old = [sha256_file(tmp_path / f"{name}.png") for name in "abc"]
    rows = [f"{n},{n}.png,{sha},ok,0.5,50" for n, sha in zip("abc", old, strict=True)]
    table.write_text("\n".join(["id,path,sha256,status,raw,uqs", *rows]) + "\n")
    write_image(tmp_path / "a.png", np.full((40, 40, 3), 90, np.uint8))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = scan(table, decode=decode)
    assert found.status.tolist()[::2] == ["changed", "ok"]
    assert found.status[1] not in ("ok", "changed")
    assert found.columns["sha256"].tolist() == old
    assert found.columns["raw"].tolist() == [0.5] * 3
    assert found.columns["width"].tolist() == [0, 0, 40], "nothing of the other file is told"
    assert found.columns["duplicate_of"].tolist() == [""] * 3
    assert score(table, aligned=True, workers=1)["status"][0] == "changed"
    scan(table, decode=decode, out=tmp_path / "new.csv")
    again = scan(tmp_path / "new.csv")
    assert (again.status.tolist(), again.columns["sha256"].tolist()) == (
        found.status.tolist(),
        old,
    )


def test_no_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("no image")
    with pytest.raises(InputError, match="at least one image, got none"):
        scan(tmp_path, out=tmp_path / "faces.csv")
    assert not (tmp_path / "faces.csv").exists()


def test_a_wrong_suffix_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="table suffix"):
        scan(tmp_path, out=tmp_path / "faces.xlsx")
    with pytest.raises(InputError, match="at least one path"):
        scan([])


def test_the_command_and_its_exit_codes(
    tmp_path: Path, hostile_folder: dict[Path, str], hostile: ModuleType
) -> None:
    run = CliRunner()
    folder = next(iter(hostile_folder)).parent
    some = run.invoke(build(), ["scan", str(folder), "-q"])
    assert some.exit_code == 3
    assert some.stdout.splitlines()[0].startswith('"id","path","identity"')
    assert some.stderr == ""
    good = tmp_path / "good"
    good.mkdir()
    shutil.copy(folder / "rgb.jpg", good)
    fine = run.invoke(build(), ["scan", str(good), "-o", str(tmp_path / "g.csv"), "--decode"])
    assert (fine.exit_code, fine.stdout) == (0, "")
    assert "1 images, 0 failed" in fine.stderr
    assert read_manifest(tmp_path / "g.csv").columns["modality"].tolist() == ["color"]
    assert run.invoke(build(), ["scan", str(good), "--max-pixels", "5", "-q"]).exit_code == 3
    assert run.invoke(build(), ["scan", str(good), "--max-bytes", "5", "-q"]).exit_code == 3
    wrong = run.invoke(build(), ["scan", str(good), "-o", "x.parqet"])
    assert wrong.exit_code == 2
    assert "hint: did you mean '.parquet'?" in wrong.stderr
    assert run.invoke(build(), ["scan"]).exit_code == 2
    assert run.invoke(build(), ["scan", str(tmp_path / "no.jpg"), "-q"]).exit_code == 3
