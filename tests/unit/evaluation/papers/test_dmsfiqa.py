"""DmsFIQA's tables against the pure functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiqa.errors import InputError
from fiqa.evaluation.evidence import gather
from fiqa.evaluation.papers.dms_intervals import agreement_intervals
from fiqa.evaluation.papers.dmsfiqa import (
    AGREEMENT_MEASURES,
    CUTS,
    agreement_table,
    filter_table,
    target_of,
)
from fiqa.evaluation.setting import Setting
from fiqa.functional import agreement
from fiqa.functional.calibration import levels
from fiqa.functional.selection import top_k
from fiqa.functional.spread import spread
from fiqa.functional.verification import all_pairs, eer, roc_auc, tpr_at_far
from fiqa.types import Quality
from fiqa.vocabulary import LEVELS

pytestmark = pytest.mark.numeric

HOW = Setting(fmr=0.05, draws=0)


def test_agreement_columns_are_those_of_the_pure_functions(here: dict[str, Any]) -> None:
    evidence = gather([here["near"], here["open"]], here["vectors"][0])
    table = agreement_table(evidence, here["label"])
    row = dict(zip(table.columns, table.rows[0], strict=True))
    pred, truth = (here[name].value.astype(float) for name in ("near", "label"))
    middle = (truth > CUTS[0]) & (truth <= CUTS[-1])
    assert row["MAE"] == pytest.approx(agreement.mae(pred, truth))
    assert row["RMSE"] == pytest.approx(agreement.rmse(pred, truth))
    assert row["Spearman"] == pytest.approx(
        agreement.per_identity(agreement.spearman, pred, truth, here["who"])[0]
    )
    some = agreement.per_identity(
        agreement.kendall, pred[middle], truth[middle], here["who"][middle]
    )
    assert (row["middle Kendall"], row["middle used/skipped"]) == (
        pytest.approx(some[0]),
        f"{some[1]}/{some[2]}",
    )
    assert row["Entropy"] == pytest.approx(spread(pred).entropy)
    other = dict(zip(table.columns, table.rows[1], strict=True))
    assert other["MAE"] is None
    assert other["Std"] is None
    assert other["Spearman"] > 0.5
    assert "375 of 375 images" in table.note


def test_levels_of_the_labels_file_are_the_levels(here: dict[str, Any], tmp_path: Path) -> None:
    """With jitter a label lies over a cut of another level: the file's own column decides."""
    label, evidence = here["label"], gather(here["near"], here["vectors"][0])
    level = np.random.default_rng(3).integers(0, 5, len(label.id))
    file = tmp_path / "labels.parquet"
    words = [LEVELS[k] for k in level]
    frame = pl.DataFrame({"id": label.id.tolist(), "value": label.value, "level": words})
    frame.write_parquet(file)
    table = agreement_table(evidence, file)
    row = dict(zip(table.columns, table.rows[0], strict=True))
    near = here["near"].value.astype(float)
    cut = levels(near, CUTS)
    place = {name: k for k, name in enumerate(label.id.tolist())}
    ours = level[[place[name] for name in here["near"].id.tolist()]]
    assert row["balanced acc."] == pytest.approx(agreement.balanced_accuracy(cut, ours))
    assert row["macro-F1"] == pytest.approx(agreement.macro_f1(cut, ours))
    middle = int(((level > 0) & (level < 4)).sum())
    assert f"{middle} of the middle levels (levels as the labels state them)" in table.note
    by_cuts = agreement_table(evidence, label)
    assert "(levels by cuts)" in by_cuts.note
    assert by_cuts.rows[0] != table.rows[0]
    # the level of a table of scores is that of the calibrated score: no label was made from it
    frame.with_columns(uqs=pl.lit(50)).write_parquet(file)
    assert agreement_table(evidence, file).rows[0] == by_cuts.rows[0]


def test_labels_must_be_of_these_images_and_in_range(here: dict[str, Any]) -> None:
    evidence = gather(here["near"], here["vectors"][0])
    with pytest.raises(InputError, match="must be of these images, got none of 375"):
        agreement_table(evidence, Quality(np.array(["x"]), np.array([0.5]), "l"))
    with pytest.raises(InputError, match="target must be in"):
        agreement_table(evidence, here["open"])


def test_filtering_verifies_what_is_left(here: dict[str, Any]) -> None:
    evidence = gather([here["near"], here["open"]], here["vectors"][0])
    table = filter_table(evidence, evidence.recognizers[0], HOW)
    rows = {(row[0], row[1]): dict(zip(table.columns, row, strict=True)) for row in table.rows}
    keep = top_k(here["near"].value, here["who"], 20)
    expected = all_pairs(here["vectors"][0].vector[keep], here["who"][keep])
    row = rows["near", "top 20 per identity"]
    assert row["coverage %"] == pytest.approx(80)
    assert (row["ROC-AUC"], row["EER %"]) == pytest.approx((expected.auc, 100 * expected.eer))
    assert row["TPR@0.001"] == pytest.approx(expected.tpr[1e-3])
    assert rows["near", "score >= 0.8"]["ROC-AUC"] > rows["-", "none"]["ROC-AUC"]
    assert ("open", "score >= 0.8") not in rows
    few = gather(Quality(here["ids"][:26], np.linspace(0, 0.1, 26), "low"), here["vectors"][0])
    last = filter_table(few, few.recognizers[0], HOW).rows[-1]
    assert last[3] == 0
    assert last[7] is None


def test_table_4_with_intervals_has_the_values_and_pairs_the_people(here: dict[str, Any]) -> None:
    noisy = Quality(here["ids"], np.random.default_rng(1).random(375), "noisy")
    evidence = gather([here["near"], noisy, here["open"]], here["vectors"][0])
    images = target_of(evidence, here["label"])[1]
    table = agreement_intervals(evidence, images, Setting(draws=60))
    rows = {(row[0], row[1]): row[2:] for row in table.rows}
    plain = agreement_table(evidence, here["label"])
    for row in plain.rows:
        cells = dict(zip(plain.columns, row, strict=True))
        for name in AGREEMENT_MEASURES:
            value, low, high = rows[cells["method"], name][:3]
            assert value == cells[name]
            assert (low is None) == (value is None)
            if low is not None:
                # a draw has fewer different images, so its entropy is a little lower
                assert low <= value <= high + (0.02 if name == "Entropy" else 0)
    assert rows["near", "Spearman"][3:] == [None] * 3
    gap, low, high = rows["noisy", "Spearman"][3:]
    assert gap == pytest.approx(rows["noisy", "Spearman"][0] - rows["near", "Spearman"][0])
    assert low <= gap <= high < 0
    assert rows["open", "MAE"] == [None] * 6
    assert rows["open", "middle Kendall"][3] is not None
    other = agreement_intervals(evidence, images, Setting(draws=60, seed=1))
    assert other.rows[0][2] == table.rows[0][2]
    assert other.rows[0][3] != table.rows[0][3]


def test_intervals_of_table_5_are_those_of_mated_pairs_drawn_by_person(
    here: dict[str, Any],
) -> None:
    """The slow way: mated pairs of a draw laid out, ranked anew against all non-mated ones."""
    evidence = gather(here["near"], here["vectors"][0])
    how = Setting(draws=12, seed=4)
    table = filter_table(evidence, evidence.recognizers[0], how)
    row = dict(zip(table.columns, table.rows[0], strict=True))
    vectors, who = evidence.recognizers[0].vector, evidence.identity
    a, b = np.triu_indices(len(who), 1)
    similarity = (vectors[a] * vectors[b]).sum(1).astype(np.float32)
    same = who[a] == who[b]
    other, names = similarity[~same], np.unique(who)
    rng, drawn = np.random.default_rng(4), []
    for _ in range(12):
        taken = rng.integers(0, len(names), len(names))
        mated = np.concatenate([similarity[same & (who[a] == names[k])] for k in taken])
        rate = tpr_at_far(mated, other, 1e-3)
        drawn.append((roc_auc(mated, other), rate, 100 * eer(mated, other)))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    for k, name in enumerate(("ROC-AUC", "TPR@0.001", "EER %")):
        assert row[f"{name} low"] == pytest.approx(low[k], abs=2e-5)
        assert row[f"{name} high"] == pytest.approx(high[k], abs=2e-5)
        assert row[f"{name} low"] <= row[name] <= row[f"{name} high"]
    assert "intervals over people, 12 draws" in table.note
    assert filter_table(evidence, evidence.recognizers[0], HOW).rows[0] == [
        cell
        for cell, name in zip(table.rows[0], table.columns, strict=True)
        if not name.endswith((" low", " high"))
    ]


def test_the_best_of_each_track_beside_those_of_each_person(here: dict[str, Any]) -> None:
    evidence = gather(here["near"], here["vectors"][0])
    track = np.array([f"t{k}" for k in np.arange(375) // 25 * 5 + np.arange(375) % 25 // 5])
    table = filter_table(evidence, evidence.recognizers[0], HOW, {"track": track})
    rows = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["top 20 per track"]["images"] == 375, "no track has more than five"
    long = np.where(np.arange(375) % 2, "odd", "even")
    table = filter_table(evidence, evidence.recognizers[0], HOW, {"track": long})
    rows = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    keep = top_k(here["near"].value, long, 30)
    expected = all_pairs(here["vectors"][0].vector[keep], here["who"][keep])
    assert rows["top 30 per track"]["images"] == 60
    assert rows["top 30 per track"]["ROC-AUC"] == pytest.approx(expected.auc)
