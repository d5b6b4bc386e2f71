"""Near duplicates against a slow loop, and what the hash survives."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import ShapeError
from fiqa.functional.copies import BITS, Likeness, first_copies, picture_hash


def slow(hashes, vectors, rule):
    """The definition, one pair at a time."""
    of = []
    kept: list[int] = []
    for row in range(len(hashes)):
        best, place = None, -1
        for other in kept:
            apart = min(int((hashes[row, 0] != hashes[other, side]).sum()) for side in (0, 1))
            flat = not hashes[row, 0].any() or not hashes[other, 0].any()
            cosine = 0.0 if vectors is None else float(vectors[row] @ vectors[other])
            copy = apart <= rule.bits or (cosine >= rule.cosine and apart <= rule.bits_with_cosine)
            if copy and not flat and (best is None or apart < best):
                best, place = apart, other
        of.append(place)
        if place < 0:
            kept.append(row)
    return of


def flipped(rng, row, count):
    """A hash pair in which so many bits differ from `row`, plain and mirrored alike."""
    result = row.copy()
    places = rng.choice(BITS, count, replace=False)
    result[:, places] *= -1
    return result


@pytest.fixture
def hashes(rng):
    """600 hashes: 60 pictures, copies of them at all distances around the limits, flat ones."""
    base = rng.choice([-1, 1], (60, 2, BITS)).astype(np.int8)
    rows = [flipped(rng, base[rng.integers(60)], int(rng.integers(0, 90))) for _ in range(530)]
    return np.concatenate([base, np.stack(rows), np.zeros((10, 2, BITS), np.int8)])


@pytest.mark.parametrize(
    "rule",
    [
        Likeness(),
        pytest.param(Likeness(20, 0.5, 60), marks=pytest.mark.slow),
        pytest.param(Likeness(0, 2.0, 0), marks=pytest.mark.slow),
    ],
)
def test_the_search_is_the_slow_loop(hashes, rng, rule):
    order = rng.permutation(len(hashes))
    vectors = rng.normal(size=(len(hashes), 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[::7] = 0
    for given in (None, vectors):
        found = first_copies(hashes[order], given, likeness=rule)
        assert found.of.tolist() == slow(hashes[order], given, rule)


def test_distance_cosine_and_mirror_are_told(rng):
    one = rng.choice([-1, 1], (2, BITS)).astype(np.int8)
    mirrored = one[::-1]
    near = flipped(rng, one, 9)
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 0]], np.float32)
    found = first_copies(np.stack([one, near, mirrored]), vectors)
    assert found.of.tolist() == [-1, 0, 0]
    assert found.bits.tolist() == [0, 9, 0]
    assert found.cosine[1] == pytest.approx(0.8)
    assert np.isnan(found.cosine[[0, 2]]).all()
    assert found.mirrored.tolist() == [False, False, True]


def test_the_limits_themselves_count(rng):
    one = rng.choice([-1, 1], (2, BITS)).astype(np.int8)
    for count, is_copy in ((36, True), (37, False)):
        assert (first_copies(np.stack([one, flipped(rng, one, count)])).of[1] == 0) == is_copy
    same = np.array([[1, 0], [1, 0]], np.float32)
    for count, is_copy in ((72, True), (73, False)):
        pair = np.stack([one, flipped(rng, one, count)])
        assert (first_copies(pair, same).of[1] == 0) == is_copy


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_pictures(count):
    assert first_copies(np.ones((count, 2, BITS), np.int8)).of.tolist() == [-1, 0][:count]


def test_equal_pictures_all_belong_to_the_first():
    found = first_copies(np.ones((3000, 2, BITS), np.int8))
    assert found.of.tolist() == [-1, *[0] * 2999]


def test_the_hash_survives_saving_scaling_and_softening_and_tells_pictures_apart(rng):
    import cv2

    pictures = [
        cv2.resize(rng.integers(0, 256, (28, 28, 3), np.uint8), (112, 112)) for _ in range(12)
    ]
    for picture in pictures:
        own = picture_hash(picture)
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
        for other in (
            cv2.imdecode(coded, cv2.IMREAD_COLOR),
            cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA),
            cv2.GaussianBlur(picture, (0, 0), 1.0),
        ):
            assert (own[0] != picture_hash(other)[0]).sum() <= 36
        assert (own[1] != picture_hash(np.ascontiguousarray(picture[:, ::-1]))[0]).sum() <= 2
    table = np.stack([picture_hash(picture) for picture in pictures])
    assert first_copies(table).of.tolist() == [-1] * 12


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_is_like_no_other(value):
    flat = picture_hash(np.full((50, 60, 3), value, np.uint8))
    assert not flat.any()
    assert first_copies(np.stack([flat, flat])).of.tolist() == [-1, -1]


def test_another_shape_is_refused():
    with pytest.raises(ShapeError, match="hashes"):
        first_copies(np.ones((3, 2, 7), np.int8))
    with pytest.raises(ShapeError, match="vectors"):
        first_copies(np.ones((3, 2, BITS), np.int8), np.ones((2, 4), np.float32))


def test_five_thousand_pictures_are_compared_in_blocks(rng):
    hashes = rng.choice([-1, 1], (5000, 2, BITS)).astype(np.int8)
    hashes[4990:] = hashes[:10]
    # 12.5 million pairs: in a loop of Python this test would take minutes
    assert first_copies(hashes).of.tolist() == [*[-1] * 4990, *range(10)]
