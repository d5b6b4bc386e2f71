"""Model files: where they are looked for, how they are fetched, and how they are proved to be the
right ones.

A model is named by a path or a name. A name is looked for in FIQA_HOME (default ~/.cache/fiqa),
then among the files that come with fiqa. Nothing is fetched unless `pull` is called, and what it
fetches must have the pinned sha256.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

from fiqa.data.store import atomic_path, sha256_file
from fiqa.errors import MissingExtraError, UnknownNameError, WeightsError
from fiqa.privacy import home
from fiqa.types import PathLike

__all__ = [
    "REGISTRY",
    "Download",
    "Located",
    "find",
    "home",
    "listing",
    "located",
    "mistaken",
    "pull",
    "verify",
]

_TIMEOUT = 30.0
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Download:
    """A model file that can be fetched: its `file` name in FIQA_HOME, `url`, exact `size` in bytes,
    `sha256`, `license`, `source`, what it is for."""

    file: str
    url: str
    size: int
    sha256: str
    license: str
    source: str
    summary: str


@dataclass(frozen=True)
class Located:
    """One line of the listing.

    `path` is None when the file is not here; `state` is present, absent, or wrong (its sha256 is
    not the pinned one).
    """

    name: str
    path: Path | None
    state: str
    size: int | None
    license: str
    source: str
    summary: str


REGISTRY: Mapping[str, Download] = MappingProxyType(
    {
        "yunet": Download(
            file="yunet.onnx",
            url="https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/dca340aa082c71081a68d17db8e58b33a58a914b/onnx/yunet_n_dynamic.onnx",
            size=322906,
            sha256="104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
            license="Apache-2.0",
            source="https://github.com/ShiqiYu/libfacedetection.train",
            summary="face detector with five points, any input size",
        ),
        **{
            f"lightqnet-{width}": Download(
                file=f"lightqnet-{width}.pb",
                url=f"https://raw.githubusercontent.com/KaenChan/lightqnet/d0798e5db4d07401d1868425e40805df06f53df2/lightqnet-{width}.pb",
                size=size,
                sha256=sha256,
                license="MIT",
                source="https://github.com/KaenChan/lightqnet",
                summary=(
                    f"LightQNet quality, width {width}: fiqa score --model lightqnet --set"
                    f" width={width}"
                ),
            )
            for width, size, sha256 in (
                (
                    "dm025",
                    298422,
                    "731eade9066ca76c78c9a989dd5d5c73d9dd2dfc3084bdb5fdfb6ad87cac6c10",
                ),
                (
                    "dm050",
                    633029,
                    "cf7d045e9c6b7eb99a599d1af9447cab6c23d4d97a2be4738d8279def859c4ac",
                ),
                (
                    "dm100",
                    1875662,
                    "057b8ea2714953b70745934bcd7a927f4676a827a55509a2adc64e7282f836f3",
                ),
            )
        },
        "ediffiqa_t": Download(
            file="ediffiqa_t.onnx",
            url=(
                "https://media.githubusercontent.com/media/opencv/opencv_zoo/85e6d8ff851728d5198efb892f1fdb0c7847d07f/models/"
                "face_image_quality_assessment_ediffiqa/ediffiqa_tiny_jun2024.onnx"
            ),
            size=7272678,
            sha256="9426c899cc0f01665240cb7d9e7f98e18e24e456c178326c771a43da289bfc6a",
            license="CC-BY-4.0",
            source="https://github.com/opencv/opencv_zoo",
            summary=(
                "eDifFIQA(T) quality; comes without a card: fiqa weights card FILE --kind quality"
                " --color RGB --mean .5 --std .5 --x0 X0 --w W"
            ),
        ),
    }
)
"""The files that `pull` can fetch, each pinned by its sha256."""


def packaged() -> Path:
    """Returns the folder of the model files that come with fiqa."""
    return Path(__file__).resolve().parents[1] / "weights"


def find(name: PathLike) -> Path:
    """Returns the model file of a path or a name.

    Args:
        name: a path to a file; or a name, which stands for NAME.onnx (or the registry's file) in
            FIQA_HOME and then among the packaged ones.

    Raises:
        WeightsError: there is no such file (the message says where it was looked for), or it is not
            what its name says: a folder, a broken link, a file of the registry that has another
            sha256 than the pinned one.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    text, download, place = str(name), REGISTRY.get(str(name)), located(name)
    if place is None:
        raise WeightsError(
            f"Model {text!r} must be a file or a known name; looked for"
            f" {', '.join(map(str, _places(text)))}.",
            hint=(
                f"fiqa weights pull {text}"
                if download
                else "give the path of a model file, or see: fiqa weights list"
            ),
        )
    if not place.is_file():
        kind = "a folder" if place.is_dir() else "a link that leads nowhere"
        raise WeightsError(f"Model {text!r} must be a file, {place} is {kind}.")
    if download is not None:
        _prove(place, download.sha256, download.size)
    return place


def located(name: PathLike) -> Path | None:
    """Returns where `find` would look at last: the place of a path or a name, None where nothing
    is.

    What lies there may still be no model; `find` says so.
    """
    return next((place for place in _places(str(name)) if os.path.lexists(place)), None)


def _places(text: str) -> list[Path]:
    path = Path(text).expanduser()
    return [path] if _is_path(text) else [folder / _file(text) for folder in (home(), packaged())]


def mistaken(start: bytes, size: int, wanted: int | None = None) -> str | None:
    """Returns what a file is that was taken for a model file; None where that does not show.

    Args:
        start: its first bytes.
        size: how many bytes it has.
        wanted: how many it must have, where that is known.

    >>> mistaken(b"version https://git-lfs.github.com/spec/v1", 130)
    'a Git LFS pointer, which stands for the file: run git lfs pull'
    """
    if not size:
        return "empty"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, which stands for the file: run git lfs pull"
    if start.lstrip()[:5].lower() in (b"<!doc", b"<html", b"<?xml"):
        return "a web page, as a failed download leaves it"
    if wanted is not None and size < wanted:
        return f"cut off: {size} of {wanted} bytes"
    return None


def pull(name: str) -> Path:
    """Fetches the registry's file `name` into FIQA_HOME and returns its path; a file that is there
    and right is not fetched again.

    Raises:
        UnknownNameError: the registry has no such name.
        WeightsError: it cannot be fetched, or what came is not the pinned file (nothing is written
            then).
    """
    # here, because every process that scores imports this module, and hardly one of them fetches
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    download, place = _known(name), home() / _file(name)
    if place.is_file() and sha256_file(place) == download.sha256:
        return place
    remedy = f"fetch {download.url} by hand, save it as {place}, then: fiqa weights verify {name}"
    try:
        with urlopen(download.url, timeout=_TIMEOUT) as response:
            content = _read_at_most(response, download.size)
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise WeightsError(
            f"{name} must be fetched from {download.url}, and that failed: {error}.", hint=remedy
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != download.sha256:
        raise WeightsError(
            f"{name} must have sha256 {download.sha256}; what {download.url} sent has {digest},"
            " nothing was written.",
            hint=remedy,
        )
    with atomic_path(place) as aside:
        aside.write_bytes(content)
    return place


def verify(name: PathLike) -> Path:
    """Returns the path of a model file after checking its sha256: against the registry's for a name
    in it, against its card's for any other.

    Raises:
        WeightsError: the file or its card is absent, or its sha256 is another.
        MissingExtraError: it is `dlib`, and face_recognition_models is not installed.
        ReadError, InputError: the card is not one.
    """
    from fiqa.runtime.cards import card_path, read_card
    from fiqa.runtime.dlib_net import dlib_file
    from fiqa.runtime.embedded import model_card
    from fiqa.runtime.recognizers import DLIB

    if os.fspath(name) == DLIB:
        return dlib_file()
    path = find(name)
    if os.fspath(name) not in REGISTRY:
        onnx = path.suffix.lower() == ".onnx"
        card = model_card(path, path.read_bytes()) if onnx else read_card(card_path(path))
        _prove(path, card.sha256)
    return path


def listing() -> list[Located]:
    """Returns every model that has a name here: the registry's, the recognizer `dlib`, then the
    other .onnx files of FIQA_HOME and of the package, by name."""
    rows = [_registered(name, download) for name, download in sorted(REGISTRY.items())]
    rows.append(_dlib())
    seen = {row.name for row in rows}
    for folder, origin in ((home(), "FIQA_HOME"), (packaged(), "comes with fiqa")):
        for file in sorted(folder.glob("*.onnx")):
            if file.stem not in seen:
                seen.add(file.stem)
                rows.append(
                    Located(
                        file.stem, file, "present", file.stat().st_size, "see its card", origin, ""
                    )
                )
    return rows


def _known(name: str) -> Download:
    if name not in REGISTRY:
        raise UnknownNameError("download", name, REGISTRY)
    return REGISTRY[name]


def _file(name: str) -> str:
    return REGISTRY[name].file if name in REGISTRY else f"{name}.onnx"


def _is_path(text: str) -> bool:
    return os.sep in text or "/" in text or Path(text).suffix == ".onnx"


def _prove(place: Path, wanted: str, size: int | None = None) -> None:
    digest = sha256_file(place)
    if digest == wanted:
        return
    with open(place, "rb") as file:
        kind = mistaken(file.read(64), place.stat().st_size, size)
    raise WeightsError(
        f"{place} must have sha256 {wanted}, it has {digest}"
        + (f"; it is {kind}." if kind else "."),
        hint=(
            "delete it and fetch it again; to use another file on purpose, give its path and a card"
        ),
    )


def _registered(name: str, download: Download) -> Located:
    place = home() / download.file
    state = "absent"
    if place.is_file():
        state = "present" if sha256_file(place) == download.sha256 else "wrong"
    return Located(
        name,
        place if state != "absent" else None,
        state,
        download.size,
        download.license,
        download.source,
        download.summary,
    )


def _dlib() -> Located:
    from fiqa.runtime.dlib_net import dlib_card, dlib_file

    card, path, state = dlib_card(), None, "present"
    try:
        path = dlib_file()
    except MissingExtraError:
        state = "absent"
    except WeightsError:
        state = "wrong"
    return Located(
        card.name,
        path,
        state,
        None if path is None else path.stat().st_size,
        card.license,
        card.source,
        "recognizer, for --recognizer dlib: pip install 'fiqa[dlib]'",
    )


def _read_at_most(response: IO[bytes], size: int) -> bytes:
    """Reads a body that must have exactly `size` bytes; never holds more than one byte beyond
    it."""
    pieces, left = [], size + 1
    while left > 0 and (piece := response.read(min(_CHUNK, left))):
        pieces.append(piece)
        left -= len(piece)
    content = b"".join(pieces)
    if len(content) != size:
        raise ValueError(
            f"it must have {size} bytes, it has {'more' if len(content) > size else len(content)}"
        )
    return content
