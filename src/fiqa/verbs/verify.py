"""`verify`: does a chip compute what the model does?"""

from __future__ import annotations

from pathlib import Path

from fiqa.deployment.kit import read_kit, read_results
from fiqa.deployment.verdict import Verdict, verdict
from fiqa.training.gate import Gate
from fiqa.types import PathLike

__all__ = ["verify"]


def verify(results: PathLike, kit: PathLike | None = None, *, gate: Gate | None = None) -> Verdict:
    """Returns whether the values of a chip are those of the model, and if not, which fault explains
    them best.

    The faults are computed: the kit's crops with swapped channels, other means and scales, other
    layouts and strides, shifted by up to two pixels, mirrored, and with each layer saturating, go
    through the model on onnxruntime.

    Args:
        results: the table that the kit's runner wrote on the chip.
        kit: the folder of the kit; None is the folder of the table.
        gate: what must hold of the quality.

    Raises:
        ReadError: no kit, or no table.
        InputError: a table without the quality, or without a row for each crop.
    """
    found = read_kit(Path(results).parent if kit is None else kit)
    return verdict(read_results(results, found.columns), found, gate or Gate())
