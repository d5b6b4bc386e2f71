"""What the page of an evaluation says: counts, notes, tables, captions and commands, each where it
belongs."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.evaluation.result import Evaluation, WorstPair
from fiqa.report.drawing import Plot
from fiqa.report.evaluation.page import evaluation_page
from fiqa.report.evaluation.verdict import verdict
from fiqa.types import Embeddings, Quality


@pytest.fixture(scope="module")
def found() -> Evaluation:
    rng = np.random.default_rng(4)
    who = np.repeat(np.arange(10), 4)
    vectors = rng.normal(size=(10, 8))[who] + 0.9 * rng.normal(size=(40, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    recognizers = [Embeddings(ids, vectors, np.ones(40), name) for name in ("one", "two")]
    quality = [Quality(ids[:-3], rng.random(37), "short"), Quality(ids, rng.random(40), "whole")]
    return fiqa.evaluate(quality, recognizers, fmr=0.05, draws=5)


def plot(name: str, recognizer: str = "") -> Plot:
    return Plot(
        name,
        f"title of {name}",
        f"caption of {name}",
        f"alt of {name}",
        f"<svg>{name}</svg>",
        b"",
        recognizer,
    )


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page.split("<main>")[1]))


PLOTS = [plot("edc_one", "one"), plot("edc_two", "two"), plot("det"), plot("scores")]


def test_every_note_is_on_the_page(found: Evaluation) -> None:
    assert any("short has nothing for 3 of 40 images" in note for note in found.notes)
    notes = [*found.notes, "a note with <b> & its own marks"]
    page = evaluation_page(replace(found, notes=notes), PLOTS, version="9")
    items = re.findall(r"<li>(.*?)</li>", page.split('<ul class="notes">')[1].split("</ul>")[0])
    assert [html.unescape(item) for item in items] == notes
    assert page.index('class="notes"') < page.index("<h2"), "before all numbers"
    assert '<ul class="notes">' not in evaluation_page(replace(found, notes=[]), PLOTS, version="9")


def test_the_head_says_of_what_the_numbers_are(found: Evaluation) -> None:
    text = text_of(evaluation_page(found, PLOTS, version="9"))
    counts = found.counts
    assert (
        f"2 qualities, 2 recognizers, 37 images, {counts['mated']} mated pairs of"
        f" {counts['identities']} identities, {counts['nonmated']} non-mated pairs. Protocol iso:"
        in text
    )
    alone = replace(found, scores=found.scores[:1], recognizers=found.recognizers[:1])
    assert "1 quality, 1 recognizer, 37 images" in text_of(
        evaluation_page(alone, PLOTS[:1], version="9")
    )


def test_each_table_is_there_with_its_note_and_numbers(found: Evaluation) -> None:
    page = evaluation_page(found, PLOTS, version="9")
    text = text_of(page)
    for table in found.tables:
        assert f"<h3>{html.escape(table.title)}</h3>" in page
        assert table.note in text
    areas = next(table for table in found.tables if table.name == "areas_one")
    for row in areas.rows:
        assert f"<td>{row[0]}</td>" in page
        assert f"{row[1]:.3f}" in text
    one, two = page.split('id="r-two"')
    assert "areas_two" not in one
    assert found.tables[0].title in one
    assert next(t.title for t in found.tables if t.name == "areas_two") in two


def test_each_plot_stands_with_its_recognizer(found: Evaluation) -> None:
    page = evaluation_page(found, PLOTS, version="9")
    parts = re.split(r'<h2 id="', page)
    section: dict[str, Any] = {part.split('"')[0]: part for part in parts[1:]}
    assert list(section) == ["r-one", "r-two", "all", "made"]
    assert re.findall(r"caption of (\w+)", section["r-one"]) == ["edc_one"]
    assert re.findall(r"caption of (\w+)", section["r-two"]) == ["edc_two"]
    assert re.findall(r"caption of (\w+)", section["all"]) == ["det", "scores"]
    assert re.findall(r'alt="alt of (\w+)"', page) == ["edc_one", "edc_two", "det", "scores"]
    for link in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{link}"' in page


def test_one_box_says_how_all_of_it_was_made(found: Evaluation) -> None:
    command = "fiqa evaluate --quality 'a b.csv'"
    page = evaluation_page(replace(found, command=command), PLOTS, version="9.8")
    assert html.unescape(page).count(command) == 1
    box = html.unescape(page.split('<section class="made"')[1].split("</section>")[0])
    assert f"<pre>{command}</pre>" in box
    assert "fiqa 9.8 · seed 0 · protocol iso · intervals of 95% by 5 resamples" in box
    assert re.findall(r'href="([^"]+)"', box) == ["numbers.json", "tables.json", "summary.txt"]
    bare = evaluation_page(found, PLOTS, version="9.8")
    assert "<pre>fiqa.evaluate(...)</pre>" in bare


def test_each_table_and_plot_links_its_files(found: Evaluation) -> None:
    page = evaluation_page(found, PLOTS, version="9")
    for table in found.tables:
        for kind in ("csv", "md"):
            assert page.count(f'<a href="{table.name}.{kind}">{kind.upper()}</a>') == 1
    for one in PLOTS:
        figure = page.split(f"<h3>{one.title}</h3>")[1].split("</figure>")[0]
        assert f'<a href="{one.name}.svg">SVG</a> <a href="{one.name}.png">PNG</a>' in figure


def test_the_verdict_comes_first(found: Evaluation) -> None:
    text = text_of(evaluation_page(found, PLOTS, version="9"))
    for result in found.recognizers:
        sentence = verdict(found, result)
        assert sentence in text
        assert text.index(sentence) < text.index("2 qualities, 2 recognizers")


def test_the_worst_pairs_are_shown_with_their_numbers(found: Evaluation) -> None:
    red = np.full((8, 8, 3), (200, 0, 0), np.uint8)
    pairs = [
        WorstPair(("p1/<a>", "p1/b"), 0.125, (0.75, 0.5), (red, None)),
        WorstPair(("p2/a", "p2/b"), 0.1, (0.9, 0.9)),
    ]
    shown = [
        replace(found.recognizers[0], worst=pairs),
        replace(found.recognizers[1], worst=pairs[1:]),
    ]
    page = evaluation_page(replace(found, recognizers=shown), PLOTS, version="9")
    assert page.count("Worst pairs") == 1, "a recognizer without pictures shows none"
    card = page.split('<div class="pair">')[1]
    assert "similarity 0.125<br>p1/&lt;a&gt; 0.75<br>p1/b 0.5</div>" in card
    assert card.split("similarity")[0].count("data:image/jpeg") == 1
    assert f"threshold {found.recognizers[0].threshold:.3f}" in page
