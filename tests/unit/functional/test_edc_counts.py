"""Error versus discard by counting: the exact curve lies between its bounds, however the pairs are
dealt out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.edc import discard_curve
from fiqa.functional.edc_counts import PairCounts


def drawn(seed: int, mated: int, nonmated: int, ties: int):
    """Similarities and worst qualities of mated pairs, and similarities of non-mated ones; the
    more `ties`, the finer the grid that they lie on (0: on none)."""
    rng = np.random.default_rng(seed)
    genuine = np.clip(rng.normal(0.5, 0.3, mated), -1.0, 1.0)
    impostor = np.clip(rng.normal(0.0, 0.3, nonmated), -1.0, 1.0)
    worst = rng.uniform(0, 1, mated)
    if ties:
        genuine, impostor, worst = (np.round(v * ties) / ties for v in (genuine, impostor, worst))
    return genuine, worst, impostor


def exact(genuine, worst, impostor, fmr):
    similarity = np.concatenate([genuine, impostor])
    mated = np.arange(len(similarity)) < len(genuine)
    quality = np.concatenate([worst, np.zeros(len(impostor))])
    return discard_curve(similarity, mated, np.stack([quality, quality], 1), fmr=fmr)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    mated=st.integers(1, 200),
    nonmated=st.integers(20, 200),
    ties=st.sampled_from([0, 3, 10, 64]),
    cells=st.sampled_from([2, 7, 64, 1000]),
    steps=st.sampled_from([1, 5, 64, 300]),
    upto=st.sampled_from([0.05, 0.3, 1.0]),
)
def test_the_exact_curve_lies_between_the_bounds(seed, mated, nonmated, ties, cells, steps, upto):
    genuine, worst, impostor = drawn(seed, mated, nonmated, ties)
    right = exact(genuine, worst, impostor, 0.1)
    counts = PairCounts(quality=(0, 1), cells=cells, steps=steps)
    counts.add_mated(genuine, worst)
    counts.add_nonmated(impostor)
    made = counts.curve(fmr=0.1)

    low, high = made.threshold
    assert low <= right.threshold <= high
    assert made.discard[0] == 0
    # every border keeps exactly the pairs that some point of the exact curve keeps
    place = np.searchsorted(-right.kept, -made.kept)
    np.testing.assert_array_equal(right.kept[place], made.kept)
    assert np.all(made.low <= right.fnmr[place] + 1e-12)
    assert np.all(right.fnmr[place] <= made.high + 1e-12)
    # no pair is in doubt but those of the threshold's own cell
    inside = np.count_nonzero((genuine >= low) & (genuine < high))
    assert made.error * made.kept.max() <= inside * made.kept.max() / made.kept.min() + 1e-9
    least, most = made.area(upto)
    assert least - 1e-9 <= right.area(upto) <= most + 1e-9


def test_cells_so_fine_that_no_two_values_share_one_give_the_exact_curve():
    genuine, worst, impostor = drawn(3, 400, 500, ties=50)
    right = exact(genuine, worst, impostor, 0.05)
    # borders between the grid's values, which are 1/50 apart
    counts = PairCounts(quality=(-0.01, 1.01), similarity=(-1.01, 1.01), cells=101, steps=51)
    counts.add_mated(genuine, worst)
    counts.add_nonmated(impostor)
    made = counts.curve(fmr=0.05)
    np.testing.assert_array_equal(made.kept, right.kept)
    np.testing.assert_allclose(made.high, right.fnmr, atol=1e-15)
    # the mated pairs at the very threshold are errors; counting cannot see that they are at it
    at = np.isclose(genuine, right.threshold)
    below = [
        np.mean((genuine < right.threshold - 1e-9)[worst >= q - 1e-9]) for q in np.unique(worst)
    ]
    assert at.any()
    np.testing.assert_allclose(made.low, below, atol=1e-15)


def test_parts_added_are_the_whole_in_any_order_and_size():
    genuine, worst, impostor = drawn(1, 1000, 3000, 0)
    whole = PairCounts(quality=(0, 1), cells=128, steps=32)
    whole.add_mated(genuine, worst)
    whole.add_nonmated(impostor)
    parts = [PairCounts(quality=(0, 1), cells=128, steps=32) for _ in range(3)]
    for number, part in enumerate(parts):
        part.add_mated(genuine[number::3], worst[number::3])
        for block in np.array_split(impostor[number::3].astype(np.float64), 4):
            part.add_nonmated(block)
    first, *others = parts
    for other in reversed(others):
        first.merge(other)
    assert first.pairs == whole.pairs == (1000, 3000)
    one, two = first.curve(fmr=0.01), whole.curve(fmr=0.01)
    for name in ("discard", "low", "high", "kept"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.threshold == two.threshold
    with pytest.raises(ShapeError, match="same cells"):
        first.merge(PairCounts(quality=(0, 1), cells=128, steps=33))


def test_float32_cosines_beyond_one_are_counted_and_nan_is_refused():
    counts = PairCounts(quality=(0, 100), cells=16, steps=4)
    counts.add_mated(np.float32([1.0000001, -1.0000001]), [100.0, 0.0])
    counts.add_nonmated(np.float32([0.1, 0.2, 0.3, 0.4]))
    made = counts.curve(fmr=0.3)
    assert made.kept.tolist() == [2, 1]
    assert made.high.tolist() == [0.5, 0.0]
    with pytest.raises(InputError):
        counts.add_nonmated([np.nan])


def test_what_counts_cannot_answer_is_refused():
    counts = PairCounts(quality=(0, 1))
    with pytest.raises(EvidenceError, match="mated"):
        counts.curve()
    counts.add_mated([0.5], [0.5])
    counts.add_nonmated([0.1] * 10)
    with pytest.raises(EvidenceError, match="at least 1000"):
        counts.curve()
    with pytest.raises(InputError, match="scale"):
        PairCounts(quality=(1, 1))
    with pytest.raises(InputError, match="steps"):
        PairCounts(quality=(0, 1), steps=0)
