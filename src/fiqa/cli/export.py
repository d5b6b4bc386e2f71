"""`fiqa export`: the typer spelling of fiqa.export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
        help="Gate: vectors of the images, for its discard curve.",
    ),
]


To = Annotated[str, typer.Option("--to", metavar="RUNTIME", help="onnx, openvino, ncnn or tflite.")]
Static = Annotated[
    bool,
    typer.Option("--static", help="Take one crop at a time; ncnn and tflite always do."),
]
FacesToJudge = Annotated[
    str | None,
    typer.Option(
        "--faces",
        metavar="CROPS",
        help="A finished model: aligned crops for the gate and the ranges of int8.",
    ),
]
KitFolder = Annotated[
    str | None,
    typer.Option("--kit", metavar="DIR", help="Write a parity kit here, to prove it on the chip."),
]


def command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL",
            help="Folder of a finished run, or an ONNX model by file or name.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="Write here: NAME.onnx, .xml (openvino), .param (ncnn) or .tflite.",
        ),
    ],
    to: To = "onnx",
    static: Static = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Write the int8 model of onnx, if it passes the gate.")
    ] = False,
    min_spearman: Annotated[
        float,
        typer.Option(
            "--min-spearman", metavar="R", help="Gate: rank correlation with fp32 on onnxruntime."
        ),
    ] = 0.99,
    max_spread: Annotated[
        float,
        typer.Option(
            "--max-spread", metavar="X", help="Gate: relative change of the standard deviation."
        ),
    ] = 0.1,
    max_area: MaxArea = 0.02,
    faces: FacesToJudge = None,
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
    kit: KitFolder = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Export a model for a runtime or a chip, with its card.

    Of a finished run, the best network; or a finished model, such as `fiqa`. The file is proved
    before it is written: that of a run gives what torch gives and has not collapsed; what is not
    fp32 on onnxruntime keeps order, spread and, where embeddings are given, the discard curve of
    fp32, in its own runtime. int8 leaves layers in float32, one at a time, until it passes.

    Example:
      fiqa export runs/a -o model.onnx --int8
      fiqa export model.onnx -o chip/model.xml --to openvino --kit kit/
    """
    from fiqa.training.gate import Gate
    from fiqa.verbs.export import export

    done = export(
        model,
        out,
        to=to,
        static=static,
        int8=int8,
        faces=faces,
        gate=Gate(min_spearman, max_spread, max_area),
        embeddings=embeddings,
        metric=metric,
        name=name,
        license=license_,
        runs=runs,
        allow_collapsed=allow_collapsed,
        kit=kit,
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
    size = f"{small / 1e6:.2f} MB in int8 ({size})" if small else size
    parity = report.get("parity")
    proved = (
        f", {report['crops']} held-out crops, largest difference of fp32 from torch {parity:.2g}"
        if parity is not None
        else ""
    )
    lines = [f"{done.path}: {size}{proved}", *_spread(done)]
    if "gate" in report:
        lines += [f"int8: {_gate(report['gate'])}", _left(report)]
    if "latency" in report:
        lines += ["", f"{'model':<12}{'pixels':>7}{'threads':>9}{'p50 ms':>9}{'p95 ms':>9}"]
        lines += [
            f"{row['model']:<12}{row['size']:>7}{row['threads']:>9}"
            f"{row['p50']:>9.2f}{row['p95']:>9.2f}"
            for row in report["latency"]
        ]
    return lines + (_runtime(report) if "speed" in report else [])


def _gate(gate: dict[str, Any]) -> str:
    tried = next((name for name in gate if name.startswith("area_") and name != "area_fp32"), "")
    area = (
        gate["area"]
        if isinstance(gate["area"], str)
        else f"{gate[tried]:.4f} against {gate['area_fp32']:.4f}"
    )
    return (
        f"Spearman against fp32 {gate['spearman']:.4f}, spread {gate['spread']:+.1%},"
        f" area under the discard curve {area}"
    )


def _left(report: dict[str, Any]) -> str:
    left = report.get("float_layers", [])
    refused = len(report.get("refused", []))
    named = f"in float32: {', '.join(left)}" if left else "all layers in int8"
    return f"int8: {named}" + (f"; {refused} with fewer refused" if refused else "")


def _runtime(report: dict[str, Any]) -> list[str]:
    """What was measured in the runtime itself."""
    lines = []
    if "runtime_gate" in report:
        gate = report["runtime_gate"]
        lines += [
            f"{report['runtime']}: {_gate(gate)}, largest difference {gate['difference']:.2g}",
            f"judged on {report['judged_on']}",
        ]
    files = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in report["files"].items())
    load = "" if report["load"] is None else f"; load average {report['load']:.2f}"
    head = f"{'model':<34}{'threads':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'memory MB':>11}"
    lines += [f"files: {files}; fp32 in ONNX {report['file_fp32'] / 1e6:.2f} MB{load}", "", head]
    for row in report["speed"]:
        memory = "" if row["memory"] is None else f"{row['memory']:.1f}"
        lines.append(
            f"{row['model']:<34}{row['threads']:>8}{row['p50']:>9.2f}{row['p95']:>9.2f}"
            f"{row['p99']:>9.2f}{memory:>11}"
        )
    return lines


def _spread(done: Exported) -> list[str]:
    from fiqa.functional.collapse import Collapse

    raw = done.card.raw
    if raw is None or raw.score is None or raw.labels is None:
        return []
    measured = Collapse(raw.score.spread(), raw.labels.spread())
    told = "COLLAPSED, " if measured.collapsed else ""
    return [f"raw score on {raw.low:g}..{raw.high:g}, the labels' scale: {told}{measured.line()}"]
