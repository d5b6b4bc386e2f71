"""The methods: one file or folder each, importable without torch, and the table that names them.

A module of the table has CARD, plain data. One that scores images has `scorer() -> Scorer` too; the label methods have a keyword-only function instead, and
those that are trained have their losses, functions of tensors.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from fiqa.errors import InputError, UnknownNameError
from fiqa.types import MethodCard, Scorer

__all__ = ["DEFAULT", "TABLE", "card", "load", "names"]

TABLE: Mapping[str, str] = MappingProxyType(
    {
        "analytic": "fiqa.methods.analytic",
        "laplacian": "fiqa.methods.laplacian",
        "clib_fiqa": "fiqa.methods.clib_fiqa",
        "cr_fiqa": "fiqa.methods.cr_fiqa",
        "dmsfiqa": "fiqa.methods.dmsfiqa",
        "ediffiqa": "fiqa.methods.ediffiqa",
        "faceqan": "fiqa.methods.faceqan",
        "faceqnet": "fiqa.methods.faceqnet",
        "froq": "fiqa.methods.froq",
        "grafiqs": "fiqa.methods.grafiqs",
        "label_optimization": "fiqa.methods.label_optimization",
        "lightqnet": "fiqa.methods.lightqnet",
        "magface": "fiqa.methods.magface",
        "norm": "fiqa.methods.norm",
        "pcnet": "fiqa.methods.pcnet",
        "pfe": "fiqa.methods.pfe",
        "sdd_fiqa": "fiqa.methods.sdd_fiqa",
        "ser_fiq": "fiqa.methods.ser_fiq",
    }
)
"""Name -> module."""

DEFAULT = "analytic"
"""What `load()` gives."""


def names() -> tuple[str, ...]:
    """Returns the names of all methods, in the order of the table.

    >>> names()[0]
    'analytic'
    """
    return tuple(TABLE)


def card(name: str) -> MethodCard:
    """Returns what the method is, as plain data; imports its module and nothing heavy.

    Raises:
        UnknownNameError: no such method.

    >>> card("analytic").gives
    ('score', 'label')
    """
    found: MethodCard = _module(name).CARD
    return found


def load(name_or_path: str | Path | None = None) -> Scorer:
    """Returns a scorer: `.score(crops)` gives (N,) float32 raw quality, higher is better; `.unified(raw)` integers 0..100.

    Args:
        name_or_path: a method of the table that gives scores, the path of an .onnx model with its card beside it, or that of a published LightQNet .pb;
            None the default method.

    Raises:
        UnknownNameError: neither a name of the table nor an .onnx path. InputError: a method that makes labels or is trained first.
        WeightsError: the model file or its card is absent or wrong.

    >>> load("analytic").name
    'analytic'
    """
    if name_or_path is None:
        name_or_path = DEFAULT
    if str(name_or_path).lower().endswith(".onnx"):
        from fiqa.runtime.onnx import OnnxScorer

        return OnnxScorer(Path(name_or_path))
    if str(name_or_path).lower().endswith(".pb"):
        from fiqa.methods.lightqnet import LightQNet

        return LightQNet(name_or_path)
    module = _module(str(name_or_path))
    if not hasattr(module, "scorer"):
        labels = "label" in module.CARD.gives
        raise InputError(
            f"fiqa.load needs a method that scores images; {name_or_path} {'makes labels' if labels else 'is trained'} from "
            f"{', '.join(module.CARD.needs)}.",
            hint=f"fiqa label {name_or_path} --help"
            if labels
            else f"fiqa train recipes/{name_or_path}.toml, then give the exported file",
        )
    scorer: Scorer = module.scorer()
    return scorer


def _module(name: str) -> ModuleType:
    if name not in TABLE:
        raise UnknownNameError("method", name, TABLE)
    return importlib.import_module(TABLE[name])
