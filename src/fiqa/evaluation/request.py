"""What an evaluation is asked about, as one noun: it becomes evidence, and says of what."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from fiqa.data.frames import Frame, columns_of, is_frame
from fiqa.data.names import Match
from fiqa.data.store import hash_inputs
from fiqa.evaluation.evidence import Evidence, gather
from fiqa.evaluation.sources import Qualities, Vectors, inputs
from fiqa.types import Embeddings, Manifest, Pairs, PathLike, Quality

__all__ = ["Request", "input_digests", "plain"]


@dataclass(frozen=True, eq=False)
class Request:
    """The arguments of `fiqa.evaluate` that name data; see there.

    Attributes:
        quality: scores or labels.
        embeddings: of one recognizer or more.
        pairs: to compare, None for all.
        faces: a manifest that names identities.
        match: how names find ids.
        flip: names of qualities that are better when lower.
        across: a column of `faces`; mated pairs are of two of its values.
    """

    quality: Qualities
    embeddings: Vectors
    pairs: Pairs | PathLike | Frame | None = None
    faces: Manifest | PathLike | Frame | None = None
    match: Match = "id"
    flip: Sequence[str] = ()
    across: str | None = None

    def evidence(self, *, count: bool | None = False) -> Evidence:
        """Returns the evidence.

        Args:
            count: whether mated pairs are counted and not listed; None: where they are too many.

        Raises: as fiqa.evaluation.evidence.gather.
        """
        named = {part.name: getattr(self, part.name) for part in fields(self)}
        return gather(**named, count=count)

    def arguments(self) -> dict[str, Any]:
        """Returns the arguments as a record has them: files by name, what is in memory by kind."""
        return {part.name: plain(getattr(self, part.name)) for part in fields(self)}

    def digests(self) -> dict[str, str]:
        """Returns name -> sha256 of everything that goes in, files by path."""
        return input_digests(self.quality, self.embeddings, self.pairs, self.faces)


def plain(value: Any) -> Any:
    """Returns an argument that names data as JSON has it.

    >>> plain({"a": "q.csv"}), plain(["e.npz"]), plain(None)
    (['a=q.csv'], ['e.npz'], None)
    """
    if value is None or isinstance(value, str | os.PathLike):
        return None if value is None else os.fspath(value)
    if isinstance(value, Mapping):
        return [f"{name}={plain(each)}" for name, each in value.items()]
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return f"{_name(value)} in memory"


def input_digests(quality: Qualities, embeddings: Vectors, *others: Any) -> dict[str, str]:
    """Returns name -> sha256 of the files among the arguments, and of what was given in memory."""
    qualities = list(quality.values()) if isinstance(quality, Mapping) else [quality]
    digests = hash_inputs(inputs(quality, embeddings, *others))
    for each in _flat([qualities, embeddings, *others]):
        if not isinstance(each, str | os.PathLike):
            name = f"{_name(each)} in memory"
            while name in digests:
                name += ", another"
            digests[name] = _digest(each)
    return digests


def _flat(values: Any) -> list[Any]:
    if isinstance(values, list | tuple):
        return [each for value in values for each in _flat(value)]
    return [] if values is None else [values]


def _name(value: Any) -> str:
    own = (
        value.method
        if isinstance(value, Quality)
        else value.recognizer
        if isinstance(value, Embeddings)
        else ""
    )
    return f"{type(value).__name__} {own}".strip()


def _digest(value: Any) -> str:
    """The sha256 of a noun's fields or a frame's columns, "" of what is neither."""
    if is_frame(value):
        parts: Mapping[str, Any] = columns_of(value)
    elif is_dataclass(value):
        parts = {part.name: getattr(value, part.name) for part in fields(value)}
    else:
        return ""
    digest = hashlib.sha256()
    for part, content in parts.items():
        columns = content if isinstance(content, Mapping) else {"": content}
        for name, column in columns.items():
            digest.update(f"{part} {name}\n".encode("utf-8", "surrogateescape"))
            array = np.asarray(column)
            # Bytes of other kinds depend on their width or are pointers; their text does not.
            number = array.dtype.kind in "biuf"
            digest.update(
                array.tobytes()
                if number
                else repr(array.tolist()).encode("utf-8", "backslashreplace")
            )
    return digest.hexdigest()
