"""scan: which images there are, what each file says of itself, and which are the same file
twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.guard import guard_outputs
from fiqa.data.images import Image, Limits, decode_header, decode_image, read_bytes
from fiqa.data.listing import images_of
from fiqa.data.manifest import write_manifest
from fiqa.data.places import origin, refuse_changed
from fiqa.data.reading import reader
from fiqa.data.store import fingerprint, make_record, write_sidecar
from fiqa.errors import ReadError
from fiqa.progress import Progress, Told, counted, teller
from fiqa.types import Manifest, PathLike
from fiqa.vocabulary import STATUSES

__all__ = ["scan"]

_COUNTS = ("bytes", "width", "height", "bits", "frames")
_WORDS = ("sha256", "format", "mode", "modality", "duplicate_of", "notes", "message")


def scan(
    paths: PathLike | Sequence[PathLike],
    *,
    out: PathLike | None = None,
    decode: bool = False,
    limits: Limits | None = None,
    progress: Progress = False,
) -> Manifest:
    """Returns a manifest of every image below `paths`, each file's header verified.

    A manifest that is scanned keeps its own columns. Where it names a sha256 and the file has
    another one, the row's status is "changed"; a row that is not "ok" keeps the sha256 that was
    named, so that its numbers never stand beside that of another file.

    Columns: `sha256`, `format`, `mode` (Pillow's), `modality` ("grey", "color", "" where it takes
    decoding), `duplicate_of` (id of the first file with the same bytes, else ""), `bytes`, `width`,
    `height` (upright pixels), `bits` (declared, per channel), `frames`, `notes` (what was converted
    or guessed, `;` between codes of fiqa.vocabulary.NOTES; it takes decoding), `message` (why
    a file cannot be read, and what to do; "" where it can); counts are 0 where they are not known.

    Args:
        paths: files, folders, list files, manifests, as fiqa.data.manifest.find takes them.
        out: write the manifest here (.parquet, .csv or .jsonl), and its sidecar beside it.
        decode: decode every image, which finds damage behind the header and grey pictures saved as
            color; about ten times slower.
        limits: what an image may cost; larger ones get status too_large.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        ReadError: a list file or manifest cannot be read (an image that cannot is a row with a
            status).
        InputError: there is no image at all.
        UnknownNameError: another suffix of `out`.
        WriteError: it cannot be written.
    """
    from fiqa.data.tables import encode_text, table_suffix

    if out is not None:
        table_suffix(out)
    images = images_of(paths)
    if out is not None:
        guard_outputs([out], paths, images)
    manifest = _scanned(images, decode, limits or Limits(), teller(progress))
    if out is not None:
        write_manifest(manifest, out)
        arguments = {"decode": decode, "limits": asdict(limits or Limits())}
        hashes = dict(
            zip(
                map(encode_text, manifest.path.tolist()),
                manifest.columns["sha256"].tolist(),
                strict=True,
            )
        )
        write_sidecar(
            out,
            make_record("scan", arguments=arguments, inputs={"images": fingerprint(hashes)}),
            learned=origin(out, manifest.path.tolist()),
        )
    return manifest


def _scanned(images: Manifest, decode: bool, limits: Limits, told: Told) -> Manifest:
    n = len(images)
    counts: dict[str, NDArray[Any]] = {name: np.zeros(n, np.int64) for name in _COUNTS}
    words: dict[str, list[str]] = {name: [""] * n for name in _WORDS}
    status = images.status.tolist()
    first: dict[str, str] = {}
    known = images.columns.get("sha256", np.full(n, ""))
    for row in counted(range(n), told, "scan", n):
        path, sha = str(images.path[row]), str(known[row] or "")
        words["sha256"][row] = sha
        try:
            facts = _look(path, sha, decode, limits) if status[row] == "ok" else {}
        except ReadError as error:
            status[row] = error.status
            facts = {"bytes": _size(path), "message": _reason(error, path)}
        else:
            if status[row] != "ok":
                facts = {"message": STATUSES.get(status[row], "")}
        for name, value in facts.items():
            if name in counts:
                counts[name][row] = value
            else:
                words[name][row] = str(value)
        sha = str(facts.get("sha256", ""))
        # The first file of each content is the original; later ones name it.
        if sha and first.setdefault(sha, str(images.id[row])) != images.id[row]:
            words["duplicate_of"][row] = first[sha]
    columns = (
        dict(images.columns) | {name: _array(values) for name, values in words.items()} | counts
    )
    return replace(images, status=_array(status), columns=columns)


def _array(values: Sequence[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_) if len(values) else np.empty(0, dtype="U1")


def _reason(error: ReadError, path: str) -> str:
    """Returns why a file cannot be read on one line, without its path, and what to do.

    What the file system says, and what names the file itself, is said by its status.
    """
    mark = f"{path!r}: "
    if not error.message.startswith(mark):
        return STATUSES[error.status]
    message = error.message.removeprefix(mark)
    return " ".join((f"{message} hint: {error.hint}" if error.hint else message).split())


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


@reader
def _look(path: str, sha256: str, decode: bool, limits: Limits) -> dict[str, Any]:
    data = read_bytes(path, limits=limits)
    image = decode_image(data, limits=limits) if decode else decode_header(data, limits=limits)
    refuse_changed(path, sha256, image.sha256)
    return {
        "sha256": image.sha256,
        "format": image.format,
        "mode": image.mode,
        "modality": "grey" if image.grey else "" if image.grey is None else "color",
        "bytes": len(data),
        "width": image.width,
        "height": image.height,
        "bits": image.bits,
        "frames": image.frames,
        "notes": ";".join(image.notes) if isinstance(image, Image) else "",
    }
