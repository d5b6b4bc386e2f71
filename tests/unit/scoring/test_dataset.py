"""Scores of shards: parts and a ledger, on a disk and in a store; the same bytes whoever makes
them and however often they are interrupted."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fiqa
from fiqa.data.formats import insightface_bin, recordio
from fiqa.data.images import Limits
from fiqa.data.parts import read_parts
from fiqa.data.remote import Place
from fiqa.data.shards import members, shards_of
from fiqa.errors import InputError, ReadError
from fiqa.execute.dataset import write_dataset
from fiqa.scoring.dataset import ShardScoring
from fiqa.scoring.run import scoring_of
from fiqa.types import Pairs

PER_SHARD = 5


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (112, 112, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def archive(path: Path, images: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in images.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def shards(tmp_path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    for k in range(3):
        images = {f"{i}.png": picture(10 * k + i) for i in range(PER_SHARD)}
        archive(folder / f"s{k}.tar", images | {"0.json": b"{}"})
    return folder


def parts(out: Path) -> dict[str, bytes]:
    """The content of all files of a dataset but for the state of its inputs."""
    return {p.name: p.read_bytes() for p in sorted(out.glob("*.parquet"))}


@pytest.fixture
def how():
    return ShardScoring(scoring_of(aligned=True))


def test_parts_have_the_rows_of_the_images_and_a_rerun_does_what_is_missing(shards, tmp_path, how):
    out = tmp_path / "scores"
    made = write_dataset(shards, how, f"{out}/", workers=1)
    assert (made.rows, made.failed, made.current) == (15, 0, False)
    table = read_parts(str(out))
    assert [Path(p).name for p in table["path"][:PER_SHARD]] == [f"{i}.png" for i in range(5)]
    contents = [picture(10 * k + i) for k in range(3) for i in range(PER_SHARD)]
    alone = fiqa.score(contents, aligned=True, workers=1)
    assert table["sha256"].to_list() == alone["sha256"].to_list()
    np.testing.assert_allclose(table["raw"].to_numpy(), alone["raw"].to_numpy(), rtol=1e-5)

    before = parts(out)
    assert write_dataset(shards, how, f"{out}/", workers=1).current
    # a kill between the rows and the ledger, and one before the rows
    gone, lost = sorted(out.glob("*.parquet"))[:2]
    gone.unlink()
    (out / "_done" / f"{lost.stem}.json").unlink()
    kept = max(out.glob("*.parquet")).stat().st_mtime_ns
    again = write_dataset(shards, how, f"{out}/", workers=1)
    assert (again.rows, again.current) == (15, False)
    assert parts(out) == before
    assert max(out.glob("*.parquet")).stat().st_mtime_ns == kept


def test_a_new_shard_is_added_and_a_changed_one_done_again(shards, tmp_path, how):
    out = tmp_path / "scores"
    write_dataset(shards, how, f"{out}/", workers=1)
    before = parts(out)
    archive(shards / "a.tar", {"x.png": picture(99)})
    archive(shards / "s2.tar", {"y.png": picture(98)})
    assert write_dataset(shards, how, f"{out}/", workers=1).rows == 12
    after = parts(out)
    assert len(after) == 4
    changed = [name for name in before if before[name] != after[name]]
    assert [name[:2] for name in changed] == ["s2"]


def test_other_work_is_refused_and_force_replaces_it(shards, tmp_path, how):
    out = tmp_path / "scores"
    write_dataset(shards, how, f"{out}/", workers=1)
    other = ShardScoring(scoring_of(aligned=True, limits=Limits(max_bytes=10_000)))
    with pytest.raises(InputError, match="other arguments"):
        write_dataset(shards, other, f"{out}/", workers=1)
    made = write_dataset(shards, other, f"{out}/", workers=1, force=True)
    assert made.statuses == {"too_large": 15}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.txt").touch()
    with pytest.raises(InputError, match="other files"):
        write_dataset(shards, how, f"{tmp_path}/mine/", workers=1)
    with pytest.raises(InputError, match="must not hold the shards"):
        write_dataset(shards / "s0.tar", how, f"{shards}/", workers=1)
    with pytest.raises(InputError, match="must lead to shards"):
        shards_of(tmp_path / "nothing")


def test_what_is_broken_in_a_shard_is_a_row(shards, tmp_path, how):
    whole = (shards / "s1.tar").read_bytes()
    (shards / "s1.tar").write_bytes(whole[: len(whole) // 2])
    (shards / "s2.tar").write_bytes(b"no archive" * 200)
    archive(shards / "s3.tar", {"a.png": b"no picture", "b.png": picture(1), "c.jpg": b""})
    made = write_dataset(shards, how, f"{tmp_path}/scores/", workers=1)
    table = read_parts(f"{tmp_path}/scores")
    status = {
        shard: [s for p, s in table.select("path", "status").iter_rows() if f"{shard}.tar" in p]
        for shard in ("s0", "s1", "s2", "s3")
    }
    assert status["s0"] == ["ok"] * PER_SHARD
    assert status["s1"][:2] == ["ok", "ok"]
    assert status["s1"][-1] == "truncated"
    assert status["s2"] == ["corrupt"]
    assert status["s3"] == ["unsupported_format", "ok", "empty_file"]
    assert made.rows == table.height


def test_parquet_of_hugging_face_has_the_bytes_of_its_images(tmp_path):
    images = [{"bytes": picture(i), "path": f"{i}.png"} for i in range(3)]
    pl.DataFrame({"image": [*images, {"bytes": None, "path": "x.png"}]}).write_parquet(
        tmp_path / "hf.parquet"
    )
    found = list(members(str(tmp_path / "hf.parquet"), Limits()))
    assert [(m.name, m.content, m.status) for m in found] == [
        *((i["path"], i["bytes"], "ok") for i in images),
        ("x.png", b"", "empty_file"),
    ]
    pl.DataFrame({"raw": [picture(0)]}).write_parquet(tmp_path / "plain.parquet")
    assert [m.name for m in members(str(tmp_path / "plain.parquet"), Limits())] == ["00000000"]
    # a name that looks like a pattern, and a file that claims what it has not
    odd, broken = tmp_path / "a[1].parquet", tmp_path / "broken.parquet"
    odd.write_bytes((tmp_path / "hf.parquet").read_bytes())
    assert [m.name for m in members(str(odd), Limits())] == [m.name for m in found]
    broken.write_bytes(b"PAR1" + b"\xff" * 64 + b"PAR1")
    assert [m.status for m in members(str(broken), Limits())] == ["corrupt"]
    pl.DataFrame({"n": [1]}).write_parquet(tmp_path / "none.parquet")
    assert [m.status for m in members(str(tmp_path / "none.parquet"), Limits())] == [
        "unsupported_format"
    ]


def test_recordio_and_bin_are_shards(tmp_path, how):
    recordio.write(tmp_path / "train.rec", [(0, picture(0)), (0, picture(1)), (1, picture(2))])
    ids = np.array(["a", "b"])
    insightface_bin.write(
        tmp_path / "pairs.bin",
        {"a": picture(3), "b": picture(4)},
        Pairs(ids, np.array([[0, 1]]), np.array([True])),
    )
    assert [Path(p).name for p in shards_of(tmp_path)] == ["pairs.bin", "train.rec"]
    found = list(members(f"{tmp_path}/train.rec", Limits()))
    assert [m.name for m in found] == ["000000001", "000000002", "000000003"]
    assert [m.content for m in found] == [picture(i) for i in range(3)]
    small = Limits(max_bytes=10)
    assert {m.status for m in members(f"{tmp_path}/pairs.bin", small)} == {"too_large"}
    made = write_dataset(tmp_path, how, f"{tmp_path}/scores/", workers=1)
    assert made.statuses == {"ok": 5}
    whole = (tmp_path / "train.rec").read_bytes()
    (tmp_path / "train.rec").write_bytes(whole[: len(whole) // 2])
    assert [m.status for m in members(f"{tmp_path}/train.rec", Limits())][-1] != "ok"


def test_lmdb_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "faces.lmdb").mkdir()
    (tmp_path / "faces.lmdb" / "data.mdb").write_bytes(b"x")
    with pytest.raises(InputError, match="must lead to shards") as refused:
        shards_of(tmp_path)
    assert "LMDB is not read" in refused.value.hint
    assert ".tar shards" in refused.value.hint
    (tmp_path / "faces.lmdb" / "data.mdb").unlink()
    with pytest.raises(InputError, match="must lead to shards") as refused:
        shards_of(tmp_path)
    assert refused.value.hint is None


def race(place: Place) -> None:
    """Eight who create a file at the same time: one does, and it is its content that is there."""
    won = []
    start = threading.Barrier(8)

    def run(number: int) -> None:
        start.wait()
        if place.create(f"{number}".encode()):
            won.append(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f"{number}".encode() for number in won] == [place.read()]


def test_of_many_who_create_a_file_at_once_one_does(tmp_path):
    race(Place(f"file://{tmp_path}/one"))


@dataclass(frozen=True)
class Store:
    """A store on this machine with a place in it."""

    place: str
    url: str
    kind: Any

    def put(self, folder: str, files: Iterable[Path]) -> str:
        """Writes files to a folder of the store, and returns its address."""
        for file in files:
            Place(f"{self.place}/{folder}/{file.name}").write(file.read_bytes())
        return f"{self.place}/{folder}"


@pytest.fixture(scope="module", params=["s3", "gs", "az"])
def store(request, tmp_path_factory, stores) -> Iterator[Store]:
    """A store of each kind, on this machine, with a bucket `faces`."""
    kind = stores.KINDS[request.param]
    if why := kind.missing():
        pytest.skip(why)
    import fsspec

    with (
        stores.server(kind, tmp_path_factory.mktemp(kind.scheme) / "log") as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in kind.variables(url).items():
            patch.setenv(name, value)
        fsspec.filesystem(kind.scheme).mkdir("faces")
        yield Store(f"{kind.scheme}://faces", url, kind)
        fsspec.filesystem(kind.scheme).clear_instance_cache()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_recordio_and_bin_in_a_store_are_what_they_are_on_a_disk(tmp_path, how, store):
    recordio.write(tmp_path / "train.rec", [(k // 2, picture(k)) for k in range(4)])
    pair = Pairs(np.array(["a", "b"]), np.array([[0, 1]]), np.array([True]))
    insightface_bin.write(tmp_path / "pairs.bin", {"a": picture(8), "b": picture(9)}, pair)
    names = ("train.rec", "train.idx", "pairs.bin")
    packed = store.put("packed", [tmp_path / name for name in names])
    for name in ("train.rec", "pairs.bin"):
        here = list(members(f"{tmp_path}/{name}", Limits()))
        assert list(members(f"{packed}/{name}", Limits())) == here
        assert {m.status for m in here} == {"ok"}
    made = write_dataset(packed, how, f"{tmp_path}/scores/", workers=1)
    assert made.statuses == {"ok": 6}
    # without its index the file is read from front to back
    Place(f"{packed}/train.idx").remove()
    found = list(members(f"{packed}/train.rec", Limits()))
    assert [m.content for m in found] == [picture(k) for k in range(4)]
    with pytest.raises(ReadError, match=r"none\.rec.*cannot be opened") as refused:
        list(members(f"{packed}/none.rec", Limits()))
    assert refused.value.status == "not_found"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_store_has_the_files_that_were_written(store):
    folder = Place(f"{store.place}/plain")
    for name in ("b.tar", "sub/c d #1.tar", "empty"):
        (folder / name).write(b"" if name == "empty" else name.encode())
    Place(f"{store.place}/plainly/a.tar").write(b"of another folder")
    names = [f"{folder}/{name}" for name in ("b.tar", "empty", "sub/c d #1.tar")]
    assert folder.files() == names == list(folder.states())
    assert [Place(name).read() for name in names] == [b"b.tar", b"", b"sub/c d #1.tar"]
    assert folder.states() == {name: Place(name).state() for name in names}
    assert (folder / "b.tar").files() == list((folder / "b.tar").states()) == names[:1]
    assert [(folder / name).exists() for name in ("b.tar", "sub", "none")] == [True, False, False]
    before = (folder / "b.tar").state()
    (folder / "b.tar").write(b"other")
    assert (folder / "b.tar").state() not in (before, "")
    assert (folder / "none").state() == ""
    assert [(folder / "one").create(content) for content in (b"1", b"2")] == [True, False]
    assert (folder / "one").read() == b"1"
    folder.remove()
    assert folder.files() == []
    assert Place(f"{store.place}/plainly").files() == [f"{store.place}/plainly/a.tar"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_parquet_in_a_store_is_read_a_group_of_rows_at_a_time(tmp_path, store):
    rows = [{"image": {"bytes": picture(k), "path": f"{k}.png"}, "label": k} for k in range(7)]
    pl.DataFrame(rows).write_parquet(tmp_path / "hf.parquet", row_group_size=3)
    (tmp_path / "half.parquet").write_bytes((tmp_path / "hf.parquet").read_bytes()[:-20])
    (tmp_path / "none.parquet").write_bytes(b"")
    files = [tmp_path / f"{name}.parquet" for name in ("hf", "half", "none")]
    folder = store.put("hf", files)
    there = [list(members(f"{folder}/{file.name}", Limits())) for file in files]
    assert there == [list(members(str(file), Limits())) for file in files]
    assert [(m.name, m.content) for m in there[0]] == [(f"{k}.png", picture(k)) for k in range(7)]
    assert [[m.status for m in found] for found in there[1:]] == [["corrupt"]] * 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_store_gives_and_takes_the_same_bytes(shards, tmp_path, how, store):
    source, out = store.put("shards", shards.iterdir()), f"{store.place}/scores"
    local = tmp_path / "scores"
    write_dataset(shards, how, f"{local}/", workers=1)
    made = write_dataset(source, how, out, workers=1)
    assert made.statuses == {"ok": 15}
    here, there = read_parts(str(local)), read_parts(out)
    assert here.drop("id", "path").equals(there.drop("id", "path"))
    # onto the disk from the store: what a store is written, a disk is
    write_dataset(source, how, f"{tmp_path}/copy/", workers=1)
    for name, content in parts(tmp_path / "copy").items():
        assert Place(f"{out}/{name}").read() == content
    assert write_dataset(source, how, out, workers=1).current
    # a second driver with other work is refused by the store's conditional put
    assert not Place(f"{out}/_run.json").create(b"{}")
    other = ShardScoring(scoring_of(aligned=True, limits=Limits(max_bytes=10)))
    with pytest.raises(InputError, match="other arguments"):
        write_dataset(source, other, out, workers=1)
    # and replaces what is there where it was told to
    assert write_dataset(source, other, out, workers=1, force=True).statuses == {"too_large": 15}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_of_many_who_create_a_file_in_a_store_at_once_one_does(store):
    race(Place(f"{store.place}/one"))


DEADLY = """
import os
from dataclasses import asdict
from fiqa.scoring.dataset import ShardScoring
from fiqa.scoring.rows import FaceScoring
from fiqa.scoring.run import scoring_of

class Deadly(FaceScoring):
    def tried(self, source):
        if source.path.endswith("s1.tar/3.png"):
            os._exit(9)
        return super().tried(source)

def deadly():
    how = scoring_of(aligned=True)
    return ShardScoring(Deadly(**how.__getstate__()))
"""


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    """How faces are scored where one image ends the process that reads it."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "deadly_scoring.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(folder)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    import deadly_scoring

    yield deadly_scoring.deadly()
    del sys.modules["deadly_scoring"]


def check_deadly(shards: Path, out: Path, deadly, whole: Path, engine: str) -> None:
    made = write_dataset(shards, deadly, f"{out}/", engine=engine, workers=2)
    assert made.statuses == {"ok": 14, "failed": 1}
    table = read_parts(str(out))
    failed = table.filter(pl.col("status") == "failed")["path"].to_list()
    assert failed == [f"{shards}/s1.tar/3.png"]
    right = parts(whole)
    assert {n for n, content in parts(out).items() if content != right[n]} == {
        next(n for n in right if n.startswith("s1"))
    }


@pytest.mark.slow
def test_an_image_that_ends_its_process_is_a_row_and_the_others_are_scored(
    shards, tmp_path, how, deadly
):
    write_dataset(shards, how, f"{tmp_path}/whole/", workers=1)
    check_deadly(shards, tmp_path / "scores", deadly, tmp_path / "whole", "local")
    # alone, it would have been read in this very process
    made = write_dataset(shards / "s1.tar", deadly, f"{tmp_path}/one/")
    assert made.statuses == {"ok": 4, "failed": 1}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_ray_makes_the_same_parts_and_survives_the_same_image(shards, tmp_path, how, deadly):
    ray = pytest.importorskip("ray", reason="ray is not installed")
    whole, out = tmp_path / "whole", tmp_path / "scores"
    write_dataset(shards, how, f"{whole}/", workers=1)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        write_dataset(shards, how, f"{tmp_path}/ray/", engine="ray")
        assert parts(tmp_path / "ray") == parts(whole)
        check_deadly(shards, out, deadly, whole, "ray")
    finally:
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_store_that_refuses_and_dawdles_gives_the_same_bytes(
    shards, tmp_path, how, store, stores, monkeypatch
):
    fsspec = pytest.importorskip("fsspec")
    source, out = store.put("hard", shards.iterdir()), f"{store.place}/hard-scores"
    write_dataset(source, how, f"{tmp_path}/easy/", workers=1)
    at_once(store.kind.scheme, monkeypatch)
    with stores.stumbling(store.url) as (url, refused):
        for name, value in store.kind.variables(url).items():
            monkeypatch.setenv(name, value)
        fsspec.filesystem(store.kind.scheme).clear_instance_cache()
        made = write_dataset(source, how, out, workers=1)
    monkeypatch.undo()
    fsspec.filesystem(store.kind.scheme).clear_instance_cache()
    assert refused() > 3
    assert made.statuses == {"ok": 15}
    for name, content in parts(tmp_path / "easy").items():
        assert Place(f"{out}/{name}").read() == content


def at_once(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the client of a store ask again without a wait; Azure's would wait for 15 s and more."""
    if scheme == "az":
        policy = importlib.import_module("azure.storage.blob.aio").ExponentialRetry
        monkeypatch.setattr(policy, "get_backoff_time", lambda *_: 0)


KILLED = """
import os, sys
from pathlib import Path
from fiqa.execute import dataset
from fiqa.scoring.dataset import ShardScoring
from fiqa.scoring.run import scoring_of
plain = dataset._Process.done
def done(self, shard, rows):
    entry = plain(self, shard, rows)
    if "s1" in shard.part:
        os._exit(9)
    return entry
dataset._Process.done = done
dataset.write_dataset(sys.argv[1], ShardScoring(scoring_of(aligned=True)), sys.argv[2], workers=1)
"""


def test_a_driver_that_is_killed_is_gone_on_with(shards, tmp_path, how):
    out = tmp_path / "scores"
    write_dataset(shards, how, f"{tmp_path}/whole/", workers=1)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(shards), f"{out}/"], env=os.environ, check=False
    )
    assert ended.returncode == 9
    assert len(parts(out)) == 2
    assert not write_dataset(shards, how, f"{out}/", workers=1).current
    assert parts(out) == parts(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_driver_that_is_killed_on_a_store_is_gone_on_with(shards, tmp_path, how, store):
    source, out = store.put("killed", shards.iterdir()), f"{store.place}/killed-scores"
    write_dataset(source, how, f"{tmp_path}/whole/", workers=1)
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, source, out],
        env=os.environ,
        check=False,
    )
    assert ended.returncode == 9
    there = [name for name in Place(out).files() if name.endswith(".parquet")]
    assert len(there) == 2
    assert not write_dataset(source, how, out, workers=1).current
    for name, content in parts(tmp_path / "whole").items():
        assert Place(f"{out}/{name}").read() == content


def test_folders_of_loose_images_are_shards(tmp_path, how):
    for folder, seeds in (("a", (1, 2)), ("b/c", (3,))):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        for seed in seeds:
            (tmp_path / "photos" / folder / f"{seed}.png").write_bytes(picture(seed))
    (tmp_path / "photos" / "a" / "notes.txt").write_text("none")
    assert shards_of(tmp_path / "photos") == [f"{tmp_path}/photos/a/", f"{tmp_path}/photos/b/c/"]
    out = f"{tmp_path}/scores/"
    write_dataset(tmp_path / "photos", how, out, workers=1)
    table = read_parts(out)
    assert [p.removeprefix(f"{tmp_path}/photos/") for p in table["path"]] == [
        "a/1.png",
        "a/2.png",
        "b/c/3.png",
    ]
    assert table["status"].to_list() == ["ok"] * 3
    before = parts(tmp_path / "scores")
    assert write_dataset(tmp_path / "photos", how, out, workers=1).current
    # a folder with another image is done again, the other one is not
    (tmp_path / "photos" / "a" / "9.png").write_bytes(b"x" * 10)
    made = write_dataset(tmp_path / "photos", how, out, workers=1)
    assert made.statuses == {"ok": 3, "unsupported_format": 1}
    after = parts(tmp_path / "scores")
    assert [name[0] for name in before if before[name] != after[name]] == ["a"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_loose_images_in_a_store_are_read_where_they_lie(tmp_path, how, store):
    photos = f"{store.place}/photos"
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        Place(f"{photos}/{name}").write(picture(int(name[2])))
    made = write_dataset(f"{photos}/", how, f"{tmp_path}/scores/", workers=1)
    assert made.statuses == {"ok": 3}
    first = read_parts(f"{tmp_path}/scores")["path"].to_list()
    assert first == [f"{photos}/{name}" for name in ("a/1.png", "a/2.png", "b/3.png")]
    Place(f"{photos}/b/3.png").write(picture(4))
    assert not write_dataset(f"{photos}/", how, f"{tmp_path}/scores/", workers=1).current
