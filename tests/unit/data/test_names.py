"""Finding ids under other names."""

from __future__ import annotations

import pytest

from fiqa.data.names import find_ids
from fiqa.errors import InputError, UnknownNameError

IDS = ["ann/01", "ann/02", "bob/03"]


@pytest.mark.parametrize(
    ("match", "names", "places"),
    [
        (
            "id",
            ["bob/03", "ann/01.jpg", "ann\\02.PNG", "02", "x/ann/01", "ann/01.txt", ""],
            [2, 0, 1, -1, -1, -1, -1],
        ),
        ("name", ["bob/03", "x/01", "C:\\02", "y/03.jpg"], [2, 0, 1, -1]),
        ("stem", ["x/01.jpg", "02.webp", "03", "04.jpg", "01.score"], [0, 1, 2, -1, -1]),
    ],
)
def test_rules(match: str, names: list[str], places: list[int]) -> None:
    assert find_ids(names, IDS, match=match).tolist() == places  # type: ignore[arg-type]


def test_one_name_may_come_twice_and_nothing_is_nothing() -> None:
    assert find_ids(["ann/01", "ann/01"], IDS).tolist() == [0, 0]
    assert find_ids([], IDS).tolist() == []
    assert find_ids(["a"], []).tolist() == [-1]


def test_suffix_in_the_ids_too() -> None:
    assert find_ids(["a", "b.png"], ["a.jpg", "b.jpg"]).tolist() == [0, 1]
    assert find_ids(["x.v2", "y.v2.jpg"], ["x.v2", "y.v2"]).tolist() == [0, 1]


def test_ambiguity_is_an_error_only_where_it_is_asked_for() -> None:
    ids = ["p/01", "q/01", "q/02"]
    assert find_ids(["x/02"], ids, match="name").tolist() == [2]
    assert find_ids(["p/01"], ids, match="name").tolist() == [0]
    with pytest.raises(InputError, match="'x/01' fits 2"):
        find_ids(["x/01"], ids, match="name")
    with pytest.raises(InputError, match="'a' fits 2"):
        find_ids(["a"], ["a.jpg", "a.png"])
    assert find_ids(["a.jpg"], ["a.jpg", "a.png"]).tolist() == [0]


def test_unknown_rule() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'stem'"):
        find_ids([], [], match="stems")  # type: ignore[arg-type]
