"""What will go wrong with a folder of images: the folder part of `fiqa doctor`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata

import numpy as np
from numpy.typing import NDArray

from fiqa.data.containers import count_videos
from fiqa.data.images import Limits
from fiqa.data.scan import scan
from fiqa.diagnosis.channels import Channels, channels
from fiqa.progress import Progress
from fiqa.types import Manifest, PathLike
from fiqa.vocabulary import NOTES, STATUSES

__all__ = ["FolderReport", "folder_report"]

_SHOWN = 5
SMALL_SIDE = 112
"""A shorter side below this many pixels is counted as small: an aligned crop would be enlarged."""


@dataclass(frozen=True)
class FolderReport:
    """Counts over a folder of images; every image was decoded.

    Attributes:
        images: how many there are.
        statuses: status -> count, ok included.
        failed: (path, status) of each image that cannot be read.
        messages: path -> why it cannot be read, and what to do, of each of them.
        duplicates: groups of ids with equal bytes.
        sizes: name -> (smallest, median, largest) of width, height (pixels) and bytes, None where
            nothing is readable.
        small: images with a side below 112 pixels.
        formats, bits, modality: value -> count.
        many_frames: animated or multi-page files.
        identities: how many there are.
        single: identities with one readable image.
        conflicts: duplicate groups that lie under more than one identity.
        notes: code of fiqa.vocabulary.NOTES -> images whose pixels had to be converted or guessed.
        videos: videos that were passed over.
        channels: the signs of red and blue swapped.
    """

    images: int
    statuses: Mapping[str, int]
    failed: Sequence[tuple[str, str]]
    duplicates: Sequence[tuple[str, ...]]
    conflicts: Sequence[tuple[str, ...]]
    sizes: Mapping[str, tuple[float, float, float]] | None
    small: int
    formats: Mapping[str, int]
    bits: Mapping[str, int]
    modality: Mapping[str, int]
    many_frames: int
    identities: int
    single: Sequence[str]
    notes: Mapping[str, int]
    channels: Channels
    videos: int = 0
    messages: Mapping[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """True where every image can be read and no person's image lies under another's name."""
        return not self.failed and not self.conflicts

    def lines(self) -> list[str]:
        """Returns the report as lines of text; long lists are cut after five entries."""
        text = [f"images: {self.images} ({_counts(self.statuses)})"]
        text += [
            f"  {status}: {path!r}. {self.messages.get(path) or STATUSES[status]}"
            for path, status in self.failed[:_SHOWN]
        ]
        text += _more(self.failed)
        if self.sizes is not None:
            text += [
                f"{name}: {low:g} .. {high:g}, median {mid:g}"
                for name, (low, mid, high) in self.sizes.items()
            ]
        text.append(f"sides below {SMALL_SIDE} pixels: {self.small}")
        text.append(f"formats: {_counts(self.formats)}")
        text.append(f"bits per channel: {_counts(self.bits)}")
        text.append(f"modality: {_counts(self.modality)}")
        text.append(f"animated or many pages (the first is used): {self.many_frames}")
        text += [f"{code}: {count} images. {NOTES[code]}" for code, count in self.notes.items()]
        text.append(self.channels.line())
        if self.videos:
            text.append(f"videos: {self.videos}, passed over: fiqa select. {_readers()}")
        text.append(f"groups of equal files: {len(self.duplicates)}")
        text += ["  " + " = ".join(map(repr, group)) for group in self.duplicates[:_SHOWN]]
        text += _more(self.duplicates)
        text.append(f"equal files under different identities: {len(self.conflicts)}")
        text.append(
            f"identities: {self.identities}; with one image (no mated pair): {len(self.single)}"
        )
        return text


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _more(items: Sequence[object]) -> list[str]:
    return [f"  ... and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else []


def folder_report(
    paths: PathLike | Sequence[PathLike],
    *,
    limits: Limits | None = None,
    progress: Progress = False,
) -> FolderReport:
    """Returns what there is to know of the images below `paths` before scoring them.

    Each image is decoded.

    Args:
        paths: files, folders, list files, manifests.
        limits: what an image may cost.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        ReadError: a list file or manifest cannot be read.
        InputError: `paths` is empty.
    """
    images = scan(paths, decode=True, limits=limits, progress=progress)
    # Sizes, formats and duplicates are of what can be read; a broken file has none.
    good = images.take(images.status == "ok")
    groups = _duplicates(good)
    owner = dict(zip(good.id.tolist(), good.identity.tolist(), strict=True))
    people = Counter(name for name in good.identity.tolist() if name)
    width, height = good.columns["width"], good.columns["height"]
    return FolderReport(
        images=len(images),
        statuses=_tally(images.status),
        failed=[
            (str(p), str(s)) for p, s in zip(images.path, images.status, strict=True) if s != "ok"
        ],
        duplicates=groups,
        conflicts=[group for group in groups if len({owner[name] for name in group}) > 1],
        sizes={name: _range(good.columns[name]) for name in ("width", "height", "bytes")}
        if len(good)
        else None,
        small=int(np.count_nonzero(np.minimum(width, height) < SMALL_SIDE)),
        formats=_tally(good.columns["format"]),
        bits=_tally(good.columns["bits"]),
        modality=_tally(good.columns["modality"]),
        many_frames=int(np.count_nonzero(good.columns["frames"] > 1)),
        identities=len(people),
        single=sorted(name for name, count in people.items() if count == 1),
        notes=dict(Counter(_codes(good.columns["notes"])).most_common()),
        channels=channels(good, limits=limits),
        videos=count_videos(paths),
        messages={
            str(path): str(message)
            for path, message in zip(images.path, images.columns["message"], strict=True)
            if message
        },
    )


def _readers() -> str:
    """Says whether PyAV is there, which is not imported for that."""
    try:
        version = metadata.version("av")
    except metadata.PackageNotFoundError:
        return "OpenCV reads them up to the first damage; PyAV is not installed"
    return (
        f"OpenCV reads them; PyAV {version} is installed and used where asked for (its wheels"
        " bundle x264 and x265, which are under the GPL)"
    )


def _codes(notes: NDArray[np.str_]) -> Iterator[str]:
    """The codes of all notes, each once per image."""
    for told in notes.tolist():
        yield from {note.partition("=")[0] for note in told.split(";") if note}


def _tally(values: NDArray[np.generic]) -> dict[str, int]:
    return dict(Counter(values.astype(str).tolist()).most_common())


def _range(values: NDArray[np.int64]) -> tuple[float, float, float]:
    return float(values.min()), float(np.median(values)), float(values.max())


def _duplicates(good: Manifest) -> list[tuple[str, ...]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name, sha in zip(good.id.tolist(), good.columns["sha256"].tolist(), strict=True):
        groups[sha].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]
