"""Similarities counted in equal cells of [-1, 1], by numpy, or by torch on a GPU.

Products of matrices are rounded otherwise on a GPU, by less than 1e-6 in float32. So a similarity
that near a border may be counted in the next cell; nothing else differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.functional.streams import ByIdentity

__all__ = ["NonmatedCells", "cell_of"]


def cell_of(similarity: NDArray[np.float32], cells: int) -> NDArray[np.int64]:
    """Returns the cell of each similarity, 0..cells-1; what rounding took beyond 1 is in the last.

    Args:
        similarity: (B,) cosines.
        cells: how many there are.

    >>> cell_of(np.float32([-1, 0, 0.4, 1]), 4).tolist()
    [0, 2, 2, 3]
    """
    # in float64: a float32 cosine less than a cell from a border must not be rounded over it
    place = np.floor((similarity.astype(np.float64) + 1) * (cells / 2))
    return np.clip(place, 0, cells - 1).astype(np.int64)


@dataclass
class NonmatedCells:
    """Counts of the pairs of two identities by cell.

    Attributes:
        cells: how many there are.
        device: "cpu" for numpy, "cuda" for torch on a GPU.
    """

    cells: int
    device: str = "cpu"

    def counts(self, pairs: ByIdentity, part: int, parts: int) -> NDArray[np.int64]:
        """Returns (cells,) counts of a part.

        Args:
            pairs: of the set.
            part, parts: as fiqa.functional.streams.nonmated_blocks.

        Raises:
            InputError: the device is cuda, and torch sees no GPU.
            MissingExtraError: the device is cuda, and torch is not installed.
        """
        if self.device != "cpu":
            return self._by_torch(pairs, part, parts)
        counts = np.zeros(self.cells, np.int64)
        for block in pairs.nonmated(part, parts):
            counts += np.bincount(cell_of(block, self.cells), minlength=self.cells)
        return counts

    def _by_torch(self, pairs: ByIdentity, part: int, parts: int) -> NDArray[np.int64]:
        torch = require("torch", extra="train")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError(
                "The device cuda must be a GPU that torch sees, got none.",
                hint="leave --device out, and the processors multiply",
            )
        return self.on(torch, self.device, pairs, part, parts)

    def on(
        self, torch: Any, device: str, pairs: ByIdentity, part: int, parts: int
    ) -> NDArray[np.int64]:
        """Returns `counts` by torch, on any device of it.

        Args:
            torch: the package.
            device: its name in torch.
            pairs, part, parts: as counts.
        """
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")  # else some GPUs take 10 bits of each number
        try:
            unit = torch.tensor(pairs.unit, device=device)
            code = torch.tensor(pairs.code, device=device)
            counts = torch.zeros(self.cells, dtype=torch.int64, device=device)
            for top, bottom, left, right, inside in pairs.tiles(part, parts):
                product = unit[top:bottom] @ unit[left:right].T
                if inside:
                    other = code[top:bottom, None] != code[None, left:right]
                    product = product[other.triu(1)]
                place = ((product.double() + 1) * (self.cells / 2)).floor()
                place = place.clamp(0, self.cells - 1).long()
                counts += torch.bincount(place.ravel(), minlength=self.cells)
            found: NDArray[np.int64] = counts.cpu().numpy()
        finally:
            torch.set_float32_matmul_precision(before)
        return found
