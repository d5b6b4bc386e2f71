"""`label`: every method through one door; ids join, statuses say what is missing, reruns do
nothing, kills cost little."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.images import write_image
from fiqa.data.quality import read_quality
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.errors import InputError, ShapeError, UnknownNameError
from fiqa.labeling.run import label_rows
from fiqa.methods.cr_fiqa import relative_classifiability
from fiqa.methods.faceqnet import similarity_to_best
from fiqa.methods.label_optimization import optimize_labels
from fiqa.methods.sdd_fiqa import similarity_distribution_distance
from fiqa.types import Embeddings, Manifest, Quality
from fiqa.verbs.label import label

pytestmark = pytest.mark.numeric


@pytest.fixture
def vectors(clustered, rng) -> Embeddings:
    """Sixty vectors of six people with norms, ids "person/number"."""
    unit, who = clustered
    ids = np.array([f"{name}/{k:02d}" for k, name in enumerate(who)])
    return Embeddings(ids, unit, rng.uniform(5, 30, 60).astype(np.float32), "r")


@pytest.fixture
def prior(vectors, rng) -> Quality:
    return Quality(vectors.id, rng.normal(size=60), "prior")


def _who(vectors: Embeddings) -> np.ndarray:
    return np.array([name.split("/")[0] for name in vectors.id])


def test_the_public_name():
    assert fiqa.label is label


def test_each_method_is_its_pure_function(vectors, prior):
    who = _who(vectors)
    expected = {
        "cr_fiqa": relative_classifiability(vectors.vector, who, leave_out=True),
        "sdd_fiqa": similarity_distribution_distance(vectors.vector, who, seed=3),
        "faceqnet": similarity_to_best(vectors.vector, who, prior=prior.value),
        "label_optimization": optimize_labels(prior.value, vectors.vector, who, seed=3),
        "norm": vectors.norm,
    }
    for method, value in expected.items():
        given = {"prior": prior} if method in ("faceqnet", "label_optimization") else {}
        found = label(method, embeddings=vectors, seed=3, **given)
        np.testing.assert_array_equal(found.id, vectors.id)
        np.testing.assert_array_equal(found.value, value, err_msg=method)
        assert (found.method, found.kind) == (method, "label")
        assert found.provenance["seed"] == 3
        assert found.provenance["arguments"]["recognizer"] == "r"


def test_options_and_seed_change_the_labels(vectors, prior):
    plain = label("label_optimization", embeddings=vectors, prior=prior, theta=0.5).value
    for change in (
        {"clusters": 3},
        {"theta": 0.05},
        {"repeats": 1, "clusters": 3},
        {"rank_scale": "unit"},
    ):
        other = label(
            "label_optimization", embeddings=vectors, prior=prior, **{"theta": 0.5, **change}
        ).value
        assert not np.array_equal(plain, other), change
    few = {"embeddings": vectors, "prior": prior, "clusters": 3, "theta": 0.5, "repeats": 1}
    assert not np.array_equal(
        label("label_optimization", **few).value, label("label_optimization", seed=1, **few).value
    )
    assert not np.array_equal(
        label("cr_fiqa", embeddings=vectors).value,
        label("cr_fiqa", embeddings=vectors, form="paper").value,
    )
    assert not np.array_equal(
        label("sdd_fiqa", embeddings=vectors, samples=4).value,
        label("sdd_fiqa", embeddings=vectors, samples=4, rounds=3).value,
    )


def test_rows_are_joined_by_id_whatever_their_order(vectors, prior, rng):
    shuffled, again = rng.permutation(60), rng.permutation(60)
    found = label(
        "label_optimization",
        embeddings=vectors.take(shuffled),
        prior=Quality(prior.id[again], prior.value[again], "p"),
        theta=0.3,
    )
    expected = label("label_optimization", embeddings=vectors, prior=prior, theta=0.3)
    assert np.corrcoef(found.at(vectors.id), expected.value)[0, 1] > 0.99, (
        "clusters start at other rows; the labels agree"
    )
    found = label("cr_fiqa", embeddings=vectors.take(shuffled))
    np.testing.assert_allclose(
        found.at(vectors.id), label("cr_fiqa", embeddings=vectors).value, atol=1e-6
    )


def test_what_a_face_lacks_is_its_status(vectors, prior, tmp_path):
    """One face of each kind; every row stays, in the manifest's order."""
    ids = ["p0/00", "x/1", "p1/10", "p1/11", "lone/1", "p2/20", "p2/21", "bad/1"]
    who = ["p0", "x", "p1", "p1", "lone", "", "p2", "bad"]
    status = ["ok"] * 7 + ["truncated"]
    faces = Manifest(np.array(ids), np.array(ids), np.array(who), status=np.array(status))
    extra = Embeddings(np.array(["lone/1"]), vectors.vector[:1])
    known = Embeddings(np.r_[vectors.id, extra.id], np.r_[vectors.vector, extra.vector])
    less = Quality(
        np.array(["p0/00", "p1/10", "lone/1", "p2/20", "p2/21"]), [1.0, 2, 3, 4, 5], "prior"
    )
    found = label_rows(
        "faceqnet", faces=faces, embeddings=known, prior=less, out=tmp_path / "l.csv"
    )
    table = read_table(tmp_path / "l.csv")
    assert table["id"].to_list() == ids
    assert table["status"].to_list() == [
        "ok",
        "no_embedding",
        "ok",
        "no_prior",
        "ok",
        "no_identity",
        "ok",
        "truncated",
    ]
    assert table["value"].is_null().to_list() == [
        False,
        True,
        False,
        True,
        False,
        True,
        False,
        True,
    ]
    assert found.failed == 4
    assert len(found.quality) == 4
    again = read_quality(tmp_path / "l.csv")
    np.testing.assert_array_equal(again.id, found.quality.id)
    np.testing.assert_array_equal(again.value, found.quality.value)
    assert (again.kind, again.method, again.range) == ("label", "faceqnet", (0.0, 1.0))
    table = label_rows("sdd_fiqa", faces=faces, embeddings=known).table
    assert table["status"].to_list()[:5] == ["no_mate", "no_embedding", "ok", "ok", "no_mate"]


def test_vectors_that_cannot_be_used_are_rows(tmp_path, vectors):
    raw = vectors.vector.astype(np.float16)
    raw[3], raw[5, 0] = 0, np.nan
    np.save(tmp_path / "e.npy", raw)
    (tmp_path / "e.ids.txt").write_text("".join(f"{name}\n" for name in vectors.id))
    found = label_rows("cr_fiqa", embeddings=tmp_path / "e.npy")
    assert found.table["status"].to_list() == [
        "invalid_embedding" if k in (3, 5) else "ok" for k in range(60)
    ]


def test_vectors_of_any_length_are_normalized(tmp_path, vectors, rng):
    scale = rng.uniform(1, 9, (60, 1)).astype(np.float32)
    np.save(tmp_path / "e.npy", vectors.vector * scale)
    (tmp_path / "e.ids.txt").write_text("".join(f"{name}\n" for name in vectors.id))
    np.testing.assert_allclose(
        label("cr_fiqa", embeddings=tmp_path / "e.npy").value,
        label("cr_fiqa", embeddings=vectors).value,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        label("norm", embeddings=tmp_path / "e.npy").value, scale.ravel(), rtol=1e-5
    )


def test_mapped_float16_gives_the_labels_of_float32(tmp_path, vectors, prior):
    write_embeddings(vectors, tmp_path / "e.npy", half=True)
    found = label("label_optimization", embeddings=tmp_path / "e.npy", prior=prior, theta=0.5)
    expected = label("label_optimization", embeddings=vectors, prior=prior, theta=0.5)
    assert np.mean(found.value == expected.value) > 0.9, "a few ranks differ by rounding"


def test_a_rerun_does_nothing_and_another_setting_does_it_again(tmp_path, vectors, prior):
    write_embeddings(vectors, tmp_path / "e.npz")
    given = {"embeddings": tmp_path / "e.npz", "prior": prior, "out": tmp_path / "l.parquet"}
    first = label_rows("label_optimization", **given)
    bytes_, stamp = (
        (tmp_path / "l.parquet").read_bytes(),
        (tmp_path / "l.parquet").stat().st_mtime_ns,
    )
    again = label_rows("label_optimization", **given)
    assert (first.current, again.current) == (False, True)
    assert (tmp_path / "l.parquet").stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(again.quality.value, first.quality.value)
    assert again.about == pytest.approx(first.about)
    assert not label_rows("label_optimization", options={"theta": 0.2}, **given).current
    assert not label_rows("label_optimization", seed=1, **given).current
    other = Quality(prior.id, prior.value[::-1].copy(), "prior")
    assert not label_rows("label_optimization", **{**given, "prior": other}).current
    label_rows("label_optimization", **given)
    assert (tmp_path / "l.parquet").read_bytes() == bytes_
    assert label_rows("label_optimization", **given, force=True).current is False


def test_the_sidecar_says_what_made_it(tmp_path, vectors, prior):
    label(
        "label_optimization", embeddings=vectors, prior=prior, out=tmp_path / "l.parquet", theta=0.3
    )
    side = read_sidecar(tmp_path / "l.parquet")
    assert side["arguments"] == {
        "method": "label_optimization",
        "recognizer": "r",
        "options": {"clusters": 20, "theta": 0.3, "repeats": 10, "rank_scale": "pairs"},
    }
    assert set(side["inputs"]) == {"embeddings", "prior"}
    assert all(len(sha) == 64 for sha in side["inputs"].values())
    assert (side["verb"], side["seed"], "numpy" in side["versions"]) == ("label", 0, True)
    found = side["found"]
    assert found["images"] == 60
    assert found["mated_agreement_after"] > found["mated_agreement_before"], (
        "the labels come closer to the recognizer"
    )
    assert 0 < found["mean_absolute_move"] <= found["largest_move"] <= 1
    table = read_table(tmp_path / "l.parquet")
    np.testing.assert_allclose(table["prior"], prior.value)
    assert table["moved"].abs().mean() == pytest.approx(found["mean_absolute_move"], rel=1e-5)
    assert sorted(table["value"]) == sorted(table["prior"])
    assert json.dumps(side, allow_nan=False)


def test_what_is_asked_wrong_is_said(vectors, prior, tmp_path):
    with pytest.raises(UnknownNameError, match="Unknown method 'cr_fiqqa'") as caught:
        label("cr_fiqqa", embeddings=vectors)
    assert caught.value.closest == "cr_fiqa"
    with pytest.raises(
        InputError, match=r"method must be one that gives labels: .*norm.*; laplacian gives score"
    ):
        label("laplacian", embeddings=vectors)
    with pytest.raises(UnknownNameError, match="Unknown setting of cr_fiqa 'fomr'") as caught:
        label("cr_fiqa", embeddings=vectors, fomr="paper")
    assert caught.value.closest == "form"
    with pytest.raises(
        InputError, match=r"theta of label_optimization must be a number, got 'much'\."
    ):
        label_rows("label_optimization", embeddings=vectors, prior=prior, options={"theta": "much"})
    with pytest.raises(
        InputError, match=r"repeats of label_optimization must be a whole number, got '2\.5'\."
    ):
        label_rows(
            "label_optimization", embeddings=vectors, prior=prior, options={"repeats": "2.5"}
        )
    with pytest.raises(InputError, match="not given: prior") as caught:
        label("label_optimization", embeddings=vectors)
    assert "--prior" in caught.value.hint
    with pytest.raises(InputError, match="not given: crops"):
        label("clib_fiqa", embeddings=vectors)
    with pytest.raises(InputError, match="label needs faces, embeddings or a prior, got none"):
        label("cr_fiqa")
    with pytest.raises(InputError, match="not given: identities"):
        label("cr_fiqa", embeddings=Embeddings(np.array(["1", "2"]), vectors.vector[:2]))
    with pytest.raises(UnknownNameError, match=r"table suffix '\.txt'"):
        label("cr_fiqa", embeddings=vectors, out=tmp_path / "l.txt")
    with pytest.raises(InputError, match="norm needs lengths that differ"):
        label("norm", embeddings=Embeddings(vectors.id, vectors.vector))
    np.save(tmp_path / "e.npy", vectors.vector[:2])
    (tmp_path / "e.ids.txt").write_text("a/1\na/1\n")
    with pytest.raises(InputError, match="must be unique, got"):
        label("cr_fiqa", embeddings=tmp_path / "e.npy")
    (tmp_path / "e.ids.txt").write_text("a/1\n")
    with pytest.raises(ShapeError, match="floating point of shape"):
        label("cr_fiqa", embeddings=tmp_path / "e.npy")


def test_a_table_of_faces_gives_rows_and_identities_without_its_images(vectors, tmp_path):
    frame = pl.DataFrame(
        {"id": vectors.id.tolist(), "path": "gone.png", "identity": ["a", "b"] * 30, "status": "ok"}
    )
    frame.write_parquet(tmp_path / "faces.parquet")
    found = label("cr_fiqa", faces=tmp_path / "faces.parquet", embeddings=vectors)
    np.testing.assert_array_equal(
        found.value, relative_classifiability(vectors.vector, ["a", "b"] * 30, leave_out=True)
    )


def test_crops_of_another_size_are_warned_of_once_and_kept_in_the_sidecar(tmp_path, caplog):
    for i, size in enumerate((250, 112, 96)):
        pixels = np.random.default_rng(i).integers(0, 256, (size, size, 3), np.uint8)
        write_image(tmp_path / "in" / "ann" / f"{i}.png", pixels)
    out = tmp_path / "labels.csv"
    assert len(label("analytic", faces=tmp_path / "in", out=out, workers=1)) == 3
    said = [record.message for record in caplog.records]
    assert said[0].startswith("2 crops are not 112x112 and were resized: 250x250 (1), 96x96 (1).")
    assert said[1:] == [
        "The pose of 3 crops is unknown: no landmarks were known, and the network sees no face"
        " there."
    ]
    assert read_sidecar(out)["notes"] == said


def test_no_row_at_all(tmp_path):
    empty = Embeddings(np.empty(0, "U1"), np.empty((0, 4), np.float32))
    for method in ("cr_fiqa", "sdd_fiqa"):
        with pytest.raises(InputError, match="at least one face, got none"):
            label(method, embeddings=empty, out=tmp_path / f"{method}.csv")
    (tmp_path / "faces.csv").write_text("id,identity\n")
    with pytest.raises(InputError, match="at least one face, got none"):
        label("cr_fiqa", faces=tmp_path / "faces.csv", out=tmp_path / "labels.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["faces.csv"]


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_label_optimization_goes_on_where_it_stopped(
    vectors, prior, tmp_path, monkeypatch, stop_after
):
    """Stopped after the clusters or some repeats: the rerun finds the parts, does only the rest,
    and ends with the same bytes."""
    from fiqa.methods.label_optimization import LabelOptimizer

    given = {"embeddings": vectors, "prior": prior, "options": {"clusters": 3, "theta": 0.5}}
    label_rows("label_optimization", out=tmp_path / "whole.parquet", **given)
    whole = LabelOptimizer.advance
    steps = []

    def counted(self):
        if len(steps) == stop_after:
            raise KeyboardInterrupt
        steps.append(self.done)
        whole(self)

    monkeypatch.setattr("fiqa.methods.label_optimization._WORDS_SHARE", 0.0)
    monkeypatch.setattr(LabelOptimizer, "advance", counted)
    with pytest.raises(KeyboardInterrupt):
        label_rows("label_optimization", out=tmp_path / "cut.parquet", **given)
    assert not (tmp_path / "cut.parquet").exists()
    assert len(list(tmp_path.glob("cut.parquet.optimize.parts/*.npz"))) == 1 + stop_after
    monkeypatch.setattr(LabelOptimizer, "advance", whole)
    monkeypatch.setattr(
        LabelOptimizer, "cluster", lambda self, progress=None: pytest.fail("clusters were known")
    )
    label_rows("label_optimization", out=tmp_path / "cut.parquet", **given)
    assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert (tmp_path / "cut.parquet.json").read_bytes() == (
        tmp_path / "whole.parquet.json"
    ).read_bytes()
    assert [
        p.name for p in Path(tmp_path).iterdir() if "parts" in p.name or "partial" in p.name
    ] == []


@pytest.mark.parametrize(("sign", "warned"), [(1, 0), (-1, 1)])
def test_a_prior_in_which_lower_is_better_is_warned_of(sign, warned, caplog, rng):
    ids = np.array([f"{k % 8}/{k}" for k in range(80)])
    blur = rng.uniform(0.1, 1.5, 80)
    rows = np.repeat(rng.normal(size=(1, 8, 16)), 10, axis=0).reshape(80, 16)
    rows = rows + blur[:, None] * rng.normal(size=rows.shape)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    faces = Manifest(ids, ids, identity=np.array([name[0] for name in ids.tolist()]))
    label(
        "label_optimization",
        faces=faces,
        embeddings=Embeddings(ids, rows, recognizer="r"),
        prior=Quality(ids, -sign * blur, "p"),
    )
    told = [r.getMessage() for r in caplog.records if "is lower better in it?" in r.getMessage()]
    assert len(told) == warned
