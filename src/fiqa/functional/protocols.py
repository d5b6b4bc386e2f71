"""The named protocols of discard curves: what each discards, where its comparison threshold comes
from, how it steps and integrates.

Published evaluations differ in all of these, so none is a default in disguise: a protocol is plain
data that a curve carries by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.verification import threshold_at_fmr

__all__ = [
    "PROTOCOLS",
    "Normalize",
    "Protocol",
    "protocol_of",
    "start_threshold",
    "starting_fnmr",
    "threshold_rule",
]

Normalize = Literal["start", "best"] | None
Rule = Callable[[NDArray[Any], NDArray[Any], float], float]


@dataclass(frozen=True)
class Protocol:
    """How a discard curve is made, as plain data.

    Attributes:
        name: what curves and options call it.
        discards: "mated" or "all".
        threshold: the rule, one of fixed_rank, fixed_start, nearest_fmr, rank.
        steps: "distinct" (every distinct quality) or "twentieths" (0, .05 .. .95).
        ties: "block" or "order".
        area: "step" or "trapezoid".
        best: the theoretical best that `normalize="best"` subtracts: "exact" (e0-d)/(1-d) or "line"
            e0-d.
        printed: the normalization of the numbers its publications print.
        limits: the discard fractions they print them at.
        description: in a sentence.
    """

    name: str
    discards: Literal["mated", "all"]
    threshold: Literal["fixed_rank", "fixed_start", "nearest_fmr", "rank"]
    steps: Literal["distinct", "twentieths"]
    ties: Literal["block", "order"]
    area: Literal["step", "trapezoid"]
    best: Literal["exact", "line"]
    printed: Normalize
    limits: tuple[float, ...]
    description: str


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        p.name: p
        for p in (
            Protocol(
                "iso", "mated", "fixed_rank", "distinct", "block", "step", "exact", "start",
                (0.3, 0.95),
                "Mated pairs are discarded, all of one quality at once; the threshold is the"
                " (k+1)-th largest non-mated similarity, fixed at discard 0.",
            ),
            Protocol(
                "crfiqa", "all", "nearest_fmr", "twentieths", "order", "trapezoid", "exact", None,
                (0.95,),
                "Mated and non-mated pairs are discarded; at every twentieth the threshold is again"
                " the similarity whose FMR is nearest to the target.",
            ),
            Protocol(
                "magface", "all", "rank", "twentieths", "order", "trapezoid", "exact", None,
                (0.95,),
                "Mated and non-mated pairs are discarded; at every twentieth the threshold is again"
                " a fixed rank of the non-mated similarities.",
            ),
            Protocol(
                "clib", "mated", "fixed_rank", "distinct", "block", "step", "exact", "start",
                (0.3, 0.95),
                "The curve of iso; printed as mean FNMR over [0, b] relative to the FNMR at discard"
                " 0.",
            ),
            Protocol(
                "schlett2023", "mated", "fixed_start", "distinct", "block", "step", "line", "best",
                (0.2,),
                "Mated pairs are discarded at a threshold that gives the wanted FNMR at discard 0;"
                " printed less the area under the line e0 - d.",
            ),
        )
    }
)  # fmt: skip
"""The named protocols. `iso` is the default everywhere."""


def protocol_of(name: str | Protocol) -> Protocol:
    """Returns the protocol of that name; a protocol is returned as it is.

    Args:
        name: one of PROTOCOLS, or a protocol.

    Raises:
        UnknownNameError: no such protocol; it names the closest one.

    >>> protocol_of("clib").printed
    'start'
    """
    if isinstance(name, Protocol):
        return name
    return PROTOCOLS[checks.choice(name, "protocol", PROTOCOLS)]


def starting_fnmr(rule: Protocol, start_fnmr: float | None) -> float | None:
    """Returns the FNMR that the threshold starts from, .05 when not given.

    None under a protocol whose threshold comes from an FMR.

    Args:
        rule: the protocol.
        start_fnmr: what was asked for, in (0,1), or None.

    Raises:
        InputError: out of (0,1), or given to a protocol that does not use it.

    >>> starting_fnmr(protocol_of("schlett2023"), None), starting_fnmr(protocol_of("iso"), None)
    (0.05, None)
    """
    if rule.threshold == "fixed_start":
        value = 0.05 if start_fnmr is None else start_fnmr
        return checks.in_range(value, "start_fnmr", 0.0, 1.0, open_low=True, open_high=True)
    if start_fnmr is not None:
        raise InputError(
            f"start_fnmr must be None under protocol {rule.name!r}, whose threshold comes from fmr;"
            f" got {start_fnmr}.",
            hint="protocol='schlett2023' starts from an FNMR",
        )
    return None


def start_threshold(genuine: NDArray[Any], start: float) -> float:
    """Returns the threshold that fails a share `start` of the mated similarities.

    An error is a similarity below the quantile (linear), as in the published code; so accepted is
    above the number just before the quantile.

    Args:
        genuine: (M,) mated similarities.
        start: the FNMR to start from, in (0,1).

    >>> round(start_threshold(np.array([0.1, 0.2, 0.3]), 0.5), 6)
    0.2
    """
    return float(np.nextafter(np.quantile(genuine.astype(np.float64), start), -np.inf))


def _nearest_fmr(genuine: NDArray[Any], impostor: NDArray[Any], fmr: float) -> float:
    """The lowest of all similarities whose FMR is nearest to the target, as in CR-FIQA's code.

    The FMR of a similarity is the share of non-mated ones at or above it.
    """
    values = np.unique(np.concatenate([genuine, impostor]))
    reached = len(impostor) - np.searchsorted(np.sort(impostor), values, side="left")
    # argmin takes the first of equally near ones, the lowest.
    return float(values[np.argmin(np.abs(reached / len(impostor) - fmr))])


def _rank(genuine: NDArray[Any], impostor: NDArray[Any], fmr: float) -> float:
    """The non-mated similarity at rank floor(fmr (n-1)) from the top, as in MagFace's code.

    The ranks descend and count from 0.
    """
    # 1e-9: a product that should be an integer may come out just below it.
    place = len(impostor) - 1 - int(fmr * (len(impostor) - 1) + 1e-9)
    return float(np.partition(impostor, place)[place])


def _fixed_rank(genuine: NDArray[Any], impostor: NDArray[Any], fmr: float) -> float:
    return threshold_at_fmr(impostor, fmr)


_RULES: dict[str, Rule] = {"fixed_rank": _fixed_rank, "nearest_fmr": _nearest_fmr, "rank": _rank}


def threshold_rule(rule: Protocol) -> Rule:
    """Returns the function (mated (M,), nonmated (Q,), fmr) -> threshold of a protocol.

    Args:
        rule: a protocol whose threshold comes from an FMR.

    >>> threshold_rule(protocol_of("iso"))(np.array([0.9]), np.array([0.1, 0.2]), 0.5)
    0.1
    """
    return _RULES[rule.threshold]
