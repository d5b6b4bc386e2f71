"""Every reader on damaged files: a ReadError with the file's name and a status, or a result;
nothing else, whatever the bytes.

The damage is decided by a seed, so a fault that is found is named by its target and seed, and
becomes one of CASES. To look for more: `FIQA_FUZZ=20000:25000 pytest tests/fuzz -m slow -k
thousands` takes other seeds.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
Work = Sequence[tuple[str, int | str]]
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "MALLOC_ARENA_MAX",
)


def loaded(name: str) -> ModuleType:
    """A module beside this file, which the child imports by its bare name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        if spec is None or spec.loader is None:
            raise FileNotFoundError(name)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


TARGETS = loaded("targets").TARGETS
TORCH_TARGETS = ("state .safetensors", "state .pt", "state .pth of old", "run of torch")


def read_all(work: Work, scratch: Path, *, torch: bool = False) -> int:
    """Has a child read every input and returns how many it read; fails with each fault, named by
    target and seed."""
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, str(HERE / "child.py"), str(scratch), *(["torch"] if torch else [])],
        input=json.dumps(work),
        capture_output=True,
        text=True,
        env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")},
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    begun = [line["begun"] for line in lines if "begun" in line]
    read = [line["fault"] for line in lines if "fault" in line]
    faults = [f"{which}: {fault}" for which, fault in zip(begun, read, strict=False) if fault]
    if done.returncode:
        last = begun[-1] if begun else "the start"
        faults.append(f"{last}: the process ended with {done.returncode}: {done.stderr[-1500:]}")
    assert not faults, "\n".join(faults)
    assert "panicked" not in done.stderr
    assert "Traceback" not in done.stderr
    return len(read)


@pytest.mark.slow
def test_every_reader_on_thousands_of_damaged_files(tmp_path):
    first, last = map(int, os.environ.get("FIQA_FUZZ", "100:150").split(":"))
    lean: Work = [(name, seed) for name in TARGETS for seed in range(first, last)]
    heavy: Work = [(name, seed) for name in TORCH_TARGETS for seed in range(first, last)]
    read = read_all(lean, tmp_path / "lean") + read_all(heavy, tmp_path / "torch", torch=True)
    assert read == len(lean) + len(heavy) >= 3000


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4"
CASES: list[tuple[str, int | bytes]] = [
    ("manifest .csv", b'"id","path","eye_distance"\n"a","a.jpg","n/a"\n'),
    ("manifest .csv", b'"id","path","inside"\n"a","a.jpg","all"\n'),
    ("manifest .jsonl", b'{"path": "a.jpg", "landmarks": "none"}\n'),
    ("manifest .jsonl", b'{"path": "a.jpg", "landmarks": [[1, 2], [3, null]]}\n'),
    ("manifest .jsonl", b'{"path": "a.jpg", "landmarks": [1, null, 3]}\n'),
    ("manifest .jsonl", b'{"path": ' + b"[" * 900 + b"]" * 900 + b"}\n"),
    ("embeddings .npy", b"\x93NUMPY\x01\x00" + bytes([len(HEADER), 0]) + HEADER),
    ("embeddings .npz", 4),
    ("embeddings compressed", 1),
    ("embeddings compressed", 4),
    ("embeddings .parquet", 1),
    ("state .pth of old", 0),
    ("convert to ofiq", b'"id","path","raw","uqs"\n"a","a.jpg","4-inf",5\n'),
    ("convert to imagefolder", b'"id","path","raw"\n"a",,0.5\n'),
    ("convert to webdataset", b'"id","path","raw"\n"a",,0.5\n'),
    ("convert to fiftyone", b'"id","path","raw"\n"a","a.jpg",1e999\n'),
    ("run times", b"method,id,ms\na.baseline,p/1,nan\na.baseline,p/2,1e999\n"),
    ("pairs .csv", b'"id_a","id_b","mated","fold"\n"a","b",1,1e309\n'),
    ("pairs .jsonl", b'{"id_a": "a", "id_b": "b", "mated": 1, "fold": 99999999999999999999999}\n'),
    ("pairs.txt", b"2\t1\n" + b"Ann\t1\t" + b"9" * 5000 + b"\nBo\t1\tCy\t3\n" * 2),
    ("pairs.txt", b"9" * 5000 + b"\n"),
    ("quality .jsonl", b'{"id": "a", "raw": ' + b"9" * 400 + b"}\n"),
    ("sidecar", b'{"a":' * 100_000),
    ("sidecar", b"[" * 100_000 + b"]" * 100_000),
    ("sidecar of quality", b'{"quality": 5}'),
    ("sidecar of quality", b'{"quality": {"range": "ab", "method": [1], "provenance": 3}}'),
    ("card", b"[" * 100_000),
    ("recipe", b"a = " + b"[" * 100_000),
    ("settings", b"a = " + b"[" * 100_000),
    ("run", b"[" * 100_000),
    ("best of a run", b"[1, 2]"),
]


def test_every_reader_on_three_hundred_damaged_files_and_on_those_that_once_failed(tmp_path):
    """In the same two processes: to start one is most of what a few inputs cost."""
    known = [(name, seed.hex() if isinstance(seed, bytes) else seed) for name, seed in CASES]
    few = range(4)
    lean: Work = [(name, seed) for name in TARGETS for seed in few]
    heavy: Work = [(name, seed) for name in TORCH_TARGETS for seed in few]
    assert len(lean) + len(heavy) >= 300
    read = read_all([*lean, *(one for one in known if one[0] in TARGETS)], tmp_path / "lean")
    torch: Work = [*heavy, *(one for one in known if one[0] not in TARGETS)]
    read += read_all(torch, tmp_path / "torch", torch=True)
    assert read == len(lean) + len(heavy) + len(CASES)


READS = re.compile(
    r"np\.load\(|json\.loads?\(|pl\.(?:read|scan)_|tomllib\.loads?\(|torch\.load\(|safe_open\(|load_file\(|open_memmap\(.*mode=\"r"
    r"|\.read_(?:bytes|text)\(|\bread_(?:bytes|text|parquet)\(|tarfile\.open\(|zipfile\.|open_regular\(|PIL\.Image\.open\(|csv\.reader\("
)
NOT_FOREIGN = {
    "data/store.py": "sidecars are targets; else opens, hashes and syncs",
    "data/reading.py": "the guard",
    "diagnosis/folder.py": "reads images through data/images",
    "runtime/quantize.py": "reads what it has just written",
    "runtime/pretrained.py": "reads the hub client's own record of a file's hash",
    "data/remote.py": "opens and hands on",
    "methods/bundled/unusual.py": "reads what is shipped in the package",
    "studio_app/pages/review.py": "reads the subjects of decisions that the studio itself wrote",
    "methods/partitions.py": "maps vectors that were read, or what it has just written",
    "methods/label_optimization/sample_sort.py": "maps what its own tasks have just written",
    "methods/label_optimization/apart.py": "maps what its own tasks have just written",
    "execute/dataset.py": "a ledger and parts of its own making, guarded",
    "data/parts.py": "a folder of Parquet tables, whose reader is a target; guarded",
    "scoring/summary.py": (
        "counts the rows of a table that it has just written or that its sidecar vouches for"
    ),
    "embedding/run.py": "its own parts, guarded",
    "evaluation/cut_report.py": "JSON of its own making",
    "data/folders.py": "lists folders, opens nothing",
    "settings.py": "an option of the command line",
    "streams/folder.py": "parts of its own making, guarded",
    "streams/pages.py": "crops of its own making",
    "service/confinement.py": "the pipe of its own process",
    "service/access.py": "a token file, one line, bounded",
    "service/client.py": "answers of the service",
    "studio_app/desk.py": "a form of a page, bounded, and files of the package",
    "studio_app/store.py": "rows of its own making",
    "studio_app/thumbnails.py": "pictures of its own making",
    "data/recipes.py": "the recipes of the package, and whether a copy is the same",
    "enrolment/traces.py": "looks for a page of its own making by its first bytes",
    "enrolment/forget.py": "files of its own making, guarded; others are searched as bytes",
    "enrolment/drives.py": "folders that select wrote and their sidecar vouches for",
    "labeling/work.py": "its own parts, guarded",
    "methods/label_optimization/labeling.py": "its own parts, guarded",
    "training/dataset.py": "its own cache, guarded",
    "training/features.py": "its own cache, guarded",
    "methods/lightqnet.py": "the file's sha256 is one of three",
    "cli/reports.py": "the text of a report of its own making",
    "monitoring/health.py": "JSON of its own making",
    "monitoring/prometheus.py": "hands the text to prometheus_client; what fails fails a scrape",
    "cli/score.py": "an option of the command line",
    "deployment/engines/ncnn.py": "what its converter has just written",
    "deployment/engines/onnx.py": "what an export has just written",
    "deployment/delivery.py": "what an export has just written",
    "verbs/export.py": "what it has just had judged",
    "deployment/speed.py": "arguments of its own process, and the system's word on it",
    "runtime/weights.py": "hashes what the card describes",
    "conversion/scores.py": "images of a table, and targets of convert",
}
READERS = {
    "data/columns.py": "quality .csv",
    "data/containers.py": "video .mp4 by opencv",
    "cleaning/quarantine.py": "journal",
    "deployment/kit.py": "results of a chip",
    "evaluation/match_chance.py": "calibration",
    "data/embeddings.py": "embeddings .npz",
    "data/images.py": "image JPEG",
    "data/long_manifest.py": "long manifest .csv",
    "data/long_parquet.py": "long manifest .parquet",
    "data/manifest.py": "manifest .csv",
    "data/pairs.py": "pairs .csv",
    "data/parquet.py": "manifest .parquet",
    "data/quality.py": "quality .csv",
    "data/scan.py": "image PNG",
    "data/rows.py": "quality .jsonl",
    "data/shards.py": "shard .tar",
    "data/tables.py": "quality .jsonl",
    "data/video.py": "video .avi by opencv",
    "data/formats/fiftyone.py": "fiftyone",
    "data/formats/ijbc.py": "template media",
    "data/formats/imagefolder.py": "imagefolder jsonl",
    "data/formats/insightface_bin.py": "bin",
    "data/formats/lfw_pairs.py": "pairs.txt",
    "data/formats/ofiq.py": "ofiq csv",
    "data/formats/recordio.py": "rec",
    "data/formats/score_files.py": "score lines",
    "data/formats/source.py": "score csv",
    "data/formats/webdataset.py": "webdataset",
    "data/formats/drive_file.py": "drive file",
    "methods/dmsfiqa/config.py": "settings",
    "monitoring/reference.py": "monitor reference",
    "monitoring/state.py": "monitor state",
    "nets/catalog.py": "state .pt",
    "runtime/cards.py": "card",
    "runtime/embedded.py": "card inside",
    "runtime/onnx.py": "onnx",
    "training/checkpoint.py": "run of torch",
    "training/config.py": "recipe",
    "training/run_folder.py": "best of a run",
}


def test_no_reader_is_without_a_target(root):
    """A file that opens or parses something is a reader with a target, or says why it needs
    none."""
    source = root / "src" / "fiqa"
    found = {
        str(file.relative_to(source))
        for file in source.rglob("*.py")
        if READS.search(re.sub(r'"""(?:.|\n)*?"""', "", file.read_text()))
    }
    assert found - READERS.keys() - NOT_FOREIGN.keys() == set()
    assert set(READERS.values()) <= TARGETS.keys() | set(TORCH_TARGETS)


def test_the_child_says_what_is_wrong_and_which_input_ended_it(tmp_path):
    """The fuzz itself can fail: a reader that raises something else, and one that ends the
    process."""
    module = tmp_path / "targets.py"
    module.write_text(
        (HERE / "targets.py").read_text().split("TARGETS: dict[str, Target] = {")[0]
        + "def fail(path):\n    if path.read_bytes() == b'bad': raise KeyError('x')\ndef"
        " end(path):\n    if path.read_bytes() == b'bad': __import__('os')._exit(7)\ndef"
        " hoard(path):\n    bytearray(3 << 30) if path.read_bytes() == b'bad' else None\nTARGETS"
        " = {f.__name__: Target('a.bin', _write('a.bin', 'good'), f) for f in (fail, hoard,"
        " end)}\n"
    )
    for name in ("child.py", "mutations.py"):
        (tmp_path / name).write_text((HERE / name).read_text())
    (tmp_path / "scratch").mkdir()
    work = json.dumps([(name, b"bad".hex()) for name in ("fail", "hoard", "end")])
    done = subprocess.run(
        [sys.executable, str(tmp_path / "child.py"), str(tmp_path / "scratch")],
        input=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["fault"][:8] for line in lines if "fault" in line] == ["KeyError", "MemoryEr"]
    assert lines[-1] == {"begun": ["end", b"bad".hex()]}
