"""What a file can become, and the way there."""

from __future__ import annotations

import os
from pathlib import Path

from fiqa.conversion.outcome import TARGETS, Conversion
from fiqa.conversion.scores import convert_scores
from fiqa.conversion.unpacked import unpack_images
from fiqa.data.formats import imagefolder, lfw_pairs
from fiqa.data.pairs import read_folds, write_pairs
from fiqa.data.tables import SUFFIXES
from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.progress import Told
from fiqa.runtime.cards import card_path
from fiqa.types import PathLike

__all__ = ["carry_out", "target_of"]


def carry_out(
    source: PathLike,
    out: PathLike,
    target: str,
    *,
    column: str | None,
    tokenizer: PathLike | None,
    told: Told,
) -> Conversion:
    """Makes of `source` what `target` names; arguments and Raises as fiqa.convert."""
    if target == "model":
        return _model(source, out, tokenizer)
    suffix = Path(source).suffix.lower()
    if target == "images":
        return unpack_images(source, Path(out), suffix, told)
    if suffix in (".bin", ".rec"):
        raise InputError(f"A {suffix} file must become images, got the target {target!r}.")
    if target == "pairs":
        return _pairs(source, out)
    return convert_scores(source, out, target, column, told)


def target_of(source: Path, out: Path) -> str:
    """Returns the target that the names mean. Raises InputError where they are not clear."""
    if source.suffix.lower() in (".bin", ".rec"):
        return "images"
    if source.suffix.lower() == ".txt" and lfw_pairs.is_header(source):
        return "pairs"
    if out.name in imagefolder.NAMES:
        return "imagefolder"
    if out.suffix.lower() == ".tar":
        return "webdataset"
    if out.suffix.lower() == ".onnx":
        return "model"
    if out.suffix.lower() in SUFFIXES:
        return "table"
    raise InputError(
        f"The target must be clear from the names, {str(source)!r} to {str(out)!r} is not.",
        hint=f"say --to {', '.join(TARGETS)}",
    )


def _pairs(source: PathLike, out: PathLike) -> Conversion:
    folds = read_folds(source)
    write_pairs(folds.pairs, out, fold=folds.fold)
    left_out = sum(folds.left_out.values())
    return Conversion("pairs", (os.fspath(out),), len(folds.pairs), 0, folds.skipped, left_out)


def _model(source: PathLike, out: PathLike, tokenizer: PathLike | None) -> Conversion:
    for package, extra in (("torch", "train"), ("onnx", "train"), ("transformers", "vlm")):
        require(package, extra=extra)
    from fiqa.methods.clib_fiqa.convert import convert_state

    name = None if tokenizer is None else os.fspath(tokenizer)
    convert_state(source, out, tokenizer=name)
    return Conversion("model", (os.fspath(out), str(card_path(out))), 1, 0, 0)
