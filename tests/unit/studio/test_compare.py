"""Compare: the numbers are those of scipy, what is disputed is what a loop finds, and names stay
text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from fiqa.studio_app.comparison import compared


def test_the_numbers_are_those_of_scipy(rng: np.random.Generator) -> None:
    first = rng.integers(0, 20, 200).astype(float)
    second = first + rng.integers(-5, 6, 200)
    first[:7], second[5:9] = np.nan, np.nan
    found = compared(first, second)
    both = [k for k in range(200) if not (np.isnan(first[k]) or np.isnan(second[k]))]
    assert found.rows.tolist() == both
    assert found.spearman == pytest.approx(spearmanr(first[both], second[both]).statistic)
    np.testing.assert_allclose(found.first, (rankdata(first[both]) - 1) / (len(both) - 1))
    np.testing.assert_allclose(found.second, (rankdata(second[both]) - 1) / (len(both) - 1))


def test_the_most_disputed_come_first(rng: np.random.Generator) -> None:
    first, second = rng.random(50), rng.random(50)
    found = compared(first, second)
    gap = found.first - found.second
    better, worse = found.disputed(5)
    assert better.tolist() == sorted(np.flatnonzero(gap > 0), key=lambda k: -gap[k])[:5]
    assert worse.tolist() == sorted(np.flatnonzero(gap < 0), key=lambda k: gap[k])[:5]
    same = compared(first, first)
    assert [len(side) for side in same.disputed(5)] == [0, 0]
    assert same.spearman == pytest.approx(1)


@pytest.mark.parametrize(
    "values", [([], []), ([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([np.nan] * 3, [1.0] * 3)]
)
def test_without_an_order_there_is_no_correlation(values: Any) -> None:
    found = compared(*(np.array(side, float) for side in values))
    assert found.spearman is None
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y, _ in found.marks())


def test_very_many_faces_are_a_grid_of_bounded_size(rng: np.random.Generator) -> None:
    first = rng.random(100_000)
    marks = compared(first, first + 0.1 * rng.random(100_000)).marks()
    assert 48 <= len(marks) <= 48 * 48
    assert max(dark for _, _, dark in marks) == 1.0
    assert min(dark for _, _, dark in marks) >= 0.1
    few = compared(first[:100], first[100:200]).marks()
    assert len(few) == 100


@pytest.fixture
def scored(folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two tables of scores of the twelve faces; the first method is hostile."""
    paths = []
    for name, order in (("<b>one", 1), ("two", -1)):
        lines = ["id,value,method"]
        for k, file in enumerate(sorted(folder.rglob("*.png"))):
            lines.append(f"{file.parent.name}/{file.stem},{order * k + (k == 3) * 5},{name}")
        paths.append(tmp_path / f"{name.strip('<b>')}.csv")
        paths[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths[0], paths[1]


def test_the_page_shows_both_sides(
    make_desk: Callable[..., Any], browser: Callable[..., Any], folder: Path, scored: Any
) -> None:
    desk = make_desk(folder, scores=scored)
    page = browser(desk).get("/compare").text
    first, second = desk.faces.scores
    found = compared(desk.faces.scores[first], desk.faces.scores[second])
    assert f'<p class="large">{found.spearman:.3f}</p>' in page
    assert page.count("<circle") == 12
    rows = [int(row) for row in re.findall(r'src="/thumb/(\d+)/', page)]
    better, worse = found.disputed(12)
    assert rows == found.rows[np.concatenate([better, worse])].tolist()
    turned = browser(desk).get("/compare?first=1&second=0").text
    assert [int(row) for row in re.findall(r'src="/thumb/(\d+)/', turned)] == [
        *found.rows[worse].tolist(), *found.rows[better].tolist(),
    ]  # fmt: skip
    assert "<b>one" not in page


@pytest.mark.parametrize("query", ["first=2", "first=-1", "second=x", "second=1e0"])
def test_a_score_that_is_not_there_is_refused(
    make_desk: Callable[..., Any],
    browser: Callable[..., Any],
    folder: Path,
    scored: Any,
    query: str,
) -> None:
    answer = browser(make_desk(folder, scores=scored)).get(f"/compare?{query}")
    assert answer.status_code == 422


def test_one_score_alone_says_what_is_missing(
    make_desk: Callable[..., Any], browser: Callable[..., Any], folder: Path
) -> None:
    page = browser(make_desk(folder)).get("/compare").text
    assert "--scores one.parquet --scores two.parquet" in page
