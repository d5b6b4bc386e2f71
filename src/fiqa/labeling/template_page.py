"""Writing the contact sheet of template candidates from the table that a run proposed."""

from __future__ import annotations

import os

import numpy as np

from fiqa.data.tables import decode_text, read_table
from fiqa.data.texts import write_text
from fiqa.errors import InputError, ReadError
from fiqa.faces.crops import aligned_face, read_source, sources
from fiqa.faces.factors import measure
from fiqa.methods.dmsfiqa.criteria import criteria
from fiqa.report.template_sheet import TemplateCard, template_sheet
from fiqa.types import Manifest, PathLike

__all__ = ["PEOPLE", "write_template_page"]

PEOPLE = 300
"""People that the page shows: first those whose template fails a criterion."""


def write_template_page(
    table: PathLike, faces: Manifest, page: PathLike, *, command: str = ""
) -> None:
    """Writes the page.

    Args:
        table: the proposed candidates.
        faces: the manifest of the crops.
        page: the file.
        command: that made it.

    Raises:
        ReadError: the table cannot be read.
        InputError: it has another form.
        WriteError: the disk refused.
    """
    frame = read_table(table)
    wanted = {"identity", "id", "judge", "centrality", "fails", "chosen"}
    if not wanted <= set(frame.columns):
        raise InputError(
            f"{os.fspath(table)} must have the columns {', '.join(sorted(wanted))}, got"
            f" {', '.join(frame.columns)}."
        )
    rows = list(frame.iter_rows(named=True))
    bad = {row["identity"] for row in rows if row["chosen"] == 1 and row["fails"]}
    everyone = dict.fromkeys(row["identity"] for row in rows)
    shown = set(sorted(everyone, key=lambda name: (name not in bad, name))[:PEOPLE])
    place = {str(name): k for k, name in enumerate(faces.id.tolist())}
    rows = [row for row in rows if row["identity"] in shown]
    at = np.array([place[decode_text(row["id"])] for row in rows], np.int64)
    cards = []
    for row, source in zip(rows, sources(faces.take(at)), strict=True):
        try:
            face = aligned_face(source, read_source(source))
        except ReadError:
            face = None
        found = None if face is None else measure(face)
        cards.append(
            TemplateCard(
                name=decode_text(row["id"]),
                identity=decode_text(row["identity"]),
                chosen=row["chosen"] == 1,
                judge=float(row["judge"]),
                centrality=float(row["centrality"]),
                criteria=[]
                if found is None
                else criteria(
                    {name: float(values[0]) for name, values in found.quality.items()},
                    {name: float(values[0]) for name, values in found.measures.items()},
                ),
                crop=None if face is None else np.asarray(face.crops[0], np.uint8),
            )
        )
    content = template_sheet(cards, left_out=len(everyone) - len(shown), command=command)
    write_text(page, content)
