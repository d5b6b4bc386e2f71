"""`align`: from photographs to aligned crops and the manifest that lists them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from fiqa.alignment.dataset import ShardAligning, aligning_of
from fiqa.alignment.run import MANIFEST, write_crops
from fiqa.data.guard import guard_outputs
from fiqa.data.images import Limits
from fiqa.data.listing import images_of
from fiqa.data.manifest import listed
from fiqa.data.tables import read_table
from fiqa.execute.dataset import for_shards, of_shards, write_dataset
from fiqa.progress import Progress, teller
from fiqa.types import Manifest, PathLike

__all__ = ["align"]


def align(
    paths: PathLike | Sequence[PathLike] | Manifest,
    *,
    out: PathLike,
    detector: str = "auto",
    faces: str = "largest",
    size: int = 112,
    format: str = "png",
    weights: PathLike | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
    force: bool = False,
    orientation: str = "exif",
    progress: Progress = False,
    engine: str = "local",
    address: str | None = None,
    gpus: float = 0,
) -> Manifest:
    """Detects faces, writes each as an aligned crop to `out/identity/name.png`, and returns the
    manifest of the crops, which is also `out/faces.parquet`.

    One row per face, and one for each image that gave none, in the order of the images. A run that
    was killed goes on where it stopped and ends with the same files; one whose output is current
    does nothing. Crops of an earlier run with other settings stay in the folder and are not listed.

    Args:
        paths: an image, a folder, a list file, a manifest (file or fiqa.Manifest), or several of
            these. Or shards of photographs (.tar, Parquet, folders in a store), see `engine`.
        out: folder of the crops; made when it is not there. Of shards, a folder of Parquet parts
            that hold the crops and are shards of crops (fiqa.execute.dataset).
        detector: auto, yunet, dlib, or none (the images are square crops already and only change
            their size).
        faces: which faces of an image count: largest, all, or one (more than one is a failure).
        size: side of the crops in pixels, at least 16.
        format: png (lossless) or jpg (quality 95).
        weights: path of the detector's model file.
        limits: what an image may cost.
        workers: processes, at least 1; None is one per core. The result is the same.
        force: do it again although the output is current.
        orientation: exif (photographs are turned as their EXIF says), or auto: then also to where
            their faces are best seen, for photographs that lie and do not say so.
        progress: True reports on stderr; a callable is told (stage, done, total).
        engine: local (the processes of this machine), or ray. The paths are shards where it is ray,
            where one of them is a .tar or in a store, and where `out` is in a store.
        address: of the Ray cluster, None starts one here.
        gpus: reserved for each actor of Ray, >= 0, over shards; 0.5 lets two share one. Nothing
            that this verb runs computes on a GPU yet.

    Returns:
        Manifest with path of each crop (of the source, where there is no crop), identity, split and
        status, and the columns source (path of the photograph), source_sha256, face_index, bbox (x,
        y, width, height, pixels of the upright photograph), confidence, landmarks (ten numbers in
        crop pixels; None where the detector only estimates them), inside (share of the crop that
        lies in the frame, 0..1), eye_distance (source pixels), grey, detector (its name), turn
        (degrees clockwise by which the photograph was turned beyond its EXIF), roll (degrees, tilt
        of the head in the photograph), notes (what was converted or guessed: `;` between codes of
        fiqa.vocabulary.NOTES); then the columns of your own manifest (fiqa.data.carried).

    Raises:
        UnknownNameError: no such detector, policy or format.
        DetectorError, WeightsError, MissingExtraError: the detector cannot be used here.
        InputError: a size under 16, or no image at all.
        ReadError: a list or manifest cannot be read (an image that cannot is a row).
        WriteError: the disk refused.
    """
    aligning = aligning_of(
        detector=detector,
        faces=faces,
        size=size,
        format=format,
        weights=None if weights is None else os.fspath(weights),
        limits=limits,
        orientation=orientation,
    )
    if of_shards(paths, out, engine):
        write_dataset(
            cast("Any", paths),
            ShardAligning(aligning),
            os.fspath(out),
            engine=engine,
            address=address,
            gpus=gpus,
            workers=workers,
            force=force,
            progress=progress,
        )
        return listed(read_table(out))
    for_shards(engine, address, gpus=gpus)
    images = images_of(paths)
    guard_outputs([Path(out) / MANIFEST], paths)
    return write_crops(images, aligning, out, workers=workers, force=force, told=teller(progress))
