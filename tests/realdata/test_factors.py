"""The ladders on real faces: each degradation lowers the factor that it must, on at least 95 of 100
faces of LFW.

Run as a program it prints the table of docs/concepts/factors.md: `python
tests/realdata/test_factors.py [DATA]`.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import fiqa
from fiqa.faces.degrade import KINDS, degrade, ladder
from fiqa.faces.factors import MEASURES, measure
from fiqa.functional.geometry import similarity_transform, template, transform_points
from fiqa.types import Faces

pytestmark = [pytest.mark.numeric, pytest.mark.slow]

COUNT = 200
IN_QUICK = ("blur", "low_light", "hand")
"""What `make test` looks at; `make test-all` looks at every kind."""
STEPS = 6
LEAST = 0.95


def development_test_faces(data: Path, count: int) -> Faces:
    """`count` aligned faces of LFW's peopleDevTest, evenly from the list, with landmarks, frame
    mask and eye distance as aligning the original gave them."""
    people = {
        line.split()[0]
        for line in (data / "lfw/peopleDevTest.txt").read_text().splitlines()[1:]
        if line
    }
    with (data / "lfw/landmarks.csv").open() as file:
        rows = [row for row in csv.reader(file) if row[0].split("/")[0] in people]
    rows = [rows[i] for i in np.linspace(0, len(rows) - 1, count).astype(int)]
    crops = np.stack([cv2.imread(str(data / "lfw/aligned" / row[0]))[..., ::-1] for row in rows])
    points = np.array([row[5:15] for row in rows], np.float64).reshape(-1, 5, 2)
    move = similarity_transform(points, template())
    frame = np.ones((250, 250), np.uint8)
    inside = np.stack(
        [cv2.warpAffine(frame, m, (112, 112), flags=cv2.INTER_NEAREST) > 0 for m in move]
    )
    return Faces(
        np.ascontiguousarray(crops),
        landmarks=transform_points(move, points).astype(np.float32),
        inside=inside,
        eye_distance=np.linalg.norm(points[:, 1] - points[:, 0], axis=1).astype(np.float32),
        roll=np.degrees(np.arctan2(-move[:, 1, 0], move[:, 0, 0])).astype(np.float32),
    )


def rung_table(faces: Faces, kind: str) -> tuple[float, float, float, float]:
    """Returns four shares of the faces: factor lower at the worst step than clean, factor falling
    on average per step, overall score lower, reason named."""
    rungs = [measure(rung) for rung in ladder(faces, kind, steps=STEPS)]
    values = np.stack([rung.quality[KINDS[kind].lowers] for rung in rungs])
    scorer = fiqa.load("analytic")
    overall = scorer.score(degrade(faces, kind, 1.0)) < scorer.score(faces)
    named = [KINDS[kind].reason in reasons for reasons in rungs[-1].reasons]
    return (
        float(np.mean(values[-1] < values[0])),
        float(np.mean(np.diff(values, axis=0) < 0)),
        float(np.mean(overall)),
        float(np.mean(named)),
    )


@pytest.fixture(scope="module")
def faces(data: Path) -> Faces:
    return development_test_faces(data, COUNT)


@pytest.fixture(scope="module")
def clean(faces):
    return measure(faces)


EVERY_KIND = [
    pytest.param(kind, marks=[] if kind in IN_QUICK else [pytest.mark.slow]) for kind in KINDS
]


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_ladder_lowers_its_factor(faces, clean, kind):
    worst = measure(degrade(faces, kind, 1.0))
    lowered = worst.quality[KINDS[kind].lowers] < clean.quality[KINDS[kind].lowers]
    assert np.mean(lowered) >= LEAST


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_ladder_lowers_the_score_and_names_the_reason(faces, kind):
    some = faces.take(slice(0, None, 4))
    scorer, worst = fiqa.load("analytic"), degrade(some, kind, 1.0)
    assert np.mean(scorer.score(worst) < scorer.score(some)) >= LEAST
    named = [KINDS[kind].reason in reasons for reasons in scorer.explain(worst).reasons]
    assert np.mean(named) >= 0.8


def test_clean_faces_are_mostly_good_and_mostly_without_reasons(faces):
    scorer = fiqa.load("analytic")
    unified = scorer.unified(scorer.score(faces))
    assert 65 <= np.median(unified) <= 80
    assert np.mean(unified < 20) < 0.08
    assert np.mean([bool(reasons) for reasons in scorer.explain(faces).reasons]) < 0.12


@pytest.mark.slow
def test_without_landmarks_the_score_is_about_the_same(faces):
    scorer = fiqa.load("analytic")
    known, bare = scorer.score(faces), scorer.score(faces.crops)
    # a few detected faces that look like none to the drawing are damped only where nothing says
    # that they were detected
    sure = scorer.explain(faces).measures["face_structure"] > 0.2
    assert np.mean(sure) > 0.95
    assert np.corrcoef(known[sure], bare[sure])[0, 1] > 0.9


def test_noise_and_backgrounds_lie_below_faces(faces, data):
    scorer = fiqa.load("analytic")
    photos = sorted((data / "photos").iterdir())[:100]
    corners = np.stack([cv2.imread(str(path))[:112, :112, ::-1] for path in photos])
    floor = np.percentile(scorer.score(faces.crops), 5)
    assert np.mean(scorer.score(np.ascontiguousarray(corners)) < floor) > 0.97


def by_luminance(faces: Faces) -> list[tuple[float, float, float, float]]:
    """Returns for each fifth of the faces, darkest first: its mean luminance, the shares named
    occluded_eyes and unclear_features, the median score."""
    scorer = fiqa.load("analytic")
    unified, why = scorer.unified(scorer.score(faces)), scorer.explain(faces)
    luminance = why.measures["luminance_mean"]
    return [
        (
            float(luminance[fifth].mean()),
            float(np.mean(["occluded_eyes" in why.reasons[i] for i in fifth])),
            float(np.mean(["unclear_features" in why.reasons[i] for i in fifth])),
            float(np.median(unified[fifth])),
        )
        for fifth in np.array_split(np.argsort(luminance, kind="stable"), 5)
    ]


@pytest.mark.slow
def test_dark_faces_are_not_taken_for_covered_ones(data):
    """Skin tone is not known here; luminance stands for it, together with exposure."""
    fifths = by_luminance(development_test_faces(data, 1500))
    assert all(covered < 0.03 and unclear < 0.03 for _, covered, unclear, _ in fifths)
    medians = [median for *_, median in fifths]
    assert max(medians) - min(medians) <= 6


def main(data: Path) -> None:
    faces = development_test_faces(data, COUNT)
    print(
        "| degradation | factor | lowered at the worst step | falls per step | score lower | reason"
        " named |"
    )
    print("|---|---|---|---|---|---|")
    for kind, info in KINDS.items():
        cells = [f"{100 * share:.1f} %" for share in rung_table(faces, kind)]
        print(f"| {kind} | {info.lowers} | " + " | ".join(cells) + f" `{info.reason}` |")
    print(
        "\n| mean luminance | named occluded_eyes | named unclear_features | median score"
        " |\n|---|---|---|---|"
    )
    for luminance, covered, unclear, median in by_luminance(development_test_faces(data, 1500)):
        print(f"| {luminance:.0f} | {100 * covered:.1f} % | {100 * unclear:.1f} % | {median:.0f} |")
    found = measure(faces)
    print("\n| measure | 1 % | 10 % | 50 % | 90 % | 99 % | unit |\n|---|---|---|---|---|---|---|")
    for name, unit in MEASURES.items():
        cuts = np.nanpercentile(found.measures[name], [1, 10, 50, 90, 99])
        print(f"| {name} | " + " | ".join(f"{v:.3g}" for v in cuts) + f" | {unit} |")


if __name__ == "__main__":
    main(
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else Path(__file__).resolve().parents[2].parent / "shared" / "data"
    )
