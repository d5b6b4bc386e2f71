"""`label` of methods that look at the faces: DmsFIQA with its templates, CLIB-FIQA's inputs, scores
as labels, and faces that fail."""

from __future__ import annotations

import cv2
import numpy as np
import polars as pl
import pytest

from fiqa.data.tables import read_table
from fiqa.errors import InputError, UnknownNameError
from fiqa.faces.degrade import degrade
from fiqa.faces.factors import measure
from fiqa.faces.points import pointed
from fiqa.labeling.run import label_rows
from fiqa.methods import load
from fiqa.methods.clib_fiqa import GRID, quality_anchors
from fiqa.methods.dmsfiqa import INTERVALS, coarse_levels, fine_labels, fuse, level_thresholds
from fiqa.methods.dmsfiqa.config import DEFAULT
from fiqa.types import Faces
from fiqa.verbs.label import label
from fiqa.vocabulary import FACTORS, LEVELS

pytestmark = pytest.mark.numeric

PEOPLE, EACH = 4, 9


def _given(folder, vectors, **more):
    return {"faces": folder / "faces.parquet", "embeddings": vectors, "workers": 1, **more}


def test_dmsfiqa_is_judges_levels_templates_and_fine_labels(folder, vectors):
    found = label_rows("dmsfiqa", out=folder / "l.parquet", **_given(folder, vectors))
    table = read_table(folder / "l.parquet")
    assert table["status"].to_list() == ["ok"] * 36
    factors = np.stack(
        [table["factors"].struct.field(name).cast(pl.Float64).to_numpy() for name in FACTORS],
        axis=1,
    )
    points = np.stack(
        [
            np.full(10, np.nan) if p is None else p
            for p in read_table(folder / "faces.parquet")["landmarks"].to_list()
        ]
    )
    stored = np.stack(
        [cv2.imread(p)[:, :, ::-1] for p in read_table(folder / "faces.parquet")["path"]]
    )
    expected = measure(
        pointed(Faces(stored, landmarks=points.reshape(-1, 5, 2), grey=np.zeros(36, bool)))
    ).matrix
    np.testing.assert_allclose(factors, expected, atol=1e-6)
    assert np.isfinite(factors[:, FACTORS.index("pose")]).all(), "no landmarks, the network's"
    coarse = fuse(expected)
    np.testing.assert_allclose(table["coarse"], coarse, atol=1e-6)
    cuts = level_thresholds(coarse)
    assert found.about["thresholds"] == pytest.approx(cuts.tolist())
    levels = coarse_levels(coarse, cuts)
    assert table["level"].to_list() == [LEVELS[k] for k in levels]
    assert found.about["levels"] == {
        name: int(np.sum(levels == k)) for k, name in enumerate(LEVELS)
    }
    row = {name: i for i, name in enumerate(vectors.id)}
    template = np.array([row[name] for name in table["template"]])
    similarity = np.einsum("nd,nd->n", vectors.vector, vectors.vector[template])
    np.testing.assert_allclose(table["similarity"], similarity, atol=1e-6)
    who = np.arange(36) // EACH
    np.testing.assert_allclose(table["value"], fine_labels(levels, similarity, who), atol=1e-6)
    inside = list(zip(table["low"].round(6), table["high"].round(6), strict=True))
    assert set(inside) <= {
        (round(a, 6), round(b, 6)) for a, b in np.float32(INTERVALS).tolist()
    } | {(np.float32(a).round(6), np.float32(b).round(6)) for a, b in INTERVALS}
    assert all(
        low <= value <= high
        for value, (low, high) in zip(table["value"].round(6), inside, strict=True)
    )


def test_dmsfiqa_proposes_templates_and_takes_the_ones_a_person_chose(folder, vectors):
    given = _given(folder, vectors)
    auto = label_rows("dmsfiqa", out=folder / "l.csv", **given)
    proposed = read_table(folder / "l.csv.templates.csv")
    assert proposed.columns == [
        "identity", "rank", "id", "judge", "centrality", "fails", "unknown", "chosen"
    ]  # fmt: skip
    assert proposed.group_by("identity").len()["len"].to_list() == [5] * PEOPLE
    assert proposed.filter(pl.col("chosen") == 1)["rank"].to_list() == [1] * PEOPLE
    chosen = dict(proposed.filter(pl.col("chosen") == 1).select("identity", "id").iter_rows())
    assert dict(zip(auto.table["identity"], auto.table["template"], strict=True)) == chosen
    mine = proposed.with_columns(chosen=(pl.col("rank") == 3).cast(int))
    mine.write_csv(folder / "mine.csv")
    edited = label_rows("dmsfiqa", templates=folder / "mine.csv", out=folder / "m.csv", **given)
    third = dict(mine.filter(pl.col("chosen") == 1).select("identity", "id").iter_rows())
    assert dict(zip(edited.table["identity"], edited.table["template"], strict=True)) == third
    assert not np.array_equal(edited.quality.value, auto.quality.value)
    mine.filter(pl.col("identity") != "p2").write_csv(folder / "mine.csv")
    found = label_rows("dmsfiqa", templates=folder / "mine.csv", out=folder / "m.csv", **given)
    assert not found.current, "the edited table is an input"
    assert (
        found.table.filter(pl.col("identity") == "p2")["status"].to_list() == ["no_template"] * EACH
    )
    assert found.failed == EACH
    assert not (folder / "m.csv.templates.csv").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (pl.col("chosen") + 1, InputError, r"chosen in .*mine\.csv must be 1 or 0, got '2'"),
        (pl.lit(1).alias("chosen"), InputError, r"mine\.csv must choose one image per identity"),
        (pl.col("id").alias("image"), UnknownNameError, r"column in .*mine\.csv"),
    ],
)
def test_a_table_of_templates_that_is_wrong_says_where(folder, vectors, change, error, message):
    given = _given(folder, vectors)
    label("dmsfiqa", out=folder / "l.csv", **given)
    mine = read_table(folder / "l.csv.templates.csv").with_columns(change)
    (mine.drop("id") if "image" in mine.columns else mine).write_csv(folder / "mine.csv")
    with pytest.raises(error, match=message):
        label("dmsfiqa", templates=folder / "mine.csv", **given)


@pytest.mark.slow
def test_dmsfiqa_settings_change_the_labels(folder, vectors):
    given = _given(folder, vectors)
    plain = label("dmsfiqa", **given).value
    mine = folder / "mine.toml"
    mine.write_text(
        DEFAULT.read_text().replace(
            "percentiles = [10, 35, 65, 90]", "percentiles = [5, 30, 60, 95]"
        )
    )
    for change in (
        {"config": str(mine)},
        {"thresholds": [0.2, 0.4, 0.6, 0.7]},
        {"within": "uniform"},
        {"epsilon": 0.3},
        {"percentiles": [1, 2, 3, 4]},
    ):
        assert not np.array_equal(label("dmsfiqa", **given, **change).value, plain), change
    assert not np.array_equal(
        label("dmsfiqa", **given, epsilon=0.3).value,
        label("dmsfiqa", **given, epsilon=0.3, seed=1).value,
    )
    with pytest.raises(UnknownNameError, match=r"setting of dmsfiqa 'percentile'"):
        label("dmsfiqa", **given, percentile=3)


def test_clib_fiqa_gives_anchors_and_factor_words(folder, vectors):
    found = label_rows("clib_fiqa", out=folder / "l.csv", **_given(folder, vectors))
    table = read_table(folder / "l.csv")
    anchors = quality_anchors(vectors.vector, np.arange(36) // EACH, leave_out=True)
    np.testing.assert_allclose(table["value"], anchors, atol=1e-6)
    # Training makes the soft labels, with its own beta and distance: they are no option here.
    with pytest.raises(UnknownNameError, match="setting of clib_fiqa 'beta'"):
        label("clib_fiqa", **_given(folder, vectors), beta=4.0)
    blur = 0.01 * table["measures"].struct.field("sobel").to_numpy()
    words = np.array(GRID["blur"])[np.searchsorted([0.35, 0.7], blur, side="right")]
    assert table["blur"].to_list() == words.tolist()
    for factor in ("pose", "expression"):
        assert found.about["factors"][factor]["missing"] == 0, "no landmarks, the network's"
    assert set(table["pose"].drop_nulls()) == {"frontal"}
    assert sum(found.about["factors"]["blur"].values()) == 36
    for change in ({"form": "paper"}, {"percentiles": "0,100"}):
        assert not np.array_equal(
            label("clib_fiqa", **_given(folder, vectors), **change).value, found.quality.value
        )
    for name, (value, column) in {
        "blur_measure": ("cpbd", "blur"),
        "blur_cuts": ("0.1,0.95", "blur"),
        "blur_cut_by": ("percentile", "blur"),
        "cut": (0.99, "occlusion"),
    }.items():
        change = {name: value}
        other = label_rows("clib_fiqa", **_given(folder, vectors), options=change).table
        assert other[column].to_list() != found.table[column].to_list(), change


def test_the_scores_of_a_method_are_labels_too(folder, vectors):
    found = label_rows("analytic", faces=folder / "faces.parquet", workers=1)
    assert found.quality.kind == "label"
    paths, points = (
        read_table(folder / "faces.parquet")[name].to_list() for name in ("path", "landmarks")
    )
    crops = np.stack([cv2.imread(path)[:, :, ::-1] for path in paths])
    known = np.array([[np.nan] * 10 if p is None else p for p in points], np.float32).reshape(
        -1, 5, 2
    )
    np.testing.assert_allclose(
        found.quality.value,
        load("analytic").score(Faces(crops, landmarks=known, grey=np.zeros(36, bool))),
        atol=1e-6,
    )


def test_faces_that_cannot_be_read_keep_their_row(folder, vectors):
    files = read_table(folder / "faces.parquet")["path"].to_list()
    for number, content in ((2, b""), (3, b"no image"), (4, None)):
        path = folder / files[number]
        path.unlink() if content is None else path.write_bytes(content)
    for method in ("dmsfiqa", "clib_fiqa"):
        found = label_rows(method, **_given(folder, vectors))
        assert found.table["status"].to_list()[2:6] == [
            "empty_file",
            "unsupported_format",
            "not_found",
            "ok",
        ]
        assert found.table["value"].is_null().to_list()[:6] == [
            False,
            False,
            True,
            True,
            True,
            False,
        ]
        assert found.failed == 3


@pytest.mark.slow
def test_processes_do_not_change_the_labels_and_parts_are_found_again(folder, vectors, monkeypatch):
    from fiqa.labeling import work as label_work

    monkeypatch.setattr(label_work, "_PART", 10)
    label("clib_fiqa", out=folder / "one.parquet", **_given(folder, vectors))
    label("clib_fiqa", out=folder / "two.parquet", **{**_given(folder, vectors), "workers": 2})
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()
    read, seen = label_work._read, []

    def counted(source, points):
        if len(seen) == 25:
            raise KeyboardInterrupt
        seen.append(source.id)
        return read(source, points)

    monkeypatch.setattr(label_work, "_read", counted)
    with pytest.raises(KeyboardInterrupt):
        label("clib_fiqa", out=folder / "cut.parquet", **_given(folder, vectors))
    monkeypatch.setattr(label_work, "_read", read)
    label("clib_fiqa", out=folder / "cut.parquet", **_given(folder, vectors))
    assert (folder / "cut.parquet").read_bytes() == (folder / "one.parquet").read_bytes()
    assert not list(folder.glob("*.parts"))


def test_an_exaggerated_expression_and_a_turned_head_are_named(folder, vectors):
    table = read_table(folder / "faces.parquet")
    points = [None if p is None else np.reshape(p, (5, 2)) for p in table["landmarks"].to_list()]
    points[0][3:, 0] += [-12, 12]  # a mouth drawn wide
    points[1][2, 0] += 14  # the nose far to one side
    frame = table.with_columns(
        pl.Series("landmarks", [None if p is None else p.ravel().tolist() for p in points])
    )
    frame.write_parquet(folder / "faces.parquet")
    found = label_rows("clib_fiqa", **_given(folder, vectors)).table
    quality = found["measures"].struct.field("expression")
    assert quality[0] < 1e-6 < quality[1:EACH].max(), "the drawn mouth is dark, but not wide"
    words = [GRID["expression"][int(one >= 0.5)] for one in quality.drop_nulls()]
    assert found["expression"].drop_nulls().to_list() == words
    assert found["pose"].to_list()[:3] == ["frontal", "profile", "frontal"]


def test_a_degraded_face_has_a_lower_coarse_quality(folder, vectors):
    files = read_table(folder / "faces.parquet")["path"].to_list()
    before = label_rows("dmsfiqa", **_given(folder, vectors)).table["coarse"]
    crop = cv2.imread(files[0])[:, :, ::-1]
    cv2.imwrite(files[0], degrade(Faces(crop[None]), "low_light", 1.0).crops[0][:, :, ::-1])
    after = label_rows("dmsfiqa", **_given(folder, vectors)).table["coarse"]
    assert after[0] < before[0] - 0.05
    assert after[1:].to_list() == before[1:].to_list()
