"""The nouns: frozen dataclasses over numpy, checked when they are made.

Each noun checks the shapes of its fields at construction, so a function that receives one need not.
Ids join tables; row order never does. Higher quality is better, always.
"""

from fiqa.types.face import Face, Why
from fiqa.types.faces import Faces, Factors
from fiqa.types.fields import BoolArray, FloatArray, PathLike
from fiqa.types.methods import MethodCard, Recognizer, Scorer
from fiqa.types.tables import Embeddings, Manifest, Pairs, Quality
from fiqa.types.tracks import BestShot, StreamEvent, Track

__all__ = [
    "BestShot",
    "BoolArray",
    "Embeddings",
    "Face",
    "Faces",
    "Factors",
    "FloatArray",
    "Manifest",
    "MethodCard",
    "Pairs",
    "PathLike",
    "Quality",
    "Recognizer",
    "Scorer",
    "StreamEvent",
    "Track",
    "Why",
]
