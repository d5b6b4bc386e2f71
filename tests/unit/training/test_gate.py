"""The int8 gate: each of its three terms refuses with all numbers, and the area is that of a slow
loop written apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqa.data.embeddings import write_embeddings
from fiqa.errors import EvidenceError, InputError
from fiqa.training.gate import Gate, Mates, judged, mates
from fiqa.types import Embeddings, Manifest

pytestmark = pytest.mark.numeric


def slow_area(similarity: list[float], quality: list[float]) -> float:
    """Mean FNMR over discards 0 to .3 relative to the FNMR at 0: the threshold is where 5 % fail,
    discarded one by one (no two qualities are equal)."""
    threshold = sorted(similarity)[round(0.05 * len(similarity)) - 1]
    order = sorted(range(len(similarity)), key=lambda i: quality[i])
    total, n, step = 0.0, len(similarity), 1 / 10_000
    for k in range(int(0.3 / step)):
        gone = int(np.floor(k * step * n + 1e-9))
        left = [similarity[i] for i in order[gone:]]
        total += sum(value <= threshold for value in left) / len(left) * step
    return total / 0.3 / (sum(value <= threshold for value in similarity) / n)


def test_the_area_is_that_of_a_slow_loop(rng):
    similarity = rng.random(60).astype(np.float32)
    index = np.arange(120).reshape(60, 2)
    scores = rng.random(120).astype(np.float32)
    found = Mates(np.arange(120), index, similarity).area(scores)
    assert found == pytest.approx(
        slow_area(similarity.tolist(), scores[index].min(axis=1).tolist()), abs=0.01
    )
    assert 0 < found < 2


@pytest.fixture
def table(rng, tmp_path: Path):
    """Six people with five images each and one nobody, and vectors of all but the last two
    images."""
    ids = np.array(
        [f"p{person}/{k}" for person in range(6) for k in range(5)] + ["alone", "nobody"]
    )
    identity = np.array([name.partition("/")[0] for name in ids[:30]] + ["", ""])
    vector = rng.normal(size=(30, 8)).astype(np.float32)
    norm = np.linalg.norm(vector, axis=1)
    order = rng.permutation(30)
    file = tmp_path / "v.npz"
    write_embeddings(
        Embeddings(ids[:30][order], (vector / norm[:, None])[order], norm[order], "r"), file
    )
    manifest = Manifest(ids, ids, identity, np.full(32, ""), np.full(32, "ok"))
    return file, manifest, ids, vector / norm[:, None]


def test_mates_are_the_pairs_of_one_person_joined_by_id(table):
    file, manifest, ids, unit = table
    rows = np.array([31, 0, 2, 4, *range(10, 25), 30])
    found = mates(file, manifest, ids, rows)
    assert sorted(found.rows.tolist()) == [0, 2, 4, *range(10, 25)]
    pairs = found.rows[found.index]
    assert len(pairs) == 3 + 3 * 10
    for (a, b), similarity in zip(pairs, found.similarity, strict=True):
        assert ids[a][:2] == ids[b][:2]
        assert a != b
        assert similarity == pytest.approx(float(unit[a] @ unit[b]), abs=1e-5)


def test_too_few_mates_are_an_error_that_counts_them(table):
    file, manifest, ids, _ = table
    expected = (
        r"needs at least 20 mated pairs among the held-out images, got 10 \(5 of 6 images have a"
        r" vector\)"
    )
    with pytest.raises(EvidenceError, match=expected):
        mates(file, manifest, ids, np.array([0, 1, 2, 3, 4, 31]))
    with pytest.raises(EvidenceError, match=r"got 0 \(0 of 0 images"):
        mates(file, manifest, ids, np.empty(0, np.int64))


def test_each_term_of_the_gate_refuses_with_all_numbers(rng):
    full = rng.random(200).astype(np.float32)
    close = full + rng.normal(0, 1e-3, 200).astype(np.float32)
    found = judged(full, close, Gate(), (0.5, 0.51))
    assert found["spearman"] > 0.999
    assert (found["area"], found["area_fp32"], found["area_int8"]) == (
        pytest.approx(0.01),
        0.5,
        0.51,
    )
    assert judged(full, close, Gate())["area"] == "not measured, no embeddings were given"
    with pytest.raises(
        EvidenceError,
        match=(
            r"the area under the discard curve to 0\.3 is 0\.5300 against 0\.5000 \(at most 0\.02"
            r" more\)"
        ),
    ):
        judged(full, close, Gate(), (0.5, 0.53))
    judged(full, close, Gate(area=0.04), (0.5, 0.53))
    judged(full, close, Gate(), (0.5, 0.1))
    with pytest.raises(
        EvidenceError,
        match=(
            r"on 200 held-out crops Spearman against fp32 is -1\.0000 \(at least 0\.99\).*0\.5000"
            r" against 0\.5000"
        ),
    ):
        judged(full, -full, Gate(), (0.5, 0.5))
    with pytest.raises(
        EvidenceError,
        match=(
            r"Spearman against fp32 is 0\.0000 .* changes by -100\.0%.*not measured, no embeddings"
        ),
    ):
        judged(full, np.zeros_like(full), Gate())
    with pytest.raises(EvidenceError, match=r"the spread changes by \+100\.0% \(at most 10%\)"):
        judged(full, 2 * full, Gate())
    judged(full, 2 * full, Gate(spread=1.01))


def test_a_gate_out_of_range_is_an_error():
    with pytest.raises(InputError, match=r"gate\.spearman must be in \[-1, 1\], got 2"):
        Gate(spearman=2)
    with pytest.raises(InputError, match=r"gate\.spread must be in \[0, inf\], got -1"):
        Gate(spread=-1)
    with pytest.raises(InputError, match=r"gate\.area must be in \[0, inf\], got -0\.1"):
        Gate(area=-0.1)
