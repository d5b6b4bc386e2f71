"""Embedding norm as quality: the length of a recognizer's vector before it is normalized.

It is the classic that needs nothing but the recognizer.

A recognizer trained with a softmax loss gives hard faces short vectors; MagFace (Meng et al., CVPR
2021) trains it so on purpose. What a MagFace-trained recognizer gives is named `magface`, what any
other gives `norm`: the recognizer's card says which (its `objective`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import InputError
from fiqa.methods.labeler import Job, Labeler, Labels, Work
from fiqa.methods.probe import Probe, opened
from fiqa.types import Embeddings, MethodCard, PathLike, Quality, Recognizer

__all__ = ["CARD", "embedding_norm", "labeler", "scorer"]

CARD = MethodCard(
    name="norm",
    paper=(
        "Ranjan, Castillo, Chellappa: L2-constrained Softmax Loss for Discriminative Face"
        " Verification (arXiv 2017)"
    ),
    year=2017,
    family="classic",
    needs=("crops", "recognizer"),
    gives=("score",),
    preprocess="as the recognizer's card says",
    weights="none of its own; any recognizer, ONNX or torch",
    summary=(
        "Length of the recognizer's vector before it is normalized; called magface where the"
        " recognizer was trained by MagFace."
    ),
    equation="q = |f(x)|",
    use="Take it as the baseline when you compute the embedding anyway: it costs nothing more.",
    limits=(
        "It is only as good as the training made it: nothing keeps a recognizer from giving a"
        " blank crop a long vector. The scale is the recognizer's own."
    ),
    cost="one forward pass, that of recognition itself",
)

X0, W = 16.0, 1.4
"""So that a median face of LFW's development set gets about 75 and its worst tenth at most 35, with
a MobileFaceNet trained by ArcFace."""
MAGFACE = "magface"
_BATCH = 32


def embedding_norm(embeddings: Embeddings, *, name: str | None = None) -> Quality:
    """Returns the length of each vector as its image's quality, higher is better.

    Args:
        embeddings: with the norms that the network gave.
        name: of the method; None is "norm of <recognizer>".

    Raises:
        InputError: every norm is the same, as of vectors that were stored after normalizing.

    >>> import numpy as np
    >>> ids, unit = np.array(["a", "b"]), np.eye(2, dtype=np.float32)
    >>> quality = embedding_norm(Embeddings(ids, unit, np.float32([9, 12]), "r"))
    >>> quality.method, quality.value.tolist()
    ('norm of r', [9.0, 12.0])
    """
    # A norm that is taken again of normalized float32 vectors differs by rounding alone.
    if len(embeddings) > 1 and np.ptp(embeddings.norm) <= 1e-5 * float(
        np.abs(embeddings.norm).max()
    ):
        raise InputError(
            "The norm as a quality needs vectors whose lengths were kept, those of"
            f" {embeddings.recognizer or 'this recognizer'} are all {float(embeddings.norm[0]):g}.",
            hint="compute the embeddings with `fiqa embed`, which keeps the norm apart",
        )
    method = name if name is not None else f"norm of {embeddings.recognizer or 'the recognizer'}"
    return Quality(
        embeddings.id,
        embeddings.norm.astype(np.float64),
        method,
        provenance={"recognizer": embeddings.recognizer},
    )


def _measured(recognizer: Recognizer, crops: NDArray[np.uint8], _: int) -> NDArray[np.floating]:
    """The length of each crop's vector: (n,)."""
    vectors = np.asarray(recognizer.embed(crops))
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))


def scorer(
    *,
    recognizer: PathLike | Recognizer,
    x0: float = X0,
    w: float = W,
    batch: int = _BATCH,
) -> Probe:
    """Returns a scorer by the length of the vector.

    It is named "magface" where the recognizer's card says that it was trained so, else "norm".

    Args:
        recognizer: an .onnx file or torch weights with a card, or anything with `name` and
            `embed(crops)`.
        x0, w: calibration of the 0..100 scale; the default fits one MobileFaceNet, other
            recognizers need their own.
        batch: faces at once.

    Raises:
        InputError, WeightsError, MissingExtraError: torch weights only.
    """
    network = opened(recognizer)

    spec = getattr(network, "input", None)
    trained = getattr(network, "objective", "") == MAGFACE
    return Probe(
        MAGFACE if trained else CARD.name,
        network,
        partial(_measured, network),
        settings={},
        calibration=(x0, w),
        batch=batch,
        preprocess=spec.line() if spec is not None else f"as {network.name} sees it",
    )


def labeler() -> Labeler:
    """Returns how `fiqa label norm` works: the lengths that fiqa embed keeps."""

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        if job.norm is None:
            raise InputError("norm needs embeddings with the lengths of their vectors.")
        if len(job.norm) > 1 and np.ptp(job.norm) < 1e-3:
            raise InputError(
                f"norm needs lengths that differ, got {job.norm.min():.4f}..{job.norm.max():.4f}.",
                hint=(
                    "these embeddings were normalized and their lengths not kept; make them with"
                    " fiqa embed"
                ),
            )
        return Labels(job.norm.astype(np.float32))

    return Labeler(run, needs=("embeddings",))
