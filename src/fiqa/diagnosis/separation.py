"""How far vectors keep people apart: d' of mated and non-mated similarities, in draws of people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.functional.similarity import normalize
from fiqa.types import FloatArray

__all__ = ["Crowd"]

DRAWS = 1000
"""Draws of people beside the people as they are."""
_TINY = 1e-12


@dataclass(frozen=True)
class Crowd:
    """Some people, and draws of them with replacement.

    Attributes:
        member: (P,N) which of the N images are of which of the P people.
        weight: (1+DRAWS,P) how often each draw has a person; the first has everyone once.
    """

    member: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, identity: NDArray[np.str_], *, seed: int = 0) -> Crowd:
        """Returns the crowd of some images.

        Args:
            identity: (N,) who is on each image.
            seed: of the draws.

        Raises:
            InputError: a seed below 0.
        """
        people = np.unique(identity)
        member = (people[:, None] == identity[None, :]).astype(np.float64)
        draw = np.random.default_rng(int(checks.in_range(seed, "seed", 0, 2**63)))
        share = np.full(len(people), 1 / max(len(people), 1))
        drawn = draw.multinomial(len(people), share, DRAWS)
        return cls(member, np.vstack([np.ones(len(people)), drawn]).astype(np.float64))

    def separation(self, vectors: FloatArray) -> NDArray[np.float64]:
        """Returns (1+DRAWS,) d': the distance of the mean mated from the mean non-mated cosine, in
        their standard deviations (the root of the mean of the two variances).

        Args:
            vectors: (N,D) finite, none of them zero.

        Raises:
            ShapeError, InputError: as fiqa.functional.similarity.normalize.

        >>> told = Crowd.of(np.array(["a", "a", "b", "b"])).separation(
        ...     np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
        ... )
        >>> float(told[0]) > 10
        True
        """
        unit = normalize(vectors).astype(np.float64)
        cosine = unit @ unit.T
        np.fill_diagonal(cosine, 0.0)
        pairs = 1.0 - np.eye(len(cosine))
        moments = [self._sums(part) for part in (pairs, cosine, cosine**2)]
        (mated, mated_variance), (other, other_variance) = (
            self._moments([sums[kind] for sums in moments]) for kind in (0, 1)
        )
        width = np.sqrt((mated_variance + other_variance) / 2)
        return np.asarray((mated - other) / np.maximum(width, _TINY), dtype=np.float64)

    def _sums(self, part: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums over the mated pairs, and over the non-mated, of each draw.

        A person drawn twice has its pairs counted twice; its copies are no pairs of each other.
        """
        table = self.member @ part @ self.member.T
        own = np.diag(table)
        between = ((self.weight @ (table - np.diag(own))) * self.weight).sum(axis=1)
        return self.weight @ own / 2, between / 2

    @staticmethod
    def _moments(
        sums: list[NDArray[np.float64]],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        count, first, second = sums
        count = np.maximum(count, 1.0)
        mean = first / count
        return mean, np.maximum(second / count - mean**2, 0.0)
