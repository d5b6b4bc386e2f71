"""CLIB-FIQA's Figure 4: the area against beta, and against how long the first stage lasts.

    python recipes/clib_fiqa_sweeps.py runs/peers runs/clib_fiqa \\
        ../shared/data/models/recognizer_a.pt [clean degraded | calibration]

Takes the faces and labels that recipes/clib_fiqa.sh has made and the test sets of
recipes/bundled_peers.py (both, or those that are named), and trains recipes/clib_fiqa.toml for
each value with three seeds; all runs share the features of the frozen backbone. Prints the area to
30 % of each value as the mean of the seeds, with its interval over people, what it is less the
default on the same people, and the lowest and highest seed; writes OUT/sweeps.png and .csv.
`calibration` asks only whether a second stage helps: three epochs of the first, or all twelve.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from clib_fiqa import TESTS, scores, trained
from curves import FMR, Area, Test, area
from splits import needs

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.tables import write_table
from fiqa.functional.table import Table
from fiqa.report.drawing import COLORS, INK, SOFT, drawn, style
from fiqa.types import Embeddings

BETAS = (2.0, 8.0, 32.0, 128.0, 512.0)
STAGES = (1, 2, 3, 5, 8, 12)
"""Epochs of the first stage, of the 12 of clib_fiqa.EPOCHS: with all there is no second."""
DEFAULT = {"beta": 32.0, "stage1": 3}
"""What recipes/clib_fiqa.toml has; the paper has 32 and 5 of 25 epochs."""
SEEDS = (0, 1, 2)
LIMIT = 0.3
WORDS = {"beta": "beta", "stage1": "epochs of the first stage"}


def train(out: Path, weights: Path, key: str, value: float, seed: int) -> Path:
    """Trains one value with one seed, unless it is there; returns the run's folder."""
    own = DEFAULT | {key: value}
    # A run that stands in both sweeps is one run.
    place = out / "sweeps" / f"beta_{own['beta']:g}_stage1_{own['stage1']:g}_seed_{seed}"
    changes = {f"clib_fiqa.{name}": each for name, each in own.items()} | {"seed": seed}
    trained(out, weights, place, changes)
    return place


def test_of(peers: Path, name: str, recognizer: str) -> tuple[Test, Embeddings]:
    """A test set under one recognizer, and recognizer A's vectors, from which scores come."""
    source = peers / f"scores_{name}"
    vectors = read_embeddings(source / f"{recognizer}.npz")
    result = fiqa.evaluate("norm", vectors, fmr=FMR, draws=0).recognizers[0]
    who = np.array([each.rpartition("/")[0] for each in vectors.id.tolist()])
    counts = int(result.counts["nonmated"])
    title = f"{name} {recognizer.upper()}"
    return Test.of(title, vectors, who, result.threshold, counts), read_embeddings(source / "a.npz")


def swept(runs: Sequence[Path], test: Test, vectors: Embeddings) -> list[Any]:
    """The discard curve of each seed's scores."""
    rows = test.ids[test.mated]
    return [test.band_of(scores(run, vectors, run.name).at(rows)) for run in runs]


def sweep(
    tests: Sequence[tuple[Test, Embeddings]], runs: dict[str, dict[float, list[Path]]]
) -> pl.DataFrame:
    """A row for each value of each sweep in each test."""
    rows = []
    for test, vectors in tests:
        for key, by_value in runs.items():
            bands = {value: swept(paths, test, vectors) for value, paths in by_value.items()}
            areas = {value: area(each, LIMIT, relative=True) for value, each in bands.items()}
            for value, found in areas.items():
                seeds = [band.curve.area(LIMIT, normalize="start") for band in bands[value]]
                rows.append(row(test.name, key, value, found, areas[DEFAULT[key]], seeds))
    return pl.DataFrame(rows)


def row(
    test: str, key: str, value: float, found: Area, default: Area, seeds: list[float]
) -> dict[str, Any]:
    """The numbers of one value."""
    low, high = np.quantile(found.drawn, (0.025, 0.975)).tolist()
    gap = (found - default).text("+", 3) if found is not default else ""
    return {
        "test": test,
        "swept": key,
        "value": float(value),
        "area": found.value,
        "low": low,
        "high": high,
        "less the default": gap,
        "lowest seed": min(seeds),
        "highest seed": max(seeds),
    }


def losses(run: Path) -> pl.DataFrame:
    """Epoch and training loss of the longest first stage."""
    return pl.read_csv(run / "metrics.csv").select("epoch", "loss")


def _draw(figure: Any, found: pl.DataFrame, loss: pl.DataFrame) -> None:
    panels = figure.subplots(1, 3)
    for axes, key in zip(panels, WORDS, strict=False):
        for place, test in enumerate(found["test"].unique(maintain_order=True)):
            own = found.filter((pl.col("test") == test) & (pl.col("swept") == key)).sort("value")
            x, y = own["value"].to_numpy(), own["area"].to_numpy()
            # Beside each other: intervals at one place would hide each other.
            x = x * 1.06**place if key == "beta" else x + 0.12 * place
            ends = np.abs(own.select("low", "high").to_numpy().T - y)
            axes.errorbar(
                x, y, ends, color=COLORS[place], marker="o", markersize=4, linewidth=1.3,
                elinewidth=1, label=test,
            )  # fmt: skip
        axes.axvline(DEFAULT[key], color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
        if key == "beta":
            axes.set_xscale("log", base=2)
        values = found.filter(pl.col("swept") == key)["value"].unique().sort().to_list()
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.set(xlabel=WORDS[key], ylim=(0, None))
    panels[0].set_ylabel("area to 30 %, relative")
    panels[2].plot(loss["epoch"], loss["loss"], color=INK, marker="o", markersize=3.5)
    panels[2].set(xlabel="epoch of the first stage", ylabel="training loss", ylim=(0, None))
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=4, fontsize=9
    )


def main(peers: Path, out: Path, weights: Path, names: Sequence[str]) -> None:
    """Trains, prints and draws."""
    values: dict[str, Sequence[float]] = {"beta": BETAS, "stage1": STAGES}
    if names == ["calibration"]:
        values, names = {"stage1": (DEFAULT["stage1"], max(STAGES))}, TESTS
    runs = {
        key: {value: [train(out, weights, key, value, seed) for seed in SEEDS] for value in each}
        for key, each in values.items()
    }
    tests = [test_of(peers, name, recognizer) for name in names for recognizer in "ab"]
    found = sweep(tests, runs)
    write_table(found, out / "sweeps.csv")
    for key in values:
        word = WORDS[key]
        own = found.filter(pl.col("swept") == key).drop("swept")
        columns = [word if name == "value" else name for name in own.columns]
        note = f"Mean of {len(SEEDS)} seeds; 95 % intervals over people. "
        note += "; ".join(test.note() for test, _ in tests)
        print(Table(key, f"Area to 30 % against {word}", columns, own.rows(), note).markdown())
    if "beta" not in values:
        return
    loss = losses(runs["stage1"][max(STAGES)][0]).head(max(STAGES))
    print(f"training loss of each epoch: {', '.join(f'{each:.3f}' for each in loss['loss'])}")
    with style():
        size = (9.6, 3.4)
        plot = drawn("sweeps", "", "", "", partial(_draw, found=found, loss=loss), size)
    (out / "sweeps.png").write_bytes(plot.png)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    place, target, network, *chosen = sys.argv[1:]
    needs(Path(target), "faces.parquet", "labels.parquet")
    main(Path(place), Path(target), Path(network), chosen or TESTS)
