"""Label optimization: reorders the labels of any method by a recognizer's mated similarities.

    [1] Babnik, Damer, Struc: Optimization-Based Improvement of Face Image Quality Assessment
        Techniques, IWBF 2023.

The sorted label values stay exactly what they were; only who has which value changes. Steps, with
the paper's equations:

    1. K-Means per identity on unit embeddings; every image meets one random image of every other
       cluster of its identity.
    2. All pairs are sorted by cosine similarity (Eq. 1). The index of a pair counts for its
       lower-quality image; s_i is the mean index of image i (Eq. 2).
    3. id*_i = id_i + theta (s_i - id_i), id_i the index of image i among the sorted labels (Eq. 3).
    4. The mean of id* over `repeats` draws of fresh pairs is sorted, and the sorted labels are
       handed out in that order.

Made for millions of images: clusters are found once, the pairs of one repeat are 8 bytes each
(similarity and image in one sortable word), and the embeddings may be a memory-mapped float16 file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.functional.clustering import kmeans
from fiqa.functional.identities import encode, groups
from fiqa.functional.similarity import normalize
from fiqa.methods.label_optimization.agreement import mated_agreement, mean_mated_similarity
from fiqa.methods.label_optimization.pairs import draw_pairs, generator
from fiqa.methods.labeler import Labeler, needs_of
from fiqa.progress import Told
from fiqa.types import MethodCard

__all__ = [
    "CARD",
    "LabelOptimizer",
    "labeler",
    "mated_agreement",
    "mean_mated_similarity",
    "optimize_labels",
]

CARD = MethodCard(
    name="label_optimization",
    paper=(
        "Babnik, Damer, Struc: Optimization-Based Improvement of Face Image Quality Assessment"
        " Techniques (IWBF 2023)"
    ),
    year=2023,
    family="label",
    needs=("prior", "embeddings", "identities"),
    gives=("label",),
    preprocess="none: it works on labels and vectors",
    weights="none; its students are trained with recipes/label_optimization.toml",
    summary=(
        "Reorders any method's labels by the similarity of mated pairs; the label distribution is"
        " kept exactly."
    ),
    equation=(
        "id* = id + .001 (s - id), id the rank of the prior, s the mean rank of the mated pairs in"
        " which the image is the worse one; 10 times, averaged"
    ),
    use=(
        "Take it when you have labels or scores of any method and a recognizer. It is one more"
        " command, without training."
    ),
    limits=(
        "It needs identities with several images. The paper's theta acts on ranks of pairs, which"
        " are about 19 times as many as the images."
    ),
    cost="label: 10 draws of at most 19 similarities",
)

RankScale = Literal["pairs", "unit"]

_SUM_CHUNK = 1 << 19
_WORDS_SHARE = 0.4
"""The pairs of several repeats are drawn from one Gram matrix while they fit in this share of the
embeddings' size."""


def optimize_labels(
    quality: ArrayLike,
    embeddings: NDArray[np.floating[Any]],
    identities: ArrayLike,
    *,
    clusters: int = 20,
    theta: float = 1e-3,
    repeats: int = 10,
    rank_scale: RankScale = "pairs",
    seed: int = 0,
) -> NDArray[np.float64]:
    """Returns the prior labels, handed out anew in the order of mated similarities [1, Eq. 1-3].

    Args:
        quality: (N,) prior labels of any method, higher is better.
        embeddings: (N,D) vectors of one recognizer, of any length; float32, float16 or a memory map
            of either.
        identities: (N,) who is on the image.
        clusters: K-Means clusters per identity; an identity with fewer images has one cluster per
            image.
        theta: step toward the similarity order, 0 keeps the prior. .001 for `rank_scale="pairs"`,
            about .02 for "unit".
        repeats: draws of fresh pairs whose results are averaged.
        rank_scale: "pairs" is the paper's arithmetic, in which pair indices run to the number of
            pairs and image indices to the number of images; "unit" divides both by their length.
        seed: decides clusters and pairs; the same seed gives the same bytes.

    Returns:
        (N,) float64, a permutation of `quality`. Identities with one image (or whose images all
        fall into one cluster) have no mated pair: their images keep their prior exactly and take
        no part in the exchange.

    Raises:
        ShapeError, InputError: NaN, zero rows, theta outside [0, 1], counts below 1.
        UnknownNameError: rank_scale.

    >>> import numpy as np
    >>> e = np.array([[1.0, 0], [0.96, 0.28], [0, 1.0]])
    >>> optimize_labels([1, 5, 9], e, ["a", "a", "a"], theta=1.0).tolist()
    [5.0, 9.0, 1.0]
    """
    optimizer = LabelOptimizer(
        quality,
        embeddings,
        identities,
        clusters=clusters,
        theta=theta,
        repeats=repeats,
        rank_scale=rank_scale,
        seed=seed,
    )
    return optimizer.run()


@dataclass(eq=False)
class LabelOptimizer:
    """The same computation in steps, for long runs that show progress and resume.

    `cluster()` first, then `advance()` until `done` equals `repeats`, then `labels()`; `run()` does
    all of it. The state worth keeping between processes is `cluster_of`, `total` and `done`; after
    restoring it call `start()` instead of `cluster()`.

    Attributes:
        quality, embeddings, identities, clusters, theta, repeats, rank_scale, seed: as
            optimize_labels.
        done: repeats so far.
    """

    quality: ArrayLike
    embeddings: NDArray[np.floating[Any]]
    identities: ArrayLike
    clusters: int = 20
    theta: float = 1e-3
    repeats: int = 10
    rank_scale: RankScale = "pairs"
    seed: int = 0
    done: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.quality = checks.finite(
            checks.array(self.quality, "quality", shape=("N",), dtype=np.float64), "quality"
        )
        n = len(self.quality)
        self.embeddings = checks.matrix(self.embeddings, "embeddings", rows=n)
        checks.in_range(self.clusters, "clusters", 2, np.inf)
        checks.in_range(self.theta, "theta", 0.0, 1.0)
        checks.in_range(self.repeats, "repeats", 1, np.inf)
        checks.choice(self.rank_scale, "rank_scale", ("pairs", "unit"))
        # A pair is one word of 64 bits, half of them for the row of an image.
        if n >= 1 << 32:
            raise InputError(f"embeddings must have fewer than 2^32 rows, got {n}.")
        code, _ = encode(self.identities, n)
        self._groups = [(number, rows) for number, rows in enumerate(groups(code)) if len(rows) > 1]
        self.cluster_of: NDArray[np.int32] = np.zeros(n, np.int32)
        self.total: NDArray[np.float64] = np.zeros(n)
        self._rank = np.zeros(n, np.int64)

    def state(self, of: Literal["clusters", "repeats"]) -> dict[str, NDArray[Any]]:
        """Returns what `restore` needs to go on, as arrays by name.

        Args:
            of: "clusters" after `cluster`, which never change again; "repeats" after `advance`:
                their sum so far.
        """
        if of == "clusters":
            return {"cluster_of": self.cluster_of}
        return {"total": self.total, "done": np.array(self.done)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes on from a state of an optimizer with the same arguments: clusters, then repeats."""
        if "cluster_of" in state:
            self.cluster_of = state["cluster_of"]
            self.start()
        else:
            self.total, self.done = state["total"], int(state["done"])

    def run(self, progress: Told | None = None) -> NDArray[np.float64]:
        """Returns the optimized labels after all steps; `progress(step, done, total)` is told."""
        self.cluster(progress)
        while self.done < self.repeats:
            self.advance()
            if progress:
                progress("repeat", self.done, self.repeats)
        return self.labels()

    def cluster(self, progress: Told | None = None) -> None:
        """Finds the clusters of every identity [1, III-C "Selecting mated image pairs"]."""
        for done, (number, rows) in enumerate(self._groups, 1):
            vectors = normalize(self.embeddings[rows], "embeddings")
            self.cluster_of[rows] = kmeans(vectors, self.clusters, rng=self._rng(number))
            if progress and (done % 100 == 0 or done == len(self._groups)):
                progress("cluster", done, len(self._groups))
        self.start()

    @property
    def pairs(self) -> int:
        """How many ordered pairs one repeat draws; known once `start` was called."""
        return self._pairs

    def start(self) -> None:
        """Ranks the images that take part, once `cluster_of` was computed or restored."""
        cluster_count = {
            number: len(np.unique(self.cluster_of[rows])) for number, rows in self._groups
        }
        self._groups = [
            (number, rows) for number, rows in self._groups if cluster_count[number] > 1
        ]
        self._pairs = sum(len(rows) * (cluster_count[number] - 1) for number, rows in self._groups)
        taking_part = np.zeros(len(self.total), bool)
        for _, rows in self._groups:
            taking_part[rows] = True
        self._rows = np.flatnonzero(taking_part)
        prior = np.asarray(self.quality, np.float64)[self._rows]
        order = self._rows[self._order(prior, self._rows)]
        self._rank[order] = np.arange(len(order))
        self._sorted = self.quality[order]  # type: ignore[index]

    def advance(self) -> None:
        """Draws fresh pairs for some repeats and adds their id* to `total` [1, Eq. 2 and 3].

        As many repeats as fit in memory are done at once.
        """
        per_repeat = 8 * max(self._pairs, 1)
        fit = int(_WORDS_SHARE * self.embeddings.nbytes // per_repeat)
        for words in self._pair_words(min(max(fit, 1), self.repeats - self.done)):
            self._take(*self._mean_ranks(words))

    def _take(self, mean: NDArray[np.float64], count: NDArray[np.int64]) -> None:
        """Adds a repeat, given the mean pair index of each image and how many pairs it is of."""
        index = self._index()
        if self.rank_scale == "unit":
            mean /= max(self._pairs, 1)
        self.total += np.where(count > 0, index + self.theta * (mean - index), index)
        self.done += 1

    @property
    def taking_part(self) -> NDArray[np.int64]:
        """Rows of the images that have mated pairs; known once `start` was called."""
        return self._rows

    def _index(self) -> NDArray[np.float64]:
        """(N,) id of Eq. 3: the place of each image among the sorted priors."""
        if self.rank_scale == "unit":
            return self._rank / max(len(self._rows), 1)
        return self._rank.astype(np.float64)

    def labels(self, theta: float | None = None) -> NDArray[np.float64]:
        """Returns the labels of the repeats so far: sorted priors in the order of the mean id*.

        Args:
            theta: the step, in place of the one that the repeats were made with; Eq. 3 is linear in
                it, so one run with a theta of 1 has the labels of every other. None is their own.
        """
        result = np.array(self.quality, np.float64)
        star = self.total
        if theta is not None and theta != self.theta:
            start = self.done * self._index()
            star = start + theta / self.theta * (self.total - start)
        # Equal id* keep the order of the prior.
        order = self._order(star[self._rows], self._rank[self._rows])
        result[self._rows[order]] = self._sorted
        return result

    def _order(self, keys: NDArray[np.float64], ties: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns places in the order of the keys, equal ones in that of their ties."""
        return np.lexsort((ties, keys))

    def _mean_ranks(
        self, words: NDArray[np.uint64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Sorts the pairs in place; returns per image the mean of its pair indices (0 without any)
        and how many pairs count for it."""
        words.sort()
        n = len(self.total)
        rank_sum, count = np.zeros(n), np.zeros(n, np.int64)
        # Each chunk costs two arrays of n: fewer rows than images would cost more than they save.
        for piece in batches(len(words), max(_SUM_CHUNK, n)):
            image = (words[piece] & np.uint64(0xFFFFFFFF)).view(np.int64)
            rank_sum += np.bincount(
                image, weights=np.arange(piece.start, piece.stop, dtype=np.float64), minlength=n
            )
            count += np.bincount(image, minlength=n)
        return np.divide(rank_sum, count, out=rank_sum, where=count > 0), count

    def _pair_words(self, repeats: int) -> NDArray[np.uint64]:
        """(repeats, L) pairs as words: sortable similarity in the high half, lower-quality image in
        the low half."""
        words = np.empty((repeats, self._pairs), np.uint64)
        at = 0
        for number, rows in self._groups:
            at = self._draw(number, rows, words, at)
        return words

    def _draw(
        self, number: int, rows: NDArray[np.int64], words: NDArray[np.uint64], at: int
    ) -> int:
        """Writes one identity's fresh pairs of every repeat into the columns of `words` from `at`
        on; returns where they end."""
        rows = rows[np.argsort(self._rank[rows], kind="stable")]
        vectors = normalize(self.embeddings[rows], "embeddings")
        draws = [self._rng(number, self.done + 1 + r) for r in range(len(words))]
        return draw_pairs(vectors, rows, self.cluster_of[rows], draws, words, at)

    def _rng(self, *key: int) -> np.random.Generator:
        return generator(self.seed, *key)


def labeler() -> Labeler:
    """Returns how `fiqa label label_optimization` works."""
    from fiqa.methods.label_optimization.labeling import optimized, options, prepared

    return Labeler(
        optimized, options(), needs_of(CARD), priors=True, prepare=prepared, partitions=True
    )
