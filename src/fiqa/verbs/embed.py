"""`embed`: recognition vectors of aligned crops."""

from __future__ import annotations

import logging
from typing import Any, cast

from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import Limits
from fiqa.embedding.dataset import shard_embedding
from fiqa.embedding.run import Source, embed_rows
from fiqa.execute.dataset import for_shards, is_dataset, write_dataset
from fiqa.functional.display import failure_line
from fiqa.progress import Progress
from fiqa.types import Embeddings, PathLike, Recognizer

__all__ = ["embed"]

_log = logging.getLogger(__name__)


def embed(
    paths: Source,
    *,
    recognizer: PathLike | Recognizer,
    batch: int = 64,
    out: PathLike | None = None,
    flip: bool = False,
    threads: int | None = None,
    half: bool = False,
    force: bool = False,
    limits: Limits | None = None,
    color: str = "RGB",
    progress: Progress = False,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    gpus: float = 0,
) -> Embeddings:
    """Returns the recognition vectors of aligned crops, of unit length, with their norms;
    fiqa.embedding.run.embed_rows also tells which rows failed and why.

    Args:
        paths: a folder, list file or manifest of crops, several of these, a fiqa.Manifest; or
            (ids, crops) with crops (N,112,112,3) uint8.
        recognizer: dlib, which fetches nothing; an .onnx file with its card, a name in FIQA_HOME,
            or any object with `name` and `embed(crops)`.
        batch: crops that are held and embedded at once, >= 1. A recognizer's file whose vectors
            depend on it is warned of.
        out: write them there too (.npz, .npy or .parquet), with a sidecar; a rerun of the same does
            nothing, an interrupted one goes on where it stopped. A .parquet, and the list of what
            failed, also have the columns of your own manifest (fiqa.data.carried). A folder of
            Parquet parts where it ends with "/" or is in a store: then paths are shards
            (fiqa.execute.dataset), and a row without a vector says why.
        flip: embed each crop and its mirror image and take the mean of the two vectors.
        threads: of the recognizer, >= 1; None is one per core.
        half: write float16 vectors: half the size.
        force: do it again although `out` is current.
        limits: what an image may cost.
        color: RGB or BGR (as OpenCV reads), the order of an array's channels.
        progress: True reports on stderr; a callable is told (stage, done, total).
        workers: of shards: processes or actors, at least 1; None is one per core.
        engine: of shards: local (the processes of this machine), or ray; the rows are the same.
        address: of the Ray cluster, None starts one here.
        gpus: reserved for each actor of Ray, >= 0, over shards; 0.5 lets two share one. Nothing
            that this verb runs computes on a GPU yet.

    Raises:
        WeightsError, UnsafeFileError: the recognizer cannot be used.
        ReadError: a list cannot be read (an image that cannot is a row).
        InputError: ids repeat, a number below 1, `color` without an array; an engine or workers
            without shards, `half` or a recognizer that is no file with them.
        UnknownNameError: another color.
        ShapeError: arrays of another shape or size.
        WriteError: the disk refused.
    """
    if is_dataset(out):
        shards = shard_embedding(
            recognizer, flip=flip, limits=limits, threads=threads, batch=batch, half=half
        )
        write_dataset(
            cast("Any", paths),
            shards,
            str(out),
            engine=engine,
            address=address,
            gpus=gpus,
            workers=workers,
            force=force,
            progress=progress,
        )
        return read_embeddings(cast("str", out))
    for_shards(engine, address, workers, gpus)
    run = embed_rows(
        paths,
        recognizer=recognizer,
        batch=batch,
        out=out,
        flip=flip,
        threads=threads,
        limits=limits,
        color=color,
        half=half,
        force=force,
        progress=progress,
    )
    if run.failed:
        first = failure_line(run.manifest.path, run.manifest.status)
        _log.warning("%d of %d crops have no vector; %s", run.failed, len(run.manifest), first)
    return run.embeddings
