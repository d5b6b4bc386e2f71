"""DmsFIQA's tables against the pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiqa.errors import InputError
from fiqa.evaluation.curves import Setting
from fiqa.evaluation.evidence import gather
from fiqa.evaluation.papers.dmsfiqa import CUTS, agreement_table, filter_table
from fiqa.functional import agreement
from fiqa.functional.selection import top_k
from fiqa.functional.spread import spread
from fiqa.functional.verification import all_pairs
from fiqa.types import Quality

pytestmark = pytest.mark.numeric

HOW = Setting(fmr=0.05, draws=10)


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
