"""FiftyOne's CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiqa.data.formats import fiftyone
from fiqa.errors import InputError, ReadError, ShapeError

NAMES = ["a,b.jpg", 'q"q.jpg', "new\nline.jpg", "=cmd()", "-x", "caf\udce9.jpg"]


def test_write_and_read_again(tmp_path: Path) -> None:
    fields = {
        "score": [0.5, None, 1, float("nan"), True, 1e-7],
        "reasons": [["a", "b"], [], None, "", "x;y", "z"],
    }
    fiftyone.write(tmp_path / "x.csv", NAMES, fields)
    names, columns = fiftyone.read(tmp_path / "x.csv")
    assert names == NAMES
    assert columns == {
        "score": ["0.5", "", "1", "", "True", "1e-07"],
        "reasons": ["a;b", "", "", "", "x;y", "z"],
    }
    assert (tmp_path / "x.csv").read_bytes().startswith(b"filepath,score,reasons\n")


def test_nothing_to_write(tmp_path: Path) -> None:
    fiftyone.write(tmp_path / "x.csv", [], {"score": []})
    assert fiftyone.read(tmp_path / "x.csv") == ([], {})


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`filepath`"):
        fiftyone.write(tmp_path / "x.csv", ["a"], {"filepath": ["b"]})
    with pytest.raises(ShapeError, match=r"fields\['s'\] must have 1 values, got 2"):
        fiftyone.write(tmp_path / "x.csv", ["a"], {"s": [1, 2]})
    assert not list(tmp_path.iterdir())
    for text in ("path,score\na,1\n", "filepath,score\na\n", "\n"):
        (tmp_path / "x.csv").write_text(text)
        with pytest.raises(ReadError, match="'filepath' first"):
            fiftyone.read(tmp_path / "x.csv")
