"""A run of labeling: inputs joined, one method of fiqa.methods asked, the table written with
everything that made it."""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa import checks, methods
from fiqa.data.embeddings import read_embeddings
from fiqa.data.frames import Frame, is_frame
from fiqa.data.guard import guard_outputs
from fiqa.data.quality import read_quality
from fiqa.data.store import (
    fingerprint,
    hash_inputs,
    is_current,
    make_record,
    read_sidecar,
    write_sidecar,
)
from fiqa.data.tables import decode_text, read_table, table_suffix, write_table
from fiqa.errors import InputError
from fiqa.execute.engines import engine as chosen_engine
from fiqa.execute.engines import held
from fiqa.faces.notes import notices
from fiqa.faces.points import points_version
from fiqa.labeling.inputs import Inputs, load_inputs
from fiqa.labeling.work import LocalWork, ScoreFaces
from fiqa.methods.labeler import Job, Labeler, Labels, Work
from fiqa.progress import Progress, teller
from fiqa.report.page import check_page
from fiqa.settings import settings as checked_settings
from fiqa.types import Embeddings, Manifest, PathLike, Quality

__all__ = ["Labeled", "Prior", "label_rows", "labeler_of"]

_log = logging.getLogger(__name__)

Prior = PathLike | Frame | Quality | Sequence[PathLike | Frame | Quality] | None


@dataclass(frozen=True, eq=False)
class Labeled:
    """What became of a run: `quality` the labels there are, `failed` how many rows have none,
    `table` all rows (None if `current`), `about` what it found."""

    quality: Quality
    failed: int
    about: Mapping[str, Any]
    table: pl.DataFrame | None
    current: bool = False


def label_rows(
    method: str,
    *,
    faces: PathLike | Frame | Manifest | None = None,
    embeddings: PathLike | Frame | Embeddings | None = None,
    prior: Prior = None,
    templates: PathLike = "auto",
    centers: PathLike | Embeddings | None = None,
    seed: int = 0,
    out: PathLike | None = None,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress = False,
    html: PathLike | None = None,
    command: str = "",
) -> Labeled:
    """Returns what fiqa.label returns together with the row of every face: id, identity, status,
    value, method, kind, and the method's own columns.

    Args and Raises as fiqa.label, and: options the method's own; html where the contact sheet of
    the proposed templates goes, command the line that asked for it.
    """
    checks.seed(seed)
    checks.path(templates, "templates")
    if is_frame(centers):
        centers = read_embeddings(centers)
    labeler = labeler_of(method)
    _check_engine(method, labeler, engine, address)
    settings = labeler.prepare(checked_settings(options or {}, labeler.options, owner=method))
    priors = _priors(prior, method, labeler)
    names_and_centers = _centers(centers, method, labeler)
    if out is not None:
        table_suffix(out)
    if html is not None:
        _check_sheet(html, method, out, templates)
    inputs = load_inputs(faces, embeddings, priors, crops="crops" in labeler.needs)
    if out is not None:
        proposed = [f"{os.fspath(out)}.templates.csv"] if os.fspath(templates) == "auto" else []
        guard_outputs(
            [out],
            faces,
            inputs.faces,
            embeddings,
            *priors,
            templates,
            centers,
            options,
            beside=proposed if html is None else [*proposed, os.fspath(html)],
        )
    record = _record(method, settings, inputs, templates, seed, centers)
    points = "landmarks" in labeler.needs
    if points:
        record["arguments"]["points"] = points_version()
    key = fingerprint(record)
    if out is not None and not force and is_current(out, key):
        _tidy(out)
        if html is not None and not os.path.exists(html):
            _write_sheet(out, inputs, html, command)
        return _read_back(out)
    with held(engine, address) as run:
        work = LocalWork(
            *(seed, out, key, workers, teller(progress), os.fspath(templates)),
            points=points,
            apart=engine != "local" or (workers or 1) > 1,
            run=run,
        )
        table, labels = _labeled(method, labeler, settings, inputs, work, names_and_centers)
    if inputs.identity_from:
        labels.about["identity_from"] = inputs.identity_from
    told = notices(work.notes)
    for sentence in told:
        _log.warning("%s", sentence)
    quality = _quality(method, table, labels, record)
    if out is not None:
        _write(out, table, labels, record, quality, told)
        if html is not None:
            _write_sheet(out, inputs, html, command)
        _tidy(out)
    return Labeled(quality, len(table) - len(quality), labels.about, table)


def _check_engine(method: str, labeler: Labeler, engine: str, address: str | None) -> None:
    """Raises InputError or UnknownNameError where the engine is none, or not for this method."""
    chosen_engine(engine, address)
    if engine != "local" and not (labeler.partitions or "crops" in labeler.needs):
        raise InputError(
            f"engine must be local for {method}, which does all its work in one process; got"
            f" {engine!r}.",
            hint="label_optimization, cr_fiqa and methods that look at crops run on others",
        )


def labeler_of(method: str) -> Labeler:
    """Returns how `method` makes labels: its own labeler, or its scores.

    Raises:
        UnknownNameError: no such method, with the closest one.
        InputError: a method that gives no label.
    """
    module = methods.module(method)
    if hasattr(module, "labeler"):
        made: Labeler = module.labeler()
        return made
    card = methods.card(method)
    if "label" not in card.gives:
        giving = sorted(name for name in methods.names() if _labels(name))
        raise InputError(
            f"method must be one that gives labels: {', '.join(giving)}; {method} gives"
            f" {', '.join(card.gives)}.",
            hint=f"fiqa score --model {method}" if "score" in card.gives else None,
        )

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        table, status = work.per_face(job, ScoreFaces(method), "score")
        return Labels(table[:, 0], status)

    points = ("landmarks",) if card.points else ()
    return Labeler(run, needs=("crops", *points))


def _labels(name: str) -> bool:
    return "label" in methods.card(name).gives or hasattr(methods.module(name), "labeler")


def _priors(prior: Prior, method: str, labeler: Labeler) -> list[PathLike | Frame | Quality]:
    """The priors that were given; one at most for a method that takes no more."""
    if prior is None:
        return []
    if isinstance(prior, str | os.PathLike | Quality) or is_frame(prior):
        return [prior]
    several = list(cast("Sequence[PathLike | Frame | Quality]", prior))
    if len(several) > 1 and not labeler.priors:
        names = ", ".join(str(getattr(prior, "method", prior)) for prior in several)
        raise InputError(
            f"{method} makes a label from one prior, got {len(several)}: {names}.",
            hint=(
                "run it once for each prior and compare the labels with fiqa evaluate;"
                " label_optimization takes several"
            ),
        )
    return several


def _centers(
    centers: PathLike | Embeddings | None, method: str, labeler: Labeler
) -> tuple[NDArray[np.str_], NDArray[np.float32]] | None:
    if centers is None:
        return None
    if not labeler.centers:
        raise InputError(f"{method} takes no class centers.", hint="cr_fiqa and clib_fiqa do")
    table = centers if isinstance(centers, Embeddings) else read_embeddings(centers)
    return table.id, table.vector


def _record(
    method: str,
    settings: Mapping[str, Any],
    inputs: Inputs,
    templates: PathLike,
    seed: int,
    centers: PathLike | Embeddings | None,
) -> dict[str, Any]:
    hashes = dict(inputs.hashes)
    if method == "dmsfiqa" and os.fspath(templates) != "auto":
        hashes["templates"] = "".join(hash_inputs([templates]).values())
    if isinstance(centers, Embeddings):
        digest = hashlib.sha256(np.ascontiguousarray(centers.vector).tobytes())
        digest.update("\n".join(centers.id.tolist()).encode("utf-8", "surrogateescape"))
        hashes["centers"] = digest.hexdigest()
    elif centers is not None:
        hashes["centers"] = "".join(hash_inputs([centers]).values())
    recognizer = inputs.embeddings.recognizer if inputs.embeddings is not None else ""
    arguments = {"method": method, "options": _plain(settings), "recognizer": recognizer}
    return make_record("label", arguments=arguments, inputs=hashes, seed=seed)


def _plain(value: Any) -> Any:
    """Settings as JSON holds them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _labeled(
    method: str,
    labeler: Labeler,
    settings: dict[str, Any],
    inputs: Inputs,
    work: Work,
    centers: tuple[NDArray[np.str_], NDArray[np.float32]] | None,
) -> tuple[pl.DataFrame, Labels]:
    """Runs the method on the faces that have everything it needs; returns the table of all
    faces."""
    status = inputs.statuses(labeler.needs)
    rows = np.flatnonzero((status == "ok").to_numpy())
    labels = labeler.run(inputs.job(rows, labeler.needs, centers), settings, work)
    labeled = np.isfinite(labels.value)
    why = np.broadcast_to(np.asarray(labels.status), labeled.shape)
    statuses = status.to_numpy().astype(object)
    statuses[rows] = np.where(labeled, "ok", why)
    frame = inputs.table.select("id", "identity").with_columns(
        pl.Series("status", statuses, dtype=pl.String),
        _spread(
            pl.Series("value", labels.value.astype(np.float64), nan_to_null=True), rows, len(inputs)
        ),
        pl.lit(method).alias("method"),
        pl.lit("label").alias("kind"),
        *(
            _spread(pl.Series(name, column, strict=False, nan_to_null=True), rows, len(inputs))
            for name, column in labels.columns.items()
        ),
    )
    own = {"identity", *frame.columns}
    carried = [column for column in inputs.table.get_columns() if column.name not in own]
    return frame.hstack(carried), labels


def _spread(series: pl.Series, rows: NDArray[np.int64], count: int) -> pl.Series:
    """The series' values at `rows` of `count`, null elsewhere."""
    if len(rows) == count:
        return series
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    index = pl.Series(place)
    return series.gather(pl.select(pl.when(index >= 0).then(index)).to_series()).alias(series.name)


def _quality(
    method: str, table: pl.DataFrame, labels: Labels, record: Mapping[str, Any]
) -> Quality:
    labeled = table.filter(pl.col("value").is_not_null())
    ids = [decode_text(name) for name in labeled["id"].to_list()]
    provenance = {**record, "found": labels.about}
    return Quality(
        np.array(ids, dtype=np.str_) if ids else np.empty(0, "U1"),
        labeled["value"].to_numpy(),
        method,
        "label",
        labels.range,
        provenance,
    )


def _write(
    out: PathLike,
    table: pl.DataFrame,
    labels: Labels,
    record: Mapping[str, Any],
    quality: Quality,
    told: Sequence[str],
) -> None:
    """Writes the table, what goes beside it, and the sidecar last."""
    for suffix, extra in labels.extra.items():
        write_table(extra, Path(f"{os.fspath(out)}{suffix}"))
    write_table(table, out)
    about: dict[str, Any] = {
        "method": quality.method,
        "kind": "label",
        "range": None if quality.range is None else [float(bound) for bound in quality.range],
        "provenance": {},
    }
    notes = {"notes": list(told)} if told else {}
    found = {"found": _plain(labels.about), "quality": about}
    write_sidecar(out, record, learned=found | notes)


def _check_sheet(html: PathLike, method: str, out: PathLike | None, templates: PathLike) -> None:
    """Refuses a contact sheet where no templates are proposed."""
    check_page(html)
    if method != "dmsfiqa" or out is None or os.fspath(templates) != "auto":
        raise InputError(
            "html shows the templates that dmsfiqa proposes; it needs out, and templates that are"
            f" auto, got it for {method}."
        )


def _write_sheet(out: PathLike, inputs: Inputs, html: PathLike, command: str) -> None:
    from fiqa.labeling.template_page import write_template_page

    if inputs.faces is not None:
        write_template_page(f"{os.fspath(out)}.templates.csv", inputs.faces, html, command=command)


def _tidy(out: PathLike) -> None:
    """Removes the finished parts of every stage, now that the table is whole."""
    for folder in Path(out).parent.glob(f"{glob.escape(Path(out).name)}.*.parts"):
        shutil.rmtree(folder, ignore_errors=True)


def _read_back(out: PathLike) -> Labeled:
    side = read_sidecar(out) or {}
    failed = read_table(out)["value"].null_count()
    return Labeled(
        read_quality(out, column="value"), failed, side.get("found", {}), None, current=True
    )
