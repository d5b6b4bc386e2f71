"""The methods: one file or folder each, importable without torch, and the table that names them.

A module of the table has CARD, plain data. One that scores images has `scorer(...) -> Scorer` too,
whose keyword arguments are the method's settings; the label methods have `labeler() -> Labeler`
(fiqa.methods.labeler), and those that are trained have their losses, functions of tensors.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from fiqa.errors import InputError, UnknownNameError
from fiqa.settings import settings as checked_settings
from fiqa.types import MethodCard, PathLike, Recognizer, Scorer

__all__ = ["DEFAULT", "TABLE", "card", "load", "module", "names", "sees_points", "settings_of"]

TABLE: Mapping[str, str] = MappingProxyType(
    {
        "fiqa": "fiqa.methods.bundled",
        "fiqa-large": "fiqa.methods.bundled.large",
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

DEFAULT = "fiqa"
"""What `load()` gives."""


def names() -> tuple[str, ...]:
    """Returns the names of all methods, in the order of the table.

    >>> names()[:2]
    ('fiqa', 'fiqa-large')
    """
    return tuple(TABLE)


def card(name: str) -> MethodCard:
    """Returns what the method is, as plain data; imports its module and nothing heavy.

    Raises:
        UnknownNameError: no such method.

    >>> card("analytic").gives
    ('score', 'label')
    """
    description: MethodCard = module(name).CARD
    return description


def sees_points(name_or_path: str | None) -> bool:
    """Tells whether a score needs landmarks, so that aligned crops without get those that a network
    sees in them; the method is not opened.

    Args:
        name_or_path: as in load.

    >>> sees_points("analytic"), sees_points(None)
    (True, False)
    """
    name = DEFAULT if name_or_path is None else name_or_path
    return name in TABLE and card(name).points


def load(
    name_or_path: str | Path | None = None,
    *,
    recognizer: PathLike | Recognizer | None = None,
    **settings: Any,
) -> Scorer:
    """Returns a scorer by its name, its file, or by default.

    `.score(crops)` gives (N,) float32 raw quality, higher is better; `.unified(raw)` gives integers
    0..100.

    Args:
        name_or_path: a method of the table that gives scores; the path of an .onnx model with its
            card beside it, or its name where it lies in FIQA_HOME (NAME.onnx); the path of a
            published LightQNet .pb; None the default method.
        recognizer: for the methods that ask one (their card's `needs`): its file with a card beside
            it, .onnx or torch weights, or the recognizer itself.
        settings: of the method, by name; `settings_of` lists them.

    Raises:
        UnknownNameError: neither a name of the table nor a model; a setting that the method does
            not have.
        InputError: a method that makes labels or is trained first; a recognizer that is missing or
            not wanted; a setting of another type.
        WeightsError: the model file, the recognizer, or a card is absent or wrong.
        MissingExtraError: the method needs an extra that is not installed.

    >>> load("analytic").name
    'analytic'
    """
    text = str(DEFAULT if name_or_path is None else name_or_path)
    options = settings if recognizer is None else {"recognizer": recognizer, **settings}
    text = text if text in TABLE else _placed(text)
    if text.lower().endswith((".onnx", ".pb")):
        if options:
            raise InputError(f"A model file has no settings, got {', '.join(options)} for {text}.")
        return _model(text)
    method = module(text)
    if not hasattr(method, "scorer"):
        labels = "label" in method.CARD.gives
        raise InputError(
            f"fiqa.load needs a method that scores images; {text}"
            f" {'makes labels' if labels else 'is trained'} from {', '.join(method.CARD.needs)}.",
            hint=(
                f"fiqa label {text} --help"
                if labels
                else f"fiqa train recipes/{text}.toml, then give the exported file"
            ),
        )
    scorer: Scorer = method.scorer(**_checked(text, options))
    return scorer


def settings_of(name: str) -> Mapping[str, Any]:
    """Returns the settings of a method that scores: name -> default; empty for other methods.

    A setting that must be given has the default inspect.Parameter.empty.

    Raises:
        UnknownNameError: no such method.

    >>> settings_of("ser_fiq")["passes"], dict(settings_of("analytic"))
    (100, {})
    """
    make = getattr(module(name), "scorer", None)
    return (
        {}
        if make is None
        else {key: p.default for key, p in inspect.signature(make).parameters.items()}
    )


def _checked(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The given settings of a method that scores, each in the type of its default."""
    defaults = settings_of(name)
    values = checked_settings(options, defaults, owner=name)
    for key, default in defaults.items():
        if default is inspect.Parameter.empty and key not in options:
            raise InputError(
                f"{name} must be given its {key}.",
                hint=f'fiqa.load("{name}", {key}=...), or fiqa score --model {name} '
                + ("--recognizer FILE" if key == "recognizer" else f"--set {key}=..."),
            )
    return {key: values[key] for key in options}


def _placed(name: str) -> str:
    """The path of the model that lies in FIQA_HOME under this name; the name itself where there is
    none, or where it is no name."""
    from fiqa.runtime.weights import home

    place = home() / f"{name}.onnx"
    return str(place) if place.name == f"{name}.onnx" and place.is_file() else name


def _model(path: str) -> Scorer:
    if path.lower().endswith(".onnx"):
        from fiqa.runtime.onnx import OnnxScorer

        return OnnxScorer(Path(path))
    from fiqa.methods.lightqnet import LightQNet

    return LightQNet(path)


def module(name: str) -> ModuleType:
    """Returns the module of a method.

    Raises:
        UnknownNameError: no such method.
    """
    if name not in TABLE:
        raise UnknownNameError("method", name, TABLE)
    return importlib.import_module(TABLE[name])
