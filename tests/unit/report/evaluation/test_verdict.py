"""The verdict of an evaluation: which method is best, what it removes of what can be removed, and
whether that may be chance."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.evaluation.result import Estimate, Evaluation, MethodCurve, RecognizerResult
from fiqa.functional.bootstrap import Difference
from fiqa.functional.curve import DiscardCurve
from fiqa.report.evaluation.tables import evaluation_tables
from fiqa.report.evaluation.verdict import gap_to_oracle, ranked, verdict
from fiqa.types import Embeddings, Quality

COUNTS = {"mated": 100, "nonmated": 900, "errors": 20, "resolvable_fmr": 0.01}


def curve(name: str, left: int, area: float | None, role: Any = "method", **more: Any) -> Any:
    """20 errors of 100 pairs at first; `left` of them when 30 pairs are gone."""
    discard, kept = np.array([0.0, 0.3]), np.array([100, 70])
    fnmr = np.array([0.2, left / 70])
    made = DiscardCurve(discard, fnmr, kept, 0.5, 0.01, "iso", COUNTS)
    areas = {(0.3, "start"): None if area is None else Estimate(area)}
    return MethodCurve(name, role, made, areas, **more)


def behind(low: float, high: float) -> Difference:
    return Difference(0.4, 0.5, -0.1, low, high, 0.01, 0.95, 200)


def told(*methods: Any, noise: Any = None, oracle: int = 0) -> str:
    curves = [
        *methods,
        curve("random", 14, 1.0, "random", behind=noise),
        curve("oracle", oracle, 0.25, "oracle"),
    ]
    result = RecognizerResult(
        "rec", 0.5, 0.2, COUNTS, None, None, np.empty((2, 0)), np.empty((3, 0)), curves
    )
    settings = {"limits": (0.3, 0.95), "level": 0.95, "draws": 200}
    return verdict(Evaluation(settings, {}, [], [result], []), result)


def test_the_best_by_area_removes_its_share_and_is_ahead_of_some() -> None:
    text = told(
        curve("slow", 10, 0.6, behind=behind(-0.3, -0.1)),
        curve("near", 3, 0.41, behind=behind(-0.05, 0.02)),
        curve("best", 4, 0.4),
        curve("bad", 14, 1.1, behind=behind(-0.9, -0.5)),
    )
    assert text == (
        "best removes 80 % of the errors that any score could remove at 30 % discarded (16 of 20"
        " under rec; discarding at random removes 30 %). It is better than slow and bad beyond"
        " chance; the rest may be chance: near (95% by 200 resamples of identities, area to 30 %)."
    )


def test_what_the_oracle_leaves_cannot_be_removed() -> None:
    assert "removes 100 % of the errors" in told(curve("a", 10, 0.5), oracle=10)
    assert "(10 of 10 under rec" in told(curve("a", 10, 0.5), oracle=10)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((-0.6, -0.1), "It is better than discarding at random beyond chance"),
        ((-0.6, 0.1), "It may be chance that it is ahead of discarding at random"),
    ],
)
def test_one_method_is_compared_with_chance(ends: tuple[float, float], words: str) -> None:
    assert words in told(curve("only", 4, 0.4), noise=behind(*ends))


def test_without_resamples_nothing_is_claimed() -> None:
    text = told(curve("a", 4, 0.4), curve("b", 8, 0.6))
    assert text.endswith("was not tested: there are no resamples.")
    assert "better than" not in text


def test_without_an_error_nothing_can_be_removed() -> None:
    assert told(curve("a", 0, None)) == (
        "Under rec no mated pair fails, so there is nothing to remove."
    )


def test_the_order_and_the_gap() -> None:
    curves = [
        curve("none", 4, None),
        curve("worse", 4, 0.75),
        curve("better", 4, 0.4),
        curve("oracle", 0, 0.25, "oracle"),
        curve("random", 14, 1.0, "random"),
    ]
    result = RecognizerResult(
        "rec", 0.5, 0.2, COUNTS, None, None, np.empty((2, 0)), np.empty((3, 0)), curves
    )
    names = [each.name for each in ranked(result, 0.3)]
    assert names == ["better", "worse", "none", "random", "oracle"]
    gaps = [gap_to_oracle(result, each, 0.3) for each in ranked(result, 0.3)]
    assert gaps == [pytest.approx(0.2), pytest.approx(2 / 3), None, 1.0, 0.0]


@pytest.fixture(scope="module")
def found() -> Evaluation:
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(60), 4)
    true = rng.random(240)
    noise = (2.0 - 1.8 * true)[:, None] * rng.normal(size=(240, 16))
    vectors = rng.normal(size=(60, 16))[who] + noise
    length = np.linalg.norm(vectors, axis=1)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    qualities = [
        Quality(ids, rng.normal(size=240), "guess"),
        Quality(ids, true, "good"),
        Quality(ids, np.floor(3 * true), "coarse"),
    ]
    held = Embeddings(ids, vectors / length[:, None], length, "rec")
    return fiqa.evaluate(qualities, held, fmr=0.01, draws=40)


def test_the_numbers_of_the_sentence_are_those_of_the_curves(found: Evaluation) -> None:
    result = found.recognizers[0]
    text = verdict(found, result)
    assert text.startswith("good removes")
    removed, removable = (int(n) for n in re.findall(r"\((\d+) of (\d+) under rec", text)[0])
    start = int(result.counts["errors"])
    assert removed == start - found.curve("good").errors_left(0.3)[0]
    assert removable == start - found.curve("oracle").errors_left(0.3)[0]
    assert f"removes {100 * removed / removable:.0f} %" in text
    gap = found.curve("guess").behind
    assert gap is not None
    assert gap.high < 0
    assert (gap.area_a, gap.area_b) == tuple(
        found.curve(name).areas[0.3, "start"].value for name in ("good", "guess")
    )
    assert "better than guess" in text
    assert found.curve("good").behind is None
    other = found.curve("good").difference
    assert other is not None
    assert other.difference == pytest.approx(gap.difference)


def test_a_coarse_score_is_told_at_what_it_discards(found: Evaluation) -> None:
    result = found.recognizers[0]
    coarse = found.curve("coarse")
    alone = replace(
        result,
        curves=[coarse, *(c for c in result.curves if c.role != "method")],
    )
    discarded = float(coarse.curve.discard[coarse.place(0.3)])
    assert discarded > 0.35
    assert f"at {100 * discarded:.0f} % discarded, its first cut beyond 30 %" in verdict(
        found, alone
    )


def test_the_table_is_sorted_and_has_the_gap(found: Evaluation) -> None:
    table = next(table for table in found.tables if table.name == "areas_rec")
    assert [row[0] for row in table.rows][-2:] == ["random", "oracle"]
    areas = [row[1] for row in table.rows[:-2]]
    assert areas == sorted(areas)
    gaps = dict(
        zip(
            [row[0] for row in table.rows],
            [row[list(table.columns).index("gap to the oracle")] for row in table.rows],
            strict=True,
        )
    )
    assert gaps["oracle"] == 0
    assert 0 < gaps["good"] < gaps["guess"]
    assert "p cannot fall below 0.049 with 40 resamples" in table.note
    errors = next(table for table in found.tables if table.name == "errors_rec")
    left, kept = found.curve("good").errors_left(0.1)
    row = next(row for row in errors.rows if row[0] == "good")
    assert row[3] == f"{100 * left / kept:.2f} % ({left} of {kept})"


def test_every_pair_of_scores_has_its_agreement(found: Evaluation) -> None:
    table = next(table for table in found.tables if table.name == "agreement")
    assert list(table.columns) == ["quality", "guess", "good", "coarse"]
    ranks = [np.argsort(np.argsort(scores.value)) for scores in found.scores[:2]]
    expected = pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert table.rows[0][:3] == ["guess", None, expected]
    assert table.rows[1][:3] == ["good", expected, None]
    fewer = evaluation_tables(replace(found, scores=found.scores[:2]))
    assert "agreement" not in {table.name for table in fewer.tables}
    constant = [replace(found.scores[0], value=np.ones(240)), *found.scores[1:]]
    none = evaluation_tables(replace(found, scores=constant)).tables[-1]
    assert none.rows[0][1:] == [None, None, None]
