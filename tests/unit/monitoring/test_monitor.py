"""References, checks and states: what goes in, what is refused, and what survives a kill."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.store import read_sidecar
from fiqa.errors import EvidenceError, InputError, ReadError, UnknownNameError, WriteError
from fiqa.monitoring import state as states
from fiqa.monitoring.drives import read_frames
from fiqa.monitoring.fit import fit_reference
from fiqa.monitoring.reference import read_reference

ONE = (("front", "nir"),)


@pytest.fixture
def good(fleet, tmp_path, rng, monkeypatch) -> pl.DataFrame:
    """A fleet of 30 drives in each of four cells, and its reference in ref.json."""
    monkeypatch.chdir(tmp_path)
    table = fleet(rng, 30)
    fit_reference(table, out="ref.json")
    return table


def check(table, reference="ref.json", **more):
    return fiqa.monitor(table, reference=reference, **{"draws": 200} | more)


def test_a_reference_comes_back_as_it_was_written(good) -> None:
    made, read = fit_reference(good), read_reference("ref.json")
    assert read.id == made.id
    assert (read.low, read.high, read.floor, read.unit) == (made.low, made.high, None, "drive")
    assert read.by == ("camera", "regime")
    assert np.array_equal(read.drives.counts, made.drives.counts)
    assert np.array_equal(read.drives.counters, made.drives.counters)
    raw = good["raw"].to_numpy()
    assert (read.low, read.high) == pytest.approx(tuple(np.quantile(raw, (0.01, 0.99))), rel=1e-6)
    assert read.low == float(np.float32(read.low))
    sidecar = read_sidecar("ref.json")
    assert sidecar is not None
    assert sidecar["verb"] == "monitor fit"


def test_a_reference_holds_no_name_of_a_drive(good) -> None:
    named = good.with_columns(pl.col("drive").str.replace("d", "meier-"))
    fit_reference(named, out="named.json")
    assert "meier" not in Path("named.json").read_text()
    check(named, "named.json", state="state.json")
    assert "meier" not in Path("state.json").read_text()


def test_a_reference_is_its_own_equal(good) -> None:
    health = check(good)
    assert health.verdict == "ok"
    for cell in health.cells:
        assert cell.ratios == pytest.approx((1.0, 1.0, 1.0))
        assert cell.drift is not None
        assert (cell.drift.psi, cell.drift.ks, cell.shift) == (0.0, 0.0, 0.0)
        assert cell.p_psi == cell.p_ks == 1.0
        assert cell.counts == cell.reference_counts


def test_the_formats_of_a_table_give_the_same(good) -> None:
    good.write_parquet("t.parquet")
    good.write_csv("t.csv")
    first = check(good)
    assert check("t.parquet").cells == check("t.csv").cells == first.cells
    assert check(good, reference=good).cells == first.cells


@pytest.mark.parametrize("drives", [0, 1, 2, 19])
def test_few_drives_are_not_enough_and_never_ok(good, fleet, rng, drives) -> None:
    few = fleet(rng, drives, cells=ONE) if drives else good.clear()
    health = check(few)
    assert health.verdict == "not enough"
    cell = health.cells[0]
    assert (cell.drives, cell.verdict) == (drives, "not enough")
    assert (cell.ratios, cell.drift, cell.p_psi) == (None, None, None)
    assert f"not enough: {drives} drives with a score and 30 in this cell" in cell.reasons[0]


def test_20_drives_are_enough(good, fleet, rng) -> None:
    assert check(fleet(rng, 20, cells=ONE)).cells[0].verdict == "ok"


@pytest.mark.parametrize("drives", [1, 2])
def test_a_reference_of_few_drives_judges_nothing(good, fleet, rng, drives) -> None:
    little = fit_reference(fleet(rng, drives, cells=ONE))
    assert "it will say not enough" in little.text()
    health = check(good, little)
    assert [cell.verdict for cell in health.cells] == ["not enough"] + ["no reference"] * 3
    assert all(cell.charts == () for cell in health.cells)


def test_a_reference_needs_scores_that_differ(good) -> None:
    with pytest.raises(EvidenceError, match="must have frames with a score, got none"):
        fit_reference(good.clear())
    with pytest.raises(EvidenceError, match=r"all are 0\.5"):
        fit_reference(good.with_columns(raw=pl.lit(0.5)))


def test_a_cell_that_the_reference_lacks_is_said_and_not_ok(good, fleet, rng) -> None:
    new = fleet(rng, 25, cells=(("roof", "nir"), ("front", "nir")))
    health = check(new)
    verdicts = {cell.name: cell.verdict for cell in health.cells}
    assert verdicts["camera=roof, regime=nir"] == "no reference"
    assert verdicts["camera=front, regime=nir"] == "ok"
    assert verdicts["camera=rear, regime=nir"] == "not enough", "a silent camera is seen"
    assert health.verdict == "not enough"


def test_regimes_are_never_compared_with_each_other(good) -> None:
    health = check(good, by=("camera",))
    assert [list(cell.cell) for cell in health.cells] == [["camera", "regime"]] * 4
    assert any("regime was added" in note for note in health.notes)
    only = check(good, by=("regime",))
    assert [cell.cell for cell in only.cells] == [{"regime": "nir"}, {"regime": "rgb"}]
    assert [cell.reference_drives for cell in only.cells] == [60, 60]


def test_a_drive_in_two_cells_that_become_one_counts_once(good) -> None:
    two = good.with_columns(camera=pl.Series(np.arange(len(good)) % 2).cast(pl.String))
    health = check(two, reference=two, by=("regime",))
    assert [cell.drives for cell in health.cells] == [60, 60]
    merged = read_frames(two, None, "drive").drives(0.0, 1.0, None).merged(("regime",))
    straight = read_frames(two, ("regime",), "drive").drives(0.0, 1.0, None)
    assert merged.unit.tolist() == straight.unit.tolist()
    assert np.array_equal(merged.counts, straight.counts)
    assert np.array_equal(merged.counters, straight.counters)


def test_columns_that_are_not_there(good) -> None:
    with pytest.raises(UnknownNameError, match="'drive'") as caught:
        check(good.drop("drive"))
    assert "counts drives, not frames" in str(caught.value)
    with pytest.raises(UnknownNameError, match="'raw'") as caught:
        check(good.rename({"raw": "score"}))
    assert "`raw` of `fiqa score`" in str(caught.value)
    with pytest.raises(UnknownNameError, match="'regime'"):
        check(good.drop("regime"))
    with pytest.raises(UnknownNameError, match="reference's cells 'hour'") as caught:
        check(good, by=("camera", "hour"))
    assert "--by camera,hour" in str(caught.value)
    with pytest.raises(UnknownNameError, match="'track'"):
        check(good, unit="track")
    with pytest.raises(InputError, match="by must be a list of columns, got 'camera'"):
        check(good, by="camera")
    with pytest.raises(InputError, match="by must be a list of columns"):
        fit_reference(good, by="camera")


def test_columns_that_cannot_be_used(good) -> None:
    with pytest.raises(InputError, match="'raw' must hold numbers"):
        check(good.with_columns(raw=pl.lit("good")))
    with pytest.raises(InputError, match="1 of 7200 have no 'drive'"):
        check(good.with_columns(pl.Series("drive", [None, *good["drive"][1:]])))
    with pytest.raises(InputError, match="at most 500 cells"):
        fit_reference(good.with_columns(frame=pl.Series(range(len(good)))), by=("frame",))
    with pytest.raises(InputError, match="it holds fractions"):
        fit_reference(good, by=("raw",))
    with pytest.raises(InputError, match="it holds lists"):
        fit_reference(good.with_columns(camera=pl.Series([[1]] * len(good))))


def test_whole_numbers_and_gaps_are_cells(good) -> None:
    cells = pl.Series([None, *[1.0, 2.0] * (len(good) // 2 - 1), 1.0])
    made = fit_reference(good.with_columns(camera=cells), by=("camera",))
    assert set(made.drives.cell) == {("(none)",), ("1",), ("2",)}


def test_a_score_that_is_no_number_is_counted_and_charted(good, fleet, rng) -> None:
    raw = good["raw"].to_numpy().copy()
    raw[::3], raw[1::3] = np.nan, np.inf
    health = check(good.with_columns(raw=raw))
    assert [cell.frames for cell in health.cells] == [600] * 4
    broken = [chart.name for chart in health.cells[0].charts if chart.alarm]
    assert broken == ["no_number"]
    drives = read_frames(good.with_columns(raw=raw), None, "drive").drives(0.0, 1.0, None)
    assert np.allclose(drives.share("no_number"), 2 / 3)
    none = check(good.with_columns(raw=pl.lit(None, pl.Float64)))
    assert none.verdict == "alarm"
    assert all(cell.drives == 0 for cell in none.cells)


def test_the_states_of_a_table_are_counted() -> None:
    rows = [("ok", 0.2), ("ok", 0.8), ("no_face", None), ("truncated", None), ("ok", None)]
    table = pl.DataFrame(
        {"drive": "a", "status": [s for s, _ in rows], "raw": [raw for _, raw in rows]}
    )
    drives = read_frames(table, None, "drive").drives(0.0, 1.0, 0.5)
    assert drives.known == ("no_face", "damaged", "no_number", "below_floor")
    assert [drives.share(name).tolist() for name in drives.known] == [[0.2], [0.2], [0.2], [0.5]]
    state = table.rename({"status": "state"}).with_columns(
        state=pl.Series(["ok", "ok", "covered", "too_dark", "too_bright"])
    )
    drives = read_frames(state, None, "drive").drives(0.0, 1.0, None)
    assert "below_floor" not in drives.known
    assert [drives.share(name).item() for name in ("covered", "too_dark", "too_bright")] == [
        0.2
    ] * 3
    assert read_frames(table.drop("status"), None, "drive").drives(0, 1, None).known == (
        "no_number",
    )


def test_the_floor_is_charted(fleet, rng) -> None:
    made = fit_reference(fleet(rng, 60, cells=ONE), floor=0.35)
    low = fleet(rng, 30, cells=ONE, change=lambda raw: np.where(raw < 0.45, raw - 0.15, raw))
    charts = {chart.name: chart for chart in check(low, made).cells[0].charts}
    assert charts["below_floor"].alarm
    with pytest.raises(InputError, match="floor must be in"):
        fit_reference(fleet(rng, 2), floor=float("nan"))


def test_another_model_is_said(good) -> None:
    made = fit_reference(good.with_columns(model_sha256=pl.lit("a" * 64)))
    health = check(good.with_columns(model_sha256=pl.lit("b" * 64)), made)
    assert any("another model" in note for note in health.notes)
    assert not check(good, made).notes


PARAMETERS = {
    "draws": 300, "level": 0.8, "seed": 1, "false_alarms_per_year": 9.0, "drives_per_year": 500.0,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_number_changes_the_result(good, fleet, rng, name) -> None:
    other = fleet(rng, 30, change=lambda raw: raw - 0.02)
    assert check(other).cells == check(other).cells
    assert check(other, **{name: PARAMETERS[name]}).cells != check(other).cells


@pytest.mark.parametrize(
    ("name", "value"),
    [("draws", 9), ("level", 1.0), ("false_alarms_per_year", 0.0), ("drives_per_year", np.nan)],
)
def test_numbers_out_of_range(good, name, value) -> None:
    with pytest.raises(InputError, match=f"{name} must be in"):
        check(good, **{name: value})


def test_rarer_false_alarms_and_more_cells_raise_the_limit(good) -> None:
    limits = [
        check(good, **more).cells[0].charts[0].limit
        for more in ({}, {"false_alarms_per_year": 0.1}, {"drives_per_year": 1e6})
    ]
    assert limits[0] < limits[1] < limits[2]
    one = fit_reference(good, by=())
    assert check(good, one).cells[0].charts[0].run_length == pytest.approx(10_000 * 3)
    # four cells: each has a fourth of the drives and a twelfth of the false alarms
    assert check(good).cells[0].charts[0].run_length == pytest.approx(10_000 / 4 * 12)


def test_a_state_goes_on_and_the_same_drives_change_nothing(good, fleet, rng) -> None:
    low = fleet(rng, 24, cells=ONE, change=lambda raw: raw - 0.1, name="low")
    names = low["drive"].unique(maintain_order=True).to_list()
    parts = [low.filter(pl.col("drive").is_in(names[k : k + 4])) for k in range(0, 24, 4)]
    at_once = check(low).cells[0].charts
    for part in parts:
        last = check(part, state="state.json")
    assert last.cells[0].charts == at_once
    assert last.cells[0].drives == 4
    assert last.verdict == "alarm", "the charts know what four drives alone do not show"
    kept = Path("state.json").read_bytes()
    again = check(parts[2], state="state.json")
    assert Path("state.json").read_bytes() == kept
    assert again.cells[0].charts == last.cells[0].charts
    both = check(pl.concat([parts[5], good]), state="state.json")
    assert both.cells[0].charts[0].drives == 24 + 30
    assert both.verdict == "alarm", "a chart that has alarmed stays one until its file is removed"
    Path("state.json").unlink()
    assert check(good, state="state.json").verdict == "ok"


def test_a_kill_leaves_the_old_state(good, fleet, rng, monkeypatch) -> None:
    check(good, state="state.json")
    kept = Path("state.json").read_bytes()
    new = fleet(rng, 25, name="new")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            check(new, state="state.json")
    assert Path("state.json").read_bytes() == kept
    assert [path.name for path in Path().glob(".partial*")] == []
    first = check(new, state="state.json")
    assert first.cells[0].charts[0].drives == 55


def test_a_state_is_of_one_reference_and_of_its_cells(good) -> None:
    check(good, state="state.json")
    with pytest.raises(InputError, match="A state must be of reference"):
        check(good, by=("regime",), state="state.json")
    with pytest.raises(InputError, match="begin another state file"):
        check(good, fit_reference(good, floor=0.5), state="state.json")
    Path("state.json").write_text("{}")
    with pytest.raises(ReadError, match=r"state\.json"):
        check(good, state="state.json")


def test_a_state_keeps_so_many_values(good, monkeypatch) -> None:
    monkeypatch.setattr("fiqa.monitoring.check.KEPT", 10)
    check(good, state="state.json")
    charts = states.read_state("state.json").charts
    assert {(len(c.path), c.drives) for c in charts.values()} == {(10, 30)}


def test_a_reference_that_was_changed_is_refused(good) -> None:
    content = json.loads(Path("ref.json").read_text())
    for change in (
        {"low": -5.0}, {"unit": "x"}, {"id": "0" * 64}, {"by": ["camera"]}, {"form": "other"},
        {"rows": [content["rows"][0] | {"counts": [1]}]}, {"more": 1},
    ):  # fmt: skip
        Path("bad.json").write_text(json.dumps(content | change))
        with pytest.raises(ReadError, match=r"bad\.json"):
            check(good, "bad.json")
    with pytest.raises(ReadError):
        check(good, "absent.json")


def test_no_output_over_an_input_and_no_folder(good) -> None:
    good.write_csv("t.csv")
    for name in ("out", "html", "prometheus", "state"):
        Path("link.html").unlink(missing_ok=True)
        Path("link.html").symlink_to("t.csv")
        with pytest.raises(InputError, match="must not be one of the inputs"):
            check("t.csv", **{name: "link.html"})
    with pytest.raises(InputError, match="must not be one of the inputs"):
        fit_reference("t.csv", out="t.csv")
    with pytest.raises(InputError, match=r"ends in \.html"):
        check("t.csv", html="page.txt")
    Path("full").mkdir()
    with pytest.raises(WriteError):
        check("t.csv", prometheus="full")


def test_the_json_holds_everything_and_no_nan(good) -> None:
    health = check(good, out="out.json")
    content = json.loads(Path("out.json").read_text(), parse_constant=pytest.fail)
    assert content["verdict"] == "ok"
    assert content["cells"][0]["charts"][0]["limit"] == health.cells[0].charts[0].limit
    assert content["cells"][0]["ratios"] == list(health.cells[0].ratios or ())
    sidecar = read_sidecar("out.json")
    assert sidecar is not None
    assert (sidecar["verb"], sidecar["seed"]) == ("monitor", 0)


def test_progress_is_told(good) -> None:
    told = []
    check(good, progress=lambda *at: told.append(at))
    assert told[-1] == ("monitor", 4, 4)
