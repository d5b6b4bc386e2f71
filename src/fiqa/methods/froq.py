"""FROQ: how strongly chosen layers inside a recognizer answer to a face.

A few faces that were scored before say which layers, and in which direction.

    [1] Babnik, Jain, Peer, Struc: FROQ: Observing Face Recognition Models for Efficient Quality
        Assessment, IJCB 2025.

The idea is the paper's: intermediate activations as quality, found by a calibration on
pseudo-labels, without training. Ours are: the statistic (length of the layer's output), the search
(greedy, by rank correlation) and the reference, which is any quality of a few hundred faces
(`faceqan` serves; nobody labels).
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.data.reading import reader
from fiqa.errors import InputError
from fiqa.functional.agreement import spearman
from fiqa.functional.batches import batches
from fiqa.methods.probe import Probe, torch_recognizer
from fiqa.types import MethodCard, PathLike, Recognizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fiqa.nets.recognizer import TorchRecognizer

__all__ = ["CARD", "Layer", "choose_layers", "layer_norms", "scorer"]

CARD = MethodCard(
    name="froq",
    paper=(
        "Babnik, Jain, Peer, Struc: FROQ: Observing Face Recognition Models for Efficient Quality"
        " Assessment (IJCB 2025)"
    ),
    year=2025,
    family="probe",
    needs=("crops", "recognizer", "prior"),
    gives=("score",),
    extras=("train",),
    preprocess="as the recognizer's card says",
    weights=(
        "none of its own; any recognizer in torch, and scores of some hundred faces to choose its"
        " layers by"
    ),
    summary=(
        "Lengths of the outputs of a few layers of a recognizer, chosen by their agreement with"
        " scores of a few faces."
    ),
    equation=(
        "q = mean over chosen layers of s_l (|a_l(x)| - m_l) / d_l; s sign, m mean, d deviation of"
        " the layer's length on the reference faces"
    ),
    use=(
        "Take it when a slow probe is good and too slow: score some hundred faces with the probe,"
        " and let the layers replace it on all others."
    ),
    limits=(
        "It follows the paper's idea. The statistic, the greedy search and the free choice of"
        " reference are ours, so expect other numbers than the paper's. It inherits the faults of"
        " its reference, and knows nothing of kinds of faces that the reference lacks."
    ),
    cost="one forward pass, that of recognition itself",
)

X0, W = -0.65, 0.65
"""So that the median of the reference faces gets about 75 and their worst tenth at most 35."""
COUNT = 4
_FEWEST = 20
_GAIN = 1e-3
_BATCH = 32
# Greedy search tries each layer at every step: those that agree least alone are not worth it.
_SEARCHED = 60


class Layer(NamedTuple):
    """A chosen layer.

    Attributes:
        name: in the network.
        sign: of its agreement.
        mean, deviation: of its output's length on the reference faces.
    """

    name: str
    sign: float
    mean: float
    deviation: float


def layer_norms(net: nn.Module, x: Tensor, names: list[str]) -> Tensor:
    """Returns the Euclidean length of the output of each named module, (N,L) for (N,3,S,S) crops.

    A module that runs several times is measured at its last call.

    Raises:
        InputError: a module that did not run, or whose output is no tensor with a row per crop.
    """
    import torch

    named = dict(net.named_modules())
    lengths: dict[str, Tensor] = {}

    def watch(name: str) -> Any:
        def keep(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.ndim > 1 and len(output) == len(x):
                lengths[name] = output.flatten(1).double().norm(dim=1)

        return keep

    with ExitStack() as hooks, torch.no_grad():
        for name in names:
            hooks.enter_context(
                named[checks.choice(name, "layer", named)].register_forward_hook(watch(name))
            )
        net(x)
    if lost := [name for name in names if name not in lengths]:
        raise InputError(
            f"A layer must give a tensor with a row per crop, {', '.join(lost)} did not."
        )
    return torch.stack([lengths[name] for name in names], 1)


def choose_layers(
    recognizer: TorchRecognizer,
    crops: NDArray[np.uint8],
    reference: ArrayLike,
    *,
    count: int = COUNT,
) -> tuple[Layer, ...]:
    """Returns the layers whose lengths together agree best with `reference`, as they were taken.

    Greedy: first the layer with the largest absolute Spearman correlation; then, again and again,
    the one that raises the correlation of the mean of the signed, standardized lengths most, until
    `count` are taken or none raises it by .001. Layers are the modules that hold others or
    parameters.

    Args:
        recognizer: that is observed.
        crops: (N,S,S,3) uint8 RGB, at least 20, of all qualities.
        reference: (N,) their quality by another method, higher is better, not constant.
        count: at most so many layers, at least 1.

    Raises:
        InputError: too few crops, NaN or constant reference, no layer that varies.
        ShapeError: crops or reference.
    """
    crops = checks.crops(crops)
    target = checks.finite(
        checks.array(reference, "reference", shape=(len(crops),), dtype=np.float64), "reference"
    )
    checks.in_range(count, "count", 1, float("inf"))
    if len(crops) < _FEWEST or np.ptp(target) == 0:
        raise InputError(
            f"FROQ needs at least {_FEWEST} reference faces whose scores differ, got {len(crops)}"
            f"{'' if len(crops) < _FEWEST else ' with the same score'}.",
            hint="score some hundred faces of all qualities with another method first",
        )
    names = [name for name, module in recognizer.net.named_modules() if name and _watched(module)]
    length = np.concatenate(
        [
            layer_norms(recognizer.net, recognizer.tensor(crops[rows]), names).cpu().numpy()
            for rows in batches(len(crops), _BATCH)
        ]
    )
    mean, deviation = length.mean(axis=0), length.std(axis=0)
    # What varies by less is the rounding of float32 and agrees with anything.
    able = np.flatnonzero(deviation > 1e-6 * np.abs(mean))
    if not len(able):
        raise InputError(
            f"FROQ needs a layer that answers differently to the reference faces, {recognizer.name}"
            " has none."
        )
    agree = np.zeros(len(names))
    agree[able] = [spearman(length[:, i], target) for i in able]
    standard = (length - mean) / np.where(deviation > 0, deviation, 1) * np.sign(agree)
    pool = sorted(able, key=lambda i: -abs(agree[i]))[:_SEARCHED]
    taken = _greedy(standard, target, [int(i) for i in pool], count)
    return tuple(
        Layer(names[i], float(np.sign(agree[i])), float(mean[i]), float(deviation[i]))
        for i in taken
    )


def _watched(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _greedy(
    standard: NDArray[np.float64], target: NDArray[np.float64], pool: list[int], count: int
) -> list[int]:
    # The pool is in the order of agreement: its first layer is the best one alone.
    taken, best = [pool[0]], spearman(standard[:, pool[0]], target)
    while len(taken) < count:
        rest = [i for i in pool if i not in taken]
        reached = [spearman(standard[:, [*taken, i]].mean(axis=1), target) for i in rest]
        if not rest or max(reached) < best + _GAIN:
            break
        best = max(reached)
        taken.append(rest[int(np.argmax(reached))])
    return taken


def _measured(
    recognizer: TorchRecognizer, layers: tuple[Layer, ...], crops: NDArray[np.uint8], _: int
) -> NDArray[np.floating]:
    """The mean of the signed, standardized lengths of the layers for each crop: (n,)."""
    names = [layer.name for layer in layers]
    sign, mean, deviation = (np.array([layer[k] for layer in layers]) for k in (1, 2, 3))
    length = layer_norms(recognizer.net, recognizer.tensor(crops), names).cpu().numpy()
    return ((length - mean) / deviation * sign).mean(axis=1)


def scorer(
    *,
    recognizer: PathLike | Recognizer,
    reference: PathLike | tuple[NDArray[np.uint8], ArrayLike],
    count: int = COUNT,
    x0: float = X0,
    w: float = W,
    batch: int = _BATCH,
) -> Probe:
    """Returns the probe, its layers chosen.

    Args:
        recognizer: torch weights with a card, or a TorchRecognizer.
        reference: (crops, scores), see `choose_layers`; or a table that `fiqa score --aligned`
            wrote, whose `path` leads to the crops.
        count: at most so many layers.
        x0, w: calibration of the 0..100 scale.
        batch: faces at once.

    Raises: InputError, ShapeError, ReadError (table or crops), WeightsError, MissingExtraError.
    """
    network = torch_recognizer(recognizer, "FROQ")
    crops, scores = (
        reference if isinstance(reference, tuple) else _read(reference, network.input.size)
    )
    layers = choose_layers(network, crops, scores, count=count)
    return Probe(
        CARD.name,
        network,
        partial(_measured, network, layers),
        settings={
            "layers": "+".join(layer.name for layer in layers),
            "reference_faces": len(crops),
        },
        calibration=(x0, w),
        batch=batch,
        preprocess=network.input.line(),
    )


@reader
def _read(path: PathLike, size: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Crops at `size` and raw scores of a table's rows that have both."""
    import cv2

    from fiqa.data.images import read_image
    from fiqa.data.tables import decode_text, read_table
    from fiqa.errors import ReadError

    frame = read_table(path)
    if lost := {"path", "raw"} - set(frame.columns):
        raise ReadError(
            f"{os.fspath(path)!r} must have the columns path and raw, it lacks"
            f" {', '.join(sorted(lost))}."
        )
    frame = frame.filter(frame["raw"].is_not_null())
    images = [read_image(decode_text(name)).pixels for name in frame["path"].to_list()]
    if any(image.shape[0] != image.shape[1] for image in images):
        raise InputError(
            f"The images of {os.fspath(path)!r} must be aligned crops, some are not square."
        )
    crops = [np.asarray(cv2.resize(image, (size, size)), np.uint8) for image in images]
    return np.stack(crops) if crops else np.empty((0, size, size, 3), np.uint8), frame[
        "raw"
    ].to_numpy()
