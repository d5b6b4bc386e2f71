"""ONNX models run as their cards say: the file checked first, one preprocessing path, the same
values for every batch size."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.reading import reader
from fiqa.errors import ContentShapeError, InputError, ReadError, WeightsError
from fiqa.functional.batches import batches
from fiqa.privacy import onnxruntime_is_late, telemetry_line
from fiqa.runtime.cards import ModelCard, ModelOutput
from fiqa.runtime.embedded import model_card
from fiqa.runtime.inputs import as_faces
from fiqa.runtime.preprocess import prepare
from fiqa.runtime.protobuf import refuse_external_data
from fiqa.runtime.weights import mistaken
from fiqa.types import Faces, Factors, FloatArray, PathLike, Scorer
from fiqa.vocabulary import FACTORS

__all__ = [
    "OnnxEmbedder",
    "OnnxModel",
    "OnnxScorer",
    "open_session",
    "read_model",
    "runtime_version",
    "session_threads",
]

_MODEL_BYTES = (1 << 31) - 1
_BATCH = 32
_TELEMETRY_SINCE = (1, 29)
"""The first onnxruntime whose builds for Linux send telemetry."""
_log = logging.getLogger(__name__)


@reader
def read_model(path: PathLike) -> bytes:
    """Returns the bytes of an ONNX file after the checks that need no runtime.

    Raises:
        WeightsError: there is no such file.
        ReadError: it is no ONNX file, is malformed, or exceeds the 2 GiB that protobuf allows.
        UnsafeFileError: a tensor of it lives in another file.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"A model must be a file, and there is none at {file}.")
    if file.stat().st_size > _MODEL_BYTES:
        raise ReadError(
            f"An ONNX file must be smaller than 2 GiB, {file} is not.", status="too_large"
        )
    content = file.read_bytes()
    kind = mistaken(content[:64], len(content))
    if kind is not None:
        raise ReadError(f"{file} must be an ONNX file, it is {kind}.", status="corrupt")
    refuse_external_data(content, str(file))
    return content


def open_session(content: bytes, name: str, *, threads: int | None = None) -> Any:
    """Returns an onnxruntime session on the CPU for checked model bytes.

    `threads` None is one per core, and one in a worker process, whose siblings keep the other cores
    busy. Threads that wait do not spin: that would take the core from those that work.

    Raises:
        WeightsError: the runtime cannot load the model (an operator that it lacks, shapes that
            contradict).
    """
    onnxruntime = _runtime()
    options = onnxruntime.SessionOptions()
    options.use_deterministic_compute = True
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = _threads(threads)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (
        Exception
    ) as error:  # onnxruntime raises a dozen classes of its own that share no base but Exception
        raise WeightsError(
            f"{name} cannot be loaded by onnxruntime {onnxruntime.__version__}: {error}."
        ) from error


@cache
def _runtime() -> Any:
    """onnxruntime, with a warning where it was there before fiqa could turn its telemetry off."""
    import onnxruntime

    if (
        onnxruntime_is_late()
        and tuple(map(int, onnxruntime.__version__.split(".")[:2])) >= _TELEMETRY_SINCE
    ):
        onnxruntime.disable_telemetry_events()
        _log.warning(
            "%s; what was still to come is off now.", telemetry_line(onnxruntime.__version__)
        )
    return onnxruntime


def runtime_version() -> str:
    """Returns the version of onnxruntime."""
    return str(_runtime().__version__)


_wanted: ContextVar[int | None] = ContextVar("threads of the sessions", default=None)


@contextmanager
def session_threads(count: int | None) -> Iterator[None]:
    """Within it, sessions that are opened without a number of threads have this one.

    A session of one thread runs in the thread that asks, and has none of its own: it survives a
    fork.

    Args:
        count: of threads, at least 1; None leaves the choice to `open_session`.
    """
    token = _wanted.set(count)
    try:
        yield
    finally:
        _wanted.reset(token)


def _threads(given: int | None) -> int:
    """The number that onnxruntime takes, 0 for one per core."""
    wanted = _wanted.get() if given is None else given
    if wanted is None:
        return 0 if multiprocessing.parent_process() is None else 1
    return int(checks.in_range(wanted, "threads", 1, 1024))


class OnnxModel:
    """A model file with its card, beside it or inside, ready to run.

    Attributes: `path`; `card`; `sha256` of the file, equal to the card's.

    It can be pickled and copied as long as its file is there and the same.

    Raises:
        WeightsError: no file, no card, or a file whose sha256 is not the card's.
        ReadError, UnsafeFileError: see read_model.
        UnknownNameError: the card names an output that the model does not have.
        InputError: the model's input has another type or shape than the card says.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        card: ModelCard | None = None,
        threads: int | None = None,
    ) -> None:
        self.path = Path(path)
        content = read_model(self.path)
        self.card = model_card(self.path, content) if card is None else card
        self.sha256 = hashlib.sha256(content).hexdigest()
        if self.sha256 != self.card.sha256:
            raise WeightsError(
                f"{self.path} must be the file that its card describes (sha256"
                f" {self.card.sha256[:12]}...), its sha256 is {self.sha256[:12]}...",
                hint="fetch the model again, or write a new card if you changed it on purpose",
            )
        self._session = open_session(content, str(self.path), threads=threads)
        self._input, self._fixed = self._checked_input()
        names = [output.name for output in self._session.get_outputs()]
        for output in self.card.outputs:
            checks.choice(output.name, f"output of {self.path.name}", names)
        self._outputs = [output for output in self.card.outputs if output.role != "other"]
        self._made = (os.path.abspath(self.path), self.card, threads)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy opens the file again, here or in another process: native objects do not travel."""
        return _reopened, self._made

    def _checked_input(self) -> tuple[str, int | None]:
        """Returns the input's name and its batch size, None when any will do."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{i.name}: {i.type}" for i in inputs)
            raise InputError(
                f"{self.path} must have one input of float32, it has {found or 'none'}."
            )
        shape, size = inputs[0].shape, self.card.input.size
        want = (3, size, size) if self.card.input.layout == "NCHW" else (size, size, 3)
        if len(shape) != 4 or any(
            isinstance(got, int) and got != need for got, need in zip(shape[1:], want, strict=True)
        ):
            raise InputError(
                f"{self.path} must take (N, {', '.join(map(str, want))}) as its card says, it takes"
                f" {shape}."
            )
        return inputs[0].name, shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None

    def run(self, crops: NDArray[np.uint8]) -> dict[str, FloatArray]:
        """Returns role -> (N, K) float32 for (N,S,S,3) uint8 RGB crops, one entry per output that
        the card gives a role to read.

        Crops go through in batches of 32, or of the model's own size where it is fixed (the last
        one padded, one by one for a size of 1).

        Raises:
            ShapeError: crops of another shape or dtype.
            ContentShapeError: an output of another shape than one row per crop, of the length that
            its role has.
            WeightsError: the runtime fails on the model.
        """
        crops = checks.crops(crops)
        step = self._fixed or _BATCH
        parts = [self._run_batch(crops[rows]) for rows in batches(max(len(crops), 1), step)]
        return {
            output.role: np.concatenate([part[i] for part in parts])[: len(crops)]
            for i, output in enumerate(self._outputs)
        }

    def _run_batch(self, crops: NDArray[np.uint8]) -> list[FloatArray]:
        tensor = prepare(crops, self.card.input)
        missing = (self._fixed or (0 if len(crops) else 1)) - len(crops)
        if missing > 0:
            tensor = np.concatenate([tensor, np.zeros((missing, *tensor.shape[1:]), np.float32)])
        try:
            values = self._session.run(
                [output.name for output in self._outputs], {self._input: tensor}
            )
        except Exception as error:  # as in open_session
            raise WeightsError(
                f"{self.path} failed on a batch of {len(tensor)}: {error}."
            ) from error
        return [
            self._rows(output, value, len(tensor))
            for output, value in zip(self._outputs, values, strict=True)
        ]

    def _rows(self, output: ModelOutput, value: Any, count: int) -> FloatArray:
        """The output as (count, K), with K as its role wants; for one crop also without the axis of
        crops, as models that squeeze give it."""
        rows = np.asarray(value)
        widths = {
            "quality": 1,
            "factors": len(output.factors),
            "measures": len(output.measures),
            "reasons": len(output.codes),
        }
        width = widths.get(output.role, self.card.embedding_dim or rows.size // count)
        kept = rows.ndim > 0 and len(rows) == count
        squeezed = count == 1 and rows.squeeze().ndim <= 1
        if rows.size == count * width and (kept or squeezed):
            return rows.reshape(count, width).astype(np.float32, copy=False)
        raise ContentShapeError(
            f"output {output.name!r} of {self.path.name} must have shape ({count}, {width}), got"
            f" {rows.shape}.",
            hint=(
                f"a {output.role} output has one row per crop, here of {width}; let its card name"
                " another output (fiqa weights card --output), or export the model again"
            ),
        )


def _reopened(path: str, card: ModelCard, threads: int | None) -> OnnxModel:
    return OnnxModel(path, card=card, threads=threads)


def _opened(
    model: OnnxModel | PathLike,
    card: ModelCard | None,
    threads: int | None,
    kind: str,
) -> OnnxModel:
    opened = model if isinstance(model, OnnxModel) else OnnxModel(model, card=card, threads=threads)
    if opened.card.kind != kind:
        raise InputError(f"{opened.path} must be a {kind} model, its card says {opened.card.kind}.")
    return opened


class OnnxEmbedder:
    """A recognizer from an ONNX file and its card; implements fiqa.types.Recognizer.

    Raises: as OnnxModel, and InputError when the card is of another kind.
    """

    def __init__(
        self,
        model: OnnxModel | PathLike,
        *,
        card: ModelCard | None = None,
        threads: int | None = None,
    ) -> None:
        self.model = _opened(model, card, threads, "recognizer")
        self.name = self.model.card.name
        self.version = self.model.sha256
        self.input = self.model.card.input
        self.objective = self.model.card.objective
        self.match_threshold = self.model.card.match_threshold

    def embed(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Returns (N,D) float32 vectors as the network gives them (not normalized) for (N,S,S,3)
        uint8 RGB crops."""
        return self.model.run(crops)["embedding"]


class OnnxScorer(Scorer):
    """A quality model from an ONNX file and its card.

    Higher is better, whatever the file's own polarity.

    Raises: as OnnxModel, and InputError when the card is of another kind.
    """

    def __init__(
        self,
        model: OnnxModel | PathLike,
        *,
        card: ModelCard | None = None,
        threads: int | None = None,
    ) -> None:
        self.model = _opened(model, card, threads, "quality")
        card = self.model.card
        if card.calibration is None:  # a card of kind quality has one; this is for the type checker
            raise InputError(f"The card of {self.model.path} must have a calibration.")
        self.name = card.name
        self.version = self.sha256 = self.model.sha256
        self.preprocess = card.input.line()
        self.calibration = card.calibration
        if card.raw is not None:
            self.raw_range = (card.raw.low, card.raw.high)
            self.label_spread = None if card.raw.labels is None else card.raw.labels.spread()

    def score(
        self, crops: NDArray[np.uint8] | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        """Returns (N,) float32 raw quality, higher is better; NaN where the network gave NaN."""
        return self._quality(self.model.run(self._faces(crops, color=color, resize=resize).crops))

    def assess(self, faces: Faces) -> tuple[FloatArray, Factors | None]:
        """Returns the raw quality (N,) and the model's own factors, from one pass.

        Factors without an output are NaN; None stands for them all when the card names no factors
        output. Those beyond the six (fiqa.vocabulary.EXTRA_FACTORS) and what a `measures` output
        gives are the measures.
        """
        result = self.model.run(self._faces(faces).crops)
        return self._quality(result), self._explained(result)

    def _faces(self, crops: Any, **options: Any) -> Faces:
        return as_faces(crops, side=self.model.card.input.size, **options)

    def _quality(self, result: Mapping[str, FloatArray]) -> FloatArray:
        value, output = result["quality"][:, 0], self.model.card.output("quality")
        return value if output is None or output.higher_is_better else -value

    def _explained(self, result: Mapping[str, FloatArray]) -> Factors | None:
        output, extra = self.model.card.output("factors"), self.model.card.output("measures")
        if output is None:
            return None
        values = np.clip(result["factors"], 0.0, 1.0)
        measures = dict(zip(extra.measures, result["measures"].T, strict=True)) if extra else {}
        return _factors(values if output.higher_is_better else 1.0 - values, output, measures)


def _factors(
    values: FloatArray, output: ModelOutput, measures: Mapping[str, FloatArray]
) -> Factors:
    """Factors from (N,F) qualities; a face's reasons are those of its factors below `reason_below`,
    the lowest first."""
    column: Mapping[str, FloatArray] = {name: values[:, i] for i, name in enumerate(output.factors)}
    missing = np.full(len(values), np.nan, np.float32)
    reasons = []
    for row in values:
        order = [
            output.factors[i]
            for i in np.argsort(row, kind="stable")
            if row[i] < output.reason_below
        ]
        reasons.append(tuple(output.reasons[name] for name in order if name in output.reasons))
    extra = {name: column[name] for name in output.factors if name not in FACTORS}
    return Factors(
        {name: column.get(name, missing) for name in FACTORS}, {**extra, **measures}, reasons
    )
