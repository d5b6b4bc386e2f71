"""CLIP's token ids of the 360 prompts, so that no tokenizer has to be fetched for them.

Every published CLIP has one vocabulary, of byte pairs in 49,408 numbers [1]. It reads text word by
word: the ids of a sentence are those of its words, one after the other.

[1] Radford et al.: Learning Transferable Visual Models From Natural Language Supervision, ICML
2021.
"""

from __future__ import annotations

import re
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fiqa.methods.clib_fiqa.prompts import PROMPTS

__all__ = ["VOCABULARY", "WORDS", "known_tokens"]

VOCABULARY = 49408
"""How many ids there are; the last two are the start and the end of a text."""

# fmt: off
WORDS = MappingProxyType({
    ",": (267,), "a": (320,), "and": (537,), "angle": (6946,), "bad": (2103,), "blurry": (21977,),
    "clear": (3143,), "exaggerated": (29766, 943), "expression": (11357,), "extreme": (8331,),
    "face": (1710,), "fair": (2849,), "frontal": (35794,), "good": (886,), "hazy": (32655,),
    "is": (533,), "lighting": (5799,), "normal": (5967,), "obstructed": (44876, 2910),
    "of": (539,), "perfect": (1878,), "photo": (1125,), "poor": (3665,), "profile": (6444,),
    "quality": (3027,), "slight": (14297,), "typical": (9854,), "under": (1798,),
    "unobstructed": (569, 44876, 2910), "which": (1448,), "with": (593,),
})
# fmt: on
"""The ids of every word of the prompts."""


def known_tokens() -> NDArray[np.int64]:
    """Returns the ids of the prompts, (360,T), filled with the end to the longest.

    >>> known_tokens()[0, :4].tolist()
    [49406, 320, 1125, 539]
    """
    start, end = VOCABULARY - 2, VOCABULARY - 1
    rows = [
        [start, *(i for word in re.findall(r"\w+|,", text) for i in WORDS[word]), end]
        for text in PROMPTS
    ]
    longest = max(map(len, rows))
    return np.array([row + [end] * (longest - len(row)) for row in rows], np.int64)
