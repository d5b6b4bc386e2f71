"""Mated pairs that are counted: the curves of the pairs themselves lie within the bounds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.errors import EvidenceError, InputError
from fiqa.evaluation import counted, evidence
from fiqa.functional import streams
from fiqa.functional.edc_counts import PairCounts
from fiqa.types import Embeddings, Manifest, Pairs, Quality

pytestmark = pytest.mark.numeric

HOW: dict[str, Any] = {"fmr": 0.02, "draws": 0, "limits": (0.2, 0.6)}


def world(seed: int, people: int, each: int, grid: int) -> tuple[Embeddings, list[Quality]]:
    """Vectors of people, two qualities of them; on a coarse grid many pairs are equal."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), rng.integers(1, each + 1, people))
    true = rng.random(len(who))
    noise = (2.2 - 2 * true)[:, None] * rng.normal(size=(len(who), 8))
    vectors = rng.normal(size=(people, 8))[who] + noise
    if grid:
        vectors, true = np.round(vectors * grid) / grid + 0.01, np.round(true * grid)
    length = np.linalg.norm(vectors, axis=1)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    made = Embeddings(ids, vectors / length[:, None], length, "rec")
    wrong = rng.normal(size=len(who)) * 1e6
    return made, [Quality(ids, true, "good"), Quality(ids, wrong, "wild")]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    people=st.integers(12, 40),
    each=st.integers(3, 12),
    grid=st.sampled_from([0, 1, 4]),
    cells=st.sampled_from([1 << 14, 1 << 20]),
    steps=st.sampled_from([1, 9, 1 << 16]),
)
def test_the_curves_of_all_pairs_lie_within_the_bounds(seed, people, each, grid, cells, steps):
    vectors, qualities = world(seed, people, each, grid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counted, "_CELLS", cells)
        patch.setattr(counted, "_WIDTH", 2.0 / cells)
        patch.setattr(counted, "_STEPS", steps)
        got = fiqa.evaluate(qualities, vectors, count=True, **HOW)
    right = fiqa.evaluate(qualities, vectors, count=False, **HOW)
    assert got.counts == right.counts | {"mated": got.counts["mated"]}
    assert got.counts["mated"] == right.counts["mated"] > 0
    for mine, exact in zip(got.recognizers[0].curves, right.recognizers[0].curves, strict=True):
        assert (mine.name, mine.role) == (exact.name, exact.role)
        assert exact.bounds is None
        low, high = mine.bounds.threshold
        assert low <= exact.curve.threshold <= high
        assert high - low <= 3 * 2.0 / cells + 1e-12
        inside = mine.curve.discard <= 0.6
        place = np.searchsorted(-exact.curve.kept, -mine.curve.kept[inside])
        if mine.role != "oracle":  # whose order is that of cosines, which are rounded otherwise
            np.testing.assert_array_equal(exact.curve.kept[place], mine.curve.kept[inside])
            apart = np.abs(exact.curve.fnmr[place] - mine.curve.fnmr[inside])
            assert apart.max() <= mine.bounds.fnmr + 1e-12
        for upto, (least, most) in mine.bounds.area.items():
            assert least - 1e-9 <= exact.curve.area(upto) <= most + 1e-9
            assert least - 1e-9 <= mine.areas[upto, "raw"].value <= most + 1e-9


def test_bounds_are_narrow_where_cells_are_fine_and_random_differs_from_the_oracle():
    vectors, qualities = world(1, 60, 30, 0)
    got = fiqa.evaluate(qualities, vectors, count=True, **HOW)
    areas = {}
    for curve in got.recognizers[0].curves:
        assert curve.bounds.fnmr < 0.002
        areas[curve.name] = curve.areas[0.6, "start"].value
    assert areas["oracle"] < areas["good"] < 0.95 < areas["wild"]


def test_all_pairs_of_one_identity_come_once_in_blocks(monkeypatch):
    monkeypatch.setattr(streams, "_ROWS", 4)
    monkeypatch.setattr(streams, "_CHUNK", 12)
    rng = np.random.default_rng(0)
    who = rng.integers(0, 4, 50)
    vectors = rng.normal(size=(50, 5))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = {}
    for first, second, similarity in streams.mated_blocks(vectors, who):
        assert len(first) <= 12
        for a, b, s in zip(first, second, similarity, strict=True):
            assert (min(a, b), max(a, b)) not in pairs
            pairs[min(a, b), max(a, b)] = s
    wanted = {(a, b) for b in range(50) for a in range(b) if who[a] == who[b]}
    assert set(pairs) == wanted
    assert len(wanted) == streams.mated_count(who)
    for (a, b), s in pairs.items():
        assert s == pytest.approx(unit[a] @ unit[b], abs=1e-6)


@pytest.mark.slow
def test_too_many_pairs_are_counted_and_told(tmp_path, monkeypatch):
    vectors, qualities = world(2, 30, 8, 0)
    write_embeddings(vectors, tmp_path / "e.npz")
    write_quality(qualities[0], tmp_path / "q.csv")
    few = fiqa.evaluate(qualities[0], vectors, **HOW)
    assert not few.settings["counted"]
    monkeypatch.setattr(evidence, "COUNTED", few.counts["mated"] - 1)
    asked = ["evaluate", "--quality", f"{tmp_path}/q.csv", "--embeddings", f"{tmp_path}/e.npz"]
    asked += ["--fmr", "0.02", "-o", str(tmp_path / "report")]
    ran = CliRunner().invoke(build(), asked)
    assert ran.exit_code == 0, ran.output
    assert "were counted and none was held" in ran.output
    numbers = json.loads((tmp_path / "report" / "numbers.json").read_text())
    assert numbers["settings"]["counted"] is True
    assert numbers["recognizers"][0]["methods"][0]["bounds"]["fnmr"] < 0.1
    side = json.loads((tmp_path / "report.json").read_text())
    assert "good" in json.dumps(side["counted"]), side.keys()
    ran = CliRunner().invoke(build(), [*asked, "--no-count", "--force"])
    assert "none was held" not in ran.output
    assert "rec" in (tmp_path / "report" / "verification.csv").read_text()
    # a protocol that needs the pairs holds them, however many they are
    assert not fiqa.evaluate(qualities[0], vectors, **HOW, protocol="clib").settings["counted"]


def test_pairs_of_equal_files_are_counted_out():
    vectors, qualities = world(3, 20, 6, 0)
    content = np.array([f"{k // 2:064x}" for k in range(len(vectors.id))])
    content[-1] = ""
    who = np.array([name.split("/")[0] for name in vectors.id])
    faces = Manifest(vectors.id, vectors.id, who, columns={"sha256": content})
    right = fiqa.evaluate(qualities, vectors, faces=faces, count=False, **HOW)
    got = fiqa.evaluate(qualities, vectors, faces=faces, count=True, **HOW)
    assert right.counts["duplicates"] > 3
    assert got.counts == right.counts
    assert got.recognizers[0].curves[0].curve.kept[0] == right.counts["mated"]


def test_what_cannot_be_counted_is_refused():
    vectors, qualities = world(4, 20, 4, 0)
    with pytest.raises(InputError, match="protocol iso alone"):
        fiqa.evaluate(qualities, vectors, count=True, protocol="crfiqa")
    pairs = Pairs(vectors.id, np.array([[0, 1], [0, 9]]), np.array([True, False]))
    with pytest.raises(InputError, match="a list of pairs"):
        fiqa.evaluate(qualities, vectors, count=True, pairs=pairs)
    alone = Embeddings(
        np.array([f"p{k}/0" for k in range(len(vectors.id))]),
        vectors.vector,
        vectors.norm,
        "rec",
    )
    other = Quality(alone.id, qualities[0].value, "q")
    with pytest.raises(EvidenceError, match="mated"):
        fiqa.evaluate(other, alone, count=True, fmr=0.02)
    with pytest.raises(EvidenceError, match="non-mated"):
        fiqa.evaluate(qualities, vectors, count=True, fmr=1e-9)


def test_counts_of_cells_are_those_of_their_pairs():
    rng = np.random.default_rng(5)
    scores = rng.uniform(-1, 1, 5000)
    one, other = (PairCounts(quality=(0, 1), cells=3, steps=2) for _ in range(2))
    one.add_nonmated(scores)
    other.add_nonmated_cells(np.histogram(scores, np.linspace(-1, 1, 4))[0])
    for counts in (one, other):
        counts.add_mated(scores, np.linspace(0, 1, 5000))
    assert one.pairs == other.pairs == (5000, 5000)
    np.testing.assert_array_equal(one.curve(fmr=0.1).low, other.curve(fmr=0.1).low)
