"""`label dmsfiqa`: judges, levels, templates, fine labels; from crops to a table in two stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.errors import InputError
from fiqa.methods.dmsfiqa.checked import Checked, check_templates, told_of
from fiqa.methods.dmsfiqa.choice import chosen_rows, read_choice, refuse_failed
from fiqa.methods.dmsfiqa.config import read_config, replaced
from fiqa.methods.dmsfiqa.fusion import fuse_judges, shares
from fiqa.methods.dmsfiqa.judges import Judge, judge_of
from fiqa.methods.dmsfiqa.levels import (
    coarse_levels,
    fine_labels,
    fine_positions,
    level_thresholds,
)
from fiqa.methods.dmsfiqa.segments import (
    Segments,
    segments_of,
    template_similarity,
    words_of,
)
from fiqa.methods.dmsfiqa.table_judge import TableJudge
from fiqa.methods.dmsfiqa.templates import candidates
from fiqa.methods.labeler import Job, Labels, Work
from fiqa.types import Faces, FloatArray, Manifest
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

    Raises: as Judge.load; InputError: best_templates without group_column.
    """
    config = read_config(options["config"])
    for key, value in options.items():
        if key != "config" and value is not None:
            config = replaced(config, key, value)
    if options["best_templates"] is not None and not config["group_column"]:
        raise InputError(
            "best_templates needs group_column: without it a person has one template.",
            hint="--set group_column=track, a column of the faces",
        )
    judges = []
    for name in config["judges"]:
        judge = TableJudge(config["table"]["file"]) if name == "table" else judge_of(name, config)
        judge.load()
        judges.append(judge.describe())
    return {"config": config, "judges": judges}


@dataclass(frozen=True)
class _JudgeFaces:
    """A judge as a measure, as MeasureFaces.

    Attributes:
        name: of the judge.
        config: its settings.
    """

    name: str
    config: Mapping[str, Any]

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "config": self.config}

    @cached_property
    def _judge(self) -> Judge:
        return judge_of(self.name, self.config)

    @property
    def columns(self) -> int:
        return self._judge.columns

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

    Columns: coarse quality, level, factors (the fused six), template (id; of several the most
    similar), similarity to it or to the best of several, low and high of its interval.

    `about`: thresholds that were used (of each value of `thresholds_by`), images per level, how
    many faces each judge knew, and with segments how many there are of them and of templates;
    `extra`: the table of template candidates.
    """
    config = options["config"]
    if job.vectors is None or job.faces is None:
        raise InputError("dmsfiqa needs faces and embeddings.")
    # What a person wrote is checked before the judges' long work.
    clips = segments_of(job.faces, config["group_column"]) if config["group_column"] else None
    segment = None if clips is None else clips.segment
    kinds = _kinds(job.faces, config["thresholds_by"])
    choice = None if work.templates == "auto" else read_choice(work.templates)
    own = (
        None
        if choice is None
        else chosen_rows(choice, job.ids, job.identities, job.names, segments=segment)
    )
    every, factors, status, told = _judged(job, config, work)
    if segment is not None:
        status[(status == "ok") & (segment < 0)] = "no_segment"
    rows = np.flatnonzero(status == "ok")
    coarse = every[rows]
    cuts = _thresholds(config, coarse, kinds[rows])
    extra = {}
    if choice is None or own is None:
        own, extra[".templates.csv"], checked = _proposed(job, rows, coarse, config, clips, work)
    else:
        refuse_failed(choice, status[own])
        checked = check_templates(job, own, work)
    best = 1 if segment is None else config["best_templates"]
    like = template_similarity(job.vectors, job.identities, own, segments=segment, best=best)
    # Without a template there is nothing to be like: a coarse level alone is no label.
    used = like.template[rows] >= 0
    served = np.isin(job.identities[rows[~used]], job.identities[own])
    status[rows[~used]] = np.where(served, "one_segment", "no_template")
    rows, coarse = rows[used], coarse[used]
    levels, similarity = _levels(coarse, kinds[rows], cuts), like.similarity[rows]
    columns, value = _fine(job, rows, levels, similarity, config, work.seed)
    n = len(job.ids)
    columns = {
        "coarse": _wide(n, rows, coarse),
        "level": _text(n, rows, pl.Series(LEVELS).gather(levels)),
        "factors": pl.DataFrame(
            {name: pl.Series(factors[:, k], nan_to_null=True) for k, name in enumerate(FACTORS)}
        ).to_struct(),
        "template": _text(n, rows, job.ids[like.template[rows]]),
        **columns,
    }
    counts = np.bincount(levels, minlength=len(LEVELS))
    about: dict[str, Any] = {
        "thresholds": cuts if config["thresholds_by"] else cuts[""],
        "levels": dict(zip(LEVELS, map(int, counts), strict=True)),
        "judged": told,
        **told_of([str(job.ids[int(row)]) for row in own], checked),
    }
    if segment is not None:
        about |= {"segments": len(np.unique(segment[segment >= 0])), "templates": len(own)}
    return Labels(value, status, columns, about, (0.0, 1.0), extra)


def _kinds(faces: Manifest, column: str) -> NDArray[np.str_]:
    """The value (n,) of each face by which thresholds differ, "" without such a column."""
    if not column:
        return np.full(len(faces), "", np.str_)
    return np.array(words_of(faces, column, "thresholds_by").to_list(), np.str_)


def _thresholds(
    config: Mapping[str, Any], coarse: FloatArray, kinds: NDArray[np.str_]
) -> dict[str, list[float]]:
    """Kind -> its four thresholds; where none are given, percentiles of its own faces."""
    if config["thresholds"]:
        return {"": list(map(float, config["thresholds"]))}
    percentiles = tuple(config["percentiles"])
    found = {
        str(kind): level_thresholds(coarse[kinds == kind], percentiles).tolist()
        for kind in np.unique(kinds)
    }
    return found or {"": [0.0] * 4}


def _levels(
    coarse: FloatArray, kinds: NDArray[np.str_], cuts: Mapping[str, list[float]]
) -> NDArray[np.int64]:
    levels = np.zeros(len(coarse), np.int64)
    for kind in np.unique(kinds):
        rows = kinds == kind
        levels[rows] = coarse_levels(coarse[rows], cuts[str(kind)])
    return levels


def _fine(
    job: Job,
    rows: NDArray[np.int64],
    levels: NDArray[np.int64],
    similarity: NDArray[np.float32],
    config: Mapping[str, Any],
    seed: int,
) -> tuple[dict[str, Any], FloatArray]:
    """Similarity, low and high of the interval, and the labels; of all n, NaN beside `rows`."""
    code, n = job.identities[rows], len(job.ids)
    settings = {name: config[name] for name in ("intervals", "epsilon", "within")}
    value = fine_labels(levels, similarity, code, seed=seed, **settings)
    low, high = np.asarray(config["intervals"]).T[:, fine_positions(levels, similarity, code)]
    named = {"similarity": similarity, "low": low, "high": high}
    return {name: _wide(n, rows, column) for name, column in named.items()}, _wide(n, rows, value)


def _judged(
    job: Job, config: Mapping[str, Any], work: Work
) -> tuple[FloatArray, FloatArray, NDArray[np.str_], dict[str, int]]:
    """(n,) coarse qualities, (n,6) fused factors, (n,) statuses, and how many faces each judge
    knew."""
    names = config["judges"]
    answers = [
        TableJudge(config["table"]["file"]).rows(job.ids)
        if name == "table"
        else work.per_face(job, _JudgeFaces(name, config), f"judge-{_plain(name)}")
        for name in names
    ]
    weights = shares(len(names), config["lambda"], config["weights"])
    coarse, factors = fuse_judges([table for table, _ in answers], weights)
    status = answers[0][1].copy()
    broken = (status != "ok") & np.isfinite(coarse)
    status[broken] = "ok"  # another judge could tell
    told = {
        name: int(np.isfinite(table).any(axis=1).sum())
        for name, (table, _) in zip(names, answers, strict=True)
    }
    return coarse, factors, status, told


def _plain(name: str) -> str:
    """A judge's name as part of a file's: of a model file its own."""
    return name.replace("\\", "/").rpartition("/")[2]


def _proposed(
    job: Job,
    rows: NDArray[np.int64],
    coarse: FloatArray,
    config: Mapping[str, Any],
    clips: Segments | None,
    work: Work,
) -> tuple[NDArray[np.int64], pl.DataFrame, list[Checked]]:
    """The rows (of the job) of the templates, the table of candidates, which a person edits: in the
    lines of one identity, `chosen` is 1 for its template, with segments for several; and the
    criteria of the templates."""
    found = candidates(
        coarse,
        job.needed_vectors()[rows],
        job.identities[rows],
        count=int(config["candidates"]),
        segments=None if clips is None else clips.segment[rows],
        modalities=None if clips is None else clips.modality[rows],
    )
    own = rows[found.row]
    chosen = (found.rank == 0) | (clips is not None)
    checked = check_templates(job, own, work)
    table = pl.DataFrame(
        {
            "identity": job.names.gather(job.identities[own]),
            "rank": found.rank + 1,
            "id": job.ids[own],
            "judge": np.round(coarse[found.row].astype(np.float64), 4),
            "centrality": np.round(found.centrality[found.row].astype(np.float64), 4),
            "fails": pl.Series([one.fails for one in checked], dtype=pl.String),
            "unknown": pl.Series([one.unknown for one in checked], dtype=pl.String),
            "chosen": chosen.astype(np.int64),
        }
    )
    those = [checked[k] for k in np.flatnonzero(chosen)]
    return own[chosen], table if clips is None else table.hstack(clips.told(own)), those


def _wide(count: int, rows: NDArray[np.int64], values: NDArray[Any]) -> FloatArray:
    result = np.full(count, np.nan, np.float32)
    result[rows] = values
    return result


def _text(count: int, rows: NDArray[np.int64], values: pl.Series) -> pl.Series:
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    index = pl.Series(place)
    return values.gather(pl.select(pl.when(index >= 0).then(index)).to_series())
