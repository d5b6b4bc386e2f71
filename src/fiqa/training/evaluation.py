"""What validation says of a network: its predictions, and how they agree with the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fiqa.errors import EvidenceError
from fiqa.functional.agreement import mae, per_identity, rmse, spearman
from fiqa.functional.batches import batches
from fiqa.training.config import Model
from fiqa.training.dataset import Examples, Rows
from fiqa.types import FloatArray

__all__ = ["agreement", "better", "outputs", "predict", "to_input"]

_BATCH = 64


def to_input(crops: NDArray[np.uint8], model: Model, device: torch.device) -> Tensor:
    """Returns (N,3,S,S) float32 (x / 255 - mean) / std for (N,S,S,3) uint8 RGB.

    The bytes travel to `device`, and the floats are made there.
    """
    pixels = torch.from_numpy(crops).to(device, non_blocking=True).permute(0, 3, 1, 2)
    mean, std = (
        torch.tensor(values, device=device)[:, None, None] for values in (model.mean, model.std)
    )
    return (pixels / 255 - mean) / std


def outputs(
    net: nn.Module,
    data: Examples,
    rows: Rows,
    model: Model,
    frozen: Callable[[Rows], Tensor] | None = None,
) -> Iterator[Tensor]:
    """Yields what the network in evaluation mode gives for some crops as they are.

    Each is a batch (n,K) float32, on the network's device.

    `frozen` gives it instead, where the backbone's features are known (fiqa.training.features).
    """
    # Left as it was: validation in the middle of an epoch must not change how it goes on.
    was, device = net.training, next(net.parameters()).device
    net.eval()
    for part in batches(len(rows), _BATCH):
        with torch.no_grad():
            chunk = rows[part]
            output = (
                frozen(chunk)
                if frozen
                else net(to_input(np.asarray(data.crops[chunk]), model, device))
            )
        yield output.float()
    net.train(was)


def predict(
    net: nn.Module,
    data: Examples,
    rows: Rows,
    model: Model,
    scores: Callable[[Tensor], Tensor] = lambda output: output,
    frozen: Callable[[Rows], Tensor] | None = None,
) -> FloatArray:
    """Returns (len(rows), 1 + F) float32: the `scores` in what the network gives.

    See fiqa.training.objectives.base.Objective.
    """
    return np.concatenate(
        [scores(output).cpu().numpy() for output in outputs(net, data, rows, model, frozen)]
    )


def agreement(pred: FloatArray, data: Examples, rows: Rows) -> dict[str, float | None]:
    """Returns the validation metrics of (len(rows), 1 + F) predictions.

    A metric is None where the rows cannot support it (a constant, no identity with two images).

    `spearman` over all rows; `spearman_identity` per person, then averaged; `spearman_middle` the
    same on the levels low, medium and good alone.

    Raises:
        EvidenceError: a prediction that is not finite.
    """
    value, label = pred[:, 0], data.label[rows]
    if not np.isfinite(pred).all():
        raise EvidenceError(
            f"predictions must be finite, got {int((~np.isfinite(pred)).sum())} of {pred.size} that"
            " are not; the run has diverged.",
            hint="a lower optim.lr, or optim.clip",
        )
    who, middle = data.identity[rows], data.middle[rows]
    low, high = np.quantile(value, (0.1, 0.9))
    labelled = np.isfinite(data.factors[rows])
    return {
        "mae": mae(value, label),
        "rmse": rmse(value, label),
        "spearman": _or_none(lambda: spearman(value, label)),
        "spearman_identity": _or_none(lambda: per_identity(spearman, value, label, who)[0]),
        "spearman_middle": _or_none(
            lambda: per_identity(spearman, value[middle], data.order[rows][middle], who[middle])[0]
        ),
        "mae_factors": (
            float(np.abs(pred[:, 1:] - data.factors[rows])[labelled].mean())
            if labelled.any()
            else None
        ),
        "q90_q10": float(high - low),
        "std": float(value.std()),
    }


def better(metric: str, new: Any, old: Any) -> bool:
    """Tells whether `new` beats `old` by a metric.

    Errors are better when lower, correlations when higher; anything beats None, and None nothing.
    """
    if new is None or old is None:
        return new is not None
    return bool(new < old) if metric in ("mae", "rmse") else bool(new > old)


def _or_none(measure: Callable[[], float]) -> float | None:
    try:
        return measure()
    except EvidenceError:
        return None
