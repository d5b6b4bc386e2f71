"""Recipes: everything that decides a training run, as frozen dataclasses read from TOML.

A key that no table has is refused with the closest one, and so is a value of another type. Paths
are taken from the working directory.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from fiqa import checks
from fiqa.data.reading import reader
from fiqa.errors import InputError, ReadError
from fiqa.training.plain import from_plain, to_plain
from fiqa.training.settings import OBJECTIVES, Settings
from fiqa.training.shipped import check_shipped
from fiqa.types import PathLike
from fiqa.vocabulary import FACTORS

__all__ = [
    "METRICS",
    "Augment",
    "Data",
    "Group",
    "Loss",
    "Model",
    "Optim",
    "Recipe",
    "Run",
    "read_recipe",
    "resolve",
]

METRICS = ("mae", "rmse", "spearman", "spearman_identity", "spearman_middle", "step")
"""What a checkpoint can be chosen by; the first two are better when lower.

By `step` the last one is kept.
"""


@dataclass(frozen=True)
class Data:
    """`faces` what fiqa.scan takes (aligned crops); `labels` a quality file; `factors` a table with
    factor columns, as `fiqa score --explain` writes it, or "".

    `split` says how the share `validation` is chosen: "identity" holds out whole people, "stride"
    every k-th image of the list sorted by label, "column" the rows whose `split` in the manifest is
    validation. `size` is the side of the crops in pixels. `cache` is a folder for decoded crops, ""
    the run's own. `per_identity` images of one person come together in a batch (a ranking loss
    needs at least 2). `rescale` brings the labels to 0..1 by their least and largest. `confidence`
    is a quality file that says of every image how far its label is to be trusted, for objectives
    that ask, or "". `folds` trains so often again, each time with other people put aside, and says
    the standard error of the validation metrics: for fewer than 10 validation people; 0 does not.
    """

    faces: str
    labels: str
    factors: str = ""
    split: Literal["identity", "stride", "column"] = "identity"
    validation: float = 0.1
    size: int = 112
    cache: str = ""
    per_identity: int = 1
    rescale: bool = False
    confidence: str = ""
    folds: int = 0

    def __post_init__(self) -> None:
        if self.folds:
            checks.in_range(self.folds, "data.folds", 2, float("inf"))
            if self.split != "identity":
                raise InputError(
                    f"data.folds must go with data.split = 'identity', got {self.split!r}: folds"
                    " part people."
                )
        checks.in_range(self.validation, "data.validation", 0, 1, open_low=True, open_high=True)
        checks.in_range(self.size, "data.size", 32, 1024)
        checks.in_range(self.per_identity, "data.per_identity", 1, float("inf"))


@dataclass(frozen=True)
class Model:
    """`backbone` a name of fiqa.nets.catalog; `embedding` 0 for its pooled features, else the
    length of its own vector; `weights` a local file for it, "fiqa" or "fiqa-large" to start from a
    model that comes with fiqa (quality and factors too), or "".

    `factors` are predicted too. `mean` and `std` are of RGB / 255. `freeze_batchnorm` keeps the
    running statistics as they are.

    `output` says how a regression ends. "linear" may give any number, for labels on any scale. For
    labels in 0..1 "sigmoid" and "clip" end there: a sigmoid in training and after; or a line in
    training, as a clip has no gradient beyond its ends, and its clip to 0..1 in validation and in
    the exported file.
    """

    backbone: str = "mobilenet_v3_small"
    embedding: int = 0
    weights: str = ""
    factors: tuple[str, ...] = ()
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    freeze_batchnorm: bool = False
    output: Literal["linear", "sigmoid", "clip"] = "linear"

    def __post_init__(self) -> None:
        checks.in_range(self.embedding, "model.embedding", 0, float("inf"))
        checks.in_range(min(self.std), "model.std", 0, float("inf"), open_low=True)
        for name in self.factors:
            checks.choice(name, "factor", FACTORS)


@dataclass(frozen=True)
class Augment:
    """`flip`, `blur`, `noise` and `degrade` are probabilities; `color` is the largest relative
    change of brightness, contrast and saturation (never on grey).

    `degrade` spoils crops as the `preset` of fiqa.faces.degrade does, all crops of one person and
    level alike: such a crop has no label of its own any more, so it counts in the ranking loss
    alone.
    """

    flip: float = 0.5
    color: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    degrade: float = 0.0
    preset: Literal["web", "cabin"] = "web"

    def __post_init__(self) -> None:
        for name in ("flip", "color", "blur", "noise", "degrade"):
            checks.in_range(getattr(self, name), f"augment.{name}", 0, 1)


@dataclass(frozen=True)
class Loss:
    """`objective` is a name of fiqa.training.settings.

    For regression: `quality` times `weight`, plus `ranking` times the pairwise ranking loss, plus
    `factors` times the mean absolute error of the factors; the other objectives have a table of
    their own name instead.

    Ranking compares images of one person inside one of the middle levels; `level_cuts` are the
    labels between unusable, low, medium, good and perfect, for labels files without a column
    `level`; a column `similarity` gives the order inside a level, else the label does.
    """

    objective: str = "regression"
    quality: Literal["l1", "smooth_l1"] = "l1"
    beta: float = 0.5
    weight: float = 1.0
    ranking: float = 0.0
    factors: float = 0.0
    level_cuts: tuple[float, float, float, float] = (0.2, 0.43333, 0.66667, 0.9)

    def __post_init__(self) -> None:
        checks.choice(self.objective, "loss.objective", OBJECTIVES)
        plain = Loss.objective, Loss.level_cuts
        if (
            self.objective != plain[0]
            and dataclasses.replace(self, objective=plain[0], level_cuts=plain[1]) != Loss()
        ):
            raise InputError(
                "[loss] must have nothing but objective and level_cuts when the objective is"
                f" {self.objective}.",
                hint=f"its settings go into the table [{self.objective}]",
            )
        checks.in_range(self.beta, "loss.beta", 0, float("inf"), open_low=True)
        for name in ("weight", "ranking", "factors"):
            checks.in_range(getattr(self, name), f"loss.{name}", 0, float("inf"))
        if not self.weight + self.ranking + self.factors > 0:
            raise InputError("loss must have a term: weight, ranking and factors are all 0.")
        if sorted(set(self.level_cuts)) != list(self.level_cuts):
            raise InputError(
                f"loss.level_cuts must be strictly ascending, got {list(self.level_cuts)}."
            )


@dataclass(frozen=True)
class Group:
    """Parameters with a rate of their own: those whose name begins with `prefix`, or the `last` so
    many tensors that no earlier group took."""

    lr: float
    prefix: str = ""
    last: int = 0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        checks.in_range(self.lr, "lr of a group", 0, float("inf"), open_low=True)
        checks.in_range(self.weight_decay, "weight_decay of a group", 0, float("inf"))
        if bool(self.prefix) == (self.last > 0):
            raise InputError("a group must have either a prefix or a number of last tensors.")


@dataclass(frozen=True)
class Optim:
    """`groups` take their parameters first; the `rest` trains with `lr` and `weight_decay`, or is
    frozen. `warmup` counts epochs; `clip` 0 is no clipping.

    All of these are the network's; what an objective learns for itself trains with `objective_lr`
    (0: as `lr`) and `objective_weight_decay`.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 1e-4
    weight_decay: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.9
    batch: int = 128
    epochs: int = 50
    warmup: float = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float = 0.0
    groups: tuple[Group, ...] = ()
    rest: Literal["train", "freeze"] = "train"
    objective_lr: float = 0.0
    objective_weight_decay: float = 0.0

    def __post_init__(self) -> None:
        checks.in_range(self.lr, "optim.lr", 0, float("inf"), open_low=True)
        for name in ("weight_decay", "warmup", "clip", "objective_lr", "objective_weight_decay"):
            checks.in_range(getattr(self, name), f"optim.{name}", 0, float("inf"))
        checks.in_range(self.batch, "optim.batch", 2, float("inf"))
        checks.in_range(self.epochs, "optim.epochs", 1, float("inf"))
        checks.in_range(self.momentum, "optim.momentum", 0, 1, open_high=True)


@dataclass(frozen=True)
class Run:
    """`evaluate` times an epoch; a checkpoint is kept for each metric in `select`, the first being
    the one that is exported.

    `device` auto takes a GPU where there is one. `bf16`, `channels_last` and `compile` trade
    exactness for speed. `workers` threads prepare batches ahead; `threads` is torch's own on the
    CPU, 0 for its default. `save_minutes` lie between two checkpoints to resume from, besides those
    at each evaluation.
    """

    evaluate: int = 1
    select: tuple[str, ...] = ("mae",)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    bf16: bool = False
    channels_last: bool = False
    compile: bool = False
    workers: int = 2
    threads: int = 0
    save_minutes: float = 5.0

    def __post_init__(self) -> None:
        checks.in_range(self.evaluate, "run.evaluate", 1, float("inf"))
        checks.in_range(self.workers, "run.workers", 1, 256)
        checks.in_range(self.threads, "run.threads", 0, 1024)
        checks.in_range(self.save_minutes, "run.save_minutes", 0, float("inf"))
        if not self.select:
            raise InputError(f"run.select must name at least one of {', '.join(METRICS)}.")
        for name in self.select:
            checks.choice(name, "metric", METRICS)


Own = TypeVar("Own", bound=Settings)


@dataclass(frozen=True)
class Recipe:
    """A whole run. `settings` is the objective's table, which has the objective's name in TOML.

    `seed` decides everything random.
    """

    data: Data
    model: Model = field(default_factory=Model)
    augment: Augment = field(default_factory=Augment)
    loss: Loss = field(default_factory=Loss)
    optim: Optim = field(default_factory=Optim)
    run: Run = field(default_factory=Run)
    settings: Settings = field(default_factory=Settings)
    seed: int = 0

    def __post_init__(self) -> None:
        checks.seed(self.seed)
        if self.loss.ranking and self.data.per_identity < 2:
            raise InputError(
                "data.per_identity must be at least 2 for a ranking loss, which compares images of"
                " one person, got 1."
            )
        if bool(self.loss.factors) != bool(self.model.factors):
            raise InputError(
                "loss.factors and model.factors must go together: a weight and the factors that it"
                " is for."
            )
        if self.loss.factors and not self.data.factors:
            raise InputError("data.factors must name a table of factors for a factor loss.")
        if self.augment.degrade and not self.loss.ranking:
            raise InputError(
                "augment.degrade needs a ranking loss: a degraded crop has no label of its own."
            )
        if self.model.output != "linear" and self.loss.objective != "regression":
            raise InputError(
                f"model.output must be linear, as the objective {self.loss.objective} has an end of"
                f" its own, got {self.model.output}."
            )
        check_shipped(self)
        if self.data.confidence and not OBJECTIVES[self.loss.objective].CONFIDENCE:
            raise InputError(
                f"data.confidence must be empty: the objective {self.loss.objective} asks for none."
            )

    def own(self, kind: type[Own]) -> Own:
        """Returns the objective's table.

        Raises InputError where the recipe holds that of another objective.
        """
        if not isinstance(self.settings, kind):
            raise InputError(
                f"settings of the recipe must be {kind.__name__}, got"
                f" {type(self.settings).__name__}."
            )
        return self.settings

    def record(self) -> dict[str, Any]:
        """Returns the recipe as plain JSON values, every default spelled out; `resolve` takes it
        back."""
        plain: dict[str, Any] = to_plain(self)
        own = plain.pop("settings")
        return plain | ({self.loss.objective: own} if own else {})


@reader
def read_recipe(path: PathLike, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Returns the recipe of a TOML file with `settings` applied over it.

    Args:
        path: the file.
        settings: "TABLE.KEY" -> value, over those of the file.

    Raises:
        ReadError: no such file, or not TOML.
        UnknownNameError: a key that no table has.
        InputError: a value of another type or out of range.
    """
    content = _content(Path(path))
    for name, value in (settings or {}).items():
        _apply(content, name, value)
    return resolve(content)


def _content(file: Path) -> dict[str, Any]:
    """What a TOML file holds."""
    if not file.is_file():
        raise ReadError(
            f"A recipe must be a file, and there is none at {str(file)!r}.", status="not_found"
        )
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReadError(f"{str(file)!r} must be TOML: {error}.", status="corrupt") from error


def resolve(content: Mapping[str, Any]) -> Recipe:
    """Returns the recipe of plain values, as TOML or `Recipe.record` gives them.

    Raises: UnknownNameError, InputError.

    >>> resolve({"data": {"faces": "crops", "labels": "q.csv"}, "optim": {"lr": 1}}).optim.lr
    1.0
    """
    loss = content.get("loss") if isinstance(content, Mapping) else None
    name = loss.get("objective", Loss.objective) if isinstance(loss, Mapping) else Loss.objective
    kind = OBJECTIVES[checks.choice(name, "loss.objective", OBJECTIVES)]
    if name not in content:
        return dataclasses.replace(
            from_plain(Recipe, content, ""), settings=from_plain(kind, {}, name)
        )
    rest = {key: value for key, value in content.items() if key != name}
    return dataclasses.replace(
        from_plain(Recipe, rest, ""), settings=from_plain(kind, content[name], name)
    )


def _apply(content: dict[str, Any], name: str, value: Any) -> None:
    """Puts the value at its dotted name into the content of a recipe."""
    *tables, key = [part.strip() for part in name.split(".")]
    for table in tables:
        content = content.setdefault(table, {})
        if not isinstance(content, dict):
            raise InputError(
                f"A setting must be TABLE.KEY=VALUE, and {table!r} is no table in {name!r}."
            )
    content[key] = value
