"""What a person and Prometheus see of a health: lines, exit codes, the page, the metrics."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.errors import MissingExtraError
from fiqa.monitoring.fit import fit_reference
from fiqa.monitoring.prometheus import metrics, serve_metrics
from fiqa.report.monitor import charts_plot, health_page, histograms_plot

ONE = (("front", "nir"),)
BOTH = (("front", "nir"), ('<b>"rear"\\', "nir"))


def call(*words: str):
    return CliRunner().invoke(build(), ["monitor", *words], prog_name="fiqa")


@pytest.fixture
def work(fleet, rng, tmp_path, monkeypatch) -> Path:
    """A folder with a reference of two cells, and tables that are fine, low and few."""
    monkeypatch.chdir(tmp_path)
    fit_reference(fleet(rng, 40, cells=BOTH), out="ref.json")
    fleet(rng, 25, cells=BOTH).write_parquet("fine.parquet")
    fleet(rng, 25, cells=BOTH, change=lambda raw: raw - 0.1).write_parquet("low.parquet")
    fleet(rng, 3, cells=BOTH).write_parquet("few.parquet")
    fleet(rng, 25, cells=ONE).write_csv("one.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("table", "code", "said"),
    [
        ("fine.parquet", 0, "ok: 2 ok"),
        ("low.parquet", 4, "alarm: 2 alarm"),
        ("few.parquet", 3, "not enough: 2 not enough"),
        ("one.csv", 3, "not enough: 1 not enough, 1 ok"),
        ("absent.csv", 1, ""),
    ],
)
def test_exit_codes(work, table, code, said) -> None:
    result = call("check", table, "--reference", "ref.json", "--by", "camera, regime", "--quiet")
    assert result.exit_code == code
    assert result.stdout.startswith(said)


def test_wrong_usage_is_2(work) -> None:
    wrong = call("check", "fine.parquet", "--reference", "ref.json", "--by", "hour")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "fiqa monitor fit" in wrong.stderr


def test_fit_prints_what_a_device_needs(work) -> None:
    result = call("fit", "fine.parquet", "-o", "new.json", "--floor", "0.3", "--by", "camera")
    assert result.exit_code == 0
    content = json.loads(Path("new.json").read_text())
    assert f"id {content['id'][:16]}, low {content['low']!r}" in result.stdout
    assert content["by"] == ["camera"]
    assert "50 drives, 3,000 scored frames" in result.stdout


def test_the_command_does_what_the_function_does(work) -> None:
    words = ["--draws", "300", "--level", "0.9", "--seed", "2", "--drives-per-year", "500"]
    files = ["-o", "o.json", "--html", "o.html", "--prometheus", "o.prom", "--state", "s.json"]
    result = call(
        "check", "low.parquet", "--reference", "ref.json", "--false-alarms-per-year", "2",
        *words, *files, "--quiet",
    )  # fmt: skip
    assert result.exit_code == 4
    health = fiqa.monitor(
        "low.parquet", reference="ref.json", draws=300, level=0.9, seed=2, drives_per_year=500.0,
        false_alarms_per_year=2.0,
    )  # fmt: skip
    assert result.stdout == health.text() + "\n"
    assert json.loads(Path("o.json").read_text()) == health.json()
    assert Path("o.prom").read_text() == metrics(health)
    assert Path("o.html").read_text() == health_page(health)
    assert health.command in Path("o.html").read_text().replace("&#x27;", "'")
    assert call(*health.command.split()[2:]).stdout == result.stdout


def test_the_page_says_the_verdict_first_and_runs_nothing(work) -> None:
    page = health_page(fiqa.monitor("low.parquet", reference="ref.json", draws=200))
    word, table = page.index('<p class="word">Alarm</p>'), page.index("<table>")
    assert word < page.index("the scores have moved") < table < page.index("<figure>")
    assert page.count("<figure>") == 2
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    fine = health_page(fiqa.monitor("fine.parquet", reference="ref.json", draws=200))
    assert '<p class="word">Fine</p>' in fine
    few = health_page(fiqa.monitor("few.parquet", reference="ref.json", draws=200))
    assert '<p class="word">Not enough drives</p>' in few
    assert "Fine" not in few


def test_the_plots_say_what_they_show_and_come_again_alike(work) -> None:
    health = fiqa.monitor("low.parquet", reference="ref.json", draws=200)
    for draw in (charts_plot, histograms_plot):
        plot = draw(health)
        assert "camera=front, regime=nir alarm" in plot.alt
        assert draw(health).svg == plot.svg
    empty = fiqa.monitor("few.parquet", reference=fit_reference("few.parquet"), draws=200)
    assert charts_plot(empty).svg.startswith("<?xml")


@pytest.mark.slow
def test_many_cells_are_listed_and_not_all_drawn(fleet, rng) -> None:
    cells = [(f"c{k}", "nir") for k in range(15)]
    table = fleet(rng, 20, 5, cells=cells)
    page = health_page(fiqa.monitor(table, reference=table, draws=100))
    assert "3 cells are not drawn." in page
    assert page.count("camera=c14") == 1


def test_metrics_are_what_prometheus_reads(work) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="the extra monitor is not here")
    health = fiqa.monitor("low.parquet", reference="ref.json", draws=200)
    families = {f.name: f for f in parser.text_string_to_metric_families(metrics(health))}
    assert families["fiqa_monitor_alarm"].samples[0].value == 1
    samples = families["fiqa_monitor_psi"].samples
    assert [s.labels["camera"] for s in samples] == ["front", '<b>"rear"\\']
    wanted = [cell.drift.psi for cell in health.cells if cell.drift is not None]
    assert [s.value for s in samples] == pytest.approx(wanted)
    assert len(families["fiqa_monitor_cusum"].samples) == 2 * 3
    assert all(family.type == "gauge" and family.documentation for family in families.values())


def test_metrics_have_one_line_a_sample_and_legal_names(work, fleet, rng) -> None:
    table = fleet(rng, 20, cells=ONE).rename({"camera": "2nd camera"})
    made = fit_reference(table, by=("2nd camera",))
    text = metrics(fiqa.monitor(table, reference=made, draws=200))
    line = re.compile(r'[a-z_]+(\{[a-zA-Z_][a-zA-Z0-9_]*="[^"\n]*"(,\w+="[^"\n]*")*\})? [0-9.e+-]+')
    lines = [row for row in text.splitlines() if not row.startswith("#")]
    assert lines
    assert [row for row in lines if not line.fullmatch(row)] == []
    assert "_2nd_camera=" in text


def test_serve_reads_the_file_at_each_scrape(work) -> None:
    pytest.importorskip("prometheus_client", reason="the extra monitor is not here")
    fiqa.monitor("fine.parquet", reference="ref.json", draws=200, prometheus="h.prom")
    server, thread = serve_metrics("h.prom", port=0)
    try:
        address = f"http://127.0.0.1:{server.server_port}/metrics"

        def scraped() -> str:
            with urllib.request.urlopen(address, timeout=20) as answer:
                return answer.read().decode()

        assert "fiqa_monitor_alarm 0.0" in scraped()
        fiqa.monitor("low.parquet", reference="ref.json", draws=200, prometheus="h.prom")
        assert "fiqa_monitor_alarm 1.0" in scraped()
        Path("h.prom").unlink()
        with pytest.raises((urllib.error.HTTPError, urllib.error.URLError, OSError)):
            scraped()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


def test_serve_without_its_extra_says_what_to_install(work, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match="prometheus_client") as caught:
        serve_metrics("h.prom")
    assert "fiqa[monitor]" in str(caught.value)
    assert call("serve", "h.prom").exit_code == 1
