"""The pages of the documentation in a browser, as mkdocs builds them without a network."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("guides/start.html", "concepts/factors.html", "methods/fiqa.html")
"""A guide with commands, wide tables, and a page that is built from a card."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs mkdocs"),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Answers without a log."""

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Builds the site strictly, and serves it; the address that its pages begin with."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")},
        check=True,
    )
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "dark"), [("desk", False), ("phone", True)])
def test_a_page_fits_and_axe_finds_nothing_serious(
    site: str,
    page: str,
    width: str,
    dark: bool,
    visit: Callable[..., Any],
    axe: Callable[[Any], list[str]],
    overflow: Callable[[Any], int],
) -> None:
    shown = visit(site + page, width=width, dark=dark, own=site)
    assert overflow(shown) <= 0
    assert axe(shown) == []


def test_a_command_is_whole_on_a_phone(site: str, visit: Callable[..., Any]) -> None:
    shown = visit(f"{site}guides/start.html", width="phone", own=site)
    cut = "all => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText)"
    assert shown.locator(".language-sh code").count() > 5
    assert shown.locator(".language-sh code").evaluate_all(cut) == []
