"""Tables: the same rows back from all three formats, whatever text they hold; batches, kills and
full disks."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqa.data.nested import flatten, unflatten
from fiqa.data.tables import (
    TableWriter,
    decode_text,
    encode_text,
    frame_of,
    read_table,
    table_suffix,
    write_rows,
    write_table,
)
from fiqa.errors import InputError, ReadError, UnknownNameError, WriteError
from fiqa.vocabulary import FACTORS

SUFFIXES = [".parquet", ".csv", ".jsonl"]
KEY = "0" * 64


def score_rows() -> list[dict[str, Any]]:
    """A good face, a bad file, and a face without factors."""
    blank = {
        "reasons": [],
        "score": None,
        "uqs": None,
        "factors": None,
        "bbox": None,
        "landmarks": None,
    }
    return [
        {"id": "a", "path": "a.jpg", "identity": "007", "status": "ok"}
        | {
            "reasons": ["blurry", "cropped"],
            "score": 0.25,
            "uqs": 25,
            "factors": dict.fromkeys(FACTORS) | {"blur": 0.5},
        }
        | {"bbox": [1.0, 2.0, 3.0, 4.5], "landmarks": [float(i) for i in range(10)]},
        {"id": "b", "path": "b.jpg", "identity": "", "status": "truncated"} | blank,
        {"id": "c", "path": "c.jpg", "identity": "1", "status": "ok"}
        | blank
        | {"score": 1.0, "uqs": 100},
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_come_back(tmp_path: Path, suffix: str) -> None:
    rows = score_rows()
    write_table(frame_of(rows), tmp_path / f"t{suffix}")
    back = read_table(tmp_path / f"t{suffix}")
    assert back.to_dicts() == frame_of(rows).to_dicts()
    assert back["identity"].to_list() == ["007", "", "1"]
    assert back.columns == list(rows[0])


def test_flat_columns_have_names_a_person_can_read(tmp_path: Path) -> None:
    write_table(frame_of(score_rows()), tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    head = lines[0].replace('"', "").split(",")
    assert head[:7] == ["id", "path", "identity", "status", "reasons", "score", "uqs"]
    assert head[7:13] == [f"factor_{name}" for name in FACTORS]
    assert head[13:17] == ["bbox_x", "bbox_y", "bbox_width", "bbox_height"]
    assert head[17:19] == ["landmark_0_x", "landmark_0_y"]
    assert head[-1] == "landmark_4_y"
    assert lines[1].startswith('"a","a.jpg","007","ok","blurry;cropped",0.25,25,,,,,0.5,,1.0')
    assert lines[2].startswith('"b","b.jpg","","truncated","",,,')
    write_table(frame_of(score_rows()), tmp_path / "t.jsonl")
    assert json.loads((tmp_path / "t.jsonl").read_text().splitlines()[0])["reasons"] == [
        "blurry",
        "cropped",
    ]


def test_flatten_and_unflatten_are_inverse_and_nan_is_missing() -> None:
    frame = frame_of(score_rows())
    assert unflatten(flatten(frame)).to_dicts() == frame.to_dicts()
    assert flatten(frame_of([{"score": np.nan}, {"score": 1.0}]))["score"].to_list() == [None, 1.0]
    assert unflatten(pl.DataFrame({"bbox_x": [1.0]})).columns == ["bbox_x"]
    with pytest.raises(InputError, match="Column 'other' must be flat"):
        flatten(frame_of([{"other": [1, 2]}]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_odd_names_come_back_exactly(tmp_path: Path, hostile: ModuleType, suffix: str) -> None:
    odd = [
        *hostile.ODD_NAMES.values(),
        "+1",
        "@x",
        "bytes:%41",
        "tab\t",
        'quo"te',
        "cr\rlf\r\n",
        " ",
        "null",
        "é",
        "\ud800",
    ]
    write_table(
        frame_of({"id": str(i), "path": name} for i, name in enumerate(odd[:-1])),
        tmp_path / f"t{suffix}",
    )
    assert [decode_text(v) for v in read_table(tmp_path / f"t{suffix}")["path"]] == odd[:-1]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(
        st.binary(min_size=1, max_size=12).filter(lambda b: b"\0" not in b), min_size=1, max_size=6
    )
)
def test_any_file_name_survives_any_format(tmp_path: Path, names: list[bytes]) -> None:
    paths = [name.decode("utf-8", "surrogateescape") for name in names]
    assert [decode_text(encode_text(path)) for path in paths] == paths
    for suffix in SUFFIXES:
        write_table(
            frame_of({"id": str(i), "path": p} for i, p in enumerate(paths)),
            tmp_path / f"t{suffix}",
        )
        assert [decode_text(v) for v in read_table(tmp_path / f"t{suffix}")["path"]] == paths


def test_numpy_values_and_missing_keys() -> None:
    frame = frame_of(
        [{"a": np.float32(0.5), "b": np.arange(2), "s": np.str_("x")}, {"a": 1, "n": np.int64(3)}]
    )
    assert frame.to_dicts() == [
        {"a": 0.5, "b": [0, 1], "s": "x", "n": None},
        {"a": 1.0, "b": None, "s": None, "n": 3},
    ]
    assert frame_of([]).shape == (0, 0)
    assert frame_of([{"i": 2**70}, {"i": 1}])["i"].to_list() == [float(2**70), 1.0]
    assert frame_of([{"f": {"a": 1, "b": None}}, {"f": {"a": 0.5}}])["f"].to_list() == [
        {"a": 1.0, "b": None},
        {"a": 0.5, "b": None},
    ]
    assert frame_of([{"track": None, "score": None}]).schema["track"] == pl.String


def test_csv_types_follow_how_cells_are_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "id,code,n,x,flag,big,none\n1,007,3,1e-3,true,12345678901234567890,\n2,008,-4,2,false,1,\n"
    )
    frame = read_table(tmp_path / "t.csv")
    assert frame["id"].to_list() == ["1", "2"]
    assert frame["code"].to_list() == ["007", "008"]
    assert frame["n"].to_list() == [3, -4]
    assert frame["x"].to_list() == [0.001, 2.0]
    assert frame["flag"].to_list() == [True, False]
    assert frame["none"].to_list() == [None, None]
    assert frame["big"].dtype == pl.Float64


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_rows_at_all(tmp_path: Path, suffix: str) -> None:
    write_table(pl.DataFrame({"id": pl.Series([], dtype=pl.String)}), tmp_path / f"t{suffix}")
    assert len(read_table(tmp_path / f"t{suffix}")) == 0
    with TableWriter(tmp_path / f"e{suffix}", fingerprint=KEY) as out:
        out.write([])
    assert len(read_table(tmp_path / f"e{suffix}")) == 0


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown table suffix '\.parqet'") as caught:
        write_table(pl.DataFrame(), tmp_path / "t.parqet")
    assert caught.value.closest == ".parquet"
    assert table_suffix("A.JSONL") == ".jsonl"
    with pytest.raises(ReadError) as missing:
        read_table(tmp_path / "none.csv")
    assert missing.value.status == "not_found"
    for name, content in [
        ("a.parquet", b"PAR1 no"),
        ("a.jsonl", b"{not json\n"),
        ("b.jsonl", b"[1]\n"),
        ("c.jsonl", b"\xff\n"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ReadError, match="must be a table in"):
            read_table(tmp_path / name)
    with pytest.raises(UnknownNameError, match="Unknown format of rows"):
        write_rows(pl.DataFrame(), io.BytesIO(), ".parquet")


def batches() -> list[list[dict[str, Any]]]:
    rows = score_rows()
    return [[rows[1]], [], [rows[0], rows[2]], [{**rows[1], "extra": 1}]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_batches_of_different_schemas_make_one_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    with TableWriter(path, fingerprint=KEY) as out:
        for batch in batches():
            out.write(batch)
    whole = frame_of(row for batch in batches() for row in batch)
    assert read_table(path).to_dicts() == whole.to_dicts()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_table_resumes_and_ends_the_same(tmp_path: Path, suffix: str) -> None:
    path, whole = tmp_path / f"t{suffix}", tmp_path / f"whole{suffix}"
    with TableWriter(whole, fingerprint=KEY) as out:
        for batch in batches():
            out.write(batch)

    def interrupted() -> None:
        with TableWriter(path, fingerprint=KEY) as out:
            out.write(batches()[0])
            out.write(batches()[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not path.exists()
    with TableWriter(path, fingerprint=KEY) as out:
        assert out.done == 2
        for batch in batches()[out.done :]:
            out.write(batch)
    assert path.read_bytes() == whole.read_bytes()
    with TableWriter(path, fingerprint="1" * 64) as out:
        assert out.done == 0
        out.write([{"id": "new"}])
    assert read_table(path).to_dicts() == [{"id": "new"}]


def test_the_suffix_is_checked_before_work_begins(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="table suffix"):
        TableWriter(tmp_path / "t.txt", fingerprint=KEY)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_refused_before_work_begins(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").mkdir()
    with pytest.raises(WriteError, match=r"must be a file, '.*t.parquet' is a folder"):
        TableWriter(tmp_path / "t.parquet", fingerprint=KEY)
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_a_full_disk_leaves_no_table(tmp_path: Path) -> None:
    script = """
import resource, sys
import numpy as np, polars as pl
from fiqa.data.tables import TableWriter, write_table
from fiqa.errors import WriteError
folder = sys.argv[1]
values = np.random.default_rng(0).random(40_000)
frame = pl.DataFrame({"id": [str(i) for i in range(40_000)], "v": values})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
refused = 0
for suffix in (".parquet", ".csv", ".jsonl"):
    try:
        write_table(frame, folder + "/t" + suffix)
    except WriteError:
        refused += 1
    try:
        with TableWriter(folder + "/w" + suffix, fingerprint="f" * 64) as out:
            for start in range(0, 40_000, 1000):
                out.write(frame[start : start + 1000].to_dicts())
    except WriteError as error:
        refused += "could not be written" in str(error)
sys.exit(0 if refused == 6 else refused + 10)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], timeout=120, stderr=subprocess.PIPE
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "w.csv.parts",
        "w.jsonl.parts",
        "w.parquet.parts",
    ]


def test_a_failing_write_is_a_write_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(WriteError, match="No space left on device") as caught:
        write_table(pl.DataFrame({"a": [1]}), tmp_path / "t.parquet")
    assert "free some space" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_columns_of_scores_have_their_type_where_nothing_is_known(
    tmp_path: Path, suffix: str
) -> None:
    row = {
        "id": "a",
        "raw": None,
        "uqs": None,
        "frame": None,
        "reasons": None,
        "factors": None,
        "measures": None,
        "bbox": None,
    }
    write_table(frame_of([row]), tmp_path / f"t{suffix}")
    found = read_table(tmp_path / f"t{suffix}")
    if suffix == ".parquet":
        assert found.schema["uqs"] == found.schema["frame"] == pl.Int64
        assert found.schema["raw"] == pl.Float64
        assert [f.name for f in found.schema["factors"].fields] == list(FACTORS)
    else:
        assert "measures" not in found.columns, "a column without fields has no flat form"
    assert found["bbox"].to_list() == [None]
    assert found["factors"].to_list() in ([None], [dict.fromkeys(FACTORS)])


def test_empty_lists_and_fields_without_a_number_have_their_type() -> None:
    frame = frame_of(
        [{"reasons": [], "factors": {"blur": 0.5, "pose": None}, "measures": {"yaw": None}}]
    )
    assert frame.schema["reasons"] == pl.List(pl.String)
    assert frame.schema["factors"] == pl.Struct({"blur": pl.Float64, "pose": pl.Float64})
    assert frame.schema["measures"] == pl.Struct({"yaw": pl.Float64})
    assert frame.rows() == [([], {"blur": 0.5, "pose": None}, {"yaw": None})]


def test_an_empty_column_of_a_csv_has_the_type_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,source,bbox,eye_distance,grey,note\n1,007,,,,\n2,008,,,,\n")
    found = read_table(tmp_path / "t.csv")
    assert found.schema["bbox"] == pl.List(pl.Float64)
    assert found.schema["eye_distance"] == pl.Float64
    assert found.schema["grey"] == pl.Boolean
    assert found["source"].to_list() == ["007", "008"]
    assert found["note"].to_list() == [None, None]


def test_json_that_nests_too_deep_is_refused_before_polars_looks_for_its_type(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": ' + "[" * 30 + "1" + "]" * 30 + "}\n")
    assert len(read_table(path)) == 1
    path.write_text('{"a": ' + "[" * 900 + "]" * 900 + "}\n")
    with pytest.raises(ReadError, match="nests more than 32 deep"):
        read_table(path)


def test_a_table_in_latin1_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"id,value\nJos\xe9/1,0.4\n")
    with pytest.raises(ReadError, match=r"(?s)utf-8.*hint: save it as UTF-8: iconv -f latin1"):
        read_table(tmp_path / "t.csv")
