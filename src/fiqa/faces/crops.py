"""The only reader of aligned crops: from files or arrays to crops at the size of the template, with
a status for what is none.

What scores, embeds, labels or shows crops reads them here, so that all of them see the same pixels.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data import columns
from fiqa.data.images import Image, Limits, read_image
from fiqa.data.listing import images_of
from fiqa.data.memory import Content, decoded
from fiqa.data.places import refuse_changed
from fiqa.data.store import file_state, hash_rows
from fiqa.errors import InputError, ReadError
from fiqa.faces.points import pointed
from fiqa.failures import failed
from fiqa.functional.crops import ALIGNED_SIZE, resized
from fiqa.runtime.inputs import as_faces
from fiqa.types import Faces, Manifest

__all__ = [
    "ALIGNED_SIZE",
    "SMALLEST_CROP",
    "CropTable",
    "Source",
    "aligned_face",
    "alike",
    "joined",
    "note_of_size",
    "read_crop",
    "read_row",
    "read_source",
    "resized",
    "resizing",
    "sources",
]

Crops = NDArray[np.uint8]
SMALLEST_CROP = 26
"""The shortest side of an aligned crop that is scored: its eyes are then 8 pixels apart
(fiqa.faces.detection.MIN_EYE_DISTANCE)."""

_SHOWN = 5
"""Sizes of resized crops that a warning names."""


@dataclass(frozen=True)
class Source:
    """One image to score: a row of a manifest.

    A field is None where the row does not say it.

    Attributes:
        id: of the image.
        path: where it is.
        identity: who is on it, "" when unknown.
        split: as the row says.
        status: as the row says.
        landmarks: ten crop coordinates.
        eye_distance: source pixels.
        inside: share of the crop that came from the frame.
        sha256: of the file, "" when unknown.
        roll: degrees, of the head in the photograph.
        content: the picture itself where it is in memory, None where the path leads to it.
        color: the order of its channels where it is an array.
    """

    id: str
    path: str
    identity: str = ""
    split: str = ""
    status: str = "ok"
    landmarks: tuple[float, ...] | None = None
    eye_distance: float | None = None
    inside: float | None = None
    sha256: str = ""
    roll: float | None = None
    content: Content | None = field(default=None, repr=False)
    color: str | None = field(default=None, repr=False)


def sources(manifest: Manifest) -> Iterator[Source]:
    """Yields the rows of a manifest as they will be scored.

    Args:
        manifest: of images or crops.

    Raises:
        InputError: a column that holds no numbers.
    """
    measures = columns.measures(manifest.columns, manifest.id)
    absent: list[Any] = [None] * len(manifest)
    landmarks, eyes, inside, roll = (measures.get(name, absent) for name in columns.MEASURES)
    hashes = manifest.columns.get("sha256")
    for i in range(len(manifest)):
        yield Source(
            str(manifest.id[i]),
            str(manifest.path[i]),
            str(manifest.identity[i]),
            str(manifest.split[i]),
            str(manifest.status[i]),
            landmarks[i],
            eyes[i],
            inside[i],
            "" if hashes is None else str(hashes[i] or ""),
            roll[i],
        )


def read_row(path: str, sha256: str, *, limits: Limits | None = None) -> Image:
    """Returns the image that a row of a manifest names.

    Args:
        path: of the row.
        sha256: of the row, "" when unknown.
        limits: what the image may cost; None is the default.

    Raises:
        ReadError: as read_image, and with status "changed" where the file has another sha256.
    """
    image = read_image(path, limits=limits)
    refuse_changed(path, sha256, image.sha256)
    return image


def read_source(source: Source, *, limits: Limits | None = None) -> Image:
    """Returns the image of a row, from its file or from memory.

    Args:
        source: the row.
        limits: what the image may cost; None is the default.

    Raises:
        ReadError: as read_row.
    """
    if source.content is not None:
        return decoded(source.content, source.color, limits=limits)
    return read_row(source.path, source.sha256, limits=limits)


@dataclass(frozen=True)
class CropTable:
    """The rows to embed: files of a manifest, or crops that are in memory.

    Attributes:
        manifest: the rows.
        limits: what an image may cost.
        crops: (N,S,S,3) in memory, None where the rows are files.
        sides: row -> its side before it was brought to ALIGNED_SIZE, for the rows that were read
            and had another one.
    """

    manifest: Manifest
    limits: Limits
    crops: Crops | None = None
    sides: dict[int, int] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, source: Any, limits: Limits, *, color: str = "RGB") -> CropTable:
        """Returns the rows of a source as `embed` takes it.

        Args:
            source: (ids, crops), a manifest, or what fiqa.data.manifest.find takes.
            limits: what an image may cost.
            color: the order of an array's channels, RGB or BGR.

        Raises:
            ShapeError, InputError: crops or ids that do not fit, or no image at all.
            ReadError: a list or manifest cannot be read.
        """
        if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], np.ndarray):
            crops = as_faces(source[1], color=color).crops
            names = checks.ids(source[0], "ids", length=len(crops))
            return cls(Manifest(names, names), limits, crops)
        if color != "RGB":
            raise InputError(f"color is for arrays; files say theirs, got color={color!r}.")
        return cls(images_of(source), limits)

    def __len__(self) -> int:
        return len(self.manifest)

    @cached_property
    def _sources(self) -> list[Source]:
        return list(sources(self.manifest))

    def read(self, row: int) -> tuple[str, Crops | None]:
        """Returns the status of a row and, when that is ok, its crop at ALIGNED_SIZE.

        Args:
            row: its number, from 0.
        """
        if self.crops is not None:
            return "ok", resized(self.crops[row])
        status, crop, side = read_crop(self._sources[row], self.limits)
        if crop is not None and side != ALIGNED_SIZE:
            self.sides[row] = side
        return status, crop

    def digest(self) -> str:
        """Returns a digest of the ids and of the crops.

        Crops in memory count by their pixels, files by path, size and time.
        """
        ids = self.manifest.id.tolist()
        if self.crops is not None:
            pixels = (hashlib.sha256(crop.tobytes()).hexdigest() for crop in self.crops)
            return hash_rows(zip(ids, pixels, strict=True))
        # Hashing the pixels would read every file; size and time tell that one has changed.
        rows = zip(ids, self.manifest.path.tolist(), self.manifest.status.tolist(), strict=True)
        return hash_rows((row, file_state(row[1])) for row in rows)


def read_crop(source: Source, limits: Limits) -> tuple[str, Crops | None, int]:
    """Returns the status of a row and, when that is ok, its crop at ALIGNED_SIZE and the side that
    it had.

    Args:
        source: the row.
        limits: what an image may cost.
    """
    if source.status != "ok":
        return source.status, None, 0
    try:
        pixels = read_source(source, limits=limits).pixels
    except ReadError as error:
        return error.status, None, 0
    # whatever one image does to a decoder, the others still get their vectors
    except Exception as error:  # noqa: BLE001
        failed(source.path, error)
        return "failed", None, 0
    height, width = pixels.shape[:2]
    if height != width or width < SMALLEST_CROP:
        return "wrong_size", None, 0
    return "ok", resized(pixels), width


def note_of_size(side: int, wanted: int = ALIGNED_SIZE) -> str:
    """Returns the note (fiqa.vocabulary.NOTES) on an aligned crop that was brought to another
    size, "" for one that has it.

    Args:
        side: of the square crop, pixels.
        wanted: the side that it was brought to, pixels.

    >>> note_of_size(250), note_of_size(112)
    ('resized=250x250', '')
    """
    return "" if side == wanted else f"resized={side}x{side}"


def resizing(notes: Mapping[str, int], wanted: int = ALIGNED_SIZE) -> str:
    """Returns a sentence on crops that were brought to another size, "" where none was.

    Args:
        notes: of the rows of a table (codes of fiqa.vocabulary.NOTES, `;` between them) -> how
            many rows have it.
        wanted: the side that they were brought to, pixels.

    >>> print(resizing({"resized=250x250": 7, "": 3, "profile_ignored;resized=96x96": 1}))
    8 crops are not 112x112 and were resized: 250x250 (7), 96x96 (1). Whole photographs are no \
crops: fiqa align finds their faces first, or their numbers mean nothing.
    """
    sizes: Counter[str] = Counter()
    for note, count in notes.items():
        for code in note.split(";"):
            name, _, size = code.partition("=")
            if name == "resized":
                sizes[size] += count
    if not sizes:
        return ""
    shown = ", ".join(f"{size} ({count})" for size, count in sizes.most_common(_SHOWN))
    more = f" and {len(sizes) - _SHOWN} other sizes" if len(sizes) > _SHOWN else ""
    one = sizes.total() == 1
    crops = "1 crop is" if one else f"{sizes.total()} crops are"
    return (
        f"{crops} not {wanted}x{wanted} and {'was' if one else 'were'} resized: {shown}{more}."
        " Whole photographs are no crops: fiqa align finds their faces first, or their numbers mean"
        " nothing."
    )


def aligned_face(source: Source, image: Image, *, points: bool = True) -> Faces | None:
    """Returns an image that is an aligned crop as a face, at ALIGNED_SIZE.

    None when it is not square or under SMALLEST_CROP.

    Args:
        source: its row, for what its manifest knows of it.
        image: the crop.
        points: whether a crop without landmarks gets those that a network sees in it.
    """
    height, width = image.pixels.shape[:2]
    if height != width or width < SMALLEST_CROP:
        return None
    facts: dict[str, Any] = {"grey": np.array([image.grey])}
    if source.landmarks is not None:
        facts["landmarks"] = np.asarray(source.landmarks, np.float32).reshape(1, 5, 2) * (
            ALIGNED_SIZE / width
        )
    if source.eye_distance is not None:
        facts["eye_distance"] = np.array([source.eye_distance], np.float32)
    if source.roll is not None:
        facts["roll"] = np.array([source.roll], np.float32)
    if source.inside == 1.0:  # with less, which pixels are outside is read from the constant fill
        facts["inside"] = np.ones((1, ALIGNED_SIZE, ALIGNED_SIZE), bool)
    face = Faces(resized(image.pixels)[None], **facts)
    return pointed(face) if points else face


def alike(faces: Sequence[Faces]) -> list[list[int]]:
    """Returns the places of the faces that may be joined.

    Those whose frame's mask is known and those where it is not are measured differently.

    Args:
        faces: any.

    >>> face = Faces(np.zeros((1, 112, 112, 3), np.uint8))
    >>> alike([face, Faces(face.crops, inside=np.ones((1, 112, 112), bool)), face])
    [[0, 2], [1]]
    """
    # A known mask and a guessed one must not be joined: the guess would look known.
    unknown = [face.inside is None for face in faces]
    parts = [[i for i, value in enumerate(unknown) if value is kind] for kind in (True, False)]
    return [part for part in parts if part]


def joined(faces: Sequence[Faces]) -> Faces:
    """Returns one Faces of many that are `alike`.

    Landmarks and eye distances that only some have are NaN for the others.

    Args:
        faces: at least one.
    """
    if len(faces) == 1:
        return faces[0]
    table: dict[str, Any] = {}
    for noun_field in fields(Faces):
        values = [getattr(face, noun_field.name) for face in faces]
        shape = next((value.shape[1:] for value in values if value is not None), None)
        if shape is not None:
            table[noun_field.name] = np.concatenate(
                [
                    np.full((len(f), *shape), np.nan) if v is None else v
                    for f, v in zip(faces, values, strict=True)
                ]
            )
    return Faces(**table)
