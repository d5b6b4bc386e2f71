"""What checks of identity conclude, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.streams.identity import Identity, cosine
from fiqa.streams.shots import Shot, Shots, chosen_shots
from fiqa.types import BestShot

ANN, BEN = (np.eye(4, dtype=np.float32)[i] for i in range(2))
NEAR_ANN = np.array([0.9, 0.0, np.sqrt(0.19), 0.0], np.float32)


def test_two_confident_disagreements_in_a_row_split() -> None:
    one = Identity(0.4, 0.4)
    assert one.check(0, 0.6, ANN) == "agree"
    assert one.check(10, 0.6, NEAR_ANN) == "agree"
    assert one.check(20, 0.6, BEN) == "disagree"
    assert one.check(23, 0.6, ANN) == "agree"
    assert one.check(30, 0.6, BEN) == "disagree"
    assert one.check(33, 0.6, BEN) == "split"
    other = one.part()
    assert one.likeness(BEN) < 0.1 < 0.9 < other.likeness(BEN)
    # the doubts were of the other face; the one in the middle counts against this one
    assert one.purity == pytest.approx(3 / 4)
    assert other.purity == 1.0


def test_a_bad_frame_says_nothing_against() -> None:
    one = Identity(0.4, 0.4)
    one.check(0, 0.6, ANN)
    assert [one.check(frame, 0.2, BEN) for frame in (10, 20, 30)] == ["unsure"] * 3
    assert one.purity == 1.0


def test_what_began_with_bad_frames_begins_anew_with_the_first_good_one() -> None:
    one = Identity(0.4, 0.4)
    assert one.check(0, 0.1, BEN) == "agree"
    assert one.check(3, 0.6, ANN) == "anew"
    assert one.likeness(ANN) == pytest.approx(1.0)


def test_the_template_is_weighted_by_quality() -> None:
    one = Identity(0.4, 0.4)
    one.check(0, 0.8, ANN)
    one.check(10, 0.2, NEAR_ANN)
    expected = 0.8 * ANN + 0.2 * NEAR_ANN
    assert one.template is not None
    assert cosine(one.template, expected / np.linalg.norm(expected)) == pytest.approx(1.0)
    assert np.isnan(Identity(0.4, 0.4).likeness(ANN))


def shot(frame: int, quality: float, above: bool = True) -> Shot:
    crop = np.full((112, 112, 3), frame, np.uint8)
    return Shot(
        BestShot(frame, frame / 10, quality, quality, np.zeros(4), np.zeros((5, 2)), crop), above
    )


def test_only_what_lies_between_two_agreements_can_be_chosen() -> None:
    shots = Shots(2, 1.0, guarded=True)
    shots.add(shot(0, 0.6))
    shots.release()
    shots.add(shot(10, 0.9))
    shots.drop()
    shots.add(shot(20, 0.7))
    shots.release()
    shots.add(shot(30, 0.9))
    assert [kept.best.frame for kept in shots.proved] == [0, 20]
    best, below = chosen_shots(shots.proved, k=2, gap=1.0)
    assert [one.frame for one in best] == [20, 0]
    assert not below


def test_a_pick_that_fails_the_last_check_is_replaced() -> None:
    shots = [shot(0, 0.6), shot(10, 0.9), shot(20, 0.7)]

    def embed(crops: list[np.ndarray]) -> np.ndarray:
        return np.stack([BEN if crop[0, 0, 0] == 10 else ANN for crop in crops])

    best, _ = chosen_shots(
        shots, k=3, gap=0.5, embed=embed, mine=lambda vector: cosine(vector, ANN) > 0.4
    )
    assert [one.frame for one in best] == [20, 0]
    assert all(one.vector is not None for one in best)
    nobody, below = chosen_shots(shots, k=3, gap=0.5, embed=embed, mine=lambda vector: False)
    assert (nobody, below) == ((), False)


def test_a_full_store_lets_go_of_what_is_below_the_floor_first() -> None:
    shots = Shots(1, 1.0, guarded=False)
    for one in (shot(0, 0.45, above=False), shot(10, 0.6), shot(20, 0.7), shot(30, 0.41, False)):
        shots.add(one)
    assert [kept.best.frame for kept in shots.proved] == [10, 20]
    assert len(shots) == 2
