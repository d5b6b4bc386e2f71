"""`fiqa serve`: the typer spelling of fiqa.serve."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from fiqa.cli import options

Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; this machine alone.")
]
Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="Tokens that let in, one a line. Without it one is made and told once.",
    ),
]
Token = Annotated[
    bool,
    typer.Option("--token/--no-token", help="Without: whoever is on this machine gets in."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME|FILE", help="A method's name, or an .onnx file with a card."
    ),
]
Recognizer = Annotated[
    str | None,
    typer.Option("--recognizer", metavar="FILE", help="dlib, or an .onnx file with a card."),
]
Review = Annotated[
    str,
    typer.Option("--review", metavar="NAME", help="off, standard or strict; a request may say it."),
]
MaxBody = Annotated[
    int, typer.Option("--max-body", metavar="N", min=1, help="Bytes of one request.")
]
Queue = Annotated[
    int, typer.Option("--queue", metavar="N", min=1, help="Images that may wait; then 429.")
]
Deadline = Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Of one request.")]
RateLimit = Annotated[
    float, typer.Option("--rate", metavar="N", help="Requests a second of one token.")
]

MaxVideo = Annotated[
    int, typer.Option("--max-video", metavar="N", min=1, help="Bytes of a video for /v1/select.")
]
Jobs = Annotated[
    int, typer.Option("--jobs", metavar="N", min=1, help="Videos that may wait; then 429.")
]
JobSeconds = Annotated[
    float, typer.Option("--job-seconds", metavar="SECONDS", help="Of the work on one video.")
]


def command(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token_file: TokenFile = None,
    token: Token = True,
    model: Model = None,
    recognizer: Recognizer = None,
    detector: options.Detector = "auto",
    weights: options.Weights = None,
    orientation: options.Orientation = "exif",
    review: Review = "off",
    workers: options.Workers = None,
    max_pixels: options.MaxPixels = None,
    max_body: MaxBody = 10 * 2**20,
    queue: Queue = 256,
    deadline: Deadline = 30.0,
    rate: RateLimit = 100.0,
    max_video: MaxVideo = 256 * 2**20,
    jobs: Jobs = 4,
    job_seconds: JobSeconds = 900.0,
    quiet: options.Quiet = False,
) -> None:
    """Score faces over HTTP.

    It listens on this machine alone and wants a token, unless told otherwise. /openapi.json says
    what it takes and answers. SIGTERM and Ctrl-C end it when every request has its answer.

    Example:
      fiqa serve --port 8000 --token-file tokens.txt --review standard
    """
    from fiqa.service.server import serve

    if not quiet:
        _log_to_stderr()
    serve(
        host=host,
        port=port,
        token_file=token_file,
        token=token,
        model=model,
        recognizer=recognizer,
        detector=detector,
        weights=weights,
        orientation=orientation,
        review=review,
        workers=workers,
        limits=options.limits(max_pixels, max_body),
        max_body=max_body,
        queue=queue,
        deadline=deadline,
        rate=rate,
        max_video=max_video,
        jobs=jobs,
        job_seconds=job_seconds,
    )


def _log_to_stderr() -> None:
    """One line for each request: its id, address, status and time, nothing of what it holds."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("fiqa.service")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
