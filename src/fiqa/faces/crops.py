"""The only reader of aligned crops: from files or arrays to crops at the size of the template, with
a status for what is none.

What scores, embeds, labels or shows crops reads them here, so that all of them see the same pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data import columns
from fiqa.data.images import Image, Limits, read_image
from fiqa.data.manifest import find
from fiqa.data.store import file_state, hash_rows
from fiqa.errors import InputError, ReadError
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
    "read_row",
    "resized",
    "sources",
]

Crops = NDArray[np.uint8]
SMALLEST_CROP = 26
"""The shortest side of an aligned crop that is scored: its eyes are then 8 pixels apart
(fiqa.faces.detection.MIN_EYE_DISTANCE)."""

_SHA256 = 64


@dataclass(frozen=True)
class Source:
    """One image to score: a row of a manifest.

    `landmarks` (ten crop coordinates), `eye_distance` (source pixels), `inside` (share of the crop
    that came from the frame) and `roll` (degrees, of the head in the photograph) where it lists
    crops that know them; `sha256` of the file, "" where it is not known.
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


def sources(manifest: Manifest) -> Iterator[Source]:
    """Yields the rows of a manifest as they will be scored.

    Raises InputError for a column that holds no numbers.
    """
    known = columns.measures(manifest.columns, manifest.id)
    unknown: list[Any] = [None] * len(manifest)
    landmarks, eyes, inside, roll = (known.get(name, unknown) for name in columns.MEASURES)
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
    """Returns the image that a row of a manifest names; raises ReadError as read_image, and with
    status "changed" where the file is not the one of the row's `sha256` ("" is not known)."""
    image = read_image(path, limits=limits)
    if len(sha256) == _SHA256 and image.sha256 != sha256.lower():
        raise ReadError(
            f"{path!r} must have the sha256 that its table names, {sha256[:12]}..., it has"
            f" {image.sha256[:12]}...",
            status="changed",
            hint="it is another file, or was changed since: fiqa scan makes a new table",
        )
    return image


@dataclass(frozen=True)
class CropTable:
    """The rows to embed: files of a manifest, or crops that are in memory."""

    manifest: Manifest
    limits: Limits
    crops: Crops | None = None

    @classmethod
    def of(cls, source: Any, limits: Limits, *, color: str = "RGB") -> CropTable:
        """Returns the rows of a source as `embed` takes it; `color` is the order of an array's
        channels, RGB or BGR.

        Raises: as embed.
        """
        if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], np.ndarray):
            crops = as_faces(source[1], color=color).crops
            names = checks.ids(source[0], "ids", length=len(crops))
            return cls(Manifest(names, names), limits, crops)
        if color != "RGB":
            raise InputError(f"color is for arrays; files say theirs, got color={color!r}.")
        return cls(source if isinstance(source, Manifest) else find(source), limits)

    def __len__(self) -> int:
        return len(self.manifest)

    @cached_property
    def _sources(self) -> list[Source]:
        return list(sources(self.manifest))

    def read(self, row: int) -> tuple[str, Crops | None]:
        """Returns the status of a row and, when that is ok, its crop at the size of the alignment
        template."""
        if self.crops is not None:
            return "ok", resized(self.crops[row])
        source = self._sources[row]
        status, path = source.status, source.path
        if status != "ok":
            return status, None
        try:
            pixels = read_row(path, source.sha256, limits=self.limits).pixels
        except ReadError as error:
            return error.status, None
        except Exception as error:  # noqa: BLE001 - whatever one image does to a decoder, the others still get their vectors
            failed(path, error)
            return "failed", None
        height, width = pixels.shape[:2]
        return (
            ("wrong_size", None)
            if height != width or width < SMALLEST_CROP
            else ("ok", resized(pixels))
        )

    def digest(self) -> str:
        """Returns a digest of the ids and of the crops: their pixels, or path, size and time of
        their files."""
        ids = self.manifest.id.tolist()
        if self.crops is not None:
            pixels = (hashlib.sha256(crop.tobytes()).hexdigest() for crop in self.crops)
            return hash_rows(zip(ids, pixels, strict=True))
        rows = zip(ids, self.manifest.path.tolist(), self.manifest.status.tolist(), strict=True)
        return hash_rows((row, file_state(row[1])) for row in rows)


def aligned_face(source: Source, image: Image) -> Faces | None:
    """Returns an image that is an aligned crop, at 112x112 and with what its manifest knows of it;
    None when it is not square or under SMALLEST_CROP."""
    height, width = image.pixels.shape[:2]
    if height != width or width < SMALLEST_CROP:
        return None
    known: dict[str, Any] = {"grey": np.array([image.grey])}
    if source.landmarks is not None:
        known["landmarks"] = np.asarray(source.landmarks, np.float32).reshape(1, 5, 2) * (
            ALIGNED_SIZE / width
        )
    if source.eye_distance is not None:
        known["eye_distance"] = np.array([source.eye_distance], np.float32)
    if source.roll is not None:
        known["roll"] = np.array([source.roll], np.float32)
    if source.inside == 1.0:  # with less, which pixels are outside is read from the constant fill
        known["inside"] = np.ones((1, ALIGNED_SIZE, ALIGNED_SIZE), bool)
    return Faces(resized(image.pixels)[None], **known)


def alike(faces: Sequence[Faces]) -> list[list[int]]:
    """Returns the places of the faces that may be joined: those whose frame's mask is known, and
    those where it is not (which are measured otherwise).

    >>> one = Faces(np.zeros((1, 112, 112, 3), np.uint8))
    >>> alike([one, Faces(one.crops, inside=np.ones((1, 112, 112), bool)), one])
    [[0, 2], [1]]
    """
    unknown = [face.inside is None for face in faces]
    parts = [[i for i, value in enumerate(unknown) if value is wanted] for wanted in (True, False)]
    return [part for part in parts if part]


def joined(faces: Sequence[Faces]) -> Faces:
    """Returns one Faces of many that are `alike`; landmarks and eye distances that only some have
    are NaN for the others."""
    whole: dict[str, Any] = {}
    for field in fields(Faces):
        values = [getattr(face, field.name) for face in faces]
        shape = next((value.shape[1:] for value in values if value is not None), None)
        if shape is not None:
            whole[field.name] = np.concatenate(
                [
                    np.full((len(f), *shape), np.nan) if v is None else v
                    for f, v in zip(faces, values, strict=True)
                ]
            )
    return Faces(**whole)
