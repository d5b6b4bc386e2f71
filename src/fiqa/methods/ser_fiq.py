"""SER-FIQ: a good face is one whose vector stays when parts of the network are dropped.

[1] Terhorst, Kolf, Damer, Kirchbuchner, Kuijper: SER-FIQ: Unsupervised Estimation of Face Image
    Quality Based on Stochastic Embedding Robustness, CVPR 2020.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.methods.probe import Probe, content_seed, torch_recognizer
from fiqa.types import FloatArray, MethodCard, PathLike, Recognizer

if TYPE_CHECKING:
    from torch import Tensor

    from fiqa.nets.recognizer import TorchRecognizer

__all__ = ["CARD", "robustness", "scorer"]

CARD = MethodCard(
    name="ser_fiq",
    paper="Terhorst, Kolf, Damer, Kirchbuchner, Kuijper: SER-FIQ (CVPR 2020)",
    year=2020,
    family="probe",
    needs=("crops", "recognizer"),
    gives=("score",),
    extras=("train",),
    preprocess="as the recognizer's card says",
    weights=(
        "none of its own; a recognizer in torch that was trained with dropout before its last layer"
    ),
    summary="How little a face's vector moves over 100 passes of dropout and the last layer.",
    equation="q = 2 / (1 + exp(mean over pairs of passes of |e_s - e_t|)), e unit vectors",
    use=(
        "Take it when your recognizer was trained with dropout: the score is then about that"
        " recognizer and needs nothing else."
    ),
    limits=(
        "A recognizer without dropout cannot be asked. `dropout=` puts dropout before the last"
        " layer, for which the network was not trained. Nothing keeps the vector of a blank crop"
        " from being stable. Chance makes 5 % of the variance between faces at 100 passes, and 19 %"
        " at 25 (a MobileFaceNet, dropout .4; `seed_spread` measures it for yours)."
    ),
    cost="one forward pass and 100 of the last layer",
)

X0, W = 0.648, 0.01
"""So that a median face of LFW's development set gets about 75 and its worst tenth at most 35, with
a MobileFaceNet and dropout .4."""
PASSES = 100
_BATCH = 32


def robustness(vectors: Tensor) -> Tensor:
    """Returns 2 / (1 + exp(mean distance between two of the unit vectors)) [1, Eq. 1]: in 0..1.

    It is a scalar for (T,D) vectors of any length, T at least 2; the distance is Euclidean.
    """
    import torch

    # In float64: with nearly equal vectors the distances are differences of almost the same.
    unit = torch.nn.functional.normalize(vectors.double(), dim=1)
    return 2 / (1 + torch.nn.functional.pdist(unit).mean().exp())


def _measured(
    recognizer: TorchRecognizer, passes: int, dropout: float, crops: NDArray[np.uint8], seed: int
) -> FloatArray:
    """Robustness of each crop: (n,).

    The trunk runs once; the masks of a crop come from its content.
    """
    import torch

    net: Any = recognizer.net
    with torch.no_grad():
        features = net.trunk(recognizer.tensor(crops))
        result = np.empty(len(crops), np.float32)
        for i, crop in enumerate(crops):
            draw = torch.Generator().manual_seed(content_seed(crop, seed))
            kept = (
                torch.rand((passes, *features.shape[1:]), generator=draw).to(features.device)
                >= dropout
            )
            # As dropout does: what is kept is scaled up, so that the mean stays.
            result[i] = float(robustness(net.tail(features[i] * kept / (1 - dropout))))
    return result


def scorer(
    *,
    recognizer: PathLike | Recognizer,
    passes: int = PASSES,
    dropout: float = 0.0,
    seed: int = 0,
    x0: float = X0,
    w: float = W,
    batch: int = _BATCH,
) -> Probe:
    """Returns the probe.

    Args:
        recognizer: torch weights with a card, or a TorchRecognizer; its network has `trunk(x)` and
            `tail(features)`.
        passes: T, at least 2.
        dropout: share that is dropped before the last layer, in [0, 1); 0 takes what the
            recognizer's card says it was trained with.
        seed: of the dropped parts, with the content of the crop.
        x0, w: calibration of the 0..100 scale.
        batch: faces per pass of the trunk.

    Raises: InputError (a recognizer without dropout, or not in two pieces; numbers out of range),
    WeightsError, MissingExtraError.
    """
    network = torch_recognizer(recognizer, "SER-FIQ")
    checks.in_range(passes, "passes", 2, float("inf"))
    checks.in_range(dropout, "dropout", 0, 1, open_high=True)
    if not all(hasattr(network.net, piece) for piece in ("trunk", "tail")):
        raise InputError(
            "SER-FIQ needs a recognizer in two pieces, trunk(x) and tail(features),"
            f" {type(network.net).__name__} is not.",
            hint="give the network these two methods; dropout stands between them",
        )
    share = dropout or network.dropout
    if not share:
        raise InputError(
            "SER-FIQ needs a recognizer that was trained with dropout before its last layer,"
            f" {network.name} has none (its card says 0).",
            hint="say dropout=0.4 to put one there all the same; the scores then say so",
        )
    return Probe(
        CARD.name,
        network,
        partial(_measured, network, passes, share),
        settings={
            "passes": passes,
            "dropout": share,
            "trained_with": network.dropout,
            "seed": seed,
        },
        calibration=(x0, w),
        batch=batch,
        preprocess=network.input.line(),
    )
