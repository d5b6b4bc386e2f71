"""Dataclasses of plain values from what TOML and JSON hold, and back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from fiqa import checks
from fiqa.errors import InputError, UnknownNameError

__all__ = ["from_plain", "to_plain"]

Table = TypeVar("Table")


def from_plain(kind: type[Table], content: Any, where: str) -> Table:
    """Returns the dataclass `kind` of a table, as TOML or `to_plain` gives it.

    Args:
        kind: a dataclass of plain values, tuples of them, or dataclasses of this sort.
        content: the table.
        where: its dotted name, for messages.

    Raises:
        UnknownNameError: a key that the dataclass does not have, with the closest one.
        InputError: a value of another type, or one that must be given and is not.
    """
    if not isinstance(content, Mapping):
        raise InputError(f"{where or 'a recipe'} must be a table, got {content!r}.")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in content:
        if key not in fields:
            raise UnknownNameError(
                f"key of [{where}]" if where else "table or key of a recipe", str(key), fields
            )
    for name, field in fields.items():
        if (
            name not in content
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ):
            raise InputError(f"{_join(where, name)} must be given.")
    hints = typing.get_type_hints(kind)
    return kind(
        **{key: _value(hints[key], value, _join(where, key)) for key, value in content.items()}
    )


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _value(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return from_plain(typing.cast("type[Any]", kind), value, where)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return checks.choice(value if isinstance(value, str) else repr(value), where, inner)
    if origin is tuple:
        return _items(inner, value, where)
    fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{where} must be {_NAMES[kind]}, got {value!r}.")
    return kind(value)


_NAMES = types.MappingProxyType(
    {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}
)


def _items(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list, got {value!r}.")
    if inner[-1] is not Ellipsis and len(value) != len(inner):
        raise InputError(f"{where} must have {len(inner)} values, got {len(value)}.")
    return tuple(_value(inner[0], item, f"{where}[{i}]") for i, item in enumerate(value))


def to_plain(value: Any) -> Any:
    """Returns a dataclass of plain values as dicts, lists and values, as JSON holds them."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [to_plain(item) for item in value] if isinstance(value, tuple) else value
