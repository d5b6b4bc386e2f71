"""NAME=VALUE means one thing everywhere; options are read from signatures, and a wrong one has its
closest match."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from fiqa import methods
from fiqa.errors import InputError, UnknownNameError
from fiqa.labeling.run import labeler_of
from fiqa.methods.labeler import options_of
from fiqa.settings import assignment, assignments, settings


def test_inputs_are_no_options():
    def label(embeddings, *, identities, prior=None, seed=0, form="shifted", cuts=(1.0, 2.0)): ...

    def other(*, beta=3.0, needed): ...

    assert options_of(label, other) == {"form": "shifted", "cuts": (1.0, 2.0), "beta": 3.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("scores.csv", "scores.csv"),
        ("", ""),
        ("'7'", "7"),
        ("a=b", "a=b"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_a_value_is_toml_a_number_or_text(text: str, value: object) -> None:
    name, read = assignment(f" k = {text}")
    assert (name, read, type(read)) == ("k", value, type(value))


@pytest.mark.parametrize("text", ["theta", "=1", ""])
def test_no_assignment_is_a_clear_error(text: str) -> None:
    with pytest.raises(InputError, match="must be NAME=VALUE"):
        assignments([text])


def test_a_name_is_set_once() -> None:
    with pytest.raises(InputError, match="theta must be set once, got 1 and 2"):
        assignments(["theta=1", "theta=2"])


@pytest.mark.parametrize(
    ("default", "value", "fit"),
    [
        (1, np.int64(7), 7),
        (0.5, 2, 2.0),
        (0.5, np.float32(0.25), 0.25),
        (True, False, False),
        ("a", "b", "b"),
        ((1.0, 2.0), "3,.4", (3.0, 0.4)),
        ((1.0, 2.0), [3, 4], (3.0, 4.0)),
        (["a"], "b,c", ["b", "c"]),
        ([], "b", ["b"]),
        (None, "x", "x"),
        (inspect.Parameter.empty, "x", "x"),
    ],
)
def test_a_value_gets_the_type_of_its_default(default: Any, value: Any, fit: Any) -> None:
    values = settings({"k": value}, {"k": default, "other": 9}, owner="m")
    assert values == {"k": fit, "other": 9}
    assert type(values["k"]) is type(fit)


@pytest.mark.parametrize(
    ("default", "value", "kind"),
    [
        (1, 1.5, "k of m must be a whole number, got 1.5"),
        (1, True, "k of m must be a whole number, got True"),
        (0.5, "x", "k of m must be a number, got 'x'"),
        (True, 1, "k of m must be true or false, got 1"),
        ("a", 7, "k of m must be text, got 7"),
        ((1.0,), "a,b", "each of k of m must be a number, got 'a'"),
        ((1.0,), 3, "k of m must be a list, got 3"),
    ],
)
def test_a_value_of_another_type_is_refused(default: Any, value: Any, kind: str) -> None:
    with pytest.raises(InputError, match=kind):
        settings({"k": value}, {"k": default}, owner="m")


def test_an_unknown_option_has_its_closest_match():
    with pytest.raises(
        UnknownNameError, match="Unknown setting of m 'thet'; must be one of: form, theta"
    ) as caught:
        settings({"thet": 1}, {"theta": 0.5, "form": "x"}, owner="m")
    assert caught.value.closest == "theta"


METHODS = [name for name in methods.names() if hasattr(methods.module(name), "labeler")]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_options(method):
    known = {
        "clib_fiqa": {
            "form",
            "percentiles",
            "leave_out",
            "least",
            "blur_measure",
            "blur_cuts",
            "blur_cut_by",
            "cut",
        },
        "cr_fiqa": {"form", "leave_out", "least"},
        "ediffiqa": {"best", "strength", "rule", "least", "leave_out"},
        "faceqnet": set(),
        "label_optimization": {"clusters", "theta", "repeats", "rank_scale", "weights"},
        "norm": set(),
        "sdd_fiqa": {"samples", "rounds"},
    }
    found = set(labeler_of(method).options)
    assert (
        found == known[method]
        if method in known
        else {"config", "judges", "clip.tau", "blip2.questions.pose.good"} <= found
    )
