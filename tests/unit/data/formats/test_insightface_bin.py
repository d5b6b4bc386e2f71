"""InsightFace .bin: every form of item and flag that the field's files have, and clean errors for
the rest."""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.data.formats import insightface_bin
from fiqa.data.formats.safe_pickle import Limits
from fiqa.data.formats.source import content_id
from fiqa.errors import InputError, ReadError, UnsafeFileError
from fiqa.types import Pairs

A, B, C = b"\xff\xd8\xffa", b"\x89PNG\r\n\x1a\nb", b"\xff\xd8\xff\x00\n'\"\\c"


def row(content: bytes) -> Any:
    return np.frombuffer(content, np.uint8).copy()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("bins", "flags"),
    [
        ([A, B, A, C], [True, False]),
        ([row(A), row(B), row(A), row(C)], [np.bool_(True), np.bool_(False)]),
        ((A, row(B), row(A), C), (1, 0)),
        ([A, B, A, C], np.array([True, False])),
        ([A, B, A, C], np.array([1, 0])),
        ([A, B, A, C], [np.int64(1), np.uint8(0)]),
    ],
)
def test_every_form_reads_alike(bins: Any, flags: Any, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(pickle.dumps((bins, flags), protocol=protocol))
    found = insightface_bin.read(path)
    assert list(found.images.values()) == [A, B, C]
    assert list(found.images) == [content_id(c) for c in (A, B, C)]
    assert found.pairs.ids.tolist() == list(found.images)
    assert found.pairs.index.tolist() == [[0, 1], [0, 2]]
    assert found.pairs.mated.tolist() == [True, False]
    assert found.repeated == 1


def test_python_2_file() -> None:
    python2 = b"(lp0\nS'\\xff\\xd8a'\np1\naS'b'\np2\na(lp3\nI01\na\x86."
    found = insightface_bin.parse(python2)
    assert list(found.images.values()) == [b"\xff\xd8a", b"b"]
    assert found.pairs.mated.tolist() == [True]


def test_write_and_read_again(tmp_path: Path) -> None:
    images = {"a": A, "b": B, "c": C}
    pairs = Pairs(
        np.array(["a", "b", "c"]), np.array([[0, 1], [1, 2], [2, 0]]), np.array([True, True, False])
    )
    insightface_bin.write(tmp_path / "x.bin", images, pairs)
    bins, flags = pickle.loads((tmp_path / "x.bin").read_bytes())
    assert bins == [A, B, B, C, C, A]
    assert flags == [True, True, False]
    found = insightface_bin.read(tmp_path / "x.bin")
    assert found.pairs.index.tolist() == pairs.index.tolist()
    with pytest.raises(InputError, match="2 are missing, the first 'b'"):
        insightface_bin.write(tmp_path / "y.bin", {"a": A}, pairs)
    assert not (tmp_path / "y.bin").exists()


def test_no_pairs() -> None:
    found = insightface_bin.parse(pickle.dumps(([], [])))
    assert len(found.pairs) == 0
    assert found.images == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([A, B], "must be a list of bool"),
        ({"a": 1}, "something else"),
        (([A, B, C], [True]), r"two images per flag \(2\), got 3"),
        (([A], [True]), "two images per flag"),
        (("text", [True]), "two images per flag"),
        (([A, "text"], [True]), "encoded bytes, got str"),
        (([A, row(B).astype(np.int8)], [True]), "row of uint8, got int8"),
        (([A, np.zeros((2, 2, 3), np.uint8)], [True]), "row of uint8"),
        (([A, B], [2]), "true or false"),
        (([A, B], ["yes"]), "true or false"),
        (([A, B], [None]), "true or false"),
        (([A, B], [0.5]), "true or false"),
        (([A, B], np.array([0.5])), "list of bool"),
        (([A, B], "x"), "list of bool"),
    ],
)
def test_malformed_content(value: Any, text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(ReadError, match=text) as caught:
        insightface_bin.read(path)
    assert str(path) in str(caught.value)


def test_hostile_file_is_refused_and_named(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "fired"),)

    (tmp_path / "x.bin").write_bytes(pickle.dumps(([A, Evil()], [True])))
    with pytest.raises(UnsafeFileError, match=r"x\.bin.*mkdir") as caught:
        insightface_bin.read(tmp_path / "x.bin")
    assert not (tmp_path / "fired").exists()
    assert caught.value.hint


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be opened") as caught:
        insightface_bin.read(tmp_path / "none.bin")
    assert caught.value.status == "not_found"
    (tmp_path / "empty.bin").touch()
    with pytest.raises(ReadError, match="0 bytes") as caught:
        insightface_bin.read(tmp_path / "empty.bin")
    assert caught.value.status == "empty_file"
    os.mkfifo(tmp_path / "pipe.bin")
    with pytest.raises(ReadError, match="regular file"):
        insightface_bin.read(tmp_path / "pipe.bin")
    with pytest.raises(ReadError, match="regular file"):
        insightface_bin.read(tmp_path)
    data = pickle.dumps(([A, B], [True]))
    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(ReadError, match="at most 10 bytes") as caught:
        insightface_bin.read(tmp_path / "x.bin", file_limit=10)
    assert caught.value.status == "too_large"
    with pytest.raises(ReadError, match="at most 1 items"):
        insightface_bin.read(tmp_path / "x.bin", limits=Limits(items=1))


def test_one_image_claimed_many_times_costs_little() -> None:
    """Many references to one object are hashed once; many arrays over the same bytes are
    refused."""
    image = b"\xff" * 1_000_000
    start = time.process_time()
    assert (
        insightface_bin.parse(pickle.dumps(([image] * 20_000, [True] * 10_000))).repeated == 19_999
    )
    assert time.process_time() - start < 5
    content = b"c_codecs\nencode\n(V" + b"x" * 1000 + b"\nVlatin1\ntRp8\n"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I1000\ntcnumpy\ndtype\n(S'u1'\ntRI00\ng8\ntb"
    )
    file = b"((" + content + array * 39 + b"l(" + b"I01\n" * 20 + b"lt."
    assert len(file) < 40 * 1000
    with pytest.raises(UnsafeFileError, match="as many bytes as the file"):
        insightface_bin.parse(file)


@pytest.mark.parametrize("cut", range(1, 60))
def test_truncated_anywhere(cut: int) -> None:
    data = pickle.dumps(([A, row(B)], [True]), protocol=4)
    with pytest.raises(ReadError):
        insightface_bin.parse(data[: len(data) * cut // 60])


SAMPLES = [
    pickle.dumps(([A, row(B)] * 3, [np.bool_(True), False, True]), protocol=p) for p in range(6)
]


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=5),
)
@settings(deadline=None)
def test_mutated_files_give_clean_errors(data: bytes, changes: list[tuple[int, int]]) -> None:
    mutated = bytearray(data)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    try:
        found = insightface_bin.parse(bytes(mutated))
    except ReadError:
        return
    told = len(found.pairs) + sum(found.left_out.values())
    assert told * 2 == found.repeated + len(found.images)
