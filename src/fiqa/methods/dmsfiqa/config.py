"""The settings of DmsFIQA labels: a TOML that ships with the package and can be replaced.

That is default.toml beside this file.
"""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fiqa import checks
from fiqa.data.reading import reader
from fiqa.data.store import open_regular
from fiqa.errors import InputError, ReadError
from fiqa.methods.dmsfiqa.judges import JUDGES, known
from fiqa.settings import fitted
from fiqa.types import PathLike
from fiqa.vocabulary import FACTORS

__all__ = ["DEFAULT", "read_config", "replaced"]

DEFAULT = Path(__file__).with_name("default.toml")
"""The settings that ship with fiqa; copy it to change them."""

_LAMBDA = 0.5


@reader
def read_config(path: PathLike | None = None) -> dict[str, Any]:
    """Returns the settings of the shipped TOML, with those of the file at `path` in their place.

    A file need hold only what it changes; a list (prompts of a side, thresholds) is replaced whole.

    Raises:
        ReadError: not readable, or not TOML.
        UnknownNameError: a key that the shipped file does not have, with the closest one.
        InputError: a value of another kind, or out of its range.

    >>> read_config()["clip"]["tau"]
    0.015
    """
    config = _toml(DEFAULT)
    if path is not None:
        _merge(config, _toml(Path(path)), os.fspath(path))
    return _valid(config)


def replaced(config: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Returns the settings with one of them replaced.

    Args:
        config: the settings.
        key: dotted.
        value: of the type that the key has.

    Raises:
        UnknownNameError: no such key.
        InputError: a value of another kind or out of range.

    >>> replaced(read_config(), "clip.tau", 0.02)["clip"]["tau"]
    0.02
    """
    change: Any = value
    for name in reversed(key.split(".")):
        change = {name: change}
    result = copy.deepcopy(dict(config))
    _merge(result, change, "options of dmsfiqa")
    return _valid(result)


def _toml(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        try:
            return tomllib.loads(file.read().decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ReadError(f"{str(path)!r} must be TOML: {error}.", status="corrupt") from error


def _merge(base: dict[str, Any], change: Mapping[str, Any], where: str) -> None:
    """Puts the values of `change` into `base`, which has every key there is."""
    for key, value in change.items():
        checks.choice(key, f"key in {where}", base)
        if isinstance(base[key], dict):
            if not isinstance(value, Mapping):
                raise InputError(f"{key} in {where} must be a table, got {value!r}.")
            _merge(base[key], value, f"{where}, [{key}]")
        elif isinstance(base[key], list):
            base[key] = fitted(value, [], f"{key} in {where}")
        else:
            base[key] = fitted(value, base[key], f"{key} in {where}")


def _valid(config: dict[str, Any]) -> dict[str, Any]:
    _valid_judges(config)
    for name in ("thresholds", "percentiles"):
        numbers = config[name]
        numeric = all(isinstance(number, (int, float)) for number in numbers)
        if (
            not numeric
            or len(numbers) not in ((0, 4) if name == "thresholds" else (4,))
            or sorted(numbers) != numbers
        ):
            raise InputError(f"{name} must be four ascending numbers, got {numbers}.")
    for part in ("clip", "siglip"):
        checks.in_range(config[part]["tau"], "tau", 0.0, float("inf"), open_low=True)
    if config["thresholds_by"] and config["thresholds"]:
        raise InputError(
            "thresholds must be empty with thresholds_by, which takes percentiles of each value of"
            f" {config['thresholds_by']!r}, got {config['thresholds']}."
        )
    checks.in_range(config["candidates"], "candidates", 1, float("inf"))
    if config["group_column"] and config["candidates"] < 2:
        raise InputError(
            f"candidates must be at least 2 with group_column, got {config['candidates']}.",
            hint="no template judges its own segment: with one, that segment would have no labels",
        )
    checks.in_range(config["best_templates"], "best_templates", 1, float("inf"))
    for part in ("clip", "siglip", "blip2"):
        checks.in_range(config[part]["batch"], f"{part}.batch", 1, float("inf"))
        checks.choice(
            config[part]["precision"], "precision", ("auto", "float32", "float16", "bfloat16")
        )
    for factor in FACTORS:
        _valid_factor(config, factor)
    return config


def _valid_judges(config: Mapping[str, Any]) -> None:
    judges, weights = config["judges"], config["weights"]
    if not judges or len(set(judges)) != len(judges):
        raise InputError(
            f"judges must be one or more, all different, of {', '.join(JUDGES)}, a method that"
            f" scores or a model file, got {judges}."
        )
    for judge in judges:
        known(judge)
    checks.in_range(config["lambda"], "lambda", 0.0, 1.0)
    if not weights:
        return
    numeric = all(isinstance(w, (int, float)) and 0 <= w < float("inf") for w in weights)
    if len(weights) != len(judges) or not numeric or not sum(weights) > 0:
        raise InputError(
            f"weights must be {len(judges)} numbers of at least 0, one for each judge and not all"
            f" 0, got {weights}."
        )
    if config["lambda"] != _LAMBDA:
        raise InputError("weights or lambda must be given, not both.")


def _valid_factor(config: Mapping[str, Any], factor: str) -> None:
    for side in ("positive", "negative"):
        prompts = config["clip"]["prompts"][factor][side]
        if not prompts or not all(isinstance(prompt, str) and prompt for prompt in prompts):
            raise InputError(
                f"{side} prompts of {factor} must be at least one text, got {prompts}."
            )
    checks.choice(
        config["blip2"]["questions"][factor]["good"], f"good answer of {factor}", ("yes", "no")
    )
