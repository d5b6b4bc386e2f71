"""Batches: who is in which, what happens to each crop, and threads that prepare them ahead.

Everything is a function of (seed, epoch, number of the batch), so neither the number of threads nor
of processes nor a restart changes a batch.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.training.augment import augmented, degraded, generator, plan
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples, Rows
from fiqa.types import FloatArray

__all__ = ["Batch", "Prefetched", "epoch_batches", "make_batch"]


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of B rows, of which this process computes its share.

    Attributes:
        crops: (own,S,S,3) uint8.
        own: the rows of this process, a slice of B.
        label: (B,).
        factors: (B,F), NaN where unknown.
        group: (B,) person and level inside which labels have an order, -1 in none.
        order: (B,) that order.
        weight: (B,) 0 where a degradation has made the label void.
        confidence: (B,) in the label.
        identity: (B,) from 0 over the people to train on.
        row: (B,) in Examples.
    """

    crops: NDArray[np.uint8]
    own: slice
    label: FloatArray
    factors: FloatArray
    group: NDArray[np.int64]
    order: FloatArray
    weight: FloatArray
    confidence: FloatArray
    identity: NDArray[np.int64]
    row: Rows


def epoch_batches(data: Examples, recipe: Recipe, epoch: int) -> list[Rows]:
    """Returns the rows of each batch of an epoch.

    Every training row at most once, up to `data.per_identity` rows of one person side by side.

    A last batch that would not be full is left out, unless it is the only one; another epoch leaves
    out others.
    """
    rng = generator(recipe.seed, 2, epoch)
    order = rng.permutation(data.training)
    k = recipe.data.per_identity
    if k > 1:
        people = data.identity[order]
        # Sorted by person the random order stays inside each person: `stable` is what keeps it.
        order = order[np.argsort(people, kind="stable")]
        starts = np.flatnonzero(np.diff(np.sort(people), prepend=-1))
        chunks = [
            rows[i : i + k] for rows in np.split(order, starts[1:]) for i in range(0, len(rows), k)
        ]
        order = np.concatenate([chunks[i] for i in rng.permutation(len(chunks))])
    size = recipe.optim.batch
    return [order[i * size : (i + 1) * size] for i in range(max(1, len(order) // size))]


def make_batch(
    data: Examples,
    recipe: Recipe,
    epoch: int,
    rows: Rows,
    *,
    rank: int = 0,
    world: int = 1,
    pixels: bool = True,
) -> Batch:
    """Returns the batch of some rows, with the crops of this process's share.

    Args:
        data: what the recipe learns from.
        recipe: what happens to each crop.
        epoch: decides the draws.
        rows: of the whole batch.
        rank: which process this is.
        world: how many there are.
        pixels: False leaves the crops out.

    Raises:
        EvidenceError: fewer rows than processes.
    """
    if len(rows) < world:
        raise EvidenceError(
            f"a batch must have at least one image per process ({world}), got {len(rows)}."
        )
    ends = [len(rows) * part // world for part in range(world + 1)]
    own = slice(ends[rank], ends[rank + 1])
    group = data.group[rows]
    plans = {
        int(g): plan(recipe.augment, generator(recipe.seed, 3, epoch, int(g)))
        for g in np.unique(group)
        if g >= 0
    }
    # A degraded crop keeps its order inside the group, but no longer has the value of its label.
    weight = np.array([0.0 if plans.get(int(g)) else 1.0 for g in group], np.float32)
    shown = rows[own] if pixels else rows[:0]
    crops = np.empty((len(shown), *data.crops.shape[1:]), np.uint8)
    for place, row in enumerate(shown):
        crop = np.asarray(data.crops[row])
        steps = plans.get(int(data.group[row]))
        if steps:
            crop = degraded(crop, steps, seed=recipe.seed + epoch)
        crops[place] = augmented(crop, recipe.augment, generator(recipe.seed, 4, epoch, int(row)))
    return Batch(
        crops,
        own,
        data.label[rows].astype(np.float32),
        data.factors[rows],
        group,
        data.order[rows],
        weight,
        data.confidence[rows],
        data.classes[rows],
        rows,
    )


Item = TypeVar("Item")
Task = TypeVar("Task")


class Prefetched(Generic[Task, Item]):
    """Yields make(task) in the order of the tasks, prepared ahead by threads.

    `waited` is the seconds that the taker spent waiting.

    Args:
        make: called in threads.
        tasks: one for each item.
        workers: threads; twice as many items are held ready at most.
    """

    def __init__(
        self, make: Callable[[Task], Item], tasks: Iterable[Task], *, workers: int
    ) -> None:
        self._make, self._tasks, self._workers = make, iter(tasks), workers
        self.waited = 0.0

    def __iter__(self) -> Iterator[Item]:
        ready: deque[Future[Item]] = deque()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix=f"fiqa-{os.getpid()}")
        try:
            for task in self._tasks:
                ready.append(pool.submit(self._make, task))
                if len(ready) >= 2 * self._workers:
                    yield self._next(ready)
            while ready:
                yield self._next(ready)
        finally:
            # A run that diverges stops early: batches that nobody will take are not made.
            pool.shutdown(cancel_futures=True)

    def _next(self, ready: deque[Future[Item]]) -> Item:
        start = time.perf_counter()
        item = ready.popleft().result()
        self.waited += time.perf_counter() - start
        return item
