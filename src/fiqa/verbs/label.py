"""`label`: quality labels without people, one method of fiqa.methods at a time, as a table with everything that made it."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.frames import Frame
from fiqa.data.quality import read_quality
from fiqa.data.store import fingerprint, hash_inputs, is_current, make_record, read_sidecar, write_sidecar
from fiqa.data.tables import decode_text, read_table, table_suffix, write_table
from fiqa.labeling.inputs import Inputs, Labels, load_inputs
from fiqa.labeling.methods import Labeler, labeler_of
from fiqa.labeling.options import checked
from fiqa.labeling.work import Work
from fiqa.progress import Progress, teller
from fiqa.types import Embeddings, Manifest, PathLike, Quality

__all__ = ["Labeled", "label", "label_rows"]


@dataclass(frozen=True, eq=False)
class Labeled:
    """What became of a run: `quality` the labels there are, `failed` how many rows have none, `table` all rows (None if `current`), `about` what it found."""

    quality: Quality
    failed: int
    about: Mapping[str, Any]
    table: pl.DataFrame | None
    current: bool = False


def label(
    method: str,
    *,
    faces: PathLike | Frame | Manifest | None = None,
    embeddings: PathLike | Frame | Embeddings | None = None,
    prior: PathLike | Frame | Quality | None = None,
    templates: PathLike = "auto",
    seed: int = 0,
    out: PathLike | None = None,
    workers: int | None = None,
    force: bool = False,
    progress: Progress = False,
    **options: Any,
) -> Quality:
    """Returns quality labels made without people; inputs are joined by id, and a face without a label is absent (`label_rows` tells why).

    Args:
        method: dmsfiqa, clib_fiqa, label_optimization, cr_fiqa, sdd_fiqa, faceqnet, ediffiqa, norm, or a scoring method that gives labels.
        faces: the manifest of the aligned crops (file, folder, frame or fiqa.Manifest): the rows, who is on them, and the pixels for methods that look at them.
            Without it the rows are those of the embeddings; where no identity is known at all, it is what comes before the last / of an id.
        embeddings: vectors of one recognizer; a .npy is mapped and never wholly in memory.
        prior: any quality, for label_optimization (which improves it) faceqnet (whose best images it chooses) and ediffiqa (which lowers it).
        templates: dmsfiqa only: "auto", or the edited table of templates that an earlier run wrote beside its labels.
        seed: decides everything random.
        out: write the table there (.parquet, .csv or .jsonl) with a sidecar; a rerun of the same does nothing, an interrupted one goes on and ends with the
            same bytes.
        workers: processes for what is measured face by face; None is one per core.
        force: do it again although `out` is current.
        progress: True reports on stderr; a callable is told (stage, done, total).
        options: the method's own, as in the signature of its functions.

    Returns:
        Quality of kind "label"; `provenance` holds arguments, seed, hashes of the inputs, versions, and what the run found.

    Raises:
        UnknownNameError: no such method or option (with the closest one). InputError: a method that gives no label, an input that it needs and was not given,
        ids that repeat. ReadError, WeightsError, MissingExtraError: a file or model cannot be used. WriteError: the disk refused.

    >>> e = Embeddings(np.array(["a/1", "a/2", "b/1"]), np.array([[1.0, 0], [0.6, 0.8], [0, 1.0]]))
    >>> label("cr_fiqa", embeddings=e).value.round(2).tolist()
    [0.89, 0.5, 0.69]
    """
    return label_rows(
        method,
        faces=faces,
        embeddings=embeddings,
        prior=prior,
        templates=templates,
        seed=seed,
        out=out,
        workers=workers,
        options=options,
        force=force,
        progress=progress,
    ).quality


def label_rows(
    method: str,
    *,
    faces: PathLike | Frame | Manifest | None = None,
    embeddings: PathLike | Frame | Embeddings | None = None,
    prior: PathLike | Frame | Quality | None = None,
    templates: PathLike = "auto",
    seed: int = 0,
    out: PathLike | None = None,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress = False,
) -> Labeled:
    """Returns what `label` returns together with the row of every face: id, identity, status, value, method, kind, and the method's own columns.

    Args and Raises as `label`, and: options the method's own; and as `label`.
    """
    labeler = labeler_of(method)
    settings = labeler.prepare(checked(options or {}, labeler.options(), method=method))
    if out is not None:
        table_suffix(out)
    inputs = load_inputs(faces, embeddings, prior, crops="crops" in labeler.needs)
    record = _record(method, settings, inputs, templates, seed)
    key = fingerprint(record)
    if out is not None and not force and is_current(out, key):
        _tidy(out)
        return _read_back(out)
    work = Work(seed, out, key, workers, teller(progress), os.fspath(templates))
    table, labels = _labeled(method, labeler, settings, inputs, work)
    if inputs.identity_from:
        labels.about["identity_from"] = inputs.identity_from
    quality = _quality(method, table, labels, record)
    if out is not None:
        _write(out, table, labels, record, quality)
        _tidy(out)
    return Labeled(quality, len(table) - len(quality), labels.about, table)


def _record(method: str, settings: Mapping[str, Any], inputs: Inputs, templates: PathLike, seed: int) -> dict[str, Any]:
    hashes = dict(inputs.hashes)
    if method == "dmsfiqa" and os.fspath(templates) != "auto":
        hashes["templates"] = "".join(hash_inputs([templates]).values())
    recognizer = inputs.embeddings.recognizer if inputs.embeddings is not None else ""
    arguments = {"method": method, "options": _plain(settings), "recognizer": recognizer}
    return make_record("label", arguments=arguments, inputs=hashes, seed=seed)


def _plain(value: Any) -> Any:
    """Settings as JSON holds them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _labeled(
    method: str, labeler: Labeler, settings: dict[str, Any], inputs: Inputs, work: Work
) -> tuple[pl.DataFrame, Labels]:
    """Runs the method on the faces that have everything it needs; returns the table of all faces."""
    status = inputs.statuses(labeler.needs)
    rows = np.flatnonzero((status == "ok").to_numpy())
    labels = labeler.run(inputs.job(rows, labeler.needs), settings, work)
    known = np.isfinite(labels.value)
    why = np.broadcast_to(np.asarray(labels.status), known.shape)
    statuses = status.to_numpy().astype(object)
    statuses[rows] = np.where(known, "ok", why)
    frame = inputs.table.select("id", "identity").with_columns(
        pl.Series("status", statuses, dtype=pl.String),
        _spread(pl.Series("value", labels.value.astype(np.float64), nan_to_null=True), rows, len(inputs)),
        pl.lit(method).alias("method"),
        pl.lit("label").alias("kind"),
        *(
            _spread(pl.Series(name, column, strict=False, nan_to_null=True), rows, len(inputs))
            for name, column in labels.columns.items()
        ),
    )
    return frame, labels


def _spread(series: pl.Series, rows: NDArray[np.int64], count: int) -> pl.Series:
    """The series' values at `rows` of `count`, null elsewhere."""
    if len(rows) == count:
        return series
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    index = pl.Series(place)
    return series.gather(pl.select(pl.when(index >= 0).then(index)).to_series()).alias(series.name)


def _quality(method: str, table: pl.DataFrame, labels: Labels, record: Mapping[str, Any]) -> Quality:
    known = table.filter(pl.col("value").is_not_null())
    ids = [decode_text(name) for name in known["id"].to_list()]
    provenance = {**record, "found": labels.about}
    return Quality(
        np.array(ids, dtype=np.str_) if ids else np.empty(0, "U1"),
        known["value"].to_numpy(),
        method,
        "label",
        labels.range,
        provenance,
    )


def _write(out: PathLike, table: pl.DataFrame, labels: Labels, record: Mapping[str, Any], quality: Quality) -> None:
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
    write_sidecar(out, record, found={"found": _plain(labels.about), "quality": about})


def _tidy(out: PathLike) -> None:
    """Removes the finished parts of every stage, now that the table is whole."""
    for folder in Path(out).parent.glob(f"{glob.escape(Path(out).name)}.*.parts"):
        shutil.rmtree(folder, ignore_errors=True)


def _read_back(out: PathLike) -> Labeled:
    side = read_sidecar(out) or {}
    failed = read_table(out)["value"].null_count()
    return Labeled(read_quality(out, column="value"), failed, side.get("found", {}), None, current=True)
