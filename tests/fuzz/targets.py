"""Every reader of the project with a whole file for it: what the fuzz damages, and how the file is
read.

A target is a folder of files, the name of the one that is damaged, and a function of its path that
reads all of it. A new reader gets a line in TARGETS (or TORCH_TARGETS, where reading takes torch);
tests/fuzz/test_fuzz.py finds readers that have none.
"""

from __future__ import annotations

import importlib.util
import io
import json
import pickle
import struct
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TEXTS = (".csv", ".tsv", ".jsonl", ".json", ".txt", ".toml", ".idx", ".lines")
IDS = ["a/1", "a/2", "b/1", "b/2", "c/1"]


@dataclass(frozen=True)
class Target:
    """`file` is the one that is damaged, `make(folder)` writes it and its neighbors, `read(path)`
    reads it, raising ReadError or nothing.

    A `verb` does more than read: it may also say that what was read cannot be used as asked
    (InputError).
    """

    file: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    verb: bool = False

    @property
    def text(self) -> bool:
        return self.file.endswith(TEXTS)


def _image(form: str, **options: Any) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from PIL import Image

        across = np.linspace(20, 220, 24)[None, :].repeat(20, 0)
        rgb = np.stack([across, across[:, ::-1], np.full_like(across, 90)], axis=2).astype(np.uint8)
        Image.fromarray(rgb).save(folder / "image.dat", format=form, **options)

    return make


def _read_image(path: Path) -> None:
    from fiqa.data.images import decode_header, read_bytes, read_image

    decode_header(read_bytes(path))
    read_image(path)


def _rows() -> list[dict[str, Any]]:
    """A table as `score` writes it, of crops as `align` lists them."""
    return [
        {
            "id": name,
            "path": f"{name}.jpg",
            "status": "ok",
            "identity": name[0],
            "split": "train",
            "width": 112,
            "eye_distance": 40.5,
            "inside": 1.0,
            "landmarks": [38.3, 51.7, 73.5, 51.5, 56.0, 71.7, 41.5, 92.4, 70.7, 92.2],
            "bbox": [1.0, 2.0, 30.0, 40.0],
            "raw": 0.25 * i,
            "score": 0.5,
            "uqs": 10 * i,
            "level": "good",
            "reasons": ["blurry"],
            "grey": False,
            "factors": {"blur": 0.5, "pose": None},
            "sha256": "0" * 64,
        }
        for i, name in enumerate(IDS)
    ]


def _table(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from fiqa.data.tables import frame_of, write_table

        write_table(frame_of(_rows()), folder / f"table{suffix}")

    return make


def _tabs(folder: Path) -> None:
    rows = ["id\traw\tscore", *(f"{name}\t{i / 4}\t0.5" for i, name in enumerate(IDS))]
    (folder / "table.tsv").write_text("\n".join(rows) + "\n")


def _utf16(folder: Path) -> None:
    (folder / "table.csv").write_text("path;roll\na.jpg;0.5\nb.jpg;\n", encoding="utf-16")


def _read_manifest(path: Path) -> None:
    from fiqa.data.manifest import find
    from fiqa.faces.crops import sources

    list(sources(find(path)))


def _long_table(folder: Path) -> None:
    rows = [f"cam/{k % 3}/{k}.jpg,{'' if k == 4 else k},{'true' if k % 2 else 'false'},p{k % 3}"
            for k in range(12)]  # fmt: skip
    (folder / "table.csv").write_text("\n".join(["path,speed,night,identity", *rows]) + "\n")


def _long_parquet(folder: Path) -> None:
    import polars as pl

    rows = {"path": [f"cam/{k % 3}/{k}.jpg" for k in range(12)], "speed": [None, *range(11)]}
    who = [f"p{k % 3}" for k in range(12)]
    pl.DataFrame(rows | {"identity": who}).write_parquet(folder / "table.parquet")


def _read_long_manifest(path: Path) -> None:
    from unittest import mock

    from fiqa.data import long_manifest as module
    from fiqa.data import long_parquet as packed
    from fiqa.data.manifest import find

    with (
        mock.patch.multiple(module, _LONG=0, _FIRST=64, _PIECE=64, _LOOKED=64),
        mock.patch.multiple(packed, _LONG=0, _PIECE=5),
    ):
        found = module.long_manifest(path)
        if found is None:
            return
        pieces = list(found.pieces())
    whole = find(path)
    for name in ("id", "path", "identity", "status"):
        told = [value for piece in pieces for value in getattr(piece, name).tolist()]
        if told != getattr(whole, name).tolist():
            raise AssertionError(f"{name} in pieces: {told}, as a whole: {getattr(whole, name)}")


def _read_quality(path: Path) -> None:
    from fiqa.data.quality import read_quality

    read_quality(path)


def _read_label_inputs(path: Path) -> None:
    from fiqa.labeling.inputs import load_inputs

    load_inputs(path, None, [path], crops=False)


def _read_templates(path: Path) -> None:
    from fiqa.methods.dmsfiqa.choice import read_choice

    read_choice(path)


def _factors(folder: Path) -> None:
    (folder / "factors.csv").write_text("id,blur,factor_pose\na,0.5,\nb,0.25,1.0\n")


def _read_factors(path: Path) -> None:
    from fiqa.methods.dmsfiqa.table_judge import TableJudge

    TableJudge(str(path)).load()


def _read_times(path: Path) -> None:
    from fiqa.data.times import read_times

    read_times(path)


def _convert(to: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        from fiqa import convert

        convert(
            path,
            path.parent / {"imagefolder": "metadata.csv", "table": "out.csv"}.get(to, f"out-{to}"),
            to=to,
        )

    return read


def _write(name: str, content: str | bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def _pairs(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from fiqa.data.pairs import write_pairs
        from fiqa.types import Pairs

        pairs = Pairs(
            np.array(IDS), np.array([[0, 1], [2, 3], [0, 4]]), np.array([True, True, False])
        )
        write_pairs(pairs, folder / f"pairs{suffix}", fold=np.array([0, 0, 1]))

    return make


def _read_pairs(path: Path) -> None:
    import warnings

    from fiqa.data.pairs import read_folds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_folds(path)


LFW = "2\t1\n" + "Ann\t1\t2\nBo\t1\tCy\t3\n" * 2
FLAT = "".join(
    f"{name} {fold}\n"
    for name, fold in (
        ("Al_0001.jpg", 1),
        ("Al_0002.jpg", 1),
        ("Bo_0001.jpg", 0),
        ("Cy_0001.jpg", 0),
    )
)
OFIQ = (
    "Filename;UnifiedQualityScore;Sharpness;UnifiedQualityScore.scalar;Sharpness.scalar;\n"
    "a.jpg;24.1;3.5;61;70\nb.jpg;20.0;1.5;-1;-1\n"
)


def _read_media(path: Path) -> None:
    from fiqa.data.formats.ijbc import read_media

    read_media(path)


def _bin(folder: Path) -> None:
    from fiqa.data.formats.insightface_bin import write
    from fiqa.types import Pairs

    pairs = Pairs(np.array(["x", "y"]), np.array([[0, 1], [0, 0]]), np.array([False, True]))
    write(folder / "pairs.bin", {"x": b"\xff\xd8" * 20, "y": b"\x89PNG" * 10}, pairs)


def _read_bin(path: Path) -> None:
    from fiqa.data.formats.insightface_bin import read

    read(path)


def _pickle(folder: Path) -> None:
    data = {"a.jpg": np.float32(0.5), "b.jpg": 0.25, "c.jpg": np.float64(1)}
    (folder / "scores.pkl").write_bytes(pickle.dumps(data, protocol=4))


def _old_pickle(folder: Path) -> None:
    arrays = ([np.arange(6, dtype=np.uint8), np.arange(4, dtype=np.uint8)], [True])
    (folder / "pairs.bin").write_bytes(pickle.dumps(arrays, protocol=2))


def _records(folder: Path) -> None:
    from fiqa.data.formats.recordio import MAGIC, write

    write(folder / "train.rec", [(0, b"\xff\xd8" * 9), (0, MAGIC * 3), (1, b"\x89PNG" * 7)])


def _read_records(path: Path) -> None:
    from fiqa.data.formats.recordio import RecordFile

    for use in (None, path.with_suffix(".idx")):
        with RecordFile(path.with_suffix(".rec"), use) as records:
            list(records)


def _tar(folder: Path) -> None:
    with tarfile.open(folder / "samples.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (
            ("0.jpg", b"\xff\xd8" * 30),
            ("0.json", b"{}"),
            ("ö/1.jpg", b"x" * 600),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _image_rows(folder: Path) -> None:
    import polars as pl

    rows = [{"bytes": b"\xff\xd8" * 9, "path": "a.jpg"}, {"bytes": None, "path": None}]
    pl.DataFrame({"image": rows}).write_parquet(folder / "shard.parquet")


def _read_shard(path: Path) -> object:
    from fiqa.data.images import Limits
    from fiqa.data.shards import members

    return [member.status for member in members(str(path), Limits())]


def _read_tar(path: Path) -> None:
    from fiqa.data.formats.webdataset import read

    list(read(path))


def _read_fiftyone(path: Path) -> None:
    from fiqa.data.formats.fiftyone import read

    read(path)


def _read_imagefolder(path: Path) -> None:
    from fiqa.data.formats.imagefolder import read

    read(path)


def _embeddings(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from fiqa.data.embeddings import write_embeddings
        from fiqa.types import Embeddings

        vector = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
        norm = np.linalg.norm(vector, axis=1)
        write_embeddings(
            Embeddings(np.array(IDS), vector / norm[:, None], norm, "net"),
            folder / f"vectors{suffix}",
        )

    return make


def _compressed(folder: Path) -> None:
    vector = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.savez_compressed(folder / "vectors.npz", id=np.array(IDS), vector=vector)


def _read_embeddings(path: Path) -> None:
    from fiqa.data.embeddings import map_embeddings, read_embeddings

    if path.name.startswith("vectors.ids") or path.name.startswith("vectors.meta"):
        path = path.with_name("vectors.npy")
    read_embeddings(path)
    map_embeddings(path)


def _sidecar(folder: Path) -> None:
    from fiqa.data.store import make_record, write_sidecar

    (folder / "out.csv").write_bytes(b'"id","value"\n"a",0.5\n')
    write_sidecar(
        folder / "out.csv",
        make_record("score", arguments={"model": None}, inputs={"images": "0" * 64}),
    )


def _read_sidecar(path: Path) -> None:
    from fiqa.data.quality import read_quality
    from fiqa.data.store import is_current, read_sidecar

    artifact = path.with_suffix("")
    side = read_sidecar(artifact)
    if side is not None and not isinstance(side, dict):
        raise TypeError("a sidecar is an object or nothing")
    is_current(artifact, "0" * 64)
    read_quality(artifact)


def _quality_sidecar(folder: Path) -> None:
    from fiqa.data.quality import write_quality
    from fiqa.types import Quality

    write_quality(
        Quality(np.array(["a", "b"]), np.array([0.5, 0.25]), "m", range=(0.0, 1.0)),
        folder / "out.csv",
    )


def _read_columns(path: Path) -> None:
    """The columns that `evaluate` and `threshold` take from a table of scores, one by one."""
    from fiqa.data.quality import read_quality

    for column in ("raw", "score", "uqs"):
        read_quality(path, column=column)


CARD: Mapping[str, Any] = {
    "name": "tiny",
    "kind": "quality",
    "file": "tiny.onnx",
    "sha256": "0" * 64,
    "input": {
        "size": 112,
        "color": "RGB",
        "layout": "NCHW",
        "scale": 255,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    },
    "outputs": [
        {"name": "quality", "role": "quality"},
        {"name": "f", "role": "factors", "factors": ["blur"], "reasons": {"blur": "blurry"}},
    ],
    "calibration": {"x0": 0.5, "w": 0.1},
    "numbers": {"lfw": 0.5},
}


def _read_card_within(path: Path) -> None:
    from fiqa.runtime.embedded import card_within

    card_within(path.read_bytes(), str(path))


def _read_results(path: Path) -> None:
    from fiqa.deployment.kit import read_results

    read_results(path, ("quality",))


def _read_card(path: Path) -> None:
    from fiqa.runtime.cards import read_card

    read_card(path)


def _field(number: int, content: bytes | int) -> bytes:
    """One field of a protobuf message of less than 16 KiB."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    return (
        bytes([(number << 3 | 2) & 0xFF | 0x80 * (number > 15)])
        + (bytes([number >> 4]) if number > 15 else b"")
        + struct.pack("BB", len(content) & 0x7F | 0x80, len(content) >> 7)
        + content
    )


def _onnx(folder: Path) -> None:
    """A graph of one Identity with a constant beside it, written field by field: ONNX's own package
    is not needed to run."""
    shape = _field(2, b"".join(_field(1, _field(1, n)) for n in (1, 3, 8, 8)))
    value = _field(2, _field(1, _field(1, 1) + shape))
    tensor = _field(1, 2) + _field(2, 1) + _field(8, b"w") + _field(9, struct.pack("<2f", 1, 2))
    node = _field(1, b"x") + _field(2, b"y") + _field(3, b"n") + _field(4, b"Identity")
    graph = (
        _field(1, node)
        + _field(2, b"g")
        + _field(5, tensor)
        + _field(11, _field(1, b"x") + value)
        + _field(12, _field(1, b"y") + value)
    )
    (folder / "model.onnx").write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))


def _onnx_with_card(folder: Path) -> None:
    from fiqa.runtime.cards import parse_card
    from fiqa.runtime.embedded import with_card

    _onnx(folder)
    file = folder / "model.onnx"
    file.write_bytes(with_card(file.read_bytes(), parse_card(CARD, "the card"))[0])


def _read_onnx(path: Path) -> None:
    from fiqa.runtime.onnx import read_model

    read_model(path)


def _open_onnx(path: Path) -> None:
    from fiqa.runtime.onnx import open_session, read_model

    open_session(read_model(path), str(path), threads=1)


RECIPE = """seed = 1
[data]
faces = "crops"
labels = "labels.csv"
validation = 0.2
[model]
backbone = "mobilefacenet"
mean = [0.5, 0.5, 0.5]
[loss]
objective = "regression"
level_cuts = [10, 30, 70, 90]
[optim]
lr = 3e-4
epochs = 2
"""


def _read_recipe(path: Path) -> None:
    from fiqa.training.config import read_recipe

    read_recipe(path)


def _settings(folder: Path) -> None:
    from fiqa.methods.dmsfiqa.config import DEFAULT

    (folder / "settings.toml").write_bytes(
        DEFAULT.read_bytes()[:6000].rsplit(b"\n\n", 1)[0] + b"\n"
    )


def _read_settings(path: Path) -> None:
    from fiqa.methods.dmsfiqa.config import read_config

    read_config(path)


def _run_recipe(folder: Path) -> None:
    from fiqa.training.config import resolve

    record = resolve({"data": {"faces": "crops", "labels": "q.csv"}}).record()
    (folder / "recipe.json").write_text(json.dumps(record))


def _read_run(path: Path) -> None:
    from fiqa.training.run_folder import open_run

    open_run(path.parent)


def _best(folder: Path) -> None:
    (folder / "best_mae.json").write_text(json.dumps({"epoch": 3, "mae": 0.25, "x0": 0.5}))


def _read_best(path: Path) -> None:
    from fiqa.training.run_folder import best_of

    best_of(path.parent, "mae")


JOURNAL = "".join(
    f'{{"state": "{state}", "from": "crops/{name}.png", "to": "aside/{name}.png", "how": "move"}}\n'
    for name in ("a", "b")
    for state in ("begun", "done")
)


def _read_journal(path: Path) -> None:
    from fiqa.cleaning.quarantine import _entries

    _entries(path)


def _video(suffix: str, code: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import cv2

        place, letters = str(folder / f"film{suffix}"), cv2.VideoWriter_fourcc(*code)
        writer = cv2.VideoWriter(place, cv2.CAP_FFMPEG, letters, 25.0, (48, 32))
        for i in range(8):
            writer.write(np.full((32, 48, 3), 20 * i, np.uint8))
        writer.release()

    return make


def _read_video(backend: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        from fiqa.data.video import VideoLimits, open_video

        with open_video(path, backend=backend, limits=VideoLimits(max_frames=500)) as video:
            last = -1.0
            for frame in video:
                if not last < frame.time:
                    raise TypeError("time must ascend")
                last = frame.time

    return read


def _find_videos(path: Path) -> None:
    from fiqa.data.containers import find_videos

    find_videos(path)


FILMS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v", ".ts": "mp4v"}
READERS = ("opencv", *(["pyav"] if importlib.util.find_spec("av") else []))


def _drive_file(folder: Path) -> None:
    from fiqa.data.formats.drive_file import DriveFile, write_drive

    counters = (9, 6, 1, 1, 0, 0, 0, 1, 2)
    drive = DriveFile(bytes(8), 7, 0.0, 1.0, "front", "nir", counters, (1, *[0] * 98, 5))
    write_drive(drive, folder / "a.fiqd")


def _read_drive(path: Path) -> None:
    from fiqa.data.formats.drive_file import read_drive

    read_drive(path)


def _fleet() -> Any:
    import polars as pl

    columns = {"drive": [f"d{i // 2}" for i in range(8)], "raw": [i / 8 for i in range(8)]}
    return pl.DataFrame({**columns, "camera": "front", "status": "ok"})


def _reference(folder: Path) -> None:
    from fiqa.monitoring.fit import fit_reference

    fit_reference(_fleet(), out=folder / "ref.json")


def _read_reference(path: Path) -> None:
    from fiqa.monitoring.reference import read_reference

    read_reference(path)


def _monitor_state(folder: Path) -> None:
    from fiqa.monitoring.state import ChartState, State, write_state

    chart = ChartState(drives=3, path=[0.0, 0.5, 1.25], crossed=3)
    state = State(
        reference="0" * 64, by=["camera"], charts={"front\tmean\tlower": chart},
        seen={"front": ["d3d8fb9e1b9eb5e0"]},
    )  # fmt: skip
    write_state(state, folder / "state.json")


def _read_state(path: Path) -> None:
    from fiqa.monitoring.state import read_state

    read_state(path)


def _chance(folder: Path) -> None:
    curve = {"quality": [0.0, 0.5, 1.0], "chance": [0.1, 0.2, 0.9]}
    error = {"brier": 0.1, "base": 0.2, "told": [0.1, 0.9], "seen": [0.2, 0.8]}
    cell = {"people": 12, "pairs": 90, "matched": 0.5, "curve": curve, "error": error}
    known = {"quality": "fiqa", "recognizer": "r", "by": "regime", "fmr": 0.001, "threshold": 0.3}
    content = {
        "format": "fiqa match chance 1",
        **known,
        "cells": {"rgb": cell},
        "refused": {},
        "across": None,
        "factors": {"blur": {"rgb": cell}},
    }
    (folder / "chance.json").write_text(json.dumps(content, indent=1))


def _read_chance(path: Path) -> None:
    from fiqa.evaluation.match_chance import read_match_chance

    read_match_chance(path).of_rows([0.5], ["rgb"])


TARGETS: dict[str, Target] = {
    **{
        f"image {form}": Target("image.dat", _image(form, **options), _read_image)
        for form, options in {
            "JPEG": {},
            "PNG": {},
            "WEBP": {},
            "BMP": {},
            "GIF": {},
            "TIFF": {},
            "PPM": {},
            "JPEG2000": {},
        }.items()
    },
    **{
        f"manifest {s}": Target(f"table{s}", _table(s), _read_manifest)
        for s in (".csv", ".jsonl", ".parquet")
    },
    **{
        f"quality {s}": Target(f"table{s}", _table(s), _read_quality)
        for s in (".csv", ".jsonl", ".parquet")
    },
    "quality .tsv": Target("table.tsv", _tabs, _read_quality),
    "long manifest .csv": Target("table.csv", _long_table, _read_long_manifest),
    "long manifest .parquet": Target("table.parquet", _long_parquet, _read_long_manifest),
    "manifest in UTF-16": Target("table.csv", _utf16, _read_manifest),
    **{
        f"label inputs {s}": Target(f"table{s}", _table(s), _read_label_inputs)
        for s in (".csv", ".parquet")
    },
    **{
        f"columns {s}": Target(f"table{s}", _table(s), _read_columns)
        for s in (".jsonl", ".parquet")
    },
    **{
        f"convert to {to}": Target("table.csv", _table(".csv"), _convert(to), verb=True)
        for to in ("ofiq", "fiftyone", "imagefolder", "webdataset", "table")
    },
    "convert parquet": Target("table.parquet", _table(".parquet"), _convert("fiftyone"), verb=True),
    "table of factors": Target("factors.csv", _factors, _read_factors),
    "run times": Target(
        "times.csv",
        _write("times.csv", "method,id,ms\na.baseline,p/1,1.5\na.optimized,p/1,2e-1\n"),
        _read_times,
    ),
    "templates": Target(
        "templates.csv",
        _write("templates.csv", "identity,rank,id,chosen\na,1,a/1,1\na,2,a/2,0\n"),
        _read_templates,
    ),
    "list file": Target(
        "list.txt", _write("list.txt", "a/1.jpg\nb/2.jpg\nc d.png\n"), _read_manifest
    ),
    "score lines": Target(
        "scores.txt",
        _write("scores.txt", "a/1.jpg 0.5\nb/2 c.jpg 0.25\nd.jpg -1e3\n"),
        _read_quality,
    ),
    "score csv": Target(
        "scores.csv",
        _write("scores.csv", "filename,blur,score\na.jpg,1,0.5\nb.jpg,2,\nc.jpg,3,7\n"),
        _read_quality,
    ),
    "ofiq csv": Target("ofiq.csv", _write("ofiq.csv", OFIQ), _read_quality),
    "score pickle": Target("scores.pkl", _pickle, _read_quality),
    **{
        f"pairs {s}": Target(f"pairs{s}", _pairs(s), _read_pairs)
        for s in (".csv", ".jsonl", ".parquet")
    },
    "pairs.txt": Target("pairs.txt", _write("pairs.txt", LFW), _read_pairs),
    "flat pairs": Target("pairs.txt", _write("pairs.txt", FLAT), _read_pairs),
    "template pairs": Target(
        "pairs.txt", _write("pairs.txt", "1 2 1\n1 3 0\n40 2 0\n"), _read_pairs
    ),
    "template media": Target(
        "media.txt", _write("media.txt", "1.jpg 1 69544\n2.jpg 1 69544\n3.jpg 7 12\n"), _read_media
    ),
    "bin": Target("pairs.bin", _bin, _read_bin),
    "bin of arrays": Target("pairs.bin", _old_pickle, _read_bin),
    "rec": Target("train.rec", _records, _read_records),
    "idx": Target("train.idx", _records, _read_records),
    "webdataset": Target("samples.tar", _tar, _read_tar),
    "shard .tar": Target("samples.tar", _tar, _read_shard),
    "shard .parquet": Target("shard.parquet", _image_rows, _read_shard),
    "fiftyone": Target(
        "samples.csv",
        _write("samples.csv", 'filepath,score,tag\na.jpg,0.5,"x;y"\nb.jpg,,z\n'),
        _read_fiftyone,
    ),
    "imagefolder csv": Target(
        "metadata.csv",
        _write("metadata.csv", "file_name,score\na.jpg,0.5\nb.jpg,1\n"),
        _read_imagefolder,
    ),
    "imagefolder jsonl": Target(
        "metadata.jsonl",
        _write(
            "metadata.jsonl",
            '{"file_name": "a.jpg", "score": 0.5}\n{"file_name": "b.jpg", "score": null}\n',
        ),
        _read_imagefolder,
    ),
    **{
        f"embeddings {s}": Target(f"vectors{s}", _embeddings(s), _read_embeddings)
        for s in (".npz", ".npy", ".parquet")
    },
    "embeddings compressed": Target("vectors.npz", _compressed, _read_embeddings),
    "embeddings ids": Target("vectors.ids.txt", _embeddings(".npy"), _read_embeddings),
    "embeddings meta": Target("vectors.meta.npz", _embeddings(".npy"), _read_embeddings),
    "sidecar": Target("out.csv.json", _sidecar, _read_sidecar),
    "sidecar of quality": Target("out.csv.json", _quality_sidecar, _read_sidecar),
    "card": Target("tiny.json", _write("tiny.json", json.dumps(CARD)), _read_card),
    "card inside": Target("model.onnx", _onnx_with_card, _read_card_within),
    "results of a chip": Target(
        "results.csv",
        _write("results.csv", "index,quality\n" + "".join(f"{k},{k / 64}\n" for k in range(64))),
        _read_results,
    ),
    "onnx": Target("model.onnx", _onnx, _read_onnx),
    "onnx session": Target("model.onnx", _onnx, _open_onnx),
    "recipe": Target("recipe.toml", _write("recipe.toml", RECIPE), _read_recipe),
    "settings": Target("settings.toml", _settings, _read_settings),
    "run": Target("recipe.json", _run_recipe, _read_run),
    **{
        f"video {s} by {b}": Target(f"film{s}", _video(s, code), _read_video(b))
        for s, code in FILMS.items()
        for b in READERS
    },
    "list of videos": Target(
        "list.txt", _write("list.txt", "a/1.mp4\nb/2.mkv\nc d.ts\n"), _find_videos, verb=True
    ),
    "drive file": Target("a.fiqd", _drive_file, _read_drive),
    "monitor reference": Target("ref.json", _reference, _read_reference),
    "calibration": Target("chance.json", _chance, _read_chance),
    "monitor state": Target("state.json", _monitor_state, _read_state),
    "journal": Target("journal-1.jsonl", _write("journal-1.jsonl", JOURNAL), _read_journal),
    "best of a run": Target("best_mae.json", _best, _read_best),
}
