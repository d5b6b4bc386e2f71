"""Names beside the ends of lines, and grids of panels without an empty place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fiqa.report.drawing import INK

__all__ = ["line_labels", "panels", "spread"]

# Of the height of the axes: a line of text with a little air.
_PITCH = 0.062


def line_labels(axes: Any, shorten: Callable[[str, int], str]) -> None:
    """Writes the label of each line beside its right end, moved apart where they would overlap.

    Args:
        axes: with its final limits; lines without a label are left alone.
        shorten: a text of at most so many characters.
    """
    low, high = axes.get_ylim()
    right = axes.get_xlim()[1]
    lines = [line for line in axes.lines if not line.get_label().startswith("_")]
    ends = [
        min(max((float(line.get_ydata()[-1]) - low) / (high - low), 0.0), 1.0) for line in lines
    ]
    for line, end, place in zip(lines, ends, spread(ends, _PITCH), strict=True):
        axes.annotate(
            shorten(line.get_label(), 22),
            xy=(right, low + end * (high - low)),
            xytext=(1.045, place),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            color=INK,  # not every line's color can be read as text
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": line.get_color(),
                "linewidth": 1.4,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def spread(places: Sequence[float], pitch: float) -> list[float]:
    """Returns places in 0..1 moved apart to at least `pitch`, each near its own, order kept.

    More than fit are as far apart as they can be.

    Args:
        places: in 0..1.
        pitch: the least distance.

    >>> [round(place, 3) for place in spread([0.5, 0.5, 0.0], 0.1)]
    [0.45, 0.55, 0.0]
    """
    if len(places) > 1:
        pitch = min(pitch, 1 / (len(places) - 1))
    order = sorted(range(len(places)), key=lambda k: places[k])
    groups: list[list[int]] = [[k] for k in order]

    def start(group: list[int]) -> float:
        wide = pitch * (len(group) - 1)
        middle = sum(places[k] for k in group) / len(group)
        return min(max(middle - wide / 2, 0.0), 1.0 - wide)

    # Neighbors that overlap become one group about their common middle, until none does.
    k = 1
    while k < len(groups):
        end = start(groups[k - 1]) + pitch * len(groups[k - 1])
        if start(groups[k]) < end - 1e-9:
            groups[k - 1] += groups.pop(k)
            k = max(k - 1, 1)
        else:
            k += 1
    moved = {k: start(group) + pitch * n for group in groups for n, k in enumerate(group)}
    return [moved[k] for k in range(len(places))]


def panels(figure: Any, count: int, *, sharex: bool = False, sharey: bool = False) -> list[Any]:
    """Returns panels of a figure in two columns; the last of an odd number is as wide as both.

    Args:
        figure: an empty one.
        count: of panels.
        sharex: one x axis for all.
        sharey: one y axis for all.
    """
    rows = (count + 1) // 2
    grid = figure.add_gridspec(rows, 2)
    made: list[Any] = []
    for k in range(count):
        alone = k == count - 1 and count % 2 == 1
        place = grid[k // 2, :] if alone else grid[k // 2, k % 2]
        first = made[0] if made else None
        axes = figure.add_subplot(
            place, sharex=first if sharex else None, sharey=first if sharey else None
        )
        axes.tick_params(labelleft=not sharey or k % 2 == 0)
        made.append(axes)
    return made
