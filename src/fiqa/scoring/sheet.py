"""The contact sheet of a table of scores: the crops cut again from the files, the rows laid out by
fiqa.report.sheet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fiqa.data.images import Limits
from fiqa.data.tables import decode_text
from fiqa.data.texts import write_text
from fiqa.errors import FiqaError
from fiqa.faces.align import align
from fiqa.faces.crops import ALIGNED_SIZE, Source, read_source, resized
from fiqa.faces.what_if import sensitivity
from fiqa.report.heat import heat_picture
from fiqa.report.sheet import sheet
from fiqa.types import PathLike, Scorer

__all__ = ["write_sheet"]

MAPPED_BELOW = 60
"""The score under which a face has a map: drawing one takes 65 crops through the method."""
_MOST = 10_000
"""Cards on one page, which shows 60 of them at a time; about 4 kB each."""


def write_sheet(
    rows: Sequence[Mapping[str, Any]],
    path: PathLike,
    *,
    limits: Limits | None = None,
    images: Iterable[Source] = (),
    footer: str = "",
    language: str = "en",
    mapped: Scorer | None = None,
) -> None:
    """Writes one self-contained HTML page with a card per row, the failed and the worst first; of
    more than 10,000 rows those are shown, and all are counted.

    Args:
        rows: of the table of scores, made with `explain`.
        path: the .html file.
        limits: what an image may cost.
        images: those that are in memory.
        footer: a line at the end, best the command.
        language: of reasons and advice.
        mapped: the method whose heat maps stand under the crops of a score under 60, at the cost
            of about 65 more crops each; None draws none.

    Raises:
        WriteError: the disk refused.
    """
    shown = list(rows)
    if len(shown) > _MOST:
        shown.sort(key=lambda row: -1 if row["uqs"] is None else row["uqs"])
    memory = {image.id: image for image in images if image.content is not None}
    if memory:  # a further face of image 7 has the id 7#1
        shown = [{**row, "image": memory[row["id"].partition("#")[0]]} for row in shown]
    crops = _Crops(shown, limits)
    folder = os.path.dirname(path)
    page = sheet(
        shown,
        crops,
        footer=footer,
        limit=_MOST,
        order="worst",
        folder=folder or ".",
        language=language,
        maps=None if mapped is None else _Maps(shown, limits, mapped),
    )
    write_text(path, page)


class _Crops(Sequence[NDArray[np.uint8] | None]):
    """The crop of each row, cut when it is asked for: ten thousand would fill the memory."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], limits: Limits | None) -> None:
        self._rows, self._limits = rows, limits

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> NDArray[np.uint8] | None: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[NDArray[np.uint8] | None]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return _Crops(self._rows[place], self._limits)
        return _crop(self._rows[place], self._limits)


class _Maps(_Crops):
    """The heat map of each row that has one, drawn when it is asked for."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], limits: Limits | None, scorer: Scorer
    ) -> None:
        super().__init__(rows, limits)
        self._scorer = scorer

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return _Maps(self._rows[place], self._limits, self._scorer)
        row = self._rows[place]
        if row["uqs"] is None or row["uqs"] >= MAPPED_BELOW:
            return None
        crop = _crop(row, self._limits)
        if crop is None:
            return None
        scorer = self._scorer
        heat = sensitivity(
            crop, lambda crops: scorer.calibration.unit(np.nan_to_num(scorer.score(crops)))
        )
        return heat_picture(crop, heat, side=ALIGNED_SIZE)


def _crop(row: Mapping[str, Any], limits: Limits | None) -> NDArray[np.uint8] | None:
    """The face of a row, as it was scored; None where it has no score or its file has changed
    since."""
    if row["uqs"] is None:
        return None
    try:
        source = row.get("image") or Source("", decode_text(row["path"]))
        pixels = read_source(source, limits=limits).pixels
        if row["bbox"] is None:
            return resized(pixels)
        return align(pixels, np.reshape(row["landmarks"], (5, 2))).crop
    except FiqaError:
        return None
