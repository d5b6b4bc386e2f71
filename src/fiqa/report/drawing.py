"""How every plot looks, and one way to draw it: as SVG for pages and as PNG for everything else.

No pyplot, no display, no network. Figures are 5.6 inches wide with 11 point text, so that they can
be read on a phone; colors are Okabe and Ito's, which differ for every kind of color vision.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fiqa.functional.table import printable

__all__ = ["COLORS", "FAINT", "INK", "SOFT", "WIDTH", "Plot", "drawn", "looks", "short", "style"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B3A8C")
"""One per method, in their order."""

_DASHES = ("-", (0, (5, 2)), (0, (5, 1.5, 1, 1.5)), (0, (8, 1.5, 1, 1.5, 1, 1.5)))
INK, SOFT, FAINT = "#1b1d21", "#5d626b", "#c9c7c1"
WIDTH = 5.6
_RC = {
    "font.family": "DejaVu Sans", "font.size": 10.5,
    "axes.titlesize": 11.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.edgecolor": FAINT, "axes.labelcolor": SOFT, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e2e0da", "grid.linewidth": 0.8,
    "xtick.color": SOFT, "ytick.color": SOFT, "text.color": INK, "text.parse_math": False,
    "legend.frameon": False, "legend.fontsize": 9.5, "lines.linewidth": 1.9,
    "figure.facecolor": "white",
    "svg.hashsalt": "fiqa",  # the same ids in every run, so that equal plots are equal files
}  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """A drawn plot.

    Attributes:
        name: a file stem.
        title: for a heading.
        caption: plain text under it.
        alt: plain text for those who do not see it.
        svg: the drawing as text.
        png: the drawing as bytes.
        recognizer: whose plot it is, "" for one of all recognizers.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    png: bytes
    recognizer: str = ""

    @property
    def uri(self) -> str:
        """The drawing as a data URI."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode('ascii')}"


@contextmanager
def style() -> Iterator[None]:
    """Sets the look of plots while they are drawn."""
    import matplotlib as mpl

    look: Any = _RC
    with mpl.rc_context(look):
        yield


def looks(methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns name -> color and dashes of the line of each method, of random and of the oracle.

    Args:
        methods: their names, in the order of the evaluation.
    """
    look: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(methods):
        # Color and dash go round with different periods, so grey print tells them apart too.
        dash = _DASHES[place % len(_DASHES)]
        look[name] = {"color": COLORS[place % len(COLORS)], "linestyle": dash}
    look["random"] = {"color": "#8a8f98", "linestyle": (0, (1, 1.6)), "linewidth": 1.6}
    look["oracle"] = {"color": INK, "linestyle": (0, (6, 2, 1, 2)), "linewidth": 1.3}
    return look


def drawn(
    name: str,
    title: str,
    caption: str,
    alt: str,
    draw: Callable[[Any], object],
    size: tuple[float, float],
) -> Plot:
    """Returns the plot that `draw` puts into an empty matplotlib figure of `size` in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(figure)
    svg, png = io.BytesIO(), io.BytesIO()
    # No date and no version of matplotlib: equal plots are equal files.
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=180, metadata={"Software": None})
    return Plot(name, title, caption, alt, svg.getvalue().decode(), png.getvalue())


def short(name: str, most: int = 26) -> str:
    """Returns a name as it stands in a plot, with an ellipsis where it is longer than `most`.

    >>> short("a" * 30, 5)
    'aaaa…'
    """
    text = printable(name)
    return text if len(text) <= most else text[: most - 1] + "…"
