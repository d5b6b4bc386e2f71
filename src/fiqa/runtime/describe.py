"""Writes the card of a model file that came without one, from what its user says and what the file
itself says."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.guard import guard_outputs
from fiqa.errors import FiqaError, InputError
from fiqa.runtime.cards import card_path, parse_card, write_card
from fiqa.runtime.dlib_net import CARD
from fiqa.runtime.onnx import OnnxModel, open_session, read_model
from fiqa.runtime.recognizers import DLIB
from fiqa.types import FloatArray, PathLike

__all__ = [
    "Described",
    "batch_told",
    "describe",
    "free_card_path",
    "opened",
    "prove",
    "triple",
    "warn_of_batches",
]

Outputs = Callable[[NDArray[np.uint8]], Mapping[str, FloatArray]]
"""What `prove` asks: role -> (N,K) numbers for (N,S,S,3) crops."""
_log = logging.getLogger(__name__)
_CROPS = 33
"""One more than a batch of fiqa.runtime.onnx holds."""
_FEW = 8
"""Enough to see that a batch matters, before each run of scoring."""
_SHARE, _ROUNDING = 1e-2, 1e-5
"""What the numbers of a crop may differ by from batch to batch: this share of their standard
deviation over crops, and the rounding of float32."""
_ROLES = {"recognizer": "embedding", "quality": "quality", "detector": "other", "pose": "other"}


@dataclass(frozen=True)
class Described:
    """What a user says of a model file.

    `mean` and `std` are one number or three, with commas; `size`, `output`, `name` None: as the
    file has it.

    `x0` and `w` are the calibration that a quality model must have; `backbone`, `embedding` (the
    vector's length) and `dropout` are of torch weights, which fiqa.nets.recognizer describes;
    `match_threshold` is a recognizer's cosine at a false match rate of 1e-3, None: not known.
    `texts` are further fields of the card (license, paper, source, training_data, objective).
    """

    kind: str
    color: str
    mean: str
    std: str
    texts: Mapping[str, str]
    scale: float = 255.0
    size: int | None = None
    output: str | None = None
    higher_is_better: bool = True
    x0: float | None = None
    w: float | None = None
    name: str | None = None
    backbone: str = ""
    embedding: int = 0
    dropout: float = 0.0
    match_threshold: float | None = None


def describe(model: PathLike, described: Described, *, replace: bool = False) -> Path:
    """Writes the card of the ONNX file `model` beside it and returns the card's path, after the
    model was run with it; see `prove`.

    Raises:
        ContentShapeError: an output has another shape than its role has.
        InputError: a card is there and `replace` is False; something that the file leaves open was
            not given, or contradicts the file; the model's numbers hang on the batch.
        UnknownNameError: no such kind, color or output.
        WeightsError, ReadError, UnsafeFileError: as OnnxModel.
    """
    file, path = Path(model), free_card_path(model, replace=replace)
    guard_outputs([path], file, own=False)
    proved = opened(file, described, threads=1)
    card = proved.card
    if any(output.role != "other" for output in card.outputs):
        prove(proved.run, card.input.size, file)
    return write_card(card, path)


def free_card_path(model: PathLike, *, replace: bool = False) -> Path:
    """Returns where the card of `model` is to be written.

    Raises:
        InputError: a card is there and `replace` is False, or `model` is the name `dlib`.
    """
    path = card_path(model)
    if str(model) == DLIB:
        raise InputError(
            f"FILE must be a file, got the name {DLIB!r}, whose card comes with fiqa: {CARD}",
            hint="for a file of that name: ./dlib",
        )
    if path.exists() and not replace:
        raise InputError(f"{path} must not exist yet.", hint="--force replaces it")
    return path


def opened(model: PathLike, described: Described, *, threads: int | None = None) -> OnnxModel:
    """Returns the ONNX file `model` ready to run with the card that `describe` would write.

    Args:
        model: the file.
        described: what its user says of it.
        threads: of the runtime; None is one per core.

    Raises: as `describe`, but for what running the model shows.
    """
    file = Path(model)
    content = read_model(file)
    session = open_session(content, str(file), threads=1)
    card = parse_card(_fields(file, content, session, described), "the new card")
    return OnnxModel(file, card=card, threads=threads)


def prove(outputs: Outputs, side: int, file: Path) -> None:
    """Runs a model on 1, 2 and 33 drawn crops: it must give a crop the same numbers in each, and
    finite ones.

    Args:
        outputs: the model.
        side: of its crops.
        file: for the message.

    Raises:
        InputError: it does not, with what it gave. Whatever `outputs` raises.
    """
    crops = _drawn(_CROPS, side)
    whole = outputs(crops)
    for role, values in whole.items():
        lost = int(np.count_nonzero(~np.isfinite(values).all(axis=1)))
        if lost:
            raise InputError(
                f"The {role} of {file} must be finite, for {lost} of {_CROPS} drawn crops it is"
                " not.",
                hint="check scale, mean and std: they decide what the network sees",
            )
    quality = whole.get("quality")
    # Drawn crops are no faces: a model that clips may rightly give each the same, so it is told.
    if quality is not None and not np.ptp(quality[:, 0]) > 0:
        _log.warning(
            "the quality of %s is %g for each of %d drawn crops: is it constant? Try it on faces"
            " (fiqa doctor MODEL --faces CROPS)",
            file,
            float(quality[0, 0]),
            _CROPS,
        )
    told = _batch_told(outputs, crops, whole, file)
    if told:
        raise InputError(
            told,
            hint=(
                "export it in evaluation, without batch statistics or ranges that are taken"
                " over a whole batch (dynamic quantization)"
            ),
        )


def batch_told(model: OnnxModel) -> str:
    """Returns a sentence on a model that gives a crop other numbers in another batch, "" for one
    that does not, from eight drawn crops.

    Args:
        model: opened with its card, whoever wrote it.

    Raises: as OnnxModel.run.
    """
    crops = _drawn(_FEW, model.card.input.size)
    return _batch_told(model.run, crops, model.run(crops), model.path)


def warn_of_batches(method: object, numbers: str) -> None:
    """Warns of a model file whose numbers of a crop hang on the crops beside it: `weights card`
    refuses such a file a card, but a card may be written by hand.

    Args:
        method: a scorer or recognizer; one whose `model` is no OnnxModel is not looked at, and one
            that cannot run says so when it is used.
        numbers: what the run makes, in the plural.
    """
    model = getattr(method, "model", None)
    if not isinstance(model, OnnxModel):
        return
    try:
        told = batch_told(model)
    except FiqaError:
        return
    if told:
        _log.warning("%s The %s of this run depend on how the images are batched.", told, numbers)


def _batch_told(
    outputs: Outputs, crops: NDArray[np.uint8], whole: Mapping[str, FloatArray], file: Path
) -> str:
    for start, stop in ((0, 1), (1, 2), (0, 2)):
        part = outputs(crops[start:stop])
        for role, values in whole.items():
            rows = values[start:stop].astype(np.float64)
            difference = float(np.abs(part[role] - rows).max(initial=0.0))
            spread = float(values.std(axis=0, dtype=np.float64).mean())
            if difference > max(
                _SHARE * spread, _ROUNDING * float(np.abs(values).max(initial=0.0))
            ):
                return (
                    f"The {role} of {file} must be the same for a crop in any batch, in one of"
                    f" {stop - start} and in one of {len(crops)} crops it differs by"
                    f" {difference:.3g}; its standard deviation over crops is {spread:.3g}."
                )
    return ""


def _drawn(count: int, side: int) -> NDArray[np.uint8]:
    """Crops (N,S,S,3) of patches and noise that differ in light, contrast and sharpness."""
    draw = np.random.default_rng(0)
    coarse = draw.normal(size=(count, 8, 8, 3)).repeat(-(-side // 8), 1).repeat(-(-side // 8), 2)
    noise = draw.normal(size=(count, side, side, 3))
    light, contrast, sharpness = draw.uniform((60, 15, 0), (190, 60, 40), (count, 3)).T[
        ..., None, None, None
    ]
    pixels = light + contrast * coarse[:, :side, :side] + sharpness * noise
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _fields(file: Path, content: bytes, session: Any, described: Described) -> dict[str, Any]:
    role = _ROLES[checks.choice(described.kind, "kind", _ROLES)]
    layout, size = _layout(file, [i.shape for i in session.get_inputs()], described.size)
    outputs = {output.name: output.shape for output in session.get_outputs()}
    read = _output(file, outputs, described.output) if role != "other" else None
    fields: dict[str, Any] = {
        "name": described.name or file.stem,
        "kind": described.kind,
        "file": file.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": {
            "size": size,
            "color": checks.choice(described.color.upper(), "color", ("RGB", "BGR")),
            "layout": layout,
            "scale": described.scale,
            "mean": triple(described.mean, "mean"),
            "std": triple(described.std, "std"),
        },
        "outputs": [
            {
                "name": name,
                "role": role if name == read else "other",
                "higher_is_better": described.higher_is_better,
            }
            for name in outputs
        ],
        "match_threshold": described.match_threshold,
        **{key: text for key, text in described.texts.items() if text},
    }
    if role == "embedding":
        fields["embedding_dim"] = _last(file, outputs[str(read)])
    if role == "quality":
        if described.x0 is None or described.w is None:
            raise InputError(
                "A quality model must have a calibration: x0 and w must be given.",
                hint=(
                    "x0: its median on your faces; w: a quarter of the distance between its 10 %"
                    " and 90 % quantiles"
                ),
            )
        fields["calibration"] = {"x0": described.x0, "w": described.w}
    return fields


def triple(text: str, name: str) -> tuple[float, float, float]:
    """Returns the three numbers in `text`; one number stands for all three.

    >>> triple(".5", "mean"), triple("1,2,3", "mean")
    ((0.5, 0.5, 0.5), (1.0, 2.0, 3.0))
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"{name} must be one number or three with commas, got {text!r}."
        ) from error
    if len(values) not in (1, 3):
        raise InputError(f"{name} must be one number or three with commas, got {text!r}.")
    first, second, third = values * (3 // len(values))
    return first, second, third


def _layout(file: Path, inputs: Sequence[Sequence[Any]], size: int | None) -> tuple[str, int]:
    """Layout and side of the only input, from its shape; `size` where the shape leaves it open."""
    if len(inputs) != 1 or len(inputs[0]) != 4:
        raise InputError(
            f"{file} must have one input of four axes, its inputs are {list(map(list, inputs))}."
        )
    _, *rest = inputs[0]
    if (rest[0] == 3) == (rest[2] == 3):
        raise InputError(
            f"{file} must have its three channels in axis 1 or 3, its input is {inputs[0]}."
        )
    layout, sides = ("NCHW", rest[1:]) if rest[0] == 3 else ("NHWC", rest[:2])
    lengths = {side for side in sides if isinstance(side, int)} | (
        {size} if size is not None else set()
    )
    if len(lengths) != 1:
        problem = "does not say its side" if not lengths else f"has sides {sorted(lengths)}"
        raise InputError(
            f"{file} must have a square input of one known side, it {problem}.",
            hint="give it: --size 112",
        )
    return layout, lengths.pop()


def _output(file: Path, outputs: Mapping[str, Any], name: str | None) -> str:
    if name is not None:
        return checks.choice(name, f"output of {file.name}", outputs)
    if len(outputs) != 1:
        raise InputError(
            f"{file} has {len(outputs)} outputs; which one to read must be given.",
            hint=f"--output with one of: {', '.join(outputs)}",
        )
    return next(iter(outputs))


def _last(file: Path, shape: Sequence[Any]) -> int:
    if len(shape) < 2 or not isinstance(shape[-1], int):
        raise InputError(f"{file} must say how long its embedding is, its output is {list(shape)}.")
    return shape[-1]
