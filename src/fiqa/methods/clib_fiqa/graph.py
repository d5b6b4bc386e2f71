"""What a CLIB-FIQA model gives, whatever tower it stands on, and the card's account of it.

It is one network from crops to quality, factors and probabilities.

    [1] Ou, Li, Wang, Kwong: CLIB-FIQA, CVPR 2024.

The text side is a constant matrix by then: no text tower runs when a face is scored.
"""

from __future__ import annotations

from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from fiqa import checks
from fiqa.errors import ShapeError
from fiqa.functional.soft import AXES
from fiqa.methods.clib_fiqa.joint import expected, factor_joint, joint, marginals
from fiqa.methods.clib_fiqa.prompts import GRID, PROMPTS
from fiqa.runtime.cards import ModelOutput

__all__ = ["FACTORS", "OUTPUTS", "ClibGraph", "agreement", "card_outputs", "measure_names"]

FACTORS = AXES[:-1]
"""blur, occlusion, pose, expression, illumination."""

OUTPUTS = ("quality", "factors", "measures")
"""The outputs of the network, and of the file that it is exported to."""

_REASONS = MappingProxyType(
    {
        "blur": "blurry",
        "occlusion": "unclear_features",
        "pose": "extreme_yaw",
        "illumination": "uneven_light",
    }
)


class ClibGraph(nn.Module):
    """(N,3,S,S) normalized crops -> quality (N,1), factors (N,5), measures (N,17).

    Quality lies in [.1,.9], factors in 0..1; the measures are the marginal probabilities in the
    order of AXES.

    A factor's quality is the expected value of its levels, spread evenly over 0..1 from the worst
    to the best. With `merged` there are two measures more: the confidence of the quality (see
    `agreement`, which `beta` and `softmax_again` are for), and the score that the factors alone
    suggest, in [.1,.9] like the quality.

    Args:
        image: the image tower, (N,3,S,S) -> (N,D).
        text: (360,D) embeddings of PROMPTS.
        scale: 1 / temperature, above 0.
        merged: (N,72) joint distribution of the factors -> (N,5) distribution of the quality, or
            None.
        beta, softmax_again: of the confidence.

    Raises:
        ShapeError: text.
        InputError: scale, beta.
    """

    def __init__(
        self,
        image: nn.Module,
        text: Tensor,
        scale: float,
        *,
        merged: nn.Module | None = None,
        beta: float = 32.0,
        softmax_again: bool = False,
    ) -> None:
        super().__init__()
        if text.ndim != 2 or len(text) != len(PROMPTS):
            raise ShapeError(f"text must have shape ({len(PROMPTS)}, D), got {tuple(text.shape)}.")
        self.image, self.merged, self.softmax_again = image, merged, softmax_again
        self.scale = checks.in_range(float(scale), "scale", 0, float("inf"), open_low=True)
        self.beta = checks.in_range(beta, "beta", 0, float("inf"), open_low=True)
        self.text: Tensor
        self.register_buffer("text", functional.normalize(text.detach().float(), dim=1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (quality, factors, measures)."""
        p = joint(self.image(x), self.text, self.scale)
        each = marginals(p)
        factors = [each[name] @ p.new_tensor(_even(len(GRID[name]))) for name in FACTORS]
        measures = [each[name] for name in AXES]
        if self.merged is not None:
            told = self.merged(factor_joint(p))
            rho = agreement(each["quality"], told, self.beta, softmax_again=self.softmax_again)
            measures += [rho[:, None], expected(told)[:, None]]
        return (
            expected(each["quality"])[:, None],
            torch.stack(factors, dim=1),
            torch.cat(measures, dim=1),
        )


def agreement(p: Tensor, q: Tensor, beta: float = 32.0, *, softmax_again: bool = False) -> Tensor:
    """Returns the confidence 1/(1 + exp(beta JS(p, q))) + 0.5 of every image, (N,) in [0.5, 1].

    It is what fiqa.methods.clib_fiqa.confidence gives on numpy [1, Eq. 8].

    Args:
        p: (N,5) quality distribution.
        q: (N,5) quality distribution that the factors alone suggest.
        beta: steepness.
        softmax_again: as the published code: see fiqa.methods.clib_fiqa.confidence.

    >>> agreement(torch.tensor([[0.0, 0, 1, 0, 0]]), torch.tensor([[0.0, 0, 1, 0, 0]])).tolist()
    [1.0]
    """
    if softmax_again:
        p, q = torch.softmax(p, dim=1), torch.softmax(q, dim=1)
        middle = (p + q) / 2
        reverse = (middle * (2 * middle.log() - p.log() - q.log())).sum(dim=1) / 2
        return torch.sigmoid(-beta * reverse) + 0.5
    middle, least = (p + q) / 2, torch.finfo(p.dtype).tiny  # 0 log 0 = 0
    first, second = (
        (a * (a.clamp_min(least) / middle.clamp_min(least)).log()).sum(dim=1) for a in (p, q)
    )
    return torch.sigmoid(-beta * (first + second) / 2) + 0.5


def measure_names(*, confidence: bool) -> tuple[str, ...]:
    """Returns the names of the measures: p_AXIS_LEVEL of every level, and two more.

    >>> measure_names(confidence=True)[:3]
    ('p_blur_hazy', 'p_blur_blurry', 'p_blur_clear')
    >>> measure_names(confidence=True)[-2:]
    ('confidence', 'merged_score')
    """
    names = [f"p_{axis}_{_short(level)}" for axis in AXES for level in GRID[axis]]
    return (*names, "confidence", "merged_score") if confidence else tuple(names)


def card_outputs(*, confidence: bool) -> tuple[ModelOutput, ...]:
    """Returns what a card says of the outputs.

    Args:
        confidence: whether the network has its merged-factor part.
    """
    return (
        ModelOutput(name="quality", role="quality"),
        ModelOutput(name="factors", role="factors", factors=FACTORS, reasons=dict(_REASONS)),
        ModelOutput(
            name="measures", role="measures", measures=measure_names(confidence=confidence)
        ),
    )


def _even(count: int) -> list[float]:
    """The qualities of `count` levels: from 0 to 1 in equal steps."""
    return [level / (count - 1) for level in range(count)]


def _short(level: str) -> str:
    return level.removesuffix(" expression").removesuffix(" lighting").replace(" ", "_")
