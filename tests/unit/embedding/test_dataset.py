"""Vectors of shards: those of the same crops in a folder; and parts that are read as a table."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.embeddings import read_embeddings
from fiqa.data.parts import is_parts, parts_digest
from fiqa.data.quality import read_quality
from fiqa.data.store import hash_inputs
from fiqa.data.tables import read_table
from fiqa.errors import InputError, ReadError
from fiqa.execute.dataset import write_dataset
from fiqa.scoring.dataset import ShardScoring
from fiqa.scoring.run import scoring_of
from fiqa.verbs.embed import embed

Maker = Callable[..., Path]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def images(rng: np.random.Generator) -> dict[str, bytes]:
    """Crops, and what is none."""
    found = {f"{i}.png": png(rng.integers(0, 255, (112, 112, 3), np.uint8)) for i in range(7)}
    return found | {
        "broken.png": b"\x89PNG\r\n\x1a\n broken",
        "wide.png": png(np.zeros((112, 90, 3), np.uint8)),
        "tiny.png": png(np.zeros((8, 8, 3), np.uint8)),
    }


@pytest.fixture
def shards(tmp_path: Path, images: dict[str, bytes]) -> Path:
    (tmp_path / "shards").mkdir()
    names = list(images)
    for k, part in enumerate((names[:4], names[4:], ["tiny.png"])):
        with tarfile.open(tmp_path / "shards" / f"s{k}.tar", "w") as tar:
            for name in part:
                info = tarfile.TarInfo(name)
                info.size = len(images[name])
                tar.addfile(info, io.BytesIO(images[name]))
    return tmp_path / "shards"


def test_the_vectors_of_shards_are_those_of_the_crops(
    shards: Path, images: dict[str, bytes], tmp_path: Path, tiny_recognizer: Maker
) -> None:
    recognizer = tiny_recognizer()
    for name, content in images.items():
        (tmp_path / "crops").mkdir(exist_ok=True)
        (tmp_path / "crops" / name).write_bytes(content)
    alone = embed(tmp_path / "crops", recognizer=recognizer, flip=True)
    out = f"{tmp_path}/emb/"
    made = embed(shards, recognizer=recognizer, flip=True, out=out, workers=1)
    assert [os.path.basename(name) for name in made.id] == [f"{i}.png" for i in range(7)]
    assert made.recognizer == alone.recognizer
    np.testing.assert_allclose(made.vector, alone.vector, atol=1e-5)
    np.testing.assert_allclose(made.norm, alone.norm, rtol=1e-5)
    table = read_table(out)
    why = {
        (os.path.basename(path), status)
        for path, status in table.filter(pl.col("status") != "ok")
        .select("path", "status")
        .iter_rows()
    }
    assert {name for name, _ in why} == {"broken.png", "wide.png", "tiny.png"}
    assert {status for name, status in why if name != "broken.png"} == {"wrong_size"}
    # a shard whose images all failed has a part too
    assert table.filter(pl.col("path").str.contains("s2.tar"))["vector"].null_count() == 1

    before = {p.name: p.read_bytes() for p in Path(out).glob("*.parquet")}
    next(Path(out).glob("s1*.parquet")).unlink()
    embed(shards, recognizer=recognizer, flip=True, out=out, workers=1)
    assert {p.name: p.read_bytes() for p in Path(out).glob("*.parquet")} == before
    with pytest.raises(InputError, match="other arguments"):
        embed(shards, recognizer=recognizer, out=out, workers=1)


def test_what_shards_have_is_refused_without_them_and_the_other_way_round(
    shards: Path, tmp_path: Path, tiny_recognizer: Maker
) -> None:
    class Mine:
        name = "mine"

        def embed(self, crops: np.ndarray) -> np.ndarray:
            return crops[:, 0, 0].astype(np.float32)

    with pytest.raises(InputError, match="a file or a name"):
        embed(shards, recognizer=Mine(), out=f"{tmp_path}/emb/")
    with pytest.raises(InputError, match="half"):
        embed(shards, recognizer=tiny_recognizer(), out=f"{tmp_path}/emb/", half=True)
    with pytest.raises(InputError, match="for shards"):
        embed(shards, recognizer=tiny_recognizer(), out=tmp_path / "emb.npz", workers=2)


def test_the_command_writes_parts_and_tells_what_failed(
    shards: Path, tmp_path: Path, tiny_recognizer: Maker
) -> None:
    words = ["embed", str(shards), "--recognizer", str(tiny_recognizer())]
    words += ["-o", f"{tmp_path}/emb/", "--workers", "1"]
    ended = CliRunner().invoke(build(), words)
    assert ended.exit_code == 3
    assert "11 rows: 7 ok" in ended.output
    again = CliRunner().invoke(build(), words)
    assert again.exit_code == 3
    assert "nothing to do" in again.output


def test_a_folder_of_parts_is_a_table_of_scores(shards: Path, tmp_path: Path) -> None:
    out = f"{tmp_path}/scores/"
    write_dataset(shards, ShardScoring(scoring_of(aligned=True)), out, workers=1)
    table = read_table(out)
    assert table.height == 11
    quality = read_quality(out)
    assert len(quality.id) == 7
    assert quality.method == table["model"].drop_nulls()[0]
    assert quality.provenance["scale"]["of"] == "model"
    assert is_parts(tmp_path / "scores")
    assert not is_parts(shards)
    # a record of a run sees that another shard was scored
    first = parts_digest(out)
    assert hash_inputs([out]) == {out: first}
    (shards / "s2.tar").unlink()
    write_dataset(shards, ShardScoring(scoring_of(aligned=True)), out, workers=1)
    assert parts_digest(out) == first
    (shards / "s9.tar").write_bytes((shards / "s0.tar").read_bytes())
    write_dataset(shards, ShardScoring(scoring_of(aligned=True)), out, workers=1)
    assert parts_digest(out) != first
    # rows whose shard the ledger does not have are not there
    for entry in (tmp_path / "scores" / "_done").iterdir():
        entry.unlink()
    with pytest.raises(ReadError, match="holds none"):
        read_table(out)


def test_evaluate_takes_parts_of_scores_and_of_vectors(
    shards: Path, tmp_path: Path, tiny_recognizer: Maker
) -> None:
    import fiqa

    scores, vectors = f"{tmp_path}/scores/", f"{tmp_path}/emb/"
    write_dataset(shards, ShardScoring(scoring_of(aligned=True)), scores, workers=1)
    embed(shards, recognizer=tiny_recognizer(), out=vectors, workers=1)
    ids = read_embeddings(vectors).id.tolist()
    pairs = pl.DataFrame(
        {
            "id_a": [ids[0], ids[1], ids[2], ids[3], ids[0], ids[2]],
            "id_b": [ids[4], ids[5], ids[6], ids[0], ids[1], ids[3]],
            "mated": [True, True, True, False, False, False],
        }
    )
    pairs.write_csv(tmp_path / "pairs.csv")
    whole = {"pairs": tmp_path / "pairs.csv", "fmr": 0.4, "draws": 0}
    made = fiqa.evaluate(scores, vectors, **whole)
    read_table(scores).write_parquet(tmp_path / "one.parquet")
    right = fiqa.evaluate({"x": tmp_path / "one.parquet"}, read_embeddings(vectors), **whole)
    curves = [run.recognizers[0].curves[0].curve for run in (made, right)]
    np.testing.assert_array_equal(curves[0].fnmr, curves[1].fnmr)
    np.testing.assert_array_equal(curves[0].kept, curves[1].kept)
    assert curves[0].counts["mated"] == 3
