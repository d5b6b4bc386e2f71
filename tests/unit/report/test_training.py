"""The page of a run shows its best rows, its curves and its recipe, whatever the names hold."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

from fiqa.report.training import run_page
from fiqa.training.log import columns

LOSSES = ["loss_quality", "loss_ranking", "loss_factors"]
ROWS = [
    dict.fromkeys(columns(LOSSES))
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
    page = run_page(
        "a<b", {"seed": 1, "data": {"faces": "<script>"}}, ROWS, ["mae", "spearman", "rmse"]
    )
    assert "Training run a&lt;b" in page
    assert "<script>" not in page
    assert "3 steps, 30 images in 3 s" in page
    assert "10 images per second, 25% of the time waiting for data" in page
    mae, spearman = re.findall(r"<tr><td>(?:mae|spearman)</td>.*?</tr>", page)
    assert mae.startswith('<tr><td>mae</td><td class="n">1</td><td class="n">2</td>'), (
        "epoch 1, step 2"
    )
    assert '<td class="n">1.5</td><td class="n">3</td>' in spearman
    assert "<td>rmse</td>" not in page, "what was never computed has no best row"


def test_the_curves_are_a_picture_that_changes_with_the_numbers():
    def drawings(rows: list[dict]) -> list[bytes]:
        uris = re.findall(
            r'src="data:image/svg\+xml;base64,([^"]+)"', run_page("a", {}, rows, ["mae"])
        )
        return [base64.b64decode(uri) for uri in uris]

    first = drawings(ROWS)
    assert len(first) == 4
    assert all(ElementTree.fromstring(drawing).tag.endswith("svg") for drawing in first)
    assert first == drawings(ROWS)
    changed = drawings([{**row, "mae": 0.5} for row in ROWS])
    assert [a == b for a, b in zip(first, changed, strict=True)] == [True, False, True, True]


def test_each_panel_holds_what_was_measured(figures):
    rows = [
        {**row, "loss_quality": row["loss"] / 2, "rmse": None if row["step"] == 2 else 0.3}
        for row in ROWS
    ]
    run_page("a", {}, rows, ["mae"])
    panels = {axes.get_title(loc="left"): axes for figure in figures for axes in figure.axes}
    held = {
        title: {
            line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
            for line in axes.lines
        }
        for title, axes in panels.items()
    }
    epochs = [0.5, 1.0, 1.5]
    assert held == {
        "Training loss": {
            "loss": (epochs, [row["loss"] for row in rows]),
            "loss_quality": (epochs, [row["loss"] / 2 for row in rows]),
        },
        "Validation error (lower is better)": {
            "mae": (epochs, [row["mae"] for row in rows]),
            "rmse": ([0.5, 1.5], [0.3, 0.3]),
        },
        "Validation order (higher is better)": {"spearman": (epochs, [0.1, 0.2, 0.3])},
        "Learning rate": {"lr": (epochs, [1e-3] * 3)},
    }
    assert [text.get_text() for text in panels["Training loss"].get_legend().get_texts()] == [
        "loss",
        "loss_quality",
    ]


def test_the_page_has_the_whole_recipe_and_the_best_rows_of_what_is_lower(figures):
    page = run_page("run", {"seed": 1, "optim": {"lr": 0.5}}, ROWS, ["mae"])
    assert "&quot;optim&quot;: {<br>" in page
    assert "&quot;lr&quot;: 0.5" in page
    assert page.index("Best evaluations") < page.index("Curves") < page.index("Recipe")
    assert "Each is kept as best_METRIC.safetensors." in page
    assert "One point per evaluation." in page
