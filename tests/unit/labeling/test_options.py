"""Options are read from signatures: none exists that does nothing, and a wrong one has its closest
match."""

from __future__ import annotations

import pytest

from fiqa import methods
from fiqa.errors import InputError, UnknownNameError
from fiqa.labeling.options import checked
from fiqa.labeling.run import labeler_of
from fiqa.methods.labeler import options_of


def test_inputs_are_no_options():
    def label(embeddings, *, identities, prior=None, seed=0, form="shifted", cuts=(1.0, 2.0)): ...

    def other(*, beta=3.0, needed): ...

    assert options_of(label, other) == {"form": "shifted", "cuts": (1.0, 2.0), "beta": 3.0}


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        (1, "7", 7),
        (0.5, "2", 2.0),
        (True, "False", False),
        ("a", "b", "b"),
        ((1.0, 2.0), "3,4", (3.0, 4.0)),
        (None, "x", "x"),
    ],
)
def test_text_becomes_what_the_default_is(default, text, value):
    found = checked({"k": text}, {"k": default, "other": 9}, method="m")
    assert found == {"k": value, "other": 9}
    assert type(found["k"]) is type(value)


@pytest.mark.parametrize(
    ("default", "text", "kind"),
    [
        (1, "1.5", "a whole number"),
        (0.5, "x", "a number"),
        (True, "1", "true or false"),
        ((1.0,), "a,b", "numbers with commas"),
    ],
)
def test_text_that_cannot_be_read_says_what_it_must_be(default, text, kind):
    with pytest.raises(InputError, match=f"k must be {kind}.*, got '{text}'"):
        checked({"k": text}, {"k": default}, method="m")


def test_an_unknown_option_has_its_closest_match():
    with pytest.raises(
        UnknownNameError, match="Unknown option of m 'thet'; must be one of: form, theta"
    ) as caught:
        checked({"thet": 1}, {"theta": 0.5, "form": "x"}, method="m")
    assert caught.value.closest == "theta"


METHODS = [name for name in methods.names() if hasattr(methods.module(name), "labeler")]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_options(method):
    known = {
        "clib_fiqa": {"form", "percentiles", "leave_out", "least", "blur_measure", "cut"},
        "cr_fiqa": {"form", "leave_out", "least"},
        "ediffiqa": {"best", "strength", "rule", "least", "leave_out"},
        "faceqnet": set(),
        "label_optimization": {"clusters", "theta", "repeats", "rank_scale"},
        "norm": set(),
        "sdd_fiqa": {"samples", "rounds"},
    }
    found = set(labeler_of(method).options)
    assert (
        found == known[method]
        if method in known
        else {"config", "judges", "clip.tau", "blip2.questions.pose.good"} <= found
    )
