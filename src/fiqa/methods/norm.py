"""Embedding norm as quality: the length of a recognizer's vector before it is normalized, the classic that needs nothing but the recognizer.

A recognizer trained with a softmax loss gives hard faces short vectors; MagFace (Meng et al., CVPR 2021) trains it so on purpose.
"""

from __future__ import annotations

import numpy as np

from fiqa.errors import InputError
from fiqa.types import Embeddings, Quality

__all__ = ["embedding_norm"]


def embedding_norm(embeddings: Embeddings, *, name: str | None = None) -> Quality:
    """Returns the length of each vector as its image's quality, higher is better.

    Args:
        embeddings: with the norms that the network gave.
        name: of the method; None is "norm of <recognizer>".

    Raises:
        InputError: every norm is the same, as of vectors that were stored after normalizing.

    >>> import numpy as np
    >>> vectors = Embeddings(np.array(["a", "b"]), np.eye(2, dtype=np.float32), np.float32([9, 12]), "r")
    >>> quality = embedding_norm(vectors)
    >>> quality.method, quality.value.tolist()
    ('norm of r', [9.0, 12.0])
    """
    # A norm that is taken again of normalized float32 vectors differs by rounding alone.
    if len(embeddings) > 1 and np.ptp(embeddings.norm) <= 1e-5 * float(np.abs(embeddings.norm).max()):
        raise InputError(
            f"The norm as a quality needs vectors whose lengths were kept, those of {embeddings.recognizer or 'this recognizer'} are all "
            f"{float(embeddings.norm[0]):g}.",
            hint="compute the embeddings with `fiqa embed`, which keeps the norm apart",
        )
    method = name if name is not None else f"norm of {embeddings.recognizer or 'the recognizer'}"
    return Quality(embeddings.id, embeddings.norm, method, provenance={"recognizer": embeddings.recognizer})
