"""Frames of polars and pandas wherever a file is accepted; pandas is played by what it can do."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.embeddings import read_embeddings, write_embeddings
from fiqa.data.frames import columns_of, is_frame
from fiqa.data.images import write_image
from fiqa.data.tables import read_table
from fiqa.errors import ShapeError
from fiqa.types import Embeddings, Pairs, Quality


class NAType:
    """As pandas' missing value: neither equal to anything nor usable as a truth value."""

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


class Column(list[Any]):
    def tolist(self) -> list[Any]:
        return list(self)


class Index:
    def __init__(self, names: list[str | None]) -> None:
        self.names = names


class Pandas:
    """What is used of a pandas DataFrame."""

    def __init__(
        self, data: dict[str, list[Any]], index: tuple[str, list[Any]] | None = None
    ) -> None:
        self._data, self._index = data, index
        self.index = Index([None if index is None else index[0]])

    @property
    def columns(self) -> list[str]:
        return list(self._data)

    def __len__(self) -> int:
        return len(next(iter(self._data.values()), []))

    def __getitem__(self, name: str) -> Column:
        return Column(self._data[name])

    def to_dict(self) -> dict[str, list[Any]]:
        return self._data

    def head(self) -> Pandas:
        return self

    def reset_index(self) -> Pandas:
        return Pandas(
            self._data if self._index is None else {self._index[0]: self._index[1], **self._data}
        )


def test_what_is_a_frame() -> None:
    assert is_frame(Pandas({}))
    assert is_frame(pl.DataFrame())
    for other in (
        "a.csv",
        {"a": [1]},
        [1],
        np.zeros(3),
        pl.Series([1]),
        pl.DataFrame,
        fiqa.Quality,
        None,
    ):
        assert not is_frame(other)


def test_missing_values_and_a_named_index() -> None:
    frame = Pandas(
        {"score": [0.5, math.nan, NAType()], "reasons": [["blurry"], None, None]},
        ("id", ["a", "b", "c"]),
    )
    assert columns_of(frame) == {
        "id": ["a", "b", "c"], "score": [0.5, None, None], "reasons": [["blurry"], None, None]
    }  # fmt: skip
    assert read_table(frame)["score"].to_list() == [0.5, None, None]
    short = Pandas({"a": [1, 2], "b": [1]})
    with pytest.raises(ShapeError, match="'b' must have 2 values, got 1"):
        columns_of(short)


def people() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], Embeddings]:
    rng = np.random.default_rng(0)
    value = rng.random(80)
    ids = np.array([f"p{k // 4}/{k}" for k in range(80)])
    vectors = rng.normal(size=(20, 8)).repeat(4, axis=0) + (2.2 - 2 * value)[:, None] * rng.normal(
        size=(80, 8)
    )
    return (
        ids,
        value,
        Embeddings(ids, vectors / np.linalg.norm(vectors, axis=1)[:, None], None, "r"),
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_evaluate_threshold_and_label_take_frames(kind: str) -> None:
    ids, value, embeddings = people()

    def frame(data: dict[str, list[Any]]) -> Any:
        return pl.DataFrame(data) if kind == "polars" else Pandas(data)

    scores = frame({"id": ids.tolist(), "raw": value.tolist(), "model": ["mine"] * 80})
    vectors = frame(
        {"id": ids.tolist(), "vector": embeddings.vector.tolist(), "recognizer": ["r"] * 80}
    )
    who = [name.split("/")[0] for name in ids.tolist()]
    faces = frame({"id": ids.tolist(), "path": ids.tolist(), "Identity": who})
    index = np.stack(np.triu_indices(80, 1), axis=1)[::7]
    mated = np.array(who)[index[:, 0]] == np.array(who)[index[:, 1]]
    pairs = frame(
        {
            "id_a": ids[index[:, 0]].tolist(),
            "id_b": ids[index[:, 1]].tolist(),
            "mated": mated.astype(int).tolist(),
        }
    )
    chosen: dict[str, Any] = {"fmr": 0.1, "draws": 10}
    plain = fiqa.evaluate(
        Quality(ids, value, "mine"), embeddings, pairs=Pairs(ids, index, mated), **chosen
    )
    found = fiqa.evaluate(scores, vectors, pairs=pairs, faces=faces, **chosen)
    assert found.scores[0].name == "mine"
    np.testing.assert_array_equal(found.curve("mine").curve.fnmr, plain.curve("mine").curve.fnmr)
    assert found.notes[0] == "Identities are from column identity of the frame."
    cut = fiqa.threshold(scores, vectors, faces=faces, coverage=0.8, fmr=0.1, draws=10)
    assert cut.method == "mine"
    assert (
        cut.cut
        == fiqa.threshold(
            Quality(ids, value, "mine"), embeddings, coverage=0.8, fmr=0.1, draws=10
        ).cut
    )
    for method in ("cr_fiqa", "label_optimization"):
        labels = fiqa.label(method, faces=faces, embeddings=vectors, prior=scores)
        same = fiqa.label(method, embeddings=embeddings, prior=Quality(ids, value, "mine"))
        assert labels.at(ids).tolist() == same.at(ids).tolist()


def test_scores_in_memory_go_straight_on(tmp_path: Path) -> None:
    ids, _, embeddings = people()
    rng = np.random.default_rng(2)
    rows = []
    for name in ids.tolist():
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        write_image(path, rng.integers(0, 255, (112, 112, 3), dtype=np.uint8))
        rows.append({"path": str(path)})
    table = fiqa.score(pl.DataFrame(rows), model="laplacian", aligned=True, workers=1)
    assert table["id"].to_list() == ids.tolist()
    assert table["identity"].to_list() == [name.split("/")[0] for name in ids.tolist()]
    found = fiqa.evaluate(table, embeddings, fmr=0.1, draws=0)
    assert found.scores[0].name == "laplacian"
    assert found.counts["images"] == 80


def test_ids_as_bytes_are_text(tmp_path: Path) -> None:
    _, _, embeddings = people()
    ids = np.array([f"é{k}".encode() for k in range(80)])
    np.savez(tmp_path / "e.npz", id=ids, vector=embeddings.vector)
    assert read_embeddings(tmp_path / "e.npz").id.tolist() == [f"é{k}" for k in range(80)]
    np.savez(tmp_path / "e.npz", id=np.char.add(ids, b"\xff"), vector=embeddings.vector)
    odd = read_embeddings(tmp_path / "e.npz")
    assert odd.id[0] == "é0\udcff"
    write_embeddings(odd, tmp_path / "f.npy")
    assert read_embeddings(tmp_path / "f.npy").id.tolist() == odd.id.tolist()
