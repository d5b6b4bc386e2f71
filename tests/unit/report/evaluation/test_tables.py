"""The report of an evaluation: tables in every form, plots that hold no state, a page that loads
nothing, numbers that are all in the JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fiqa
from fiqa.errors import ShapeError
from fiqa.evaluation.result import Evaluation
from fiqa.functional.table import Table
from fiqa.report.evaluation.folder import write_report
from fiqa.report.evaluation.page import evaluation_page
from fiqa.report.evaluation.plots import Plot, plots
from fiqa.report.page import table_html
from fiqa.types import Embeddings, Quality

EVIL = "<b>m&m</b> $x$"


def small(draws: int = 10, **changed: Any) -> Evaluation:
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(12), 5)
    true = rng.random(60)
    vectors = rng.normal(size=(12, 8))[who] + (2.0 - 1.8 * true)[:, None] * rng.normal(size=(60, 8))
    length = np.linalg.norm(vectors, axis=1)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    recognizers = [
        Embeddings(ids, vectors / length[:, None], length, name) for name in ("r", "r_95", "r/95")
    ]
    qualities = [Quality(ids, true, EVIL), Quality(ids, rng.normal(size=60), "guess")]
    return fiqa.evaluate(qualities, recognizers, fmr=0.05, draws=draws, **changed)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return small()


@pytest.fixture(scope="module")
def drawn(found: Evaluation) -> list[Plot]:
    """The plots of the first recognizer, as files."""
    return plots(replace(found, recognizers=found.recognizers[:1]))


@pytest.fixture(scope="module")
def table() -> Table:
    rows = [["a|b", 0.25, 12_000, "x"], ["=c", None, 3, None]]
    return Table("t", "Title", ("method", "area", "count", "word"), rows, "the note", 2)


def test_a_table_as_text_markdown_csv_json_and_html(table: Table) -> None:
    assert table.text().splitlines() == [
        "Title",
        "  method  area   count  word",
        "  a|b     0.25  12,000  x",
        "  =c         –       3  –",
        "  the note",
    ]
    assert "| a\\|b | 0.25 | 12,000 | x |" in table.markdown()
    assert "|---|---:|---:|---|" in table.markdown()
    assert list(csv.reader(io.StringIO(table.csv())))[1:] == [
        ["a|b", "0.25", "12000", "x"],
        ["=c", "", "3", ""],
    ]
    assert table.json()["rows"][1] == ["=c", None, 3, None]
    assert '<td class="n">0.25</td>' in table_html(table)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ShapeError, match="rows must have 2 cells like the columns, got 1"):
        Table("t", "t", ("a", "b"), [["x"]])


def test_every_table_says_its_protocol_and_counts(found: Evaluation) -> None:
    for one in found.tables:
        if one.name.startswith(("areas_", "errors_", "forms_")):
            assert re.search(
                r"protocol iso, FMR 0.05, threshold .* 120 mated of 12 identities, 1,?650"
                r" non-mated",
                one.note,
            )
            assert re.search(r"\d+ errors at discard 0 \(FNMR", one.note)
    assert {t.name for t in found.tables} >= {
        "areas_r",
        "areas_r_95",
        "areas_r_95-2",
        "verification",
        "scores",
    }


def test_errors_left_agree_with_the_curve(found: Evaluation) -> None:
    curve = found.curve(EVIL)
    assert curve.errors_left(0.0) == (curve.curve.counts["errors"], 120)
    errors, kept = curve.errors_left(0.5)
    assert kept <= 60
    place = int(np.flatnonzero(curve.curve.kept == kept)[0])
    assert errors == round(curve.curve.fnmr[place] * kept)


def test_the_json_has_every_number_and_no_nan(found: Evaluation) -> None:
    read = json.loads(json.dumps(found.json(), allow_nan=False))
    first = read["recognizers"][0]["methods"][0]
    area = found.curve(EVIL).areas[0.3, "start"]
    assert area is not None
    assert {
        "upto": 0.3,
        "form": "start",
        "value": area.value,
        "low": area.low,
        "high": area.high,
    } in first["areas"]
    np.testing.assert_allclose(first["fnmr"], found.curve(EVIL).curve.fnmr)
    assert len(first["band"][0]) == len(first["fnmr"])
    assert read["recognizers"][0]["verification"]["mated"] == 120
    assert read["settings"]["seed"] == 0


@pytest.mark.slow
def test_plots_are_the_same_twice(found: Evaluation, drawn: list[Plot]) -> None:
    again = plots(replace(found, recognizers=found.recognizers[:1]))
    assert len(again) == 11
    assert again == drawn


def test_there_is_one_plot_of_each_kind(found: Evaluation, figures: list[Any]) -> None:
    once = plots(found)
    names = {p.name for p in once}
    assert len(names) == len(once)
    kinds = {
        "edc_r_30",
        "edc_r_95",
        "areas_r",
        "errors_r",
        "images_r",
        "cuts_r",
        "bands_r",
        "similarity_r",
        "det",
        "scores",
        "scatter",
    }
    assert names >= kinds
    assert len(figures) == len(once)
    assert all("protocol iso" in plot.caption for plot in once[:8])


@pytest.mark.slow
def test_the_files_are_pictures_wide_enough(drawn: list[Plot]) -> None:
    for plot in drawn:
        assert Image.open(io.BytesIO(plot.png)).size[0] > 900
        assert plot.svg.count("<path") > 5


def test_without_draws_there_are_no_bands(figures: list[Any]) -> None:
    found = small(draws=0)
    names = {p.name for p in plots(replace(found, recognizers=found.recognizers[:1]))}
    assert "bands_r" not in names
    assert "areas_r" in names


def test_the_page_loads_nothing_runs_nothing_and_shows_names_as_text(
    found: Evaluation, figures: list[Any]
) -> None:
    page = evaluation_page(replace(found, command="fiqa evaluate <&>"), plots(found), version="0")
    assert page.count("<pre>fiqa evaluate &lt;&amp;&gt;</pre>") == 1, "in the one box"
    assert "<script" not in page
    assert EVIL not in page
    assert "&lt;b&gt;m&amp;m&lt;/b&gt;" in page
    assert set(re.findall(r'(?:src|href)="([a-z]+:|#)', page)) == {"data:", "#"}
    assert "default-src 'none'" in page
    for stem in ("r", "r_95", "r_95-2"):
        section = page.split(f'id="r-{stem}"')[1].split("<h2")[0]
        assert section.count("<figure>") == 8, stem
        assert "Worst pairs" not in section


def test_the_report_is_whole_and_shows_faces_only_where_asked(
    found: Evaluation, figures: list[Any], tmp_path: Path
) -> None:
    found = replace(found, recognizers=found.recognizers[:1])
    out = write_report(found, tmp_path / "report")
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "index.html",
        "numbers.json",
        "tables.json",
        "summary.txt",
        "areas_r.csv",
        "areas_r.md",
        "det.svg",
        "det.png",
    }
    page = (out / "index.html").read_text()
    assert "Worst pairs" not in page
    links = set(re.findall(r'href="([^"#]+)"', page))
    assert links <= names, "every link leads to a file of the folder"
    assert {"numbers.json", "areas_r.csv", "edc_r_30.svg"} <= links
    assert {name for name in names if name.endswith((".csv", ".svg"))} <= links
    faces = tmp_path / "faces"
    for name in {
        name for result in found.recognizers for pair in result.worst for name in pair.ids
    }:
        (faces / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 80), (200, 10, 10)).save(faces / f"{name}.png")
    write_report(found, tmp_path / "with", thumbnails=faces)
    page = (tmp_path / "with" / "index.html").read_text()
    assert page.count("Worst pairs") == 1
    assert page.count("data:image/jpeg") == 2 * sum(
        len(result.worst) for result in found.recognizers
    )


def test_worst_pairs_fail_and_are_held_for_good(found: Evaluation) -> None:
    result = found.recognizers[0]
    assert result.worst
    assert all(pair.similarity <= result.threshold for pair in result.worst)
    lows = [min(pair.quality) for pair in result.worst]
    assert lows == sorted(lows, reverse=True)
    assert len({pair.ids[0].split("/")[0] for pair in result.worst}) == len(result.worst)


def test_an_id_cannot_lead_out_of_the_thumbnails(tmp_path: Path) -> None:
    from fiqa.report.evaluation.folder import _picture

    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "in" / "face.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"no")
    assert _picture(tmp_path / "in", "../secret") is None
    assert _picture(tmp_path / "in", "broken") is None
    assert _picture(tmp_path / "in", "absent") is None
    shown = _picture(tmp_path / "in", "face")
    assert shown is not None
    assert shown.shape == (112, 112, 3)
