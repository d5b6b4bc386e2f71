"""Headers: one meaning however they are spelled, in every reader of tables; marks, encodings and
separators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data.columns import canonical, identity_like, numbers
from fiqa.data.formats import score_files
from fiqa.data.manifest import find, read_manifest
from fiqa.data.pairs import read_folds
from fiqa.data.quality import read_quality
from fiqa.data.tables import read_table
from fiqa.errors import InputError, ReadError

SPELLINGS = {
    "plain": lambda text: text.encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32"),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "spaces": lambda text: text.replace(",", ", ").encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "trailing": lambda text: text.replace("\n", ";;\n").replace(",", ";").encode(),
    "case": lambda text: (text.split("\n")[0].title() + text[text.index("\n") :]).encode(),
    "quoted": lambda text: (
        '"' + text.split("\n")[0].replace(",", '","') + '"' + text[text.index("\n") :]
    ).encode(),
}


@pytest.mark.parametrize(
    ("spelling", "suffix"),
    [*((spelling, ".csv") for spelling in SPELLINGS), ("tabs", ".tsv"), ("utf-16", ".tsv")],
)
def test_every_reader_of_tables_reads_every_spelling(
    tmp_path: Path, spelling: str, suffix: str
) -> None:
    def table(name: str, text: str) -> Path:
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(SPELLINGS[spelling](text.replace(",", "\t") if suffix == ".tsv" else text))
        return path

    (tmp_path / "é.jpg").touch()
    manifest = read_manifest(table("m", "path,identity,split\né.jpg,Ann,train\nb.jpg,007,test\n"))
    assert manifest.identity.tolist() == ["Ann", "007"]
    assert manifest.status.tolist() == ["ok", "not_found"]
    assert manifest.split.tolist() == ["train", "test"]
    assert manifest.identity_from == f"column identity of m{suffix}"
    ours = read_quality(table("q", "id,value,method\né,0.25,m\nb,-2,m\n"))
    assert (ours.id.tolist(), ours.value.tolist(), ours.method) == (["é", "b"], [0.25, -2.0], "m")
    theirs = read_quality(table("s", "filename,quality_score,yaw\né.jpg,0.25,1\nb.jpg,,2\n"))
    assert (theirs.id.tolist(), theirs.value.tolist()) == (["é.jpg"], [0.25])
    assert theirs.provenance["failed"] == 1
    pairs = read_folds(table("p", "id_a,id_b,mated,fold\né,b,1,0\né,c,0,1\n"))
    assert pairs.pairs.ids.tolist() == ["é", "b", "c"]
    assert pairs.pairs.mated.tolist() == [True, False]
    assert pairs.fold is not None
    assert pairs.fold.tolist() == [0, 1]


@pytest.mark.parametrize("spelling", ["plain", "mark", "utf-16", "utf-16-be", "utf-32", "crlf"])
def test_lists_are_read_in_every_encoding(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "é.jpg").touch()
    (tmp_path / "b.jpg").touch()
    (tmp_path / "list.txt").write_bytes(SPELLINGS[spelling]("é.jpg\nb.jpg\n"))
    assert find(tmp_path / "list.txt").path.tolist() == [
        str(tmp_path / name) for name in ("é.jpg", "b.jpg")
    ]
    (tmp_path / "pairs.txt").write_bytes(SPELLINGS[spelling]("1\nAé\t1\t2\nAé\t1\tB\t1\n"))
    assert read_folds(tmp_path / "pairs.txt").pairs.ids[0] == "Aé/Aé_0001.jpg"
    (tmp_path / "scores.txt").write_bytes(SPELLINGS[spelling]("é.jpg 0.5\nb.jpg 1\n"))
    assert score_files.read(tmp_path / "scores.txt").name == ["é.jpg", "b.jpg"]
    (tmp_path / "t.jsonl").write_bytes(
        SPELLINGS[spelling]('{"Id": "é", "Value": 1}\n{"Id": "b", "Value": 2}\n')
    )
    assert read_quality(tmp_path / "t.jsonl").id.tolist() == ["é", "b"]


def test_utf_16_without_a_mark_is_named(tmp_path: Path) -> None:
    for name in ("a.csv", "a.txt"):
        (tmp_path / name).write_bytes("path\nx.jpg\n".encode("utf-16-le"))
        with pytest.raises(ReadError, match="NUL bytes") as caught:
            find(tmp_path / name)
        assert "byte-order mark" in str(caught.value.hint)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfep\0a\0t\0h\0\n")
    with pytest.raises(ReadError, match="must be utf-16 as its first bytes say"):
        read_table(tmp_path / "b.csv")


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    for header in ("path,Identity,identity", "path,identity,identity", "path, identity ,IDENTITY"):
        (tmp_path / "m.csv").write_text(f"{header}\na.jpg,x,y\n")
        with pytest.raises(ReadError, match="must name each column once"):
            read_manifest(tmp_path / "m.csv")


def test_other_names_stay_as_they_are() -> None:
    assert canonical([" Camera", "\ufeffID", "Factor_blur"], "x") == ["Camera", "id", "Factor_blur"]


@pytest.mark.parametrize(
    "name", ["person", "Person", "subject", " Subject ID", "people", "label", "Name"]
)
def test_a_column_that_may_be_meant_is_named_and_folders_are_not_taken(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("x/1.jpg", "x/2.jpg", "y/1.jpg"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "m.csv").write_text(f"path,{name}\nx/1.jpg,Ann\nx/2.jpg,Bo\ny/1.jpg,Ann\n")
    found = find(tmp_path / "m.csv")
    assert found.identity.tolist() == ["", "", ""]
    assert repr(name.strip()) in caplog.text
    assert "identity" in caplog.text


def test_names_that_name_images_are_not_people() -> None:
    assert identity_like({"name": ["a", "b"], "label": [0.5, 0.5], "age": [3, 3]}) == []
    assert identity_like({"name": ["a", "a"], "Person": ["x", "y"]}) == ["Person", "name"]


@pytest.mark.parametrize(
    ("name", "is_meant"),
    [
        ("celebrity_id", True), ("class_id", True), ("identity_name", True), ("person_name", True),
        ("subject_name", True), ("pid", True), ("target", True), ("PersonName", True),
        ("subject-id", True), ("driver id", True), ("num_people", False), ("person_count", False),
        ("person_confidence", False), ("class_score", False), ("file_name", False), ("age", False),
        ("camera", False), ("personal", False),
    ],
)  # fmt: skip
def test_people_are_told_by_the_words_of_a_name(name: str, is_meant: bool) -> None:
    assert identity_like({name: ["a", "a", "b"]}) == ([name] if is_meant else [])
    assert identity_like({name: [1, 1, 2]}) == ([name] if is_meant else [])


def test_numbers_say_which_cell_is_none() -> None:
    ids = np.array(["a", "b"])
    assert numbers([[1] * 10, None], "landmarks", ids, width=10) == [(1.0,) * 10, None]
    for values, width, message in (
        (["1", "n/a"], 0, "'eye' must hold a number in each row, row 2 \\('b'\\) has 'n/a'"),
        ([[1] * 10, [1] * 9], 10, "10 numbers in each row, row 2"),
        ([None, "1 2 3"], 10, "row 2"),
        ([[[1, 2]] * 5, None], 10, "row 1"),
        ([{"x": 1}, None], 0, "row 1"),
    ):
        with pytest.raises(InputError, match=message):
            numbers(values, "eye", ids, width=width)


def test_frames_are_tables_too() -> None:
    frame = pl.DataFrame({"Id": ["a"], "Raw": [1.5], "Model": ["m"]})
    assert read_table(frame).columns == ["id", "raw", "model"]
    with pytest.raises(InputError, match="must be a file or a frame, got list"):
        read_table([1])  # type: ignore[arg-type]
