"""`fiqa methods`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.methods import card, names, settings_of


def call(*arguments: str):
    return CliRunner().invoke(build(), ["methods", *arguments], prog_name="fiqa")


def test_every_method_has_a_line_in_aligned_columns():
    head, *lines = call().stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(names())
    at = head.index("status")
    assert [line[at:].split()[0] for line in lines] == [card(name).status for name in names()]
    assert all(line.endswith(card(name).summary) for line, name in zip(lines, names(), strict=True))


@pytest.mark.parametrize("name", names())
def test_one_method_shows_its_whole_card(name):
    text = call(name).stdout
    settings = settings_of(name)
    own = text.split("\n\n")[0]
    assert [line.split()[0] for line in own.splitlines()] == [
        *vars(card(name)),
        *(["settings"] if settings else []),
    ]
    assert all(key in own.splitlines()[-1] for key in settings)
    assert card(name).paper in text
    assert card(name).limits in text


def test_an_unknown_method_is_wrong_use():
    result = call("crfiqa")
    assert result.exit_code == 2
    assert "did you mean 'cr_fiqa'" in result.stderr
