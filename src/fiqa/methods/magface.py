"""MagFace: a recognizer trained so that the length of its raw vector is the quality.

    [1] Meng, Zhao, Huang, Zhou: MagFace: A Universal Representation for Face Recognition and
        Quality Assessment, CVPR 2021.

`fiqa train` with the objective "magface" trains one (recipes/magface.toml). The length of a vector
of any other recognizer is another method: `norm`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa.functional.calibration import unit_score
from fiqa.types import MethodCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CARD", "LONGEST", "SHORTEST", "length_penalty", "margin", "percent"]

CARD = MethodCard(
    name="magface",
    paper="Meng, Zhao, Huang, Zhou: MagFace (CVPR 2021)",
    year=2021,
    family="trained",
    needs=("crops", "identities"),
    gives=("train",),
    extras=("train",),
    preprocess="the network: aligned crop 112x112 RGB, mean and std of the recognizer it stands on",
    weights=(
        "train it with recipes/magface.toml; of the authors' recognizers"
        " (github.com/IrvingMeng/MagFace, MIT) the method norm takes the length"
    ),
    summary="Length of the vector of a recognizer whose margin grows with that length.",
    equation=(
        "softmax at scale 64 with cos(angle + m(a)) for the own class, m(a) = .45 + .35 (a - 10) /"
        " 100, + 35 mean(a / 110^2 + 1 / a); q = a = |e|"
    ),
    use=(
        "Take it when you train a recognizer anyway: its vector then carries the quality at no"
        " cost."
    ),
    limits=(
        "The whole recognizer has to be trained, on many people. Lengths can be compared inside"
        " one model only."
    ),
    cost="one forward pass of the recognizer, which gives the vector too",
)

SHORTEST, LONGEST = 10.0, 110.0
"""Between these lengths margin and penalty work."""
_LEAST, _MOST = 0.45, 0.8


def margin(length: Tensor) -> Tensor:
    """Returns the margin in radians of lengths: (N,) for (N,) [1, Eq. 4 and 4.1].

    It is .45 at length 10, .8 at 110, linear between and constant outside.
    """
    share = (length.clamp(SHORTEST, LONGEST) - SHORTEST) / (LONGEST - SHORTEST)
    return _LEAST + (_MOST - _LEAST) * share


def length_penalty(length: Tensor) -> Tensor:
    """Returns the mean of a / 110^2 + 1 / a, a the length kept in 10..110 [1, Eq. 5].

    It pulls lengths up where the face is easy.

    Args:
        length: (N,), above 0.

    Returns:
        a scalar; 0 for no rows.
    """
    a = length.clamp(SHORTEST, LONGEST)
    return (a / LONGEST**2 + 1 / a).sum() / max(len(length), 1)


def percent(length: ArrayLike) -> NDArray[np.float64]:
    """Returns 100 / (1 + exp((23 - length) / 2.6)): (N,) in 0..100.

    It is for the lengths of the authors' iResNet50; other networks need other numbers.

    Raises:
        ShapeError, InputError: NaN.

    >>> percent([10.0, 23.0, 36.0]).round(1).tolist()
    [0.7, 50.0, 99.3]
    """
    return 100 * unit_score(length, x0=23.0, w=2.6)
