"""What each plot of an evaluation holds, read from matplotlib's own objects and compared with the
numbers it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba

import fiqa
from fiqa.evaluation.result import Evaluation, MethodCurve, RecognizerResult
from fiqa.functional.edc import pair_quality
from fiqa.report.drawing import COLORS
from fiqa.report.evaluation.labels import panels, spread
from fiqa.report.evaluation.plots import Plot, _look, plots
from fiqa.types import Embeddings, Quality


@pytest.fixture(scope="module")
def found() -> Evaluation:
    rng = np.random.default_rng(4)
    who = np.repeat(np.arange(12), 5)
    true = rng.random(60)
    vectors = rng.normal(size=(12, 8))[who] + (2.0 - 1.8 * true)[:, None] * rng.normal(size=(60, 8))
    length = np.linalg.norm(vectors, axis=1)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    recognizers = [
        Embeddings(ids, vectors / length[:, None], length, name) for name in ("first", "second")
    ]
    qualities = [Quality(ids, true, "good"), Quality(ids, rng.normal(size=60), "guess")]
    return fiqa.evaluate(qualities, recognizers, fmr=0.05, draws=20, limits=(0.3, 0.9))


Drawn = Callable[[Evaluation], dict[str, tuple[Plot, Any]]]


@pytest.fixture(scope="module")
def once() -> dict[int, dict[str, tuple[Plot, Any]]]:
    """What has been drawn, by its evaluation: tests only look at it."""
    return {}


@pytest.fixture
def drawn(
    figures: list[Any], found: Evaluation, once: dict[int, dict[str, tuple[Plot, Any]]]
) -> Drawn:
    """Name -> (plot, its figure)."""

    def draw(evaluation: Evaluation) -> dict[str, tuple[Plot, Any]]:
        if evaluation is found and id(found) in once:
            return once[id(found)]
        figures.clear()
        made = plots(evaluation)
        assert len(made) == len(figures)
        shown = {plot.name: (plot, figure) for plot, figure in zip(made, figures, strict=True)}
        if evaluation is found:
            once[id(found)] = shown
        return shown

    return draw


def lines(axes: Any) -> dict[str, np.ndarray]:
    """The labeled lines of a panel: label -> (2,K)."""
    return {
        line.get_label(): np.array(line.get_data())
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def curve_up_to(curve: MethodCurve, limit: float) -> np.ndarray:
    inside = curve.curve.discard <= limit
    return 100 * np.stack([curve.curve.discard[inside], curve.curve.fnmr[inside]])


@pytest.mark.parametrize("limit", [0.3, 0.9])
@pytest.mark.parametrize("place", [0, 1])
def test_a_discard_plot_holds_every_curve(
    found: Evaluation, drawn: Drawn, limit: float, place: int
) -> None:
    result = found.recognizers[place]
    plot, figure = drawn(found)[f"edc_{result.name}_{round(100 * limit)}"]
    axes = figure.axes[0]
    shown = lines(axes)
    assert set(shown) == {"good", "guess", "random", "oracle"}
    for curve in result.curves:
        drawn_, own = shown[curve.name], curve_up_to(curve, limit)
        np.testing.assert_allclose(drawn_[:, :-1], own)
        assert tuple(drawn_[:, -1]) == (100 * limit, own[1, -1]), "its last step reaches the edge"
    assert np.ptp(shown["good"][1]) > 1, "no flat line"
    assert axes.get_xlim() == (0, 100 * limit)
    assert axes.get_title(loc="left") == result.name
    assert axes.get_xlabel() == "mated pairs discarded (%)"
    assert {line.get_drawstyle() for line in axes.lines} == {"steps-post"}
    assert not figure.legends, "each line has its name at its end"
    named = {text.get_text(): text for text in axes.texts}
    assert set(named) == set(shown)
    low, high = axes.get_ylim()
    for name, text in named.items():
        assert text.xy == (100 * limit, pytest.approx(min(shown[name][1, -1], high)))
        assert low <= text.xy[1] <= high
        assert text.arrow_patch.get_edgecolor() == pytest.approx(
            to_rgba(next(line for line in axes.lines if line.get_label() == name).get_color())
        )
    heights = sorted(text.xyann[1] for text in named.values())
    assert min(np.diff(heights)) > 0.06, "no name covers another"
    assert plot.recognizer == result.name
    assert f"{result.counts['errors']:,} errors" in plot.caption


def test_long_curves_are_thinned_but_keep_their_ends(found: Evaluation, drawn: Drawn) -> None:
    from fiqa.functional.curve import DiscardCurve

    result = found.recognizers[0]
    first = result.curves[0]
    steps = np.linspace(0, 1, 5000)
    whole = first.curve
    long = DiscardCurve(
        steps[:-1],
        steps[::-1][:-1] / 2,
        np.arange(5000, 1, -1),
        whole.threshold,
        whole.fmr,
        whole.protocol,
        whole.counts,
    )
    changed = replace(
        found,
        recognizers=[
            replace(
                result,
                curves=[
                    replace(first, curve=long, cut=None, images=None),
                    *result.curves[1:],
                ],
            )
        ],
    )
    shown = lines(drawn(changed)["edc_first_90"][1].axes[0])["good"]
    assert 400 < shown.shape[1] <= 601
    assert shown[0, 0] == 0
    assert shown[0, -2] == pytest.approx(90, abs=0.1)
    assert shown[0, -1] == 90
    np.testing.assert_allclose(shown[1], 50 - shown[0] / 2, atol=0.02)


def test_each_curve_stands_in_its_band(found: Evaluation, drawn: Drawn) -> None:
    from matplotlib.collections import FillBetweenPolyCollection

    result = found.recognizers[0]
    _, figure = drawn(found)["bands_first"]
    methods = [curve for curve in result.curves if curve.role == "method"]
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["good", "guess"]
    for axes, curve, color in zip(panels, methods, COLORS, strict=False):
        assert curve.curve.band is not None
        inside = curve.curve.discard <= 0.3
        low, high = 100 * curve.curve.band[:, inside]
        (band,) = [each for each in axes.collections if isinstance(each, FillBetweenPolyCollection)]
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx(high.max())
        assert corners[:, 1].min() == pytest.approx(low.min())
        # At the middle of a step the polygon is as high as the band of that step.
        x = 100 * curve.curve.discard[inside]
        for place in range(0, len(x) - 1, 5):
            at = corners[np.isclose(corners[:, 0], x[place]), 1]
            assert np.any(np.isclose(at, high[place]))
            assert np.any(np.isclose(at, low[place]))
        assert np.ptp(high - low) > 0
        own = axes.lines[-1]
        np.testing.assert_allclose(np.array(own.get_data()), curve_up_to(curve, 0.3))
        assert own.get_color() == color
        assert len(axes.lines) == len(result.curves), "the others stand behind it"


def test_without_resamples_there_are_no_bands(found: Evaluation, drawn: Drawn) -> None:
    bare = [
        replace(
            result, curves=[replace(c, curve=replace(c.curve, band=None)) for c in result.curves]
        )
        for result in found.recognizers
    ]
    assert not [
        name for name in drawn(replace(found, recognizers=bare)) if name.startswith("bands")
    ]


def test_the_areas_have_their_intervals(found: Evaluation, drawn: Drawn) -> None:
    result = found.recognizers[1]
    _, figure = drawn(found)["areas_second"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["to 30 %", "to 90 %"]
    for axes, limit in zip(figure.axes, (0.3, 0.9), strict=True):
        dots = {
            line.get_ydata()[0]: line.get_xdata()[0]
            for line in axes.lines
            if line.get_marker() == "o"
        }
        level = [
            line
            for line in axes.lines
            if len(line.get_ydata()) == 2 and np.ptp(line.get_ydata()) == 0
        ]
        bars = {line.get_ydata()[0]: tuple(line.get_xdata()) for line in level}
        for place, curve in enumerate(result.curves):
            area = curve.areas[limit, "start"]
            assert area is not None
            assert dots[place] == area.value
            if area.low is not None:
                assert bars[place] == (area.low, area.high)
        assert 1.0 in {line.get_xdata()[0] for line in axes.lines}, "the line of no help"
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        c.name for c in result.curves
    ]
    assert figure.axes[0].yaxis_inverted()


def test_the_errors_left_are_counts(found: Evaluation, drawn: Drawn) -> None:
    result = found.recognizers[0]
    shown = lines(drawn(found)["errors_first"][1].axes[0])
    for curve in result.curves:
        x, y = shown[curve.name]
        np.testing.assert_allclose(y, np.round(y), atol=1e-9)
        assert y[0] == result.counts["errors"]
        np.testing.assert_allclose(y, curve.curve.fnmr * curve.curve.kept)
        np.testing.assert_allclose(x, 100 * curve.curve.discard)


def test_the_similarities_and_their_threshold(found: Evaluation, drawn: Drawn) -> None:
    result = found.recognizers[0]
    axes = drawn(found)["similarity_first"][1].axes[0]
    shown = lines(axes)
    center, mated, other = result.density
    width = center[1] - center[0]
    np.testing.assert_allclose(shown["mated"], [center, mated / width])
    np.testing.assert_allclose(shown["non-mated"], [center, other / width])
    assert np.sum(shown["mated"][1]) * width == pytest.approx(1)
    at = shown[f"threshold {result.threshold:.3f}"][0]
    assert set(at) == {result.threshold}
    low, high = axes.get_xlim()
    assert low < center[np.flatnonzero(other)[0]]
    assert high > center[np.flatnonzero(mated)[-1]]


def test_the_tradeoff_of_each_recognizer(found: Evaluation, drawn: Drawn) -> None:
    plot, figure = drawn(found)["det"]
    axes = figure.axes[0]
    shown = lines(axes)
    for result in found.recognizers:
        fmr, fnmr = result.roc
        seen = (fmr > 0) & (fnmr > 0)
        np.testing.assert_allclose(shown[result.name], [fmr[seen], fnmr[seen]])
        dots = [tuple(np.ravel(line.get_data())) for line in axes.lines if line.get_marker() == "o"]
        assert (0.05, result.fnmr) in dots
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "first: 120 mated, 1,650 non-mated" in plot.caption


def test_the_scores_and_how_two_agree(found: Evaluation, drawn: Drawn) -> None:
    made = drawn(found)
    panels = made["scores"][1].axes
    for axes, scores in zip(panels, found.scores, strict=True):
        counts, edges = np.histogram(scores.value, bins=40)
        assert [bar.get_height() for bar in axes.patches] == counts.tolist()
        assert axes.patches[0].get_x() == pytest.approx(edges[0])
        assert axes.get_title(loc="left") == scores.name
    plot, figure = made["scatter"]
    (points,) = figure.axes[0].lines
    np.testing.assert_array_equal(points.get_xdata(), found.scores[0].value)
    np.testing.assert_array_equal(points.get_ydata(), found.scores[1].value)
    ranks = [np.argsort(np.argsort(scores.value)) for scores in found.scores]
    assert f"Spearman {np.corrcoef(*ranks)[0, 1]:.3f}" in plot.caption
    constant = [found.scores[0], replace(found.scores[1], value=np.ones(60))]
    assert "one of them is constant" in drawn(replace(found, scores=constant))["scatter"][0].caption
    assert "scatter" not in drawn(replace(found, scores=found.scores[:1]))


def test_very_many_images_are_binned(found: Evaluation, drawn: Drawn) -> None:
    rng = np.random.default_rng(0)
    many = [replace(scores, value=rng.random(3000)) for scores in found.scores]
    axes = drawn(replace(found, scores=many))["scatter"][1].axes[0]
    assert not axes.lines
    assert axes.collections[0].get_array().sum() == 3000


def test_the_error_over_images_is_that_of_cutting_at_each_score(
    found: Evaluation, drawn: Drawn
) -> None:
    who = np.repeat(np.arange(12), 5)
    first, second = np.triu_indices(60, 1)
    mated = who[first] == who[second]
    scores = {scores.name: scores.value for scores in found.scores}
    result = found.recognizers[0]
    shown = lines(drawn(found)["images_first"][1].axes[0])
    assert set(shown) == {"good", "guess", "random"}, "the oracle discards pairs, not images"
    for name, value in scores.items():
        curve = found.curve(name)
        worst = pair_quality(value[np.stack([first, second], axis=1)])[mated]
        assert curve.cut is not None
        assert curve.images is not None
        for cut, images, kept in zip(curve.cut, curve.images, curve.curve.kept, strict=True):
            assert np.mean(value < cut) == images
            assert np.count_nonzero(worst >= cut) == kept
        inside = curve.images <= 0.3
        np.testing.assert_allclose(shown[name][0, :-1], 100 * curve.images[inside])
        np.testing.assert_allclose(shown[name][1, :-1], 100 * curve.curve.fnmr[inside])
        assert tuple(shown[name][:, -1]) == (30, shown[name][1, -2])
    axes = drawn(found)["cuts_first"][1].axes
    assert [panel.get_title(loc="left") for panel in axes] == ["good", "guess"]
    for panel, curve in zip(axes, result.of_role("method"), strict=True):
        (line,) = panel.lines
        assert line.get_drawstyle() == "steps-pre"
        inside = curve.curve.discard <= 0.9
        assert curve.cut is not None
        np.testing.assert_array_equal(line.get_xdata(), curve.cut[inside])
        np.testing.assert_array_equal(line.get_ydata(), 100 * curve.curve.fnmr[inside])


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
def test_a_grid_has_no_empty_place(count: int) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    made = panels(figure, count)
    places = [axes.get_subplotspec() for axes in made]
    cells = [(row, column) for place in places for row in place.rowspan for column in place.colspan]
    assert sorted(cells) == [(r, c) for r in range((count + 1) // 2) for c in range(2)]
    assert len(figure.axes) == count


@pytest.mark.parametrize(
    "ends", [[0.5] * 4, [0.0, 0.0, 1.0, 1.0], [0.3, 0.31, 0.9, 0.05, 0.32], [0.2] * 40, [0.7], []]
)
def test_names_are_moved_apart_and_stay_in_order(ends: list[float]) -> None:
    moved = spread(ends, 0.06)
    assert [moved[k] for k in np.argsort(ends, kind="stable")] == sorted(moved)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in moved)
    if len(moved) > 1:
        assert min(np.diff(sorted(moved))) > min(0.06, 1 / (len(moved) - 1)) - 1e-9


def test_an_eighth_method_has_dashes(found: Evaluation, drawn: Drawn) -> None:
    result = found.recognizers[0]
    first, *_, noise, oracle = result.curves
    more = [replace(first, name=f"m{k}") for k in range(9)]
    wide: RecognizerResult = replace(result, curves=[*more, noise, oracle])
    axes = drawn(replace(found, recognizers=[wide]))["edc_first_30"][1].axes[0]
    look = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert [look[f"m{k}"][0] for k in range(7)] == list(COLORS)
    assert look["m7"][0] == look["m0"][0]
    assert look["m7"][1] != look["m0"][1]
    assert len(set(look.values())) == 11
    dashes = [_look(more)[f"m{k}"]["linestyle"] for k in range(4)]
    assert len(set(dashes)) == 4, "grey print tells neighbors apart"
