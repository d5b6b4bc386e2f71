"""The protocols are what methods papers say they are, as data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fiqa.functional.protocols import (
    PROTOCOLS,
    protocol_of,
    start_threshold,
    starting_fnmr,
    threshold_rule,
)

pytestmark = pytest.mark.numeric


def test_the_table() -> None:
    table = {
        p.name: (p.discards, p.threshold, p.steps, p.ties, p.area, p.best, p.printed)
        for p in PROTOCOLS.values()
    }
    assert table == {
        "iso": ("mated", "fixed_rank", "distinct", "block", "step", "exact", "start"),
        "crfiqa": ("all", "nearest_fmr", "twentieths", "order", "trapezoid", "exact", None),
        "magface": ("all", "rank", "twentieths", "order", "trapezoid", "exact", None),
        "clib": ("mated", "fixed_rank", "distinct", "block", "step", "exact", "start"),
        "schlett2023": ("mated", "fixed_start", "distinct", "block", "step", "line", "best"),
    }
    assert all(
        name == p.name and p.description.endswith(".") and p.limits for name, p in PROTOCOLS.items()
    )


def test_a_protocol_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocol_of("iso").area = "trapezoid"  # type: ignore[misc]
    with pytest.raises(TypeError):
        PROTOCOLS["mine"] = protocol_of("iso")  # type: ignore[index]


def test_starting_fnmr() -> None:
    assert starting_fnmr(protocol_of("schlett2023"), 0.2) == 0.2


def test_rules_differ_where_their_definitions_do() -> None:
    mated, nonmated = np.array([0.05, 0.95, 0.99]), np.linspace(0, 1, 100)
    found = {
        n: threshold_rule(protocol_of(n))(mated, nonmated, 0.104)
        for n in ("iso", "crfiqa", "magface")
    }
    assert found["iso"] == nonmated[::-1][10]  # floor(.104 * 100)
    assert found["magface"] == nonmated[::-1][10]  # floor(.104 * 99)
    assert found["crfiqa"] == nonmated[::-1][9]  # 10 of 100 reach it, the nearest to .104
    assert (
        threshold_rule(protocol_of("magface"))(mated, nonmated, 0.1) == nonmated[::-1][9]
    )  # floor(9.9)


def test_start_threshold_of_float32_values_accepts_the_quantile() -> None:
    values = np.array([0.1, 0.2, 0.3], np.float32)
    assert (values <= np.float64(start_threshold(values, 0.5))).sum() == 1
