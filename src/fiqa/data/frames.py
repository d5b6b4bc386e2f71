"""Tables that are in memory already: frames of polars and of pandas, and columns of plain values as
polars holds them.

pandas is no dependency: its frames are known by what they can do.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from fiqa.errors import ShapeError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Frame", "columns_of", "is_frame", "series"]


class Frame(Protocol):
    """A table in memory: a polars or pandas DataFrame, or anything that looks like one."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def is_frame(source: object) -> TypeGuard[Frame]:
    """Tells whether something is a table in memory.

    Args:
        source: anything.

    >>> import polars as pl
    >>> is_frame(pl.DataFrame({"id": ["a"]})), is_frame({"id": ["a"]}), is_frame("scores.csv")
    (True, False, False)
    """
    needed = ("columns", "__len__", "__getitem__", "to_dict", "head")
    return all(hasattr(source, name) for name in needed) and not isinstance(source, type)


def columns_of(frame: Frame) -> dict[str, list[Any] | pl.Series]:
    """Returns name -> values of a frame; what pandas calls missing (NaN, NA, NaT) is None.

    A named index of pandas is a column too.

    Args:
        frame: of polars or pandas.

    Raises:
        ShapeError: a column of another length than the frame.
    """
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return {name: frame[name] for name in frame.columns}
    named = [
        name for name in getattr(getattr(frame, "index", None), "names", ()) if name is not None
    ]
    index_to_columns = getattr(frame, "reset_index", None)
    if named and index_to_columns is not None:
        frame = index_to_columns()
    table: dict[str, list[Any] | pl.Series] = {}
    for name in frame.columns:
        values = [None if _missing(value) else _plain(value) for value in frame[name].tolist()]
        if len(values) != len(frame):
            raise ShapeError(f"Column {name!r} must have {len(frame)} values, got {len(values)}.")
        table[str(name)] = values
    return table


def _missing(value: Any) -> bool:
    # By the names of their types, so that pandas need not be there.
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (type(value) is float and value != value)
    )


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def series(name: str, values: list[Any]) -> pl.Series:
    """Returns plain values as a column of one type.

    Whole numbers among fractions are fractions; what has no common type is text.

    Args:
        name: of the column.
        values: plain Python values.
    """
    import polars as pl

    try:
        return pl.Series(name, values, dtype=_kind(values), strict=True)
    # a whole number of more than 64 bits, or whole numbers among floats in a list
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, values, strict=False)


def _kind(values: Iterable[Any]) -> Any:
    """The polars type that holds all of these values, None where polars has to find out.

    Told the type, polars builds nested columns many times faster.
    """
    import polars as pl

    present = [value for value in values if value is not None]
    kinds = set(map(type, present))
    if kinds <= {int, float} and kinds:
        return pl.Float64 if float in kinds else pl.Int64
    if kinds == {str}:
        return pl.String
    if kinds and kinds <= {list, tuple}:
        inner = _kind(chain.from_iterable(present))
        return inner and pl.List(inner)
    if kinds == {dict}:
        fields = {
            name: _kind(value.get(name) for value in present)
            for name in dict.fromkeys(chain.from_iterable(present))
        }
        return pl.Struct(fields) if fields and all(fields.values()) else None
    return None
