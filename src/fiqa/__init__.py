"""fiqa: is this image good enough to recognize someone?

The public names, resolved when first used: `import fiqa` imports no third-party package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "DiscardCurve": "fiqa.functional.curve",
    "Embeddings": "fiqa.types",
    "Faces": "fiqa.types",
    "Factors": "fiqa.types",
    "Manifest": "fiqa.types",
    "MethodCard": "fiqa.types",
    "Pairs": "fiqa.types",
    "Quality": "fiqa.types",
    "Recognizer": "fiqa.types",
    "Scorer": "fiqa.types",
    "align": "fiqa.verbs.align",
    "convert": "fiqa.verbs.convert",
    "embed": "fiqa.verbs.embed",
    "evaluate": "fiqa.verbs.evaluate",
    "export": "fiqa.verbs.export",
    "label": "fiqa.verbs.label",
    "load": "fiqa.methods",
    "scan": "fiqa.data.scan",
    "score": "fiqa.verbs.score",
    "threshold": "fiqa.verbs.threshold",
    "train": "fiqa.verbs.train",
}

__all__ = sorted([*_HOME, "__version__"])

if TYPE_CHECKING:
    from fiqa.functional.curve import DiscardCurve as DiscardCurve
    from fiqa.methods import load as load
    from fiqa.types import Embeddings as Embeddings
    from fiqa.types import Faces as Faces
    from fiqa.types import Factors as Factors
    from fiqa.types import Manifest as Manifest
    from fiqa.types import MethodCard as MethodCard
    from fiqa.types import Pairs as Pairs
    from fiqa.types import Quality as Quality
    from fiqa.types import Recognizer as Recognizer
    from fiqa.types import Scorer as Scorer
    from fiqa.verbs.score import score as score


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fiqa' has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
