"""The files below a folder, and which of them are images."""

from __future__ import annotations

import os
from collections.abc import Iterator

from fiqa.data import headers
from fiqa.data.store import open_regular

__all__ = ["IMAGE_SUFFIXES", "walk"]

IMAGE_SUFFIXES = frozenset(
    (
        ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff",
        ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif",
        ".heic", ".heif", ".jxl", ".nef", ".dng", ".arw", ".cr2", ".cr3", ".raf", ".orf", ".rw2",
        ".pef",
    )
)  # fmt: skip
"""Suffixes that make a file of a folder a row.

Those after AVIF are not decoded: they become rows that say so, and are not passed over in silence.
"""


def walk(folder: str, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[tuple[str, str]]:
    """Yields (path, status) of each file below a folder, in sorted order.

    The status is ok for an image, "" for another file, unreadable for a folder that cannot be
    listed. Hidden files are left out. A folder reached again on one way down (a loop of links) is
    not entered twice.

    Args:
        folder: where to start.
        above: (device, inode) of the folders on the way down to it.
    """
    try:
        info = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError:
        yield folder, "unreadable"
        return
    # A folder is known by its device and number, whatever the links that lead to it.
    key = (info.st_dev, info.st_ino)
    if key in above:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            yield from walk(entry.path, above | {key})
        elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES or _holds_image(entry):
            yield entry.path, "ok"
        else:
            yield entry.path, ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _holds_image(entry: os.DirEntry[str]) -> bool:
    try:
        with open_regular(entry.path) as file:
            return headers.sniff(file.read(16)) is not None
    except OSError:
        return False
