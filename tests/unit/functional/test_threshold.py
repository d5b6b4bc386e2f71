"""The cut against a search over every cut, its costs against counting, its refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.threshold import choose_cut

pytestmark = pytest.mark.numeric

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def data(
    seed: int = 0, people: int = 300, each: int = 4, *, noise: float = 0.15, levels: int = 0
) -> Data:
    """(similarity, mated, index, quality, identities) of a recognizer that fails on bad images."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    quality = rng.random(len(who))
    if levels:
        quality = np.round(quality * levels) / levels
    i, j = np.triu_indices(each, 1)
    mated = (np.arange(people)[:, None, None] * each + np.stack([i, j], 1)).reshape(-1, 2)
    other = rng.integers(0, len(who), (20_000, 2))
    other = other[who[other[:, 0]] != who[other[:, 1]]]
    index = np.r_[mated, other]
    same = np.arange(len(index)) < len(mated)
    base = np.where(same, 0.2 + np.minimum(0.6, quality[index].min(axis=1)), 0.0)
    return base + rng.normal(scale=noise, size=len(index)), same, index, quality, who


def slow(given: Data, fnmr: float, fmr: float) -> float:
    similarity, same, index, quality, _ = given
    impostor = np.sort(similarity[~same])[::-1]
    threshold = impostor[int(fmr * len(impostor))]
    for cut in np.unique(quality):
        keep = same & (quality[index] >= cut).all(axis=1)
        if keep.sum() * fnmr >= 3 and np.mean(similarity[keep] <= threshold) <= fnmr:
            return float(cut)
    raise AssertionError


@pytest.mark.parametrize("levels", [0, 20])
def test_the_lowest_cut_that_reaches_the_fnmr(levels: int) -> None:
    given = data(levels=levels)
    cut = choose_cut(*given, fnmr=0.05, fmr=0.01)
    similarity, same, index, quality, _ = given
    keep = (quality[index] >= cut.cut.value).all(axis=1)
    wanted = (quality[index] >= slow(given, 0.05, 0.01)).all(axis=1)
    np.testing.assert_array_equal(keep[same], wanted[same])  # no pair lies between the two cuts
    assert cut.fnmr.value <= 0.05 < cut.fnmr_start
    failed = similarity <= cut.threshold
    assert (cut.mated, cut.errors) == (same.sum(), (failed & same).sum())
    assert (cut.mated_kept, cut.errors_kept) == ((same & keep).sum(), (failed & same & keep).sum())
    assert cut.fnmr.value == pytest.approx(cut.errors_kept / cut.mated_kept)
    assert cut.coverage.value == pytest.approx(np.mean(quality >= cut.cut.value))
    assert cut.fmr_kept == pytest.approx(np.mean(~failed[~same & keep]))
    assert (cut.images, cut.identities, cut.nonmated) == (1200, 300, (~same).sum())
    for interval in (cut.cut, cut.coverage, cut.fnmr):
        assert interval.low <= interval.value <= interval.high
        assert interval.low < interval.high
    assert (cut.wanted_fnmr, cut.wanted_coverage, cut.fmr) == (0.05, None, 0.01)


def test_a_wanted_coverage() -> None:
    given = data()
    cut = choose_cut(*given, coverage=0.8, fmr=0.01)
    quality = given[3]
    assert np.mean(quality >= cut.cut.value) >= 0.8
    assert np.mean(quality > cut.cut.value) < 0.8
    assert (cut.wanted_fnmr, cut.wanted_coverage) == (None, 0.8)
    assert cut.cut.low < cut.cut.value < cut.cut.high
    assert choose_cut(*given, coverage=1.0, fmr=0.01).coverage.value == 1.0


def test_a_goal_already_reached_keeps_everything() -> None:
    given = data()
    cut = choose_cut(*given, fnmr=0.9, fmr=0.01)
    assert cut.cut.value == given[3].min()
    assert cut.coverage.value == 1.0


def test_each_parameter_changes_the_cut() -> None:
    given = data()
    base = choose_cut(*given, fnmr=0.05, fmr=0.01)
    assert choose_cut(*given, fnmr=0.05, fmr=0.01) == base
    assert choose_cut(*given, fnmr=0.1, fmr=0.01).cut.value < base.cut.value
    assert choose_cut(*given, fnmr=0.05, fmr=0.1).cut.value < base.cut.value
    assert choose_cut(*given, fnmr=0.05, fmr=0.01, seed=1).cut != base.cut
    narrow = choose_cut(*given, fnmr=0.05, fmr=0.01, level=0.5).cut
    assert narrow.high - narrow.low < base.cut.high - base.cut.low
    assert choose_cut(*given, fnmr=0.05, fmr=0.01, draws=50).cut.draws == 50


def test_more_people_make_a_surer_cut() -> None:
    few, many = (choose_cut(*data(1, people=n), fnmr=0.08, fmr=0.01).cut for n in (150, 1500))
    assert many.high - many.low < 0.6 * (few.high - few.low)


def test_groups_are_costed_as_given() -> None:
    similarity, same, index, quality, who = data()
    names = np.where(who < 100, "north", "south")
    quality = np.where(names == "north", quality * 0.7, quality)
    cut = choose_cut(similarity, same, index, quality, who, coverage=0.7, fmr=0.01, groups=names)
    north, south = cut.groups
    assert (north.name, south.name, north.images, south.images) == ("north", "south", 400, 800)
    assert north.discarded > south.discarded
    assert north.discarded == pytest.approx(np.mean(quality[names == "north"] < cut.cut.value))
    assert north.discarded_gap == pytest.approx(north.discarded - (1 - cut.coverage.value))
    assert north.mated + south.mated == cut.mated_kept
    assert north.errors + south.errors == cut.errors_kept
    assert north.fnmr is not None
    assert north.fnmr_gap == pytest.approx(north.errors / north.mated - cut.fnmr.value)
    assert north.fnmr_start is not None
    alone = np.where(np.arange(len(who)) == 0, "single", names)
    single = {
        g.name: g
        for g in choose_cut(
            similarity, same, index, quality, who, coverage=0.7, fmr=0.01, groups=alone
        ).groups
    }["single"]
    assert (single.images, single.mated, single.fnmr, single.fnmr_gap, single.fnmr_start) == (
        1,
        0,
        None,
        None,
        None,
    )
    assert choose_cut(similarity, same, index, quality, who, coverage=0.7, fmr=0.01).groups == ()


def test_images_without_a_mate_count_for_coverage() -> None:
    similarity, same, index, quality, who = data()
    lone = np.r_[quality, np.full(600, 2.0)], np.r_[who, 1000 + np.arange(600)]
    cut = choose_cut(similarity, same, index, *lone, coverage=0.8, fmr=0.01)
    assert (cut.images, cut.identities) == (1800, 300)
    assert np.mean(lone[0] >= cut.cut.value) >= 0.8


# --- refusals
# ------------------------------------------------------------------------------------------------


def test_refuses_an_fnmr_that_so_few_pairs_cannot_show() -> None:
    with pytest.raises(
        EvidenceError,
        match=r"(?s)FNMR of 0.001 needs at least 3000 mated pairs \(the rule of three\), got 1800"
        r".*hint: .*--coverage 0.9",
    ):
        choose_cut(*data(), fnmr=0.001, fmr=0.01)


def test_refuses_an_fnmr_that_no_cut_reaches() -> None:
    similarity, same, index, quality, who = data()
    unrelated = np.random.default_rng(5).random(len(quality))
    with pytest.raises(
        EvidenceError,
        match=(
            r"No cut that leaves the 150 mated pairs .* reaches it: the lowest FNMR is 0.\d+ at the"
            r" cut .* of 1800 pairs left"
        ),
    ):
        choose_cut(similarity, same, index, unrelated, who, fnmr=0.02, fmr=0.01)


def test_refuses_a_cut_without_an_upper_limit() -> None:
    """One person of ten has all the errors, at every quality: drawn twice, as in a quarter of the
    resamples, nothing reaches the FNMR."""
    _, same, index, quality, who = data(people=10, each=10)
    similarity = np.where(same, np.where(who[index[:, 0]] == 0, -1.0, 1.0), 0.0)
    with pytest.raises(
        EvidenceError,
        match=(
            r"In \d+ of 200 resamples .* no cut reaches an FNMR of 0.1, so the cut 1 has no upper"
            r" limit"
        ),
    ):
        choose_cut(similarity, same, index, np.ones_like(quality), who, fnmr=0.1, fmr=0.01)


def test_refuses_an_fmr_below_what_the_pairs_resolve() -> None:
    with pytest.raises(EvidenceError, match="needs at least 1000000 non-mated pairs"):
        choose_cut(*data(), fnmr=0.05, fmr=1e-6)


def bad(position: int, value: Any) -> tuple[Any, ...]:
    given = list(data(people=20))
    given[position] = value
    return tuple(given)


def test_refuses_wrong_input() -> None:
    given = data(people=20)
    with pytest.raises(
        InputError,
        match="Exactly one of fnmr and coverage must be given, got fnmr=None and coverage=None",
    ):
        choose_cut(*given)
    with pytest.raises(InputError, match=r"Exactly one of fnmr and coverage"):
        choose_cut(*given, fnmr=0.1, coverage=0.9)
    with pytest.raises(InputError, match="fnmr must be in"):
        choose_cut(*given, fnmr=0.0)
    with pytest.raises(InputError, match="coverage must be in"):
        choose_cut(*given, coverage=1.5)
    with pytest.raises(InputError, match=r"index must lie in 0\.\.79"):
        choose_cut(*bad(2, given[2] + 79), coverage=0.9, fmr=0.01)
    with pytest.raises(InputError, match="quality must be finite"):
        choose_cut(*bad(3, given[3] * np.nan), coverage=0.9, fmr=0.01)
    with pytest.raises(InputError, match="A mated pair must be of one identity, got"):
        choose_cut(*bad(4, np.arange(80)), coverage=0.9, fmr=0.01)
    with pytest.raises(ShapeError, match="identities must have shape"):
        choose_cut(*bad(4, given[4][:5]), coverage=0.9, fmr=0.01)
    with pytest.raises(EvidenceError, match="at least 2 identities, got 1"):
        choose_cut(*bad(4, np.zeros(80)), coverage=0.9, fmr=0.01)
    with pytest.raises(ShapeError, match="groups must have shape"):
        choose_cut(*given, coverage=0.9, fmr=0.01, groups=["a"])
