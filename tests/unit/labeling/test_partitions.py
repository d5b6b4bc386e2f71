"""Labels by partitions of identities on an engine: the numbers of one process."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.errors import InputError, ReadError, UnknownNameError, WorkerError, WriteError
from fiqa.execute.engines import held
from fiqa.execute.local import map_batches
from fiqa.labeling.work import LocalWork
from fiqa.methods import class_partitions as classes
from fiqa.methods.cr_fiqa import relative_classifiability
from fiqa.methods.label_optimization import (
    LabelOptimizer,
    apart,
    mean_mated_similarity,
    optimize_labels,
    sample_sort,
)
from fiqa.methods.labeler import Job
from fiqa.methods.partitions import Mapped, Partition, partitions, save_array
from fiqa.types import Embeddings, Quality

pytestmark = pytest.mark.numeric


def inline(function, items, *, died, workers=None, batch=1, apart=True):
    """An engine in this process, whose items travel as they would to another."""
    function = pickle.loads(pickle.dumps(function))
    for item in items:
        yield pickle.loads(pickle.dumps(function([pickle.loads(pickle.dumps(item))])[0]))


def work_of(tmp_path, run=inline, seed=3, workers=None):
    out = tmp_path / "labels.csv"
    return LocalWork(seed, out, "k" * 64, workers, lambda *_: None, apart=True, run=run)


def world(seed, people, images, dim=24):
    """Vectors of people with 1 to `images` images each in mixed order, float16 ties among them."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(people), rng.integers(1, images + 1, people)))
    vectors = rng.normal(size=(people, dim))[who] + rng.normal(size=(len(who), dim))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    unit[1::7] = unit[0]  # many pairs of one similarity
    return unit.astype(np.float16), who.astype(np.int64), rng.normal(size=len(who)).round(1)


def optimizer(tmp_path, seed, work, most, span, **options):
    vectors, who, prior = world(seed, 40, 30)
    folder = tmp_path / "pairs"
    folder.mkdir(exist_ok=True)
    mapped = Mapped.of(vectors, folder, "vectors")
    where = {"work": work, "folder": folder, "mapped": mapped, "most": most, "range": span}
    return apart.ApartOptimizer(prior, vectors, who, seed=3, **options, **where), (
        prior,
        vectors,
        who,
    )


@pytest.mark.parametrize("options", [{}, {"theta": 0.7, "rank_scale": "unit", "clusters": 5}])
@pytest.mark.parametrize(
    ("most", "span"), [pytest.param(1, 7, marks=pytest.mark.slow), (50, 500), (10_000, 10**6)]
)
def test_label_optimization_by_partitions_has_the_bytes_of_one_process(
    tmp_path, most, span, options
):
    made, (prior, vectors, who) = optimizer(
        tmp_path, 1, work_of(tmp_path), most, span, repeats=3, **options
    )
    got = made.run()
    whole = LabelOptimizer(prior, vectors, who, seed=3, repeats=3, **options)
    assert got.tobytes() == whole.run().tobytes()
    assert made.total.tobytes() == whole.total.tobytes()
    assert made.total.any()
    assert not np.array_equal(got, prior)


def test_repeats_that_do_not_fit_the_disk_are_done_in_rounds(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "_SPILL", 1)
    made, (prior, vectors, who) = optimizer(tmp_path, 2, work_of(tmp_path), 60, 400, repeats=3)
    got = made.run()
    assert got.tobytes() == optimize_labels(prior, vectors, who, seed=3, repeats=3).tobytes()


def test_the_similarity_of_partitions_is_that_of_all(tmp_path):
    vectors, who, _ = world(3, 50, 9)
    mapped = Mapped.of(vectors, tmp_path, "vectors")
    for most in (1, 37, 10_000):
        got = apart.similarity_apart(mapped, who, work_of(tmp_path), most=most)
        np.testing.assert_array_equal(got, mean_mated_similarity(vectors, who))
    assert np.isnan(got).any()


@given(
    st.lists(st.sampled_from([-0.0, 0.0, -1.5, 3.0, -1e300, 5e-324, 0.1, 0.2]), max_size=80),
    st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_a_sample_sort_is_that_of_one_process(tmp_path_factory, values, most):
    folder = tmp_path_factory.mktemp("order")
    keys = np.array(values, np.float64)
    ties = np.random.default_rng(len(values)).permutation(len(values))
    got = sample_sort.order_apart(keys, ties, work_of(folder), folder, most=most)
    np.testing.assert_array_equal(got, np.lexsort((ties, keys)))


@given(
    st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=300), min_size=1, max_size=8),
    st.integers(1, 9),
)
@settings(max_examples=60, deadline=None)
def test_borders_cut_runs_into_ranges_that_are_not_much_larger_than_their_share(runs, count):
    sorted_runs = [np.sort(np.array(run, np.uint64)) for run in runs]
    samples = 16
    given_ = []
    for run in sorted_runs:
        at = np.linspace(0, len(run) - 1, min(samples, len(run))).astype(np.int64)
        given_.append((run[at], len(run)))
    cuts = sample_sort.borders(given_, count)
    every = np.sort(np.concatenate(sorted_runs))
    assert len(cuts) < count or not len(cuts)
    assert (np.diff(cuts.astype(np.int64)) > 0).all()
    ends = np.concatenate([[0], np.searchsorted(every, cuts), [len(every)]])
    equal = np.unique(every, return_counts=True)[1].max()  # one value is never cut
    slack = 2 * sum(1 + len(run) / (samples - 1) for run in sorted_runs)
    assert np.diff(ends).max() <= len(every) / count + slack + 2 * equal


@pytest.mark.parametrize("options", [
    {"form": "shifted", "leave_out": True, "least": 1},
    {"form": "paper", "leave_out": False, "least": 2},
])  # fmt: skip
@pytest.mark.parametrize("most", [1, 40, 10_000])
def test_class_center_labels_by_partitions_are_those_of_one_process(
    tmp_path, monkeypatch, options, most
):
    import fiqa.functional.identities as identities
    from fiqa.methods import cr_fiqa

    # blocks so small that classes lie in several of them, and centers too
    monkeypatch.setattr(identities, "_ROWS", 64)
    for module in (cr_fiqa, classes):
        monkeypatch.setattr(module, "ROWS", 16)
    monkeypatch.setattr(classes, "_BLOCKS", 3)
    monkeypatch.setattr(cr_fiqa, "CLASSES", 11)
    vectors, who, _ = world(4, 45, 12)
    names = pl.Series([f"p{k}" for k in range(45)])
    job = Job(pl.Series(np.arange(len(who))), who, names, vectors, None, None, None)
    got = classes.classifiability(job, options, work_of(tmp_path), most=most)
    whole = relative_classifiability(vectors, who, **options)
    np.testing.assert_allclose(got, whole, rtol=1e-5, atol=1e-6)
    assert np.isnan(got).any()
    assert np.nanstd(got) > 0.01


def test_centers_that_are_given_are_used_by_partitions_too(tmp_path):
    vectors, who, _ = world(5, 20, 6)
    rng = np.random.default_rng(0)
    centers = (np.array([f"p{k}" for k in range(2, 20)]), rng.normal(size=(18, 24)))
    names = pl.Series([f"p{k}" for k in range(20)])
    job = Job(
        pl.Series(np.arange(len(who))), who, names, vectors, None, None, None, centers=centers
    )
    options = {"form": "shifted", "leave_out": False, "least": 1, "centers": centers}
    got = classes.classifiability(job, options, work_of(tmp_path))
    np.testing.assert_allclose(
        got, relative_classifiability(vectors, job.names_of_rows(), **options), rtol=1e-5
    )
    assert np.isnan(got).sum() == np.isin(who, [0, 1]).sum()


@pytest.fixture
def given_files(tmp_path):
    """A mapped .npy of vectors and a prior, as `fiqa label` takes them."""
    vectors, who, prior = world(6, 30, 8)
    ids = np.array([f"p{k:02d}/{i}" for i, k in enumerate(who)])
    norm = np.ones(len(ids), np.float32)
    write_embeddings(
        Embeddings(ids, vectors.astype(np.float32), norm, "r"), tmp_path / "e.npy", half=True
    )
    write_quality(Quality(ids, prior.astype(np.float64), "q", "score"), tmp_path / "q.csv")
    return {"embeddings": tmp_path / "e.npy", "prior": tmp_path / "q.csv"}


def labeled(tmp_path, given, method, **how):
    """The bytes of the table that a run writes, and what else it leaves."""
    out = tmp_path / f"{method}-{len(list(tmp_path.iterdir()))}.csv"
    fiqa.label(method, out=out, force=True, seed=3, **given, **how)
    left = sorted(path.name for path in tmp_path.iterdir() if "scratch" in path.name)
    assert not left
    return out.read_bytes()


@pytest.mark.parametrize("method", ["label_optimization", "cr_fiqa"])
def test_two_processes_write_what_one_writes(tmp_path, given_files, method):
    given = given_files if method == "label_optimization" else {
        "embeddings": given_files["embeddings"]
    }  # fmt: skip
    one = labeled(tmp_path, given, method)
    assert len(one.splitlines()) > 100
    assert labeled(tmp_path, given, method, workers=2) == one


@pytest.mark.parametrize("workers", [(1, 2), (2, 1)])
def test_a_run_that_was_killed_goes_on_in_the_other_way(
    tmp_path, given_files, monkeypatch, workers
):
    monkeypatch.setattr(apart, "_SPILL", 1)
    monkeypatch.setattr("fiqa.methods.label_optimization._WORDS_SHARE", 0)
    one = labeled(tmp_path, given_files, "label_optimization", repeats=3)
    out = tmp_path / "killed.csv"

    def stopped(stage, done, total):
        if stage == "repeat" and done == 2:
            raise KeyboardInterrupt

    how = {**given_files, "out": out, "seed": 3, "repeats": 3}
    with pytest.raises(KeyboardInterrupt):
        fiqa.label("label_optimization", workers=workers[0], progress=stopped, **how)
    told = []
    fiqa.label(
        "label_optimization",
        workers=workers[1],
        progress=lambda stage, done, total: told.append((stage, done)),
        **how,
    )
    assert [at for at in told if at[0] in ("cluster", "repeat")] == [("repeat", 3)]
    assert out.read_bytes() == one


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_ray_writes_what_one_process_writes(tmp_path, given_files, monkeypatch):
    ray = pytest.importorskip("ray", reason="ray is not installed")
    source = str(Path(fiqa.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    one = labeled(tmp_path, given_files, "label_optimization", theta=0.1)
    vectors = {"embeddings": given_files["embeddings"]}
    center = labeled(tmp_path, vectors, "cr_fiqa")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert labeled(tmp_path, given_files, "label_optimization", theta=0.1, engine="ray") == one
        assert labeled(tmp_path, vectors, "cr_fiqa", engine="ray") == center
    finally:
        ray.shutdown()


class Deadly:
    """Ends its process at item 3: once, where a mark says so, or always."""

    def __init__(self, mark):
        self.mark = mark

    def __call__(self, items):
        if 3 in items and not (self.mark and self.mark.exists()):
            if self.mark:
                self.mark.touch()
            os._exit(9)
        return [10 * item for item in items]


@pytest.mark.slow
def test_a_process_that_is_lost_loses_nothing_and_one_that_always_ends_is_told(tmp_path):
    work = work_of(tmp_path, run=map_batches, workers=2)
    assert list(work.mapped(Deadly(tmp_path / "mark"), range(6))) == [0, 10, 20, 30, 40, 50]
    with pytest.raises(WorkerError, match="must live through"):
        list(work.mapped(Deadly(None), range(6)))


def test_the_engine_must_be_one_and_the_method_must_have_partitions(tmp_path, given_files):
    vectors = {"embeddings": given_files["embeddings"]}
    with pytest.raises(UnknownNameError, match="ray"):
        fiqa.label("cr_fiqa", **vectors, engine="rya")
    with pytest.raises(InputError, match="--engine ray"):
        fiqa.label("cr_fiqa", **vectors, address="auto")
    with pytest.raises(InputError, match="engine must be local for norm"):
        fiqa.label("norm", **vectors, engine="ray")
    one = Embeddings(np.array(["a/1", "a/2"]), np.eye(2, dtype=np.float32), np.ones(2), "r")
    with pytest.raises(InputError, match="at least 2 people"):
        fiqa.label("cr_fiqa", embeddings=one, workers=2)
    with held("local") as run:
        assert run is map_batches


def test_vectors_and_folders_that_cannot_be_used_are_told(tmp_path):
    made = Mapped.of(np.eye(3, dtype=np.float32), tmp_path, "vectors")
    np.testing.assert_array_equal(made.array(), np.eye(3))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    assert Mapped.of(mapped, tmp_path, "other") == made  # nothing is copied
    np.testing.assert_array_equal(Mapped.of(mapped[1:], tmp_path, "part").array(), np.eye(3)[1:])
    with pytest.raises(ReadError, match="seen by every machine"):
        Mapped(str(tmp_path / "gone.npy"), "<f4", (3, 3), 128).array()
    with pytest.raises(WriteError, match="could not be written"):
        save_array(tmp_path / "none" / "a.npy", np.eye(2))
    (tmp_path / "file").write_text("")
    work = LocalWork(0, tmp_path / "file" / "x.csv", "k", None, lambda *_: None)
    with pytest.raises(WriteError, match="must be made"), work.scratch("pairs"):
        pass


def test_partitions_hold_whole_identities():
    many = [(k, np.arange(10 * k, 10 * k + k)) for k in range(1, 6)]
    parts = list(partitions(many, 5))
    assert [part.identities for part in parts] == [(1, 2), (3,), (4,), (5,)]
    assert [len(part) for part in parts] == [3, 3, 4, 5]
    assert Partition(2, (), ()).path == "partition 2 of the identities"
