"""The nouns: frozen dataclasses over numpy, checked when they are made.

Each noun checks the shapes of its fields at construction, so a function that receives one need not.
Ids join tables; row order never does. Higher quality is better, always.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError, ShapeError
from fiqa.functional.calibration import Calibration
from fiqa.functional.display import columns_html, counts_line, facts_html, histogram_svg
from fiqa.functional.spread import Spread
from fiqa.vocabulary import FACTORS, STATUSES

__all__ = [
    "Embeddings",
    "Faces",
    "Factors",
    "Manifest",
    "MethodCard",
    "Pairs",
    "PathLike",
    "Quality",
    "Recognizer",
    "Scorer",
]

PathLike = str | os.PathLike[str]
"""What names a file or a folder."""
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


def _set(noun: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(noun, name, value)


@dataclass(frozen=True, eq=False)
class Manifest:
    """Which images there are, and what is known of each; the only noun that knows paths.

    Failures stay as rows.

    Attributes:
        id: (N,) str unique.
        path: (N,) str as it was given or found.
        identity: (N,) str, "" when unknown.
        split: (N,) str.
        status: (N,) str from fiqa.vocabulary.STATUSES.
        columns: name -> (N,) array of anything more (sha256, width, height, ...).
        identity_from: where the identities come from, in words ("column identity of faces.csv"), ""
            where nobody said.

    Raises:
        ShapeError, InputError: ids twice.
        UnknownNameError: a status that is in no table.
    """

    id: NDArray[np.str_]
    path: NDArray[np.str_]
    identity: NDArray[np.str_] = None  # type: ignore[assignment]
    split: NDArray[np.str_] = None  # type: ignore[assignment]
    status: NDArray[np.str_] = None  # type: ignore[assignment]
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    identity_from: str = ""

    def __post_init__(self) -> None:
        names = checks.ids(self.id, "Manifest.id")
        n = len(names)
        text = {
            "path": self.path,
            "identity": self.identity,
            "split": self.split,
            "status": self.status,
        }
        default = {"identity": "", "split": "", "status": "ok"}
        filled = {
            key: (
                np.full(n, default[key], dtype=object).astype(np.str_)
                if value is None
                else checks.array(value, f"Manifest.{key}", shape=(n,), dtype=np.str_)
            )
            for key, value in text.items()
        }
        for status in np.unique(filled["status"]):
            checks.choice(str(status), "status", STATUSES)
        extra = {
            key: checks.array(value, f"Manifest.columns[{key!r}]", shape=(n,))
            for key, value in self.columns.items()
        }
        _set(self, id=names, columns=extra, **filled)

    def __repr__(self) -> str:
        people = len(set(self.identity.tolist()) - {""})
        of = f" of {people:,} identities" if people else ""
        return f"Manifest({len(self):,} images{of}: {counts_line(self.status) or 'none'})"

    def _repr_html_(self) -> str:
        columns = ("id", "identity", "split", "status", "path")
        rows = zip(*(getattr(self, name)[:8].tolist() for name in columns), strict=True)
        return columns_html(repr(self), columns, rows)

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: NDArray[Any]) -> Manifest:
        """Returns the rows chosen by an index array or a mask."""
        return Manifest(
            self.id[rows],
            self.path[rows],
            self.identity[rows],
            self.split[rows],
            self.status[rows],
            {k: v[rows] for k, v in self.columns.items()},
            self.identity_from,
        )


@dataclass(frozen=True, eq=False)
class Faces:
    """Aligned faces and what their alignment knew.

    Only `crops` is always there; None means not known, and its factor is then missing.

    Attributes:
        crops: (N,S,S,3) uint8 RGB.
        landmarks: (N,5,2) float32 crop pixels (left eye, right eye, nose, left and right mouth
            corner, image-left first; a row of NaN where unknown).
        inside: (N,S,S) bool, True where the pixel came from the frame.
        eye_distance: (N,) float32 pixels of the source between the eyes (NaN where unknown).
        grey: (N,) bool, True where the source has no color (grey or near infrared).
        roll: (N,) float32 degrees by which the head was tilted clockwise in the photograph, before
            it was aligned (NaN where unknown).
    """

    crops: NDArray[np.uint8]
    landmarks: FloatArray | None = None
    inside: BoolArray | None = None
    eye_distance: FloatArray | None = None
    grey: BoolArray | None = None
    roll: FloatArray | None = None

    def __post_init__(self) -> None:
        crops = checks.crops(self.crops, "Faces.crops")
        n, size = crops.shape[:2]
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "landmarks": ((n, 5, 2), np.float32),
            "inside": ((n, size, size), np.bool_),
            "eye_distance": ((n,), np.float32),
            "grey": ((n,), np.bool_),
            "roll": ((n,), np.float32),
        }
        _set(self, crops=crops)
        for name, (shape, dtype) in shapes.items():
            if getattr(self, name) is not None:
                _set(
                    self,
                    **{
                        name: checks.array(
                            getattr(self, name), f"Faces.{name}", shape=shape, dtype=dtype
                        )
                    },
                )

    def __repr__(self) -> str:
        size = self.crops.shape[1]
        extras = [
            f.name for f in fields(self) if f.name != "crops" and getattr(self, f.name) is not None
        ]
        return f"Faces({len(self):,} crops of {size}x{size}, {', '.join(extras) or 'pixels alone'})"

    def __len__(self) -> int:
        return len(self.crops)

    def take(self, rows: Any) -> Faces:
        """Returns the faces chosen by an index array, a mask or a slice."""
        known = ((f.name, getattr(self, f.name)) for f in fields(self))
        chosen: dict[str, Any] = {
            name: None if value is None else value[rows] for name, value in known
        }
        return Faces(**chosen)


@dataclass(frozen=True, eq=False)
class Factors:
    """Why a face is good or bad: six qualities, the physical measures behind them, and reason
    codes.

    Attributes:
        quality: name -> (N,) float32 in 0..1, keys exactly fiqa.vocabulary.FACTORS, NaN where the
            factor cannot be measured.
        measures: name -> (N,) float32 with the unit in its name or in fiqa.faces.factors.MEASURES,
            NaN likewise.
        reasons: N tuples of reason codes, the costliest first, symptoms last.
    """

    quality: Mapping[str, FloatArray]
    measures: Mapping[str, FloatArray]
    reasons: Sequence[tuple[str, ...]]

    def __post_init__(self) -> None:
        if tuple(self.quality) != FACTORS:
            raise InputError(
                f"Factors.quality must have the keys {', '.join(FACTORS)} in this order, got"
                f" {', '.join(self.quality)}."
            )
        n = len(self.reasons)
        quality = {
            k: checks.array(v, f"Factors.quality[{k!r}]", shape=(n,), dtype=np.float32)
            for k, v in self.quality.items()
        }
        measures = {
            k: checks.array(v, f"Factors.measures[{k!r}]", shape=(n,), dtype=np.float32)
            for k, v in self.measures.items()
        }
        _set(
            self, quality=quality, measures=measures, reasons=tuple(tuple(r) for r in self.reasons)
        )

    def __repr__(self) -> str:
        named = sum(bool(reasons) for reasons in self.reasons)
        return f"Factors({len(self):,} faces, {named:,} with a reason)"

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def matrix(self) -> FloatArray:
        """The six qualities as (N,6) float32 in the order of FACTORS, NaN where missing."""
        return np.stack([self.quality[name] for name in FACTORS], axis=1)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Recognition vectors: `id` (N,) str unique, `vector` (N,D) float32 of unit norm, `norm` (N,)
    float32 the length before normalizing, `recognizer` its name.

    The norm is kept apart because some methods read it as quality (MagFace). A vector that could
    not be normalized is a missing row, not a NaN one.
    """

    id: NDArray[np.str_]
    vector: FloatArray
    norm: FloatArray = None  # type: ignore[assignment]
    recognizer: str = ""

    def __post_init__(self) -> None:
        names = checks.ids(self.id, "Embeddings.id")
        vector = checks.unit_rows(self.vector, "Embeddings.vector")
        if len(vector) != len(names):
            raise ShapeError(
                f"Embeddings.vector must have one row per id ({len(names)}), got {len(vector)}."
            )
        given = np.ones(len(names), np.float32) if self.norm is None else self.norm
        norm = checks.finite(
            checks.array(given, "Embeddings.norm", shape=(len(names),), dtype=np.float32),
            "Embeddings.norm",
        )
        _set(self, id=names, vector=vector, norm=norm)

    def __repr__(self) -> str:
        name = self.recognizer or "an unnamed recognizer"
        return f"Embeddings({len(self):,} vectors of {self.vector.shape[1]} numbers by {name})"

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: Any) -> Embeddings:
        """Returns the rows chosen by an index array, a mask or a slice."""
        return Embeddings(self.id[rows], self.vector[rows], self.norm[rows], self.recognizer)


@dataclass(frozen=True, eq=False)
class Quality:
    """One number per face, higher is better: a score when a method computed it from the image, a
    label when it was made from a recognizer or a judge.

    Attributes:
        id: (N,) str unique.
        value: (N,) float64 finite, so that scores that differ never tie.
        method: .
        kind: "score" or "label".
        range: (low, high) or None when open.
        provenance: whatever made it (arguments, seeds, hashes). NaN is an error and missing is
            absent, so every id that is here has a number.
    """

    id: NDArray[np.str_]
    value: NDArray[np.float64]
    method: str
    kind: Literal["score", "label"] = "score"
    range: tuple[float, float] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = checks.ids(self.id, "Quality.id")
        value = checks.finite(
            checks.array(self.value, "Quality.value", shape=(len(names),), dtype=np.float64),
            "Quality.value",
        )
        checks.choice(self.kind, "kind", ("score", "label"))
        if (
            self.range is not None
            and len(value)
            and (value.min() < self.range[0] or value.max() > self.range[1])
        ):
            raise InputError(
                f"Quality.value must lie in {self.range}, got {value.min()}..{value.max()}."
            )
        _set(self, id=names, value=value)

    def __repr__(self) -> str:
        if not len(self):
            return f"Quality({self.kind} by {self.method}: none)"
        low, middle, high = self.value.min(), float(np.median(self.value)), self.value.max()
        spread = f"{low:.4g} .. {high:.4g}, median {middle:.4g}"
        return f"Quality({self.kind} by {self.method}: {len(self):,} faces, {spread})"

    def _repr_html_(self) -> str:
        picture = histogram_svg(self.value, name=f"{self.kind} by {self.method}")
        return f"<div><strong>{html.escape(repr(self))}</strong></div>{picture}"

    def __len__(self) -> int:
        return len(self.id)

    def at(self, ids: NDArray[np.str_]) -> NDArray[np.float64]:
        """Returns the values of `ids` in their order, joined by id.

        Raises InputError naming an id that has none.
        """
        order = np.argsort(self.id)
        place = (
            np.searchsorted(self.id, ids, sorter=order)
            if len(order)
            else np.zeros(len(ids), np.int64)
        )
        found = (
            np.zeros(len(ids), bool)
            if not len(order)
            else self.id[order[np.minimum(place, len(order) - 1)]] == ids
        )
        if not np.all(found):
            missing = np.asarray(ids)[~found]
            raise InputError(
                f"Quality of {self.method} must cover every id, got none for {len(missing)}, the"
                f" first {missing[0]!r}."
            )
        return self.value[order[place]]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which images are compared: `index` (P,2) int64 into `ids`, `mated` (P,) bool (True: the same
    person). No similarity inside."""

    ids: NDArray[np.str_]
    index: NDArray[np.int64]
    mated: BoolArray

    def __post_init__(self) -> None:
        names = checks.ids(self.ids, "Pairs.ids")
        index = checks.array(self.index, "Pairs.index", shape=("P", 2), dtype=np.int64)
        mated = checks.array(self.mated, "Pairs.mated", shape=(len(index),), dtype=np.bool_)
        if len(index) and (index.min() < 0 or index.max() >= len(names)):
            raise InputError(
                f"Pairs.index must lie in 0..{len(names) - 1}, got {index.min()}..{index.max()}."
            )
        _set(self, ids=names, index=index, mated=mated)

    def __repr__(self) -> str:
        mated = int(np.count_nonzero(self.mated))
        return (
            f"Pairs({mated:,} mated, {len(self) - mated:,} non-mated, of {len(self.ids):,} images)"
        )

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class MethodCard:
    """What a method is, as plain data; listing the methods imports nothing else.

    `needs` says what it computes from (crops, landmarks, embeddings, identities, prior, templates,
    recognizer); `gives` is any of score, label, train, probe; `extras` the fiqa extras it imports;
    `preprocess` the crop it sees; `weights` where its weights come from and under which license;
    `status` ready, external, or planned; `summary` what it computes, `equation` in plain text,
    `use` when it is the one to take, `limits` when it fails, `cost` of one face.
    """

    name: str
    paper: str
    year: int
    family: str
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    preprocess: str = ""
    weights: str = ""
    status: str = "ready"
    summary: str = ""
    equation: str = ""
    use: str = ""
    limits: str = ""
    cost: str = ""

    def _repr_html_(self) -> str:
        facts = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return facts_html(
            self.name, [(n, ", ".join(v) if isinstance(v, tuple) else v) for n, v in facts]
        )


@runtime_checkable
class Recognizer(Protocol):
    """Anything that turns aligned crops into recognition vectors."""

    name: str

    def embed(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Returns (N,D) float32 vectors as the network gives them (not normalized) for
        (N,112,112,3) uint8 RGB crops."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Anything that turns aligned crops into a quality, higher is better.

    A class that inherits from it has `unified` and `explain`, and needs `assess` only where it can
    say why.

    Attributes:
        name: what the table of scores calls it.
        version: what exactly computed the score ("fiqa 0.1.0", the sha256 of a model file).
        sha256: of the model file; None where there is none.
        preprocess: one line on the crop that it sees.
        calibration: the way from raw scores to 0..1, 0..100 and five levels.
        raw_range: the ends of the scale of its raw scores, None where it is open or not known.
        label_spread: the spread of the labels that it learned, on that scale brought to 0..1; None
            where it learned none or does not know.
    """

    name: str
    version: str
    sha256: str | None = None
    preprocess: str
    calibration: Calibration
    raw_range: tuple[float, float] | None = None
    label_spread: Spread | None = None

    def score(
        self, crops: NDArray[np.uint8] | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        """Returns (N,) float32 raw quality for crops (N,112,112,3) uint8, or for Faces, which know
        more; `color` and `resize` as in fiqa.runtime.inputs.as_faces."""
        ...

    def assess(self, faces: Faces) -> tuple[FloatArray, Factors | None]:
        """Returns the raw quality (N,), as `score`, and the factors behind it, None without any:
        both from one pass."""
        return self.score(faces), None

    def explain(self, faces: Faces) -> Factors | None:
        """Returns the factors behind the score, or None when the method has none of its own."""
        return self.assess(faces)[1]

    def __repr__(self) -> str:
        model = f", sha256 {self.sha256[:12]}" if self.sha256 else f", {self.version}"
        scale = f"raw {self.calibration.x0:g} is 50 of 100"
        return f"<{type(self).__name__} {self.name}{model}; {self.preprocess}; {scale}>"

    def unified(self, raw: FloatArray) -> NDArray[np.int64]:
        """Returns (N,) int in 0..100 for (N,) raw scores, by the calibration."""
        return self.calibration.unified(raw)
