"""What holds for `measure` as a whole: batches, sizes, order, input left alone, hostile pixels."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.errors import UnknownNameError
from fiqa.faces.degrade import KINDS, degrade
from fiqa.faces.factors import MEASURES, _reasons, factor_of_reason, measure
from fiqa.faces.factors.structure import drawing
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces
from fiqa.vocabulary import FACTORS

pytestmark = pytest.mark.numeric


def drawn(count: int, seed: int = 0) -> Faces:
    """Drawn faces with texture that differ in light and sharpness; everything known of them."""
    rng = np.random.default_rng(seed)
    crops = []
    for i in range(count):
        texture = cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 1.0 + 0.2 * i)
        luma = 150 + 5 * i + 100 * drawing() + 12 * texture
        crops.append(np.stack([luma + 15, luma, luma - 10], axis=-1))
    return Faces(
        np.clip(np.rint(np.array(crops).reshape(count, 112, 112, 3)), 0, 255).astype(np.uint8),
        landmarks=np.repeat(TEMPLATE[None], count, axis=0).astype(np.float32),
        inside=np.ones((count, 112, 112), bool),
        eye_distance=np.full(count, 45, np.float32),
        grey=np.zeros(count, bool),
        roll=np.zeros(count, np.float32),
        seen=np.zeros(count, bool),
    )


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_shapes_at_every_batch_size(count):
    found = measure(drawn(count))
    assert found.matrix.shape == (count, 6)
    assert all(v.shape == (count,) and v.dtype == np.float32 for v in found.measures.values())
    assert len(found.reasons) == count


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_measured_alone_has_the_numbers_that_it_has_among_all(name):
    faces = degrade(drawn(5), "mask", 1.0)
    whole = measure(faces)
    asked = np.array([True, False, True, True, False])
    alone = measure(faces, only={name: asked})
    np.testing.assert_array_equal(alone.quality[name][asked], whole.quality[name][asked])
    own = [code for code, factor in factor_of_reason().items() if factor == name]
    for i in range(5):
        told = [code for code in whole.reasons[i] if code in own]
        assert [code for code in alone.reasons[i] if code in own] == (
            told if asked[i] or name == "pose" else []
        )
    for unit in MEASURES:
        taken = ~np.isnan(alone.measures[unit])
        np.testing.assert_array_equal(alone.measures[unit][taken], whole.measures[unit][taken])
    others = [other for other in FACTORS if other not in (name, "pose")]
    assert all(np.isnan(alone.quality[other]).all() for other in others)


def test_only_takes_the_names_of_factors():
    with pytest.raises(UnknownNameError, match="factor"):
        measure(drawn(1), only={"beauty": np.ones(1, bool)})


def test_a_face_has_the_same_numbers_to_the_bit_in_any_batch():
    faces = drawn(7)
    whole = measure(faces)
    assert len({float(v) for v in whole.quality["blur"]}) == 7
    for i in (0, 3, 6):
        alone = measure(faces.take(slice(i, i + 1)))
        np.testing.assert_array_equal(whole.matrix[i], alone.matrix[0])
        for name in MEASURES:
            np.testing.assert_array_equal(whole.measures[name][i], alone.measures[name][0])
        assert whole.reasons[i] == alone.reasons[0]


def test_the_input_is_left_alone():
    faces = degrade(drawn(3), "truncation", 0.5)
    before = {k: v.copy() for k, v in vars(faces).items()}
    measure(faces)
    for name, value in before.items():
        np.testing.assert_array_equal(value, getattr(faces, name))


def test_read_only_and_strided_crops_are_measured_alike():
    faces = drawn(2)
    strided = np.repeat(faces.crops, 2, axis=2)[:, :, ::2]
    strided.flags.writeable = False
    np.testing.assert_array_equal(
        measure(Faces(strided)).matrix, measure(Faces(faces.crops)).matrix
    )


@pytest.mark.parametrize("size", [56, 160, 224])
def test_another_size_gives_about_the_same(size):
    faces = drawn(2)
    other = np.stack(
        [cv2.resize(c, (size, size), interpolation=cv2.INTER_CUBIC) for c in faces.crops]
    )
    a, b = measure(Faces(faces.crops)), measure(Faces(other, inside=np.ones((2, size, size), bool)))
    for name in ("luminance_mean", "luminance_range", "face_structure"):
        np.testing.assert_allclose(a.measures[name], b.measures[name], rtol=0.12)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_ladder_lowers_its_factor_on_drawn_faces(kind):
    faces = drawn(3)
    factor = KINDS[kind].lowers
    worst = measure(degrade(faces, kind, 1.0))
    assert (worst.quality[factor] < measure(faces).quality[factor]).all()
    assert any(KINDS[kind].reason in reasons for reasons in worst.reasons)


def test_reasons_come_costliest_first():
    found = measure(degrade(degrade(drawn(1), "noise", 1.0), "low_light", 0.8))
    assert len(found.reasons[0]) >= 2
    assert (
        found.reasons[0]
        == measure(degrade(degrade(drawn(1), "noise", 1.0), "low_light", 0.8)).reasons[0]
    )


def test_extreme_crops_are_measured_without_warnings():
    flat = [np.full((112, 112, 3), v, np.uint8) for v in (0, 1, 128, 255)]
    checker = np.repeat(
        ((np.indices((112, 112)).sum(axis=0) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2
    )
    crops = np.stack([*flat, checker])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for inside in (None, np.zeros((5, 112, 112), bool), np.ones((5, 112, 112), bool)):
            found = measure(Faces(crops, inside=inside))
            known = ~np.isnan(found.matrix)
            assert known[:, FACTORS.index("crop")].all()
            assert ((found.matrix >= 0) & (found.matrix <= 1))[known].all()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(16, 120),
    st.sampled_from(["noise", "smooth", "flat", "sparse"]),
)
def test_qualities_lie_in_0_to_1_whatever_the_pixels(seed, size, kind):
    rng = np.random.default_rng(seed)
    crop = {
        "noise": lambda: rng.integers(0, 256, (size, size, 3)),
        "smooth": lambda: cv2.resize(
            rng.integers(0, 256, (4, 4, 3)).astype(np.uint8), (size, size)
        ),
        "flat": lambda: np.broadcast_to(rng.integers(0, 256, 3), (size, size, 3)),
        "sparse": lambda: 255 * (rng.random((size, size, 3)) < 0.01),
    }[kind]()
    found = measure(
        Faces(
            np.asarray(crop, np.uint8)[None],
            landmarks=rng.uniform(0, size, (1, 5, 2)).astype(np.float32),
            inside=rng.random((1, size, size)) < rng.random(),
            eye_distance=rng.uniform(0, 99, 1).astype(np.float32),
        )
    )
    known = found.matrix[~np.isnan(found.matrix)]
    assert ((known >= 0) & (known <= 1)).all()


def test_reasons_are_named_by_cost_and_symptoms_after_their_causes():
    terms = {
        "low_contrast": [0.1, 0.1],
        "blurry": [0.3, 0.9],
        "noisy": [0.5, np.nan],
        "underexposed": [0.2, 0.6],
    }
    found = _reasons({code: np.array(term) for code, term in terms.items()}, 2)
    assert found == [("underexposed", "blurry", "low_contrast"), ("low_contrast",)]
