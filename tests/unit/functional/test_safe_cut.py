"""The safe cut: how it is chosen from the limits, how often it holds on other people, and the curve
it is chosen from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiqa.functional.cut_evidence import CutEvidence
from fiqa.functional.safe_cut import cut_curve, safe_cut
from fiqa.functional.threshold import choose_cut, typed_cut

pytestmark = pytest.mark.numeric

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def world(seed: int, people: int = 250, each: int = 4) -> Data:
    """People some of whom fail with nearly all of their pairs, as wrong labels and beards do."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    quality = np.round(rng.random(len(who)), 3)
    i, j = np.triu_indices(each, 1)
    mated = (np.arange(people)[:, None, None] * each + np.stack([i, j], 1)).reshape(-1, 2)
    other = rng.integers(0, len(who), (4000, 2))
    other = other[who[other[:, 0]] != who[other[:, 1]]]
    index = np.r_[mated, other]
    same = np.arange(len(index)) < len(mated)
    odd = rng.random(people) < 0.012
    chance = np.where(
        odd[who[mated[:, 0]]], 0.3, 0.12 * np.clip(1 - 2 * quality[mated].min(axis=1), 0, None)
    )
    similarity = np.zeros(len(index))
    similarity[same] = np.where(rng.random(len(mated)) < chance, -0.1, 0.9)
    similarity[~same] = np.where(rng.random(len(other)) < 0.01, 0.5, 0.0)
    return similarity, same, index, quality, who


def held(data: Data, fmr: float = 0.02) -> CutEvidence:
    return CutEvidence(*data, fmr=fmr)


def test_the_curve_is_what_each_cut_does() -> None:
    data = world(0)
    evidence = held(data)
    curve = cut_curve(evidence, 0.9)
    similarity, same, index, quality, _ = data
    assert np.all(np.diff(curve.cut) > 0)
    assert curve.coverage[0] == 1.0
    for place in range(0, len(curve.cut), 60):
        kept = (quality[index] >= curve.cut[place]).all(axis=1) & same
        assert curve.kept[place] == kept.sum()
        assert curve.fnmr[place] == pytest.approx(np.mean(similarity[kept] <= evidence.threshold))
        assert curve.coverage[place] == pytest.approx(np.mean(quality >= curve.cut[place]))
    assert np.all(curve.limit > curve.fnmr)
    assert np.all(cut_curve(evidence, 0.99).limit > curve.limit)


@pytest.mark.parametrize("wanted", [0.02, 0.04, 0.06])
def test_every_cut_from_the_surest_down_to_the_chosen_one_stays_within(wanted: float) -> None:
    evidence = held(world(1))
    curve = cut_curve(evidence, 0.9)
    safe = safe_cut(evidence, curve, fnmr=wanted)
    limit = np.where(curve.kept * wanted >= 3, curve.limit, np.inf)
    surest = int(np.argmin(limit))
    if safe.effect is None:
        assert limit[surest] > wanted
        return
    place = int(np.searchsorted(curve.cut, safe.effect.cut))
    assert np.all(limit[place : surest + 1] <= wanted)
    assert place == 0 or limit[place - 1] > wanted, "and no lower one could be added"
    assert safe.limit == curve.limit[place]
    assert safe.effect.fnmr == pytest.approx(curve.fnmr[place])


def test_it_holds_on_other_people_where_the_plain_cut_misses() -> None:
    """Cuts from 250 people tried on 250 others, 40 times; the margins are far from what chance
    gives."""
    wanted, plain, safe, chosen = 0.04, 0, 0, 0
    for seed in range(40):
        cut = choose_cut(*world(seed), fnmr=wanted, fmr=0.02, draws=2, level=0.02)
        similarity, same, index, quality, _ = world(seed + 5000)

        def misses(at: float) -> bool:
            kept = (quality[index] >= at).all(axis=1) & same  # noqa: B023
            return bool(np.mean(similarity[kept] <= cut.threshold) > wanted)  # noqa: B023

        plain += misses(cut.cut.value)
        if cut.safe.effect is not None:
            chosen += 1
            safe += misses(cut.safe.effect.cut)
    assert 12 <= plain <= 32
    assert safe <= 8
    assert chosen >= 28, "a cut that is always refused holds too, and helps nobody"


def test_a_coverage_that_holds_for_others_is_lower_than_that_here() -> None:
    cut = choose_cut(*world(2), coverage=0.8, fmr=0.02, draws=10)
    safe = cut.safe
    assert safe.effect is not None
    assert safe.effect.cut < cut.cut.value
    assert safe.effect.coverage > 0.8
    assert safe.limit >= 0.8
    quality = world(2)[3]
    higher = np.min(quality[quality > safe.effect.cut])
    lost = held(world(2)).discarded(float(higher))
    assert lost.upper(0.9, ahead=True) > 0.2, "the next cut would not hold"
    everything = choose_cut(*world(2), coverage=1.0, fmr=0.02, draws=10)
    assert everything.safe.effect is None
    assert everything.safe.people_missing is None


def test_a_goal_that_is_reached_without_a_cut_is_safe_without_one() -> None:
    cut = choose_cut(*world(3), fnmr=0.3, fmr=0.02, draws=10)
    assert cut.safe.effect is not None
    assert cut.safe.effect.coverage == 1.0


def copies(data: Data, times: int) -> Data:
    """The same people several times over."""
    similarity, same, index, quality, who = data
    step, people = len(quality), int(who.max()) + 1
    return (
        np.tile(similarity, times), np.tile(same, times),
        np.concatenate([index + k * step for k in range(times)]), np.tile(quality, times),
        np.concatenate([who + k * people for k in range(times)]),
    )  # fmt: skip


def test_what_is_missing_where_there_is_no_safe_cut() -> None:
    data = world(4, people=40)
    cut = choose_cut(*data, fnmr=0.04, fmr=0.02, draws=10, level=0.1)
    assert cut.safe.effect is None
    assert cut.safe.limit > 0.04
    assert cut.safe.people == 40
    assert cut.safe.people_missing is not None
    times = -(-(40 + cut.safe.people_missing) // 40)
    assert choose_cut(*copies(data, times), fnmr=0.04, fmr=0.02, draws=2).safe.effect is not None
    if times > 2:
        assert (
            choose_cut(*copies(data, times - 2), fnmr=0.04, fmr=0.02, draws=2).safe.effect is None
        )


def test_the_integer_cut_is_chosen_among_integers() -> None:
    similarity, same, index, quality, who = world(5)
    hundred = np.floor(quality * 20) * 5
    cut = choose_cut(
        similarity, same, index, quality, who, fnmr=0.04, fmr=0.02, hundred=hundred, draws=10
    )
    assert cut.hundred is not None

    def fnmr(at: float) -> float:
        kept = (hundred[index] >= at).all(axis=1) & same
        return float(np.mean(similarity[kept] <= cut.threshold))

    good = [at for at in range(96) if fnmr(at) <= 0.04]
    assert cut.hundred.effect is not None
    assert cut.hundred.effect.cut == good[0]
    safe = cut.hundred.safe.effect
    assert safe is not None
    assert safe.cut >= good[0]
    assert safe.fnmr == pytest.approx(fnmr(safe.cut))
    assert safe.coverage == pytest.approx(np.mean(hundred >= safe.cut))
    assert (safe.matches, safe.nonmated) == (
        np.sum((hundred[index] >= safe.cut).all(axis=1) & ~same & (similarity > cut.threshold)),
        np.sum((hundred[index] >= safe.cut).all(axis=1) & ~same),
    )


def test_the_lowest_cut_keeps_images_that_cost_nothing() -> None:
    """Images of people without mates lie between two pairs: nothing is lost by keeping them."""
    similarity, same, index, quality, who = world(6)
    plain = choose_cut(
        similarity, same, index, quality, who, fnmr=0.04, fmr=0.02, draws=10
    ).cut.value
    worst = np.unique(quality[index[same]].min(axis=1))
    below = worst[np.searchsorted(worst, plain) - 1]
    lone = (below + plain) / 2
    more = np.append(quality, lone), np.append(who, 10_000)
    assert (
        choose_cut(similarity, same, index, *more, fnmr=0.04, fmr=0.02, draws=10).cut.value == lone
    )


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_typed_cut_keeps_what_the_cut_keeps(kind: Any) -> None:
    rng = np.random.default_rng(8)
    for scale in (1.0, 1e-6, 1e6, 1e-30):
        near = (0.8 + rng.random(300) * 1e-5).astype(kind) * kind(scale)
        values = np.r_[near, -near].astype(np.float64)
        for cut in rng.choice(values, 20):
            typed = typed_cut(float(cut), values)
            assert np.array_equal(values >= float(typed), values >= cut)
            single = values.astype(kind)
            assert np.array_equal(single >= kind(typed), single >= kind(cut))
            assert kind(typed) == kind(cut), "it names the cut itself"
            assert len(typed) <= len(repr(float(cut))) + 8


def test_a_typed_cut_is_short() -> None:
    assert typed_cut(0.55, np.array([0.55, 0.7])) == "0.55"
    assert typed_cut(60.0, np.array([60.0, 61.0])) == "60"
    assert typed_cut(0.0, np.array([0.0, 1.0])) == "0"
    assert typed_cut(0.1 + 0.2, np.array([0.3, 0.1 + 0.2])) == "0.30000000000000004"
