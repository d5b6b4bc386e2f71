"""`label dmsfiqa`: judges, levels, templates, fine labels; from crops to a table in two stages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.reading import reader
from fiqa.data.tables import read_table
from fiqa.errors import InputError, UnknownNameError
from fiqa.methods.dmsfiqa.config import read_config, replaced
from fiqa.methods.dmsfiqa.judges import Judge, judge_of
from fiqa.methods.dmsfiqa.levels import (
    coarse_levels,
    fine_labels,
    fine_positions,
    fuse,
    fuse_factors,
    level_thresholds,
)
from fiqa.methods.dmsfiqa.templates import candidates, chosen_rows
from fiqa.methods.labeler import Job, Labels, Work
from fiqa.types import Faces, FloatArray
from fiqa.vocabulary import FACTORS, LEVELS

__all__ = ["OPTIONS", "coarse_to_fine", "prepare"]


def _options(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= (
            _options(value, f"{above}{key}.")
            if isinstance(value, dict)
            else {f"{above}{key}": None}
        )
    return flat


OPTIONS: Mapping[str, Any] = MappingProxyType({"config": None, **_options(read_config())})
"""The keys of the settings, dotted, and `config`, a file of them; None: as in the file."""


def prepare(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the whole settings of the options, and what decides each judge's answers.

    This loads pretrained models.

    Raises: as Judge.load.
    """
    config = read_config(options["config"])
    for key, value in options.items():
        if key != "config" and value is not None:
            config = replaced(config, key, value)
    judges = []
    for name in config["judges"]:
        judge = judge_of(name, config)
        judge.load()
        judges.append(judge.describe())
    return {"config": config, "judges": judges}


@dataclass(frozen=True)
class _JudgeFaces:
    """A judge as a measure of six numbers, as MeasureFaces.

    Attributes:
        name: of the judge.
        config: its settings.
        columns: how many numbers there are.
    """

    name: str
    config: Mapping[str, Any]
    columns: int = len(FACTORS)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "config": self.config, "columns": self.columns}

    @cached_property
    def _judge(self) -> Judge:
        return judge_of(self.name, self.config)

    @property
    def parallel(self) -> bool:
        return self._judge.parallel

    @property
    def batch(self) -> int:
        return self._judge.batch

    def load(self) -> None:
        self._judge.load()

    def __call__(self, faces: Faces) -> FloatArray:
        return self._judge.judge(faces)


def coarse_to_fine(job: Job, options: dict[str, Any], work: Work) -> Labels:
    """Returns DmsFIQA labels.

    Columns: coarse quality, level, factors (the fused six), template (id), similarity to it, low
    and high of its interval.

    `about`: thresholds that were used, images per level; `extra`: the table of template candidates.
    """
    config = options["config"]
    if job.vectors is None:
        raise InputError("dmsfiqa needs embeddings.")
    factors, status = _judged(job, config, work)
    rows = np.flatnonzero(status == "ok")
    coarse = fuse(factors[rows])
    cuts = config["thresholds"] or (
        level_thresholds(coarse, tuple(config["percentiles"])).tolist()
        if len(rows)
        else [0, 0, 0, 0]
    )
    template, proposed = _templates(job, rows, coarse, config, work)
    # Without a template there is nothing to be like: a coarse level alone is no label.
    status[rows[template < 0]] = "no_template"
    used = template >= 0
    rows, coarse, template = rows[used], coarse[used], template[used]
    levels = coarse_levels(coarse, cuts)
    similarity = _cosines(job.vectors, rows, template)
    code = job.identities[rows]
    settings = {name: config[name] for name in ("intervals", "epsilon", "within")}
    value = fine_labels(levels, similarity, code, seed=work.seed, **settings)
    low, high = np.asarray(config["intervals"]).T[:, fine_positions(levels, similarity, code)]
    n = len(job.ids)
    names = pl.Series(LEVELS).gather(levels)
    columns = {
        "coarse": _wide(n, rows, coarse),
        "level": _text(n, rows, names),
        "factors": pl.DataFrame(
            {name: pl.Series(factors[:, k], nan_to_null=True) for k, name in enumerate(FACTORS)}
        ).to_struct(),
        "template": _text(n, rows, job.ids[template]),
        "similarity": _wide(n, rows, similarity),
        "low": _wide(n, rows, low),
        "high": _wide(n, rows, high),
    }
    counts = np.bincount(levels, minlength=len(LEVELS))
    about = {
        "thresholds": list(map(float, cuts)),
        "levels": dict(zip(LEVELS, map(int, counts), strict=True)),
    }
    extra = {} if proposed is None else {".templates.csv": proposed}
    return Labels(_wide(n, rows, value), status, columns, about, (0.0, 1.0), extra)


def _judged(job: Job, config: Mapping[str, Any], work: Work) -> tuple[FloatArray, NDArray[np.str_]]:
    """(n,6) fused factors and (n,) statuses."""
    tables, statuses = zip(
        *(
            work.per_face(job, _JudgeFaces(name, config), f"judge-{name}")
            for name in config["judges"]
        ),
        strict=True,
    )
    factors = fuse_factors(*tables, weight=config["lambda"])
    status = statuses[0].copy()
    broken = (status != "ok") & np.isfinite(factors).any(axis=1)
    status[broken] = "ok"  # the other judge could tell
    return factors, status


def _templates(
    job: Job, rows: NDArray[np.int64], coarse: FloatArray, config: Mapping[str, Any], work: Work
) -> tuple[NDArray[np.int64], pl.DataFrame | None]:
    """The template's row (of the job) for each of `rows`, -1 without, and the table of candidates
    where it was made."""
    ids, code = job.ids[rows], job.identities[rows]
    if work.templates != "auto":
        names, chosen = _choice(work.templates)
        here = np.array(ids.to_list(), np.str_) if len(ids) else np.empty(0, "U1")
        local = chosen_rows(names, chosen, code, here, table=work.templates)
        return np.where(local < 0, -1, rows[local]) if len(rows) else local, None
    if job.vectors is None or not len(rows):
        return np.empty(0, np.int64), _table(
            job, rows, np.empty(0, np.int64), np.empty(0, np.int64), coarse, coarse
        )
    proposals = candidates(coarse, job.vectors[rows], code, count=int(config["candidates"]))
    first = np.full(int(code.max()) + 1, -1)
    first[code[proposals.row[proposals.rank == 0]]] = rows[proposals.row[proposals.rank == 0]]
    return first[code], _table(
        job, rows, proposals.row, proposals.rank, coarse, proposals.centrality
    )


def _table(
    job: Job,
    rows: NDArray[np.int64],
    row: NDArray[np.int64],
    rank: NDArray[np.int64],
    coarse: FloatArray,
    central: FloatArray,
) -> pl.DataFrame:
    """The table that a person edits: in the lines of one identity, `chosen` is 1 for its
    template."""
    return pl.DataFrame(
        {
            "identity": job.names.gather(job.identities[rows[row]]),
            "rank": rank + 1,
            "id": job.ids[rows[row]],
            "judge": np.round(coarse[row].astype(np.float64), 4),
            "centrality": np.round(central[row].astype(np.float64), 4),
            "chosen": (rank == 0).astype(np.int64),
        }
    )


@reader
def _choice(path: str | os.PathLike[str]) -> tuple[list[str], list[bool]]:
    """(ids, chosen) of a table of templates; without a column `chosen` every line is one."""
    frame = read_table(path)
    if "id" not in frame.columns:
        raise UnknownNameError(f"column in {os.fspath(path)} instead of 'id'", "id", frame.columns)
    if "chosen" not in frame.columns:
        return frame["id"].to_list(), [True] * len(frame)
    marks = [str(mark).strip().lower() for mark in frame["chosen"].to_list()]
    meanings = {
        "1": True,
        "1.0": True,
        "true": True,
        "0": False,
        "0.0": False,
        "false": False,
        "none": False,
        "": False,
    }
    bad = [mark for mark in marks if mark not in meanings]
    if bad:
        raise InputError(f"chosen in {os.fspath(path)} must be 1 or 0, got {bad[0]!r}.")
    return frame["id"].to_list(), [meanings[mark] for mark in marks]


def _cosines(
    vectors: NDArray[np.floating[Any]], rows: NDArray[np.int64], template: NDArray[np.int64]
) -> NDArray[np.float32]:
    result = np.empty(len(rows), np.float32)
    # In blocks: the vectors may be a mapped file larger than the memory.
    for start in range(0, len(rows), 1 << 14):
        piece = slice(start, start + (1 << 14))
        own, other = (
            vectors[rows[piece]].astype(np.float32),
            vectors[template[piece]].astype(np.float32),
        )
        result[piece] = np.einsum("nd,nd->n", own, other)
    return result


def _wide(count: int, rows: NDArray[np.int64], values: NDArray[Any]) -> FloatArray:
    result = np.full(count, np.nan, np.float32)
    result[rows] = values
    return result


def _text(count: int, rows: NDArray[np.int64], values: pl.Series) -> pl.Series:
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    index = pl.Series(place)
    return values.gather(pl.select(pl.when(index >= 0).then(index)).to_series())
