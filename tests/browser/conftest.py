"""A real browser for pages: Chromium, driven by Playwright, and axe-core that looks at what is
shown. Without them the tests are skipped and say why."""

from __future__ import annotations

import importlib.util
import json
import shutil
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

    def watch(self, page: Any, own: str) -> None:
        """Listens to a page; `own` begins every address that it may ask for."""
        page.on("request", lambda request: self._ask(request.url, own))
        page.on("console", lambda line: self._say(line.type, line.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _ask(self, address: str, own: str) -> None:
        if not address.startswith((own, "data:", "blob:")):
            self.requests.append(address)

    def _say(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Visit]:
    """Opens a page in a window of its own. A test fails where the page asked for anything from
    elsewhere, or where its console told of an error.

    The call takes the HTML of a page or an address, and: width (a name of WIDTHS), dark, place
    (what stands behind the # of the address), own (what its requests may begin with), browser
    (another one), and what else a context of Playwright takes. It returns a page of Playwright.
    """
    faults, contexts = Faults(), []

    def opened(
        text: str, *, width: str = "desk", dark: bool = False, place: str = "", own: str = "",
        **more: Any,
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
        faults.watch(page, own or address)
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
