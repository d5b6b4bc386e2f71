"""What the monitor promises, on simulated fleets whose truth is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import fiqa

CHANGES = {
    "squeeze": lambda raw: 0.5 + 0.7 * (raw - 0.5),
    "shift": lambda raw: raw - 0.06,
    # the sun stands low: two fifths of each drive, in one piece, lose one and a half deviations
    "exposure": lambda raw: raw - 0.15 * (np.arange(raw.shape[1]) < 0.4 * raw.shape[1]),
    "constant": lambda raw: 0.5 + 0.0 * raw,
}
ONE = (("front", "nir"),)
FOUR = (("front", "nir"), ("front", "rgb"), ("rear", "nir"), ("rear", "rgb"))


def test_frames_inside_a_drive_are_as_alike_as_said(fleet, rng) -> None:
    raw = fleet(rng, 400, 60, cells=ONE)["raw"].to_numpy().reshape(400, 60)
    inside = raw - raw.mean(axis=1, keepdims=True)
    lag = np.sum(inside[:, 1:] * inside[:, :-1]) / np.sum(inside[:, 1:] ** 2)
    assert 0.7 < lag < 0.85


def alarms(fleet, rng, replays: int, **of_fleet) -> list[bool]:
    """Whether each of so many replays alarms, each with a reference of its own."""
    found = []
    for number in range(replays):
        before = fleet(rng, 100, cells=of_fleet.get("cells", ONE), name="r")
        now = fleet(rng, 30, **{"cells": ONE} | of_fleet)
        health = fiqa.monitor(now, reference=before, draws=300, seed=number)
        assert all(cell.drives == 30 for cell in health.cells)
        found.append(health.alarm)
    return found


def test_no_change_rarely_alarms(fleet, rng) -> None:
    """20 replays: with the promised .07 more than 5 alarms have a chance of 1 in 400."""
    assert sum(alarms(fleet, rng, 20)) <= 5


@pytest.mark.slow
def test_no_change_alarms_in_at_most_7_of_100_replays(fleet, rng) -> None:
    found = alarms(fleet, rng, 200, cells=FOUR)
    assert np.mean(found) <= 0.07


@pytest.mark.slow
def test_shares_that_come_in_bursts_do_not_alarm_more(fleet, rng) -> None:
    """Two in three drives lose no face at all, the others up to half of their frames."""

    def lossy(table: pl.DataFrame) -> pl.DataFrame:
        units = table["drive"].unique(maintain_order=True).to_list()
        share = np.where(rng.random(len(units)) < 1 / 3, rng.beta(0.5, 3.0, len(units)), 0.0)
        lost = rng.random(len(table)) < np.repeat(share, len(table) // len(units))
        return table.with_columns(state=pl.Series(np.where(lost, "no_face", "ok")))

    found = []
    for number in range(200):
        before, now = (lossy(fleet(rng, d, cells=FOUR, name=n)) for d, n in ((100, "r"), (30, "d")))
        found.append(fiqa.monitor(now, reference=before, draws=300, seed=number).alarm)
    assert np.mean(found) <= 0.07


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_within_30_drives(fleet, rng, name) -> None:
    assert all(alarms(fleet, rng, 4, change=CHANGES[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_in_95_of_100_fleets_within_30_drives(fleet, rng, name) -> None:
    assert np.mean(alarms(fleet, rng, 100, change=CHANGES[name])) >= 0.95


def test_what_alarms_is_what_has_changed(fleet, rng) -> None:
    before = fleet(rng, 100)
    kinds = {
        "squeeze": "the scores have collapsed", "shift": "the scores have moved",
        "constant": "the scores have collapsed",
    }  # fmt: skip
    for name, said in kinds.items():
        now = fleet(rng, 30, cells=ONE, change=CHANGES[name])
        health = fiqa.monitor(now, reference=before, draws=300)
        first = health.cells[0]
        assert first.reasons[0].startswith(said)
        assert first.name == "camera=front, regime=nir"
        assert [cell.verdict for cell in health.cells[1:]] == ["not enough"] * 3
    assert first.ratios is not None
    assert max(first.ratios[1:]) == 0.0
    assert max(first.bounds or ()) < 0.05


def test_charts_find_a_share_of_frames_without_a_face(fleet, rng) -> None:
    def stated(table: pl.DataFrame, share: float) -> pl.DataFrame:
        lost = rng.random(len(table)) < share
        kept = pl.Series("raw", table["raw"]).set(pl.Series(lost), None)
        return table.with_columns(kept, pl.Series("state", np.where(lost, "no_face", "ok")))

    before = stated(fleet(rng, 60, cells=ONE), 0.02)
    same = fiqa.monitor(stated(fleet(rng, 30, cells=ONE), 0.02), reference=before, draws=300)
    worse = fiqa.monitor(stated(fleet(rng, 30, cells=ONE), 0.2), reference=before, draws=300)
    assert not any(chart.alarm for chart in same.cells[0].charts)
    assert [chart.name for chart in worse.cells[0].charts if chart.alarm] == ["no_face"]
    assert "the share no_face is higher" in " ".join(worse.cells[0].reasons)
    names = [chart.name for chart in same.cells[0].charts]
    assert names == [
        "mean", "mean", "no_face", "covered", "damaged", "too_dark", "too_bright", "no_number",
    ]  # fmt: skip
    gone = stated(fleet(rng, 30, cells=ONE), 1.0)
    blind = fiqa.monitor(gone, reference=before, draws=300)
    assert blind.verdict == "alarm"
    assert blind.cells[0].drives == 0
    assert any("not enough" in reason for reason in blind.cells[0].reasons)
