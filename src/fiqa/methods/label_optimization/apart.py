"""Label optimization by partitions of identities on an engine, with the bytes of one process.

Clusters and pairs are an identity's own. The one thing of all identities is the order of the pairs
of a repeat, and that is found by an exact sample sort:

    1. A task per partition draws the pairs of its identities, sorts them, writes them to a file and
       returns some of them, evenly spaced.
    2. Of these the driver takes borders that cut all pairs into ranges of about one size.
    3. A task per range reads its piece of every file and sorts it. What lies below its border in
       the files says where the range begins, so every pair has its exact index.

Sums of indices are whole numbers and exact in float64 below 2^53, in whatever order they are added.
The other orders, those of the images by their prior and by their id*, are found by the same sort
where they are more than a range holds (fiqa.methods.label_optimization.sample_sort). The driver
holds some numbers of each image, and no vectors and no pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.clustering import kmeans
from fiqa.functional.identities import encode, groups
from fiqa.functional.similarity import normalize
from fiqa.methods.label_optimization import LabelOptimizer
from fiqa.methods.label_optimization.agreement import mean_mated_similarity
from fiqa.methods.label_optimization.pairs import draw_pairs, generator
from fiqa.methods.label_optimization.sample_sort import borders, order_apart
from fiqa.methods.labeler import Work
from fiqa.methods.partitions import Mapped, Partition, most_of, partitions, save_array
from fiqa.progress import Told

__all__ = ["ApartOptimizer", "similarity_apart"]

_SAMPLES = 1024
"""Pairs of a partition that are returned: a range has at most 2 / 1024 of all pairs more than its
share."""
_RANGE = 1 << 22
"""Pairs of a range: 32 MB, and three times as much while they are sorted."""
_SPILL = 1 << 36
"""Bytes of pairs on disk at a time, unless one repeat has more."""


@dataclass(eq=False)
class ApartOptimizer(LabelOptimizer):
    """A LabelOptimizer whose tasks are done by an engine; its state is the same.

    Attributes:
        work: what gives tasks to the engine.
        folder: of the pairs while they are sorted, seen by all machines.
        mapped: the embeddings, as tasks find them.
        most: images of a partition, None: fiqa.methods.partitions.most_of.
        range: pairs, or images, of a range.
    """

    work: Work = field(kw_only=True)
    folder: Path = field(kw_only=True)
    mapped: Mapped = field(kw_only=True)
    most: int | None = field(default=None, kw_only=True)
    range: int = field(default=_RANGE, kw_only=True)

    def _partitions(self) -> Iterator[Partition]:
        return partitions(self._groups, self.most or most_of(len(self.total)))

    def cluster(self, progress: Told | None = None) -> None:
        """Finds the clusters of every identity, a task per partition.

        Args:
            progress: told (stage, done, total).
        """
        done, total = 0, len(self._groups)
        find = _Clusters(self.mapped, self.clusters, self.seed)
        found = self.work.mapped(find, self._partitions())
        for part, clusters in zip(self._partitions(), found, strict=True):
            self.cluster_of[np.concatenate(part.rows)] = clusters
            done += len(part.identities)
            if progress:
                progress("cluster", done, total)
        self.start()

    def advance(self) -> None:
        """Draws the pairs of as many repeats as the disk is to hold, and adds their id*."""
        n = len(self.total)
        per_repeat = 8 * max(self._pairs, 1)
        repeats = min(max(_SPILL // per_repeat, 1), self.repeats - self.done)
        draw = _Draw(self.mapped, self.seed, self.done, repeats, str(self.folder))
        drawn = list(self.work.mapped(draw, self._ordered()))
        count = max(-(-self._pairs // self.range), 1)
        ranges = []
        for repeat in range(repeats):
            cuts = borders([(sample[repeat], size) for sample, size in drawn], count)
            ends = [None, *cuts.tolist(), None]
            ranges += [_Range(repeat, *ends[k : k + 2]) for k in range(len(ends) - 1)]
        ranked = self.work.mapped(_Rank(str(self.folder), len(drawn)), ranges)
        rank_sum, pairs = np.zeros(n), np.zeros(n, np.int64)
        for number, (one, found) in enumerate(zip(ranges, ranked, strict=True)):
            images, sums, counts = found
            rank_sum[images] += sums
            pairs[images] += counts
            if number + 1 == len(ranges) or ranges[number + 1].repeat != one.repeat:
                mean = np.divide(rank_sum, pairs, out=rank_sum, where=pairs > 0)
                self._take(mean, pairs)
                rank_sum, pairs = np.zeros(n), np.zeros(n, np.int64)

    def _order(self, keys: NDArray[np.float64], ties: NDArray[np.int64]) -> NDArray[np.int64]:
        if len(keys) <= self.range:
            return super()._order(keys, ties)
        return order_apart(keys, ties, self.work, self.folder, most=self.range)

    def _ordered(self) -> Iterator[tuple[Partition, NDArray[np.int32]]]:
        """Yields the partitions with rows in the order of the prior, and the clusters of these."""
        for part in self._partitions():
            rows = tuple(r[np.argsort(self._rank[r], kind="stable")] for r in part.rows)
            every = np.concatenate(rows)
            yield Partition(part.number, part.identities, rows), self.cluster_of[every]


@dataclass(frozen=True)
class _Clusters:
    """Partitions -> the cluster of each of their images."""

    vectors: Mapped
    clusters: int
    seed: int

    def __call__(self, parts: Sequence[Partition]) -> list[NDArray[np.int32]]:
        return [np.concatenate([*self._each(part)]) for part in parts]

    def _each(self, part: Partition) -> Iterator[NDArray[np.int32]]:
        embeddings = self.vectors.array()
        for number, rows in zip(part.identities, part.rows, strict=True):
            vectors = normalize(embeddings[rows], "embeddings")
            yield kmeans(vectors, self.clusters, rng=generator(self.seed, number))


@dataclass(frozen=True)
class _Draw:
    """Partitions and their clusters -> some of their sorted pairs of each repeat, and how many
    there are; all of them go to a file."""

    vectors: Mapped
    seed: int
    done: int
    repeats: int
    folder: str

    def __call__(
        self, parts: Sequence[tuple[Partition, NDArray[np.int32]]]
    ) -> list[tuple[NDArray[np.uint64], int]]:
        return [self._one(*part) for part in parts]

    def _one(
        self, part: Partition, cluster_of: NDArray[np.int32]
    ) -> tuple[NDArray[np.uint64], int]:
        embeddings = self.vectors.array()
        clusters = np.split(cluster_of, np.cumsum([len(rows) for rows in part.rows])[:-1])
        total = sum(len(one) * (len(np.unique(one)) - 1) for one in clusters)
        words, at = np.empty((self.repeats, total), np.uint64), 0
        for number, rows, own in zip(part.identities, part.rows, clusters, strict=True):
            vectors = normalize(embeddings[rows], "embeddings")
            draws = [generator(self.seed, number, self.done + 1 + r) for r in range(self.repeats)]
            at = draw_pairs(vectors, rows, own, draws, words, at)
        words.sort(axis=1)
        save_array(_file(self.folder, part.number), words)
        places = np.linspace(0, total - 1, min(_SAMPLES, total)).astype(np.int64)
        return words[:, places], total


@dataclass(frozen=True)
class _Range:
    """The pairs of a repeat from `low` on to below `high`, None without an end."""

    repeat: int
    low: int | None
    high: int | None

    @property
    def path(self) -> str:
        """What a report of a failure calls it."""
        return f"pairs of repeat {self.repeat} from {self.low} to {self.high}"


@dataclass(frozen=True)
class _Rank:
    """Ranges of pairs -> the images in them, the sum of each one's pair indices, and how many."""

    folder: str
    files: int

    def __call__(self, ranges: Sequence[_Range]) -> list[tuple[NDArray[Any], ...]]:
        return [self._one(one) for one in ranges]

    def _one(self, one: _Range) -> tuple[NDArray[Any], ...]:
        pieces, before = [], 0
        for number in range(self.files):
            # mapped anew: the next repeats are in files of the same names
            words = np.load(_file(self.folder, number), mmap_mode="r")[one.repeat]
            low = 0 if one.low is None else np.searchsorted(words, np.uint64(one.low))
            high = len(words) if one.high is None else np.searchsorted(words, np.uint64(one.high))
            before += int(low)
            pieces.append(np.array(words[low:high]))
        words = np.concatenate(pieces)
        words.sort()
        images, place = np.unique(words & np.uint64(0xFFFFFFFF), return_inverse=True)
        index = np.arange(before, before + len(words), dtype=np.float64)
        sums = np.bincount(place, weights=index, minlength=len(images))
        return images.astype(np.int64), sums, np.bincount(place, minlength=len(images))


def similarity_apart(
    embeddings: Mapped, identities: NDArray[Any], work: Work, *, most: int | None = None
) -> NDArray[np.float64]:
    """Returns mean_mated_similarity of partitions, (N,).

    Args:
        embeddings: (N,D) of any length.
        identities: (N,) who is on the image.
        work: what gives tasks to the engine.
        most: images of a partition, None: fiqa.methods.partitions.most_of.
    """
    code, _ = encode(identities, embeddings.shape[0])
    most = most or most_of(len(code))
    several = [(number, rows) for number, rows in enumerate(groups(code)) if len(rows) > 1]
    result = np.full(len(code), np.nan)
    found = work.mapped(_Similarity(embeddings), partitions(several, most))
    for part, values in zip(partitions(several, most), found, strict=True):
        result[np.sort(np.concatenate(part.rows))] = values
    return result


@dataclass(frozen=True)
class _Similarity:
    """Partitions -> the mean mated similarity of their images, in the order of the rows."""

    vectors: Mapped

    def __call__(self, parts: Sequence[Partition]) -> list[NDArray[np.float64]]:
        return [self._one(part) for part in parts]

    def _one(self, part: Partition) -> NDArray[np.float64]:
        rows = np.concatenate(part.rows)
        code = np.repeat(np.arange(len(part.rows)), [len(one) for one in part.rows])
        order = np.argsort(rows)
        return mean_mated_similarity(self.vectors.array()[rows[order]], code[order])


def _file(folder: str, number: int) -> Path:
    return Path(folder) / f"{number:08d}.npy"
