"""The metadata of a Hugging Face imagefolder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fiqa.data.formats import imagefolder
from fiqa.errors import InputError, ReadError, ShapeError


@pytest.mark.parametrize("name", imagefolder.NAMES)
def test_write_and_read_again(tmp_path: Path, name: str) -> None:
    images = [str(tmp_path / "p" / "a.jpg"), str(tmp_path / "b, c.jpg")]
    imagefolder.write(tmp_path / name, images, {"score": [0.5, None], "identity": ["p", ""]})
    names, fields = imagefolder.read(tmp_path / name)
    assert names == ["p/a.jpg", "b, c.jpg"]
    assert fields["identity"] == ["p", ""]
    assert fields["score"] == ([0.5, None] if name.endswith("l") else ["0.5", ""])


def test_lists_stay_lists_in_jsonl(tmp_path: Path) -> None:
    imagefolder.write(tmp_path / "metadata.jsonl", [str(tmp_path / "a.jpg")], {"box": [[1, 2]]})
    assert json.loads((tmp_path / "metadata.jsonl").read_text()) == {
        "file_name": "a.jpg",
        "box": [1, 2],
    }


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    imagefolder.write("photos/metadata.csv", ["photos/a.jpg"], {})
    assert imagefolder.read("photos/metadata.csv")[0] == ["a.jpg"]


def test_refusals(tmp_path: Path) -> None:
    inside = [str(tmp_path / "a.jpg")]
    with pytest.raises(InputError, match=r"must be named metadata\.csv or metadata\.jsonl"):
        imagefolder.write(tmp_path / "x.csv", inside, {})
    with pytest.raises(InputError, match="`file_name`"):
        imagefolder.write(tmp_path / "metadata.csv", inside, {"file_name": ["x"]})
    for outside in ("/elsewhere/a.jpg", str(tmp_path.parent / "a.jpg")):
        with pytest.raises(InputError, match="must be inside"):
            imagefolder.write(tmp_path / "metadata.csv", [outside], {})
    for name in imagefolder.NAMES:
        with pytest.raises(ShapeError, match="must have 1 values, got 2"):
            imagefolder.write(tmp_path / name, inside, {"s": [1, 2]})
    assert not list(tmp_path.iterdir())
    for text in ("[1]\n", '{"a": 1}\n', "nothing\n", "[" * 5000 + "\n"):
        (tmp_path / "metadata.jsonl").write_text(text)
        with pytest.raises(ReadError, match="one JSON object with `file_name`"):
            imagefolder.read(tmp_path / "metadata.jsonl")
