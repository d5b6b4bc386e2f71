"""Options of a labeling method, as they were given, against those that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fiqa.errors import InputError, UnknownNameError

__all__ = ["checked"]


def checked(
    given: Mapping[str, Any], defaults: Mapping[str, Any], *, method: str
) -> dict[str, Any]:
    """Returns every option with its given value or its default; text (from a command line) becomes
    what the default is.

    Raises:
        UnknownNameError: no such option, with the closest one.
        InputError: text that cannot be read as the default's type.

    >>> checked({"theta": "0.1"}, {"theta": 0.001, "repeats": 10}, method="label_optimization")
    {'theta': 0.1, 'repeats': 10}
    """
    for name in given:
        if name not in defaults:
            raise UnknownNameError(f"option of {method}", name, defaults)
    return {
        name: _read(name, given[name], default) if name in given else default
        for name, default in defaults.items()
    }


def _read(name: str, value: Any, default: Any) -> Any:
    if not isinstance(value, str) or isinstance(default, str) or default is None:
        return value
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(default, tuple):
            return tuple(float(part) for part in value.split(","))
        return type(default)(value)
    except (ValueError, KeyError) as error:
        kind = {"int": "a whole number", "float": "a number", "bool": "true or false"}.get(
            type(default).__name__, "numbers with commas between them"
        )
        raise InputError(f"{name} must be {kind}, got {value!r}.") from error
