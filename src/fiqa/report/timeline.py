"""The page of `select`: for each clip when each face was seen, how good it was, and which frames
were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa.report.page import escape, image_uri, page

__all__ = ["Lane", "Pick", "Timeline", "timeline_page"]

_WIDE, _HIGH = 1000, 84
"""A drawing is stretched to the width of its window; its height is in CSS pixels."""
_STRIP = 12
_MOST = 40
"""Lanes of a clip that are drawn; all are counted."""
_COLORS = {
    "no_face": "#b9bec7",
    "covered": "#7a4a9e",
    "too_dark": "#3b4252",
    "too_bright": "#e0a400",
    "damaged": "#c2410c",
}
"""Of the states that are not ok."""
_WORDS = {
    "no_face": "no face",
    "covered": "lens covered",
    "too_dark": "too dark",
    "too_bright": "too bright",
    "damaged": "file damaged",
}
_STYLE = """
main>.key{margin-bottom:18px}
.clip{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 18px 18px;
margin:0 0 24px}
.clip h2{margin:0 0 4px;overflow-wrap:anywhere}
.clip>p{color:var(--soft);font-size:14.5px;margin-bottom:12px}
.lane{margin:18px 0 0}
.lane h3{font-size:15px;margin:0 0 6px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.lane h3 span{font-weight:400;color:var(--soft);margin-left:10px}
.lane h3 b{font-weight:600;color:var(--cost);margin-left:10px}
:root{--q:#1e5cab;--floor:#bd5209;--dot:#14786b}
@media (prefers-color-scheme:dark){:root{--q:#7db3f5;--floor:#fb923c;--dot:#1a8475}}
.chart{position:relative;margin:0 16px 0 34px;font-size:12px;line-height:1;color:var(--soft)}
.lane .chart{margin-bottom:30px}
.chart span,.chart b{position:absolute}
.chart .y{right:calc(100% + 8px);transform:translateY(-50%)}
.chart .t{top:94px;transform:translateX(-50%);white-space:nowrap}
.chart b{width:20px;height:20px;margin:-10px;border-radius:50%;background:var(--dot);color:#fff;
border:2px solid var(--card);text-align:center;line-height:16px;font-size:11px}
svg{display:block;width:100%;overflow:visible}
svg *{vector-effect:non-scaling-stroke}
.q{fill:none;stroke:var(--q);stroke-width:1.8;stroke-linejoin:round}
.band{fill:var(--q);opacity:.16}
.grid{stroke:var(--line);stroke-width:1}
.floor{stroke:var(--floor);stroke-width:1;stroke-dasharray:5 4}
.picks{display:grid;grid-template-columns:repeat(auto-fill,minmax(92px,112px));gap:14px}
.picks figure{margin:0}
.picks img{width:100%}
.picks figcaption{font-size:13px;line-height:1.35;margin-top:5px;font-variant-numeric:tabular-nums}
.picks figcaption b{color:var(--ink)}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13.5px;color:var(--soft);margin:6px 0 0}
.key i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}
.key .face{background:var(--dot);opacity:.35}
@media (max-width:600px){.chart .odd{display:none}.clip{padding:14px 14px 16px}}
"""


@dataclass(frozen=True, eq=False)
class Pick:
    """A chosen frame.

    Attributes:
        time: seconds.
        quality: 0..1.
        crop: (112,112,3) uint8 RGB, None where it cannot be shown.
        words: why it is not better, "" where there is nothing to say.
    """

    time: float
    quality: float
    crop: NDArray[np.uint8] | None
    words: str = ""


@dataclass(frozen=True, eq=False)
class Lane:
    """One track.

    Attributes:
        name: its id.
        start: seconds.
        end: seconds.
        times: (N,) middle of each step, seconds.
        middle: (N,) mean quality of each step, NaN where nothing was scored.
        low: (N,) least.
        high: (N,) largest.
        picks: the chosen frames, best first.
        words: what there is to know of it.
        flags: what a person should see first.
    """

    name: str
    start: float
    end: float
    times: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    picks: Sequence[Pick]
    words: str = ""
    flags: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Timeline:
    """One clip.

    Attributes:
        name: of the clip.
        words: what it is.
        seconds: its length.
        floor: (on, off) quality.
        lanes: its tracks, in order.
        states: (start, end, state) of the stretches that are not ok.
    """

    name: str
    words: str
    seconds: float
    floor: tuple[float, float]
    lanes: Sequence[Lane]
    states: Sequence[tuple[float, float, str]] = ()


def timeline_page(clips: Sequence[Timeline], *, lead: str, footer: str = "") -> str:
    """Returns one self-contained HTML page.

    Args:
        clips: in order.
        lead: plain text under the heading.
        footer: plain text at the end.
    """
    key = (
        '<div class="key"><span><i style="background:var(--q)"></i>quality, mean and range</span>'
        '<span><i style="background:var(--dot);border-radius:50%"></i>best shots, by rank</span>'
        '<span><i style="background:var(--floor);height:2px;margin-bottom:4px"></i>'
        "floor, on and off</span></div>"
    )
    body = key + "".join(map(_clip, clips))
    return page("Best shots", body, lead=lead, footer=footer, style=_STYLE)


def _clip(clip: Timeline) -> str:
    lanes = "".join(_lane(lane, clip) for lane in clip.lanes[:_MOST])
    more = len(clip.lanes) - _MOST
    rest = f"<p>and {more} more tracks: tracks.parquet has them all</p>" if more > 0 else ""
    none = "<p>No face was found.</p>" if not clip.lanes else ""
    return (
        f'<section class="clip"><h2>{escape(clip.name)}</h2><p>{escape(clip.words)}</p>'
        f"{_states(clip)}{none}{lanes}{rest}</section>"
    )


def _states(clip: Timeline) -> str:
    """A strip of what was seen, with its key."""
    bars = [
        f'<rect x="{left:.1f}" y="0" width="{max(right - left, 1.0):.1f}" height="{_STRIP}"'
        f' fill="{_COLORS.get(state, "#b9bec7")}"/>'
        for left, right, state in ((_x(a, clip), _x(b, clip), s) for a, b, s in clip.states)
    ]
    whole = f'<rect x="0" y="0" width="{_WIDE}" height="{_STRIP}" fill="var(--dot)" opacity=".35"/>'
    strip = _chart(_STRIP, whole + "".join(bars), "", "states over time")
    seen = [state for state in _COLORS if any(state == other for _, _, other in clip.states)]
    keys = "".join(
        f'<span><i style="background:{_COLORS[state]}"></i>{_WORDS[state]}</span>' for state in seen
    )
    face = '<span><i class="face"></i>a face</span>'
    return f'{strip}<div class="key">{face}{keys}</div>'


def _lane(lane: Lane, clip: Timeline) -> str:
    flags = "".join(f"<b>{escape(flag.replace('_', ' '))}</b>" for flag in lane.flags)
    picks = "".join(_figure(rank, pick) for rank, pick in enumerate(lane.picks, 1))
    return (
        f'<div class="lane"><h3>{escape(lane.name)}<span>{escape(lane.words)}</span>{flags}</h3>'
        f'{_drawing(lane, clip)}<div class="picks">{picks}</div></div>'
    )


def _figure(rank: int, pick: Pick) -> str:
    image = (
        "" if pick.crop is None else f'<img src="{image_uri(pick.crop)}" alt="best shot {rank}">'
    )
    words = f"<br>{escape(pick.words)}" if pick.words else ""
    return (
        f"<figure>{image}<figcaption><b>{rank} · {pick.quality:.2f}</b>"
        f"<br>{_clock(pick.time)}{words}</figcaption></figure>"
    )


def _drawing(lane: Lane, clip: Timeline) -> str:
    parts, words = [], []
    for value in (0.0, 0.5, 1.0):
        y = _y(value)
        parts.append(f'<line class="grid" x1="0" y1="{y}" x2="{_WIDE}" y2="{y}"/>')
        words.append(f'<span class="y" style="top:{y}px">{value:.1f}</span>')
    for value in clip.floor:
        y = _y(value)
        parts.append(f'<line class="floor" x1="0" y1="{y}" x2="{_WIDE}" y2="{y}"/>')
    known = np.isfinite(lane.middle)
    for run in _runs(lane.times, known, clip.seconds):
        top = [f"{_x(lane.times[i], clip):.1f},{_y(lane.high[i]):.1f}" for i in run]
        bottom = [f"{_x(lane.times[i], clip):.1f},{_y(lane.low[i]):.1f}" for i in reversed(run)]
        parts.append(f'<polygon class="band" points="{" ".join(top + bottom)}"/>')
        line = " ".join(f"{_x(lane.times[i], clip):.1f},{_y(lane.middle[i]):.1f}" for i in run)
        parts.append(f'<polyline class="q" points="{line}"/>')
    for rank, pick in sorted(enumerate(lane.picks, 1), reverse=True):
        place = f"left:{_percent(pick.time, clip)};top:{_y(pick.quality):.1f}px"
        words.append(f'<b style="{place}">{rank}</b>')
    words += _ticks(clip)
    return _chart(_HIGH, "".join(parts), "".join(words), f"quality of {lane.name} over time")


def _chart(high: int, drawn: str, words: str, name: str) -> str:
    """A drawing that fills the width, with words over it that are not stretched."""
    return (
        f'<div class="chart" role="img" aria-label="{escape(name)}">'
        f'<svg viewBox="0 0 {_WIDE} {high}" style="height:{high}px" preserveAspectRatio="none"'
        f' aria-hidden="true">{drawn}</svg>{words}</div>'
    )


def _ticks(clip: Timeline) -> list[str]:
    step = next(
        (
            s
            for s in (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
            if clip.seconds / s <= 10
        ),
        7200.0,
    )
    count = int(clip.seconds / step + 1e-9)
    return [
        f'<span class="t{" odd" * (i % 2)}" style="left:{_percent(i * step, clip)}">'
        f"{_clock(i * step)}</span>"
        for i in range(count + 1)
    ]


def _clock(seconds: float) -> str:
    """Returns a time as it is read.

    >>> _clock(1.5), _clock(125.0)
    ('1.5 s', '2:05')
    """
    if seconds < 60:
        return f"{round(seconds, 2):g} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _runs(times: NDArray[np.float64], known: NDArray[np.bool_], seconds: float) -> list[list[int]]:
    """The stretches of steps that are known, broken where more than three usual steps lie between
    two: no line is drawn through a time without a face."""
    runs: list[list[int]] = []
    steps = np.diff(times[known])
    apart = max(3 * float(np.median(steps)) if len(steps) else 0.0, seconds / 60)
    for i in np.flatnonzero(known).tolist():
        if runs and times[i] - times[runs[-1][-1]] <= apart:
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def _x(time: float, clip: Timeline) -> float:
    share = min(max(time / clip.seconds, 0.0), 1.0) if clip.seconds > 0 else 0.0
    return share * _WIDE


def _percent(time: float, clip: Timeline) -> str:
    return f"{100 * _x(time, clip) / _WIDE:.2f}%"


def _y(quality: float) -> float:
    return round(10 + (1.0 - min(max(quality, 0.0), 1.0)) * (_HIGH - 16), 1)
