"""What a frozen backbone gives for crops that do not change, computed once.

Once for a run, or for all runs that share a cache.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fiqa.data.lock import alone
from fiqa.data.reading import reading
from fiqa.data.store import atomic_path, fingerprint
from fiqa.errors import EvidenceError
from fiqa.nets.heads import BackboneNet
from fiqa.training.config import Augment, Recipe
from fiqa.training.dataset import Examples, Rows, inputs_digest
from fiqa.training.evaluation import outputs
from fiqa.types import FloatArray, PathLike

__all__ = ["Frozen", "frozen"]

_PLAIN = Augment(flip=0.0)
_log = logging.getLogger(__name__)


class Frozen:
    """A network whose backbone does not change.

    Attributes:
        net: the network.
        table: (N,W) what its backbone gives for every row of the data.
    """

    def __init__(self, net: BackboneNet, table: FloatArray) -> None:
        self.net, self.table = net, table

    def __call__(self, rows: Rows) -> Tensor:
        """Returns what the network gives for some rows, on the network's device.

        Gradients reach what stands on the backbone.
        """
        return self.net.from_features(
            torch.from_numpy(self.table[rows]).to(next(self.net.parameters()).device)
        )


def frozen(net: nn.Module, recipe: Recipe, data: Examples, folder: PathLike) -> Frozen | None:
    """Returns the network with its backbone's features; None where epochs would change them.

    The features are computed unless they lie in `folder`.

    They are where no parameter of the backbone trains, its statistics are frozen and crops are not
    augmented. The backbone is in evaluation mode.

    Raises:
        WriteError: the disk refused.
    """
    if (
        not isinstance(net, BackboneNet)
        or not recipe.model.freeze_batchnorm
        or recipe.augment != _PLAIN
    ):
        return None
    # A layer that learns gives other features in every epoch.
    if any(value.requires_grad for value in net.backbone.parameters()):
        return None
    file = Path(folder) / f"features-{_key(net.backbone, recipe, data)}.npy"
    with alone(file):
        if not file.is_file():
            _log.info(
                "the backbone is frozen: its features of %d crops are computed once, into %s",
                len(data.ids),
                file,
            )
            _compute(net.backbone, recipe, data, file)
    with reading(file):
        return Frozen(net, np.load(file, mmap_mode="r"))


def _compute(trunk: nn.Module, recipe: Recipe, data: Examples, file: Path) -> None:
    done, count = 0, len(data.ids)
    table: np.memmap[Any, np.dtype[np.float32]] | None = None
    with atomic_path(file) as aside:
        for features in outputs(trunk, data, np.arange(count), recipe.model):
            if table is None:
                table = np.lib.format.open_memmap(
                    aside, "w+", np.float32, (count, features.shape[1])
                )
            table[done : done + len(features)] = features.cpu().numpy()
            done += len(features)
        if table is None:
            raise EvidenceError("A frozen backbone needs at least one crop, got none.")
        table.flush()


def _key(trunk: nn.Module, recipe: Recipe, data: Examples) -> str:
    """A digest of all that decides the features: images, their order, weights, preprocessing."""
    weights, model = hashlib.sha256(), recipe.model
    for name, value in trunk.state_dict().items():
        weights.update(name.encode())
        weights.update(value.detach().cpu().contiguous().numpy().tobytes())
    ids = hashlib.sha256(
        "\n".join(data.ids.tolist()).encode("utf-8", "surrogateescape")
    ).hexdigest()
    made = {"images": inputs_digest(recipe)["images"], "ids": ids, "weights": weights.hexdigest()}
    return fingerprint(
        made | {"mean": list(model.mean), "std": list(model.std), "backbone": model.backbone}
    )[:16]
