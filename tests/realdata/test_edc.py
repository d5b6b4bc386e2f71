"""Discard curves against published golden values, and on LFW DevTest against the figures of the measuring data's README."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from fiqa.functional.bootstrap import bootstrap_band, paired_difference
from fiqa.functional.curve import area, best_area
from fiqa.functional.edc import discard_curve, oracle_curve, random_curve
from fiqa.functional.threshold import choose_cut
from fiqa.functional.verification import all_pairs

GOLDEN_LIMITS = (0.1, 0.2, 0.3, 0.95)


# --- the published golden values ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def golden(data: Path) -> tuple[NDArray[Any], dict[str, NDArray[Any]], dict[str, Any]]:
    """(similarity (10000,), algorithm -> quality (10000,2), golden values by "algorithm|starting error")."""
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
            similarity, np.ones(len(similarity), bool), qualities[name], protocol="schlett2023", start_fnmr=float(start)
        )
        assert curve.fnmr[0] == pytest.approx(expected["fnmr0"], abs=1e-12)
        assert len(curve) == expected["points"]
        for limit in GOLDEN_LIMITS:
            raw, best = expected[f"pauc{limit}"], expected[f"best{limit}"]
            assert area(curve, limit) == pytest.approx(raw, abs=1e-12)
            assert best_area(curve.fnmr[0], limit, "line") == pytest.approx(best, abs=1e-12)
            assert area(curve, limit, normalize="best") == pytest.approx(raw - best, abs=1e-12)
        # The published curve is closed by a point at discard 1, where nothing is left to fail; ours ends with the last pairs.
        points = np.array([point for point in expected["curve"] if point[0] < 1])
        place = np.searchsorted(curve.discard, points[:, 0] - 1e-12)
        np.testing.assert_allclose(curve.discard[place], points[:, 0], atol=1e-12)
        np.testing.assert_allclose(curve.fnmr[place], points[:, 1], atol=1e-12)


# --- LFW DevTest --------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DevTest:
    """All pairs of the DevTest people under recognizer A."""

    crops: NDArray[np.uint8]
    names: NDArray[np.str_]
    vectors: NDArray[np.float32]
    index: NDArray[np.int64]
    similarity: NDArray[np.float32]
    mated: NDArray[np.bool_]

    def curve(self, quality: NDArray[Any]) -> Any:
        return discard_curve(self.similarity, self.mated, quality[self.index])


@pytest.fixture(scope="module")
def devtest(data: Path) -> DevTest:
    lines = (data / "lfw" / "peopleDevTest.txt").read_text().splitlines()[1:]
    files = [
        p for line in lines if line for p in sorted((data / "lfw" / "aligned" / line.split("\t")[0]).glob("*.jpg"))
    ]
    crops = np.stack([cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB) for p in files])
    names = np.array([p.parent.name for p in files])
    session = onnxruntime.InferenceSession(data / "models" / "recognizer_a.onnx", providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0].name
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    parts = []
    for start in range(0, len(crops), 64):
        batch = (crops[start : start + 64].astype(np.float32) / 255 - mean) / std
        parts.append(session.run(None, {feed: np.ascontiguousarray(batch.transpose(0, 3, 1, 2))})[0])
    vectors = np.concatenate(parts)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    index = np.stack(np.triu_indices(len(files), 1), axis=1)
    return DevTest(
        crops,
        names,
        vectors,
        index,
        (unit @ unit.T)[index[:, 0], index[:, 1]],
        names[index[:, 0]] == names[index[:, 1]],
    )


def areas(curve: Any) -> tuple[float, float]:
    return curve.area(0.3, normalize="start"), curve.area(0.95, normalize="start")


def test_counts_and_the_ends_of_the_scale(devtest: DevTest) -> None:
    assert (int(devtest.mated.sum()), len(devtest.crops)) == (24_620, 3_708)
    assert int((~devtest.mated).sum()) == pytest.approx(6.8e6, rel=0.02)
    assert areas(oracle_curve(devtest.similarity, devtest.mated)) == pytest.approx((0.028, 0.009), abs=0.001)
    draws = [
        random_curve(devtest.similarity, devtest.mated, devtest.index, seed=s).area(0.3, normalize="start")
        for s in range(8)
    ]
    assert np.mean(draws) == pytest.approx(1.0, abs=0.1)


def test_embedding_norm(devtest: DevTest) -> None:
    norm = np.linalg.norm(devtest.vectors, axis=1)
    assert areas(devtest.curve(norm)) == pytest.approx((0.443, 0.184), abs=0.01)


def test_variance_of_laplacian(devtest: DevTest) -> None:
    sharp = np.array([cv2.Laplacian(cv2.cvtColor(c, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var() for c in devtest.crops])
    assert areas(devtest.curve(sharp)) == pytest.approx((0.918, 0.893), abs=0.01)


@pytest.fixture(scope="module")
def lightqnet(devtest: DevTest, data: Path) -> NDArray[np.float32]:
    net = cv2.dnn.readNetFromTensorflow(str(data / "models" / "lightqnet-dm100.pb"))
    scores = []
    for crop in devtest.crops:
        small = cv2.resize(crop, (96, 96))
        net.setInput(cv2.dnn.blobFromImage(small, 1 / 128, (96, 96), (127.5, 127.5, 127.5), swapRB=True))
        scores.append(float(net.forward().ravel()[0]))
    return np.array(scores, np.float32)


def test_lightqnet(devtest: DevTest, lightqnet: NDArray[np.float32]) -> None:
    assert areas(devtest.curve(lightqnet)) == pytest.approx((0.235, 0.103), abs=0.01)


def test_lightqnet_is_better_than_the_norm_beyond_chance(devtest: DevTest, lightqnet: NDArray[np.float32]) -> None:
    who = np.unique(devtest.names, return_inverse=True)[1][devtest.index]
    norm = np.linalg.norm(devtest.vectors, axis=1)
    pairs = (devtest.similarity, devtest.mated)
    test = paired_difference(*pairs, lightqnet[devtest.index], norm[devtest.index], who)
    assert test.low <= test.difference <= test.high
    assert test.difference == pytest.approx(0.235 - 0.443, abs=0.02)
    interval = bootstrap_band(*pairs, norm[devtest.index], who).area(0.3, normalize="start")
    assert (
        0.1 < interval.high - interval.low < 0.7
    )  # 496 people: a single set of this size says little of one method alone
    assert test.high - test.low < interval.high - interval.low


def test_verification_streams_to_the_same_numbers(devtest: DevTest) -> None:
    result = all_pairs(devtest.vectors, devtest.names)
    curve = devtest.curve(np.ones(len(devtest.names)))
    assert (result.mated, result.nonmated) == (24_620, int((~devtest.mated).sum()))
    assert result.tpr[1e-3] == pytest.approx(1 - curve.fnmr[0], abs=1e-4)
    assert 0.995 < result.auc < 1
    assert result.eer < 0.02


def test_a_cut_for_lfw(devtest: DevTest, lightqnet: NDArray[np.float32]) -> None:
    cut = choose_cut(devtest.similarity, devtest.mated, devtest.index, lightqnet, devtest.names, fnmr=0.01)
    assert cut.fnmr.value <= 0.01 < cut.fnmr_start
    assert cut.coverage.value > 0.9
    assert cut.cut.low <= cut.cut.value <= cut.cut.high
