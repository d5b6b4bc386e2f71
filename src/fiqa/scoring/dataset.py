"""Scores of shards, as fiqa.execute.dataset keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from fiqa.data.images import Limits
from fiqa.data.store import make_record, sha256_file
from fiqa.data.tables import frame_of
from fiqa.faces.crops import Source
from fiqa.runtime.recognizers import DLIB
from fiqa.runtime.weights import find as find_weights
from fiqa.scoring.rows import FaceScoring, blank_row, scales

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ShardScoring"]

_RUNNING = ("limits", "threads", "told")


@dataclass(frozen=True)
class ShardScoring:
    """What `score` makes of the images of shards; the members are those of
    fiqa.execute.dataset.ShardWork.

    Attributes:
        how: faces are scored.
        batch: images that are scored at once.
    """

    how: FaceScoring
    batch: int = 32

    @property
    def limits(self) -> Limits:
        """What an image may cost."""
        return self.how.limits

    def __call__(self, sources: Sequence[Source], /) -> list[list[dict[str, Any]]]:
        return cast("list[list[dict[str, Any]]]", self.how(sources))

    def blank(self, source: Source, status: str) -> dict[str, Any]:
        """Returns the row of an image without a score."""
        return cast("dict[str, Any]", blank_row(source, status))

    def frame(self, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
        """Returns rows of scores as a table."""
        return frame_of(rows)

    def single(self) -> ShardScoring:
        """Returns the same on one thread."""
        return replace(self, how=replace(self.how, threads=1))

    def about(self) -> dict[str, Any]:
        """Returns the scales of the scores."""
        return {"scales": scales(self.how.scorer)}

    def record(self) -> dict[str, Any]:
        """Returns what decides the scores."""
        how = self.how
        said = {key: value for key, value in asdict(how).items() if key not in _RUNNING}
        said |= asdict(how.limits)
        said |= {"model": how.scorer.name, "version": how.scorer.version, "batch": self.batch}
        said["detector"] = None if how.aligned else how.finder.name
        said |= how.points_record()
        files = (("weights", how.weights), ("recognizer", how.recognizer))
        # the recognizer `dlib` is no file, and its sha256 is in the version
        inputs = {
            key: sha256_file(find_weights(file))
            for key, file in files
            if file is not None and file != DLIB
        }
        return make_record("score", arguments=said, inputs=inputs)
