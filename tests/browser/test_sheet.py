"""The contact sheet in a browser: what its fields choose is what a loop over the rows chooses, and
ten thousand rows stay usable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fiqa.report.sheet import sheet
from fiqa.vocabulary import FACTORS, LEVELS

Row = dict[str, Any]
MANY = 10_000


def table(count: int) -> list[Row]:
    """Rows of people p0..p6 with scores that differ in every way that the fields ask for."""
    rows: list[Row] = []
    for k in range(count):
        score = (37 * k) % 101
        reasons = (["noisy"] if k % 7 == 0 else []) + (["blurry"] if score < 50 else [])
        rows.append(
            {
                "path": f"in/p{k % 7}/{k:05d}.jpg", "status": "ok", "uqs": score,
                "level": LEVELS[min(score // 20, 4)], "reasons": reasons,
                "factors": dict.fromkeys(FACTORS, score / 100), "model": "default",
            }
        )  # fmt: skip
    rows[3] |= {"status": "no_face", "uqs": None, "level": None, "reasons": None, "factors": None}
    return rows


def crops(count: int) -> list[NDArray[np.uint8]]:
    """Pictures that no two rows share."""
    draw = np.random.default_rng(3)
    small = draw.integers(0, 256, (count, 7, 7, 3), np.uint8)
    return [np.repeat(np.repeat(each, 16, axis=0), 16, axis=1) for each in small]


@pytest.fixture(scope="module")
def hundred() -> tuple[list[Row], str]:
    """(rows, page) of a hundred faces."""
    rows = table(100)
    return rows, sheet(rows, crops(100))


def shown(page: Any) -> list[str]:
    """The names on the page, in their order."""
    names: list[str] = page.locator(".cards .card .name:first-of-type").all_text_contents()
    return [name for name in names if name.endswith(".jpg")]


def named(rows: list[Row]) -> list[str]:
    return [row["path"].rsplit("/", 1)[1] for row in rows]


def score(row: Row) -> int:
    return -1 if row["uqs"] is None else int(row["uqs"])


@pytest.mark.slow
def test_the_fields_choose_what_a_loop_chooses(hundred: Any, visit: Any) -> None:
    rows, text = hundred
    page = visit(text)
    assert shown(page) == named(rows[:60])
    page.get_by_role("button", name="Next").first.click()
    assert shown(page) == named(rows[60:])
    page.get_by_label("Order").select_option(label="lowest first")
    worst = sorted(rows, key=score)
    assert shown(page) == named(worst[:60]), "the first page again"
    page.get_by_label("Reason").select_option("noisy")
    noisy = [row for row in worst if "noisy" in (row["reasons"] or [])]
    assert shown(page) == named(noisy)
    page.get_by_label("Level").select_option("low")
    both = [row for row in noisy if row["level"] == "low"]
    assert 0 < len(both) < len(noisy)
    assert shown(page) == named(both)
    assert page.locator('[role="status"]').inner_text() == f"1 to {len(both)} of {len(both)} shown"
    page.get_by_label("Level").select_option("")
    page.get_by_label("Reason").select_option("")
    page.get_by_label("Search names").fill("P3 9")
    found = [row for row in worst if "p3" in row["path"] and "9" in row["path"]]
    assert shown(page) == named(found)
    page.reload()
    assert shown(page) == named(found), "the address holds the choices"


def test_people_are_grouped_and_their_ends_shown(hundred: Any, visit: Any) -> None:
    rows, text = hundred
    page = visit(text)
    page.get_by_label("Groups").select_option("each")
    people = list(dict.fromkeys(row["path"].rsplit("/", 1)[0] for row in rows))
    grouped = [row for who in people for row in rows if row["path"].startswith(f"{who}/")]
    assert shown(page) == named(grouped[:60])
    heads = page.locator(".cards h2").all_text_contents()
    assert heads == people[: len(heads)]
    page.get_by_label("Groups").select_option("ends")
    ends = []
    for who in people:
        own = [row for row in rows if row["path"].startswith(f"{who}/") and row["uqs"] is not None]
        pair = [min(own, key=score), max(own, key=score)]
        ends += [row for row in own if row in pair]
    assert shown(page) == named(ends)
    assert page.locator(".cards h2").count() == 7


@pytest.mark.slow
def test_an_address_that_asks_for_nothing_known_shows_all(hundred: Any, visit: Any) -> None:
    rows, text = hundred
    page = visit(text, place="level=of+a+later+version&page=2")
    assert shown(page) == named(rows[60:])
    page.get_by_label("Search names").fill("nobody")
    assert shown(page) == []
    assert "No face fits these choices" in page.locator('[role="status"]').inner_text()


@pytest.mark.slow
def test_ten_thousand_rows_are_usable(visit: Any, overflow: Any) -> None:
    rows = table(MANY)
    page = visit(sheet(rows, crops(MANY), limit=MANY), width="phone")
    assert page.locator(".card").count() == 60, "the rest is not in the document"
    told = page.locator('[role="status"]')
    assert told.inner_text() == "1 to 60 of 10000 shown"
    decoded = page.evaluate(
        "[...document.images].filter((image) => image.complete && image.naturalWidth).length"
    )
    assert decoded <= 60, "a picture is decoded when it comes into view"
    page.get_by_label("Order").select_option("best")
    best = sorted(rows, key=lambda row: -score(row))
    assert shown(page) == named(best[:60])
    page.get_by_label("Search names").fill("p5 0421")
    found = [row for row in best if "p5" in row["path"] and "0421" in row["path"]]
    assert shown(page) == named(found)
    assert overflow(page) <= 0
