"""What reviewers decided, laid over the tables: levels, reasons, people, findings and tracks; and
the tables that other verbs read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.cleaning.findings import Finding
from fiqa.data.tables import encode_text
from fiqa.errors import InputError
from fiqa.studio_app.collection import Collection
from fiqa.studio_app.store import Decision, Store
from fiqa.types import Manifest
from fiqa.vocabulary import LEVELS

__all__ = [
    "KINDS",
    "corrected_faces",
    "decided_findings",
    "decision_log",
    "finding_key",
    "origin_of",
    "person_labels",
    "strangers",
    "tracks_now",
]

_LABEL_COLUMNS = (
    *("id", "identity", "status", "value", "level", "reasons", "method", "kind", "annotator"),
    *("at", "decision", "level_before", "reasons_before"),
)

KINDS = ("level", "reasons", "identity", "finding", "split", "merge")
"""What is decided in a review."""


def finding_key(finding: Finding) -> str:
    """Returns what a decision on a finding is filed under.

    Args:
        finding: of fiqa clean.
    """
    return json.dumps([finding.issue, finding.id, finding.other_id])


def person_labels(faces: Collection, store: Store) -> pl.DataFrame:
    """Returns the corrected levels and reasons as labels: id, identity, status, value, level,
    reasons, method, kind, and of each who said it, when, and what the tables had said.

    The value of a level is the middle of its fifth of 0..1, as a person says no finer one; a face
    of which the reasons alone are corrected has none.

    Args:
        faces: the collection.
        store: of the decisions.
    """
    levels, reasons = store.current("level"), store.current("reasons")
    lines = []
    for name in faces.ids:
        level, why = levels.get(name), reasons.get(name)
        if level is None and why is None:
            continue
        row = faces.row_of[name]
        newest = max((d for d in (level, why) if d is not None), key=lambda d: d.seq)
        value = None if level is None else (LEVELS.index(level.value) + 0.5) / len(LEVELS)
        lines.append(
            {
                "id": encode_text(name),
                "identity": encode_text(str(faces.manifest.identity[row])),
                "status": "ok",
                "value": value,
                "level": None if level is None else level.value,
                "reasons": ";".join(faces.about["reasons"][row] if why is None else why.value),
                "method": "studio",
                "kind": "label",
                "annotator": newest.annotator,
                "at": newest.at,
                "decision": newest.seq,
                "level_before": faces.about["level"][row],
                "reasons_before": ";".join(faces.about["reasons"][row]),
            }
        )
    schema: dict[str, Any] = dict.fromkeys(_LABEL_COLUMNS, pl.String)
    schema |= {"value": pl.Float64, "decision": pl.Int64}
    return pl.DataFrame(lines, schema=schema)


def corrected_faces(faces: Collection, store: Store) -> Manifest:
    """Returns the manifest with people moved and tracks merged and split, without the faces of
    which a finding was accepted; moved faces say whose they were in `identity_before`.

    Findings of two people (two_names, leak_person) take away no face.

    Args:
        faces: the collection.
        store: of the decisions.
    """
    given = faces.manifest
    identity = given.identity.astype(object)
    for name, decision in store.current("identity").items():
        if name in faces.row_of:
            identity[faces.row_of[name]] = decision.value
    decided, kept = store.current("finding"), np.ones(len(faces), bool)
    for row, finding in faces.findings:
        answer = decided.get(finding_key(finding))
        whole = finding.issue in ("two_names", "leak_person")
        if row >= 0 and answer is not None and answer.value == "accepted" and not whole:
            kept[row] = False
    columns = {**given.columns, "identity_before": given.identity}
    if faces.track is not None:
        columns["track"] = tracks_now(faces, store)
    changed = Manifest(
        given.id, given.path, identity.astype(np.str_), given.split, given.status, columns,
        given.identity_from,
    )  # fmt: skip
    return changed.take(kept)


def decided_findings(faces: Collection, store: Store) -> pl.DataFrame:
    """Returns the findings with what was decided on each: the table of fiqa clean and `decision`
    ("accepted", "rejected" or ""), `annotator`, `at`.

    Args:
        faces: the collection.
        store: of the decisions.
    """
    decided, lines = store.current("finding"), []
    for _, finding in faces.findings:
        answer = decided.get(finding_key(finding))
        row = {k: encode_text(v) if isinstance(v, str) else v for k, v in finding.row().items()}
        lines.append(
            row
            | {
                "decision": "" if answer is None else answer.value,
                "annotator": "" if answer is None else answer.annotator,
                "at": "" if answer is None else answer.at,
            }
        )
    return pl.DataFrame(lines, infer_schema_length=None)


def decision_log(rows: Sequence[Decision]) -> pl.DataFrame:
    """Returns decisions as a table, the value as JSON.

    Args:
        rows: of the store.
    """
    names = ("seq", "at", "annotator", "kind", "scope", "subject", "value", "before", "undoes")
    kinds: dict[str, Any] = dict.fromkeys(("seq", "before", "undoes"), pl.Int64)
    table = [
        {
            **{name: getattr(row, name) for name in names},
            "subject": encode_text(row.subject),
            "value": json.dumps(row.value),
        }
        for row in rows
    ]
    return pl.DataFrame(table, schema={name: kinds.get(name, pl.String) for name in names})


def tracks_now(faces: Collection, store: Store) -> NDArray[np.str_]:
    """Returns the track of each face after every split and merge, (N,).

    Splits come first: at each face that a split names, a new track begins, `TRACK~2`, `TRACK~3`;
    then merges give a track the name of another.

    Args:
        faces: with tracks.
        store: of the decisions.

    Raises:
        InputError: the faces have no tracks.
    """
    if faces.track is None:
        raise InputError("The faces must have a column track, they have none.")
    splits = {name: d.value for name, d in store.current("split").items()}
    merges = {name: d.value for name, d in store.current("merge").items()}
    now = faces.track.astype(object)
    order = in_order(faces)
    for name, starts in splits.items():
        rows = order[now[order] == name]
        part, began = 1, set(starts)
        for place, row in enumerate(rows.tolist()):
            if place and faces.ids[row] in began:
                part += 1
            now[row] = name if part == 1 else f"{name}~{part}"
    return np.array([followed(str(name), merges) for name in now], dtype=np.str_)


def strangers(faces: Collection, rows: Sequence[Decision]) -> set[int]:
    """Returns the numbers of the decisions about what is not among the faces: an image, a person,
    a finding or a track that this studio was not given.

    Args:
        faces: the collection.
        rows: of the store.
    """
    tracks = set() if faces.track is None else set(faces.track.tolist()) - {""}
    known: Mapping[str, Any] = {
        **dict.fromkeys(("level", "reasons", "identity"), faces.row_of),
        "template": faces.person_of,
        "finding": {finding_key(finding) for row, finding in faces.findings if row >= 0},
    }
    return {
        row.seq
        for row in rows
        if row.subject not in known.get(row.kind, tracks)
        and not (row.kind == "merge" and origin_of(row.subject) in tracks)
    }


def origin_of(name: str) -> str:
    """Returns the track that a part of it was cut from: of TRACK~2 it is TRACK.

    Args:
        name: of a track.
    """
    before, mark, number = name.rpartition("~")
    return before if mark and number.isdecimal() else name


def in_order(faces: Collection) -> NDArray[np.int64]:
    """Returns the rows in the order of their frames; in their own where they have none.

    Args:
        faces: the collection.
    """
    frame = faces.manifest.columns.get("frame")
    if frame is None:
        return np.arange(len(faces))
    number = pl.Series(frame.tolist(), strict=False).cast(pl.Float64, strict=False)
    return np.argsort(number.fill_null(np.inf).to_numpy(), kind="stable")


def followed(name: str, merges: Mapping[str, str]) -> str:
    """Returns the track that a track is part of by now.

    Args:
        name: of the track.
        merges: track -> the one that it was merged into.
    """
    seen = {name}
    while name in merges and merges[name] not in seen:
        name = merges[name]
        seen.add(name)
    return name
