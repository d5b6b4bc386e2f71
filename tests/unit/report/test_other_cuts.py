"""What other cuts do: the table and the numbers of the slider are those of the curve."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.evaluation.cut_report import CutReport
from fiqa.report.other_cuts import other_cuts
from fiqa.report.scripts import CUTS
from fiqa.report.threshold import cut_page
from fiqa.types import Embeddings, Quality


@pytest.fixture(scope="module")
def evidence() -> tuple[np.ndarray, np.ndarray, CutReport]:
    """(quality, identity) of 600 images and the report of their cuts."""
    rng = np.random.default_rng(7)
    true, who = rng.random(600), np.repeat(np.arange(150), 4)
    noise = np.where(true < 0.15, 4.0, 0.35)[:, None] * rng.normal(size=(600, 16))
    vectors = rng.normal(size=(150, 16))[who] + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    held = Embeddings(ids, vectors, None, "rec")  # type: ignore[arg-type]
    quality = Quality(ids, true, "</script><b>")
    report = fiqa.threshold(quality, held, fmr=0.01, fnmr=[0.1, 0.03], draws=5)
    return true, who, report


def numbers(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="curve">(.*?)</script>', page)
    held: dict[str, Any] = json.loads(text)
    return held


def test_the_slider_has_the_numbers_of_the_curve(evidence: Any) -> None:
    true, who, report = evidence
    held = numbers(other_cuts(report))
    first, second = np.triu_indices(600, 1)
    same = who[first] == who[second]
    worst = np.minimum(true[first], true[second])[same]
    assert 100 < len(held["cut"]) <= 504
    assert held["cut"] == sorted(set(held["cut"]))
    for cut, coverage, kept in zip(held["cut"], held["coverage"], held["kept"], strict=True):
        assert np.mean(true >= cut) == pytest.approx(coverage)
        assert np.count_nonzero(worst >= cut) == kept
    curve = report.curve
    places = np.searchsorted(curve.cut, held["cut"])
    np.testing.assert_array_equal(held["fnmr"], curve.fnmr[places])
    np.testing.assert_array_equal(held["errors"], np.round(curve.fnmr[places] * held["kept"]))
    known = np.isfinite(curve.limit[places])
    assert [limit is not None for limit in held["limit"]] == known.tolist()
    for point in report.points:
        assert point.cut.effect.cut in held["cut"]
    assert [wish["fnmr"] for wish in held["wishes"]] == [0.1, 0.03]


def test_the_slider_begins_at_the_cut_of_the_page(evidence: Any) -> None:
    report = evidence[2]
    page = cut_page(report)
    effect = report.cut.safe.effect or report.cut.effect
    start = int(re.findall(r'id="slide"[^>]* value="(\d+)"', page)[0])
    assert numbers(page)["cut"][start] == effect.cut


def test_the_table_is_there_without_a_script(evidence: Any) -> None:
    true, _, report = evidence
    page = other_cuts(report)
    rows = [
        [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in re.findall(r"<tr>(<td.*?)</tr>", page)
    ]
    assert len(rows) > 8
    assert rows[0][1] == "100.0%"
    for cut, kept, fnmr, _ in rows:
        assert f"{np.mean(true >= float(cut)):.1%}" == kept
        share, errors, pairs = re.findall(r"([\d.]+) % \(([\d,]+) of ([\d,]+) pairs\)", fnmr)[0]
        whole = [int(text.replace(",", "")) for text in (errors, pairs)]
        assert float(share) == pytest.approx(100 * whole[0] / whole[1], abs=0.006)
    assert '<div class="slider" id="slider" hidden>' in page, "nothing is shown that does nothing"


def test_names_stay_text_and_the_page_is_the_same_twice(evidence: Any) -> None:
    report = evidence[2]
    page = cut_page(report)
    assert page.count("<script") == page.count("</script>") == 2
    assert page.split("<script>")[1].split("</script>")[0] == CUTS
    assert "</script><b>" not in page
    assert "script-src 'sha256-" in page
    assert cut_page(report) == page


def test_a_limit_that_is_not_known_is_a_dash(evidence: Any) -> None:
    report = evidence[2]
    unknown = replace(report.curve, limit=np.full(len(report.curve.cut), np.nan))
    page = other_cuts(replace(report, curve=unknown))
    assert set(numbers(page)["limit"]) == {None}
    assert "nan" not in page
