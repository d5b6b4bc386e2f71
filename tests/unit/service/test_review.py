"""The review of an image: which cut, which reasons."""

from __future__ import annotations

import pytest

from fiqa.errors import UnknownNameError
from fiqa.service.review import verdict


def face(score: float, *reasons: str) -> dict:
    return {"score": score, "reasons": list(reasons)}


@pytest.mark.parametrize(
    ("review", "status", "faces", "least", "expected"),
    [
        ("off", "ok", [face(0.1)], None, (None, [])),
        ("off", "corrupt", [], None, (None, [])),
        ("off", "ok", [face(0.1)], 0.2, (False, ["score_below_minimum"])),
        ("off", "no_face", [], 0.2, (False, ["no_face"])),
        ("standard", "ok", [face(0.4, "blurry")], None, (True, [])),
        (
            "standard",
            "ok",
            [face(0.39, "blurry")],
            None,
            (False, ["score_below_minimum", "blurry"]),
        ),
        ("standard", "ok", [face(0.9), face(0.1)], None, (False, ["score_below_minimum"])),
        ("standard", "ok", [face(0.5)], 0.6, (False, ["score_below_minimum"])),
        ("strict", "ok", [face(0.6)], None, (True, [])),
        ("strict", "ok", [face(0.59)], None, (False, ["score_below_minimum"])),
        ("strict", "ok", [face(0.9, "glare")], None, (False, ["glare"])),
        ("strict", "ok", [face(0.9), face(0.9)], None, (False, ["multiple_faces"])),
        ("strict", "truncated", [], None, (False, ["truncated"])),
    ],
)
def test_verdict(review, status, faces, least, expected):
    assert verdict(review, status, faces, min_score=least) == expected


def test_another_review_is_refused():
    with pytest.raises(UnknownNameError, match=r"review"):
        verdict("harsh", "ok", [])
