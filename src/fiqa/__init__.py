"""fiqa: is this image good enough to recognize someone?

The public names, resolved when first used: `import fiqa` imports no third-party package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from fiqa.privacy import keep_private

__version__ = "0.1.0"

# before any module of fiqa can import onnxruntime; worker processes come by here too
keep_private()

_HOME = {
    "Client": "fiqa.service.client",
    "DiscardCurve": "fiqa.functional.curve",
    "Embeddings": "fiqa.types",
    "Face": "fiqa.types",
    "FaceReader": "fiqa.scoring.reader",
    "Faces": "fiqa.types",
    "Factors": "fiqa.types",
    "Manifest": "fiqa.types",
    "MethodCard": "fiqa.types",
    "Pairs": "fiqa.types",
    "Quality": "fiqa.types",
    "Recognizer": "fiqa.types",
    "Scorer": "fiqa.types",
    "Stream": "fiqa.streams.stream",
    "Track": "fiqa.types",
    "align": "fiqa.verbs.align",
    "calibrate": "fiqa.verbs.calibrate",
    "clean": "fiqa.verbs.clean",
    "convert": "fiqa.verbs.convert",
    "doctor": "fiqa.verbs.doctor",
    "embed": "fiqa.verbs.embed",
    "enroll": "fiqa.verbs.enroll",
    "evaluate": "fiqa.verbs.evaluate",
    "export": "fiqa.verbs.export",
    "forget": "fiqa.verbs.forget",
    "label": "fiqa.verbs.label",
    "load": "fiqa.methods",
    "monitor": "fiqa.verbs.monitor",
    "scan": "fiqa.data.scan",
    "score": "fiqa.verbs.score",
    "serve": "fiqa.service.server",
    "select": "fiqa.verbs.select",
    "studio": "fiqa.studio_app.server",
    "tables": "fiqa.verbs.tables",
    "threshold": "fiqa.verbs.threshold",
    "train": "fiqa.verbs.train",
    "verify": "fiqa.verbs.verify",
}

__all__ = sorted([*_HOME, "__version__"])  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    # What type checkers see; at run time __getattr__ resolves the same names when they are used.
    from fiqa.data.scan import scan as scan
    from fiqa.functional.curve import DiscardCurve as DiscardCurve
    from fiqa.methods import load as load
    from fiqa.scoring.reader import FaceReader as FaceReader
    from fiqa.service.client import Client as Client
    from fiqa.service.server import serve as serve
    from fiqa.streams.stream import Stream as Stream
    from fiqa.studio_app.server import studio as studio
    from fiqa.types import Embeddings as Embeddings
    from fiqa.types import Face as Face
    from fiqa.types import Faces as Faces
    from fiqa.types import Factors as Factors
    from fiqa.types import Manifest as Manifest
    from fiqa.types import MethodCard as MethodCard
    from fiqa.types import Pairs as Pairs
    from fiqa.types import Quality as Quality
    from fiqa.types import Recognizer as Recognizer
    from fiqa.types import Scorer as Scorer
    from fiqa.types import Track as Track
    from fiqa.verbs.align import align as align
    from fiqa.verbs.calibrate import calibrate as calibrate
    from fiqa.verbs.clean import clean as clean
    from fiqa.verbs.convert import convert as convert
    from fiqa.verbs.doctor import doctor as doctor
    from fiqa.verbs.embed import embed as embed
    from fiqa.verbs.enroll import enroll as enroll
    from fiqa.verbs.evaluate import evaluate as evaluate
    from fiqa.verbs.export import export as export
    from fiqa.verbs.forget import forget as forget
    from fiqa.verbs.label import label as label
    from fiqa.verbs.monitor import monitor as monitor
    from fiqa.verbs.score import score as score
    from fiqa.verbs.select import select as select
    from fiqa.verbs.tables import tables as tables
    from fiqa.verbs.threshold import threshold as threshold
    from fiqa.verbs.train import train as train
    from fiqa.verbs.verify import verify as verify
else:

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            have = ", ".join(__all__)
            raise AttributeError(f"module 'fiqa' has no attribute {name!r}; it has: {have}")
        return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
