"""`fiqa export`: the typer spelling of fiqa.export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fiqa.cli.options import OK, Force, Quiet

if TYPE_CHECKING:
    from fiqa.verbs.export import Exported

MaxArea = Annotated[
    float,
    typer.Option(
        "--max-area", metavar="X", help="Gate: area under the discard curve above that of fp32."
    ),
]

Embeddings = Annotated[
    str | None,
    typer.Option(
        "--embeddings",
        metavar="FILE",
        help="Gate: vectors of the run's images, for its discard curve.",
    ),
]


def command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Folder of a finished run.", show_default=False)
    ],
    out: Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="Write here: NAME.onnx.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="Write the int8 model, if it passes the gate.")
    ] = False,
    min_spearman: Annotated[
        float,
        typer.Option(
            "--min-spearman", metavar="R", help="Gate: rank correlation of int8 with fp32."
        ),
    ] = 0.99,
    max_spread: Annotated[
        float,
        typer.Option(
            "--max-spread", metavar="X", help="Gate: relative change of the standard deviation."
        ),
    ] = 0.1,
    max_area: MaxArea = 0.02,
    embeddings: Embeddings = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME", help="Which kept weights; the recipe's first."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="The model's name, for its card.")
    ] = None,
    license_: Annotated[
        str, typer.Option("--license", metavar="TEXT", help="The model's license, for its card.")
    ] = "",
    runs: Annotated[
        int, typer.Option("--runs", metavar="N", min=1, help="Calls per line of the latency table.")
    ] = 50,
    allow_collapsed: Annotated[
        bool,
        typer.Option("--allow-collapsed", help="Write a model whose scores have collapsed too."),
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Export a trained network as ONNX with its card.

    The file is proved on held-out crops before it is written: it gives what torch gives, its scores
    are spread at least a tenth as widely as their labels, and an int8 model keeps their order,
    their spread and, where embeddings are given, their discard curve.

    Example:
      fiqa export runs/a -o model.onnx --int8
    """
    from fiqa.training.int8_gate import Gate
    from fiqa.verbs.export import export

    done = export(
        run,
        out,
        int8=int8,
        gate=Gate(min_spearman, max_spread, max_area),
        embeddings=embeddings,
        metric=metric,
        name=name,
        license=license_,
        runs=runs,
        allow_collapsed=allow_collapsed,
        force=force,
        progress=not quiet,
    )
    if not quiet:
        if done.current:
            typer.echo(f"{out} is current, nothing to do; --force does it again", err=True)
        typer.echo("\n".join(_lines(done)))
    raise typer.Exit(OK)


def _lines(done: Exported) -> list[str]:
    report = done.report
    small = report.get("bytes_int8")
    size = f"{report['bytes'] / 1e6:.2f} MB in fp32"
    lines = [
        f"{done.path}: {f'{small / 1e6:.2f} MB in int8 ({size})' if small else size},"
        f" {report['crops']} held-out crops, largest difference of fp32 from torch"
        f" {report['parity']:.2g}"
    ]
    lines += _spread(done)
    if "gate" in report:
        gate = report["gate"]
        area = (
            gate["area"]
            if isinstance(gate["area"], str)
            else f"{gate['area_int8']:.4f} against {gate['area_fp32']:.4f}"
        )
        lines.append(
            f"int8: Spearman against fp32 {gate['spearman']:.4f}, spread {gate['spread']:+.1%},"
            f" area under the discard curve {area}"
        )
    lines += ["", f"{'model':<12}{'pixels':>7}{'threads':>9}{'p50 ms':>9}{'p95 ms':>9}"]
    lines += [
        f"{row['model']:<12}{row['size']:>7}{row['threads']:>9}{row['p50']:>9.2f}{row['p95']:>9.2f}"
        for row in report["latency"]
    ]
    return lines


def _spread(done: Exported) -> list[str]:
    from fiqa.functional.collapse import Collapse

    raw = done.card.raw
    if raw is None or raw.score is None or raw.labels is None:
        return []
    measured = Collapse(raw.score.spread(), raw.labels.spread())
    told = "COLLAPSED, " if measured.collapsed else ""
    return [f"raw score on {raw.low:g}..{raw.high:g}, the labels' scale: {told}{measured.line()}"]
