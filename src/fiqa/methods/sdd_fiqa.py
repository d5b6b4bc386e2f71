"""SDD-FIQA's label: how far a face's mated similarities lie from its non-mated ones.

[1] Ou, Chen, Zhang, Huang, Li, Li, Cao, Xie: SDD-FIQA: Unsupervised Face Image Quality
    Assessment with Similarity Distribution Distance, CVPR 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.functional.calibration import min_max
from fiqa.functional.identities import encode, groups
from fiqa.functional.similarity import normalize
from fiqa.methods.labeler import Job, Labeler, Labels, Work, needs_of, options_of
from fiqa.types import MethodCard

__all__ = ["CARD", "labeler", "similarity_distribution_distance", "wasserstein_rows"]

CARD = MethodCard(
    name="sdd_fiqa",
    paper="Ou et al.: SDD-FIQA (CVPR 2021)",
    year=2021,
    family="label",
    needs=("embeddings", "identities"),
    gives=("label", "train"),
    summary=(
        "Wasserstein-1 distance between the mated and the non-mated similarities of an image, over"
        " random rounds."
    ),
    preprocess=(
        "label: none, it works on vectors; the student: aligned crop 112x112 RGB, mean and std of"
        " the recognizer it stands on"
    ),
    weights=(
        "train the student with recipes/sdd_fiqa.toml; the authors' (github.com/Tencent/TFace) come"
        " without a license of their own that we know of"
    ),
    equation=(
        "W1(24 similarities to the own person, 24 to others), mean of 12 draws, min-max over the"
        " images; student: SmoothL1"
    ),
    use=(
        "Take it when people have many images each: the label uses all of them, and not one best"
        " image or center."
    ),
    limits=(
        "An image without another one of its person has no label (NaN). Labels of identities with"
        " few images are noisy."
    ),
    cost="label: a few hundred similarities; student: one forward pass",
)

_ROWS = 1024


def similarity_distribution_distance(
    embeddings: NDArray[np.floating[Any]],
    identities: ArrayLike,
    *,
    samples: int = 24,
    rounds: int = 12,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Returns the mean distance of mated and non-mated similarities, min-max scaled [1, Eq. 6-8].

    Each round draws up to `samples` different other images of the same identity and `samples`
    images of other identities per image, and takes the Wasserstein-1 distance between the two sets
    of cosines. The mean of the rounds is min-max scaled to [0, 1] over the images.

    Cost is linear in N: partners are drawn by random shifts inside a random order of the identity,
    so no list of all pairs is ever made. The shifts are shared by the images of an identity in one
    round; each image still gets distinct partners.

    Args:
        embeddings: (N,D) of any length, float32, float16 or a memory map of either.
        identities: (N,) who is on the image, at least two people.
        samples: most mated, and number of non-mated, cosines per image and round.
        rounds: rounds that are averaged.
        seed: decides the partners.

    Returns:
        (N,) float32 in [0, 1], higher is better; NaN where the image has no mate, which is a
        missing label: leave it out.

    Raises:
        ShapeError, InputError: NaN or zero rows, one identity only, counts below 1.

    >>> import numpy as np
    >>> e = np.array([[1.0, 0], [1.0, 0], [0.6, 0.8], [0, 1.0], [0, 1.0]])
    >>> similarity_distribution_distance(e, ["a", "a", "a", "b", "b"]).argmin()
    np.int64(2)
    """
    embeddings = checks.matrix(embeddings, "embeddings")
    checks.in_range(samples, "samples", 1, np.inf)
    checks.in_range(rounds, "rounds", 1, np.inf)
    code, classes = encode(identities, len(embeddings))
    if len(code) and classes < 2:
        raise InputError(
            f"identities must name at least 2 people, got {classes}; there are no non-mated pairs."
        )
    length = np.ones(len(code), np.float32)
    for piece in batches(len(code), _ROWS):
        rows = embeddings[piece].astype(np.float32)
        length[piece] = np.einsum("nd,nd->n", rows, normalize(rows, "embeddings"))
    total = np.zeros(len(code))
    for number in range(rounds):
        total += _round(embeddings, length, code, samples, np.random.default_rng((seed, number)))
    return min_max(total / rounds).astype(np.float32)


def wasserstein_rows(
    first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Returns the Wasserstein-1 distance of row i of `first` (N,a) and of `second` (N,b): (N,).

    The integral of |F - G| over the merged values, for all rows at once.

    >>> import numpy as np
    >>> wasserstein_rows(np.array([[0.0, 1.0]]), np.array([[0.5]])).tolist()
    [0.5]
    """
    values = np.concatenate([first, second], axis=1).astype(np.float64)
    step = np.concatenate(
        [
            np.full(first.shape[1], 1 / first.shape[1]),
            np.full(second.shape[1], -1 / second.shape[1]),
        ]
    )
    # The height between two neighbors is the difference of the two distribution functions there.
    order = np.argsort(values, axis=1)
    height = np.cumsum(step[order], axis=1)[:, :-1]
    return np.sum(
        np.abs(height) * np.diff(np.take_along_axis(values, order, axis=1), axis=1), axis=1
    )


def _round(
    embeddings: NDArray[np.floating[Any]],
    length: NDArray[np.float32],
    code: NDArray[np.int64],
    samples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """One round's distances, NaN without a mate."""
    result = np.full(len(code), np.nan)
    order = np.argsort(code, kind="stable")
    for rows in groups(code):
        if len(rows) < 2:
            continue
        start = int(np.searchsorted(code[order], code[rows[0]]))
        shuffled = rng.permutation(rows)
        for piece in batches(len(rows), _ROWS):
            place = np.arange(piece.start, piece.stop)
            # A shift of 1 or more never meets the image itself, and different shifts never agree.
            shifts = 1 + rng.permutation(len(rows) - 1)[:samples]
            mates = shuffled[(place[:, None] + shifts) % len(rows)]
            # Rows are in the order of their identity: a draw of the others skips its own stretch.
            draw = rng.integers(0, len(code) - len(rows), (len(place), samples))
            others = order[draw + len(rows) * (draw >= start)]
            own = shuffled[place]
            result[own] = wasserstein_rows(
                _cosines(embeddings, length, own, mates), _cosines(embeddings, length, own, others)
            )
    return result


def _cosines(
    embeddings: NDArray[np.floating[Any]],
    length: NDArray[np.float32],
    own: NDArray[np.int64],
    partners: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Cosine of image own[i] with each of partners[i]: (n,k)."""
    mine, theirs = embeddings[own].astype(np.float32), embeddings[partners].astype(np.float32)
    cosine: NDArray[np.float32] = np.einsum("nd,nkd->nk", mine, theirs) / (
        length[own, None] * length[partners]
    )
    return cosine


def labeler() -> Labeler:
    """Returns how `fiqa label sdd_fiqa` works."""

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        value = similarity_distribution_distance(
            job.needed_vectors(), job.identities, seed=work.seed, **options
        )
        return Labels(value, "no_mate", range=(0.0, 1.0))

    return Labeler(run, options_of(similarity_distribution_distance), needs_of(CARD))
