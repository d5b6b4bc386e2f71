"""Scores that differ never tie: float64 from the file to the cut, in every reader and writer."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.formats import ofiq, score_files
from fiqa.data.quality import join_quality, read_quality, write_quality
from fiqa.data.tables import TableWriter, frame_of, read_table, write_table
from fiqa.evaluation.evidence import gather
from fiqa.types import Embeddings, Quality

NEAR_ONE = [1 - k * 2.0**-53 for k in range(1, 5)]
HUGE = [1e300, 1.0000000000000002e300, 1e38, 3.5e38]
TINY = [5e-324, 1e-323, 1e-60, 1.0000000000000002e-60]
VALUES = np.array([*NEAR_ONE, *HUGE, *TINY, -0.1, 0.80795, 0.8079499, 123456789.123456789])
IDS = np.array([f"p{k % 4}/{k}" for k in range(len(VALUES))])


def test_these_values_tie_in_float32_and_must_not() -> None:
    with np.errstate(over="ignore"):
        assert len(np.unique(VALUES.astype(np.float32))) < len(np.unique(VALUES)) == len(VALUES)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_our_tables(tmp_path: Path, suffix: str) -> None:
    quality = Quality(IDS, VALUES, "m")
    assert quality.value.dtype == np.float64
    assert quality.at(IDS[::-1]).tolist() == VALUES[::-1].tolist()
    write_quality(quality, tmp_path / f"q{suffix}")
    assert read_quality(tmp_path / f"q{suffix}").value.tolist() == VALUES.tolist()
    rows = [
        {"id": i, "path": i, "status": "ok", "raw": v, "score": v, "uqs": 3}
        for i, v in zip(IDS.tolist(), VALUES.tolist(), strict=True)
    ]
    with TableWriter(tmp_path / f"s{suffix}", fingerprint="0" * 64) as out:
        out.write(rows[:7])
        out.write(rows[7:])
    write_table(frame_of(rows), tmp_path / f"t{suffix}")
    for name in ("s", "t"):
        table = read_table(tmp_path / f"{name}{suffix}")
        assert table["raw"].to_list() == table["score"].to_list() == VALUES.tolist()
        assert (
            read_quality(tmp_path / f"{name}{suffix}", column="score").value.tolist()
            == VALUES.tolist()
        )
    assert read_quality(frame_of(rows)).value.tolist() == VALUES.tolist()
    assert join_quality(quality, IDS[3:]).quality.value.tolist() == VALUES[3:].tolist()


def test_files_of_other_tools(tmp_path: Path) -> None:
    text = [repr(value) for value in VALUES.tolist()]
    pairs = list(zip(IDS.tolist(), text, strict=True))
    (tmp_path / "a.txt").write_text("".join(f"{name} {value}\n" for name, value in pairs))
    (tmp_path / "b.csv").write_text(
        "path,score\n" + "".join(f"{name},{value}\n" for name, value in pairs)
    )
    (tmp_path / "c.csv").write_text(
        f"Filename;{ofiq.UNIFIED}\n" + "".join(f"{name};{value}\n" for name, value in pairs)
    )
    (tmp_path / "d.pkl").write_bytes(
        pickle.dumps(dict(zip(IDS.tolist(), VALUES.tolist(), strict=True)))
    )
    for name in ("a.txt", "b.csv", "c.csv", "d.pkl"):
        assert score_files.read(tmp_path / name).value.tolist() == VALUES.tolist(), name
        assert read_quality(tmp_path / name).value.tolist() == VALUES.tolist(), name


def test_writers_for_other_tools(tmp_path: Path) -> None:
    frame = frame_of(
        {"id": i, "path": str(tmp_path / i), "status": "ok", "raw": v, "uqs": 3}
        for i, v in zip(IDS.tolist(), VALUES.tolist(), strict=True)
    )
    write_table(frame, tmp_path / "s.parquet")
    for target, name in (("ofiq", "o.csv"), ("fiftyone", "f.csv"), ("imagefolder", "metadata.csv")):
        fiqa.convert(tmp_path / "s.parquet", tmp_path / name, to=target)
        column = f"{ofiq.UNIFIED}" if target == "ofiq" else "raw"
        assert score_files.read(tmp_path / name, column=column).value.tolist() == VALUES.tolist(), (
            name
        )


def test_evidence_and_labels_keep_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(IDS), 8))
    embeddings = Embeddings(IDS, vectors / np.linalg.norm(vectors, axis=1)[:, None])
    pl.DataFrame({"id": IDS, "raw": VALUES, "score": abs(VALUES) / VALUES.max()}).write_csv(
        tmp_path / "q.csv"
    )
    found = gather(tmp_path / "q.csv", embeddings).scores[0]
    assert found.value.tolist() == VALUES.tolist()
    assert found.unit is None, "a calibrated column is never the scale of the raw one"
    same = fiqa.label(
        "label_optimization", embeddings=embeddings, prior=Quality(IDS, VALUES, "m"), theta=0.0
    )
    assert sorted(same.value) == sorted(VALUES)
    assert same.at(IDS).tolist() == VALUES.tolist()


def test_a_curve_has_a_step_for_each_of_them() -> None:
    rng = np.random.default_rng(1)
    n = 60
    ids = np.array([f"p{k // 4}/{k}" for k in range(n)])
    vectors = rng.normal(size=(n, 8))
    embeddings = Embeddings(ids, vectors / np.linalg.norm(vectors, axis=1)[:, None])
    order = rng.permutation(n)
    fine = fiqa.evaluate(Quality(ids, 1 - order * 2.0**-53, "q"), embeddings, fmr=0.1, draws=0)
    plain = fiqa.evaluate(Quality(ids, -order.astype(float), "q"), embeddings, fmr=0.1, draws=0)
    assert len(plain.curve("q").curve) > 20
    np.testing.assert_array_equal(fine.curve("q").curve.fnmr, plain.curve("q").curve.fnmr)
    np.testing.assert_array_equal(fine.curve("q").curve.discard, plain.curve("q").curve.discard)
