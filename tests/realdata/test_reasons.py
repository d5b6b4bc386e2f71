"""The reasons of the bundled model on real masks, real light and people that it has not seen.

The heads learned the five masked and the 20 lit people of the data: what they say of people left
out is printed by recipes/reasons.py fit. Here stands what must not break.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import fiqa
from fiqa.data.images import read_image
from fiqa.faces.degrade import degrade
from fiqa.faces.factors import factor_of_reason
from fiqa.types import Faces

pytestmark = [pytest.mark.numeric, pytest.mark.slow]


def told(crops: NDArray[np.uint8]) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    scorer = fiqa.load("fiqa")
    raw, why = scorer.assess(Faces(crops))
    return scorer.unified(raw), list(why.reasons)


def named(reasons: list[tuple[str, ...]], *codes: str) -> float:
    return float(np.mean([bool(set(codes) & set(each)) for each in reasons]))


def read(paths: list[Path]) -> NDArray[np.uint8]:
    return np.stack([read_image(path).pixels for path in paths])


@pytest.fixture(scope="module")
def unseen(data: Path) -> NDArray[np.uint8]:
    """A crop of every third person of LFW's test."""
    names = [
        line.split("\t")[0]
        for line in (data / "lfw/peopleDevTest.txt").read_text().splitlines()[1:]
        if line
    ]
    return read([sorted((data / "lfw/aligned" / name).glob("*.jpg"))[0] for name in names[::3]])


def test_worn_masks_are_named(data: Path) -> None:
    _, reasons = told(read(sorted((data / "rmfd").glob("*/*.jpg"))[::4]))
    assert named(reasons, "mask", "occluded_mouth") >= 0.9


def test_light_from_the_side_is_named_and_frontal_light_is_not(data: Path) -> None:
    paths = sorted((data / "yaleb").glob("*/*.jpg"))[::2]
    azimuth = np.array([abs(int(re.findall(r"A([+-]\d+)", path.name)[0])) for path in paths])
    _, reasons = told(read(paths))
    light = [code for code, factor in factor_of_reason().items() if factor == "illumination"]
    for rows, least, most in ((azimuth >= 50, 0.9, 1.0), (azimuth <= 10, 0.0, 0.1)):
        share = named([reasons[i] for i in np.flatnonzero(rows)], *light)
        assert least <= share <= most


def test_low_scores_have_a_reason_and_high_ones_hardly_any(unseen: NDArray[np.uint8]) -> None:
    scores, reasons = told(unseen)
    low = [reasons[i] for i in np.flatnonzero(scores < 60)]
    high = [reasons[i] for i in np.flatnonzero(scores >= 80)]
    assert len(low) > 30
    assert all(low)
    assert np.mean([bool(each) for each in high]) <= 0.1
    assert np.mean(["mask" in each or "hand_on_face" in each for each in reasons]) < 0.02


@pytest.mark.parametrize(
    ("kind", "reason", "not_named"),
    [
        ("blur", "blurry", "noisy"),
        ("nir", "low_contrast", "blurry"),
        ("noise", "noisy", "blurry"),
        ("mask", "mask", "hand_on_face"),
        ("hand", "hand_on_face", "mask"),
    ],
)
def test_damage_is_named_as_what_it_is(
    unseen: NDArray[np.uint8], kind: str, reason: str, not_named: str
) -> None:
    for strength in (0.7, 1.0):
        _, reasons = told(degrade(Faces(unseen[::4]), kind, strength, seed=3).crops)
        assert named(reasons, reason) >= 0.9
        assert named(reasons, not_named) <= 0.1
