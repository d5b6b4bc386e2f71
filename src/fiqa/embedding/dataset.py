"""Recognition vectors of shards, as fiqa.execute.dataset keeps them: a row for each image, with its
vector or with the reason why it has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqa import checks
from fiqa.data.images import Limits
from fiqa.data.store import make_record
from fiqa.embedding.run import opened, raw_vectors, unit_vectors, usable
from fiqa.errors import InputError
from fiqa.faces.crops import Source, read_crop
from fiqa.runtime.describe import warn_of_batches
from fiqa.types import PathLike, Recognizer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ShardEmbedding", "shard_embedding"]

Row = dict[str, Any]


@dataclass(frozen=True)
class ShardEmbedding:
    """What `embed` makes of the images of shards; the members are those of
    fiqa.execute.dataset.ShardWork.

    Attributes:
        recognizer: its file, or its name in FIQA_HOME.
        flip: the mean with the vector of the mirror image.
        limits: what an image may cost.
        threads: of the recognizer, None is one per core.
        batch: crops that are embedded at once.
    """

    recognizer: str
    flip: bool = False
    limits: Limits = field(default_factory=Limits)
    threads: int | None = None
    batch: int = 64

    def __getstate__(self) -> dict[str, Any]:
        """The settings without what was loaded: it does not travel to another process."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @cached_property
    def _model(self) -> Recognizer:
        return opened(self.recognizer, self.threads)

    def __call__(self, sources: Sequence[Source], /) -> list[list[Row]]:
        model, read = self._model, [read_crop(source, self.limits) for source in sources]
        crops = [crop for _, crop, _ in read if crop is not None]
        if not crops:
            return [
                [self.blank(source, status)]
                for source, (status, _, _) in zip(sources, read, strict=True)
            ]
        raw = raw_vectors(model, np.stack(crops), flip=self.flip)
        good = usable(raw)
        unit, norm = unit_vectors(np.where(good[:, None], raw, np.float32(1)))
        rows, number = [], 0
        for source, (status, crop, _) in zip(sources, read, strict=True):
            if crop is None:
                rows.append([self.blank(source, status)])
                continue
            if good[number]:
                found = {"vector": unit[number], "norm": float(norm[number])}
                rows.append([self.blank(source, "ok") | found])
            else:
                rows.append([self.blank(source, "invalid_embedding")])
            number += 1
        return rows

    def blank(self, source: Source, status: str) -> Row:
        """Returns the row of an image without a vector."""
        return {
            "id": source.id,
            "path": source.path,
            "status": status,
            "vector": None,
            "norm": None,
            "recognizer": self._model.name,
        }

    def frame(self, rows: Sequence[Row]) -> pl.DataFrame:
        """Returns rows of vectors as a table; the vectors are of fixed length and float32."""
        import polars as pl

        from fiqa.data.tables import frame_of

        plain = frame_of({name: row[name] for name in row if name != "vector"} for row in rows)
        vectors = [row["vector"] for row in rows]
        length = next((len(vector) for vector in vectors if vector is not None), 0)
        kind = pl.Array(pl.Float32, length) if length else pl.Null()
        column = pl.Series("vector", [None if v is None else v.tolist() for v in vectors], kind)
        return plain.with_columns(pl.col("norm").cast(pl.Float32)).insert_column(3, column)

    def single(self) -> ShardEmbedding:
        """Returns the same on one thread."""
        return replace(self, threads=1)

    def about(self) -> dict[str, Any]:
        """Returns nothing: a row says all of its vector."""
        return {}

    def record(self) -> dict[str, Any]:
        """Returns what decides the vectors; a recognizer's file whose vectors depend on the batch
        is warned of here, where a run begins."""
        warn_of_batches(self._model, "vectors")
        said = {
            "recognizer": self._model.name,
            "version": str(getattr(self._model, "version", "")),
            "flip": self.flip,
            "batch": self.batch,
            **asdict(self.limits),
        }
        return make_record("embed", arguments=said, inputs={})


def shard_embedding(
    recognizer: PathLike | Recognizer,
    *,
    flip: bool = False,
    limits: Limits | None = None,
    threads: int | None = None,
    batch: int = 64,
    half: bool = False,
) -> ShardEmbedding:
    """Returns how shards are embedded, not loaded; arguments as fiqa.embed.

    Raises:
        InputError: a recognizer that is no file and no name, a batch below 1, `half`.
    """
    checks.in_range(batch, "batch", 1, float("inf"))
    if half:
        raise InputError("half must be False for Parquet parts.", hint="write one .npz or .npy")
    if not isinstance(recognizer, str | os.PathLike):
        raise InputError(
            "The recognizer of shards must be a file or a name, which every process can open; got"
            f" {type(recognizer).__name__}."
        )
    return ShardEmbedding(os.fspath(recognizer), flip, limits or Limits(), threads, batch)
