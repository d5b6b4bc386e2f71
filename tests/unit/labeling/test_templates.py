"""`label dmsfiqa` in video, and with a table of templates that a person edited."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from fiqa.data.tables import read_table
from fiqa.errors import InputError, UnknownNameError
from fiqa.labeling.run import label_rows
from fiqa.verbs.label import label

pytestmark = pytest.mark.numeric

EACH = 9


def _given(folder, vectors, **more):
    return {"faces": folder / "faces.parquet", "embeddings": vectors, "workers": 1, **more}


def _clips(folder, of_number):
    """The faces with a column `track`: the clip of each number of a person's faces."""
    table = read_table(folder / "faces.parquet")
    numbers = [int(name.rsplit("/", 1)[1]) for name in table["id"].to_list()]
    people = table["identity"].to_list()
    names = [of_number(person, k) for person, k in zip(people, numbers, strict=True)]
    return table.with_columns(pl.Series("track", names, dtype=pl.String))


def test_in_video_no_segment_judges_its_own_frames(folder, vectors):
    """Three clips of three frames; p2 is in one clip alone, and p3's last frame in none known."""

    def clip(person, k):
        return None if (person, k) == ("p3", 8) else f"{person}-{0 if person == 'p2' else k // 3}"

    faces = _clips(folder, clip).with_columns(regime=pl.lit("rgb"))
    given = {**_given(folder, vectors), "faces": faces}
    found = label_rows("dmsfiqa", out=folder / "l.csv", **given, options={"group_column": "track"})
    table, number = found.table, np.arange(36) % EACH
    one_clip = (table["identity"] == "p2").to_numpy()
    unknown = (table["identity"] == "p3").to_numpy() & (number == 8)
    expected = np.where(one_clip, "one_segment", np.where(unknown, "no_segment", "ok"))
    assert table["status"].to_list() == expected.tolist()
    assert table["value"].is_null().to_list() == (expected != "ok").tolist()
    proposed = read_table(folder / "l.csv.templates.csv")
    assert proposed.columns[-2:] == ["segment", "modality"]
    assert proposed["chosen"].to_list() == [1] * 10, "three clips of three people, one of p2"
    assert not proposed.select("identity", "segment").is_duplicated().any()
    assert set(proposed["modality"]) == {"rgb"}
    assert (found.about["segments"], found.about["templates"]) == (10, 10)
    row = {name: i for i, name in enumerate(table["id"])}
    cosine = vectors.vector @ vectors.vector.T
    track = table["track"].to_list()
    rows = [row[name] for name in proposed["id"]]
    for i in np.flatnonzero(expected == "ok"):
        judges = [t for t in rows if t // EACH == i // EACH and track[t] != track[i]]
        assert table["similarity"][int(i)] == pytest.approx(np.mean(cosine[i, judges]), abs=1e-6)
        best = table["template"][int(i)]
        assert best == table["id"][max(judges, key=lambda t: cosine[i, t])]
    one = label_rows("dmsfiqa", **given, options={"group_column": "track", "best_templates": 1})
    i = int(np.flatnonzero(expected == "ok")[0])
    best = max(cosine[i, t] for t in rows if t // EACH == 0 and track[t] != track[i])
    assert one.table["similarity"][i] == pytest.approx(best, abs=1e-6)
    plain = label_rows("dmsfiqa", **given)
    assert plain.failed == 0, "without the column the rule is the paper's"
    again = label_rows(
        "dmsfiqa",
        templates=folder / "l.csv.templates.csv",
        **given,
        options={"group_column": "track"},
    )
    assert again.table.equals(found.table)


def test_a_column_of_segments_that_cannot_be(folder, vectors):
    given = {**_given(folder, vectors), "faces": _clips(folder, lambda person, k: "one")}
    with pytest.raises(UnknownNameError, match="'trakc'"):
        label("dmsfiqa", **given, group_column="trakc")
    with pytest.raises(InputError, match="best_templates needs group_column"):
        label("dmsfiqa", **given, best_templates=2)
    with pytest.raises(InputError, match="candidates must be at least 2"):
        label("dmsfiqa", **given, group_column="track", candidates=1)


def test_a_typo_in_a_table_of_templates_is_no_lost_person(folder, vectors):
    given = _given(folder, vectors)
    label("dmsfiqa", out=folder / "l.csv", **given)
    lines = (folder / "l.csv.templates.csv").read_text().splitlines()
    at = next(k for k, line in enumerate(lines) if '"p1"' in line and line.endswith("1"))
    name = re.search(r"p1/\d", lines[at]).group()
    for wrong, closest in ((f"{name}_", name), (name.replace("p1", "p0"), "p1/")):
        text = "\n".join([*lines[:at], lines[at].replace(name, wrong), *lines[at + 1 :]])
        (folder / "mine.csv").write_text(text)
        with pytest.raises(InputError) as caught:
            label("dmsfiqa", templates=folder / "mine.csv", **given)
        assert f"mine.csv, line {at + 1}: " in caught.value.message
        assert f"of 'p1', got '{wrong}'" in caught.value.message
        assert caught.value.hint.startswith(f"did you mean '{closest}")


def test_each_regime_has_thresholds_of_its_own(folder, vectors):
    """Whatever lies between the regimes, each has the same share of every level."""
    table = read_table(folder / "faces.parquet")
    regime = ["nir" if k % 2 else "rgb" for k in range(len(table))]
    given = {**_given(folder, vectors), "faces": table.with_columns(regime=pl.Series(regime))}
    found = label_rows("dmsfiqa", **given, options={"thresholds_by": "regime"})
    coarse, level = found.table["coarse"].to_numpy(), np.array(found.table["level"].to_list())
    for name in ("rgb", "nir"):
        own = np.array(regime) == name
        cuts = np.percentile(coarse[own], [10, 35, 65, 90])
        assert found.about["thresholds"][name] == pytest.approx(cuts.tolist(), abs=1e-6)
        words = np.array(["unusable", "low", "medium", "good", "perfect"])
        expected = words[np.searchsorted(cuts, coarse[own].astype(np.float64), side="right")]
        assert level[own].tolist() == expected.tolist()
    plain = label_rows("dmsfiqa", **given)
    assert plain.about["thresholds"] == pytest.approx(
        np.percentile(coarse, [10, 35, 65, 90]).tolist(), abs=1e-6
    )
    with pytest.raises(UnknownNameError, match="'regim'"):
        label("dmsfiqa", **given, thresholds_by="regim")
    with pytest.raises(InputError, match="thresholds must be empty"):
        label("dmsfiqa", **given, thresholds_by="regime", thresholds=[0.1, 0.2, 0.3, 0.4])
