"""RecordIO against a hand-made file, its own writer, and damage of every kind."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.data.formats import recordio
from fiqa.data.formats.recordio import MAGIC, RecordFile
from fiqa.errors import InputError, ReadError

IMAGES = [
    (0, b"\xff\xd8\xffone"),
    (0, b""),
    (3, b"\x00\x00\x00\x00" + MAGIC * 2 + b"x" * 5 + MAGIC),
    (7, b"\xff" * 1001),
]


def part(flag: int, payload: bytes) -> bytes:
    return (
        MAGIC + struct.pack("<I", flag << 29 | len(payload)) + payload + b"\0" * (-len(payload) % 4)
    )


def header(flag: int, label: float) -> bytes:
    return struct.pack("<IfQQ", flag, label, 1, 2)


def save(path: Path, records: list[bytes], *, index: bool = True) -> Path:
    path.write_bytes(b"".join(records))
    if index:
        starts = np.cumsum([0, *map(len, records)])[:-1]
        path.with_suffix(".idx").write_text(
            "".join(f"{i}\t{start}\n" for i, start in enumerate(starts))
        )
    return path


@pytest.mark.parametrize("index", [True, False])
def test_hand_made_file(tmp_path: Path, index: bool) -> None:
    parts = part(1, header(0, 5) + b"ab12") + part(2, b"cd34") + part(3, b"e")
    records = [
        part(0, header(2, 0) + struct.pack("<2f", 4, 6)),
        part(0, header(0, 4) + b"first"),
        parts,
        part(0, header(3, 0) + struct.pack("<3f", 9, 0.5, -1) + b"third"),
        part(0, header(2, 0) + struct.pack("<2f", 1, 2)),
        part(0, header(2, 0) + struct.pack("<2f", 2, 4)),
    ]
    with RecordFile(save(tmp_path / "t.rec", records, index=index)) as file:
        assert file.keys is not None
        assert file.keys.tolist() == [1, 2, 3]
        found = list(file)
        if index:
            assert file.read(2).content == found[1].content
    assert [record.key for record in found] == [1, 2, 3]
    assert [record.content for record in found] == [
        b"first",
        b"ab12" + MAGIC + b"cd34" + MAGIC + b"e",
        b"third",
    ]
    assert [record.label.tolist() for record in found] == [[4.0], [5.0], [9.0, 0.5, -1.0]]


@pytest.mark.parametrize("index", [True, False])
def test_file_without_meta(tmp_path: Path, index: bool) -> None:
    records = [part(0, header(0, i) + b"i%d" % i) for i in range(3)]
    with RecordFile(save(tmp_path / "t.rec", records, index=index)) as file:
        assert (file.keys is None) is (not index)
        assert [(r.key, r.content) for r in file] == [(0, b"i0"), (1, b"i1"), (2, b"i2")]


@pytest.mark.parametrize("index", [True, False])
def test_write_and_read_again(tmp_path: Path, index: bool) -> None:
    path = tmp_path / "t.rec"
    assert recordio.write(path, IMAGES) == 4
    if not index:
        path.with_suffix(".idx").unlink()
    with RecordFile(path) as file:
        found = list(file)
        again = list(file)
    assert [(int(r.label[0]), r.content) for r in found] == IMAGES
    assert [r.content for r in again] == [r.content for r in found]


def test_the_magic_is_cut_out_and_the_ranges_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.rec"
    recordio.write(path, IMAGES)
    offsets = [
        int(line.split("\t")[1]) for line in path.with_suffix(".idx").read_text().splitlines()
    ]
    body = path.read_bytes()
    assert len(offsets) == 1 + 4 + 3
    for start, end in zip(offsets, [*offsets[1:], len(body)], strict=True):
        payload = body[start + 4 : end]
        starts = [i for i in range(0, len(payload), 4) if payload[i : i + 4] == MAGIC]
        assert len(starts) == (
            2 if start == offsets[3] else 0
        )  # one of the three stands at no multiple of 4 of the payload
    ranges = [struct.unpack("<2f", body[o + 8 + 24 : o + 8 + 32]) for o in offsets[5:]]
    assert ranges == [(1, 3), (3, 4), (4, 5)]
    assert struct.unpack("<2f", body[32:40]) == (5, 8)


def test_write_wants_identities_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 comes back at image 3"):
        recordio.write(tmp_path / "t.rec", [(0, b""), (1, b""), (0, b"")])
    assert not list(tmp_path.iterdir())


def test_no_images(tmp_path: Path) -> None:
    assert recordio.write(tmp_path / "t.rec", []) == 0
    with RecordFile(tmp_path / "t.rec") as file:
        assert list(file) == []


def test_key_that_is_not_there(tmp_path: Path) -> None:
    recordio.write(tmp_path / "t.rec", IMAGES)
    with RecordFile(tmp_path / "t.rec") as file, pytest.raises(InputError, match="got 99"):
        file.read(99)
    (tmp_path / "t.idx").unlink()
    with RecordFile(tmp_path / "t.rec") as file, pytest.raises(InputError, match=r"without \.idx"):
        file.read(1)


def test_index_elsewhere(tmp_path: Path) -> None:
    recordio.write(tmp_path / "t.rec", IMAGES)
    (tmp_path / "t.idx").rename(tmp_path / "other.txt")
    with RecordFile(tmp_path / "t.rec", tmp_path / "other.txt") as file:
        assert file.read(1).content == IMAGES[0][1]


META = part(0, header(2, 0) + struct.pack("<2f", 2, 3))


@pytest.mark.parametrize(
    ("records", "text", "status"),
    [
        ([b"nothing of the kind, whatever"], "no record at byte 0", "corrupt"),
        ([MAGIC], "claims byte 8", "truncated"),
        ([MAGIC + b"\xff\xff\xff\x1f"], "at most 67108864 are read", "corrupt"),
        ([MAGIC + struct.pack("<I", 100) + b"short"], "claims byte 108", "truncated"),
        ([part(0, b"tiny")], "its header alone", "corrupt"),
        ([part(0, header(9, 0) + b"1234")], "claims 9 labels", "corrupt"),
        ([part(0, header(2**32 - 1, 0) + b"1234")], "claims 4294967295 labels", "corrupt"),
        ([part(2, header(0, 0))], "flag 2", "corrupt"),
        ([part(4, header(0, 0))], "flag 4", "corrupt"),
        ([part(1, header(0, 0)), part(0, header(0, 0))], "flag 0", "corrupt"),
        ([part(1, header(0, 0))], "claims byte", "truncated"),
        (
            [part(0, header(2, 0) + struct.pack("<2f", float("nan"), 3))],
            "how many images",
            "corrupt",
        ),
        ([part(0, header(2, 0) + struct.pack("<2f", 1e30, 3))], "how many images", "corrupt"),
        ([part(0, header(2, 0) + struct.pack("<2f", -1, 3))], "how many images", "corrupt"),
        ([META], "must hold 1 images, it ends after 0", "truncated"),
        ([META, b"garbage garbage"], "no record at byte 40", "corrupt"),
    ],
)
def test_damage(tmp_path: Path, records: list[bytes], text: str, status: str) -> None:
    with (
        pytest.raises(ReadError, match=text) as caught,
        RecordFile(save(tmp_path / "t.rec", records, index=False)) as file,
    ):
        list(file)
    assert caught.value.status == status
    assert "t.rec" in str(caught.value)


@pytest.mark.parametrize("index", ["0\t99999\n", "0\t-4\n", "0\t4\n"])
def test_index_that_points_nowhere(tmp_path: Path, index: str) -> None:
    recordio.write(tmp_path / "t.rec", IMAGES)
    (tmp_path / "t.idx").write_text(index)
    with pytest.raises(ReadError):
        RecordFile(tmp_path / "t.rec")


def test_index_that_is_none(tmp_path: Path) -> None:
    recordio.write(tmp_path / "t.rec", IMAGES)
    (tmp_path / "t.idx").write_text("0\t0\nzero\n")
    with pytest.raises(ReadError, match="line 2 must be"):
        RecordFile(tmp_path / "t.rec")
    with pytest.raises(ReadError, match="cannot be opened"):
        RecordFile(tmp_path / "t.rec", tmp_path / "none.idx")


def test_item_limit(tmp_path: Path) -> None:
    recordio.write(tmp_path / "t.rec", IMAGES)
    with (
        RecordFile(tmp_path / "t.rec", item_limit=100) as file,
        pytest.raises(ReadError, match="at most 100"),
    ):
        list(file)


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=5),
    st.integers(1, 2000),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_mutated_files_give_clean_errors(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int, index: bool
) -> None:
    path = tmp_path_factory.mktemp("rec") / "t.rec"
    recordio.write(path, IMAGES)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data[:cut])
    if not index:
        path.with_suffix(".idx").unlink()
    try:
        with RecordFile(path) as file:
            for record in file:
                assert len(record.content) <= len(data)
    except ReadError:
        pass


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.lists(st.sampled_from([MAGIC, b"\0", b"a", b"\xff\xd8"]), max_size=12),
        ),
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_content_round_trips(
    tmp_path_factory: pytest.TempPathFactory, images: list[tuple[int, list[bytes]]]
) -> None:
    path = tmp_path_factory.mktemp("rec") / "t.rec"
    made = sorted((identity, b"".join(pieces)) for identity, pieces in images)
    recordio.write(path, made)
    with RecordFile(path) as file:
        assert [(int(r.label[0]), r.content) for r in file] == made
    path.with_suffix(".idx").unlink()
    with RecordFile(path) as file:
        assert [r.content for r in file] == [content for _, content in made]


@pytest.mark.parametrize("index", [True, False])
def test_a_file_in_a_store_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: bool
) -> None:
    memory = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem()
    monkeypatch.setattr("fsspec.filesystem", lambda *_, **__: memory)
    path = tmp_path / "t.rec"
    recordio.write(path, IMAGES)
    folder = f"s3://{tmp_path.name}"
    for name in ("t.rec", "t.idx")[: 1 + index]:
        memory.pipe_file(f"{folder}/{name}", (tmp_path / name).read_bytes())
    with RecordFile(f"{folder}/t.rec") as file, RecordFile(path) as local:
        for ours, theirs in zip(file, local, strict=True):
            assert (ours.key, ours.content) == (theirs.key, theirs.content)
        if index:
            assert file.read(3).content == IMAGES[2][1]
    memory.pipe_file(f"{folder}/half.rec", path.read_bytes()[:-400])
    with (
        RecordFile(f"{folder}/half.rec") as file,
        pytest.raises(ReadError, match=r"half\.rec. is not a whole RecordIO file") as caught,
    ):
        list(file)
    assert caught.value.status == "truncated"
    memory.pipe_file(f"{folder}/none.rec", b"")
    with pytest.raises(ReadError, match="must not be empty"):
        RecordFile(f"{folder}/none.rec")
    with pytest.raises(ReadError, match="cannot be opened") as caught:
        RecordFile(f"{folder}/gone.rec")
    assert caught.value.status == "not_found"
