"""What a verb was given to work on: at least one image, and which of them are the same file
twice."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence

from fiqa.data.containers import count_videos
from fiqa.data.frames import Frame
from fiqa.data.manifest import find
from fiqa.errors import InputError
from fiqa.types import Manifest, PathLike

__all__ = ["images_of", "repetition"]

_log = logging.getLogger(__name__)


def images_of(paths: PathLike | Frame | Sequence[PathLike] | Manifest) -> Manifest:
    """Returns the images that a verb is given, at least one; a warning says which are listed more
    than once.

    Args:
        paths: a manifest, or what fiqa.data.manifest.find takes.

    Raises:
        InputError: there is no image at all. Else as fiqa.data.manifest.find.
    """
    images = paths if isinstance(paths, Manifest) else find(paths)
    if not len(images):
        shown = "an empty manifest" if isinstance(paths, Manifest) else repr(paths)
        videos = _videos(paths)
        raise InputError(
            f"paths must lead to at least one image, got none in {shown}.",
            hint=f"{videos} videos: fiqa select finds the faces in them"
            if videos
            else "a folder must hold files of images, a list or manifest must have rows",
        )
    if twice := repetition(images):
        _log.warning("%s", twice)
    return images


def _videos(paths: PathLike | Frame | Sequence[PathLike] | Manifest) -> int:
    """How many videos lie where no image does."""
    listed = paths if isinstance(paths, list | tuple) else [paths]
    named = [path for path in listed if isinstance(path, str | os.PathLike)]
    return count_videos(named)


def repetition(images: Manifest) -> str:
    """Returns a sentence on files that are listed more than once, "" where none is.

    Args:
        images: as a verb was given them.

    >>> import numpy as np
    >>> names = np.array(["x.jpg", "x.jpg#2", "y.jpg"])
    >>> repetition(Manifest(names, np.array(["x.jpg", "./x.jpg", "y.jpg"])))[:33]
    '1 image is listed more than once,'
    """
    times: Counter[str] = Counter()
    first = ""
    for path in filter(None, images.path.tolist()):
        place = os.path.abspath(path)
        times[place] += 1
        first = first or (path if times[place] > 1 else "")
    twice = sum(count > 1 for count in times.values())
    if not twice:
        return ""
    rows = times.total() - len(times)
    return (
        f"{twice} image{' is' if twice == 1 else 's are'} listed more than once, {rows} further"
        f" row{'s' * (rows > 1)} in all, and every row counts; the first is {first!r}."
    )
