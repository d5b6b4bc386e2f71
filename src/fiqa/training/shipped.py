"""Training that begins with the model that comes with fiqa: what a recipe must then say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqa.errors import InputError
from fiqa.methods import bundled
from fiqa.methods.bundled import large
from fiqa.vocabulary import FACTORS

if TYPE_CHECKING:
    from fiqa.training.config import Recipe

__all__ = ["SHIPPED", "check_shipped", "factor_hidden", "weights_file"]

_FACTOR_HIDDEN = 128
"""The width of the layer that the factors of both models stand on."""

SHIPPED: dict[str, tuple[str, Path]] = {
    "fiqa": ("mobilefacenet_half", bundled.WEIGHTS),
    "fiqa-large": ("mobilefacenet", large.WEIGHTS),
}
"""In `model.weights`: a model that comes with fiqa -> its backbone and its file."""

_NEEDED: dict[str, Any] = {
    "model.embedding": 0,
    "model.mean": (0.485, 0.456, 0.406),
    "model.std": (0.229, 0.224, 0.225),
    "model.output": "linear",
    # The file has no statistics of BatchNorm: the exporter multiplied them into the weights.
    "model.freeze_batchnorm": True,
    "data.size": 112,
    "loss.objective": "regression",
}
"""Setting -> its value, without which the network would compute something else."""


def check_shipped(recipe: Recipe) -> None:
    """Refuses a recipe with which the model that comes with fiqa would compute something else.

    Args:
        recipe: any; nothing is asked of one with other weights.

    Raises:
        InputError: a setting has another value than the model needs.
    """
    if recipe.model.weights not in SHIPPED:
        return
    needed = {"model.backbone": SHIPPED[recipe.model.weights][0], **_NEEDED}
    for name, value in needed.items():
        table, _, key = name.partition(".")
        given = getattr(getattr(recipe, table), key)
        if given != value:
            raise InputError(
                f"{name} must be {value!r} where model.weights is {recipe.model.weights!r},"
                f" got {given!r}.",
                hint="recipes/finetune.toml has every setting that fiqa needs",
            )
    if recipe.model.factors not in ((), FACTORS):
        raise InputError(
            f"model.factors must be empty or {list(FACTORS)} where model.weights is"
            f" {recipe.model.weights!r}, got {list(recipe.model.factors)}."
        )


def factor_hidden(recipe: Recipe) -> int:
    """Returns the width of the layer before the factors: 0 but for a model that comes with fiqa."""
    return _FACTOR_HIDDEN if recipe.model.weights in SHIPPED else 0


def weights_file(recipe: Recipe) -> str:
    """Returns the path of the file that the recipe starts from, "" where it starts from none."""
    if recipe.model.weights in SHIPPED:
        return str(SHIPPED[recipe.model.weights][1])
    return recipe.model.weights
