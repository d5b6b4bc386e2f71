"""From photographs to crops on disk and the rows that describe them, one batch of images at a time;
what every worker process of `align` runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.images import Image, Limits, write_image
from fiqa.errors import ReadError, WriteError
from fiqa.faces.align import faces_from
from fiqa.faces.crops import note_of_size, read_row
from fiqa.faces.detection import POLICIES, Detection, Detector
from fiqa.faces.detectors import NAMES, detector
from fiqa.faces.turns import ORIENTATIONS, view
from fiqa.failures import failed
from fiqa.types import Faces

__all__ = ["FORMATS", "FaceAligning", "Job", "Row", "blank_row"]

Row = dict[str, Any]
FORMATS = ("png", "jpg")
"""What crops are written as."""


@dataclass(frozen=True)
class Job:
    """One image to align.

    Attributes:
        id: of the image.
        path: where it is.
        identity: who is on it, "" when unknown.
        split: as its row says.
        status: as its row says; only "ok" is aligned.
        out: the folder of the crops.
        name: of the crop in it, without suffix.
        sha256: that its row knows, "" when unknown.
    """

    id: str
    path: str
    identity: str
    split: str
    status: str
    out: str
    name: str
    sha256: str = ""


def blank_row(job: Job, status: str) -> Row:
    """Returns the row of an image that gave no face: every column of the manifest, in order.

    Its path is that of the source.

    Args:
        job: the image.
        status: why it gave no face.
    """
    return {
        "id": job.id,
        "path": job.path,
        "identity": job.identity,
        "split": job.split,
        "status": status,
        "source": job.path,
        "source_sha256": None,
        "face_index": 0,
        "bbox": None,
        "confidence": None,
        "landmarks": None,
        "inside": None,
        "eye_distance": None,
        "grey": None,
        "detector": None,
        "turn": None,
        "roll": None,
        "notes": None,
    }


@dataclass(frozen=True)
class FaceAligning:
    """How photographs become crops, as an object that every process can load its own detector from.

    Attributes:
        detector: one of fiqa.faces.detectors.NAMES.
        faces: one of fiqa.faces.detection.POLICIES.
        size: side of the crops in pixels, at least 16.
        format: one of FORMATS.
        weights: path of the detector's file, None where it finds its own.
        limits: what an image may cost.
        orientation: one of fiqa.faces.turns.ORIENTATIONS.

    Raises:
        UnknownNameError: a name that is not there.
        InputError: a size under 16.
    """

    detector: str
    faces: str
    size: int
    format: str
    weights: str | None
    limits: Limits
    orientation: str = "exif"

    def __post_init__(self) -> None:
        checks.choice(self.detector, "detector", NAMES)
        checks.choice(self.faces, "faces", POLICIES)
        checks.choice(self.orientation, "orientation", ORIENTATIONS)
        checks.choice(self.format, "format", FORMATS)
        checks.in_range(self.size, "size", 16, float("inf"))

    @cached_property
    def finder(self) -> Detector:
        """The detector, loaded when first used."""
        return detector(self.detector, weights=self.weights)

    def __call__(self, batch: Sequence[Job]) -> list[list[Row]]:
        """Writes the crops of each image and returns its rows, at least one each.

        Args:
            batch: the images; an empty one just loads the detector.
        """
        # Here and not at the first image, so that a detector which is not there fails at once.
        _ = self.finder
        return [self._rows(job) for job in batch]

    def _rows(self, job: Job) -> list[Row]:
        if job.status != "ok":
            return [blank_row(job, job.status)]
        try:
            return self._aligned(job, self.read(job))
        except ReadError as error:
            return [blank_row(job, error.status)]
        except WriteError:
            raise
        # whatever one image does to a decoder or detector, the others are still aligned
        except Exception as error:  # noqa: BLE001
            failed(job.path, error)
            return [blank_row(job, "failed")]

    def read(self, job: Job) -> Image:
        """Returns the photograph of a job.

        Args:
            job: the image.

        Raises:
            ReadError: it cannot be read.
        """
        return read_row(job.path, job.sha256, limits=self.limits)

    def keep(self, job: Job, path: str, crop: NDArray[np.uint8]) -> Row:
        """Keeps a crop, and returns what its row says of where.

        Args:
            job: the image.
            path: of the crop in the folder of crops.
            crop: (S,S,3) RGB.

        Raises:
            WriteError: the disk refused.
        """
        write_image(os.path.join(job.out, path), crop)
        return {"path": path}

    def _aligned(self, job: Job, image: Image) -> list[Row]:
        sight = view(self.finder, image.pixels, policy=self.faces, orientation=self.orientation)
        status = sight.status
        # Without a detector there was no search: the image itself is no crop.
        if status == "no_face" and self.detector == "none":
            status = "wrong_size"
        blank = blank_row(job, status) | {"source_sha256": image.sha256, "grey": image.grey}
        only_resized = self.detector == "none" and status == "ok"
        size = note_of_size(image.pixels.shape[1], self.size) if only_resized else ""
        blank["notes"] = ";".join(filter(None, (*image.notes, *sight.notes, size))) or None
        if self.detector != "none":
            blank |= {"detector": self.finder.name, "turn": sight.turn}
        if status != "ok":
            return [blank]
        faces = faces_from(
            image, sight.faces, size=self.size, tilt=sight.tilt, lying=sight.better != 0
        )
        return [
            blank | self._write(job, faces, i, detection) for i, detection in enumerate(sight.faces)
        ]

    def _write(self, job: Job, faces: Faces, i: int, detection: Detection) -> Row:
        """Writes crop `i` and returns what its row knows beyond the image's."""
        mark = f"#{i}" if i else ""
        path = f"{job.name}{mark}.{self.format}"
        kept = self.keep(job, path, faces.crops[i])
        face = faces.take(slice(i, i + 1))
        measured = detection.points == "measured" and face.landmarks is not None
        return {
            **kept,
            "id": job.id + mark,
            "face_index": i,
            "bbox": detection.box.tolist(),
            "confidence": detection.confidence,
            "landmarks": (
                face.landmarks.ravel().tolist() if measured and face.landmarks is not None else None
            ),
            "inside": None if face.inside is None else float(face.inside.mean()),
            "eye_distance": None if face.eye_distance is None else float(face.eye_distance[0]),
            "roll": None if face.roll is None or self.detector == "none" else float(face.roll[0]),
        }
