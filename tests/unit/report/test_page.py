"""The page shell: nothing is fetched, nothing runs, nothing that a name holds becomes markup."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fiqa.errors import ShapeError, UnknownNameError
from fiqa.functional.table import printable
from fiqa.report.page import LEVEL_COLORS, escape, figure, image_uri, page, table
from fiqa.vocabulary import LEVELS


class Tags(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a&b",
    "a\nb\u202egpj.exe",
    "\udcff.jpg",
    "'`{{x}}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_everywhere(text: str) -> None:
    whole = page(
        text,
        figure("data:,", text, alt=text) + table([text], [[text]], caption=text),
        lead=text,
        footer=text,
    )
    whole.encode("utf-8")
    found = Tags(whole)
    assert not {tag for tag, _ in found.tags} & {"script", "iframe", "object", "link"}
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    assert found.text.count(printable(text)) == 8


def test_a_page_loads_nothing() -> None:
    whole = page("title", "<p>body</p>", lead="lead", footer="foot")
    assert not re.search(r"(?:https?:)?//|@import|url\(", whole)
    assert "default-src 'none'" in whole
    assert 'name="viewport"' in whole
    assert "prefers-color-scheme:dark" in whole
    assert whole.index("lead</p>") < whole.index("<p>body</p>") < whole.index("foot</footer>")
    assert "<footer>" not in page("title", "")
    assert "i{color:red}" in page("title", "", style="i{color:red}")


def test_a_script_is_named_by_its_hash_and_stands_last() -> None:
    script = "document.title;"
    whole = page("title", "<p>body</p>", footer="foot", script=script)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'\">" in whole
    assert whole.count("<script>") == 1
    assert whole.index("</main>") < whole.index(f"<script>{script}</script>")
    assert "script" not in page("title", "<p>body</p>")


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_escaped_text_has_no_markup_and_can_be_written(text: str) -> None:
    safe = escape(text)
    safe.encode("utf-8")
    assert not set(safe) & set("<>\"'")
    assert Tags(f"<p>{safe}</p>").text == printable(text)


def test_colors_are_readable_and_apart() -> None:
    def luminance(color: str) -> float:
        channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    assert tuple(LEVEL_COLORS) == LEVELS
    for back, ink in LEVEL_COLORS.values():
        high, low = sorted((luminance(back), luminance(ink)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, "WCAG 2 AA"
    assert len({back for back, _ in LEVEL_COLORS.values()}) == 5


@pytest.mark.parametrize(("form", "exact"), [("png", True), ("jpeg", False)])
def test_image_uri_holds_the_image(form: str, exact: bool, rng: np.random.Generator) -> None:
    image = np.repeat(np.repeat(rng.integers(0, 256, (4, 5, 3), np.uint8), 16, axis=0), 16, axis=1)
    uri = image_uri(image, form)  # type: ignore[arg-type]
    head, _, body = uri.partition(",")
    assert head == f"data:image/{form};base64"
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).mean() <= (0 if exact else 12)
    assert len(image_uri(image, quality=20)) < len(image_uri(image, quality=90))


def test_image_uri_refuses_what_is_no_image() -> None:
    with pytest.raises(ShapeError, match=r"image must have shape \(H, W, 3\)"):
        image_uri(np.zeros((4, 4), np.uint8))
    with pytest.raises(ShapeError, match="image must be uint8"):
        image_uri(np.zeros((4, 4, 3), np.float32))
    with pytest.raises(UnknownNameError, match="Unknown form 'jpg'"):
        image_uri(np.zeros((4, 4, 3), np.uint8), "jpg")  # type: ignore[arg-type]


def test_a_table_aligns_numbers_and_shows_what_is_missing() -> None:
    rows = [["a", 0.123456, 6_800_000, True], ["b", None, 7, 1]]
    text = table(["name", "value", "count", "mixed"], rows, caption="two")
    assert '<td class="n">0.1235</td>' in text
    assert '<td class="n">–</td>' in text
    assert '<td class="n">6,800,000</td>' in text
    assert '<td class="n">7</td>' in text
    assert "<td>True</td>" in text
    assert "<td>1</td>" in text
    assert '<th scope="col" class="n">value</th>' in text
    assert '<th scope="col">name</th>' in text
    assert "<caption>two</caption>" in text
    assert "<caption>" not in table(["a"], [])
    with pytest.raises(ShapeError, match="rows must have 2 cells like the columns, got 1"):
        table(["a", "b"], [["x"]])
