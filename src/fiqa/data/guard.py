"""An output is never one of its own inputs: every verb asks here before it writes anything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from fiqa.data.long_manifest import LongManifest
from fiqa.errors import InputError
from fiqa.types import Manifest, PathLike

__all__ = ["guard_outputs"]

_MODELS = (".onnx", ".xml", ".param", ".tflite")
"""Suffixes of models, which have a card beside them."""
File = tuple[int, int]
"""Device and inode: the same for every name of a file."""


def guard_outputs(
    outputs: Iterable[PathLike | None],
    *inputs: Any,
    beside: Iterable[PathLike] = (),
    own: bool = True,
) -> None:
    """Refuses outputs that would be written over inputs, before anything is written.

    Names, symbolic links and hard links of one file are one file. With an output goes its sidecar
    (`OUT.json`), and whatever lies in `OUT.parts/`, which is removed; with an input go its sidecar,
    the card of a model and the ids of an .npy.

    Args:
        outputs: what is going to be written; None stands for an output that is not wanted.
        inputs: what is read: paths, "NAME=FILE", manifests (their images), lists and mappings of
            these; anything else (arrays, nouns, None) is no file and is passed over.
        beside: further files that are written, without sidecars: those of an output folder.
        own: count what belongs to an input as an input; False where just that is to be replaced.

    Raises:
        InputError: an output is an input; the message names both.
    """
    parts = chain.from_iterable(_with_output(Path(out)) for out in outputs if out is not None)
    written = {file: path for path in (*parts, *beside) if (file := _file(path))}
    if not written:  # nothing of that name is there, so nothing can be lost
        return
    folders = {file: path for file, path in written.items() if os.path.isdir(path)}
    for name in chain.from_iterable(map(_paths, inputs)):
        plain = os.fspath(Path(name))
        for path in _with(plain) if own else (plain,):
            if os.path.isdir(path) or not (file := _file(path)):
                continue
            clash = written.get(file) or (_holder(path, folders) if folders else None)
            if clash is not None:
                raise InputError(
                    f"An output must not be one of the inputs: {os.fspath(clash)!r} would be"
                    f" written over {path!r}{_same(clash, path)}.",
                    hint="nothing was written; choose another output",
                )


def _same(output: PathLike, path: str) -> str:
    """Says why two names clash."""
    if os.path.normpath(output) == os.path.normpath(path):
        return ", which is read"
    return (
        ", which lies in it"
        if os.path.isdir(output)
        else ", which is the same file by another name"
    )


def _with_output(out: Path) -> Iterator[Path]:
    """The output and what is written or removed with it; a folder is told by the files in it."""
    if out.name in ("", ".."):
        return
    yield from (Path(path) for path in _with(os.fspath(out)) if not os.path.isdir(path))
    yield from (part for part in out.parent.glob("*.parts") if part.name.startswith(f"{out.name}."))


def _with(path: str) -> Iterator[str]:
    """A file and what belongs to it: its sidecar, the card of a model, the ids of an .npy."""
    yield path
    yield f"{path}.json"
    stem, suffix = os.path.splitext(path)
    if suffix.lower() in _MODELS:
        yield f"{stem}.json"
        if suffix.lower() in (".xml", ".param"):
            yield f"{stem}.bin"
    elif suffix.lower() == ".npy":
        yield from (f"{stem}.ids.txt", f"{stem}.meta.npz")


def _paths(argument: Any) -> Iterator[str]:
    """The paths in what a verb was given."""
    if isinstance(argument, os.PathLike):
        yield os.fspath(argument)
    elif isinstance(argument, str):
        yield argument
        # An option may be NAME=FILE; a path may hold an equals sign as well.
        name, mark, file = argument.partition("=")
        if mark and name and file:
            yield file
    elif isinstance(argument, Manifest):
        yield from argument.path.tolist()
    elif isinstance(argument, LongManifest):
        yield from argument.paths()
    elif isinstance(argument, Mapping):
        for value in argument.values():
            yield from _paths(value)
    elif isinstance(argument, list | tuple | set | frozenset):
        for value in argument:
            yield from _paths(value)


def _file(path: PathLike) -> File | None:
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino


def _holder(path: str, folders: Mapping[File, PathLike]) -> PathLike | None:
    """The folder, of those that are removed, in which a file lies."""
    for parent in Path(os.path.realpath(path)).parents:
        folder = folders.get(_file(parent) or (-1, -1))
        if folder is not None:
            return folder
    return None
