"""A real browser for pages: Chromium, driven by Playwright, and axe-core that looks at what is
shown. Without them the tests are skipped and say why."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
"""Viewports by name, in CSS pixels."""
GRAVE = ("serious", "critical")
Visit = Callable[..., Any]


def _missing() -> str:
    """What is not there for these tests, "" where all is."""
    for package in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(package) is None:
            return f"needs the package {package} (an extra of dev)"
    found = shutil.which("chromium") or shutil.which("google-chrome")
    return "" if found else "needs chromium or google-chrome on the path"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests of this folder where there is no browser."""
    here, missing = Path(__file__).parent, _missing()
    for item in items:
        if missing and here in Path(str(item.fspath)).parents:
            item.add_marker(pytest.mark.skip(reason=missing))


# Of a module and not of the session: Playwright holds an event loop, and in the same process no
# other test could run one of its own.
@pytest.fixture(scope="module")
def launched() -> Iterator[Callable[..., Any]]:
    """Starts Chromium without a window, with more words of its command line."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        started: list[Any] = []

        def launch(*words: str) -> Any:
            options = ["--disable-gpu", *words]
            started.append(
                playwright.chromium.launch(
                    executable_path=path, chromium_sandbox=False, args=options
                )
            )
            return started[-1]

        yield launch
        for each in started:
            each.close()


@pytest.fixture(scope="module")
def browser(launched: Callable[..., Any]) -> Any:
    """Chromium."""
    return launched()


class Faults:
    """What a page must not do.

    Attributes:
        requests: addresses that were asked for and are not the page's own.
        errors: what the console said in red, and exceptions.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []

    def watch(self, page: Any, own: str, forgiven: str) -> None:
        """Listens to a page; `own` begins every address that it may ask for, and an error with
        `forgiven` in it is none."""
        page.on("request", lambda request: self._ask(request.url, own))
        page.on("console", lambda line: self._say(line.type, line.text, forgiven))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _ask(self, address: str, own: str) -> None:
        if not address.startswith((own, "data:", "blob:")):
            self.requests.append(address)

    def _say(self, kind: str, text: str, forgiven: str) -> None:
        if kind in ("error", "warning") and not (forgiven and forgiven in text):
            self.errors.append(text)


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Visit]:
    """Opens a page in a window of its own. A test fails where the page asked for anything from
    elsewhere, or where its console told of an error.

    The call takes the HTML of a page or an address, and: width (a name of WIDTHS), dark, place
    (what stands behind the # of the address), own (what its requests may begin with),
    forgiven (a part of an error that may be told), browser (another one), and what else a context
    of Playwright takes. It returns a page of Playwright.
    """
    faults, contexts = Faults(), []

    def opened(
        text: str, *, width: str = "desk", dark: bool = False, place: str = "", own: str = "",
        forgiven: str = "", **more: Any,
    ) -> Any:  # fmt: skip
        address = text
        if not text.startswith("http"):
            file = tmp_path / f"page{len(contexts)}.html"
            file.write_text(text, encoding="utf-8")
            address = file.as_uri()
        wide, high = WIDTHS[width]
        context = more.pop("browser", browser).new_context(
            viewport={"width": wide, "height": high}, color_scheme="dark" if dark else "light",
            reduced_motion="reduce", **more,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        faults.watch(page, own or address, forgiven)
        page.goto(f"{address}#{place}" if place else address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults.requests == [], "a page asks for nothing from elsewhere"
    assert faults.errors == [], "the console is quiet"


@pytest.fixture(scope="session")
def axe() -> Callable[[Any], list[str]]:
    """Returns what axe-core finds serious or critical on a page, each as one line."""
    folder = importlib.util.find_spec("axe_playwright_python")
    source = (Path(str(folder.origin)).parent / "axe.min.js").read_text(encoding="utf-8")

    def look(page: Any) -> list[str]:
        # through the debugger, so that the page's own policy still holds
        page.evaluate(source)
        found = json.loads(
            page.evaluate("async () => JSON.stringify((await axe.run()).violations)")
        )
        return [
            f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
            for rule in found
            if rule["impact"] in GRAVE
            for node in rule["nodes"][:3]
        ]

    return look


@pytest.fixture(scope="session")
def overflow() -> Callable[[Any], int]:
    """Returns how many pixels a page is wider than its window."""

    def measure(page: Any) -> int:
        return int(
            page.evaluate(
                "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
                " - document.documentElement.clientWidth"
            )
        )

    return measure


@pytest.fixture(scope="session")
def reached() -> Callable[[Any], list[str]]:
    """Returns the controls that the Tab key does not reach, as HTML, in the order of the page."""

    def walk(page: Any) -> list[str]:
        page.evaluate(
            """() => {
              const all = [...document.querySelectorAll(
                'a[href],button,input,select,textarea,summary,[tabindex="0"]')];
              window.wanted = all.filter(
                (e) => !e.disabled && e.tabIndex >= 0 && e.checkVisibility());
              window.met = new Set();
              document.activeElement?.blur();
            }"""
        )
        for _ in range(int(page.evaluate("wanted.length")) + 8):
            page.keyboard.press("Tab")
            page.evaluate("met.add(document.activeElement)")
        left: list[str] = page.evaluate(
            "wanted.filter((e) => !met.has(e)).map((e) => e.outerHTML.slice(0, 120))"
        )
        return left

    return walk


PEOPLE, EACH = 15, 4


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of fifteen people of four drawn faces each, and two tables of scores beside it."""
    import numpy as np
    import polars as pl
    from PIL import Image

    from fiqa.diagnosis.drawn_faces import drawn_faces

    home = tmp_path_factory.mktemp("studio")
    draw, crops = np.random.default_rng(6), drawn_faces(PEOPLE * EACH).crops
    ids = [f"p{k // EACH:02d}/{k % EACH}" for k in range(PEOPLE * EACH)]
    for name, crop in zip(ids, crops, strict=True):
        (home / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(home / "faces" / f"{name}.png")
    first = draw.random(len(ids))
    for name, values in (("one", first), ("two", first + 0.4 * draw.random(len(ids)))):
        table = pl.DataFrame({"id": ids, "value": values, "method": [name] * len(ids)})
        table.write_csv(home / f"{name}.csv")
    return home / "faces"


class Studio:
    """Starts `fiqa studio` in `home`, with words of the command line; each call returns the link
    that it prints."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str | Path) -> str:
        store = [] if "--store" in words else ["--store", str(self._home / "studio.sqlite")]
        command = [sys.executable, "-m", "fiqa", "studio", *map(str, words), "--port", "0", *store]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=self._home)
        self._started.append(process)
        told = []
        for line in process.stderr or ():
            told.append(line)
            if found := re.search(r"open (http://\S+)", line):
                return found.group(1)
        raise AssertionError("".join(told))

    def kill(self) -> None:
        """Ends the one that was started last, as a power cut would."""
        self._started[-1].kill()

    def close(self) -> None:
        """Ends all."""
        for process in self._started:
            process.terminate()
            process.wait(30)
            if process.stderr is not None:
                process.stderr.close()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """The studio's process."""
    pytest.importorskip("uvicorn", reason="needs the extra service")
    started = Studio(tmp_path)
    yield started
    started.close()


@pytest.fixture(scope="session")
def home() -> Callable[[str], str]:
    """Returns the address of the studio whose link it is."""
    return lambda link: link.split("/enter")[0]


@pytest.fixture
def enter(visit: Visit, home: Callable[[str], str]) -> Visit:
    """Returns a page of a browser that followed a link, as `visit` opens it."""

    def follow(link: str, **options: Any) -> Any:
        return visit(link, own=home(link), **options)

    return follow
