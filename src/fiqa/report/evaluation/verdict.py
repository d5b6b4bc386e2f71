"""What an evaluation found in words, and the order that it puts the methods into."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fiqa.evaluation.result import Evaluation, MethodCurve, RecognizerResult

__all__ = ["gap_to_oracle", "percent", "ranked", "verdict"]


def percent(limit: float) -> str:
    """Returns a discard fraction as it is written in a heading.

    >>> percent(0.3), percent(0.125)
    ('30 %', '12.5 %')
    """
    return f"{100 * limit:g} %"


def ranked(result: RecognizerResult, limit: float) -> list[MethodCurve]:
    """Returns the curves in the order of a table: methods by area, then random and oracle.

    Methods without an area come after those with one.

    Args:
        result: of a recognizer.
        limit: to which the area reaches.
    """

    def key(curve: MethodCurve) -> tuple[bool, float]:
        area = curve.areas[limit, "start"]
        return curve.role != "method", math.inf if area is None else area.value

    methods = sorted(result.of_role("method"), key=key)
    return [*methods, *result.of_role("random"), *result.of_role("oracle")]


def gap_to_oracle(result: RecognizerResult, curve: MethodCurve, limit: float) -> float | None:
    """Returns how far a curve is from the oracle: 0 is the oracle, 1 is no help.

    None where no area is known, or where the oracle helps nothing.

    Args:
        result: of the recognizer.
        curve: one of its curves.
        limit: to which the area reaches.
    """
    own = curve.areas[limit, "start"]
    least = next((other.areas[limit, "start"] for other in result.of_role("oracle")), None)
    if own is None or least is None or least.value >= 1:
        return None
    return (own.value - least.value) / (1 - least.value)


def verdict(evaluation: Evaluation, result: RecognizerResult) -> str:
    """Returns in one or two sentences which method is best under a recognizer, and how sure it is.

    Args:
        evaluation: with its settings.
        result: of the recognizer.
    """
    limit = evaluation.settings["limits"][0]
    best = ranked(result, limit)[0]
    if best.areas[limit, "start"] is None:
        return f"Under {result.name} no mated pair fails, so there is nothing to remove."
    return f"{_removal(result, best, limit)} {_certainty(evaluation, result, best)}"


def _removal(result: RecognizerResult, best: MethodCurve, limit: float) -> str:
    """Which share of the removable errors the best method removes.

    All are compared at what it discards: a tie goes as a whole, so that may be more than asked.
    """
    place = best.place(limit)
    discarded = float(best.curve.discard[place])
    start = best.errors_left(0.0)[0]
    removed = start - best.errors_left(discarded)[0]
    removable = start - min(curve.errors_left(discarded)[0] for curve in result.of_role("oracle"))
    by_chance = [start - curve.errors_left(discarded)[0] for curve in result.of_role("random")]
    if removable <= 0:
        return f"Under {result.name} no score could remove an error at {percent(limit)} discarded."
    if discarded < limit + 0.005:
        at = f"at {percent(limit)} discarded"
    else:
        at = f"at {100 * discarded:.0f} % discarded, its first cut beyond {percent(limit)}"
    chance = "".join(f"; discarding at random removes {_part(c, removable)}" for c in by_chance)
    return (
        f"{best.name} removes {_part(removed, removable)} of the errors that any score could remove"
        f" {at} ({removed:,} of {removable:,} under {result.name}{chance})."
    )


def _part(count: int, total: int) -> str:
    share = 100 * count / total
    # 99.96 is not all of it, and 0.04 is not nothing.
    return f"{share:.1f} %" if 99 < share < 100 or 0 < share < 1 else f"{share:.0f} %"


def _certainty(evaluation: Evaluation, result: RecognizerResult, best: MethodCurve) -> str:
    others = [curve for curve in result.curves if curve.behind is not None]
    rivals = [curve for curve in others if curve.role == "method"] or [
        curve for curve in others if curve.role == "random"
    ]
    if not rivals:
        return "Whether it is better beyond chance was not tested: there are no resamples."
    level, draws = evaluation.settings["level"], evaluation.settings["draws"]
    sure = [curve for curve in rivals if curve.behind is not None and curve.behind.high < 0]
    open_ = [curve for curve in rivals if curve not in sure]
    parts = []
    if sure:
        parts.append(f"It is better than {_names(sure)} beyond chance")
    if open_:
        beyond = "the rest may be chance:" if sure else "It may be chance that it is ahead of"
        parts.append(f"{beyond} {_names(open_)}")
    area = f"area to {percent(evaluation.settings['limits'][0])}"
    return f"{'; '.join(parts)} ({level:.0%} by {draws} resamples of identities, {area})."


def _names(curves: Sequence[MethodCurve]) -> str:
    names = ["discarding at random" if c.role == "random" else c.name for c in curves]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
