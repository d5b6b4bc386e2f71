"""The page of findings: what it shows, what it leaves out and says so, and that names stay text."""

from __future__ import annotations

import re

import numpy as np

from fiqa.report.findings import MOST, findings_page

PICTURE = np.full((20, 30, 3), 128, np.uint8)


def row(issue="dark", number=0, **changes):
    return {
        "path": f"in/{number}.jpg", "id": f"p/{number}", "issue": issue, "score": 0.75,
        "evidence": "because", "other": "", "other_id": "",
    } | changes  # fmt: skip


def page(rows, **named):
    given = {"verdict": "One is wrong.", "skipped": {}, "looked": {}} | named
    return findings_page(rows, lambda path: None if "gone" in path else PICTURE, **given)


def test_the_verdict_stands_first_and_every_kind_has_its_section():
    text = page([row(), row("border", 1)], looked={"dark": 9, "blurred": 9})
    assert text.index("One is wrong.") < text.index("Dark: 1") < text.index("Border: 1")
    assert '<a href="#dark"><b>1</b>dark</a>' in text
    assert '<span class="none"><b>0</b>blurred</span>' in text, "what was looked for and not found"
    assert text.count("<h2") == 2


def test_two_pictures_stand_beside_each_other_and_one_alone():
    two = page([row("near_duplicate", other="in/x.jpg", other_id="p/x")])
    assert two.count("<img") == 2
    assert "compared with" in two
    assert 'alt="compared with: p/x"' in two
    assert page([row()]).count("<img") == 1
    assert page([row(path="gone.jpg")]).count("cannot be shown") == 1
    assert page([row("unreadable")]).count("<img") == 0


def test_a_page_has_an_end_and_says_what_is_left_out():
    text = page([row(number=k) for k in range(MOST + 7)])
    assert text.count("<article") == MOST
    assert "7 more are in findings.csv" in text


def test_names_stay_text_and_nothing_is_loaded_from_elsewhere():
    bad = '"><script>alert(1)</script>'
    text = page(
        [row("two_names", path=bad, id=bad, evidence=bad, other=bad, other_id=bad)],
        skipped={"leak_image": bad}, notes=[bad], footer=bad, verdict=bad,
    )  # fmt: skip
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!data:image/|#)', text) == []


def test_what_was_not_looked_for_is_told_with_its_reason():
    text = page([], skipped={"wrong_person": "no embeddings"}, notes=["A note."])
    assert "<b>wrong person</b>: no embeddings." in text
    assert "A note." in text
