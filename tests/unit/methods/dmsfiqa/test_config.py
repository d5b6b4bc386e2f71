"""The settings of DmsFIQA: shipped, replaced, refused."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ReadError, UnknownNameError
from fiqa.methods.dmsfiqa.config import DEFAULT, read_config, replaced
from fiqa.methods.dmsfiqa.levels import INTERVALS
from fiqa.vocabulary import FACTORS

pytestmark = pytest.mark.numeric


def test_the_shipped_file_has_every_factor_and_the_intervals_of_the_code():
    config = read_config()
    assert tuple(config["clip"]["prompts"]) == tuple(config["blip2"]["questions"]) == FACTORS
    assert (
        sum(len(s["positive"]) + len(s["negative"]) for s in config["clip"]["prompts"].values())
        == 35
    )
    np.testing.assert_allclose(config["intervals"], INTERVALS, atol=1e-15)
    assert (config["clip"]["tau"], config["lambda"], config["percentiles"]) == (
        0.015,
        0.5,
        [10, 35, 65, 90],
    )
    assert DEFAULT.read_text().startswith("# Everything that decides")


def test_a_file_replaces_what_it_holds_and_nothing_else(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('lambda = 1\n[clip.prompts.blur]\npositive = ["crisp"]\n')
    config, shipped = read_config(mine), read_config()
    assert config["lambda"] == 1.0
    assert config["clip"]["prompts"]["blur"]["positive"] == ["crisp"]
    shipped["lambda"], shipped["clip"]["prompts"]["blur"]["positive"] = 1.0, ["crisp"]
    assert config == shipped


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lamda = 0.5", "Unknown key in .* 'lamda'"),
        ("[clip]\nthau = 1.0", r"Unknown key in .*, \[clip\] 'thau'"),
        ("lambda = true", "lambda in .* must be a number, got True"),
        ("judges = [1]", "Unknown judge"),
        ("judges = []", "judges must be one or more"),
        ('judges = ["clip", "clip"]', "judges must be one or more, all different"),
        ("lambda = 2.0", "lambda must be in"),
        ("percentiles = [1, 2, 3]", "percentiles must be four ascending"),
        ("thresholds = [4, 3, 2, 1]", "thresholds must be four ascending"),
        ("candidates = 0", "candidates must be in"),
        ("[clip]\ntau = 0.0", "tau must be in"),
        ("[clip]\nbatch = 0", "clip.batch must be in"),
        ('[blip2]\nprecision = "half"', "Unknown precision 'half'"),
        ("best_templates = 0", "best_templates must be in"),
        ('group_column = "track"\ncandidates = 1', "candidates must be at least 2"),
        ("[clip.prompts.blur]\npositive = []", "positive prompts of blur must be at least one"),
        ('[blip2.questions.crop]\ngood = "maybe"', "Unknown good answer of crop 'maybe'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    with pytest.raises(InputError, match=message):
        read_config(mine)


def test_a_key_has_its_closest_match(tmp_path):
    with pytest.raises(UnknownNameError) as caught:
        replaced(read_config(), "clip.tua", 0.1)
    assert caught.value.closest == "tau"


def test_no_toml_and_no_file(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("lambda = = 1")
    with pytest.raises(ReadError, match="must be TOML"):
        read_config(mine)
    with pytest.raises(ReadError, match="cannot be opened"):
        read_config(tmp_path / "none.toml")


def test_text_from_a_command_line_becomes_what_the_key_is():
    assert replaced(read_config(), "judges", "clip,blip2")["judges"] == ["clip", "blip2"]
    assert replaced(read_config(), "judges", "clip")["judges"] == ["clip"]
    assert replaced(read_config(), "percentiles", "5,20,50,80")["percentiles"] == [5, 20, 50, 80]
    assert replaced(read_config(), "within", "uniform")["within"] == "uniform"
    assert replaced(read_config(), "lambda", 1)["lambda"] == 1.0
    assert replaced(read_config(), "percentiles", (5, 20, 50, 80))["percentiles"] == [5, 20, 50, 80]
