"""Images out of a container of another tool, into a folder: each once, named by its content, with a
manifest beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fiqa.data.formats.source import content_id
from fiqa.data.headers import sniff
from fiqa.errors import WriteError
from fiqa.types import Manifest, PathLike

__all__ = ["Unpacked", "unpack"]

_SUFFIX = {"JPEG": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2"}


@dataclass(frozen=True)
class Unpacked:
    """What came out of a container.

    Attributes:
        manifest: of the images, with paths relative to the folder.
        failed: images of no known format.
        repeated: images that were there already.
    """

    manifest: Manifest
    failed: int
    repeated: int


def unpack(images: Iterable[tuple[str, bytes]], folder: PathLike) -> Unpacked:
    """Writes images as `folder/images/[identity/]<content>.<suffix>`, returns their manifest.

    A rerun writes only what is missing.

    Args:
        images: (identity or "", encoded bytes), taken one at a time. The same bytes of the same
            identity are written once.
        folder: where; made when absent.

    Raises:
        WriteError: the disk refused.
    """
    root = Path(folder)
    rows: dict[str, tuple[str, str, str]] = {}
    repeated = 0
    for identity, content in images:
        name = "/".join(filter(None, (identity, content_id(content))))
        if name in rows:
            repeated += 1
        else:
            form = sniff(content)
            path = f"images/{name}{_SUFFIX.get(form, f'.{form.lower()}') if form else '.bin'}"
            _put(root / path, content)
            rows[name] = (
                path,
                identity,
                "ok" if form else "unsupported_format" if content else "empty_file",
            )
    # Once for all images, before the manifest may say that they are there.
    if hasattr(os, "sync"):
        os.sync()
    columns = [np.array(column, dtype=np.str_) for column in zip(*rows.values(), strict=True)] or [
        np.array([], "U1")
    ] * 3
    manifest = Manifest(
        np.array(list(rows), dtype=np.str_), columns[0], columns[1], status=columns[2]
    )
    return Unpacked(manifest, int(np.sum(manifest.status != "ok")), repeated)


def _put(path: Path, content: bytes) -> None:
    """Writes one image, whole or not at all.

    Not synced by itself: `unpack` syncs all of them once, a hundred times faster.
    """
    aside = path.with_name(f".partial-{path.name}")
    try:
        if path.is_file() and path.stat().st_size == len(content):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
        os.replace(aside, path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise WriteError(f"{str(path)!r} could not be written: {error}.") from error
