"""The merged-factor network of CLIB-FIQA: what quality do the factors alone suggest?

[1] Ou, Li, Wang, Kwong: CLIB-FIQA, CVPR 2024, 3.3 and 4.1.
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["MergedFactors"]


class MergedFactors(nn.Module):
    """(N,72) joint distribution of the factors -> (N,5) distribution over the levels of quality.

    72-128-64-5 with PReLU between, softmax at the end.

    Its input is detached: it learns from the factors and teaches them nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(72, 128),
            nn.PReLU(),
            nn.Linear(128, 64),
            nn.PReLU(),
            nn.Linear(64, 5),
            nn.Softmax(dim=1),
        )

    def forward(self, factors: Tensor) -> Tensor:
        """Returns (N,5) rows that sum to 1."""
        # It must not teach the factors to please it: its error would then reach the backbone.
        merged: Tensor = self.layers(factors.detach())
        return merged
