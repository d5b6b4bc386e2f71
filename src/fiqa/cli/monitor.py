"""fiqa monitor: is a fleet still what its reference was?

Collapse, drift, and changes that build up drive by drive, in each cell of the fleet. The unit is
the drive, never the frame. `check` ends with 0 where every cell is fine, 4 where one alarms, and 3
where none alarms but some cannot be judged.

Example:
  fiqa monitor fit good_weeks.parquet -o ref.json
  fiqa monitor check today.parquet --reference ref.json --by camera,regime --html health.html
"""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli import options

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

Scores = Annotated[
    str,
    typer.Argument(
        metavar="SCORES",
        help="A table of scores with `raw` and a drive; or a folder of drive files (.fiqd).",
        show_default=False,
    ),
]
Good = Annotated[
    str,
    typer.Argument(
        metavar="REF", help="A table of scores of when all was well.", show_default=False
    ),
]
ReferenceFile = Annotated[
    str, typer.Option("--reference", metavar="FILE", help="What `fiqa monitor fit` wrote.")
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="COLUMN,...",
        help="Columns that make the cells. Default: camera and regime where there, or the"
        " reference's.",
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        "--unit",
        metavar="COLUMN",
        help="Which drive (or track) a frame is of. Default: drive, or the reference's.",
    ),
]
Floor = Annotated[
    float | None,
    typer.Option("--floor", metavar="RAW", help="Count the frames that score below."),
]
FalseAlarms = Annotated[
    float,
    typer.Option("--false-alarms-per-year", metavar="N", help="Of all charts together."),
]
Yearly = Annotated[
    float, typer.Option("--drives-per-year", metavar="N", help="Of the whole fleet.")
]
Draws = Annotated[int, typer.Option("--draws", metavar="N", help="Resamples of drives.")]
Level = Annotated[float, typer.Option("--level", metavar="SHARE", help="Confidence of the bounds.")]
StateFile = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="FILE",
        help="Keep the charts here from check to check. Remove it once an alarm is explained.",
    ),
]
Out = Annotated[
    str | None, typer.Option("-o", "--out", metavar="FILE", help="Write every number here as JSON.")
]
ReferenceOut = Annotated[
    str, typer.Option("-o", "--out", metavar="FILE", help="Write the reference here as JSON.")
]
Page = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write a page with plots here, one HTML file."),
]
Metrics = Annotated[
    str | None,
    typer.Option("--prometheus", metavar="FILE", help="Write the numbers here for Prometheus."),
]


@app.command()
def fit(
    scores: Good, out: ReferenceOut, by: Columns = None, unit: Unit = None, floor: Floor = None
) -> None:
    """Make a reference of drives of when all was well.

    Each cell needs 20 drives at least, better 100. The file holds histograms and counters of
    drives, without their names.

    Example:
      fiqa monitor fit good_weeks.parquet -o ref.json
    """
    from fiqa.monitoring.fit import UNIT, fit_reference

    columns = None if by is None else _columns(by)
    made = fit_reference(scores, by=columns, unit=unit or UNIT, floor=floor, out=out)
    typer.echo(made.text())


@app.command()
def check(
    scores: Scores,
    reference: ReferenceFile,
    by: Columns = None,
    unit: Unit = None,
    false_alarms_per_year: FalseAlarms = 1.0,
    drives_per_year: Yearly = 10_000.0,
    draws: Draws = 1000,
    level: Level = 0.95,
    seed: options.Seed = 0,
    state: StateFile = None,
    out: Out = None,
    html: Page = None,
    prometheus: Metrics = None,
    quiet: options.Quiet = False,
) -> None:
    """Check drives against a reference.

    Ends with 0 where every cell is fine, 4 where one alarms, 3 where none alarms but some cannot be
    judged. With --state the charts go on from check to check; a drive that is given again changes
    nothing, and an alarm of a chart stays until the file is removed.

    Example:
      fiqa monitor check today.parquet --reference ref.json --by camera,regime --state state.json
    """
    from fiqa.verbs.monitor import monitor

    health = monitor(
        scores, reference=reference, by=() if by is None else _columns(by), unit=unit,
        false_alarms_per_year=false_alarms_per_year, drives_per_year=drives_per_year, draws=draws,
        level=level, seed=seed, state=state, out=out, html=html, prometheus=prometheus,
        progress=not quiet,
    )  # fmt: skip
    typer.echo(health.text())
    code = {"ok": options.OK, "alarm": options.ALARM}.get(health.verdict, options.SOME_FAILED)
    if code:
        raise typer.Exit(code)


@app.command()
def serve(
    metrics: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="What `fiqa monitor check --prometheus` writes.",
            show_default=False,
        ),
    ],
    port: Annotated[int, typer.Option("--port", metavar="N", help="The port to listen on.")] = 9109,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
    ] = "127.0.0.1",
) -> None:
    """Serve the last check to Prometheus.

    It needs the extra `monitor`. The file is read at each scrape. Where Prometheus' node exporter
    runs already, its textfile folder does the same without a server.

    Example:
      fiqa monitor serve health.prom --port 9109
    """
    from fiqa.monitoring.prometheus import serve_metrics

    _, thread = serve_metrics(metrics, port=port, host=host)
    typer.echo(f"serving {metrics} on http://{host}:{port}/metrics; Ctrl-C ends it", err=True)
    thread.join()


def _columns(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
