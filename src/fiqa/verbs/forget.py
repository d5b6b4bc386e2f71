"""`forget`: removing a person from everything that fiqa has written."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fiqa.enrolment.forget import Forgotten, forgotten
from fiqa.types import PathLike

__all__ = ["forget"]


def forget(
    identity: str, paths: PathLike | Sequence[PathLike], *, tracks: Sequence[str] = ()
) -> Forgotten:
    """Returns what was done to leave no row, crop, vector or page of a person in folders and files.

    Files of fiqa's own making are changed: rows and vectors are left out, crops are removed, and so
    is every page that shows or names the person, because its pictures cannot be told apart. Files
    of anybody else (photographs, videos, lists) are never touched; those that name the person are
    told. The person's rows are those with the identity, with the name as a folder in their path or
    id, the tracks that a gallery among the paths has enrolled, and all that has their ids.

    Args:
        identity: who.
        paths: folders and files; give all of them in one call, the gallery among them, since one
            tells what the person is called in another.
        tracks: names of tracks in folders of `select`, where no gallery tells them.

    Raises:
        InputError: no name, no path, or a run that was interrupted.
        ReadError: there is no such file, or one cannot be read.
        WriteError: the disk refused.
    """
    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return forgotten(identity, listed, tracks)
