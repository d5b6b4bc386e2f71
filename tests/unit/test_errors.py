"""The tree of errors: every class is public, is in the picture, and travels between processes."""

from __future__ import annotations

import pickle

import pytest

from fiqa import errors

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.FiqaError)
]


def test_every_class_is_public_and_in_the_tree_of_the_docstring() -> None:
    names = sorted(kind.__name__ for kind in CLASSES)
    assert names == errors.__all__
    assert all(name in str(errors.__doc__) for name in names)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_comes_whole_out_of_another_process(kind: type[errors.FiqaError]) -> None:
    named = kind is errors.UnknownNameError
    error = kind("color", "rde", ["red"]) if named else kind("what must hold", hint="a remedy")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (str(back), vars(back)) == (str(error), vars(error))
