"""From where on something counts as wrong: one number each, and how grave a measured one is.

docs/guides/clean.md tells what each was measured on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fiqa import checks
from fiqa.functional.copies import BITS, Likeness
from fiqa.settings import settings

__all__ = ["CleanLimits", "grave"]


@dataclass(frozen=True)
class CleanLimits:
    """The limits of `fiqa clean`.

    Attributes:
        copy_bits: hash bits of 255 in which near duplicates may differ.
        copy_cosine: of two vectors, from which the hashes may differ by more.
        copy_bits_with_cosine: hash bits that may differ then.
        wrong_person: share of strangers who look less like a folder than a wrong person may.
        two_names: likeness of two names, 1 for one person, where each has several images.
        two_names_of_one: the same where one of them has a single image.
        second_face: area of the second face over that of the largest.
        eyes: pixels between the eyes under which a face is too small.
        blurred: quality of the factor blur.
        dark: quality of the factor illumination, where darkness is the reason.
        covered: quality of the factor occlusion.
        no_face: score of 100 under which a crop whose features are not clear is no face.
        border: share of the picture that a flat border covers.

    Raises:
        InputError: a value out of range.
    """

    copy_bits: int = 36
    copy_cosine: float = 0.9
    copy_bits_with_cosine: int = 72
    wrong_person: float = 0.98
    two_names: float = 0.75
    two_names_of_one: float = 0.95
    second_face: float = 0.3
    eyes: float = 14.0
    blurred: float = 0.3
    dark: float = 0.3
    covered: float = 0.4
    no_face: float = 12.0
    border: float = 0.03

    def __post_init__(self) -> None:
        most = {"copy_bits": BITS, "copy_bits_with_cosine": BITS, "eyes": 1e6, "no_face": 100.0}
        most |= {"two_names": 10.0, "two_names_of_one": 10.0}
        for field in fields(self):
            checks.in_range(getattr(self, field.name), field.name, 0, most.get(field.name, 1.0))

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> CleanLimits:
        """Returns the limits with those that are given in place of the defaults.

        Raises:
            UnknownNameError: no limit of that name.
            InputError: a value of another type, or out of range.

        >>> CleanLimits.of({"eyes": 20}).eyes
        20.0
        """
        usual = {field.name: field.default for field in fields(cls)}
        return cls(**settings(given or {}, usual, owner="clean"))

    @property
    def likeness(self) -> Likeness:
        """What counts as a copy."""
        return Likeness(self.copy_bits, self.copy_cosine, self.copy_bits_with_cosine)


def grave(measured: float, limit: float, worst: float) -> float:
    """Returns how grave a measured number is: 0.5 at its limit, 1 at the worst there can be.

    Args:
        measured: on the wrong side of the limit, or at it.
        limit: from where it counts.
        worst: the end of its scale on the wrong side.

    >>> grave(0.0, 0.4, 0.0), grave(0.4, 0.4, 0.0), grave(0.5, 0.2, 1.0)
    (1.0, 0.5, 0.6875)
    """
    if worst == limit:
        return 1.0
    share = (measured - limit) / (worst - limit)
    return 0.5 + 0.5 * min(max(share, 0.0), 1.0)
