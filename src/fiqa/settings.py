"""Settings by name: NAME=VALUE texts, and given values against those that there are."""

from __future__ import annotations

import numbers
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fiqa.errors import InputError, UnknownNameError

__all__ = ["assignment", "assignments", "fitted", "settings"]

# numpy's numbers count as well, so the abstract kinds are asked
_KINDS: Mapping[type, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (numbers.Integral, "a whole number"),
    float: (numbers.Real, "a number"),
    str: (str, "text"),
}


def assignment(text: str) -> tuple[str, Any]:
    """Returns name and value of "NAME=VALUE".

    The value is read as TOML writes it. What is no TOML is a number where Python reads one (.5
    lacks the digit that TOML asks), else text: a path or a name needs no quotes.

    Raises:
        InputError: no name, or no equals sign.

    >>> assignment("theta=.5"), assignment("optim.groups=[]"), assignment("prior=a b.csv")
    (('theta', 0.5), ('optim.groups', []), ('prior', 'a b.csv'))
    """
    name, sign, value = (part.strip() for part in text.partition("="))
    if not (name and sign):
        raise InputError(
            f"A setting must be NAME=VALUE, got {text!r}.", hint="--set NAME=VALUE; again for more"
        )
    return name, _value(value)


def _value(text: str) -> Any:
    try:
        content = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        content = {}
    # a text with a line break could smuggle in further keys: it is no single value then
    if len(content) == 1:
        return content["value"]
    try:
        return float(text)
    except ValueError:
        return text


def assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Returns name -> value of NAME=VALUE texts.

    Raises:
        InputError: a text that is none, or a name twice.

    >>> assignments(["clusters=20", "rank_scale=unit"])
    {'clusters': 20, 'rank_scale': 'unit'}
    """
    values: dict[str, Any] = {}
    for name, value in map(assignment, texts):
        if name in values:
            raise InputError(f"{name} must be set once, got {values[name]!r} and {value!r}.")
        values[name] = value
    return values


def settings(
    given: Mapping[str, Any], defaults: Mapping[str, Any], *, owner: str
) -> dict[str, Any]:
    """Returns every setting with its given value or its default.

    Raises:
        UnknownNameError: no such setting, with the closest one.
        InputError: a value of another type than the default.

    >>> settings({"theta": 1}, {"theta": 0.001, "repeats": 10}, owner="label_optimization")
    {'theta': 1.0, 'repeats': 10}
    """
    for name in given:
        if name not in defaults:
            raise UnknownNameError(f"setting of {owner}", name, defaults)
    return {
        name: fitted(given[name], default, f"{name} of {owner}") if name in given else default
        for name, default in defaults.items()
    }


def fitted(value: Any, default: Any, name: str) -> Any:
    """Returns `value` in the type of `default`; any value where that is None, or no plain value.

    A whole number becomes a float where one is expected, and text with commas becomes a list where
    one is expected ("clip,blip2" needs no quotes on a command line).

    Raises:
        InputError: a value of another type; the message begins with `name`.

    >>> fitted(2, 0.5, "theta"), fitted("3,.5", (1.0, 2.0), "cuts"), fitted("a", ["b"], "judges")
    (2.0, (3.0, 0.5), ['a'])
    """
    if isinstance(default, list | tuple):
        return type(default)(_items(value, default, name))
    kind = type(default)
    if kind not in _KINDS:
        return value
    accepted, words = _KINDS[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{name} must be {words}, got {value!r}.")
    return kind(value)


def _items(value: Any, default: Sequence[Any], name: str) -> list[Any]:
    items = [_value(part.strip()) for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise InputError(f"{name} must be a list, got {value!r}.")
    # an empty default says nothing of what its items must be
    return [fitted(item, default[0] if default else None, f"each of {name}") for item in items]
