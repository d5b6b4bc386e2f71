"""Does a chip compute what the model does, and if not: which fault explains its values best?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from fiqa.deployment.delivery import output_names
from fiqa.deployment.kit import Kit
from fiqa.deployment.saturation import Saturating
from fiqa.deployment.variants import FAULTS, variants
from fiqa.errors import MissingExtraError
from fiqa.functional.agreement import spearman
from fiqa.runtime.onnx import open_session
from fiqa.runtime.preprocess import prepare
from fiqa.training.gate import Gate
from fiqa.types import FloatArray

__all__ = ["Fit", "Verdict", "verdict"]

_SHARES, _REFINED = (0.15, 0.35, 0.65), 4
_FINER = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2).tolist())
_CLOSE = 0.05
"""A fault that explains the values to so little needs no search among the layers."""
_BETTER = 0.5
"""A fault that is named leaves at most so much of what the right inputs leave, and at most half a
standard deviation."""
_EXACT = 1e-4
"""Values so close are right: float32 rounds alike nowhere."""
_SHOWN = 5
_BATCH = 32


@dataclass(frozen=True)
class Fit:
    """How well one fault explains the values.

    Attributes:
        fault: one of FAULTS, or "right" for none.
        text: which one.
        distance: what is left, in standard deviations of the expected values; 0 explains all.
    """

    fault: str
    text: str
    distance: float


@dataclass(frozen=True)
class Verdict:
    """What the values of a chip say.

    Attributes:
        ok: the chip computes what the model does, as the gate wants it.
        fault: one of FAULTS, "" where it is ok.
        text: in words.
        spearman: with the expected quality.
        spread: relative change of the standard deviation.
        difference: the largest of any value.
        distance: from the expected values, in their standard deviations.
        fits: the faults that explain the values best, best first.
        tried: how many faults were computed.
        note: what was not tried, and why.
    """

    ok: bool
    fault: str
    text: str
    spearman: float
    spread: float
    difference: float
    distance: float
    fits: tuple[Fit, ...]
    tried: int
    note: str = ""

    def lines(self) -> str:
        """Returns the verdict for a person, with the numbers."""
        head = "OK" if self.ok else f"FAULT {self.fault}: {FAULTS[self.fault]}"
        found = [
            f"{head}. {self.text}",
            f"rank correlation {self.spearman:.4f}, spread {self.spread:+.1%}, largest difference"
            f" {self.difference:.3g}, distance {self.distance:.3g} standard deviations",
        ]
        if self.fits:
            found += [f"of {self.tried} faults that were computed, these explain the values best:"]
            found += [f"  {fit.distance:8.4f}  {fit.fault}: {fit.text}" for fit in self.fits]
        return "\n".join([*found, self.note] if self.note else found)

    def record(self) -> dict[str, object]:
        """Returns the verdict as plain data."""
        return asdict(self)


def verdict(results: FloatArray, kit: Kit, gate: Gate) -> Verdict:
    """Returns what the values of a chip say.

    The right inputs and those of each fault go through the model on onnxruntime. A fault is named
    where it explains the values at least twice as well as the right inputs do.

    Args:
        results: (64,K) or (64,1) values.
        kit: that they are of.
        gate: what must hold of the quality.
    """
    expected = kit.expected[:, : results.shape[1]]
    lost = int((~np.isfinite(results)).any(axis=1).sum())
    if lost:
        return _plain("not_finite", f"{lost} of {len(results)} crops.", expected, np.nan)
    if not np.ptp(results[:, 0]) > 0:
        return _plain("constant", f"It is {results[0, 0]:g}.", expected, np.nan)
    runs = _Runs(kit, results)
    order = spearman(results[:, 0], expected[:, 0])
    change = float(results[:, 0].std() / expected[:, 0].std() - 1)
    own, largest = runs.distance(expected), float(np.abs(results - expected).max())
    found, note = list(runs.inputs()), ""
    if own > _EXACT and min(fit.distance for fit in found) > _CLOSE * min(own, 1.0):
        try:
            found += runs.layers()
        except MissingExtraError as error:
            note = f"not tried: saturated layers ({error.hint})"
    fits = tuple(sorted(found, key=lambda fit: fit.distance))
    best = fits[0]
    holds = order >= gate.spearman and abs(change) <= gate.spread
    numbers = (order, change, largest, own, fits[:_SHOWN], len(fits), note)
    if own > _EXACT and best.distance <= min(_BETTER * own, _BETTER):
        return Verdict(False, best.fault, f"{best.text}.", *numbers)
    if holds:
        return Verdict(True, "", "The chip computes what the model does.", *numbers)
    wanted = f"a rank correlation of {gate.spearman} and a spread within {gate.spread:.0%}"
    return Verdict(False, "unexplained", f"The gate wants {wanted}.", *numbers)


def _plain(fault: str, text: str, expected: FloatArray, value: float) -> Verdict:
    return Verdict(False, fault, text, value, value, value, value, (), 0)


class _Runs:
    """The model on the inputs of each fault, compared with the values of the chip."""

    def __init__(self, kit: Kit, results: FloatArray) -> None:
        self.kit, self.results = kit, results
        self.scale = np.maximum(kit.expected.std(axis=0), 1e-12)[: results.shape[1]]
        session = open_session(kit.model, "the kit's model")
        self.session, self.given = session, session.get_inputs()[0].name
        self.step = 1 if session.get_inputs()[0].shape[0] == 1 else _BATCH
        self.names = output_names(kit.card)

    def distance(self, values: FloatArray) -> float:
        """How far values are from those of the chip, in standard deviations."""
        gap = (values[:, : self.results.shape[1]].astype(np.float64) - self.results) / self.scale
        return float(np.sqrt(np.mean(gap**2)))

    def outputs(self, inputs: FloatArray) -> FloatArray:
        """(N,K) of the model."""
        parts = []
        for start in range(0, len(inputs), self.step):
            rows = np.ascontiguousarray(inputs[start : start + self.step], np.float32)
            values = self.session.run(self.names, {self.given: rows})
            parts.append(np.concatenate([v.reshape(len(rows), -1) for v in values], axis=1))
        return np.concatenate(parts)

    def inputs(self) -> Iterator[Fit]:
        """The faults of the way to the network."""
        for one in variants(self.kit.crops, self.kit.card.input):
            yield Fit(one.fault, one.text, self.distance(self.outputs(one.inputs())))

    def layers(self) -> Iterator[Fit]:
        """The faults of the layers; the best ones with finer limits."""
        model, right = Saturating(self.kit.model, self.names), self._right()
        model.measure(right)
        coarse = {
            (layer, share): self._saturated(model, right, layer, share)
            for layer in model.layers
            for share in _SHARES
        }
        yield from coarse.values()
        ranked = sorted(coarse, key=lambda key: coarse[key].distance)
        near = list(dict.fromkeys(layer for layer, _ in ranked))[:_REFINED]
        for layer in near:
            for share in _FINER:
                if (layer, share) not in coarse:
                    yield self._saturated(model, right, layer, share)

    def _right(self) -> FloatArray:
        return prepare(self.kit.crops, self.kit.card.input)

    def _saturated(self, model: Saturating, right: FloatArray, layer: str, share: float) -> Fit:
        limit = share * model.largest[layer]
        found = self.distance(model.run(right, layer, limit))
        text = f"{model.layers[layer]} gives nothing beyond {limit:.3g}, {share:.0%} of its largest"
        return Fit("saturated_layer", text, found)
