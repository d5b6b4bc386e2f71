"""`doctor`: what will go wrong with images, a model file or a table of scores, before it does."""

from __future__ import annotations

from fiqa import checks
from fiqa.data.images import Limits
from fiqa.diagnosis.folder import FolderReport, folder_report
from fiqa.diagnosis.model import ModelReport, model_report, probe_faces
from fiqa.diagnosis.recipe_data import DataReport, data_report
from fiqa.diagnosis.scores import ScoresReport, is_scores, scores_report
from fiqa.progress import Progress
from fiqa.types import PathLike

__all__ = ["doctor"]


def doctor(
    path: PathLike,
    *,
    faces: PathLike | None = None,
    most: int = 64,
    seed: int = 0,
    purpose: str | None = None,
    limits: Limits | None = None,
    progress: Progress = False,
) -> FolderReport | ModelReport | ScoresReport | DataReport:
    """Returns what is wrong: `.healthy`, and `.lines()` to print.

    Args:
        path: a folder, image, list or manifest; an .onnx file with its card; or a table of scores
            or labels (.parquet, .csv, .jsonl with `id` and a column of numbers).
        faces: of a model: aligned crops to probe it with; None: 16 faces drawn by code, which is
            weaker. Of a table: aligned crops with its ids, which the shipped model scores, to tell
            whether higher is better in the table; None: by the factors that the table has.
        most: of a model or a table: use at most so many of these crops, at least 4.
        seed: of a model: of the degradations and the noise.
        purpose: of a data folder: "recipes" checks it against what every recipe reads, the name
            of a recipe against what that one reads. None: it is a folder of images.
        limits: of images: what one may cost.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        ReadError: a list file or manifest cannot be read; there is no such data folder.
        UnknownNameError: no recipe of that name reads a data folder.
        InputError: fewer than 4 faces.
    """
    place = checks.path(path, "path of what doctor looks at")
    checks.seed(seed)
    if purpose is not None:
        return data_report(path, purpose)
    if is_scores(path):
        return scores_report(path, faces=faces, most=most)
    if place.lower().endswith(".onnx"):
        if faces is None:
            return model_report(path, seed=seed)
        probes = probe_faces(faces, most)
        return model_report(path, faces=probes.faces, seed=seed, resized=probes.resized)
    return folder_report(path, limits=limits, progress=progress)
