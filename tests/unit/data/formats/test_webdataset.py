"""WebDataset tars: deterministic, and hostile members refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.data.formats import webdataset
from fiqa.errors import InputError, ReadError, UnsafeFileError

SAMPLES = [
    {"jpg": b"\xff\xd8\xffa", "json": b"{}"},
    {"png": b"b" * 1000, "json": b'{"a": 1}'},
    {"json": b""},
]


def test_write_and_read_again(tmp_path: Path) -> None:
    assert webdataset.write(tmp_path / "x.tar", iter(SAMPLES)) == 3
    found = list(webdataset.read(tmp_path / "x.tar"))
    assert [sample for _, sample in found] == SAMPLES
    assert [key for key, _ in found] == ["000000000", "000000001", "000000002"]
    first = (tmp_path / "x.tar").read_bytes()
    webdataset.write(tmp_path / "y.tar", SAMPLES)
    assert (tmp_path / "y.tar").read_bytes() == first


def test_no_samples(tmp_path: Path) -> None:
    assert webdataset.write(tmp_path / "x.tar", []) == 0
    assert list(webdataset.read(tmp_path / "x.tar")) == []


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"letters and digits, got '\.\./x'"):
        webdataset.write(tmp_path / "x.tar", [{"../x": b""}])
    assert not list(tmp_path.iterdir())


def member(path: Path, name: str, content: bytes = b"x", **fields: object) -> Path:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in fields.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "a/../../b.jpg", "/etc/passwd", "..", "a\\..\\b.jpg", "\\a.jpg", "C:/a.jpg"],
)
def test_names_that_point_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeFileError, match="names inside it only"):
        list(webdataset.read(member(tmp_path / "x.tar", name)))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(UnsafeFileError, match="plain files only"):
        list(
            webdataset.read(
                member(tmp_path / "x.tar", "a.jpg", b"", type=kind, linkname="/etc/passwd")
            )
        )


def test_too_large_and_sparse(tmp_path: Path) -> None:
    path = member(tmp_path / "x.tar", "a.jpg", b"12345")
    with pytest.raises(UnsafeFileError, match="at most 4 bytes"):
        list(webdataset.read(path, item_limit=4))
    sparse = member(
        tmp_path / "s.tar",
        "a.jpg",
        b"",
        pax_headers={"GNU.sparse.size": str(1 << 60), "GNU.sparse.map": "0,0"},
    )
    with pytest.raises(ReadError):
        list(webdataset.read(sparse))


def test_folders_are_keys(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("p", "p/a.jpg", "p/a.seg.png", "q/a.jpg"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.REGTYPE if "." in name else tarfile.DIRTYPE
            archive.addfile(info, io.BytesIO())
    assert list(webdataset.read(tmp_path / "x.tar")) == [
        ("p/a", {"jpg": b"", "seg.png": b""}),
        ("q/a", {"jpg": b""}),
    ]


def test_no_tar_and_truncated(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    webdataset.write(path, SAMPLES)
    data = path.read_bytes()
    for cut in (700, 2600):
        path.write_bytes(data[:cut])
        with pytest.raises(ReadError):
            list(webdataset.read(path))
    path.write_bytes(b"no tar at all" * 100)
    with pytest.raises(ReadError, match="whole tar"):
        list(webdataset.read(path))
    with pytest.raises(ReadError, match="cannot be opened"):
        list(webdataset.read(tmp_path / "none.tar"))


@given(
    st.lists(st.tuples(st.integers(0, 10240), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(1, 10240),
)
@settings(max_examples=60, deadline=None)
def test_mutated_files_give_clean_errors(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    webdataset.write(path, SAMPLES)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data[:cut])
    try:
        for _ in webdataset.read(path):
            pass
    except ReadError:
        pass
