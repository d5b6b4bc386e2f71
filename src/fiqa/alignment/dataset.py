"""Crops of shards of photographs, as fiqa.execute.dataset keeps them: a row for each face, its crop
as the bytes of an image in it, so that the parts are shards of crops themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fiqa.alignment.photographs import FaceAligning, Job, Row, blank_row
from fiqa.data.encoded import image_bytes
from fiqa.data.images import Image, Limits
from fiqa.data.store import make_record, sha256_file
from fiqa.errors import InputError
from fiqa.faces.crops import Source, read_source
from fiqa.faces.detectors import decided
from fiqa.faces.points import points_record
from fiqa.runtime.weights import find as find_weights

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ShardAligning", "aligning_of"]


@dataclass(frozen=True)
class _Photograph(Job):
    """A photograph whose bytes are in memory."""

    source: Source | None = None


@dataclass(frozen=True)
class _InRows(FaceAligning):
    """As FaceAligning, with the photographs in memory and the crops in their rows."""

    def read(self, job: Job) -> Image:
        return read_source(cast("Source", cast("_Photograph", job).source), limits=self.limits)

    def keep(self, job: Job, path: str, crop: NDArray[np.uint8]) -> Row:
        return {
            "path": path,
            "image": {"bytes": image_bytes(crop, f".{self.format}"), "path": path},
        }


@dataclass(frozen=True)
class ShardAligning:
    """What `align` makes of the photographs of shards; the members are those of
    fiqa.execute.dataset.ShardWork.

    Attributes:
        how: photographs become crops.
        batch: photographs that are aligned at once.
    """

    how: FaceAligning
    batch: int = 16

    @property
    def limits(self) -> Limits:
        """What an image may cost."""
        return self.how.limits

    def __call__(self, sources: Sequence[Source], /) -> list[list[Row]]:
        if "_aligning" not in self.__dict__:  # with its detector, once per process
            self.__dict__["_aligning"] = _InRows(**_settings(self.how))
        aligning: _InRows = self.__dict__["_aligning"]
        made = aligning([_job(source) for source in sources])
        return [[{"image": None, **row} for row in rows] for rows in made]

    def __getstate__(self) -> dict[str, Any]:
        """The settings without the detector, which does not travel to another process."""
        return {"how": type(self.how)(**_settings(self.how)), "batch": self.batch}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def blank(self, source: Source, status: str) -> Row:
        """Returns the row of a photograph that gave no face."""
        return {"image": None, **blank_row(_job(source), status)}

    def frame(self, rows: Sequence[Row]) -> pl.DataFrame:
        """Returns rows of crops as a table, with the images behind all other columns."""
        import polars as pl

        from fiqa.data.tables import frame_of

        plain = frame_of({name: row[name] for name in row if name != "image"} for row in rows)
        kind = pl.Struct({"bytes": pl.Binary, "path": pl.String})
        return plain.with_columns(pl.Series("image", [row["image"] for row in rows], kind))

    def single(self) -> ShardAligning:
        """Returns itself: a detector decides its own threads."""
        return self

    def about(self) -> dict[str, Any]:
        """Returns nothing: a row says all of its crop."""
        return {}

    def record(self) -> dict[str, Any]:
        """Returns what decides the crops."""
        said = {key: value for key, value in _settings(self.how).items() if key != "limits"}
        said |= asdict(self.limits) | {"finder": self.how.finder.name, "batch": self.batch}
        said |= points_record(self.how.finder)
        weights = self.how.weights
        inputs = {} if weights is None else {"weights": sha256_file(find_weights(weights))}
        return make_record("align", arguments=said, inputs=inputs)


def _settings(how: FaceAligning) -> dict[str, Any]:
    return {name: getattr(how, name) for name in FaceAligning.__dataclass_fields__}


def _job(source: Source) -> _Photograph:
    return _Photograph(source.id, source.path, "", "", source.status, "", source.id, source=source)


def aligning_of(
    *,
    detector: str = "auto",
    faces: str = "largest",
    size: int = 112,
    format: str = "png",
    weights: str | None = None,
    limits: Limits | None = None,
    orientation: str = "exif",
) -> FaceAligning:
    """Returns how photographs become crops, decided; arguments and errors as fiqa.align."""
    if detector == "none" and orientation != "exif":
        raise InputError(f"orientation={orientation!r} needs a detector, got detector='none'.")
    finder = decided(detector, weights=weights)
    return FaceAligning(finder, faces, size, format, weights, limits or Limits(), orientation)
