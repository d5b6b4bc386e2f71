"""CLIB-FIQA: quality and five factors as marginals of one joint distribution.

The confidence of each label is calibrated half-way.

    [1] Ou, Li, Wang, Kwong: CLIB-FIQA, CVPR 2024.

One run has both stages. Stage 1 fits quality and factors, and the merged-factor network beside
them. At its end the confidence of every image is computed and written to confidence.parquet; stage
2 goes on with soft labels as sharp as their confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fiqa.data.reading import reader
from fiqa.data.tables import decode_text, frame_of, read_table, write_table
from fiqa.errors import InputError
from fiqa.functional.soft import ANCHORS
from fiqa.methods.clib_fiqa import GRID, confidence
from fiqa.methods.clib_fiqa.graph import ClibGraph, card_outputs
from fiqa.methods.clib_fiqa.joint import expected, factor_joint, marginals
from fiqa.methods.clib_fiqa.losses import dynamic_weights, emd, focal, soft_label
from fiqa.methods.clib_fiqa.merged import MergedFactors
from fiqa.methods.clib_fiqa.table import Constant, JointNet, table_net
from fiqa.nets.catalog import BACKBONES
from fiqa.training.checkpoint import objective_state
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples, Rows
from fiqa.training.objectives.base import Deployed, Objective, Targets
from fiqa.training.settings import CLIB_FACTORS, ClibFiqa

__all__ = ["OBJECTIVE", "ClibObjective", "confidence_path", "factor_levels"]


class ClibObjective(Objective):
    """`weight` times the EMD of the quality marginal plus the focal loss of the factors [1, Eq. 7].

    That is their mean (or sum), and in stage 1 the merged-factor network's own EMD comes to it.

    The labels file must have the columns of `fiqa label clib_fiqa`: value, and a word of the
    prompts for each factor. The network gives (N,360).
    """

    LABEL_SCALE = True
    TERMS = ("loss_quality", "loss_merged", *(f"loss_{name}" for name in CLIB_FACTORS))
    rho: Tensor
    levels: Tensor
    calibrated: Tensor
    means: Tensor
    sums: Tensor
    steps: Tensor

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        self.own = recipe.own(ClibFiqa)
        self.merged = MergedFactors()
        terms = 1 + len(self.own.factors)
        levels = factor_levels(recipe.data.labels, data.ids, self.own.factors)
        self.register_buffer("levels", torch.from_numpy(levels), persistent=False)
        self.register_buffer("rho", torch.from_numpy(data.confidence.astype(np.float32)))
        self.register_buffer("calibrated", torch.tensor(bool(recipe.data.confidence)))
        # of the terms in the last two epochs and in this one, for the dynamic weight average
        self.register_buffer("means", torch.zeros(2, terms))
        self.register_buffer("sums", torch.zeros(terms))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @classmethod
    def network(cls, recipe: Recipe) -> JointNet:
        """Returns the offline form, or where `tower` names a CLIP its image tower and its text.

        The text is a constant matrix.
        """
        own = recipe.own(ClibFiqa)
        if not own.tower:
            body = recipe.model
            return table_net(
                body.backbone,
                embedding=body.embedding,
                hidden=own.hidden,
                dim=own.dim,
                scale=own.scale,
            )
        return _clip_net(recipe, own.tower)

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns the expected quality (N,1), in [.1, .9]."""
        return expected(marginals(output)["quality"])[:, None]

    @classmethod
    def deployed(cls, recipe: Recipe, net: nn.Module, folder: Path) -> Deployed:
        """Returns quality, the five factors and the probabilities behind them.

        They stand before a constant text matrix, and with the confidence where there was a stage 1.
        """
        own, joint, merged = recipe.own(ClibFiqa), cast("JointNet", net), None
        if own.stage1 and not recipe.data.confidence:
            merged = MergedFactors()
            state = objective_state(folder)
            merged.load_state_dict({name: state[f"merged.{name}"] for name in merged.state_dict()})
        with torch.no_grad():
            graph = ClibGraph(
                nn.Sequential(joint.backbone, joint.projection),
                joint.text(),
                float(joint.logit_scale.exp()),
                merged=merged,
                beta=own.beta,
                softmax_again=own.softmax_again,
            )
        about = (
            f'{own.tower}, text="clip"'
            if own.tower
            else f'{recipe.model.backbone}, text="table" (no CLIP)'
        )
        any_size = not own.tower and BACKBONES[recipe.model.backbone].size is None
        return Deployed(graph, card_outputs(confidence=merged is not None), about, any_size)

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns the total and its terms; the merged-factor network's in stage 1 alone."""
        own, marginal = self.own, marginals(output)
        label = soft_label(batch.label, own.beta * self.rho[batch.row], distance=own.distance)
        terms = {"loss_quality": _mean(emd(marginal["quality"], label, form=own.emd), batch.weight)}
        for column, name in enumerate(own.factors):
            level = self.levels[batch.row, column]
            each = focal(marginal[name], level, gamma=own.gamma, form=own.focal)
            terms[f"loss_{name}"] = _mean(each, batch.weight * (level >= 0))
        each_factor = 1.0 if own.factor_sum else 1 / max(len(own.factors), 1)
        share = [own.weight] + [each_factor for _ in own.factors]
        parts = torch.stack(
            [weight * term for weight, term in zip(share, terms.values(), strict=True)]
        )
        # Detached: the weights are found from the terms and are nothing to minimize.
        total = (parts * self._reweighted(parts.detach())).sum()
        if self._stage_1():
            merged = self.merged(factor_joint(output))
            terms["loss_merged"] = _mean(emd(merged, label, form=own.emd), batch.weight)
            total = total + terms["loss_merged"]
        return {"loss": total, **terms}

    def end_epoch(self, epoch: int, give: Callable[[Rows], Iterator[Tensor]], folder: Path) -> None:
        """Writes the confidence of every image at the end of stage 1 to confidence.parquet.

        Its columns: id, value, and the three opinions it weighs.
        """
        if self.own.dynamic:
            self.means = torch.stack([self.means[1], self.sums / self.steps.clamp_min(1)])
            self.sums.zero_()
            self.steps.zero_()
        if not self._stage_1() or epoch + 1 != self.own.stage1:
            return
        opinions = [self._opinions(output) for output in give(np.arange(len(self.data.ids)))]
        quality, merged = (
            np.concatenate([part[k] for part in opinions]).astype(np.float64) for k in (0, 1)
        )
        value = confidence(
            quality, merged, beta=self.own.beta, softmax_again=self.own.softmax_again
        )
        self.rho.copy_(torch.from_numpy(value))
        self.calibrated.fill_(True)
        columns = np.stack(
            [value, self.data.label, quality @ ANCHORS, merged @ ANCHORS], axis=1
        ).tolist()
        names = ("value", "label", "predicted", "merged")
        table = [
            {"id": name, **dict(zip(names, line, strict=True))}
            for name, line in zip(self.data.ids, columns, strict=True)
        ]
        write_table(frame_of(table), confidence_path(folder))

    def _opinions(self, output: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.no_grad():
            return (
                marginals(output)["quality"].cpu().numpy(),
                self.merged(factor_joint(output)).cpu().numpy(),
            )

    def _stage_1(self) -> bool:
        return self.own.stage1 > 0 and not bool(self.calibrated)

    def _reweighted(self, parts: Tensor) -> Tensor:
        """The weights of the dynamic weight average, all 1 where it is off or there are not two
        epochs to compare yet."""
        if not self.own.dynamic:
            return torch.ones_like(parts)
        self.sums += parts
        self.steps += 1
        # A mean of 0 is an epoch that has not been: there are not two to compare yet.
        if not bool(self.means[0].all()):
            return torch.ones_like(parts)
        return dynamic_weights(self.means[1], self.means[0], temperature=self.own.temperature)


OBJECTIVE = ClibObjective


def confidence_path(folder: Path) -> Path:
    """Returns where the confidences of a run are; a quality file, for `data.confidence` too."""
    return folder / "confidence.parquet"


@reader
def factor_levels(
    labels: str, ids: NDArray[np.str_], factors: tuple[str, ...]
) -> NDArray[np.int64]:
    """Returns (N,F) places in fiqa.methods.clib_fiqa.GRID of the words in a file, -1 without.

    Raises:
        InputError: a column is missing, a word is none of the factor's, a factor has no label.
        ReadError: the file cannot be read.
    """
    # Place -1, an image that the file lacks, reads the -1 at the end of `codes`.
    result = np.full((len(ids), len(factors)), -1, np.int64)
    frame = read_table(labels)
    row = {decode_text(str(name)): k for k, name in enumerate(frame["id"].to_list())}
    place = np.array([row.get(name, -1) for name in ids.tolist()])
    for column, name in enumerate(factors):
        if name not in frame.columns:
            raise InputError(
                f"{labels!r} must have a column {name}, it has {', '.join(frame.columns)}.",
                hint="fiqa label clib_fiqa",
            )
        code = {word: level for level, word in enumerate(GRID[name])} | {None: -1}
        words = frame[name].to_list()
        unknown = next((word for word in words if word not in code), None)
        if unknown is not None:
            raise InputError(
                f"{name} in {labels!r} must be one of {', '.join(GRID[name])}, got {unknown!r}."
            )
        codes = np.array([code[word] for word in words] + [-1])
        result[:, column] = codes[place]
        if not (result[:, column] >= 0).any():
            raise InputError(
                f"{labels!r} must hold {name} of at least one image; take it out of"
                " clib_fiqa.factors."
            )
    return result


def _clip_net(recipe: Recipe, name: str) -> JointNet:
    from fiqa.methods.clib_fiqa.towers import clip_input, towers

    pair = towers(name)
    spec = clip_input(pair.size)
    if (
        recipe.data.size != pair.size
        or recipe.model.mean != spec.mean
        or recipe.model.std != spec.std
    ):
        raise InputError(
            f"a recipe for {name!r} must have data.size = {pair.size}, model.mean ="
            f" {list(spec.mean)} and model.std = {list(spec.std)}."
        )
    return JointNet(pair.image, nn.Identity(), Constant(pair.text), pair.scale)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(1e-12)
