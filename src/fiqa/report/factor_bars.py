"""The six factors of a face as bars with words that say what good is: `sharpness 96 %`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fiqa.languages import phrase
from fiqa.vocabulary import FACTORS

__all__ = [
    "BAD_BELOW",
    "BARS_STYLE",
    "bad_factors",
    "bars",
    "costliest",
    "factor_qualities",
    "scale_line",
    "shown",
]

BAD_BELOW = 0.5
"""Quality under which a factor is bad, and colored."""

BARS_STYLE = """
.bars{grid-column:1/-1;display:grid;grid-template-columns:1fr 1fr;gap:5px 18px;margin:14px 0 0;
font-size:12.5px;
line-height:1.35;color:var(--soft)}
.bars div{display:grid;grid-template-columns:76px 1fr 40px;gap:6px;align-items:center}
.bars u{height:6px;border-radius:3px;background:var(--track);overflow:hidden}
.bars u i{display:block;height:100%;border-radius:3px;background:var(--bar)}
.bars em{font-style:normal;text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}
.bars .most{color:var(--cost)}
.bars .most i{background:var(--cost)}
.scale{margin:-14px 0 24px;font-size:14px;color:var(--soft)}
"""

Row = Mapping[str, Any]


def factor_qualities(row: Row) -> dict[str, float]:
    """Returns the factors of a row that have a number, by name, in the order of FACTORS.

    Args:
        row: of the table of scores.
    """
    factors = row.get("factors") or {}
    return {
        f: float(factors[f])
        for f in FACTORS
        if factors.get(f) is not None and not math.isnan(factors[f])
    }


def costliest(row: Row) -> str | None:
    """Returns the name of the factor with the lowest quality, None where no factor is known.

    >>> costliest({"factors": {"blur": 0.9, "pose": 0.4, "crop": None}})
    'pose'
    """
    qualities = factor_qualities(row)
    return min(qualities, key=qualities.__getitem__) if qualities else None


def bad_factors(row: Row) -> set[str]:
    """Returns the factors that are bad, and those that a row's reasons belong to; the costliest one
    where no reason tells.

    A reason that names a part of the face belongs to no factor.

    Args:
        row: of the table of scores.
    """
    from fiqa.faces.factors import factor_of_reason
    from fiqa.reason_words import REASONS

    factor_of, reasons, most = factor_of_reason(), list(row.get("reasons") or ()), costliest(row)
    bad = {name for name, value in factor_qualities(row).items() if value < BAD_BELOW}
    marked = bad | {factor_of[code] for code in reasons if code in factor_of}
    untold = reasons and not any(code in REASONS for code in reasons)
    return marked or ({most} if untold and most else set())


def shown(value: float | None) -> str:
    """Returns a quality as a person reads it.

    >>> shown(0.957), shown(None)
    ('96 %', '–')
    """
    return "–" if value is None else f"{100 * min(max(value, 0.0), 1.0):.0f} %"


def bars(row: Row, language: str) -> str:
    """Returns the six bars of a card, "" where no factor is known.

    Args:
        row: of the table of scores.
        language: of the names.
    """
    qualities, marked = factor_qualities(row), bad_factors(row)
    if not qualities:
        return ""
    cells = []
    for factor in FACTORS:
        value = qualities.get(factor)
        mark = ' class="most"' if factor in marked else ""
        width = 0 if value is None else round(100 * min(max(value, 0), 1))
        cells.append(
            f'<div{mark}>{phrase(factor, language)}<u><i style="width:{width}%"></i></u>'
            f"<em>{shown(value)}</em></div>"
        )
    return f'<div class="bars" lang="{language}">{"".join(cells)}</div>'


def scale_line(rows: list[Row], language: str) -> str:
    """Returns the sentence that says what the bars' numbers mean, "" where no row has a factor.

    Args:
        rows: those that are shown.
        language: of the sentence.
    """
    if not any(factor_qualities(row) for row in rows):
        return ""
    return f'<p class="scale" lang="{language}">{phrase("scale", language)}</p>'
