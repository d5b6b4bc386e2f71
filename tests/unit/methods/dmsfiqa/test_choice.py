"""Reading the templates that a person chose, and what is wrong with a line."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError
from fiqa.methods.dmsfiqa.choice import Choice, chosen_rows, read_choice, refuse_failed

pytestmark = pytest.mark.numeric

IDS, WHO, NAMES = ["b/1", "a/1", "a/2", "c/1"], np.array([1, 0, 0, 2]), ["a", "b", "c"]


def _choice(ids, people=None, table="t.csv"):
    people = [""] * len(ids) if people is None else people
    return Choice(ids, people, list(range(2, 2 + len(ids))), table)


def test_each_chosen_line_finds_its_image():
    assert chosen_rows(_choice(["a/2", "b/1"]), IDS, WHO, NAMES).tolist() == [2, 0]
    assert chosen_rows(_choice(["a/2"], ["a"]), IDS, WHO, NAMES).tolist() == [2]
    assert chosen_rows(_choice([]), IDS, WHO, NAMES).tolist() == []
    assert chosen_rows(_choice([]), [], np.empty(0, np.int64), []).dtype == np.int64


@pytest.mark.parametrize(
    ("ids", "people", "words", "closest"),
    [
        (["b/1", "a/22"], ["b", "a"], ["t.csv, line 3", "of 'a'", "'a/22'", "no such"], "'a/2'"),
        (["b/1"], ["a"], ["t.csv, line 2", "of 'a'", "an image of 'b'"], "'a/1'"),
        (["a/2"], ["aa"], ["t.csv, line 2", "person", "'aa'"], "'a', 'a/2'"),
        (["c/11"], None, ["t.csv, line 2", "'c/11'"], "'c/1'"),
    ],
)
def test_a_wrong_line_names_file_line_person_and_the_closest_id(ids, people, words, closest):
    with pytest.raises(InputError) as caught:
        chosen_rows(_choice(ids, people), IDS, WHO, NAMES)
    assert all(word in caught.value.message for word in words), caught.value.message
    assert caught.value.hint == f"did you mean {closest}?"


def test_where_nothing_is_close_the_line_can_be_left_out():
    for ids, people in ((["zzzz"], ["a"]), (["zzzz"], ["qqqqq"]), (["zzzz"], None)):
        with pytest.raises(InputError, match="chosen = 0"):
            chosen_rows(_choice(ids, people), IDS, WHO, NAMES)


def test_two_templates_of_one_identity_are_an_error():
    two = _choice(["b/1", "a/1", "a/2"])
    with pytest.raises(
        InputError,
        match=r"t\.csv must choose one image per identity, got 'a/1' in line 3 and 'a/2'",
    ):
        chosen_rows(two, IDS, WHO, NAMES)
    apart = np.array([0, 0, 1, 0])
    assert chosen_rows(two, IDS, WHO, NAMES, segments=apart).tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="per identity and segment"):
        chosen_rows(two, IDS, WHO, NAMES, segments=np.zeros(4, np.int64))


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    (tmp_path / "t.csv").write_text("identity,id,chosen\na,a/1,0\na,a/2,1\n,b/1,1\n")
    found = read_choice(tmp_path / "t.csv")
    assert (found.ids, found.people, found.lines) == (["a/2", "b/1"], ["a", ""], [3, 4])
    (tmp_path / "t.jsonl").write_text('{"id": "a/1"}\n{"id": "a/2"}\n')
    assert read_choice(tmp_path / "t.jsonl").lines == [1, 2]


def test_an_image_without_numbers_is_no_template():
    refuse_failed(_choice(["a/1"]), np.array(["ok"]))
    with pytest.raises(InputError, match=r"t\.csv, line 3: .*'a/2' is not_found"):
        refuse_failed(_choice(["b/1", "a/2"]), np.array(["ok", "not_found"]))
