"""Deliberate degradations: identity at 0, the same damage in any batch, growing damage along a
ladder, and a Faces that stays true."""

from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fiqa.errors import InputError, UnknownNameError
from fiqa.faces.degrade import KINDS, PRESETS, Kind, degrade, ladder, random_degradation
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces
from fiqa.vocabulary import ADVICE, FACTORS

pytestmark = pytest.mark.numeric


def drawn_face(size: int = 112, tone: float = 1.0) -> NDArray[np.uint8]:
    """A face-like picture: skin oval, dark eyes and mouth, textured background."""
    scale = size / 112
    image = np.full((size, size, 3), (70, 95, 120), np.uint8)
    image[:: max(2, size // 14)] += 40
    cv2.ellipse(
        image,
        (size // 2, int(0.6 * size)),
        (int(38 * scale), int(52 * scale)),
        0,
        0,
        360,
        (205, 160, 135),
        -1,
    )
    for x, y in TEMPLATE[:2] * scale:
        cv2.circle(image, (int(x), int(y)), int(5 * scale), (40, 30, 30), -1)
    cv2.ellipse(
        image,
        (int(56 * scale), int(92 * scale)),
        (int(15 * scale), int(4 * scale)),
        0,
        0,
        360,
        (150, 60, 70),
        -1,
    )
    return np.clip(image * tone, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def faces() -> Faces:
    crops = np.stack([drawn_face(tone=t) for t in (0.7, 0.85, 1.0, 1.15)])
    return Faces(
        crops,
        landmarks=np.repeat(TEMPLATE[None].astype(np.float32), 4, axis=0),
        inside=np.ones((4, 112, 112), bool),
        eye_distance=np.array([30, 60, 120, np.nan], np.float32),
        grey=np.zeros(4, bool),
        roll=np.array([0, 5, -20, 90], np.float32),
        seen=np.array([False, True, False, True]),
    )


def same(a: Faces, b: Faces) -> bool:
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(Faces)]
    return all(
        (x is None and y is None) or np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
        for x, y in pairs
    )


def test_the_table_speaks_the_vocabulary() -> None:
    assert set(KINDS) == {
        "blur", "defocus", "motion", "noise", "jpeg", "low_light", "over_exposure", "glare",
        "side_light", "mask", "hand", "sunglasses",
        "truncation", "low_resolution", "rotation", "shift", "nir",
    }  # fmt: skip
    for name, kind in KINDS.items():
        assert isinstance(kind, Kind)
        assert kind.name == name
        assert kind.lowers in FACTORS
        assert kind.reason in ADVICE
        assert kind.sentence.endswith(".")
    assert {kind.lowers for kind in KINDS.values()} == set(FACTORS)
    for chances in PRESETS.values():
        assert set(chances) <= set(KINDS)
        assert all(0 < p < 1 for p in chances.values())


@pytest.mark.parametrize("kind", KINDS)
def test_strength_zero_is_the_identity(faces: Faces, kind: str) -> None:
    assert same(degrade(faces, kind, 0.0), faces)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_grows_along_the_ladder_for_every_face(faces: Faces, kind: str) -> None:
    rungs = ladder(faces, kind, steps=5, seed=3)
    assert same(rungs[0], faces)
    assert same(rungs[2], degrade(faces, kind, 0.5, seed=3))
    clean = (
        degrade(faces, kind, 1e-4).crops if kind == "nir" else faces.crops
    )  # the color goes at once
    distance = np.array(
        [np.abs(rung.crops - clean.astype(float)).mean(axis=(1, 2, 3)) for rung in rungs]
    )
    assert np.all(np.diff(distance.mean(axis=1))[kind == "nir" :] > 0.05)
    assert np.all(distance[-1] > distance[1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_input_is_not_changed_and_the_same_seed_does_the_same(faces: Faces, kind: str) -> None:
    before = Faces(**{f.name: getattr(faces, f.name).copy() for f in fields(Faces)})
    assert same(degrade(faces, kind, 0.7, seed=5), degrade(faces, kind, 0.7, seed=5))
    assert same(faces, before)


RANDOM = sorted(set(KINDS) - {"blur", "defocus", "jpeg", "low_resolution", "over_exposure"})


@pytest.mark.parametrize("kind", RANDOM)
def test_the_seed_changes_what_is_random(faces: Faces, kind: str) -> None:
    first = degrade(faces, kind, 0.7, seed=0)
    assert any(
        not np.array_equal(first.crops, degrade(faces, kind, 0.7, seed=s).crops)
        for s in range(1, 6)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_is_degraded_alike_in_any_batch_and_place(faces: Faces, kind: str) -> None:
    whole = degrade(faces, kind, 0.6, seed=2)
    order = [2, 0, 3]
    assert same(degrade(faces.take(order), kind, 0.6, seed=2), whole.take(order))
    assert same(degrade(faces.take([1]), kind, 0.6, seed=2), whole.take([1]))


@pytest.mark.parametrize("preset", PRESETS)
def test_random_degradation_is_batch_invariant_seeded_and_mixed(faces: Faces, preset: str) -> None:
    whole = random_degradation(faces, preset, seed=4)
    assert same(random_degradation(faces.take([3, 1]), preset, seed=4), whole.take([3, 1]))
    assert not np.array_equal(whole.crops, random_degradation(faces, preset, seed=5).crops)
    many = Faces(np.stack([drawn_face(tone=t) for t in np.linspace(0.5, 1.2, 60)]))
    spoiled = random_degradation(many, preset, seed=0)
    untouched = np.mean(
        [np.array_equal(a, b) for a, b in zip(many.crops, spoiled.crops, strict=True)]
    )
    assert 0 < untouched < 0.5


@pytest.mark.parametrize("preset", PRESETS)
def test_kinds_left_out_befall_no_face_and_change_no_other_draw(preset: str) -> None:
    many = Faces(np.stack([drawn_face(tone=t) for t in np.linspace(0.5, 1.2, 60)]))
    whole = random_degradation(many, preset, seed=2)
    nobody = random_degradation(many, preset, seed=2, without=PRESETS[preset])
    assert np.array_equal(nobody.crops, many.crops)
    assert nobody.grey is None
    assert same(random_degradation(many, preset, seed=2, without=["shift", "shift"]), whole) == (
        preset == "web"
    )
    fewer = random_degradation(many, preset, seed=2, without=["noise", "motion"])
    alike = [np.array_equal(a, b) for a, b in zip(whole.crops, fewer.crops, strict=True)]
    assert 0.5 < np.mean(alike) < 1
    with pytest.raises(UnknownNameError, match="without"):
        random_degradation(many, preset, without=["nois"])


def test_presets_differ_in_color(faces: Faces) -> None:
    many = Faces(np.stack([drawn_face(tone=t) for t in np.linspace(0.5, 1.2, 40)]))
    cabin, web = random_degradation(many, "cabin", seed=1), random_degradation(many, "web", seed=1)
    assert cabin.grey is not None
    assert 0.4 < cabin.grey.mean() < 0.8
    assert web.grey is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_batches_and_nothing_known(kind: str, count: int) -> None:
    bare = Faces(np.stack([drawn_face(64), drawn_face(64, 0.8)])[:count].reshape(count, 64, 64, 3))
    result = degrade(bare, kind, 0.8)
    assert len(result) == count
    assert result.crops.shape == (count, 64, 64, 3)
    assert result.landmarks is None
    decided = {f.name for f in fields(Faces)[2:] if getattr(result, f.name) is not None}
    assert decided == (set(KINDS[kind].decides) if count else set())
    assert len(random_degradation(bare, "web")) == count


def test_unknown_landmarks_stay_unknown_and_the_template_serves(faces: Faces) -> None:
    landmarks = np.array(faces.landmarks)
    landmarks[1] = np.nan
    partly = Faces(faces.crops, landmarks=landmarks)
    turned = degrade(partly, "rotation", 0.5)
    assert turned.landmarks is not None
    assert np.isnan(turned.landmarks[1]).all()
    assert np.isfinite(turned.landmarks[[0, 2, 3]]).all()
    for kind in ("mask", "hand", "sunglasses"):
        np.testing.assert_array_equal(
            degrade(partly, kind, 0.9).crops, degrade(faces, kind, 0.9).crops
        )


@pytest.mark.parametrize("place", [0.0, -5000.0, 1e6])
@pytest.mark.parametrize("kind", KINDS)
def test_senseless_landmarks_do_no_harm(kind: str, place: float) -> None:
    lost = Faces(drawn_face()[None], landmarks=np.full((1, 5, 2), place, np.float32))
    assert degrade(lost, kind, 0.9).crops.shape == (1, 112, 112, 3)


def test_rotation_turns_the_eye_line_by_its_strength(faces: Faces) -> None:
    turned = degrade(faces, "rotation", 0.5)
    assert turned.landmarks is not None
    eyes = turned.landmarks[:, 1] - turned.landmarks[:, 0]
    roll = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    np.testing.assert_allclose(np.abs(roll), 30, atol=0.4)
    assert turned.inside is not None
    assert turned.inside.all()
    for face, (x, y) in zip(turned.crops, np.rint(turned.landmarks[:, 0]).astype(int), strict=True):
        assert face[y, x].max() < 60, "the landmark must still lie on the dark eye"


def test_shift_moves_landmarks_pixels_and_frame_together(faces: Faces) -> None:
    moved = degrade(faces, "shift", 0.4)
    assert moved.landmarks is not None
    assert moved.inside is not None
    offset = moved.landmarks - TEMPLATE
    np.testing.assert_allclose(np.linalg.norm(offset, axis=2), 0.45 * 112 * 0.4, rtol=1e-3)
    assert np.all(moved.crops[~moved.inside] == 0)
    outside = 1 - moved.inside.mean(axis=(1, 2))
    dx, dy = np.abs(offset[:, 0].T) / 112
    np.testing.assert_allclose(outside, 1 - (1 - dx) * (1 - dy), atol=0.02)


def test_truncation_only_ever_shrinks_the_frame(faces: Faces) -> None:
    assert faces.inside is not None
    before = faces.inside.copy()
    before[:, :10] = False
    cut = degrade(Faces(faces.crops, inside=before), "truncation", 0.5)
    assert cut.inside is not None
    assert not np.any(cut.inside & ~before)
    assert np.all(cut.crops[~cut.inside] == 0)
    np.testing.assert_array_equal(cut.crops[cut.inside], faces.crops[cut.inside])
    lost = 1 - degrade(faces, "truncation", 0.5).inside.mean(axis=(1, 2))  # type: ignore[union-attr]
    np.testing.assert_allclose(lost, 0.3, atol=0.02)


@pytest.mark.parametrize("kind", ["noise", "glare", "over_exposure", "blur", "mask", "nir"])
def test_nothing_is_drawn_outside_the_frame(faces: Faces, kind: str) -> None:
    inside = np.ones((4, 112, 112), bool)
    inside[:, 60:] = False
    spoiled = degrade(Faces(faces.crops * inside[..., None], inside=inside), kind, 1.0)
    assert np.all(spoiled.crops[:, 60:] == 0)
    np.testing.assert_array_equal(spoiled.inside, inside)


def test_low_resolution_leaves_the_smaller_eye_distance_times_the_scale(faces: Faces) -> None:
    far = degrade(faces, "low_resolution", 1.0)
    between = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
    expected = np.array([30, between, between, between]) * 11 / 112
    np.testing.assert_allclose(far.eye_distance, expected, rtol=1e-4)
    np.testing.assert_array_equal(degrade(faces, "blur", 1.0).eye_distance, faces.eye_distance)


def test_nir_has_no_color_at_any_strength(faces: Faces) -> None:
    for strength in (0.1, 1.0):
        night = degrade(faces, "nir", strength)
        assert night.grey is not None
        assert night.grey.all()
        assert np.all(night.crops == night.crops[..., :1])
    contrast = [rung.crops.std(axis=(1, 2, 3)).mean() for rung in ladder(faces, "nir", steps=4)]
    assert np.all(np.diff(contrast) < 0)


@pytest.mark.parametrize("kind", ["mask", "noise", "jpeg", "hand", "sunglasses"])
def test_a_grey_face_stays_grey(faces: Faces, kind: str) -> None:
    grey = np.repeat(faces.crops[..., :1], 3, axis=3)
    assert np.all((spoiled := degrade(Faces(grey), kind, 0.8).crops) == spoiled[..., :1])


def test_light_goes_where_its_name_says(faces: Faces) -> None:
    mean = faces.crops.mean()
    assert degrade(faces, "low_light", 0.6).crops.mean() < 0.5 * mean
    assert degrade(faces, "over_exposure", 0.6).crops.mean() > 1.5 * mean
    assert (degrade(faces, "glare", 0.8).crops == 255).mean() > 0.02
    lit = degrade(faces, "side_light", 0.8).crops.mean(axis=(1, 3))
    halves = np.sort(np.stack([lit[:, :50].mean(axis=1), lit[:, 62:].mean(axis=1)]), axis=0)
    assert np.all(halves[1] > 3 * halves[0])


def test_covers_fall_where_their_names_say(faces: Faces) -> None:
    change = {
        k: np.abs(degrade(faces, k, 1.0).crops.astype(float) - faces.crops).mean(axis=(0, 3))
        for k in KINDS
    }
    for kind in ("mask", "hand"):
        assert change[kind][80:105, 45:68].mean() > 10 * change[kind][:30].mean() + 1
    assert change["sunglasses"][46:60, 30:46].mean() > 10 * change["sunglasses"][85:].mean() + 1


def test_motion_smears_along_one_direction_and_keeps_the_light(faces: Faces) -> None:
    dot = np.zeros((1, 112, 112, 3), np.uint8)
    dot[0, 56, 56] = 255
    smear = degrade(Faces(dot), "motion", 1.0).crops[0, ..., 0].astype(float) ** 2
    y, x = np.nonzero(smear)
    spread = np.linalg.eigvalsh(np.cov(np.stack([x, y])))
    assert spread[1] > 20 * spread[0]
    assert smear.sum() == pytest.approx(255**2, rel=0.1)


def test_noise_has_the_variance_of_its_sensor() -> None:
    flat = Faces(np.full((1, 112, 112, 3), 180, np.uint8))
    light = (degrade(flat, "noise", 0.3).crops / 255.0) ** 2
    signal = (180 / 255) ** 2
    assert light.var() == pytest.approx(0.09 * 0.3**2 * signal + (0.06 * 0.3) ** 2, rel=0.1)


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    strength=st.floats(0, 1),
    size=st.sampled_from([24, 61, 112]),
    seed=st.integers(0, 2**40),
)
def test_any_strength_size_and_seed_gives_faces(
    kind: str, strength: float, size: int, seed: int
) -> None:
    result = degrade(Faces(drawn_face(size)[None]), kind, strength, seed=seed)
    assert result.crops.shape == (1, size, size, 3)
    assert result.crops.dtype == np.uint8


def test_what_is_refused(faces: Faces) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'sunglasses'"):
        degrade(faces, "sunglases", 0.5)
    with pytest.raises(UnknownNameError, match="did you mean 'cabin'"):
        random_degradation(faces, "cabine")
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match=r"strength must be in \[0, 1\]"):
            degrade(faces, "blur", strength)
    with pytest.raises(InputError, match="seed must be in"):
        degrade(faces, "blur", 0.5, seed=-1)
    with pytest.raises(InputError, match="seed must be in"):
        random_degradation(faces, "web", seed=-1)
    for spoil in (lambda f: degrade(f, "blur", 0.5), lambda f: random_degradation(f, "web")):
        with pytest.raises(InputError, match=r"side of the crops must be in \[16, 4096\], got 8"):
            spoil(Faces(np.zeros((1, 8, 8, 3), np.uint8)))
    with pytest.raises(InputError, match=r"steps must be in \[2, "):
        ladder(faces, "blur", steps=1)
