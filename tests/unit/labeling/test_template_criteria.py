"""The five criteria of template candidates: in the table, in what a run found, on the sheet."""

from __future__ import annotations

import re

import cv2
import numpy as np
import polars as pl
import pytest

from fiqa.data.tables import read_table
from fiqa.errors import InputError
from fiqa.faces.crops import aligned_face, read_source, sources
from fiqa.faces.factors import measure
from fiqa.labeling.inputs import load_inputs
from fiqa.labeling.run import label_rows
from fiqa.methods.dmsfiqa.checked import Checked, told_of
from fiqa.methods.dmsfiqa.criteria import CRITERIA, Criterion, criteria

pytestmark = pytest.mark.numeric


def one_by_one(given) -> dict[str, list[Criterion]]:
    """The slow way: each face read and measured alone."""
    faces = load_inputs(given["faces"], given["embeddings"], [], crops=True).faces
    found = {}
    for source in sources(faces):
        measured = measure(aligned_face(source, read_source(source)))
        found[source.id] = criteria(
            {name: float(values[0]) for name, values in measured.quality.items()},
            {name: float(values[0]) for name, values in measured.measures.items()},
        )
    return found


def test_the_table_names_what_each_candidate_fails(folder, vectors):
    given = {"faces": folder / "faces.parquet", "embeddings": vectors}
    path = folder / read_table(folder / "faces.parquet")["path"][0]
    cv2.imwrite(str(path), np.clip(cv2.imread(str(path)).astype(int) // 12, 0, 255))
    found = label_rows("dmsfiqa", out=folder / "l.csv", workers=1, **given)
    table = read_table(folder / "l.csv.templates.csv")
    slow = one_by_one(given)
    for name, fails, unknown in table.select("id", "fails", "unknown").iter_rows():
        own = slow[name]
        assert (fails or "") == ", ".join(c.name for c in own if c.met is False)
        assert (unknown or "") == ", ".join(c.name for c in own if c.met is None)
    chosen = table.filter(pl.col("chosen") == 1)
    counts = {
        name: sum(c.met is False for one in chosen["id"] for c in slow[one] if c.name == name)
        for name in CRITERIA
    }
    assert found.about["failing"] == counts
    failing = [one for one in chosen["id"] if any(c.met is False for c in slow[one])]
    assert found.about["templates_failing"].startswith(f"{len(failing)} of {len(chosen)}")
    assert all(name in found.about["templates_failing"] for name in failing[:10])
    mine = table.with_columns(chosen=(pl.col("rank") == 2).cast(int))
    mine.write_csv(folder / "mine.csv")
    edited = label_rows("dmsfiqa", templates=folder / "mine.csv", workers=1, **given)
    second = mine.filter(pl.col("chosen") == 1)["id"].to_list()
    dark = sum(any(c.met is False for c in slow[one]) for one in second)
    assert edited.about["templates_failing"].startswith(f"{dark} of {len(second)}")


def test_the_sheet_shows_every_candidate_and_failing_people_first(folder, vectors):
    given = {"faces": folder / "faces.parquet", "embeddings": vectors, "workers": 1}
    page = folder / "sheet.html"
    label_rows("dmsfiqa", out=folder / "l.csv", html=page, **given)
    text = page.read_text()
    table = read_table(folder / "l.csv.templates.csv")
    assert text.count('<article class="card') == len(table)
    assert text.count('<article class="card chosen') == int(table["chosen"].sum())
    assert text.count("data:image/jpeg") == len(table)
    slow = one_by_one(given)
    for met, word in ((True, "met"), (False, "fails"), (None, "unknown")):
        wanted = sum(c.met is met for name in table["id"] for c in slow[name])
        assert text.count(f'<li class="{word}"') == wanted
    bad = set(table.filter((pl.col("chosen") == 1) & (pl.col("fails") != ""))["identity"])
    order = re.findall(r"<h2>([^< ]+)", text)
    assert order == sorted(order, key=lambda name: (name not in bad, name))
    page.unlink()
    again = label_rows("dmsfiqa", out=folder / "l.csv", html=page, **given)
    assert again.current
    assert page.read_text() == text


def test_a_sheet_without_proposals_is_refused(folder, vectors):
    given = {"faces": folder / "faces.parquet", "embeddings": vectors, "html": folder / "s.html"}
    with pytest.raises(InputError, match="templates that dmsfiqa proposes; it needs out"):
        label_rows("dmsfiqa", **given)
    with pytest.raises(InputError, match="got it for cr_fiqa"):
        label_rows("cr_fiqa", out=folder / "l.csv", **given)
    with pytest.raises(InputError, match=r"html must be a file that ends in \.html"):
        label_rows("dmsfiqa", out=folder / "l.csv", **{**given, "html": folder / "s.txt"})


def test_what_fails_is_told_by_name_and_counted():
    bad = Checked(
        (Criterion("lit", met=False, measure=""), Criterion("sharp", met=True, measure=""))
    )
    good = Checked((Criterion("sharp", met=True, measure=""),))
    told = told_of([f"p/{k}" for k in range(14)], [bad] * 12 + [good, Checked(())])
    assert told["failing"] == dict.fromkeys(CRITERIA, 0) | {"lit": 12}
    assert told["templates_failing"].startswith("12 of 14: p/0 (lit); p/1 (lit)")
    assert told["templates_failing"].endswith("p/9 (lit); and 2 more")
    assert told_of(["a"], [good])["templates_failing"] == "0 of 1"
    assert bad.unknown == "unoccluded, near frontal, whole"
