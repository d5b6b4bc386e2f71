"""What is wrong with a model file: the model part of `fiqa doctor`.

The file is checked against its card, then the model is run on faces, on worse copies of them, and
on things that are no faces. A recognizer is judged by how its vectors move, a quality model by its
scores.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.images import Limits
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import FiqaError, InputError
from fiqa.faces.crops import CropTable, note_of_size, resizing
from fiqa.faces.degrade import degrade
from fiqa.functional.collapse import Collapse, on_scale
from fiqa.functional.spread import spread
from fiqa.privacy import telemetry_line
from fiqa.runtime.onnx import OnnxEmbedder, OnnxModel, OnnxScorer, runtime_version
from fiqa.types import Faces, FloatArray, PathLike

__all__ = ["Check", "ModelReport", "Probes", "model_report", "probe_faces"]

PROBE_KINDS = (
    "blur",
    "defocus",
    "motion",
    "low_resolution",
    "low_light",
    "jpeg",
    "mask",
    "truncation",
)
"""The degradations that must lower a quality and move a recognizer's vector."""
_MILD, _STRONG = 0.3, 1.0
_DRAWN = 16
# Ten times the rounding of float32: another batch size may change the order of sums, no more.
_SAME = 1e-6
Crops = NDArray[np.uint8]


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        verdict: ok, problem, or note (a fact that is not judged).
        detail: what was measured.
    """

    name: str
    verdict: str
    detail: str


@dataclass(frozen=True)
class ModelReport:
    """Every check of a model file.

    Attributes:
        path: of the file.
        probe: which faces it was run on, in words.
        checks: the findings.
    """

    path: str
    probe: str
    checks: Sequence[Check]

    @property
    def problems(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.verdict == "problem"]

    @property
    def healthy(self) -> bool:
        """True where no check failed."""
        return not self.problems

    def lines(self) -> list[str]:
        """Returns the report as lines of text."""
        rows = [f"{check.verdict:<8}{check.name}: {check.detail}" for check in self.checks]
        return [f"model: {self.path!r}", f"probed with: {self.probe}", *rows]


def model_report(
    path: PathLike, *, faces: Faces | None = None, seed: int = 0, resized: str = ""
) -> ModelReport:
    """Returns what can be found out about a model file without labels.

    Checks: the file and its card (present, valid, sha256, outputs); values are finite and vary;
    they are the same for any batch; how far the order of the color channels matters; whether raw
    scores have collapsed on the model's own scale, beside its labels where the card has their
    spread (quality); worse copies of a face get worse scores (quality) or farther vectors
    (recognizer); blank images and noise score below faces (quality).

    Args:
        path: an .onnx file; its card is looked for beside it.
        faces: aligned faces to probe with, at least 4; None draws 16 by code, which is weaker:
            scores of drawn faces are then noted and not judged.
        seed: of the degradations and noise.
        resized: a sentence on faces that had another size, which the report repeats.

    Raises:
        InputError: fewer than 4 faces. Nothing else: what is wrong with the model is in the report.
    """
    if faces is not None and len(faces) < 4:
        raise InputError(f"A model must be probed with at least 4 faces, got {len(faces)}.")
    probe = "16 drawn faces (weaker than photographs)" if faces is None else f"{len(faces)} faces"
    try:
        model = OnnxModel(path)
    except FiqaError as error:
        return ModelReport(
            os.fspath(path),
            "nothing",
            [Check("file and card", "problem", str(error).replace("\n\n", " "))],
        )
    findings = [
        Check(
            "file and card",
            "ok",
            f"{model.card.kind} {model.card.name!r}, sha256 {model.sha256[:12]}... as on its card",
        )
    ]
    findings.append(Check("telemetry", "note", telemetry_line(runtime_version())))
    if not model.card.license:
        findings.append(Check("license", "note", "the card names none"))
    if resized:
        findings.append(Check("size of the faces", "note", resized))
    shown = drawn_faces(_DRAWN) if faces is None else faces
    try:
        findings += _probed(model, shown, judged=faces is not None, seed=seed)
    except FiqaError as error:
        findings.append(Check("running it", "problem", str(error).replace("\n\n", " ")))
    return ModelReport(os.fspath(path), probe, findings)


@dataclass(frozen=True, eq=False)
class Probes:
    """Aligned crops that a model or a table is judged by.

    Attributes:
        ids: (N,) of the crops.
        faces: N of them.
        resized: a sentence on those that had another size, "" where none had.
    """

    ids: NDArray[np.str_]
    faces: Faces
    resized: str


def probe_faces(paths: PathLike, most: int, *, known: Collection[str] | None = None) -> Probes:
    """Returns at most `most` aligned crops at 112x112, taken evenly from those below `paths`.

    Crops that cannot be read are left out.

    Args:
        paths: where they are.
        most: how many.
        known: ids of which they must be; None is any.

    Raises: as fiqa.scan.
    """
    table = CropTable.of(paths, Limits())
    names = table.manifest.id.tolist()
    rows = [i for i, name in enumerate(names) if known is None or name in known]
    step = max(1.0, len(rows) / most)
    chosen = [rows[int(i * step)] for i in range(min(most, len(rows)))]
    read = [(names[row], crop) for row in chosen if (crop := table.read(row)[1]) is not None]
    crops = np.stack([crop for _, crop in read]) if read else np.empty((0, 112, 112, 3), np.uint8)
    sizes = resizing(Counter(map(note_of_size, table.sides.values())))
    return Probes(np.array([name for name, _ in read], np.str_), Faces(crops), sizes)


def _probed(model: OnnxModel, faces: Faces, *, judged: bool, seed: int) -> list[Check]:
    if model.card.kind == "quality":
        return _quality(OnnxScorer(model), faces, judged, seed)
    if model.card.kind == "recognizer":
        return _recognizer(OnnxEmbedder(model), faces, seed)
    return [Check("probes", "note", f"a {model.card.kind} is not probed further")]


def _quality(scorer: OnnxScorer, faces: Faces, judged: bool, seed: int) -> list[Check]:
    clean = scorer.score(faces)
    finite = _finite(clean)
    if finite.verdict == "problem":
        return [finite]
    deviation = float(clean.std())
    varies = deviation > _SAME * max(1.0, float(np.abs(clean).max()))
    findings = [
        finite,
        Check(
            "output varies",
            "ok" if varies else "problem",
            f"standard deviation {deviation:.4g} over the faces",
        ),
        _batches(scorer.score, faces.crops, clean[:, None]),
    ]
    # What follows divides by the deviation, and compares scores that are all the same.
    if not varies:
        return findings
    copies = {kind: scorer.score(degrade(faces, kind, _STRONG, seed=seed)) for kind in PROBE_KINDS}
    findings.append(_spread(scorer, clean if judged else np.concatenate([clean, *copies.values()])))
    # In standard deviations of the faces: the scale of a raw score says nothing.
    swapped = float(np.abs(scorer.score(_swapped(faces)) - clean).mean()) / deviation
    findings.append(
        Check(
            "color order",
            "note",
            f"swapping red and blue moves the score by {swapped:.2f} standard deviations",
        )
    )
    findings.append(_polarity(copies, clean))
    findings.append(_non_faces(scorer, clean, judged, seed))
    uqs = scorer.unified(clean)
    low, high = int(uqs.min()), int(uqs.max())
    # All at one end of the scale: the calibration belongs to other scores.
    stuck = "problem" if low == high and low in (0, 100) else "ok"
    findings.append(
        Check("calibration", stuck if judged else "note", f"the faces score {low} .. {high} of 100")
    )
    return findings


def _spread(scorer: OnnxScorer, scores: FloatArray) -> Check:
    """The spread of raw scores on the model's own scale: a calibrated one would hide a collapse.

    `scores` are of faces, or of drawn faces and their degraded copies, which differ more than
    faces.
    """
    raw, values = scorer.model.card.raw, scores.astype(np.float64)
    if raw is None and not (values.min() >= 0 and values.max() <= 1):
        middle = float(np.median(values))
        return Check(
            "spread",
            "note",
            f"raw std {values.std():.4g} around {middle:.4g}; the card has no `raw` scale",
        )
    scale = (0.0, 1.0) if raw is None else (raw.low, raw.high)
    labels = None if raw is None or raw.labels is None else raw.labels.spread()
    measured = [("", Collapse(spread(on_scale(values, scale)), labels))]
    if raw is not None and raw.score is not None:
        measured.append((" when it was made:", Collapse(raw.score.spread(), labels)))
    verdict, words = "ok", ""
    if any(each.collapsed for _, each in measured):
        verdict, words = "problem", ": COLLAPSED"
    elif measured[0][1].narrow:
        verdict, words = "note", ": narrow"
    told = ";".join(f"{when} {each.line()}" for when, each in measured)
    return Check("spread", verdict, f"raw scores on {scale[0]:g}..{scale[1]:g}{words},{told}")


def _polarity(copies: Mapping[str, FloatArray], clean: FloatArray) -> Check:
    falls = {kind: float(np.mean(scores < clean)) for kind, scores in copies.items()}
    share = float(np.mean(list(falls.values())))
    detail = (
        f"{share:.0%} of degraded copies score lower"
        f" ({', '.join(f'{kind} {fall:.0%}' for kind, fall in falls.items())})"
    )
    if share >= 0.5:
        return Check("polarity", "ok", detail)
    return Check("polarity", "problem", f"{detail}; is higher_is_better on the card wrong?")


def _non_faces(scorer: OnnxScorer, clean: FloatArray, judged: bool, seed: int) -> Check:
    middle = float(np.median(clean))
    probes = {
        name: float(value)
        for name, value in zip(_NON_FACES, scorer.score(_non_face_crops(seed)), strict=True)
    }
    above = [name for name, value in probes.items() if not value < middle]
    told = ", ".join(f"{name} {value:.4g}" for name, value in probes.items())
    verdict = ("problem" if above else "ok") if judged else "note"
    loud = f"; not below the faces: {', '.join(above)}" if above else ""
    return Check("no face", verdict, f"median of the faces {middle:.4g}; {told}{loud}")


def _recognizer(embedder: OnnxEmbedder, faces: Faces, seed: int) -> list[Check]:
    raw = embedder.embed(faces.crops)
    finite = _finite(raw)
    if finite.verdict == "problem" or not (raw != 0).any(axis=1).all():
        return (
            [finite]
            if finite.verdict == "problem"
            else [Check("vectors", "problem", "a face has a vector of zeros")]
        )
    clean = _unit(raw)
    # The mean cosine of two different faces: the diagonal, each with itself, is taken out.
    alike = clean @ clean.T
    between = float((alike.sum() - np.trace(alike)) / (len(clean) * (len(clean) - 1)))
    varies = "ok" if between < 1 - 1e-4 else "problem"
    strange = embedder.embed(_non_face_crops(seed))
    return [
        finite,
        Check("output varies", varies, f"mean cosine between different faces {between:.4f}"),
        _batches(embedder.embed, faces.crops, raw),
        Check(
            "color order",
            "note",
            "cosine of a face and itself with red and blue swapped"
            f" {_cosine(embedder, _swapped(faces), clean):.4f}",
        ),
        _drift(embedder, faces, clean, seed),
        Check(
            "no face",
            "note" if np.isfinite(strange).all() else "problem",
            "vectors of blank images and noise are "
            + ("finite" if np.isfinite(strange).all() else "not finite"),
        ),
    ]


def _drift(embedder: OnnxEmbedder, faces: Faces, clean: FloatArray, seed: int) -> Check:
    """A stronger degradation must move the vectors farther than a mild one."""
    told, wrong = [], []
    for kind in PROBE_KINDS:
        mild, strong = (
            _cosine(embedder, degrade(faces, kind, s, seed=seed), clean) for s in (_MILD, _STRONG)
        )
        told.append(f"{kind} {mild:.3f} to {strong:.3f}")
        if not strong < mild:
            wrong.append(kind)
    # Half of the kinds must do so: a recognizer may be indifferent to some of them.
    verdict = "ok" if 2 * len(wrong) < len(PROBE_KINDS) else "problem"
    return Check(
        "degraded copies", verdict, f"cosine to the clean face, mild to strong: {', '.join(told)}"
    )


def _finite(values: FloatArray) -> Check:
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    return Check(
        "finite", "problem" if bad else "ok", f"{bad} of {values.size} values are NaN or infinite"
    )


def _batches(run: Callable[[Crops], FloatArray], crops: Crops, together: FloatArray) -> Check:
    """One by one and in threes must give what all at once gave, relative to the largest value."""
    scale = max(1.0, float(np.abs(together).max()))
    worst = 0.0
    for size in (1, 3):
        parts = np.concatenate(
            [
                run(crops[i : i + size]).reshape(-1, together.shape[1])
                for i in range(0, len(crops), size)
            ]
        )
        worst = max(worst, float(np.abs(parts - together).max()) / scale)
    return Check(
        "any batch",
        "ok" if worst <= _SAME else "problem",
        f"largest difference between batch sizes {worst:.2g} (at most {_SAME:g})",
    )


def _cosine(embedder: OnnxEmbedder, faces: Faces, clean: FloatArray) -> float:
    return float(np.einsum("nd,nd->n", _unit(embedder.embed(faces.crops)), clean).mean())


def _unit(raw: FloatArray) -> FloatArray:
    length = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(raw / np.maximum(length, np.finfo(np.float32).tiny), np.float32)


def _swapped(faces: Faces) -> Faces:
    return Faces(np.ascontiguousarray(faces.crops[..., ::-1]))


_NON_FACES = ("black", "grey", "white", "noise", "color noise")


def _non_face_crops(seed: int) -> Crops:
    """Five images without a face, in the order of _NON_FACES."""
    checks.in_range(seed, "seed", 0, 2**63)
    rng = np.random.default_rng((seed, len(_NON_FACES)))
    plain = [np.full((112, 112, 3), value, np.uint8) for value in (0, 128, 255)]
    grey = np.repeat(rng.integers(0, 256, (112, 112, 1), np.uint8), 3, axis=2)
    return np.stack([*plain, grey, rng.integers(0, 256, (112, 112, 3), np.uint8)])
