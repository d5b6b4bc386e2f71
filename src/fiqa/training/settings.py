"""The objectives by name, each with the table of a recipe that belongs to it: torch-free, because a recipe is read before torch is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

__all__ = ["OBJECTIVES", "Settings"]


@dataclass(frozen=True)
class Settings:
    """The table of one objective.

    `FILES` names the keys that are files: a run is known by their bytes too. `CONFIDENCE` says whether the objective uses data.confidence.
    """

    FILES: ClassVar[tuple[str, ...]] = ()
    CONFIDENCE: ClassVar[bool] = False


OBJECTIVES: Mapping[str, type[Settings]] = MappingProxyType({"regression": Settings})
"""Name in `loss.objective` -> its table. The objective is OBJECTIVE in fiqa.training.objectives.NAME, the table is [NAME] in the recipe."""
