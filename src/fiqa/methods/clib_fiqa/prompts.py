"""The 360 prompts of CLIB-FIQA: all combinations of factors and qualities, quality fastest."""

from __future__ import annotations

from itertools import product
from types import MappingProxyType

from fiqa.vocabulary import CLIB_LEVELS

__all__ = ["GRID", "PROMPTS"]

GRID = MappingProxyType(
    {
        "blur": ("hazy", "blurry", "clear"),
        "occlusion": ("obstructed", "unobstructed"),
        "pose": ("profile", "slight angle", "frontal"),
        "expression": ("exaggerated expression", "typical expression"),
        "illumination": ("extreme lighting", "normal lighting"),
        "quality": CLIB_LEVELS,
    }
)
"""The six axes in the order of the joint distribution (3,2,3,2,2,5), each from worst to best."""

PROMPTS = tuple(
    f"a photo of a {blur}, {occlusion}, and {pose} face with {expression} under {illumination}, "
    f"which is of {quality} quality"
    for blur, occlusion, pose, expression, illumination, quality in product(*GRID.values())
)
"""(360,) prompts; index = row-major position in the joint distribution.

The paper's sentence names pose before occlusion; its tensor and its published code have the order
used here.
"""
