"""GraFIQs: how strongly a face would have to change to look like what the recognizer knows.

What changes are its activations, toward those of the training.

    [1] Kolf, Damer, Boutros: GraFIQs: Face Image Quality Assessment Using Gradient Magnitudes, CVPR
        Workshops 2024.

Every BatchNorm2d layer remembers the mean and variance that its channels had in training. The
distance of one face's own statistics from them is a loss; the size of its gradient says how far the
face is from what the network knows.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.methods.probe import Probe, torch_recognizer
from fiqa.types import MethodCard, PathLike, Recognizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fiqa.nets.recognizer import TorchRecognizer

__all__ = ["CARD", "gradient_magnitude", "scorer"]

CARD = MethodCard(
    name="grafiqs",
    paper=(
        "Kolf, Damer, Boutros: GraFIQs: Face Image Quality Assessment Using Gradient Magnitudes"
        " (CVPR Workshops 2024)"
    ),
    year=2024,
    family="probe",
    needs=("crops", "recognizer"),
    gives=("score",),
    extras=("train",),
    preprocess="as the recognizer's card says",
    weights="none of its own; a recognizer with BatchNorm2d layers in torch",
    summary=(
        "Minus the size of the gradient that would bring a face's BatchNorm statistics to those of"
        " the recognizer's training."
    ),
    equation=(
        "q = - sum |dL/dx|, L = mean over BatchNorm2d layers of MSE(mean, running mean) + MSE(var,"
        " running var)"
    ),
    use=(
        "Take it as a first quality for any recognizer that you have as torch weights. It needs no"
        " label and no training, and nothing is random."
    ),
    limits=(
        "It knows what the recognizer saw, and not what the recognizer can tell apart. So noise or"
        " a blank crop may beat a face (with one MobileFaceNet, white noise beat a fifth of LFW's"
        " faces). The scale is the recognizer's own."
    ),
    cost="one forward and one backward pass, about 3 forward passes",
)

X0, W = -130.0, 46.0
"""So that a median face of LFW's development set gets about 75 and its worst tenth at most 35, with
a MobileFaceNet trained by ArcFace."""
IMAGE = "image"
_BATCH = 16


def gradient_magnitude(net: nn.Module, x: Tensor, *, at: str = IMAGE) -> Tensor:
    """Returns the sum of absolute gradients of the statistics loss [1].

    They are with respect to the image, or to a block's output.

        L_i = mean over layers l of MSE(mean_il, running mean_l) + MSE(var_il, running var_l)
        result_i = sum |dL_i / d at_i|

    mean_il and var_il (biased) are those of one face over height and width of the input of layer l,
    per channel. In evaluation the samples of a batch do not see each other, so one backward pass of
    the sum of all L_i gives every face its own gradient.

    Args:
        net: in evaluation, with BatchNorm2d layers that keep running statistics.
        x: (N,3,S,S) preprocessed crops; they are left alone.
        at: "image", or the name of a module of `net` whose output is meant; layers before it do not
            count then.

    Returns:
        (N,), at least 0, lower is better.

    Raises:
        InputError: no such layers, or none after `at`.
        UnknownNameError: at.
    """
    import torch

    named = dict(net.named_modules())
    layers = [layer for layer in named.values() if isinstance(layer, torch.nn.BatchNorm2d)]
    if not layers or any(layer.running_mean is None for layer in layers):
        raise InputError(
            "GraFIQs needs a recognizer with BatchNorm2d layers that keep running statistics,"
            f" {type(net).__name__} has {len(layers)} BatchNorm2d"
            f" layers{', some without' if layers else ''}.",
            hint="take another probe: faceqan, ser_fiq or norm",
        )
    if at != IMAGE:
        checks.choice(at, "at", [IMAGE, *filter(None, named)])
    losses: list[Tensor] = []
    starts: list[Tensor] = []

    def watch(layer: Any, inputs: tuple[Tensor, ...]) -> None:
        mean = inputs[0].mean((2, 3))
        variance = (inputs[0] - mean[:, :, None, None]).square().mean((2, 3))
        distance = (mean - layer.running_mean).square() + (variance - layer.running_var).square()
        losses.append(distance.mean(1))

    def start(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        starts.append(output.detach().requires_grad_())
        return starts[-1].clone()  # what follows may change it in place

    with ExitStack() as hooks, torch.enable_grad():
        for layer in layers:
            hooks.enter_context(layer.register_forward_pre_hook(watch))
        if at == IMAGE:
            starts.append(x.detach().clone().requires_grad_())
            net(starts[0])
        else:
            hooks.enter_context(named[at].register_forward_hook(start))
            net(x.detach())
        loss = torch.stack(losses).mean(0).sum()
        gradient = (
            torch.autograd.grad(loss, starts, allow_unused=True)[0] if loss.requires_grad else None
        )
        if len(starts) != 1 or gradient is None:
            raise InputError(
                "at must name a module that runs once and has a BatchNorm2d layer after it, got"
                f" {at!r}."
            )
    return gradient.abs().flatten(1).sum(1)


def _measured(
    recognizer: TorchRecognizer, at: str, crops: NDArray[np.uint8], _: int
) -> NDArray[np.floating]:
    """Minus the magnitude of each crop: (n,)."""
    found = gradient_magnitude(recognizer.net, recognizer.tensor(crops), at=at)
    result: NDArray[np.floating] = -found.cpu().numpy()
    return result


def scorer(
    *,
    recognizer: PathLike | Recognizer,
    at: str = IMAGE,
    x0: float = X0,
    w: float = W,
    batch: int = _BATCH,
) -> Probe:
    """Returns the probe.

    Args:
        recognizer: torch weights with a card, or a TorchRecognizer.
        at: "image", or the block whose output the gradient is taken of; see `gradient_magnitude`.
        x0, w: calibration of the 0..100 scale; the default fits one MobileFaceNet, other
            recognizers need their own.
        batch: faces per pass.

    Raises: InputError, UnknownNameError, WeightsError, MissingExtraError.
    """
    network = torch_recognizer(recognizer, "GraFIQs")
    return Probe(
        CARD.name,
        network,
        partial(_measured, network, at),
        settings={"at": at},
        calibration=(x0, w),
        batch=batch,
        preprocess=network.input.line(),
    )
