"""The pictures of CLIB-FIQA's Figures 3 and 5, read from matplotlib's own objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy.stats import spearmanr, zscore

import fiqa
from fiqa.evaluation.result import Evaluation
from fiqa.report.drawing import COLORS
from fiqa.report.evaluation.curve_grid import curve_grid
from fiqa.report.evaluation.optimization import optimization_plot
from fiqa.report.evaluation.score_grid import score_grid
from fiqa.types import Embeddings, Quality


def evaluated(seed: int, qualities: tuple[str, ...], recognizers: tuple[str, ...]) -> Evaluation:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(12), 5)
    true = rng.random(60)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])

    def vectors(name: str) -> Embeddings:
        rows = rng.normal(size=(12, 8))[who]
        rows = rows + (2.0 - 1.8 * true)[:, None] * rng.normal(size=(60, 8))
        length = np.linalg.norm(rows, axis=1)
        return Embeddings(ids, rows / length[:, None], length, name)

    scores = [Quality(ids, true + k * rng.normal(size=60), n) for k, n in enumerate(qualities)]
    return fiqa.evaluate(
        scores, [vectors(n) for n in recognizers], fmr=0.05, draws=0, limits=(0.3, 0.9)
    )


@pytest.fixture(scope="module")
def sets() -> dict[str, Evaluation]:
    """The second set has one recognizer less and one quality more."""
    return {
        "near": evaluated(0, ("good", "fair"), ("first", "second")),
        "far": evaluated(1, ("good", "fair", "late"), ("first",)),
    }


def test_a_cell_per_set_and_recognizer_holds_every_curve(
    figures: list[Any], sets: Mapping[str, Evaluation]
) -> None:
    plot = curve_grid(sets)
    (figure,) = figures
    cells = np.array(figure.axes).reshape(2, 2)
    assert [axes.texts[0].get_text() for axes in cells[0]] == ["first", "second"]
    assert [axes.get_ylabel() for axes in cells[:, 0]] == ["near", "far"]
    for name, line in zip(sets, cells, strict=True):
        for result, axes in zip(sets[name].recognizers, line, strict=False):
            assert len(axes.lines) == len(result.curves)
            assert axes.get_xlim() == (0, 90)
            assert axes.get_ylim()[1] == pytest.approx(135 * result.fnmr)
            for curve, drawn in zip(result.curves, axes.lines, strict=True):
                inside = curve.curve.discard <= 0.9
                x, y = drawn.get_data()
                np.testing.assert_allclose(x[:-1], 100 * curve.curve.discard[inside])
                np.testing.assert_allclose(y[:-1], 100 * curve.curve.fnmr[inside])
                assert (x[-1], y[-1]) == (90, y[-2]), "the last step reaches the edge"
            counts = result.counts
            told = f"{counts['errors']:.0f} errors in {counts['mated']:.0f} pairs"
            assert axes.get_title(loc="left") == told
            (shade,) = axes.patches
            assert shade.get_extents().transformed(axes.transData.inverted()).x1 == pytest.approx(
                30
            )
    empty = cells[1, 1]
    assert [text.get_text() for text in empty.texts] == ["no embeddings"]
    assert not empty.lines
    assert "under second" not in plot.caption
    assert "far: no embeddings" in plot.caption
    assert "Shaded: to 30 %" in plot.caption


def test_a_method_looks_alike_in_every_cell_and_the_legend_names_it_once(
    figures: list[Any], sets: Mapping[str, Evaluation]
) -> None:
    # The other way around: the set with fewer methods must not move the looks of the rest.
    curve_grid({"far": sets["far"], "near": sets["near"]})
    (figure,) = figures
    (legend,) = figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["good", "fair", "late", "random", "oracle"]
    colors = dict(zip(named, (line.get_color() for line in legend.get_lines()), strict=True))
    assert [colors[name] for name in named[:3]] == list(COLORS[:3])
    # the legend lies below every cell
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    texts = [axes.xaxis.label.get_window_extent() for axes in figure.axes if axes.get_xlabel()]
    assert len(texts) == 2
    assert all(box.y1 <= below.y0 for below in texts)
    near = figure.axes[2]
    shown = [line.get_color() for line in near.lines]
    assert shown == [colors[name] for name in ("good", "fair", "random", "oracle")]


def test_the_lowest_curves_of_a_column_have_the_numbers_of_its_axis(
    figures: list[Any], sets: Mapping[str, Evaluation]
) -> None:
    curve_grid(sets)
    cells = np.array(figures[0].axes).reshape(2, 2)
    figures[0].draw_without_rendering()

    def numbered(axes: Any) -> bool:
        return any(label.get_visible() and label.get_text() for label in axes.get_xticklabels())

    assert [[numbered(axes) for axes in line] for line in cells] == [[False, True], [True, False]]


def test_one_set_without_an_error_is_drawn_too(
    figures: list[Any], sets: Mapping[str, Evaluation]
) -> None:
    near = sets["near"]
    result = near.recognizers[0]
    fine = replace(
        result,
        fnmr=0.0,
        counts={**result.counts, "errors": 0},
        curves=[
            replace(c, curve=replace(c.curve, fnmr=np.zeros_like(c.curve.fnmr)))
            for c in result.curves
        ],
    )
    one = replace(near, recognizers=[fine], settings={**near.settings, "limits": (0.3,)})
    curve_grid({"all": one})
    (axes,) = figures[0].axes
    assert axes.get_ylim()[1] > 0
    assert axes.get_xlim() == (0, 30)
    assert not axes.patches, "nothing to tell apart"


def test_scores_are_drawn_in_standard_deviations(figures: list[Any]) -> None:
    found = evaluated(1, ("good", "fair", "late"), ("first",))
    plot = score_grid("a set", found, ["a set"])
    assert plot.name == "clib_scores_a_set"
    cells = np.array(figures[0].axes).reshape(3, 3)
    z = [np.clip(zscore(scores.value), -4, 4) for scores in found.scores]
    for row in range(3):
        for column in range(3):
            axes = cells[row, column]
            assert axes.get_xlim() == (-4, 4)
            if row > column:
                x, y = axes.lines[-1].get_data()
                np.testing.assert_allclose(x, z[column])
                np.testing.assert_allclose(y, z[row])
            elif row < column:
                rho = spearmanr(found.scores[row].value, found.scores[column].value).statistic
                assert [text.get_text() for text in axes.texts] == [f"rho {rho:.3f}"]
            else:
                filled = [p for p in axes.patches if p.get_fill()]
                (own,) = filled
                assert len(axes.patches) == 3, "before those of the others"
                assert own.get_facecolor()[:3] == to_rgba(COLORS[row])[:3]
                heights = own.get_data().values
                count, _ = np.histogram(z[row], np.linspace(-4, 4, 41))
                np.testing.assert_allclose(heights, 100 * count / 60)
                assert heights.sum() == pytest.approx(100), "nobody is outside"
    assert [axes.get_ylabel() for axes in cells[:, 0]] == ["good", "fair", "late"]
    assert [axes.get_xlabel() for axes in cells[2]] == ["good", "fair", "late"]


@pytest.mark.slow
def test_many_methods_one_method_a_constant_one_and_many_images(figures: list[Any]) -> None:
    found = evaluated(1, ("good",), ("first",))
    score_grid("one", found, ["one"])
    assert len(figures[0].axes) == 1
    (good,) = found.scores
    flat = replace(good, name="flat", value=np.full(60, 0.3))
    score_grid("two", replace(found, scores=[good, flat]), ["two"])
    assert figures[1].axes[1].texts[0].get_text() == "constant"
    (center,) = {float(v) for v in figures[1].axes[2].lines[-1].get_ydata()}
    assert center == 0
    many = [replace(good, name=f"m{k}") for k in range(10)]
    plot = score_grid("ten", replace(found, scores=many), ["ten"])
    assert len(figures[2].axes) == 64
    assert "The first 8 of 10 methods." in plot.caption
    assert "The first 8 of 10 methods" in figures[2].get_suptitle()
    large = [
        replace(good, name=name, value=np.random.default_rng(k).normal(size=2001))
        for k, name in enumerate(("a", "b"))
    ]
    score_grid("large", replace(found, scores=large), ["large"])
    assert len(figures[3].axes[2].lines) == 1, "the line of agreement; images are a density"
    assert len(figures[3].axes[2].collections) == 1


def test_what_optimizing_moves(figures: list[Any]) -> None:
    found = evaluated(1, ("good", "fair"), ("first",))
    names = ("m.baseline", "m.optimized")
    scores = [replace(each, name=name) for each, name in zip(found.scores, names, strict=True)]
    plot = optimization_plot("b/c", replace(found, scores=scores), ["b c", "b/c"])
    assert plot.name == "label_opt_scatter_b_c-2"
    (left, right), (before, after) = figures[0].axes, (each.value for each in scores)
    ends = (min(before.min(), after.min()), max(before.max(), after.max()))
    for patch, value in zip(left.patches, (before, after), strict=True):
        count, edges = np.histogram(value, 40, range=ends)
        assert patch.get_data().values.tolist() == count.tolist()
        np.testing.assert_allclose(patch.get_data().edges, edges)
    points, line = (np.array(each.get_data()) for each in right.lines)
    np.testing.assert_array_equal(points, [before, after])
    np.testing.assert_array_equal(line, [ends, ends])
    rho = spearmanr(before, after).statistic
    assert right.get_title(loc="left") == f"rho {rho:.4f}"
    assert left.get_xlim() == right.get_xlim()
    assert figures[0].get_suptitle() == "b/c"
    flat = [replace(each, value=np.ones(60)) for each in scores]
    optimization_plot("flat", replace(found, scores=flat), ["flat"])
    assert figures[1].axes[1].get_title(loc="left") == "constant"
