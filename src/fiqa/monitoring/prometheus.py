"""A health in the text form that Prometheus reads [1]: as a file for its node exporter's textfile
folder, or served.

[1] https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from threading import Thread
from typing import Any

from fiqa.data.formats.source import read_text
from fiqa.data.texts import write_text
from fiqa.extras import require
from fiqa.monitoring.health import MEASURES, VERDICTS, CellHealth, Health
from fiqa.types import PathLike

__all__ = ["metrics", "serve_metrics", "write_metrics"]

_HELP = {
    "fiqa_monitor_verdict": "1 for the verdict of the cell, 0 for the others.",
    "fiqa_monitor_drives": "Drives with a score.",
    "fiqa_monitor_reference_drives": "Drives with a score in the reference.",
    "fiqa_monitor_spread_ratio": "Spread as a share of the reference's.",
    "fiqa_monitor_spread_ratio_bound": "Upper bound of it by drives.",
    "fiqa_monitor_shift": "Mean score less the reference's, in ranges of the reference.",
    "fiqa_monitor_psi": "Population stability index on the reference's deciles.",
    "fiqa_monitor_ks": "Kolmogorov-Smirnov distance.",
    "fiqa_monitor_p": "The smaller p of PSI and KS, adjusted over all cells.",
    "fiqa_monitor_cusum": "Cumulative sum of a chart.",
    "fiqa_monitor_cusum_limit": "The limit that it alarms above.",
    "fiqa_monitor_cusum_alarm": "1 where it has passed the limit since it was begun.",
}

Sample = tuple[str, Mapping[str, str], float]


def metrics(health: Health) -> str:
    """Returns a health as metrics, all of them gauges with the cell as labels.

    Args:
        health: what was found.
    """
    lines = [
        "# HELP fiqa_monitor_alarm 1 where any cell alarms.",
        "# TYPE fiqa_monitor_alarm gauge",
        f"fiqa_monitor_alarm {int(health.alarm)}",
    ]
    samples = [sample for cell in health.cells for sample in _samples(cell)]
    for name, told in _HELP.items():
        mine = [sample for sample in samples if sample[0] == name]
        if mine:
            lines += [f"# HELP {name} {told}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels(labels)} {value:.10g}" for _, labels, value in mine]
    return "\n".join(lines) + "\n"


def _samples(cell: CellHealth) -> Iterable[Sample]:
    for verdict in VERDICTS:
        word = {"verdict": verdict}
        yield "fiqa_monitor_verdict", cell.cell | word, float(cell.verdict == verdict)
    yield "fiqa_monitor_drives", cell.cell, cell.drives
    yield "fiqa_monitor_reference_drives", cell.cell, cell.reference_drives
    for measure, ratio, bound in zip(MEASURES, cell.ratios or (), cell.bounds or (), strict=False):
        yield "fiqa_monitor_spread_ratio", cell.cell | {"measure": measure}, ratio
        yield "fiqa_monitor_spread_ratio_bound", cell.cell | {"measure": measure}, bound
    if cell.drift is not None and cell.p_psi is not None and cell.p_ks is not None:
        yield "fiqa_monitor_shift", cell.cell, cell.shift or 0.0
        yield "fiqa_monitor_psi", cell.cell, cell.drift.psi
        yield "fiqa_monitor_ks", cell.cell, cell.drift.ks
        yield "fiqa_monitor_p", cell.cell, min(cell.p_psi, cell.p_ks)
    for chart in cell.charts:
        labels = cell.cell | {"chart": chart.name, "side": chart.side}
        yield "fiqa_monitor_cusum", labels, chart.path[-1] if chart.path else 0.0
        yield "fiqa_monitor_cusum_limit", labels, chart.limit
        yield "fiqa_monitor_cusum_alarm", labels, float(chart.alarm)


def _labels(labels: Mapping[str, str]) -> str:
    # a label's name has letters, digits and underscores only, and no digit first
    pairs = [
        f'{re.sub(r"[^a-zA-Z0-9_]|^(?=[0-9])", "_", name)}="{_escaped(value)}"'
        for name, value in labels.items()
    ]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def write_metrics(health: Health, path: PathLike) -> None:
    """Writes the metrics of a health, whole or not at all.

    Args:
        health: what was found.
        path: the file; the node exporter reads those that end in .prom.

    Raises:
        WriteError: the disk refused.
    """
    write_text(path, metrics(health))


class _Collector:
    """Reads the file at each scrape; what cannot be read makes the scrape fail."""

    def __init__(self, path: PathLike, parser: Any) -> None:
        self.path, self.parser = path, parser

    def describe(self) -> list[Any]:
        """Returns nothing: the file is not read before the first scrape."""
        return []

    def collect(self) -> Iterable[Any]:
        """Returns the metrics in the file."""
        return self.parser.text_string_to_metric_families(read_text(self.path))


def serve_metrics(
    path: PathLike, *, port: int = 9109, host: str = "127.0.0.1"
) -> tuple[Any, Thread]:
    """Returns a server of the metrics in a file that runs already, and its thread.

    The file is read at each scrape, so a later check is seen at once.

    Args:
        path: what `fiqa monitor check --prometheus` writes.
        port: of the server; 0 takes a free one.
        host: the address that it listens on.

    Raises:
        MissingExtraError: prometheus_client is not installed.
        OSError: the port is taken.
    """
    client = require("prometheus_client", extra="monitor")
    registry = client.CollectorRegistry()
    registry.register(_Collector(path, require("prometheus_client.parser", extra="monitor")))
    server, thread = client.start_http_server(port, addr=host, registry=registry)
    return server, thread
