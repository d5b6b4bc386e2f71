"""What a manifest says of its crops: columns of a wrong type are named, and so is the first file
that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.images import write_image
from fiqa.data.tables import write_table
from fiqa.errors import InputError
from fiqa.execute.summary import Summary
from fiqa.faces.crops import sources
from fiqa.functional.display import failure_line
from fiqa.types import Manifest


@pytest.fixture
def crop(tmp_path: Path) -> Path:
    write_image(tmp_path / "a.png", np.full((112, 112, 3), 90, np.uint8))
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eye_distance", "n/a"),
        ("eye_distance", [1.0, 2.0]),
        ("inside", "most"),
        ("landmarks", "1 2 3 4 5 6 7 8 9 10"),
        ("landmarks", [[1.0, 2.0]] * 5),
        ("landmarks", [1.0, 2.0]),
        ("landmarks", 3.0),
    ],
)
def test_a_column_of_a_wrong_type_is_named(
    crop: Path, tmp_path: Path, name: str, value: object
) -> None:
    frame = pl.DataFrame({"id": ["a"], "path": [str(crop)], name: [value]})
    frame.write_parquet(tmp_path / "m.parquet")
    for faces in (tmp_path / "m.parquet", frame):
        with pytest.raises(
            InputError, match=rf"Column '{name}' must hold .* row 1 \('a'\) has"
        ) as caught:
            fiqa.score(faces, model="laplacian", aligned=True, workers=1)
        assert "leave the cell empty" in str(caught.value.hint)
    with pytest.raises(InputError, match=f"Column '{name}'"):
        fiqa.label("analytic", faces=tmp_path / "m.parquet", workers=1)


def test_missing_cells_are_not_known(crop: Path) -> None:
    nothing = np.array([None, None], dtype=object)
    manifest = Manifest(
        np.array(["a", "b"]),
        np.array([str(crop)] * 2),
        columns={"landmarks": nothing, "eye_distance": np.array([np.nan, 3.5]), "inside": nothing},
    )
    first, second = sources(manifest)
    assert (first.landmarks, first.inside, second.eye_distance) == (None, None, 3.5)


def test_an_array_must_say_its_color_and_only_score_takes_one() -> None:
    crops = np.zeros((2, 112, 112, 3), np.uint8)
    with pytest.raises(InputError, match="must say the order of an array's channels") as caught:
        fiqa.score(crops, aligned=True)
    assert 'color="BGR"' in str(caught.value.hint)
    with pytest.raises(InputError, match="must be paths or a frame, got ndarray") as caught:
        fiqa.scan(crops)  # type: ignore[arg-type]
    assert "fiqa.score(crops, aligned=True" in str(caught.value.hint)


def test_what_cannot_be_read_is_named_with_its_reason(crop: Path, tmp_path: Path) -> None:
    assert failure_line(["a"], ["ok"]) == ""
    rows = [{"id": f"x{k}", "path": str(tmp_path / f"x{k}.png")} for k in range(3)]
    for suffix in (".csv", ".parquet", ".jsonl"):
        write_table(pl.DataFrame(rows), tmp_path / "m.csv")
        from fiqa.scoring.run import plan, write_scores

        run = plan(str(tmp_path / "m.csv"), model="laplacian", aligned=True, workers=1)
        line = write_scores(run, tmp_path / f"s{suffix}").line()
        assert line.startswith("3 rows: 3 not_found; the first is ")
        assert "x0.png', not_found: There is no file" in line
    assert Summary({"ok": 2}).line() == "2 rows: 2 ok"
