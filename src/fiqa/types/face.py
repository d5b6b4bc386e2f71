"""One face of one picture: its quality, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.display import facts_html, image_uri
from fiqa.languages import advice, phrase, reason_name
from fiqa.types.fields import FloatArray
from fiqa.vocabulary import FACTORS, STATUSES

__all__ = ["Face", "Why"]

_SHOWN = 112
"""Pixels of the side of the crop in a notebook."""


class Why(NamedTuple):
    """Why a face has its quality.

    Attributes:
        reasons: codes of fiqa.vocabulary.ADVICE, the costliest first.
        factors: in 0..1, None where not measurable; None for a method without factors.
        measures: in units, likewise.
    """

    reasons: tuple[str, ...] = ()
    factors: Mapping[str, float | None] | None = None
    measures: Mapping[str, float | None] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """One face of one picture, or a picture that has none that could be scored.

    `reasons`, `advice`, `factors` and `measures` are computed when one of them is first asked for;
    a copy, or one that was pickled, has them.

    Attributes:
        status: of fiqa.vocabulary.STATUSES; only "ok" has numbers.
        raw: the method's own number, higher is better.
        score: the calibrated one, 0..1.
        uqs: the same, 0..100.
        level: the same, one of fiqa.vocabulary.LEVELS.
        index: which face of the picture, 0 the first.
        box: (4,) float32 x, y, width, height in pixels of the upright picture; None for a crop.
        landmarks: (5,2) float32 likewise, eyes, nose, mouth corners, image-left first; None for a
            crop.
        crop: (112,112,3) uint8 RGB, the aligned face as it was scored.
        name: the picture's path, "" for one in memory.
        model: the method.
        language: of `advice`, one of fiqa.languages.LANGUAGES.
        why: what computes the reasons.
        match_chance: that a pair of images of one person matches in which this is the lesser one;
            None without a calibration.
    """

    status: str = "ok"
    raw: float | None = None
    score: float | None = None
    uqs: int | None = None
    level: str | None = None
    index: int = 0
    box: FloatArray | None = None
    landmarks: FloatArray | None = None
    crop: NDArray[np.uint8] | None = None
    name: str = ""
    model: str | None = None
    language: str = "en"
    why: Callable[[], Why] = field(default=Why)
    match_chance: float | None = None

    @cached_property
    def _known(self) -> Why:
        return self.why()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of what is wrong, the costliest first."""
        return self._known.reasons

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do about each reason, in words."""
        return advice(self.reasons, self.language)

    @property
    def factors(self) -> Mapping[str, float | None] | None:
        """The six qualities in 0..1, None where not measurable; None without an explanation."""
        return self._known.factors

    @property
    def measures(self) -> Mapping[str, float | None] | None:
        """The measures behind the factors, in units; None without an explanation."""
        return self._known.measures

    def __reduce__(self) -> tuple[Any, ...]:
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "why"}
        return _copied, (values, self._known)

    def __repr__(self) -> str:
        of = f" of {self.name}" if self.name else ""
        if self.uqs is None:
            return f"<Face{of}: {self.status}: {STATUSES.get(self.status, '')}>"
        why = f"; {', '.join(self.reasons)}" if self.reasons else ""
        return f"<Face {self.index + 1}{of}: {self.uqs} of 100, {self.level}{why}>"

    def _repr_html_(self) -> str:
        known = self._known if self.uqs is not None else Why()
        words = [reason_name(code, self.language) for code in known.reasons]
        told = [f"{word}: {say}" for word, say in zip(words, self.advice, strict=True)]
        facts: list[tuple[str, object]] = [("picture", self.name)]
        facts += [("status", STATUSES.get(self.status, ""))] if self.uqs is None else []
        facts += [("what to do" if i == 0 else "and", say) for i, say in enumerate(told)]
        facts += [
            (
                phrase(name, self.language) if name in FACTORS else name,
                None if value is None else f"{100 * value:.0f} %",
            )
            for name, value in (known.factors or {}).items()
        ]
        if self.match_chance is not None:
            facts.append(("chance of a match", f"{self.match_chance:.2f}"))
        facts.append(("model", self.model))
        title = self.status.replace("_", " ")
        if self.uqs is not None:
            title = f"{self.uqs} of 100, {self.level}"
        picture = (
            ""
            if self.crop is None
            else f'<img src="{image_uri(self.crop)}" width="{_SHOWN}" height="{_SHOWN}" alt="face">'
        )
        style = "display:flex;gap:16px;align-items:flex-start"
        return f'<div style="{style}">{picture}{facts_html(title, facts)}</div>'


def _copied(values: Mapping[str, Any], known: Why) -> Face:
    return Face(**values, why=_Known(known))


@dataclass(frozen=True)
class _Known:
    """What is known already, as `why` wants it."""

    value: Why

    def __call__(self) -> Why:
        """Returns it."""
        return self.value
