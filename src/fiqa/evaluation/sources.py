"""Qualities and recognizers as they are given: files, tables or nouns, each under its own name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.embeddings import read_embeddings
from fiqa.data.frames import Frame, is_frame
from fiqa.data.quality import read_content
from fiqa.errors import InputError
from fiqa.methods.norm import embedding_norm
from fiqa.types import Embeddings, PathLike, Quality

__all__ = [
    "NORM",
    "NamedQuality",
    "Qualities",
    "Vectors",
    "embeddings_of",
    "inputs",
    "named_qualities",
    "negative",
]

OneQuality = Quality | PathLike | Frame
Qualities = OneQuality | Sequence[OneQuality] | Mapping[str, OneQuality]
OneVectors = Embeddings | PathLike | Frame
Vectors = OneVectors | Sequence[OneVectors] | Mapping[str, OneVectors]

NORM = "norm"
"""Given as a quality: the embedding norm of each recognizer."""


@dataclass(frozen=True, eq=False)
class NamedQuality:
    """A quality under the name it has in the report.

    Attributes:
        name: in the report.
        stem: of its file, taken where two qualities have one name.
        quality: the scores or labels.
        flipped: whether their order was reversed.
        content: (N,) sha256 of the file of each of its images, None where its file has none.
    """

    name: str
    stem: str
    quality: Quality
    flipped: bool = False
    content: NDArray[np.str_] | None = None


def inputs(quality: Qualities, embeddings: Vectors, *others: Any) -> list[str]:
    """Returns the files among the arguments of `gather`, for the record of a run."""
    flat = list(quality.values()) if isinstance(quality, Mapping) else _listed_of(quality)
    sources = [
        _split(source)[1] if isinstance(source, str) else source
        for source in [*flat, *_vectors_of(embeddings), *others]
    ]
    paths = [source for source in sources if isinstance(source, str | os.PathLike)]
    return [os.fspath(path) for path in paths if path != NORM]


def embeddings_of(embeddings: Vectors) -> list[Embeddings]:
    """Returns the embeddings that are given or named, each recognizer under a name of its own.

    Raises:
        InputError: none, or two of one name.
        ReadError: a file cannot be read.
    """
    parts = []
    named = isinstance(embeddings, Mapping)
    for key in embeddings if isinstance(embeddings, Mapping) else _listed_of(embeddings):
        source = embeddings[key] if isinstance(embeddings, Mapping) else key
        read = source if isinstance(source, Embeddings) else read_embeddings(source)
        read = replace(read, recognizer=str(key)) if named else read
        stem = Path(source).stem if isinstance(source, str | os.PathLike) else ""
        name = read.recognizer or stem or "recognizer"
        parts.append((read, name, stem or name))
    if not parts:
        raise InputError("embeddings must name at least one recognizer, got none.")
    names = _unique([name for _, name, _ in parts], [stem for _, _, stem in parts], "recognizer")
    return [
        Embeddings(vectors.id, vectors.vector, vectors.norm, name)
        for (vectors, _, _), name in zip(parts, names, strict=True)
    ]


def named_qualities(
    quality: Qualities, recognizers: Sequence[Embeddings], flip: Sequence[str] = ()
) -> list[NamedQuality]:
    """Returns the qualities that are given or named, each under a name of its own.

    Args:
        quality: as fiqa.evaluate.
        recognizers: whose norms stand for the quality NORM.
        flip: names of qualities whose order is reversed.

    Raises:
        InputError: none, two of one name, or a name that the report keeps for itself.
        UnknownNameError: a name in `flip` that no quality has.
        ReadError: a file cannot be read.
    """
    sources: list[tuple[str | None, Any]] = (
        list(quality.items())
        if isinstance(quality, Mapping)
        else [(None, source) for source in _listed_of(quality)]
    )
    parts: list[NamedQuality] = []
    for name, source in sources:
        # A file of that name goes before the word.
        if isinstance(source, str) and source == NORM and not os.path.exists(NORM):
            norms = [embedding_norm(recognizer) for recognizer in recognizers]
            parts += [NamedQuality(norm.method, norm.method, norm) for norm in norms]
            continue
        split = _split(source) if isinstance(source, str) and name is None else (None, source)
        parts.append(_named(name or split[0], split[1]))
    if not parts:
        raise InputError("quality must name at least one score or label, got none.")
    names = _unique([part.name for part in parts], [part.stem for part in parts], "quality")
    reserved = sorted({"random", "oracle"} & set(names))
    if reserved:
        raise InputError(
            f"{reserved[0]!r} must not be a quality's name: that curve is always there.",
            hint="say NAME=FILE",
        )
    named = [replace(part, name=name) for name, part in zip(names, parts, strict=True)]
    return _flipped(named, flip)


def negative(quality: Quality) -> Quality:
    """Returns a quality with its order reversed, and its range with it."""
    bounds = quality.range
    turned = None if bounds is None else (-bounds[1], -bounds[0])
    return replace(quality, value=-quality.value, range=turned)


def _flipped(named: Sequence[NamedQuality], flip: Sequence[str]) -> list[NamedQuality]:
    """The qualities, those named in `flip` with their order reversed; raises UnknownNameError."""
    chosen = [flip] if isinstance(flip, str) else list(flip)
    for name in chosen:
        checks.choice(name, "quality to flip", [part.name for part in named])
    return [
        replace(part, quality=negative(part.quality), flipped=True) if part.name in chosen else part
        for part in named
    ]


def _vectors_of(embeddings: Vectors) -> list[Any]:
    """The embeddings alone, also of a mapping name -> embeddings."""
    if isinstance(embeddings, Mapping):
        return list(embeddings.values())
    return _listed_of(embeddings)


def _listed_of(value: Any) -> list[Any]:
    if isinstance(value, str | os.PathLike | Quality | Embeddings) or is_frame(value):
        return [value]
    return list(value)


def _split(text: str) -> tuple[str | None, str]:
    """NAME=FILE as its two parts; a text that is a file's name has no NAME."""
    name, mark, file = text.partition("=")
    return (name, file) if mark and name and not os.path.exists(text) else (None, text)


def _named(name: str | None, source: Any) -> NamedQuality:
    if isinstance(source, Quality):
        return NamedQuality(name or source.method, name or source.method, source)
    read, content = read_content(source, method=name)
    stem = Path(source).stem if isinstance(source, str | os.PathLike) else read.method
    return NamedQuality(read.method, name or stem, read, content=content)


def _unique(names: list[str], stems: list[str], what: str) -> list[str]:
    """Names, where one occurs twice those of the files instead."""
    times = Counter(names)
    chosen = [stem if times[name] > 1 else name for name, stem in zip(names, stems, strict=True)]
    twice = [name for name, count in Counter(chosen).items() if count > 1]
    if twice:
        raise InputError(
            f"Each {what} must have its own name, got {twice[0]!r} twice.", hint="say NAME=FILE"
        )
    return chosen
