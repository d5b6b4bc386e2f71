"""Templates are chosen in a browser with keys alone, and labels are made of the choice; a reload, a
kill, a second annotator and hostile names change nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fiqa
from fiqa.data.manifest import find
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.types import Embeddings

pytestmark = pytest.mark.slow


def pressed(page: Any, key: str) -> str:
    """What the studio says after a key that decides, when it is saved."""
    with page.expect_response("**/choose"):
        page.keyboard.press(key)
    page.locator("#status").get_by_text("Saved:").wait_for()
    return str(page.locator("#state").inner_text())


def vectors(faces: Path) -> Embeddings:
    """Those of each person around a direction of its own."""
    manifest = find([faces])
    people = sorted(set(manifest.identity.tolist()))
    vector = np.eye(16)[[people.index(who) for who in manifest.identity.tolist()]]
    vector = vector + 0.1 * np.random.default_rng(0).normal(size=vector.shape)
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    return Embeddings(manifest.id, vector.astype(np.float32), None, "made")


def test_templates_of_fifteen_people_by_keyboard_alone(
    faces: Path, studio: Any, enter: Any, home: Any, tmp_path: Path
) -> None:
    link = studio(faces, "--annotator", "Ada")
    page = enter(link)
    page.goto(f"{home(link)}/templates")
    page.keyboard.press("j")
    chosen: dict[str, str] = {}
    for number in range(15):
        page.wait_for_url("**/templates/*")
        page.locator("#state").get_by_text("open").wait_for()
        person = page.locator("h1").inner_text()
        assert person not in chosen
        key = str(1 + number % 3)
        assert pressed(page, key) == "✓ chosen"
        picked = page.locator('.pick[aria-pressed="true"]')
        assert picked.count() == 1
        chosen[person] = picked.get_attribute("aria-label").split(": ", 1)[1]
        if number == 7:
            page.reload()
            assert page.locator("#state").inner_text() == "✓ chosen", "a reload loses nothing"
            assert page.locator("#done").inner_text() == "8"
        if number < 14:
            page.keyboard.press("j")
            page.wait_for_url(lambda address, here=page.url: address != here)
    assert page.locator("#done").inner_text() == "15"
    table = tmp_path / "templates.csv"
    table.write_bytes(page.request.get(f"{home(link)}/templates/export.csv").body())
    held = pl.read_csv(table)
    if "chosen" in held.columns:
        held = held.filter(pl.col("chosen").cast(pl.String).is_in(["1", "true"]))
    assert dict(held.select("identity", "id").iter_rows()) == chosen
    labels = fiqa.label("dmsfiqa", faces=faces, embeddings=vectors(faces), templates=table)
    assert len(labels.id) > 15
    assert np.isfinite(labels.value).all()


def test_a_choice_outlives_a_kill(
    faces: Path, studio: Any, enter: Any, home: Any, tmp_path: Path
) -> None:
    store = ["--store", tmp_path / "kept.sqlite"]
    link = studio(faces, "--annotator", "Ada", *store)
    page = enter(link)
    page.goto(f"{home(link)}/templates/2")
    pressed(page, "2")
    studio.kill()
    again = studio(faces, "--annotator", "Ada", *store)
    page = enter(again)
    page.goto(f"{home(again)}/templates/2")
    assert page.locator('.pick[aria-pressed="true"]').get_attribute("data-place") == "1"


def test_undo_and_none_by_keys(faces: Path, studio: Any, enter: Any, home: Any) -> None:
    link = studio(faces, "--annotator", "Ada")
    page = enter(link)
    page.goto(f"{home(link)}/templates/0")
    pressed(page, "1")
    assert pressed(page, "x") == "none fits"
    with page.expect_navigation():
        page.keyboard.press("u")
    page.locator("#state").get_by_text("✓ chosen").wait_for()
    page.keyboard.press("n")
    page.wait_for_url("**/templates/1")
    page.keyboard.press("p")
    page.wait_for_url("**/templates/0")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    assert page.get_by_role("dialog").count() == 1
    keys = set(page.get_by_role("dialog").locator("kbd").all_inner_texts())
    assert {"1", "n", "p", "u", "x", "?"} <= keys, "the help has the keys of this page"
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def test_two_annotators_do_not_overwrite_each_other(
    faces: Path, studio: Any, enter: Any, home: Any, tmp_path: Path
) -> None:
    token = "a-token-of-the-tests-0123456789"
    (tmp_path / "tokens").write_text(f"{token}\n", encoding="utf-8")
    (tmp_path / "tokens").chmod(0o600)
    link = studio(faces, "--token-file", tmp_path / "tokens")
    ada = enter(link)
    ada.get_by_label("Name").fill("Ada")
    ada.keyboard.press("Enter")
    ada.wait_for_url("**/templates")
    bob = enter(f"{home(link)}/enter", forgiven="401")
    bob.get_by_label("Token").fill(token)
    bob.keyboard.press("Enter")
    bob.get_by_label("Name").fill("Bob")
    bob.keyboard.press("Enter")
    bob.wait_for_url("**/templates")
    for person in range(4):
        for page, key in ((ada, "1"), (bob, "1" if person < 3 else "2")):
            page.goto(f"{home(link)}/templates/{person}")
            assert page.locator("#state").inner_text() == "open", "the other's choice is not shown"
            pressed(page, key)
    ada.goto(f"{home(link)}/templates")
    told = ada.get_by_label("Agreement").inner_text()
    assert "Both decided on 4, alike on 3" in told
    own = ada.request.get(f"{home(link)}/templates/export.csv").text()
    other = ada.request.get(f"{home(link)}/templates/export.csv?annotator=Bob").text()
    assert own != other


HOSTILE = (
    "<img src=x onerror=alert(1)>", '"quoted" & \'more\'', "line\nbreak", "ünïcödé \u202egpj",
    "{{ 7*7 }}", "javascript:alert(1)", "a" * 120,
)  # fmt: skip


def test_hostile_names_are_text(
    studio: Any, enter: Any, home: Any, axe: Any, overflow: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "faces"
    crops = drawn_faces(2 * len(HOSTILE), seed=8).crops
    for k, name in enumerate(HOSTILE):
        for file in range(2):
            path = folder / name / f"{file}{name[:60].replace('/', '_')}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(crops[2 * k + file]).save(path)
    link = studio(folder, "--annotator", '<b>"Eve')
    page = enter(link, width="phone")
    page.on("dialog", lambda dialog: pytest.fail(f"a name ran: {dialog.message}"))
    page.goto(f"{home(link)}/templates")
    assert overflow(page) <= 0
    assert axe(page) == []
    for person in range(len(HOSTILE)):
        page.goto(f"{home(link)}/templates/{person}")
        pressed(page, "1")
        assert overflow(page) <= 0
        assert page.locator("main b, main script, main img[src=x]").count() == 0
    assert axe(page) == []
    text = page.request.get(f"{home(link)}/templates/export.csv").text()
    assert "{{ 7*7 }}" in text


@pytest.mark.parametrize("width", ["desk", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_of_a_person_can_be_read_by_all(
    faces: Path, studio: Any, enter: Any, home: Any, axe: Any, overflow: Any, reached: Any,
    width: str, dark: bool,
) -> None:  # fmt: skip
    link = studio(faces, "--annotator", "Ada")
    page = enter(link, width=width, dark=dark)
    page.goto(f"{home(link)}/templates/3")
    pressed(page, "2")
    assert overflow(page) <= 0
    assert axe(page) == []
    assert reached(page) == []
