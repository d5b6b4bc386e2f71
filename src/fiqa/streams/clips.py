"""What `select` is given, as clips: videos, cameras, and images that are frames."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self

from fiqa.data.containers import count_videos, find_videos, is_video
from fiqa.data.folders import IMAGE_SUFFIXES, walk
from fiqa.data.images import Limits, read_image
from fiqa.data.store import file_state
from fiqa.data.video import Event, VideoFrame, VideoLimits, open_video
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["Clip", "Frames", "Sources", "clips", "opened"]

Sources = PathLike | int | Sequence[PathLike | int]


@dataclass(frozen=True)
class Clip:
    """One stream of frames.

    Attributes:
        name: unique in a run, harmless as a folder's name; ids of tracks begin with it.
        source: a video, a camera, or the folder of the images.
        images: the frames where they are images, in order; None where it is a video.
    """

    name: str
    source: str | int
    images: tuple[str, ...] | None = None

    @property
    def live(self) -> bool:
        """Whether it is a camera, which gives other frames each time."""
        return isinstance(self.source, int) or self.source.startswith(("camera:", "/dev/video"))

    def state(self) -> object:
        """Returns what tells without reading that it is another one."""
        files = (str(self.source),) if self.images is None else self.images
        return self.name, [(path, file_state(path)) for path in files]


class Frames(Protocol):
    """Frames as they are read, with what went wrong."""

    events: list[Event]

    @property
    def damaged(self) -> bool:
        """Whether frames are damaged or missing."""
        ...

    def __iter__(self) -> Iterator[VideoFrame]: ...


@dataclass
class _Images:
    """Images as frames of a constant rate; one that cannot be read is a damaged frame."""

    paths: Sequence[str]
    rate: float
    limits: Limits
    events: list[Event] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        return bool(self.events)

    def __iter__(self) -> Iterator[VideoFrame]:
        for number, path in enumerate(self.paths):
            time = number / self.rate
            try:
                image = read_image(path, limits=self.limits).pixels
                yield VideoFrame(number, None, time, image, "ok")
            except ReadError as error:
                self.events.append((time, "damaged_frame", f"{path}: {error.status}"))
                yield VideoFrame(number, None, time, None, "damaged")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open between two images."""


def clips(sources: Sources) -> list[Clip]:
    """Returns the clips that `sources` name, in their order; nothing is decoded.

    A folder gives its videos; one without videos is a clip whose frames are its images, in the
    order of the numbers in their names. A list (.txt) gives its videos; one of images is a clip of
    these in the order of the list.

    Args:
        sources: one or more of: video, folder, list, camera (a number, `camera:0`).

    Raises:
        InputError: nothing was given, or a folder or list that has neither videos nor images.
        ReadError: a list cannot be read.
    """
    listed = [sources] if isinstance(sources, str | int | os.PathLike) else list(sources)
    if not listed:
        raise InputError("There must be at least one video, folder, list or camera, got none.")
    found: list[tuple[str | int, tuple[str, ...] | None]] = []
    for source in listed:
        images = () if isinstance(source, int) else _images(os.fspath(source))
        if images:
            found.append((os.fspath(source), images))  # type: ignore[arg-type]
        else:
            found += [(video, None) for video in find_videos(source)]
    names = [_name(source) for source, _ in found]
    uses: Counter[str] = Counter()
    unique = []
    for name in names:
        uses[name] += 1
        unique.append(name if names.count(name) == 1 else f"{name}_{uses[name]}")
    if len(set(unique)) < len(unique):
        # A name that ends as the numbered ones do.
        unique = [f"{name}_{number}" for number, name in enumerate(names, 1)]
    return [
        Clip(name, source, images) for name, (source, images) in zip(unique, found, strict=True)
    ]


def opened(
    clip: Clip, *, backend: str, limits: VideoLimits | None, rate: float
) -> AbstractContextManager[Frames]:
    """Returns the frames of a clip, to be read once.

    Args:
        clip: which.
        backend: as fiqa.data.video.open_video.
        limits: of a video, None is the default.
        rate: frames a second of images, which have no times.

    Raises:
        ReadError: nothing can be had of it.
    """
    if clip.images is None:
        return open_video(clip.source, backend=backend, limits=limits)
    most = (limits or VideoLimits()).max_pixels
    return _Images(clip.images, rate, Limits(max_pixels=most))


def _images(path: str) -> tuple[str, ...]:
    """The images of a folder or list that has no videos; none for all else."""
    if os.path.isdir(path):
        if count_videos(path):
            return ()
        return tuple(sorted((image for image, status in walk(path) if status), key=_in_order))
    if path.lower().endswith(".txt") and os.path.isfile(path):
        named = [str(video) for video in find_videos(path)]
        plain = [name for name in named if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES]
        if len(plain) == len(named):
            return tuple(named)
    if os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES and not is_video(path):
        raise InputError(
            f"A source must be a video, a folder, a list or a camera, got the image {path!r}.",
            hint="frames that are images go by their folder, or by a list of them",
        )
    return ()


def _in_order(path: str) -> list[tuple[int, int, str]]:
    """Sorts frame_10 behind frame_9."""
    parts = re.split(r"(\d+)", path)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def _name(source: str | int) -> str:
    if isinstance(source, int):
        return f"camera_{source}"
    base = os.path.basename(os.path.normpath(source))
    stem = os.path.splitext(base)[0] or base
    return re.sub(r"[^\w.+-]", "_", stem).lstrip(".-")[:80] or "video"
