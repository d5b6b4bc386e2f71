"""The analytic score: what it is made of, and that explaining costs nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

import fiqa.faces.factors
from fiqa.faces.degrade import degrade
from fiqa.faces.factors import MEASURES, measure
from fiqa.faces.factors.structure import drawing
from fiqa.faces.points import pointed
from fiqa.functional.calibration import unified_score
from fiqa.methods.analytic import X0, Analytic, W, quality
from fiqa.types import Faces, Factors
from fiqa.vocabulary import FACTORS

pytestmark = pytest.mark.numeric


def factors(
    values: list[float], *, structure: float = 0.9, coarse: float = 0.95, eyes: float = np.nan
) -> Factors:
    measures = {name: np.zeros(1, np.float32) for name in MEASURES}
    told = {"face_structure": structure, "coarse_share": coarse, "eye_distance": eyes}
    measures |= {name: np.float32([value]) for name, value in told.items()}
    return Factors(
        {n: np.float32([v]) for n, v in zip(FACTORS, values, strict=True)}, measures, [()]
    )


@pytest.fixture
def face(rng: np.random.Generator) -> Faces:
    luma = 150 + 100 * drawing() + 5 * rng.normal(size=(112, 112))
    return Faces(
        np.clip(np.stack([luma + 15, luma, luma - 10], axis=-1), 0, 255).astype(np.uint8)[None]
    )


def test_it_is_the_mean_of_the_six_where_the_face_is_one():
    assert quality(factors([0.6, 0.7, 0.8, 0.9, 1.0, 0.5]))[0] == pytest.approx(0.75, abs=0.002)


def test_what_is_unknown_is_left_out():
    assert quality(factors([0.6, 0.8, np.nan, np.nan, np.nan, np.nan]))[0] == pytest.approx(
        0.7, abs=0.002
    )
    assert np.isnan(quality(factors([np.nan] * 6))[0])


def test_no_face_has_no_quality_however_sharp_and_well_lit():
    assert quality(factors([1.0] * 6, structure=0.0))[0] < 0.05
    assert quality(factors([1.0] * 6, coarse=0.0625))[0] < 0.01


def test_structure_counts_step_by_step():
    values = [quality(factors([1.0] * 6, structure=s))[0] for s in (0.0, 0.1, 0.2, 0.3, 0.5)]
    assert values == sorted(set(values))


def test_structure_does_not_overrule_a_detector():
    bare, detected = (
        quality(factors([0.9] * 6, structure=0.05, eyes=eyes))[0] for eyes in (np.nan, 40.0)
    )
    assert bare < 0.1
    assert detected == pytest.approx(0.9, abs=0.002)


def test_landmarks_frame_and_eye_distance_count(face):
    scorer = Analytic()
    known = Faces(
        face.crops,
        landmarks=np.zeros((1, 5, 2), np.float32)
        + np.float32([[30, 40], [60, 60], [50, 70], [30, 80], [50, 95]]),
        inside=np.ones((1, 112, 112), bool),
        eye_distance=np.float32([5]),
    )
    assert scorer.score(known)[0] < scorer.score(face)[0]


def test_score_is_the_quality_of_what_explain_shows(face):
    scorer = Analytic()
    np.testing.assert_array_equal(scorer.score(face), quality(scorer.explain(face)))
    np.testing.assert_array_equal(scorer.score(face.crops), scorer.score(face))


def test_explain_after_score_measures_once_and_never_gives_out_another_face(face, monkeypatch):
    calls = []

    def counted(faces: Faces) -> Factors:
        calls.append(len(faces))
        return measure(faces)

    monkeypatch.setattr(fiqa.faces.factors, "measure", counted)
    scorer, worse = Analytic(), degrade(face, "blur", 1.0)
    raw, why = scorer.assess(worse)
    assert len(calls) == 1
    np.testing.assert_array_equal(raw, quality(why))
    np.testing.assert_array_equal(why.matrix, measure(pointed(worse)).matrix)
    assert not np.array_equal(why.matrix, scorer.explain(face).matrix, equal_nan=True)


def test_the_unified_scale_is_the_cards():
    raw = np.float32([0.2, 0.79, X0, 0.93])
    np.testing.assert_array_equal(Analytic().unified(raw), unified_score(raw, x0=X0, w=W))
    assert Analytic().unified(raw).tolist() == [0, 35, 50, 75]
