"""Passes over all pairs in parts, on engines and by torch: the numbers of one process."""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.data.lock import alone
from fiqa.errors import InputError, UnknownNameError
from fiqa.evaluation import cell_counts, nonmated, passes
from fiqa.evaluation.cell_counts import NonmatedCells
from fiqa.evaluation.result import Evaluation
from fiqa.execute.engines import Where
from fiqa.execute.shared import Shared
from fiqa.functional.streams import ByIdentity, Largest
from fiqa.types import Embeddings, Pairs, Quality

HOW: dict[str, Any] = {"fmr": 1e-3, "draws": 0}
World = tuple[Quality, Embeddings]


@pytest.fixture(scope="module", params=[0, 1], ids=["all differ", "many ties"])
def world(request: Any) -> World:
    """1,200 images of 60 people; on a coarse grid many similarities are equal."""
    rng = np.random.default_rng(request.param)
    who = rng.integers(0, 60, 1200)
    vectors = rng.normal(size=(60, 6))[who] + rng.normal(size=(1200, 6))
    if request.param:
        vectors = np.round(vectors) + 0.01
    length = np.linalg.norm(vectors, axis=1)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    quality = Quality(ids, np.round(20 * rng.random(1200)), "q")
    return quality, Embeddings(ids, vectors / length[:, None], length, "rec")


def numbers(found: Evaluation) -> list[Any]:
    """Every number of an evaluation, in a form that is equal only if each bit is."""
    one = found.recognizers[0]
    return [
        repr((found.counts, found.notes, one.threshold, one.fnmr, one.counts, one.verification)),
        one.roc.tobytes(),
        one.density.tobytes(),
        *((c.curve.fnmr.tobytes(), c.curve.discard.tobytes()) for c in one.curves),
        *(repr((c.areas, c.bounds)) for c in one.curves),
    ]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Cuts even small sets into parts; gets the number of parts of each pass."""
    monkeypatch.setattr(passes, "_LEAST", 150_000)
    monkeypatch.setattr(nonmated, "_BACK", 0)
    monkeypatch.setattr(nonmated, "_DRAWN", 5000)
    monkeypatch.setattr(passes.PairSet, "parts", _any_least)
    told: list[int] = []
    inner = passes.PairSet.counted

    def counted(self: Any, counting: Any, count: int, stage: str) -> Any:
        told.append(count)
        return map(_handed_over, inner(self, counting, count, stage))

    monkeypatch.setattr(passes.PairSet, "counted", counted)
    return told


def _handed_over(found: Any) -> Any:
    """Counts as a cluster hands them over: arrays that cannot be written to."""
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(found, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(content, buffers=[bytes(buffer) for buffer in buffers])


def _any_least(self: Any, total: int, least: int = 0) -> int:
    return max(1, -(-total // passes._LEAST))


@pytest.mark.parametrize("count", [False, True])
def test_parts_give_the_numbers_of_the_whole(world: World, parts: list[int], count: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "_LEAST", 1 << 27)
        whole = numbers(fiqa.evaluate(*world, **HOW, count=count))
    assert set(parts) == {1}
    parts.clear()
    assert numbers(fiqa.evaluate(*world, **HOW, count=count, workers=1)) == whole
    assert parts[0] == 5


def test_a_floor_that_was_guessed_too_high_costs_a_pass_and_no_number(
    world: World, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = numbers(fiqa.evaluate(*world, **HOW, workers=1))
    assert len(parts) == 1
    floors: list[float] = []
    inner = nonmated._floor
    monkeypatch.setattr(nonmated, "_floor", lambda *given: floors.append(inner(*given)) or 2.0)
    assert numbers(fiqa.evaluate(*world, **HOW, workers=1)) == right
    assert len(parts) == 3
    assert -1 < floors[0] < 1


@pytest.mark.slow
@pytest.mark.parametrize("count", [False, True])
def test_processes_give_the_numbers_of_one(world: World, parts: list[int], count: bool) -> None:
    single = numbers(fiqa.evaluate(*world, **HOW, count=count, workers=1))
    assert numbers(fiqa.evaluate(*world, **HOW, count=count, workers=2)) == single
    assert len(set(parts)) <= 2
    assert max(parts) == 5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_ray_gives_the_numbers_of_one_process(world: World, parts: list[int]) -> None:
    ray = pytest.importorskip("ray", reason="ray is not installed")
    how = [{**HOW, "count": count} for count in (False, True)]
    single = [numbers(fiqa.evaluate(*world, **each, workers=1)) for each in how]
    # one cluster at a time: two that start together on two cores may wait for each other too long
    with alone(Path(tempfile.gettempdir()) / "fiqa-test-ray"):
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            found = [
                numbers(fiqa.evaluate(*world, **each, engine="ray", workers=2)) for each in how
            ]
        finally:
            ray.shutdown()
    assert found == single
    assert max(parts) == 5


def test_the_parts_of_a_set_are_enough_and_not_too_many() -> None:
    pairs = passes.PairSet(*[None] * 4)  # type: ignore[arg-type]
    assert [pairs.parts(total) for total in (0, 1, 1 << 27, (1 << 27) + 1)] == [1, 1, 1, 2]
    assert pairs.parts(1 << 60) == 1 << 10
    assert pairs.parts(1 << 30, 1 << 29) == 2


@pytest.mark.parametrize("people", [[], [1], [2], [1, 1], [700, 3, 1, 600, 513, 2]])
@pytest.mark.parametrize("parts", [1, 3])
def test_tiles_hold_each_pair_of_two_identities_once(people: list[int], parts: int) -> None:
    who = np.random.default_rng(0).permutation(np.repeat(np.arange(len(people)), people))
    pairs = ByIdentity.of(np.ones((len(who), 2)), who)
    seen: Counter[int] = Counter()
    for part in range(parts):
        for top, bottom, left, right, inside in pairs.tiles(part, parts):
            first, second = np.indices((bottom - top, right - left)).reshape(2, -1)
            first, second = first + top, second + left
            mask = (pairs.code[first] != pairs.code[second]) & ((first < second) | (not inside))
            seen.update((first[mask] * len(who) + second[mask]).tolist())
    wanted = np.flatnonzero(np.triu(pairs.code[:, None] != pairs.code[None, :]).ravel())
    assert set(seen.values()) <= {1}
    assert sorted(seen) == wanted.tolist()
    np.testing.assert_array_equal(np.sort(who), pairs.code)


def test_a_floor_leaves_out_what_is_not_above_it() -> None:
    top = Largest(3, 0.5)
    top.add(np.float32([0.4, 0.5, 0.6]))
    assert top.values().tolist() == np.float32([0.6]).tolist()


def test_torch_counts_what_numpy_counts_where_products_are_exact() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    signs = rng.choice([-0.25, 0.25], (1300, 16)).astype(np.float32)  # cosines are n / 8, exact
    pairs = ByIdentity.of(signs, rng.integers(0, 40, 1300))
    cells = NonmatedCells(1 << 14)
    ours, theirs = cells.counts(pairs, 0, 1), cells.on(torch, "cpu", pairs, 0, 1)
    np.testing.assert_array_equal(ours, theirs)
    assert np.count_nonzero(ours) == 17
    halves = [cells.on(torch, "cpu", pairs, part, 2) for part in range(2)]
    np.testing.assert_array_equal(halves[0] + halves[1], ours)
    assert min(half.sum() for half in halves) > 0


@pytest.mark.numeric
def test_torch_rounds_otherwise_within_a_cell_and_the_bounds_hold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    pairs = ByIdentity.of(world[1].vector, [name.split("/")[0] for name in world[1].id])
    cells = NonmatedCells(1 << 20)
    ours, theirs = cells.counts(pairs, 0, 1), cells.on(torch, "cpu", pairs, 0, 1)
    # a pair may be in the next cell: the counts up to a border differ by what is beside it
    upto, other = np.cumsum(ours), np.cumsum(theirs)
    assert np.all(other[1:-1] >= upto[:-2])
    assert np.all(other[1:-1] <= upto[2:])
    monkeypatch.setattr(
        NonmatedCells,
        "_by_torch",
        lambda self, *given: self.on(torch, "cpu", *given),
    )
    got = fiqa.evaluate(*world, **HOW, count=True, device="cuda")
    right = fiqa.evaluate(*world, **HOW, count=False)
    for mine, exact in zip(got.recognizers[0].curves, right.recognizers[0].curves, strict=True):
        low, high = mine.bounds.threshold
        assert low <= exact.curve.threshold <= high
        for upto_share, (least, most) in mine.bounds.area.items():
            assert least - 1e-9 <= exact.curve.area(upto_share) <= most + 1e-9


def test_what_cannot_be_done_elsewhere_is_refused(world: World) -> None:
    quality, vectors = world
    with pytest.raises(UnknownNameError, match="cuda"):
        Where(device="cuba")
    with pytest.raises(InputError, match="workers"):
        Where(workers=0)
    with pytest.raises(InputError, match="workers must be 1 with the device cuda, got 2"):
        Where(workers=2, device="cuda")
    with pytest.raises(InputError, match="address is for the engine ray"):
        fiqa.evaluate(quality, vectors, address="auto")
    pairs = Pairs(vectors.id, np.array([[0, 1]]), np.array([False]))
    with pytest.raises(InputError, match="for all pairs, got a list of pairs"):
        fiqa.evaluate(quality, vectors, pairs=pairs, engine="ray")
    with pytest.raises(InputError, match="counts pairs, and these are held"):
        fiqa.evaluate(quality, vectors, count=False, device="cuda")


def test_a_gpu_that_is_not_there_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="a GPU that torch sees, got none"):
        fiqa.evaluate(*world, **HOW, count=True, device="cuda")


@pytest.mark.parametrize("shape", [(0,), (3,), (0, 4), (2, 4)])
def test_a_shared_array_travels_as_a_file_that_is_written_once(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    shared = Shared(array, tmp_path)
    assert not list(tmp_path.iterdir())
    for _ in range(2):
        other = pickle.loads(pickle.dumps(shared))
        np.testing.assert_array_equal(other.array, array)
        assert (other.array.shape, other.array.dtype) == (array.shape, array.dtype)
    assert len(list(tmp_path.iterdir())) == 1
    copied = pickle.loads(pickle.dumps(Shared(array, None)))
    np.testing.assert_array_equal(copied.array, array)


def test_cells_are_those_of_float64() -> None:
    values = np.float32([-1.0000001, -1, -1e-9, 0, 1.1])
    assert cell_counts.cell_of(values, 4).tolist() == [0, 0, 1, 2, 3]
