"""fiqa weights: list, fetch, verify and describe model files.

Models are looked for by path, in FIQA_HOME (default ~/.cache/fiqa), and among those that come with
fiqa. Nothing is fetched without being asked.

Example:
  fiqa weights pull yunet
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from fiqa.runtime.describe import Described

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A name in `fiqa weights list`.", show_default=False)
]

Backbone = Annotated[
    str, typer.Option("--backbone", help="Torch weights: the network of fiqa they are of.")
]
Embedding = Annotated[int, typer.Option("--embedding", help="Torch weights: length of the vector.")]
Dropout = Annotated[
    float,
    typer.Option(
        "--dropout", help="Torch weights: share that training dropped before the last layer."
    ),
]
Objective = Annotated[
    str,
    typer.Option(
        "--objective", help="Recognizer: the loss of its training, as arcface or magface."
    ),
]
MatchThreshold = Annotated[
    float | None,
    typer.Option(
        "--match-threshold",
        metavar="COSINE",
        help="Recognizer: its cosine at a false match rate of 1e-3; fiqa select needs it.",
    ),
]
File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="The model: .onnx, or torch weights.", show_default=False),
]
Kind = Annotated[
    str, typer.Option("--kind", metavar="KIND", help="recognizer, quality, detector or pose.")
]
Color = Annotated[
    str,
    typer.Option("--color", metavar="RGB|BGR", help="Order of the channels it was trained with."),
]
Mean = Annotated[
    str,
    typer.Option("--mean", metavar="M[,M,M]", help="Subtracted after the division by scale."),
]
Std = Annotated[str, typer.Option("--std", metavar="S[,S,S]", help="Divided by after that.")]
FoundOn = Annotated[
    str,
    typer.Option(
        "--faces",
        metavar="CROPS",
        help="Recognizer: your aligned crops; finds --color, --mean and --std on them.",
    ),
]
Scale = Annotated[float, typer.Option("--scale", help="Pixels 0..255 are divided by this first.")]
Size = Annotated[
    int | None,
    typer.Option(
        "--size", metavar="PIXELS", help="Side of the input, where the file leaves it open."
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", metavar="NAME", help="The output to read, where the file has several."
    ),
]
LowerIsBetter = Annotated[
    bool,
    typer.Option("--lower-is-better", help="The quality output is better when it is lower."),
]
X0 = Annotated[
    float | None, typer.Option("--x0", help="Quality: the value that becomes 50 of 100.")
]
W = Annotated[float | None, typer.Option("--w", help="Quality: the scale of the 0..100 sigmoid.")]
NewName = Annotated[
    str | None, typer.Option("--name", help="Default: the file's name without suffix.")
]
License = Annotated[str, typer.Option("--license", help="Its license.")]
Paper = Annotated[str, typer.Option("--paper", help="The paper it is from.")]
Origin = Annotated[str, typer.Option("--source", help="Where it came from.")]
TrainingData = Annotated[str, typer.Option("--training-data", help="What it was trained on.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a card that is there.")]


@app.command("list")
def list_() -> None:
    """List the models that have a name here: present, absent, or wrong (not the pinned file).

    Example:
      fiqa weights list
    """
    from fiqa.runtime.weights import home, listing

    typer.echo(f"FIQA_HOME is {home()}", err=True)
    for row in listing():
        size = "" if row.size is None else f"{row.size / 1e6:.1f} MB"
        typer.echo(
            "\t".join((row.name, row.state, size, row.license, row.source, row.summary)).rstrip()
        )


@app.command()
def pull(name: Name) -> None:
    """Fetch a model into FIQA_HOME; it is kept only when its sha256 is the pinned one.

    Example:
      fiqa weights pull yunet
    """
    from fiqa.runtime.weights import REGISTRY
    from fiqa.runtime.weights import pull as fetch

    path = fetch(name)
    typer.echo(f"license: {REGISTRY[name].license}, from {REGISTRY[name].source}", err=True)
    typer.echo(path)


@app.command()
def verify(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME|FILE", help="A name, or a model file.", show_default=False),
    ],
) -> None:
    """Check a model file byte for byte: one that was fetched against the pinned sha256, any other
    against its card's.

    Example:
      fiqa weights verify yunet
    """
    from fiqa.runtime.weights import verify as prove

    typer.echo(f"{prove(name)}: sha256 as it must be")


@app.command()
def card(
    model: File,
    kind: Kind,
    faces: FoundOn = "",
    color: Color = "",
    mean: Mean = "",
    std: Std = "",
    scale: Scale = 255.0,
    size: Size = None,
    output: Output = None,
    lower_is_better: LowerIsBetter = False,
    x0: X0 = None,
    w: W = None,
    name: NewName = None,
    backbone: Backbone = "",
    embedding: Embedding = 0,
    dropout: Dropout = 0.0,
    objective: Objective = "",
    match_threshold: MatchThreshold = None,
    license_: License = "",
    paper: Paper = "",
    source: Origin = "",
    training_data: TrainingData = "",
    force: Force = False,
) -> None:
    r"""Write the card of a model file beside it: what must be known to run it, with its sha256.

    The input becomes (x / scale - mean) / std. The shape of an ONNX file's input and output is read
    from it. Before the card is written the model is run on 1, 2 and 33 drawn crops: its output must
    have the shape of its kind, and a crop the same numbers in each.

    Color order and scaling are not in the file. Give them, or give --faces, a folder of aligned
    crops with one folder a person: of a recognizer the usual ones are then tried on these people,
    the table says how far each keeps them apart, and the card gets the best one, if it is clearly
    the best.

    Example:
      fiqa weights card model.onnx --kind recognizer --faces crops/
      fiqa weights card model.onnx --kind recognizer --color BGR --mean .5 --std .5
      fiqa weights card net.pt --kind recognizer --color RGB --mean .485,.456,.406 \
        --std .229,.224,.225 --backbone mobilefacenet --embedding 128
    """
    from fiqa.runtime.describe import Described

    described = Described(
        kind=kind,
        color=color,
        mean=mean,
        std=std,
        scale=scale,
        size=size,
        output=output,
        higher_is_better=not lower_is_better,
        x0=x0,
        w=w,
        name=name,
        backbone=backbone,
        embedding=embedding,
        dropout=dropout,
        match_threshold=match_threshold,
        texts={
            "license": license_,
            "paper": paper,
            "source": source,
            "training_data": training_data,
            "objective": objective,
        },
    )
    typer.echo(_describe(model, described, faces, force))


def _describe(model: str, described: Described, faces: str, force: bool) -> Path:
    from pathlib import Path

    from fiqa.errors import InputError
    from fiqa.runtime.cards import TORCH_SUFFIXES
    from fiqa.runtime.describe import describe

    torch = Path(model).suffix.lower() in TORCH_SUFFIXES
    if faces and torch:
        raise InputError(f"--faces must come with an .onnx file, got {model}.")
    if faces:
        return describe(model, _found(model, described, faces, force), replace=force)
    if not (described.color and described.mean and described.std):
        raise InputError(
            "--color, --mean and --std must be given, or --faces.",
            hint="--faces crops/ finds them on your own aligned crops, one folder a person",
        )
    if not torch:
        return describe(model, described, replace=force)
    from fiqa.extras import require

    require("torch", extra="train")
    from fiqa.nets.recognizer import describe_weights

    return describe_weights(model, described, replace=force)


def _found(model: str, described: Described, faces: str, force: bool) -> Described:
    """What the user said, completed by what the faces say, which is told on stderr."""
    from fiqa.diagnosis.preprocessing import preprocessing
    from fiqa.runtime.describe import free_card_path

    free_card_path(model, replace=force)
    found = preprocessing(model, described, faces, progress=True)
    best = found.winner()
    typer.echo(found.text(), err=True)
    typer.echo(f"written: {best.color}, {best.scaling}", err=True)
    return best.described
