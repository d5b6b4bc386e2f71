"""Nested columns of a table of scores, and the flat form that text tables have.

- `factors` and `measures` (structs) <-> one column per field, `factor_blur`, `measure_yaw`, ...;
- `bbox` <-> `bbox_x`, `bbox_y`, `bbox_width`, `bbox_height`; `landmarks` <-> `landmark_0_x`,
  `landmark_0_y`, ... `landmark_4_y`;
- `reasons` and `advice` (lists of codes, of sentences) <-> in CSV joined by `;` (none holds one; an
  empty list is an empty text); JSON lines keep the list.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from fiqa.errors import InputError

__all__ = ["flatten", "unflatten"]

_TEXTS = ("reasons", "advice")
_STRUCTS = {"factors": "factor_", "measures": "measure_"}
_LISTS = {
    "bbox": ["bbox_x", "bbox_y", "bbox_width", "bbox_height"],
    "landmarks": [f"landmark_{point}_{axis}" for point in range(5) for axis in "xy"],
}


def flatten(frame: pl.DataFrame, *, lists: bool = False) -> pl.DataFrame:
    """Returns a frame with its nested columns spread, and NaN as missing.

    Args:
        frame: with columns named as ours are.
        lists: leave `reasons` and `advice` lists.

    Raises:
        InputError: a nested column that has no flat form.
    """
    cells: list[pl.Expr] = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if name in _STRUCTS and isinstance(kind, pl.Struct):
            cells += [
                column.struct.field(f.name).alias(_STRUCTS[name] + f.name) for f in kind.fields
            ]
        elif name in _LISTS and isinstance(kind, (pl.List, pl.Array)):
            spread = column.cast(pl.List(kind.inner))
            cells += [
                spread.list.get(i, null_on_oob=True).alias(flat)
                for i, flat in enumerate(_LISTS[name])
            ]
        elif name in _LISTS:
            cells += [column.alias(flat) for flat in _LISTS[name]]  # nothing but missing values
        elif name in _STRUCTS and kind == pl.Null:
            continue  # nothing but missing values, and no names of fields
        elif name in _TEXTS and isinstance(kind, pl.List) and lists:
            cells.append(column.cast(pl.List(pl.String)))
        elif name in _TEXTS and isinstance(kind, pl.List):
            cells.append(column.cast(pl.List(pl.String)).list.join(";").fill_null("").alias(name))
        elif isinstance(kind, (pl.List, pl.Array, pl.Struct)):
            raise InputError(
                f"Column {name!r} must be flat to be written as text, got {kind}.",
                hint="use .parquet",
            )
        else:
            cells.append(column)
    flat_frame = frame.select(cells)
    return flat_frame.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))


def unflatten(frame: pl.DataFrame) -> pl.DataFrame:
    """Returns a frame with the columns that flatten spread put together again.

    A row with none of their values has a missing value.

    Args:
        frame: with columns named as ours are.
    """
    result: list[pl.Expr] = []
    done: set[str] = set()
    for name in frame.columns:
        prefix = next((p for p in _STRUCTS.items() if name.startswith(p[1])), None)
        target = (
            prefix[0]
            if prefix
            else next((nested for nested, flat in _LISTS.items() if name in flat), name)
        )
        if target in done:
            continue
        done.add(target)
        if prefix:
            fields = [c for c in frame.columns if c.startswith(prefix[1])]
            joined = pl.struct(pl.col(c).alias(c.removeprefix(prefix[1])) for c in fields)
            result.append(_unless_missing(fields, joined).alias(target))
        elif target in _LISTS and set(_LISTS[target]) <= set(frame.columns):
            joined = pl.concat_list(
                pl.col(c).cast(pl.Float64, strict=False) for c in _LISTS[target]
            )
            result.append(_unless_missing(_LISTS[target], joined).alias(target))
        elif name in _TEXTS and not isinstance(frame.schema[name], pl.List):
            text = pl.col(name).cast(pl.String).fill_null("")
            # "" has no codes, where split would make one empty code of it.
            empty = pl.lit([], dtype=pl.List(pl.String))
            result.append(
                pl.when(text == "").then(empty).otherwise(text.str.split(";")).alias(name)
            )
        else:
            result.append(pl.col(name))
    return frame.select(result)


def _unless_missing(columns: Sequence[str], joined: pl.Expr) -> pl.Expr:
    return pl.when(pl.any_horizontal(pl.col(c).is_not_null() for c in columns)).then(joined)
