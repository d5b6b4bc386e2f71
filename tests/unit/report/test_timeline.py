"""The page of `select`: what is drawn is what was given, and names stay text."""

from __future__ import annotations

import re

import numpy as np

from fiqa.report.timeline import Lane, Pick, Timeline, timeline_page


def lane(name: str = "drive-1", picks: int = 2) -> Lane:
    times = np.array([0.5, 1.0, 1.5, 8.0, 8.5])
    middle = np.array([0.2, 0.4, np.nan, 0.6, 0.7])
    crop = np.full((112, 112, 3), 90, np.uint8)
    chosen = [Pick(8.5 - i, 0.7 - i / 10, crop, "blurry" if i else "") for i in range(picks)]
    return Lane(
        name, 0.5, 8.5, times, middle, middle - 0.05, middle + 0.05, chosen, "rgb", ["below_floor"]
    )


def clip(**changes: object) -> Timeline:
    given = {
        "name": "drive",
        "words": "drive.mp4: 10 s",
        "seconds": 10.0,
        "floor": (0.5, 0.4),
        "lanes": [lane()],
        "states": [(2.0, 4.0, "covered"), (4.0, float("inf"), "no_face")],
    }
    return Timeline(**(given | changes))  # type: ignore[arg-type]


def test_every_pick_is_marked_where_it_is() -> None:
    page = timeline_page([clip()], lead="1 clip", footer="k 2")
    dots = re.findall(r'<b style="left:([\d.]+)%;top:([\d.]+)px">', page)
    # later ranks first, so that the best one lies on top
    assert [float(x) for x, _ in dots] == [75.0, 85.0]
    assert float(dots[0][1]) > float(dots[1][1])
    assert page.count("data:image/jpeg") == 2
    assert "blurry" in page
    assert "<b>below floor</b>" in page
    # what was not scored for long is a gap
    assert page.count('class="q"') == 2


def test_states_are_named_and_end_with_the_clip() -> None:
    page = timeline_page([clip()], lead="")
    assert "lens covered" in page
    assert "no face" in page
    assert "too dark" not in page
    bars = re.findall(r'<rect x="([\d.]+)" y="0" width="([\d.]+)"', page)[1:]
    assert [round(float(x) + float(width)) for x, width in bars] == [400, 1000]


def test_names_stay_text_and_nothing_is_loaded() -> None:
    page = timeline_page([clip(name="<script>", lanes=[lane("<b>1")])], lead="<i>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;1" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)


def test_many_tracks_are_counted_and_none_is_said() -> None:
    many = timeline_page([clip(lanes=[lane(f"d-{i}", 0) for i in range(43)])], lead="")
    assert many.count('class="lane"') == 40
    assert "and 3 more tracks" in many
    assert "No face was found." in timeline_page([clip(lanes=[], states=[])], lead="")
    assert "0 s" in timeline_page([clip(seconds=0.0)], lead="")


def test_no_line_is_drawn_through_a_time_without_a_face() -> None:
    times = np.array([0.0, 0.2, 0.4, 1.2, 1.4, 1.6])
    level = np.full(6, 0.7)
    gap = Lane("drive-1", 0.0, 1.6, times, level, level, level, [], "rgb", [])
    assert timeline_page([clip(lanes=[gap])], lead="", footer="").count('class="q"') == 2
    even = Lane("drive-1", 0.0, 1.0, np.arange(6) / 5, level, level, level, [], "rgb", [])
    assert timeline_page([clip(lanes=[even])], lead="", footer="").count('class="q"') == 1
