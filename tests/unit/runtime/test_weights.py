"""Finding, fetching and proving model files, against a local server only."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from fiqa.errors import UnknownNameError, WeightsError
from fiqa.runtime import weights

CONTENT = b"a small model" * 1000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder behind http://127.0.0.1, with the registry's `small` pointing at its file
    small.onnx."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "small.onnx").write_bytes(CONTENT)
    server = HTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    small = weights.Download(
        file="small.onnx",
        url=f"http://127.0.0.1:{server.server_port}/small.onnx",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        license="MIT",
        source="here",
        summary="a test",
    )
    monkeypatch.setattr(weights, "REGISTRY", {"small": small})
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_home_is_the_variable_or_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    assert weights.home() == tmp_path
    monkeypatch.delenv("FIQA_HOME")
    assert weights.home() == Path.home() / ".cache" / "fiqa"


def test_registry_is_pinned() -> None:
    for known in weights.REGISTRY.values():
        assert known.url.startswith("https://")
        assert len(known.sha256) == 64
        assert known.license


def test_find_takes_a_path_first(tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(b"m")
    assert weights.find(file) == file
    assert weights.find(str(file)) == file


def test_find_looks_in_home_then_in_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "packaged", lambda: tmp_path)
    (tmp_path / "m.onnx").write_bytes(b"packaged")
    assert weights.find("m").read_bytes() == b"packaged"
    weights.home().mkdir(exist_ok=True)
    (weights.home() / "m.onnx").write_bytes(b"mine")
    assert weights.find("m").read_bytes() == b"mine"


def test_find_says_where_it_looked(served: Path, tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"looked for .*small\.onnx, .*weights/small\.onnx"
    ) as caught:
        weights.find("small")
    assert caught.value.hint == "fiqa weights pull small"
    with pytest.raises(WeightsError, match=r"looked for .*gone\.onnx\.") as caught:
        weights.find(tmp_path / "gone.onnx")
    assert "give the path" in (caught.value.hint or "")


def test_nothing_is_fetched_without_being_asked(served: Path) -> None:
    with pytest.raises(WeightsError):
        weights.find("small")
    assert not list(weights.home().glob("*"))


def test_pull_then_find_and_verify(served: Path) -> None:
    path = weights.pull("small")
    assert path == weights.home() / "small.onnx"
    assert path.read_bytes() == CONTENT
    assert weights.find("small") == weights.verify("small") == path
    assert [p.name for p in path.parent.iterdir()] == ["small.onnx"]
    (served / "small.onnx").unlink()
    assert weights.pull("small") == path  # it is there and right, so nothing is asked of the server


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"x" * len(CONTENT), "must have sha256 .* nothing was written"),
        (CONTENT + b"x", "it has more"),
        (CONTENT[:-1], f"it has {len(CONTENT) - 1}"),
        (None, "404"),
    ],
)
def test_what_is_not_the_pinned_file_is_not_written(
    served: Path, content: bytes | None, text: str
) -> None:
    if content is None:
        (served / "small.onnx").unlink()
    else:
        (served / "small.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=text) as caught:
        weights.pull("small")
    assert "by hand" in (caught.value.hint or "")
    assert not list(weights.home().glob("**/*.onnx"))


def test_no_server(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        weights.REGISTRY,
        "small",
        replace(weights.REGISTRY["small"], url="http://127.0.0.1:1/small.onnx"),
    )
    with pytest.raises(WeightsError, match="that failed"):
        weights.pull("small")


def test_a_changed_file_is_refused_and_pulled_again(served: Path) -> None:
    path = weights.pull("small")
    path.write_bytes(b"changed")
    for look in (weights.find, weights.verify):
        with pytest.raises(WeightsError, match="must have sha256") as caught:
            look("small")
        assert "fetch it again" in (caught.value.hint or "")
    assert weights.listing()[0].state == "wrong"
    weights.pull("small")
    assert path.read_bytes() == CONTENT


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="Unknown download 'yunett'") as caught:
        weights.pull("yunett")
    assert caught.value.closest == "yunet"


def test_verify_proves_any_model_by_its_card(tiny_recognizer: Callable[..., Path]) -> None:
    path = tiny_recognizer()
    assert weights.verify(path) == path
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="must have sha256"):
        weights.verify(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match="must have a card"):
        weights.verify(path)
    with pytest.raises(WeightsError, match="looked for"):
        weights.verify("nobody")


def test_listing_has_the_registry_and_the_users_files(
    served: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "packaged", lambda: tmp_path)
    (tmp_path / "bundled.onnx").write_bytes(b"1")
    weights.home().mkdir(exist_ok=True)
    (weights.home() / "mine.onnx").write_bytes(b"123")
    rows = {row.name: row for row in weights.listing()}
    assert list(rows) == ["small", "dlib", "mine", "bundled"]
    assert (rows["small"].state, rows["small"].path) == ("absent", None)
    assert (rows["mine"].state, rows["mine"].size, rows["mine"].source) == (
        "present",
        3,
        "FIQA_HOME",
    )
    weights.pull("small")
    assert weights.listing()[0].state == "present"
