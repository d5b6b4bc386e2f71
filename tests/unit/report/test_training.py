"""The page of a run shows its best rows, its curves and its recipe, whatever the names hold."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from fiqa.report.training import run_page
from fiqa.training.log import columns

ROWS = [
    dict.fromkeys(columns(["loss_quality", "loss_ranking", "loss_factors"]))
    | {
        "step": k,
        "epoch": k / 2,
        "images": 10 * k,
        "lr": 1e-3,
        "loss": 1 / k,
        "mae": abs(k - 2) / 10 + 0.1,
        "spearman": k / 10,
    }
    | {"seconds": float(k), "images_per_second": 10.0, "waiting": 0.25}
    for k in (1, 2, 3)
]


def test_best_rows_by_each_metric_and_the_pace():
    page = run_page("a<b", {"seed": 1, "data": {"faces": "<script>"}}, ROWS, ["mae", "spearman", "rmse"])
    assert "Training run a&lt;b" in page
    assert "<script>" not in page
    assert "3 steps, 30 images in 3 s" in page
    assert "10 images per second, 25% of the time waiting for data" in page
    mae, spearman = re.findall(r"<tr><td>(?:mae|spearman)</td>.*?</tr>", page)
    assert mae.startswith('<tr><td>mae</td><td class="n">1</td><td class="n">2</td>'), "epoch 1, step 2"
    assert '<td class="n">1.5</td><td class="n">3</td>' in spearman
    assert "<td>rmse</td>" not in page, "what was never computed has no best row"


def test_the_curves_are_a_picture_that_changes_with_the_numbers():
    def picture(rows: list[dict]) -> np.ndarray:
        uri = re.search(r'src="data:image/png;base64,([^"]+)"', run_page("a", {}, rows, ["mae"])).group(1)
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri))).convert("RGB"))

    first = picture(ROWS)
    assert first.shape == (700, 1100, 3)
    assert first.std() > 10
    assert np.array_equal(first, picture(ROWS))
    assert not np.array_equal(first, picture([{**row, "mae": 0.5} for row in ROWS]))
