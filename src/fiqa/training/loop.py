"""The training loop: batches in, steps, evaluations, checkpoints.

It is the same from the beginning and from where a run was cut off.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fiqa.errors import EvidenceError, InputError
from fiqa.nets.catalog import load_weights
from fiqa.nets.shipped import load_shipped
from fiqa.training import checkpoint
from fiqa.training.batches import Batch, Prefetched, epoch_batches, make_batch
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples, Rows
from fiqa.training.evaluation import agreement, better, outputs, predict, to_input
from fiqa.training.features import frozen
from fiqa.training.groups import objective_group, optimizer, parameter_groups, rate
from fiqa.training.log import write_history
from fiqa.training.objectives import Targets, objective
from fiqa.training.parallel import Place, first_buffers, gathered, synchronize
from fiqa.training.shipped import SHIPPED, weights_file
from fiqa.types import PathLike

__all__ = ["Step", "device_of", "fit", "network"]


@dataclass(frozen=True)
class Step:
    """Where a run stands after a step.

    Attributes:
        step: its number, from 1.
        total: steps of the whole run.
        row: the newest row of the history, None before the first.
        resumed: the step that the run went on from, 0 for a new one.
    """

    step: int
    total: int
    row: dict[str, Any] | None
    resumed: int


@dataclass
class _Position:
    """Everything but tensors that a run needs to go on.

    Attributes:
        key: digest of what the run is made from.
        step: done so far.
        sums: of the losses over the `count` steps since the last evaluation.
        count: see `sums`.
        images: seen so far.
        seconds: of training so far.
        mark: images, seconds and seconds waited at the last evaluation.
        waited: seconds in which the device waited for data.
        best: metric -> its best value.
        history: one row per evaluation.
    """

    key: str
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    images: int = 0
    seconds: float = 0.0
    mark: tuple[int, float, float] = (0, 0.0, 0.0)
    waited: float = 0.0
    best: dict[str, float | None] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def network(recipe: Recipe) -> nn.Module:
    """Returns the recipe's network as it is before the first step.

    It is random from the seed, with the backbone's weights where the recipe names a file. With
    `model.weights = "fiqa"` (or "fiqa-large") it is the whole model that comes with fiqa.

    Raises:
        WeightsError, UnsafeFileError, UnknownNameError, InputError: as load_weights and the
            objective's network.
    """
    kind = objective(recipe)
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        net = kind.network(recipe)
    if recipe.model.weights in SHIPPED:
        load_shipped(net, weights_file(recipe))
    elif recipe.model.weights:
        load_weights(net.get_submodule("backbone"), recipe.model.weights)
    return net


def device_of(recipe: Recipe, place: Place | None = None) -> torch.device:
    """Returns where the recipe trains.

    Raises:
        InputError: it wants a GPU and there is none.
    """
    if recipe.run.device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "run.device is cuda and there is no GPU that torch can use.",
            hint="--set run.device=auto",
        )
    cuda = recipe.run.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda", place.local if place else 0) if cuda else torch.device("cpu")


def fit(
    recipe: Recipe,
    data: Examples,
    folder: PathLike,
    *,
    key: str,
    place: Place | None = None,
    watch: Callable[[Step], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Trains to the end and returns the history, one row per evaluation (fiqa.training.log).

    Args:
        recipe: what to do.
        data: what to learn from.
        folder: where checkpoints and metrics.csv go; a run of the same key that is there goes on.
        key: what the run is made from, as a digest.
        place: which process this is; alone when None.
        watch: called after every step.

    Raises:
        InputError: the folder holds a run of another key.
        WeightsError: its state cannot be used.
        EvidenceError: the run has diverged.
        WriteError: the disk refused.
    """
    return _Fit(recipe, data, folder, key, place or Place(), watch).run()


class _Fit:
    def __init__(
        self,
        recipe: Recipe,
        data: Examples,
        folder: PathLike,
        key: str,
        place: Place,
        watch: Callable[[Step], None],
    ) -> None:
        self.recipe, self.data, self.folder = recipe, data, folder
        self.place, self.watch = place, watch
        if recipe.run.threads:
            torch.set_num_threads(recipe.run.threads)
        torch.manual_seed(recipe.seed)
        self.device = device_of(recipe, place)
        self.net = network(recipe).to(self.device)
        if recipe.run.channels_last:
            self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Draws of its own, so that an objective with layers does not change those of the network.
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed + 1)
            self.objective = objective(recipe)(recipe, data).to(self.device)
        groups = parameter_groups(self.net, recipe.optim) + objective_group(
            self.objective, recipe.optim
        )
        self.optimizer = optimizer(groups, recipe.optim)
        self.frozen = (
            frozen(self.net, recipe, data, recipe.data.cache or folder)
            if place.world == 1
            else None
        )
        self.model = self._wrapped()
        self.per_epoch = len(epoch_batches(data, recipe, 0))
        self.total = self.per_epoch * recipe.optim.epochs
        position = checkpoint.load_state(folder, self.net, self.objective, self.optimizer, key=key)
        self.at = _Position(**position) if position else _Position(key)
        self.resumed = self.at.step
        self.sums: dict[str, Any] = dict(self.at.sums)

    def _wrapped(self) -> nn.Module:
        model: nn.Module = self.net
        run = self.recipe.run
        if self.place.world > 1:
            if self.device.type == "cuda":
                synchronize(self.net, ("backbone",) if self.recipe.model.freeze_batchnorm else ())
            model = DistributedDataParallel(
                model, device_ids=[self.device.index] if self.device.type == "cuda" else None
            )
        return torch.compile(model) if run.compile else model  # type: ignore[return-value]

    def run(self) -> list[dict[str, Any]]:
        """From where the run stands to its end."""
        saved = time.monotonic()
        self._train_mode()
        begin = self.at.step
        for epoch in range(begin // self.per_epoch, self.recipe.optim.epochs):
            # Batches are a function of seed and epoch: those that are done are passed over.
            rows = epoch_batches(self.data, self.recipe, epoch)[
                max(0, begin - epoch * self.per_epoch) :
            ]
            make = partial(self._make, epoch)
            ready = Prefetched(make, rows, workers=self.recipe.run.workers)
            # `ready` counts its own waiting from 0, anew in every epoch.
            before = self.at.waited
            clock = time.perf_counter()
            for batch in ready:
                self._step(batch)
                if self.at.step % self.per_epoch == 0:
                    self._end_epoch(epoch)
                now = time.perf_counter()
                self.at.seconds, clock = self.at.seconds + now - clock, now
                self.at.waited = before + ready.waited
                evaluated = self._due()
                if evaluated:
                    self._evaluate()
                if evaluated or time.monotonic() - saved >= 60 * self.recipe.run.save_minutes:
                    self._save(history=evaluated)
                    saved = time.monotonic()
                self.watch(self._progress())
                clock = time.perf_counter()
        return self.at.history

    def _make(self, epoch: int, rows: Rows) -> Batch:
        place, pixels = self.place, self.frozen is None
        return make_batch(
            self.data, self.recipe, epoch, rows, rank=place.rank, world=place.world, pixels=pixels
        )

    def _train_mode(self) -> None:
        self.model.train()
        if self.recipe.model.freeze_batchnorm:
            for layer in self.net.get_submodule("backbone").modules():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.eval()

    def _step(self, batch: Batch) -> None:
        optim, at = self.recipe.optim, self.at
        factor = rate(
            at.step,
            total=self.total,
            warmup=round(optim.warmup * self.per_epoch),
            schedule=optim.schedule,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.run.bf16):
            own = self._outputs(batch)
        outputs = gathered(own.float(), self.place, _counts(len(batch.label), self.place.world))
        terms = self.objective.losses(outputs, Targets.of(batch, self.device))
        self.optimizer.zero_grad(set_to_none=True)
        # Every process holds the loss of the whole batch and the gradient of its share; their mean,
        # times the processes, is the whole gradient.
        (terms["loss"] * self.place.world).backward()  # type: ignore[no-untyped-call]
        for own_param in self.objective.parameters():
            if own_param.grad is not None:
                # These saw the whole batch, in every process alike.
                own_param.grad.div_(self.place.world)
        if optim.clip:
            nn.utils.clip_grad_norm_(self.net.parameters(), optim.clip)
        self.optimizer.step()
        at.step, at.images, at.count = at.step + 1, at.images + len(batch.label), at.count + 1
        for name, value in terms.items():
            # Kept on the device: reading a number would make every step wait for it.
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().double()

    def _outputs(self, batch: Batch) -> Tensor:
        """What the network gives for this process's share of a batch."""
        if self.frozen:
            return self.frozen(batch.row[batch.own])
        inputs = to_input(batch.crops, self.recipe.model, self.device)
        if self.recipe.run.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        result: Tensor = self.model(inputs)
        return result

    def _end_epoch(self, epoch: int) -> None:
        self.objective.end_epoch(epoch, self._outputs_of, Path(self.folder))
        first_buffers(self.objective, self.place)
        # The objective may have asked the network in evaluation mode.
        self._train_mode()

    def _outputs_of(self, rows: Rows) -> Iterator[Tensor]:
        return outputs(self.net, self.data, rows, self.recipe.model, self.frozen)

    def _due(self) -> bool:
        """After the steps that split an epoch in equal parts; the last of them ends it."""
        times, step = (
            min(self.recipe.run.evaluate, self.per_epoch),
            (self.at.step - 1) % self.per_epoch + 1,
        )
        return step * times // self.per_epoch != (step - 1) * times // self.per_epoch

    def _evaluate(self) -> None:
        at = self.at
        images, seconds, waited = at.mark
        # A resumed run may be evaluated in the tick of the clock in which it began.
        passed = max(at.seconds - seconds, 1e-9)
        row = {
            "step": at.step,
            "epoch": at.step / self.per_epoch,
            "images": at.images,
            "lr": max(group["lr"] for group in self.optimizer.param_groups),
            **{name: value / at.count for name, value in self._finite_sums().items()},
            "seconds": at.seconds,
            "images_per_second": (at.images - images) / passed,
            "waiting": (at.waited - waited) / passed,
        }
        # In every process: only the first one evaluates, but all keep the same position.
        self.sums, at.count, at.mark = {}, 0, (at.images, at.seconds, at.waited)
        if self.place.first:
            rows = self.data.validation
            pred = predict(
                self.net, self.data, rows, self.recipe.model, self.objective.scores, self.frozen
            )
            row |= agreement(pred, self.data, rows)
            self._train_mode()
            for metric in self.recipe.run.select:
                if metric not in at.best or better(metric, row[metric], at.best[metric]):
                    at.best[metric] = row[metric]
                    checkpoint.save_best(self.folder, metric, self.net, row)
        at.history.append(row)

    def _finite_sums(self) -> dict[str, float]:
        """The sums as numbers, which waits for the device, so it is not done at every step."""
        sums = {
            name: float(self.sums[name])
            for name in ("loss", *self.objective.TERMS)
            if name in self.sums
        }
        if not all(map(math.isfinite, sums.values())):
            raise EvidenceError(
                f"the loss must be finite, it was not before step {self.at.step}.",
                hint="a lower optim.lr, or optim.clip",
            )
        return sums

    def _save(self, *, history: bool) -> None:
        self.at.sums = self._finite_sums()
        if not self.place.first:
            return
        if history:
            write_history(self.folder, self.at.history, self.objective.TERMS)
        checkpoint.save_state(
            self.folder, self.net, self.objective, self.optimizer, dict(vars(self.at))
        )

    def _progress(self) -> Step:
        history = self.at.history
        return Step(self.at.step, self.total, history[-1] if history else None, self.resumed)


def _counts(rows: int, world: int) -> list[int]:
    ends = [rows * part // world for part in range(world + 1)]
    return [high - low for low, high in pairwise(ends)]
