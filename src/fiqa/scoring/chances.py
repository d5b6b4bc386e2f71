"""The column `match_chance` of a table of scores: the chance of a correct match, by regime.

It is read from a file that fiqa.calibrate wrote: the chance that two images of one person match
where this image is the lesser one of the two. Where the file has curves of factors, the columns
`match_chance_blur` and so on have the same for each factor of a row.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import InputError
from fiqa.scoring.row import Row
from fiqa.types import Manifest, PathLike

if TYPE_CHECKING:
    from fiqa.evaluation.match_chance import MatchChance

__all__ = ["chance_of", "curves_of", "refuse_calibration", "told_chance", "with_chances"]

_log = logging.getLogger(__name__)


def curves_of(calibration: PathLike) -> MatchChance:
    """Returns the curves in a file that fiqa.calibrate wrote.

    Args:
        calibration: the file.

    Raises:
        ReadError: it cannot be read.
    """
    # here, because few runs have a calibration, and evaluation is a tenth of a start-up
    from fiqa.evaluation.match_chance import read_match_chance

    return read_match_chance(calibration)


def chance_of(calibration: PathLike, manifest: Manifest) -> MatchChance:
    """Returns the curves of a calibration for the images of a manifest.

    Args:
        calibration: a file that fiqa.calibrate wrote.
        manifest: the images; it must have the column by which there are curves.

    Raises:
        ReadError: the file cannot be read.
        UnknownNameError: the manifest has no such column.
    """
    found = curves_of(calibration)
    _regimes(found, manifest)
    return found


def refuse_calibration(out: object, calibration: PathLike | None) -> None:
    """Refuses a calibration where the table is a folder of parts.

    Args:
        out: the folder.
        calibration: None where there is none.

    Raises:
        InputError: there is one.
    """
    if calibration is not None:
        raise InputError(
            f"A calibration must come with a table in one file, got out={str(out)!r}.",
            hint="-o scores.parquet",
        )


def with_chances(
    made: Generator[list[Row], None, None], chance: MatchChance, manifest: Manifest, start: int
) -> Generator[list[Row], None, None]:
    """Yields the rows of each image with their chances, None where there is none; warns
    first of regimes that have no curve.

    Args:
        made: the rows of each image.
        chance: the curves.
        manifest: the images.
        start: the number of the first image.
    """
    regimes = _regimes(chance, manifest)
    if absent := told_chance(chance, manifest)["without"]:
        _log.warning("no curve, so no match_chance, for %s: %s", chance.by, ", ".join(absent))
    with closing(made):
        for number, rows in enumerate(made, start):
            raw = [np.nan if row["raw"] is None else row["raw"] for row in rows]
            of = None if regimes is None else regimes[number].repeat(len(rows))
            value, _ = chance.of_rows(raw, of)
            _write(rows, "match_chance", value)
            for factor in chance.factors:
                known = [(row["factors"] or {}).get(factor) for row in rows]
                raw = [np.nan if one is None else one for one in known]
                value, _ = chance.of_rows(raw, of, factor=factor)
                _write(rows, f"match_chance_{factor}", value)
            yield rows


def _write(rows: list[Row], column: str, value: NDArray[np.float64]) -> None:
    for row, each in zip(rows, value.tolist(), strict=True):
        row[column] = None if np.isnan(each) else each  # type: ignore[literal-required]


def told_chance(chance: MatchChance, manifest: Manifest) -> dict[str, Any]:
    """Returns what a sidecar says of the column.

    Args:
        chance: the curves.
        manifest: the images.

    Returns:
        What the chance is of (`recognizer`, `fmr`, `threshold`), by which column its curves are
        (`by`), and which regimes of the images are `without` one.
    """
    regimes = _regimes(chance, manifest)
    _, absent = (None, ()) if regimes is None else chance.of_rows(np.zeros(len(regimes)), regimes)
    return {
        "of": "a pair of images of one person in which this is the lesser one",
        "recognizer": chance.recognizer,
        "fmr": chance.fmr,
        "threshold": chance.threshold,
        "by": chance.by,
        "without": list(absent),
    }


def _regimes(chance: MatchChance, manifest: Manifest) -> NDArray[np.str_] | None:
    from fiqa.evaluation.groups import group_names

    return None if chance.by is None else group_names(manifest, chance.by)
