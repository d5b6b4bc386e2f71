"""FaceQAN: a good face is one that little noise cannot move and that is like its mirror image.

It is its vector that an adversary moves.

[1] Babnik, Peer, Struc: FaceQAN: Face Image Quality Assessment Through Adversarial Noise
Exploration, ICPR 2022.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.methods.probe import Probe, content_seed, torch_recognizer
from fiqa.types import FloatArray, MethodCard, PathLike, Recognizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from fiqa.nets.recognizer import TorchRecognizer

__all__ = ["CARD", "explored", "quality", "scorer"]

CARD = MethodCard(
    name="faceqan",
    paper=(
        "Babnik, Peer, Struc: FaceQAN: Face Image Quality Assessment Through Adversarial Noise"
        " Exploration (ICPR 2022)"
    ),
    year=2022,
    family="probe",
    needs=("crops", "recognizer"),
    gives=("score",),
    extras=("train",),
    preprocess="as the recognizer's card says",
    weights="none of its own; any recognizer in torch",
    summary=(
        "How similar a face stays to itself under adversarial noise, times how similar it is to"
        " its mirror image."
    ),
    equation=(
        "q = [(1 + mean S)/2 * clip(1 - std S, 0, 1) * cos(f(x), f(flip x))]^5, S: cosines of f(x)"
        " and 10 noisy copies before each of 5 gradient steps"
    ),
    use=(
        "Take it as a slow reference: to score a few thousand faces once, or as the prior of label"
        " optimization."
    ),
    limits=(
        "It is slow. A profile gets a low score because of the mirror image, however useful it is."
        " A blank crop may keep a stable, symmetric vector, so detect first (with one MobileFaceNet"
        " a white crop beat four of five of LFW's faces)."
    ),
    cost=(
        "53 forward and 40 backward passes, about 130 forward passes: 1 to 2 s on a core with a"
        " MobileFaceNet"
    ),
)

X0, W = 0.54, 0.04
"""So that the median of 28 faces of LFW gets about 75 and their worst tenth at most 35, with a
MobileFaceNet trained by ArcFace."""
COPIES, STEPS, EPSILON = 10, 5, 0.001
_POWER = 5


def explored(
    embed: Callable[[Tensor], Tensor],
    pixels: Tensor,
    noise: Tensor,
    *,
    steps: int = STEPS,
    epsilon: float = EPSILON,
) -> Tensor:
    """Returns the cosines between each face and its noisy copies, step by step [1].

    They are recorded before each sign-gradient step on 1 - cos.

    A copy starts at pixels + noise and moves by epsilon * sign(gradient of its own 1 - cos), away
    from the face; it stays in 0..1.

    Differs from the published code: what a copy's pixels would have below 0 or above 1 is cut off;
    there, black ones may go below 0.

    Args:
        embed: (M,3,S,S) pixels in 0..1 -> (M,D) vectors; gradients pass through, samples do not see
            each other.
        pixels: (N,3,S,S) in 0..1.
        noise: (N,K,3,S,S), the K starts of each.
        steps: at least 1.
        epsilon: of a step, in pixel values of 0..1.

    Returns:
        (N, steps * K) cosines.
    """
    import torch

    count, copies = noise.shape[:2]
    with torch.no_grad():
        target = embed(pixels).repeat_interleave(copies, 0)
    moved = (pixels[:, None] + noise).flatten(0, 1).clamp(0, 1)
    cosines = []
    for step in range(steps):
        # Nothing is recorded after the last step, so it needs no gradient.
        last = step == steps - 1
        moved = moved.detach().requires_grad_(not last)
        with torch.set_grad_enabled(not last):
            cosine = torch.nn.functional.cosine_similarity(embed(moved), target)
        cosines.append(cosine.detach().view(count, copies))
        if not last:
            (gradient,) = torch.autograd.grad(-cosine.sum(), moved)
            moved = (moved + epsilon * gradient.sign()).clamp(0, 1)
    return torch.cat(cosines, 1)


def quality(similarity: NDArray[np.floating], symmetry: NDArray[np.floating]) -> FloatArray:
    """Returns the quality of cosines and symmetry, (N,) float32 in -1..1.

        [(1 + mean S)/2 * clip(1 - std S, 0, 1) * symmetry]^5 with its sign [1]

    Args:
        similarity: (N,M) cosines, S.
        symmetry: (N,) cosine between a face and its mirror image.

    >>> quality(np.array([[1.0, 1.0], [0.5, 0.7]]), np.array([1.0, 0.9])).round(3)
    array([1.   , 0.114], dtype=float32)
    """
    s = np.asarray(similarity, np.float64)
    steady = (1 + s.mean(axis=1)) / 2 * np.clip(1 - s.std(axis=1), 0, 1)
    return ((steady * np.asarray(symmetry, np.float64)) ** _POWER).astype(np.float32)


def _measured(
    recognizer: TorchRecognizer,
    copies: int,
    steps: int,
    epsilon: float,
    crops: NDArray[np.uint8],
    seed: int,
) -> FloatArray:
    import torch

    pixels = recognizer.pixels(crops)
    noise = torch.stack(
        [_noise(crop, copies, pixels.shape[1:], epsilon, seed) for crop in crops]
    ).to(pixels.device)
    similarity = explored(recognizer.vectors, pixels, noise, steps=steps, epsilon=epsilon)
    with torch.no_grad():
        symmetry = torch.nn.functional.cosine_similarity(
            recognizer.vectors(pixels), recognizer.vectors(pixels.flip(3))
        )
    return quality(similarity.cpu().numpy(), symmetry.cpu().numpy())


def _noise(
    crop: NDArray[np.uint8], copies: int, shape: tuple[int, ...], epsilon: float, seed: int
) -> Tensor:
    import torch

    draw = torch.Generator().manual_seed(content_seed(crop, seed))
    return (2 * torch.rand((copies, *shape), generator=draw) - 1) * epsilon


def scorer(
    *,
    recognizer: PathLike | Recognizer,
    copies: int = COPIES,
    steps: int = STEPS,
    epsilon: float = EPSILON,
    seed: int = 0,
    x0: float = X0,
    w: float = W,
    batch: int = 1,
) -> Probe:
    """Returns the probe.

    Args:
        recognizer: torch weights with a card, or a TorchRecognizer.
        copies: k, at least 1. steps: at least 1. epsilon: of the noise and of a step, above 0, in
            pixel values of 0..1.
        seed: of the noise, with the content of the crop.
        x0, w: calibration of the 0..100 scale.
        batch: faces at once, each with its copies; 1 makes a face's score the same to the last bit
            in any batch, a GPU wants more.

    Raises: InputError, WeightsError, MissingExtraError.
    """
    network = torch_recognizer(recognizer, "FaceQAN")
    for name, value in (("copies", copies), ("steps", steps)):
        checks.in_range(value, name, 1, float("inf"))
    checks.in_range(epsilon, "epsilon", 0, 1, open_low=True)
    return Probe(
        CARD.name,
        network,
        partial(_measured, network, copies, steps, epsilon),
        settings={"copies": copies, "steps": steps, "epsilon": epsilon, "seed": seed},
        calibration=(x0, w),
        batch=batch,
        preprocess=network.input.line(),
    )
