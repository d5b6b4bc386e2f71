"""Discard curves against published golden values, and on LFW DevTest against the figures of the
measuring data's README."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fiqa.functional.bootstrap import bootstrap_band, paired_difference
from fiqa.functional.curve import area, best_area
from fiqa.functional.edc import discard_curve, oracle_curve, random_curve
from fiqa.functional.threshold import choose_cut
from fiqa.functional.verification import all_pairs

pytestmark = pytest.mark.numeric

GOLDEN_LIMITS = (0.1, 0.2, 0.3, 0.95)


# --- the published golden values


@pytest.fixture(scope="module")
def golden(data: Path) -> tuple[NDArray[Any], dict[str, NDArray[Any]], dict[str, Any]]:
    """(similarity (10000,), algorithm -> quality (10000,2), golden values by "algorithm|starting
    error")."""
    with (data / "edc" / "quality.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    row_of = {row[0]: k for k, row in enumerate(rows)}
    quality = np.array([row[1:] for row in rows], np.float64)
    with (data / "edc" / "pairs.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    index = np.array([[row_of[p["id_a"]], row_of[p["id_b"]]] for p in pairs])
    similarity = np.array([float(p["similarity"]) for p in pairs])
    values = json.loads((data / "edc" / "golden.json").read_text())
    return similarity, {name: quality[index, k] for k, name in enumerate(head[1:])}, values


def test_schlett2023_equals_the_golden_values(golden: Any) -> None:
    similarity, qualities, values = golden
    assert len(values) >= 5
    for key, expected in values.items():
        name, start = key.split("|")
        curve = discard_curve(
            similarity,
            np.ones(len(similarity), bool),
            qualities[name],
            protocol="schlett2023",
            start_fnmr=float(start),
        )
        assert curve.fnmr[0] == pytest.approx(expected["fnmr0"], abs=1e-12)
        assert len(curve) == expected["points"]
        for limit in GOLDEN_LIMITS:
            raw, best = expected[f"pauc{limit}"], expected[f"best{limit}"]
            assert area(curve, limit) == pytest.approx(raw, abs=1e-12)
            assert best_area(curve.fnmr[0], limit, "line") == pytest.approx(best, abs=1e-12)
            assert area(curve, limit, normalize="best") == pytest.approx(raw - best, abs=1e-12)
        # The published curve is closed by a point at discard 1, where nothing is left to fail; ours
        # ends with the last pairs.
        points = np.array([point for point in expected["curve"] if point[0] < 1])
        place = np.searchsorted(curve.discard, points[:, 0] - 1e-12)
        np.testing.assert_allclose(curve.discard[place], points[:, 0], atol=1e-12)
        np.testing.assert_allclose(curve.fnmr[place], points[:, 1], atol=1e-12)


# --- LFW DevTest


@dataclass(frozen=True)
class DevTest:
    """All pairs of the DevTest people under recognizer A."""

    crops: NDArray[np.uint8]
    names: NDArray[np.str_]
    vectors: NDArray[np.float32]
    lightqnet: NDArray[np.float32]
    index: NDArray[np.int64]
    similarity: NDArray[np.float32]
    mated: NDArray[np.bool_]

    def curve(self, quality: NDArray[Any]) -> Any:
        return discard_curve(self.similarity, self.mated, quality[self.index])


@pytest.fixture(scope="module")
def pairs(devtest: Any) -> DevTest:
    unit = devtest.vectors / np.linalg.norm(devtest.vectors, axis=1, keepdims=True)
    names = np.array([name.partition("/")[0] for name in devtest.ids.tolist()])
    index = np.stack(np.triu_indices(len(names), 1), axis=1)
    return DevTest(
        devtest.crops,
        names,
        devtest.vectors,
        devtest.lightqnet,
        index,
        (unit @ unit.T)[index[:, 0], index[:, 1]],
        names[index[:, 0]] == names[index[:, 1]],
    )


def areas(curve: Any) -> tuple[float, float]:
    return curve.area(0.3, normalize="start"), curve.area(0.95, normalize="start")


@pytest.mark.slow
def test_counts_and_the_ends_of_the_scale(pairs: DevTest) -> None:
    assert (int(pairs.mated.sum()), len(pairs.crops)) == (24_620, 3_708)
    assert int((~pairs.mated).sum()) == pytest.approx(6.8e6, rel=0.02)
    assert areas(oracle_curve(pairs.similarity, pairs.mated)) == pytest.approx(
        (0.028, 0.009), abs=0.001
    )
    draws = [
        random_curve(pairs.similarity, pairs.mated, pairs.index, seed=s).area(
            0.3, normalize="start"
        )
        for s in range(8)
    ]
    assert np.mean(draws) == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_embedding_norm(pairs: DevTest) -> None:
    norm = np.linalg.norm(pairs.vectors, axis=1)
    assert areas(pairs.curve(norm)) == pytest.approx((0.443, 0.184), abs=0.01)


@pytest.mark.slow
def test_variance_of_laplacian(pairs: DevTest) -> None:
    sharp = np.array(
        [cv2.Laplacian(cv2.cvtColor(c, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var() for c in pairs.crops]
    )
    assert areas(pairs.curve(sharp)) == pytest.approx((0.918, 0.893), abs=0.01)


@pytest.mark.slow
def test_lightqnet(pairs: DevTest) -> None:
    assert areas(pairs.curve(pairs.lightqnet)) == pytest.approx((0.235, 0.103), abs=0.01)


@pytest.mark.slow
def test_lightqnet_is_better_than_the_norm_beyond_chance(pairs: DevTest) -> None:
    who = np.unique(pairs.names, return_inverse=True)[1][pairs.index]
    norm = np.linalg.norm(pairs.vectors, axis=1)
    both = (pairs.similarity, pairs.mated)
    test = paired_difference(*both, pairs.lightqnet[pairs.index], norm[pairs.index], who)
    assert test.low <= test.difference <= test.high
    assert test.difference == pytest.approx(0.235 - 0.443, abs=0.02)
    interval = bootstrap_band(*both, norm[pairs.index], who).area(0.3, normalize="start")
    assert (
        0.1 < interval.high - interval.low < 0.7
    )  # 496 people: a single set of this size says little of one method alone
    assert test.high - test.low < interval.high - interval.low


@pytest.mark.slow
def test_verification_streams_to_the_same_numbers(pairs: DevTest) -> None:
    result = all_pairs(pairs.vectors, pairs.names)
    curve = pairs.curve(np.ones(len(pairs.names)))
    assert (result.mated, result.nonmated) == (24_620, int((~pairs.mated).sum()))
    assert result.tpr[1e-3] == pytest.approx(1 - curve.fnmr[0], abs=1e-4)
    assert 0.995 < result.auc < 1
    assert result.eer < 0.02


@pytest.mark.slow
def test_a_cut_for_lfw(pairs: DevTest) -> None:
    cut = choose_cut(
        pairs.similarity, pairs.mated, pairs.index, pairs.lightqnet, pairs.names, fnmr=0.01
    )
    assert cut.fnmr.value <= 0.01 < cut.fnmr_start
    assert cut.coverage.value > 0.9
    assert cut.cut.low <= cut.cut.value <= cut.cut.high
