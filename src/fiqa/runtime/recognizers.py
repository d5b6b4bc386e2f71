"""Recognizers by name: one way from what a user gives to something that embeds."""

from __future__ import annotations

import os

from fiqa.types import PathLike, Recognizer

__all__ = ["DLIB", "named_recognizer"]

DLIB = "dlib"
"""The name of the recognizer that needs no file: fiqa.runtime.dlib_net."""


def named_recognizer(name: PathLike, *, threads: int | None = None) -> Recognizer:
    """Returns the recognizer of a name or of an ONNX file with its card.

    Args:
        name: `dlib`; a path; or a name, which fiqa.runtime.weights.find knows.
        threads: of the recognizer; None is one per core.

    Raises:
        WeightsError, UnsafeFileError, ReadError, InputError: as OnnxEmbedder and DlibRecognizer.
        MissingExtraError: dlib is asked for and not installed.
    """
    text = os.fspath(name)
    if text == DLIB:
        from fiqa.runtime.dlib_net import DlibRecognizer

        return DlibRecognizer(threads=threads)
    from fiqa.runtime.onnx import OnnxEmbedder
    from fiqa.runtime.weights import find

    return OnnxEmbedder(find(text), threads=threads)
