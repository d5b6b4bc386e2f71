"""Boxes that move, who is who, and cuts."""

from __future__ import annotations

import numpy as np

from fiqa.faces.tracking import Motion, SceneCuts, in_contact, match


def moving(start: float, speed: float, time: float) -> np.ndarray:
    return np.array([start + speed * time, 50.0, 40.0, 50.0])


def test_constant_velocity_is_met_exactly() -> None:
    motion = Motion(moving(10, 60, 0.0), 0.0)
    for time in (0.1, 0.2, 0.3):
        motion.seen(moving(10, 60, time), time)
    assert np.allclose(motion.at(0.8), moving(10, 60, 0.8))


def test_a_face_that_grows_keeps_its_center() -> None:
    motion = Motion(np.array([10.0, 10, 20, 20]), 0.0)
    motion.seen(np.array([5.0, 5, 30, 30]), 0.1)
    assert np.allclose(motion.velocity, 0.0)
    assert np.allclose(motion.at(0.5), [5, 5, 30, 30])


def test_two_that_cross_keep_their_ways() -> None:
    """At the crossing the boxes cover each other; only the velocity tells them apart."""
    ways = ((0.0, 100.0), (195.0, -100.0))
    motions = [Motion(moving(start, speed, 0.0), 0.0) for start, speed in ways]
    for step in range(1, 21):
        time = step / 10
        boxes = np.stack([moving(start, speed, time) for start, speed in ways])
        pairs = match(motions, boxes[::-1], time)
        assert pairs.tolist() == [[0, 1], [1, 0]]
        for row, column in pairs:
            motions[row].seen(boxes[::-1][column], time)


def test_likeness_decides_where_overlap_cannot() -> None:
    motions = [Motion(np.array([0.0, 0, 40, 50]), 0.0), Motion(np.array([6.0, 0, 40, 50]), 0.0)]
    boxes = np.array([[2.0, 0, 40, 50], [4.0, 0, 40, 50]])
    assert match(motions, boxes, 0.1).tolist() == [[0, 0], [1, 1]]
    like = np.array([[0.1, 0.9], [0.8, 0.0]])
    assert match(motions, boxes, 0.1, likeness=like).tolist() == [[0, 1], [1, 0]]
    # what was not asked says nothing
    unknown = np.full((2, 2), np.nan)
    assert match(motions, boxes, 0.1, likeness=unknown).tolist() == [[0, 0], [1, 1]]


def test_likeness_never_reaches_across_the_frame() -> None:
    motions = [Motion(np.array([0.0, 0, 40, 50]), 0.0)]
    far = np.array([[300.0, 0, 40, 50]])
    assert match(motions, far, 0.1, likeness=np.array([[1.0]])).tolist() == []
    assert match([], far, 0.1).shape == match(motions, far[:0], 0.1).shape == (0, 2)


def test_contact() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [8, 0, 10, 10], [60, 0, 10, 10]])
    assert in_contact(boxes).tolist() == [True, True, False]
    assert in_contact(boxes[:1]).tolist() == [False]


def test_cuts_are_other_scenes_and_nothing_else(rng: np.random.Generator) -> None:
    scenes = [np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((20, 20, 1))) for _ in range(2)]
    cuts = SceneCuts()

    def seen(scene: int, gain: float = 1.0, shift: int = 0) -> bool:
        moved = np.roll(scenes[scene], shift, axis=1) * gain
        return cuts.seen(np.clip(moved + rng.normal(0, 4, moved.shape), 0, 255).astype(np.uint8))

    assert not seen(0)
    assert not any(seen(0, shift=i) for i in range(10))
    # a tunnel darkens the whole frame
    assert not any(seen(0, gain, 9) for gain in (0.8, 0.6, 0.5))
    assert seen(1)
    assert not any(seen(1) for _ in range(5))
    cuts.forget()
    assert not seen(0)
