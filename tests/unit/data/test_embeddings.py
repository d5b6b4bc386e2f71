"""Embeddings on disk: every format round-trips, and what is broken or unsafe is refused with its
reason."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiqa.data.embeddings import read_embeddings, write_embeddings
from fiqa.errors import InputError, ReadError, ShapeError, UnknownNameError, UnsafeFileError
from fiqa.types import Embeddings

SUFFIXES = (".npz", ".npy", ".parquet")


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def made(rng: np.random.Generator) -> Embeddings:
    vectors = rng.normal(size=(9, 16)) * rng.uniform(1, 20, (9, 1))
    ids = np.array([f"p{i}/ä {i}.jpg" for i in range(9)])
    return Embeddings(
        ids, _unit(vectors), np.linalg.norm(vectors, axis=1).astype(np.float32), "recognizer_a"
    )


def _npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [0, 1, 9])
def test_round_trip_is_exact(tmp_path: Path, made: Embeddings, suffix: str, count: int) -> None:
    few = made.take(slice(0, count))
    back = read_embeddings(write_embeddings(few, tmp_path / f"e{suffix}"))
    np.testing.assert_array_equal(back.id, few.id)
    np.testing.assert_array_equal(back.vector, few.vector)
    np.testing.assert_array_equal(back.norm, few.norm)
    assert back.vector.shape == (count, 16)
    assert back.vector.dtype == np.float32
    if count:
        assert back.recognizer == "recognizer_a"


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_half_is_smaller_and_still_unit(tmp_path: Path, made: Embeddings, suffix: str) -> None:
    whole, half = (
        write_embeddings(made, tmp_path / f"w{suffix}"),
        write_embeddings(made, tmp_path / f"h{suffix}", half=True),
    )
    assert half.stat().st_size < whole.stat().st_size
    back = read_embeddings(half)
    np.testing.assert_allclose(np.linalg.norm(back.vector, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(back.vector, made.vector, atol=1e-3)
    assert not np.array_equal(back.vector, made.vector)
    np.testing.assert_array_equal(back.norm, made.norm)


def test_writing_is_deterministic(tmp_path: Path, made: Embeddings) -> None:
    for suffix in SUFFIXES:
        one, two = (write_embeddings(made, tmp_path / f"{name}{suffix}") for name in "ab")
        assert one.read_bytes() == two.read_bytes()


def test_npy_is_mapped_not_read(tmp_path: Path, made: Embeddings) -> None:
    vector = read_embeddings(write_embeddings(made, tmp_path / "e.npy")).vector
    while not isinstance(vector, np.memmap) and vector.base is not None:
        vector = vector.base
    assert isinstance(vector, np.memmap) or "mmap" in str(type(vector))


def test_without_norm_any_length_is_normalized(tmp_path: Path, made: Embeddings) -> None:
    raw = made.vector * made.norm[:, None]
    for dtype in (np.float64, np.float32):
        back = read_embeddings(_npz(tmp_path / "raw.npz", id=made.id, vector=raw.astype(dtype)))
        np.testing.assert_allclose(back.vector, made.vector, atol=1e-6)
        np.testing.assert_allclose(back.norm, made.norm, rtol=1e-6)
        assert back.recognizer == ""


def test_with_norm_rows_must_be_unit(tmp_path: Path, made: Embeddings) -> None:
    with pytest.raises(InputError, match="unit length"):
        read_embeddings(
            _npz(tmp_path / "e.npz", id=made.id, vector=made.vector * 2, norm=made.norm)
        )
    with pytest.raises(InputError, match="unit length"):
        read_embeddings(
            _npz(
                tmp_path / "e.npz",
                id=made.id,
                vector=(made.vector * 2).astype(np.float16),
                norm=made.norm,
            )
        )


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_rows_that_cannot_be_normalized_are_named(
    tmp_path: Path, made: Embeddings, bad: float
) -> None:
    vectors = made.vector.copy()
    vectors[4] = bad
    with pytest.raises(
        InputError, match=r"1 of 9 are NaN, infinite or zero, the first is of id 'p4/"
    ):
        read_embeddings(_npz(tmp_path / "e.npz", id=made.id, vector=vectors))


def test_wrong_columns(tmp_path: Path, made: Embeddings) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown key of .* 'vector'"):
        read_embeddings(_npz(tmp_path / "e.npz", id=made.id, vectors=made.vector))
    with pytest.raises(UnknownNameError, match=r"Unknown key of .* 'recogniser'") as caught:
        read_embeddings(_npz(tmp_path / "e.npz", id=made.id, vector=made.vector, recogniser="a"))
    assert caught.value.closest == "recognizer"
    with pytest.raises(ShapeError, match=r"must have shape \(9, D\), got \(8, 16\)"):
        read_embeddings(_npz(tmp_path / "e.npz", id=made.id, vector=made.vector[:8]))
    with pytest.raises(ShapeError, match="must be floating point, got int64"):
        read_embeddings(_npz(tmp_path / "e.npz", id=made.id, vector=np.ones((9, 2), np.int64)))
    with pytest.raises(InputError, match="must be unique"):
        read_embeddings(_npz(tmp_path / "e.npz", id=np.full(9, "x"), vector=made.vector))
    with pytest.raises(ShapeError, match=r"norm must have shape \(9,\)"):
        read_embeddings(
            _npz(tmp_path / "e.npz", id=made.id, vector=made.vector, norm=made.norm[:3])
        )


def test_objects_are_refused(tmp_path: Path, made: Embeddings) -> None:
    with pytest.raises(UnsafeFileError, match=r"id\.npy holds Python objects"):
        read_embeddings(_npz(tmp_path / "e.npz", id=made.id.astype(object), vector=made.vector))
    write_embeddings(made, tmp_path / "e.npy")
    np.save(tmp_path / "e.npy", made.vector.astype(object))
    with pytest.raises(UnsafeFileError, match="holds Python objects"):
        read_embeddings(tmp_path / "e.npy")


def test_a_header_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 512)}
    )
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("vector.npy", header.getvalue())
    with pytest.raises(ReadError, match="says shape"):
        read_embeddings(tmp_path / "e.npz")
    (tmp_path / "e.npy").write_bytes(header.getvalue())
    (tmp_path / "e.ids.txt").write_text("a\n")
    with pytest.raises(ReadError, match="cannot be read"):
        read_embeddings(tmp_path / "e.npy")


def test_a_zip_bomb_is_refused_from_its_directory(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "e.npz", id=np.array(["a"]), vector=np.zeros((1, 1 << 23), np.float32)
    )
    with pytest.raises(UnsafeFileError, match="must unpack to at most 100 times") as caught:
        read_embeddings(tmp_path / "e.npz")
    assert caught.value.status == "too_large"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY\x01\x00", b"PAR1 nothing PAR1", b"text"]
)
def test_rubbish_is_a_read_error(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"e{suffix}"
    path.write_bytes(content)
    (tmp_path / "e.ids.txt").write_text("a\n")
    with pytest.raises(ReadError, match="cannot be read") as caught:
        read_embeddings(path)
    assert caught.value.status == "corrupt"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncation_is_a_read_error(tmp_path: Path, made: Embeddings, suffix: str) -> None:
    path = write_embeddings(made, tmp_path / f"e{suffix}")
    whole = path.read_bytes()
    for keep in range(0, len(whole) - 1, max(len(whole) // 40, 1)):
        path.write_bytes(whole[:keep])
        with pytest.raises(ReadError):
            read_embeddings(path)


def test_absent_file_and_unknown_suffix(tmp_path: Path, made: Embeddings) -> None:
    with pytest.raises(ReadError, match="must exist") as caught:
        read_embeddings(tmp_path / "e.npz")
    assert caught.value.status == "not_found"
    for act in (lambda: read_embeddings("e.pkl"), lambda: write_embeddings(made, "e.pkl")):
        with pytest.raises(UnknownNameError, match=r"suffix of an embeddings file '\.pkl'"):
            act()


def test_npy_needs_its_ids(tmp_path: Path, made: Embeddings) -> None:
    path = write_embeddings(made, tmp_path / "e.npy")
    (tmp_path / "e.meta.npz").unlink()
    assert read_embeddings(path).norm.tolist() == pytest.approx([1.0] * 9)
    (tmp_path / "e.ids.txt").write_text("a\nb\n")
    with pytest.raises(ShapeError, match=r"must have shape \(2, D\), got \(9, 16\)"):
        read_embeddings(path)
    (tmp_path / "e.ids.txt").unlink()
    with pytest.raises(ReadError, match="must have its ids beside it"):
        read_embeddings(path)


def test_odd_ids(tmp_path: Path) -> None:
    ids = np.array(["a;b", "=cmd()", "-x", "line\nbreak", "caf\udce9.jpg"])
    odd = Embeddings(ids, np.eye(5, dtype=np.float32))
    np.testing.assert_array_equal(
        read_embeddings(write_embeddings(odd, tmp_path / "e.npz")).id, ids
    )
    with pytest.raises(InputError, match="must be one line each, got 'line"):
        write_embeddings(odd, tmp_path / "e.npy")
    rest = odd.take([0, 1, 2, 4])
    np.testing.assert_array_equal(
        read_embeddings(write_embeddings(rest, tmp_path / "e.npy")).id, rest.id
    )


def test_parquet_specials(tmp_path: Path, made: Embeddings) -> None:
    with pytest.raises(InputError, match=r"half must be False for \.parquet"):
        write_embeddings(made, tmp_path / "e.parquet", half=True)
    lists = pl.DataFrame({"id": ["a", "b"], "vector": [[3.0, 4.0], [1.0, 0.0]]})
    lists.write_parquet(tmp_path / "l.parquet")
    np.testing.assert_allclose(read_embeddings(tmp_path / "l.parquet").norm, [5, 1])
    for column, text in [
        ([[1.0], [1.0, 2.0]], "lists of one length"),
        ([1.0, 2.0], "must be a column of lists"),
        ([[1.0], None], "lists of one length|no nulls"),
    ]:
        pl.DataFrame({"id": ["a", "b"], "vector": column}).write_parquet(tmp_path / "b.parquet")
        with pytest.raises(InputError, match=text):
            read_embeddings(tmp_path / "b.parquet")
    lists.with_columns(recognizer=pl.Series(["x", "y"])).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="vectors of one recognizer, it holds 2"):
        read_embeddings(tmp_path / "t.parquet")


def test_a_mapped_file_is_not_read_and_not_checked(tmp_path):
    from fiqa.data.embeddings import map_embeddings

    raw = np.array([[3.0, 4.0], [np.nan, 0.0], [0.0, 0.0]], np.float16)
    np.save(tmp_path / "e.npy", raw)
    (tmp_path / "e.ids.txt").write_text("a\na\nb\n")
    found = map_embeddings(tmp_path / "e.npy")
    assert isinstance(found.vector, np.memmap)
    assert found.vector.dtype == np.float16
    np.testing.assert_array_equal(found.vector, raw)
    assert (found.id.tolist(), found.norm, found.recognizer) == (["a", "a", "b"], None, "")


def test_other_files_map_as_they_read(tmp_path, rng):
    from fiqa.data.embeddings import map_embeddings

    unit = rng.normal(size=(5, 4))
    known = Embeddings(
        np.array(list("abcde")),
        unit / np.linalg.norm(unit, axis=1, keepdims=True),
        np.arange(5.0) + 1,
        "r",
    )
    for name in ("e.npz", "e.npy", "e.parquet"):
        write_embeddings(known, tmp_path / name)
        found = map_embeddings(tmp_path / name)
        np.testing.assert_array_equal(found.vector, known.vector)
        np.testing.assert_array_equal(found.norm, known.norm)
        assert (found.id.tolist(), found.recognizer) == (known.id.tolist(), "r")
    with pytest.raises(ReadError, match="there is none at"):
        map_embeddings(tmp_path / "none.npy")
    np.save(tmp_path / "e.npy", np.zeros((2, 4), np.int32))
    (tmp_path / "e.ids.txt").write_text("a\nb\n")
    with pytest.raises(ShapeError, match=r"must be floating point of shape \(2, D\), got int32"):
        map_embeddings(tmp_path / "e.npy")
