"""Label optimization's Table IV, by itself and beside the others from the command."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.errors import InputError
from fiqa.evaluation.papers.run_times import run_time_table

pytestmark = pytest.mark.numeric


@pytest.fixture
def times() -> pl.DataFrame:
    """Two variants of `m`, five images in three rounds."""
    rng = np.random.default_rng(2)
    rows = [
        (f"m.{variant}", f"p/{k}", factor * float(rng.random() + 1))
        for _ in range(3)
        for k in range(5)
        for variant, factor in (("baseline", 3.0), ("optimized", 1.0))
    ]
    return pl.DataFrame(rows, schema=["method", "id", "ms"], orient="row")


def middles(times: pl.DataFrame, name: str) -> list[float]:
    own = times.filter(pl.col("method") == name)
    return [
        statistics.median(own.filter(pl.col("id") == image)["ms"].to_list())
        for image in sorted(set(own["id"].to_list()))
    ]


def test_the_command_puts_it_after_the_other_tables(
    folder: Path, times: pl.DataFrame, tmp_path: Path
) -> None:
    times.write_csv(tmp_path / "times.csv")
    call = ["tables", "label-opt", "--data-set", str(folder / "one"), "--fmr", "0.05"]
    call += ["--times", str(tmp_path / "times.csv"), "-o", str(tmp_path / "lo")]
    done = CliRunner().invoke(build(), call)
    assert done.exit_code == 0, done.output
    assert "Table IV: run time" in done.stdout
    told = pl.read_csv(tmp_path / "lo/label_opt_times.csv")
    assert told.columns == ["method", "labels", "ms per image", "std"]
    before, after = middles(times, "m.baseline"), middles(times, "m.optimized")
    assert told["labels"].to_list() == ["baseline", "optimized", "before / after"]
    wanted = [statistics.fmean(before), statistics.fmean(after)]
    assert told["ms per image"].to_list() == pytest.approx([*wanted, wanted[0] / wanted[1]])
    assert told["std"].to_list()[:2] == pytest.approx(
        [statistics.pstdev(before), statistics.pstdev(after)]
    )
    again = CliRunner().invoke(build(), call)
    assert "is current" in again.stderr
    times.with_columns(pl.col("ms") * 2).write_csv(tmp_path / "times.csv")
    assert "is current" not in CliRunner().invoke(build(), call).stderr


def test_draws_give_its_intervals_in_the_same_draws(folder: Path, times: pl.DataFrame) -> None:
    found = fiqa.tables(
        "label-opt", data_set=[folder / "one"], fmr=0.05, draws=50, seed=3, times=times
    )
    table = found.tables[-1]
    assert table.name == "label_opt_times"
    assert list(table.columns)[-2:] == ["low", "high"]
    before, after = (np.array(middles(times, f"m.{v}")) for v in ("baseline", "optimized"))
    rng, drawn = np.random.default_rng(3), []
    for _ in range(50):
        rows = rng.integers(0, 5, 5)
        drawn.append(sum(before[k] for k in rows) / sum(after[k] for k in rows))
    assert table.rows[2][4:] == pytest.approx(np.quantile(drawn, (0.025, 0.975)).tolist())
    assert "95 % intervals over images, 50 draws" in table.note
    assert "m 5 images, 15 calls" in table.note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m.optimized": "m.prior"}, "must be named METHOD.baseline or METHOD.optimized, got 'm.p"),
        ({"m.optimized": "n.optimized"}, "'m' must be timed as m.baseline and as m.optimized, got"),
        ({"m.baseline": "x.baseline", "m.optimized": "x.optimized"}, "have a quality, m, got 'x'"),
    ],
)
def test_names_of_run_times_are_checked(
    folder: Path, times: pl.DataFrame, change: dict[str, str], message: str
) -> None:
    other = times.with_columns(pl.col("method").replace(change))
    with pytest.raises(InputError, match=message):
        fiqa.tables("label-opt", data_set=[folder / "one"], fmr=0.05, times=other)


def test_both_are_timed_on_the_same_images(times: pl.DataFrame) -> None:
    gone = times.filter(~((pl.col("method") == "m.optimized") & (pl.col("id") == "p/4")))
    named: dict[str, Any] = {
        name: (own["id"].to_numpy().astype(str), own["ms"].to_numpy())
        for (name,), own in gone.group_by(["method"], maintain_order=True)
    }
    with pytest.raises(InputError, match="got 5 and 4 images, 4 of them in both"):
        run_time_table(named)


def test_run_times_belong_to_label_optimization(times: pl.DataFrame, folder: Path) -> None:
    with pytest.raises(InputError, match="times belongs to the tables of label-opt, got it for cl"):
        fiqa.tables("clib", data_set=[folder / "one"], times=times)
