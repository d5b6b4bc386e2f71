"""What training minimizes: one module per objective, which a recipe's `loss.objective` names.

How to add one:

1. In fiqa.training.settings: a frozen dataclass that derives from Settings, with the keys of its
   table [NAME] and their defaults (checked in __post_init__), and a line in OBJECTIVES. A key whose
   value is a file goes into FILES. Unknown keys are refused, and recipe.json spells out the
   defaults, by themselves.
2. Here: NAME.py with a class that derives from Objective, and `OBJECTIVE = ThatClass`. What is
   needed after training hangs on the class, what is needed while training on an instance:
   - `network(recipe)`: a module with a `backbone` (fiqa.nets.catalog.backbone makes it);
     (N,3,S,S) float -> (N,K) float, one row per image: a quality, an embedding, both side by side,
     probabilities.
   - `scores(output)`: the quality (N,1) of these rows, higher is better: validation, `run.select`
     and `fiqa export` use it.
   - `deployed(recipe, net, folder)`, only if the model file holds more than quality and
     `model.factors`.
   - `__init__(recipe, data)`: call super. nn.Parameters and layers made here (class centers:
     `data.classes` counts them; an MLP) train with `optim.objective_lr` and
     `optim.objective_weight_decay`; buffers and they are in checkpoints, neither is exported. A
     table per image: keep a tensor by row of `data`, joined by `data.ids`, and index it with
     `batch.row`.
   - `losses(output, batch)`: {"loss": total, **those of TERMS}; the rows are the whole batch in
     every process, `batch` says what each row is. Pairs of one person in a batch: compare
     `batch.identity`, and set `data.per_identity` to 2 or more.
   - `end_epoch(...)`, only if something happens between epochs.
3. tests/unit/training/objectives/test_NAME.py: the losses against a slow loop, and a run on the
   fixture `trainable` that learns.
"""

from __future__ import annotations

from importlib import import_module

from fiqa.training.config import Recipe
from fiqa.training.objectives.base import Deployed, Objective, Served, Targets

__all__ = ["Deployed", "Objective", "Served", "Targets", "objective"]


def objective(recipe: Recipe) -> type[Objective]:
    """Returns the class of the recipe's objective."""
    kind: type[Objective] = import_module(f"{__name__}.{recipe.loss.objective}").OBJECTIVE
    return kind
