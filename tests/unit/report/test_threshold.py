"""The plot of a cut, read from matplotlib's own objects; and what its page says."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError
from fiqa.evaluation.cut_report import CutReport
from fiqa.report.drawing import COLORS
from fiqa.report.page import check_page
from fiqa.report.threshold import cut_page, cut_plot
from fiqa.types import Embeddings, Manifest, Quality


@pytest.fixture(scope="module")
def make() -> Callable[..., CutReport]:
    rng = np.random.default_rng(7)
    people, n = 150, 600
    true, who = rng.random(n), np.repeat(np.arange(people), 4)
    vectors = rng.normal(size=(people, 16))[who] + np.where(true < 0.15, 4.0, 0.35)[
        :, None
    ] * rng.normal(size=(n, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    camera = np.where(np.arange(n) % 3 == 0, "<nir>", "rgb")
    faces = Manifest(ids, ids, np.array([f"p{p}" for p in who]), columns={"camera": camera})
    held = Embeddings(ids, vectors, None, "rec")  # type: ignore[arg-type]

    def report(lowest: float | None = None, **options: Any) -> CutReport:
        quality = true if lowest is None else np.where(true == true.min(), lowest, true)
        chosen = {"fmr": 0.01, "draws": 5, **options}
        return fiqa.threshold(Quality(ids, quality, "<b>mine</b>"), held, faces=faces, **chosen)

    return report


@pytest.fixture(scope="module")
def two(make: Callable[..., CutReport]) -> CutReport:
    return make(fnmr=[0.1, 0.03], group="camera", level=0.5)


def marks(axes: Any) -> dict[str, tuple[float, float, bool, str]]:
    """Label -> (x, y, whether it is filled, color) of the marks of a panel."""
    dots = [line for line in axes.lines if line.get_marker() in ("o", "<")]
    return {
        line.get_label(): (
            float(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
            line.get_markerfacecolor() != "none",
            line.get_color(),
        )
        for line in dots
    }


def test_the_plot_holds_the_curve_and_marks_each_cut(two: CutReport, figures: list[Any]) -> None:
    cut_plot(two)
    upper, lower = figures[0].axes
    curve = two.curve
    held = {line.get_label(): np.array(line.get_data()) for line in upper.lines}
    np.testing.assert_allclose(held["these images"], [curve.cut, 100 * curve.fnmr])
    np.testing.assert_allclose(held["other people, at most (90%)"], [curve.cut, 100 * curve.limit])
    assert np.ptp(held["these images"][1]) > 1, "no flat line"
    np.testing.assert_allclose(
        np.array(lower.lines[0].get_data()), [curve.cut, 100 * curve.coverage]
    )
    assert upper.lines[0].get_drawstyle() == "steps-pre", (
        "a cut between two values is the upper one"
    )
    seen = marks(upper)
    for point, color in zip(two.points, COLORS, strict=False):
        plain, safe = point.cut.effect, point.cut.safe.effect
        assert seen[f"plain, {point.wish}"] == (
            plain.cut,
            pytest.approx(100 * plain.fnmr),
            False,
            color,
        )
        if safe is not None:
            assert seen[f"safe, {point.wish}"] == (
                safe.cut,
                pytest.approx(100 * safe.fnmr),
                True,
                color,
            )
        wanted = [
            line
            for line in upper.lines
            if line.get_color() == color and set(line.get_ydata()) == {100 * point.wish.fnmr}
        ]
        assert wanted, "the wanted FNMR is a line"
    assert any(point.cut.safe.effect for point in two.points)
    coverages = sorted(
        float(line.get_ydata()[0]) for line in lower.lines if line.get_marker() == "o"
    )
    effects = [point.cut.effect for point in two.points] + [
        p.cut.safe.effect for p in two.points if p.cut.safe.effect
    ]
    assert coverages == pytest.approx(sorted(100 * effect.coverage for effect in effects))
    low, high = upper.get_xlim()
    assert all(low < effect.cut < high for effect in effects)
    assert [text.get_text() for text in figures[0].legends[0].get_texts()][:2] == [
        "these images",
        "other people, at most (90%)",
    ]


def test_a_wanted_coverage_is_a_line_in_its_panel(
    make: Callable[..., CutReport], figures: list[Any]
) -> None:
    cut_plot(make(coverage=0.8))
    upper, lower = figures[0].axes
    assert [line for line in lower.lines if set(line.get_ydata()) == {80.0}]
    assert "plain, coverage 0.8" in marks(upper)


def test_a_cut_that_rejects_nothing_stands_on_the_edge(
    make: Callable[..., CutReport], figures: list[Any]
) -> None:
    report = make(fnmr=0.9, lowest=-5.0)
    assert report.cut.coverage.value == 1.0
    cut_plot(report)
    upper = figures[0].axes[0]
    x, y, _, _ = marks(upper)["plain, FNMR 0.9"]
    assert x == upper.get_xlim()[0]
    assert y == pytest.approx(100 * report.cut.fnmr_start)
    assert {line.get_marker() for line in upper.lines if line.get_label() == "plain, FNMR 0.9"} == {
        "<"
    }


def words(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.split("<main>")[1])))


def test_the_page_begins_with_where_to_cut(two: CutReport, figures: list[Any]) -> None:
    page = cut_page(two)
    text = words(page)
    first, second = page.split('<article class="verdict">')[1:]
    for card, point in ((first, two.points[0]), (second.split("</section>")[0], two.points[1])):
        cut, safe = point.cut, point.cut.safe
        large = point.safe_typed if safe.effect is not None else point.typed
        assert f"FNMR of at most {point.wish.fnmr:g}: reject below" in card
        assert f'<p class="cut">{large}<small>' in card
        assert (
            f"FNMR {cut.fnmr.value:.4g} ({cut.errors_kept:,} errors of {cut.mated_kept:,} pairs)"
            in card
        )
        assert "a coin toss on other people" in card
        if safe.effect is not None:
            assert f"Plain cut: {point.typed}" in card
            assert f"at most {safe.limit:.4g}, with 90% confidence" in card
            assert f"Keeps {safe.effect.coverage:.1%} of the images" in card
    assert page.index("verdicts") < page.index("<figure>") < page.index("<table>")
    assert (
        "<b>mine</b> under rec, at a false match rate of 0.01. 600 images, 900 mated pairs of 150"
        " people" in text
    )
    assert "What the safe cut promises" in text
    assert two.protocol in text
    assert "<b>mine" not in page
    assert "<nir>" not in page
    assert set(re.findall(r'(?:src|href)="([a-z]+:|#)', page)) == {"data:"}


def test_the_page_has_every_table_and_note(two: CutReport, figures: list[Any]) -> None:
    changed = replace(
        two,
        notes=("one <i>", "warning: the safe cut loses 60% of the images."),
        command="fiqa threshold x",
    )
    page = cut_page(changed)
    text = words(page)
    for point in two.points:
        for table in (two.effects_table(point), *two.group_tables(point)):
            assert table.title in text
            assert " ".join(table.note.split()) in text
            assert all(str(row[0]) in text for row in table.rows)
    assert "<li>one &lt;i&gt;</li>" in page
    assert "<strong>warning: the safe cut loses 60% of the images.</strong>" in page
    assert page.count("loses 60%") == 1
    assert page.index("loses 60%") < page.index("<figure>")
    assert f"fiqa threshold x · fiqa {fiqa.__version__}" in page.split("<footer>")[1]


def test_the_page_says_what_is_missing(make: Callable[..., CutReport], figures: list[Any]) -> None:
    report = make(fnmr=0.012, level=0.02, confidence=0.99)
    safe = report.cut.safe
    assert safe.effect is None
    text = words(cut_page(report))
    assert (
        "A cut that holds for other people at 99% confidence needs about" in text
        or "No cut holds" in text
    )
    assert f'<p class="cut">{report.points[0].typed}<small>' in cut_page(report)


def test_the_table_of_effects_is_what_the_cuts_do(two: CutReport) -> None:
    point = two.points[0]
    rows = {row[0]: row for row in two.effects_table(point).rows}
    cut = point.cut
    assert rows["no cut"][3:5] == [cut.fnmr_start, f"{cut.errors:,} of {cut.mated:,}"]
    assert rows["plain"][1:4] == [point.typed, cut.coverage.value, cut.fnmr.value]
    assert rows["plain"][6] == f"{cut.fmr_kept:.2g}"
    safe = cut.safe.effect
    assert safe is not None
    assert rows["safe"][1:6] == [
        point.safe_typed,
        safe.coverage,
        safe.fnmr,
        f"{safe.errors:,} of {safe.mated:,}",
        cut.safe.limit,
    ]


def test_the_groups_of_the_cut_have_intervals_and_false_matches(two: CutReport) -> None:
    point = two.points[0]
    losses, matches = two.group_tables(point)
    for cost, row, match in zip(point.cut.safe_groups, losses.rows, matches.rows, strict=True):
        low, high = cost.discarded_interval
        assert row[:4] == [cost.name, cost.images, cost.discarded, f"[{low:.4f}, {high:.4f}]"]
        assert low <= cost.discarded <= high
        assert cost.fnmr_interval is not None
        assert cost.fmr_interval is not None
        assert cost.fmr_interval[0] <= (cost.fmr or 0) <= cost.fmr_interval[1]
        assert match[4] == f"{cost.matches:,} of {cost.nonmated:,}"
    cross = point.cut.safe_cross
    assert cross is not None
    assert f"{cross.mated:,} mated pairs kept ({cross.errors:,} errors)" in losses.note


@pytest.mark.parametrize("name", ["cut.json", "folder.html"])
def test_a_page_that_cannot_be_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InputError, match=r"html must be a file that ends in \.html"):
        check_page(tmp_path / name)
    check_page(tmp_path / "cut.html")
