"""The studio in a browser, as a person meets it: the process that the command starts, a folder of
drawn faces, keys and a camera."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """A real portrait (scikit-image's, public domain) in the dark."""
    pytest.importorskip("dlib")
    astronaut = pytest.importorskip("skimage.data").astronaut
    file = tmp_path / "portrait.jpg"
    Image.fromarray((astronaut() * 0.25).astype(np.uint8)).save(file, quality=95)
    return file


PAGES = ("templates", "review", "look", "compare", "help")


@pytest.mark.slow
@pytest.mark.parametrize("width", ["desk", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_can_be_read_by_all(
    faces: Path, studio: Any, enter: Any, home: Any, axe: Any, overflow: Any, width: str, dark: bool
) -> None:
    tables = ["--scores", faces.parent / "one.csv", "--scores", faces.parent / "two.csv"]
    link = studio(faces, *tables, "--annotator", "Ada")
    page = enter(link, width=width, dark=dark)
    for name in PAGES:
        page.goto(f"{home(link)}/{name}")
        assert overflow(page) <= 0, f"{name} is no wider than its window"
        assert axe(page) == [], name


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_every_control(
    faces: Path, studio: Any, enter: Any, home: Any, reached: Any, name: str
) -> None:
    tables = ["--scores", faces.parent / "one.csv", "--scores", faces.parent / "two.csv"]
    link = studio(faces, *tables, "--annotator", "Ada")
    page = enter(link)
    page.goto(f"{home(link)}/{name}")
    assert reached(page) == []


@pytest.mark.slow
def test_a_photograph_is_looked_at(
    faces: Path, studio: Any, enter: Any, home: Any, axe: Any, overflow: Any, portrait: Path
) -> None:
    link = studio(faces, "--annotator", "Ada")
    page = enter(link, width="phone")
    page.goto(f"{home(link)}/look")
    page.get_by_label("Photograph", exact=True).set_input_files(portrait)
    page.locator("#result").wait_for()
    assert 0 < int(page.locator("#score").inner_text()) < 60
    assert "light" in page.locator("#reasons").inner_text().lower()
    assert page.locator("#better li").count() >= 1
    for name in ("crop", "heat"):
        assert page.locator(f"#{name}").evaluate("(image) => image.decode().then(() => true)")
    assert axe(page) == []
    assert overflow(page) <= 0
    page.get_by_label("Photograph", exact=True).set_input_files(faces.parent / "one.csv")
    page.locator("#details").wait_for(state="hidden")
    assert page.locator("#score").inner_text() == "–", "no score of an earlier photograph stays"


# Chromium fills the list of files of a drop or a paste that a script makes, as a person's would be
_GIVE = """async ([kind, bytes]) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], "p.jpg"));
  const options = { bubbles: true, cancelable: true };
  const event = kind === "drop"
    ? new DragEvent("drop", { ...options, dataTransfer: files })
    : new ClipboardEvent("paste", { ...options, clipboardData: files });
  document.body.dispatchEvent(event);
}"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photograph_is_dropped_or_pasted(
    faces: Path, studio: Any, enter: Any, home: Any, portrait: Path, kind: str
) -> None:
    link = studio(faces, "--annotator", "Ada")
    page = enter(link)
    page.goto(f"{home(link)}/look")
    content = base64.b64encode(portrait.read_bytes()).decode("ascii")
    with page.expect_response("**/look/photo") as answer:
        page.evaluate(_GIVE, [kind, content])
    page.locator("#result").wait_for()
    told = answer.value.json()
    assert page.locator("#score").inner_text() == str(told["score"])
    assert page.url.endswith("/look"), "the browser did not open the file"
    map_of = page.locator("#heat-words").inner_text()
    assert f"up to {told['needed']} points" in map_of
    assert map_of in str(page.locator("#heat").get_attribute("alt"))
    shown = page.locator("#better li").all_inner_texts()
    assert shown == [f"{e['what']}: {e['score']} (+{e['change']})" for e in told["better"]]
    assert page.locator("#others").inner_text() == ""


@pytest.fixture
def film(portrait: Path) -> Path:
    """The portrait as what a camera sees: a second of raw video."""
    import cv2

    image = cv2.cvtColor(cv2.imread(str(portrait)), cv2.COLOR_BGR2RGB)
    scene = np.full((480, 640, 3), 30, np.uint8)
    scene[:, 64:576] = image[:480]
    planes = cv2.cvtColor(scene, cv2.COLOR_RGB2YUV_I420).tobytes()
    file = portrait.with_name("camera.y4m")
    head = b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n"
    file.write_bytes(head + 10 * (b"FRAME\n" + planes))
    return file


@pytest.mark.slow
def test_the_camera_is_advised(
    faces: Path, studio: Any, film: Path, launched: Any, enter: Any, home: Any, tmp_path: Path
) -> None:
    link = studio(faces, "--annotator", "Ada")
    camera = launched(
        "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"
    )
    # the clock below runs faster than the studio's own, which may say that a frame came too early
    page = enter(link, browser=camera, permissions=["camera"], forgiven="429")
    # the clock of the page stands still unless it is moved on
    page.clock.install(time=0)
    page.goto(f"{home(link)}/look")
    page.clock.pause_at(1000)
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if "frame" in asked.url else None)
    before = sorted(tmp_path.rglob("*"))
    page.keyboard.press("c")
    page.locator("#live-level:not(:empty)").wait_for()
    assert "light" in page.locator("#live-advice").inner_text().lower()
    assert len(sent) == 1
    for number in (2, 3):
        page.clock.run_for(200)
        assert len(sent) == number - 1, "no frame before its time"
        with page.expect_response("**/look/frame"):
            page.clock.run_for(60)
        assert len(sent) == number
    page.keyboard.press("c")
    page.locator("#scene").wait_for(state="hidden")
    assert page.evaluate("document.getElementById('video').srcObject === null")
    page.clock.run_for(5000)
    assert len(sent) == 3, "nothing is sent after the end"
    assert sorted(tmp_path.rglob("*")) == before, "no frame is stored"


@pytest.mark.slow
@pytest.mark.parametrize("width", ["desk", "phone"])
def test_the_live_page_can_be_read_by_all(
    faces: Path, studio: Any, film: Path, launched: Any, enter: Any, home: Any, axe: Any,
    overflow: Any, width: str,
) -> None:  # fmt: skip
    link = studio(faces, "--annotator", "Ada")
    camera = launched(
        "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"
    )
    page = enter(link, browser=camera, permissions=["camera"], forgiven="429", width=width)
    page.goto(f"{home(link)}/look")
    page.keyboard.press("c")
    page.locator("#live-level:not(:empty)").wait_for()
    assert axe(page) == []
    assert overflow(page) <= 0
    assert page.locator("#live-advice").get_attribute("role") == "status"
    page.keyboard.press("c")
    page.locator("#scene").wait_for(state="hidden")


@pytest.mark.slow
def test_a_camera_that_is_refused_is_said_so(
    faces: Path, studio: Any, enter: Any, home: Any
) -> None:
    link = studio(faces, "--annotator", "Ada")
    page = enter(link)
    page.goto(f"{home(link)}/look")
    page.get_by_role("button", name="Start the camera").click()
    page.locator("#alert:not(:empty)").wait_for()
    assert "The camera cannot be used" in page.locator("#alert").inner_text()


@pytest.mark.slow
def test_two_scores_are_compared(faces: Path, studio: Any, enter: Any, home: Any) -> None:
    tables = [faces.parent / "one.csv", faces.parent / "two.csv"]
    link = studio(faces, "--scores", tables[0], "--scores", tables[1], "--annotator", "Ada")
    page = enter(link)
    page.goto(f"{home(link)}/compare")
    ranks = [pl.read_csv(table)["value"].rank().to_numpy() for table in tables]
    expected = np.corrcoef(*ranks)[0, 1]
    assert page.locator(".large").inner_text() == f"{expected:.3f}"
    gap, ids = ranks[0] - ranks[1], pl.read_csv(tables[0])["id"].to_list()
    names = page.locator(".disputed .name").all_inner_texts()
    assert names[0] == ids[int(np.argmax(gap))]
    page.get_by_label("Across").select_option("1")
    page.get_by_label("Up").select_option("0")
    page.get_by_role("button", name="Compare").click()
    assert page.locator(".disputed .name").first.inner_text() == ids[int(np.argmin(gap))]
    page.locator(".disputed img").first.scroll_into_view_if_needed()
    shown = page.locator(".disputed img").first
    assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
