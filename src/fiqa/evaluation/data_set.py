"""A data set as a folder of files.

`embeddings/*.npz` has a file per recognizer, `quality/*` a file per method; `pairs.*` and `faces.*`
are there if the set has them. Files of one stem in two sets are one recognizer, or one method.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fiqa.data.embeddings import read_embeddings
from fiqa.errors import ReadError
from fiqa.types import Embeddings, PathLike

__all__ = ["DataSet", "read_set"]

_SUFFIXES = {
    "embeddings": (".npz", ".npy", ".parquet"),
    "quality": (".parquet", ".csv", ".jsonl", ".txt", ".pkl"),
}


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name: of the folder.
        quality: method -> file.
        embeddings: recognizer -> file.
        pairs: the file of the pairs to compare, None for all pairs.
        faces: the file of the manifest, or None.
    """

    name: str
    quality: Mapping[str, str]
    embeddings: Mapping[str, str]
    pairs: str | None
    faces: str | None

    @property
    def files(self) -> list[str]:
        """Every file of the set, for the record of a run."""
        others = [name for name in (self.pairs, self.faces) if name]
        return [*self.quality.values(), *self.embeddings.values(), *others]

    def vectors(self) -> list[Embeddings]:
        """Returns the embeddings, each recognizer named as its file.

        Raises: as fiqa.data.embeddings.read_embeddings.
        """
        return [
            replace(read_embeddings(file), recognizer=name)
            for name, file in self.embeddings.items()
        ]


def read_set(folder: PathLike, *, vectors: bool = True) -> DataSet:
    """Returns the data set in a folder; see this module's docstring.

    Args:
        folder: of the set.
        vectors: whether it must have embeddings.

    Raises:
        ReadError: there are no qualities in it, or no embeddings where it must have some.
    """
    root = Path(folder)
    files = {kind: _by_stem(root / kind, suffixes) for kind, suffixes in _SUFFIXES.items()}
    for kind, paths in files.items():
        if not paths and (vectors or kind == "quality"):
            raise ReadError(
                f"A set of data must have files in {os.fspath(root / kind)!r}, there are none.",
                status="not_found",
            )
    return DataSet(
        root.resolve().name,
        files["quality"],
        files["embeddings"],
        _one(root, "pairs"),
        _one(root, "faces"),
    )


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, str]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {
        file.stem: os.fspath(file)
        for file in files
        if file.suffix.lower() in suffixes and not file.name.startswith(".")
    }


def _one(root: Path, stem: str) -> str | None:
    files = [
        root / f"{stem}{suffix}"
        for suffix in (".parquet", ".csv", ".jsonl", ".txt")
        if (root / f"{stem}{suffix}").is_file()
    ]
    return os.fspath(files[0]) if files else None
