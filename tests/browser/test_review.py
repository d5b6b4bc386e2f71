"""Review in a browser, by its keys and dialogs: levels, reasons, people, findings and tracks; what
they leave are tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fiqa.data.manifest import find

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(faces: Path, studio: Any, enter: Any, home: Any, tmp_path: Path) -> Any:
    """Opens a page of a studio that has scores, findings and tracks."""
    manifest = find([faces])
    ids = manifest.id.tolist()
    film, found = tmp_path / "film.csv", tmp_path / "findings.csv"
    pl.DataFrame(
        {
            "id": ids,
            "path": manifest.path.tolist(),
            "identity": manifest.identity.tolist(),
            "track": ["long"] * 50 + ["short"] * 10,
            "frame": list(range(60)),
        }
    ).write_csv(film)
    pl.DataFrame(
        {
            "path": manifest.path.tolist()[:3],
            "id": ids[:3],
            "issue": ["blurred", "dark", "blurred"],
            "score": [0.9, 0.7, 0.6],
            "measured": [0.1, 20.0, 0.2],
            "limit": [0.3, 40.0, 0.3],
            "evidence": ["soft", "dim", "soft"],
            "other": [""] * 3,
            "other_id": [""] * 3,
        }
    ).write_csv(found)
    link = studio(film, "--scores", faces.parent / "one.csv", "--findings", found,
                  "--annotator", "Ada")  # fmt: skip

    def at(place: str, **options: Any) -> Any:
        page = enter(link, **options)
        page.goto(f"{home(link)}/{place}")
        return page

    return at


def pressed(page: Any, key: str) -> None:
    """Presses a key that decides, and waits until it is saved."""
    with page.expect_response("**/review/decide") as answer:
        page.keyboard.press(key)
    assert answer.value.status == 200
    page.locator("#status").get_by_text("Saved").wait_for()


def table(page: Any, name: str, path: Path) -> pl.DataFrame:
    """A table of the page, as a browser saves it."""
    base = page.url.split("/review")[0]
    (path / f"{name}.csv").write_bytes(page.request.get(f"{base}/review/{name}.csv").body())
    return pl.read_csv(path / f"{name}.csv")


def test_levels_reasons_and_people_by_keys(opened: Any, axe: Any, tmp_path: Path) -> None:
    page = opened("review")
    page.keyboard.press("3")
    assert "Choose a face first" in page.locator("#alert").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    name = page.locator(".item:focus").get_attribute("aria-label")
    card = page.locator(".item").nth(1)
    assert name == card.get_attribute("aria-label")
    pressed(page, "4")
    assert card.locator(".level").inner_text() == "good"

    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Reasons")
    dialog.wait_for()
    assert axe(page) == []
    page.keyboard.press("2")
    assert card.locator(".level").inner_text() == "good", "a dialog has the keys of its page"
    for code in ("glare", "noisy"):
        dialog.locator(f'input[value="{code}"]').focus()
        page.keyboard.press("Space")
    dialog.get_by_role("button", name="Save").focus()
    pressed(page, "Enter")
    assert set(card.locator(".codes").inner_text().split(", ")) == {"glare", "noisy"}

    page.keyboard.press("m")
    page.get_by_role("dialog", name="Move to another person").wait_for()
    assert axe(page) == []
    page.keyboard.type("p14")
    pressed(page, "Enter")
    assert card.locator(".person").inner_text() == "p14"

    page.keyboard.press("r")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    labels = table(page, "labels", tmp_path)
    assert labels.select("id", "level").rows() == [(name, "good")]
    assert set(labels["reasons"][0].split(";")) == {"glare", "noisy"}
    moved = table(page, "faces", tmp_path).filter(pl.col("id") == name)
    assert moved["identity"].to_list() == ["p14"]

    with page.expect_navigation():
        page.keyboard.press("u")
    again = page.get_by_role("article", name=name, exact=True)
    assert again.locator(".person").inner_text() != "p14"
    assert again.locator(".level").inner_text() == "good"
    page.keyboard.press("n")
    page.wait_for_url("**page=2")
    page.keyboard.press("p")
    page.wait_for_url("**page=1")


def test_findings_by_keys(opened: Any, axe: Any, overflow: Any, tmp_path: Path) -> None:
    page = opened("review/findings", width="phone")
    assert axe(page) == []
    assert overflow(page) <= 0
    page.keyboard.press("ArrowRight")
    pressed(page, "a")
    page.keyboard.press("ArrowRight")
    pressed(page, "x")
    page.reload()
    said = page.locator(".item .said").all_inner_texts()
    assert said == ["accepted by Ada", "rejected by Ada", ""]
    assert table(page, "findings", tmp_path)["decision"].to_list() == ["accepted", "rejected", ""]
    assert len(table(page, "faces", tmp_path)) == 59


def test_a_track_is_cut_and_merged_by_keys(
    opened: Any, axe: Any, overflow: Any, reached: Any, tmp_path: Path
) -> None:
    page = opened("review/tracks", width="phone")
    assert axe(page) == []
    assert overflow(page) <= 0
    page.get_by_role("link", name="every face of long").click()
    assert page.locator(".begin").count() == 50
    assert axe(page) == []
    assert overflow(page) <= 0
    page.locator(".begin").nth(31).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(page.url.split("?")[0])
    assert page.locator(".track h2").all_inner_texts() == [
        "long 31 faces", "long~2 19 faces", "short 10 faces",
    ]  # fmt: skip
    part = page.locator('.track[data-track="long~2"]')
    part.get_by_label("Merge into").select_option("short")
    with page.expect_navigation():
        part.get_by_role("button", name="Merge").click()
    tracks = table(page, "faces", tmp_path)["track"].to_list()
    assert tracks == ["long"] * 31 + ["short"] * 29
    assert reached(page) == []
    page.goto(page.url.replace("/tracks", "/log"))
    assert page.locator("tbody tr").count() == 2
    assert axe(page) == []
    assert overflow(page) <= 0
