"""Model cards: everything that must be known to run a model file, in a JSON file beside it.

Preprocessing, outputs, polarity, calibration, sha256, licence and paper travel with the weights.
Nothing is guessed from shapes or node names: a model file without a card is an error, and an
unknown key in a card is one too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fiqa.data.reading import reader
from fiqa.data.texts import write_text
from fiqa.errors import FiqaError, InputError, ReadError, UnknownNameError, WeightsError
from fiqa.functional.calibration import Calibration
from fiqa.functional.display import facts_html
from fiqa.functional.spread import Spread
from fiqa.types import PathLike
from fiqa.vocabulary import ADVICE, EXTRA_FACTORS, FACTORS

__all__ = [
    "TORCH_SUFFIXES",
    "ModelCard",
    "ModelInput",
    "ModelOutput",
    "RawScale",
    "SpreadNumbers",
    "card_path",
    "parse_card",
    "read_card",
    "write_card",
]

TORCH_SUFFIXES = (".pt", ".pth", ".safetensors")
"""Of files that hold torch weights and no graph."""

_CARD_BYTES = 1 << 20
Triple = tuple[float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            if key not in cls.model_fields:
                raise UnknownNameError(f"key of {cls.__name__}", str(key), cls.model_fields)
        return value


class ModelInput(_Strict):
    """How aligned uint8 crops become the model's input: (x / scale - mean) / std, per channel in
    the order of `color`.

    `size` is the square the crops are resized to (by `resize`, only when they have another size).
    Examples: ArcFace family RGB, scale 255, mean .5, std .5; MagFace BGR, scale 255, mean 0, std 1;
    LightQNet BGR, scale 1, mean 127.5, std 128.
    """

    size: int = Field(ge=8, le=4096)
    color: Literal["RGB", "BGR"]
    layout: Literal["NCHW", "NHWC"]
    scale: float = Field(gt=0)
    mean: Triple
    std: Triple
    resize: Literal["bilinear", "area", "bicubic"] = "bilinear"

    @field_validator("std")
    @classmethod
    def _positive(cls, value: Triple) -> Triple:
        if min(value) <= 0:
            raise InputError(f"std must be positive in every channel, got {value}.")
        return value

    def line(self) -> str:
        """Returns the preprocessing in one line, as it is written into tables.

        >>> half = (0.5,) * 3
        >>> ModelInput(size=112, color="RGB", layout="NCHW", scale=255, mean=half, std=half).line()
        'RGB 112x112, (x/255 - 0.5 0.5 0.5)/0.5 0.5 0.5, NCHW'
        """
        mean, std = (" ".join(f"{v:g}" for v in values) for values in (self.mean, self.std))
        return (
            f"{self.color} {self.size}x{self.size}, (x/{self.scale:g} - {mean})/{std},"
            f" {self.layout}"
        )


class ModelOutput(_Strict):
    """One output of the model.

    `quality` (N,) or (N,1); `embedding` (N,D); `factors` (N,F), each 0..1, named by `factors`;
    `measures` (N,M), named by `measures`; `reasons` (N,C), the probability in 0..1 that each reason
    of `codes` holds; `other` is not read.

    `higher_is_better` is the polarity of a quality or factors output. `reasons` gives, for a
    factor, the reason code of a face whose factor is below `reason_below`. Factors are those of
    fiqa.vocabulary.FACTORS and EXTRA_FACTORS; a measure (a probability, a confidence) has any name
    that no factor has.
    """

    name: str
    role: Literal["quality", "embedding", "factors", "measures", "reasons", "other"]
    higher_is_better: bool = True
    factors: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    reasons: dict[str, str] = {}
    reason_below: float = Field(default=0.4, ge=0, le=1)

    @model_validator(mode="after")
    def _factors(self) -> Self:
        reserved = (*FACTORS, *EXTRA_FACTORS)
        named = (
            ("factors", "factor names", self.factors),
            ("measures", "measure names", self.measures),
            ("reasons", "reason codes", self.codes),
        )
        for role, what, names in named:
            if (self.role == role) != bool(names):
                raise InputError(
                    f"an output has {what} exactly when its role is {role}, got {self.role} with"
                    f" {names}."
                )
            if len(set(names)) != len(names):
                raise InputError(
                    f"an output must name each of its {role} once, got {', '.join(names)}."
                )
        for name in (*self.factors, *self.reasons):
            if name not in reserved:
                raise UnknownNameError("factor", name, reserved)
        if taken := sorted(set(self.measures) & set(reserved)):
            raise InputError(f"a measure must not be named as a factor is, got {', '.join(taken)}.")
        for code in (*self.reasons.values(), *self.codes):
            if code not in ADVICE:
                raise UnknownNameError("reason code", code, ADVICE)
        return self


class SpreadNumbers(_Strict):
    """A fiqa.functional.spread.Spread as a card has it."""

    q90_q10: float = Field(ge=0)
    std: float = Field(ge=0)
    entropy: float = Field(ge=0)
    count: int = Field(ge=1)

    def spread(self) -> Spread:
        """Returns it as the noun."""
        return Spread(self.q90_q10, self.std, self.entropy, self.count)


class RawScale(_Strict):
    """The model's own scale: what its raw quality means before any calibration.

    Attributes:
        low: the lower end of the scale, that of the labels it was learned from.
        high: the upper end.
        score: the spread of the scores of held-out crops, on this scale brought to 0..1.
        labels: that of the labels of the same crops; a score far narrower than these is collapsed
            (fiqa.functional.collapse).
    """

    low: float
    high: float
    score: SpreadNumbers | None = None
    labels: SpreadNumbers | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not self.low < self.high:
            raise InputError(f"the ends of a scale must ascend, got {self.low} and {self.high}.")
        return self


class ModelCard(_Strict):
    """What a model file is and how to run it.

    A recognizer has exactly one `embedding` output and an `embedding_dim`; a quality model exactly
    one `quality` output and a `calibration`. `numbers` holds measured results, each under a key
    that names data, protocol and measure.

    Torch weights (.pt, .pth, .safetensors), which have no graph, say their `backbone`, a name of
    fiqa.nets.catalog.BACKBONES, and the share that training dropped before the last layer,
    `dropout`, which no state dict holds. `objective` is the loss that a recognizer was trained
    with, such as arcface or magface.

    `match_threshold` is the cosine at which a recognizer's false match rate is 1e-3; `numbers` says
    on which data.

    `raw` is the own scale of a quality (higher is better), None where it is open or not known.
    """

    name: str = Field(min_length=1)
    kind: Literal["recognizer", "quality", "detector", "pose"]
    file: str = Field(min_length=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    input: ModelInput
    outputs: tuple[ModelOutput, ...] = Field(min_length=1)
    calibration: Calibration | None = None
    raw: RawScale | None = None
    embedding_dim: int | None = Field(default=None, ge=1)
    backbone: str = ""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    objective: str = ""
    match_threshold: float | None = Field(default=None, ge=-1, le=1)
    license: str = ""
    paper: str = ""
    source: str = ""
    training_data: str = ""
    limits: str = ""
    numbers: dict[str, float | str] = {}

    @field_validator("calibration", mode="before")
    @classmethod
    def _calibration_keys(cls, value: Any) -> Any:
        """Pydantic passes over unknown keys of a plain dataclass; a card must not have them."""
        fields = Calibration.__dataclass_fields__
        for key in value if isinstance(value, dict) else ():
            if key not in fields:
                raise UnknownNameError("key of Calibration", str(key), fields)
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needs = {
            "recognizer": ("embedding", "embedding_dim"),
            "quality": ("quality", "calibration"),
        }
        if self.match_threshold is not None and self.kind != "recognizer":
            raise InputError(f"a {self.kind} must have no match_threshold; recognizers have one.")
        if self.kind in needs:
            role, detail = needs[self.kind]
            count = sum(output.role == role for output in self.outputs)
            if count != 1:
                raise InputError(
                    f"a {self.kind} must have exactly one output of role {role}, got {count}."
                )
            if getattr(self, detail) is None:
                raise InputError(f"a {self.kind} must have {detail}.")
        return self

    def __repr__(self) -> str:
        what = f"{self.kind} model {self.file}, sha256 {self.sha256[:12]}"
        return f"ModelCard({self.name}: {what}; {self.input.line()})"

    def _repr_html_(self) -> str:
        plain = self.model_dump(exclude={"name", "numbers"}, exclude_defaults=True)
        plain |= {"input": self.input.line(), "outputs": ", ".join(o.name for o in self.outputs)}
        return facts_html(self.name, [*plain.items(), *self.numbers.items()])

    def output(self, role: str) -> ModelOutput | None:
        """Returns the output of `role`, or None when the model has none."""
        return next((output for output in self.outputs if output.role == role), None)


def card_path(model: PathLike) -> Path:
    """Returns where the card of a model file is: the same name with the suffix .json; for torch
    weights .json comes after their own suffix.

    >>> card_path("models/small.onnx").as_posix(), card_path("models/small.pt").as_posix()
    ('models/small.json', 'models/small.pt.json')
    """
    path = Path(model)
    return (
        path.with_name(f"{path.name}.json")
        if path.suffix.lower() in TORCH_SUFFIXES
        else path.with_suffix(".json")
    )


@reader
def read_card(path: PathLike) -> ModelCard:
    """Returns the card in the JSON file `path`.

    Raises:
        WeightsError: there is no such file.
        ReadError: it is not JSON text, or larger than a card is.
        UnknownNameError: it has a key that no card has; the hint is the closest one.
        InputError: a field is missing or has a value that it must not have.
    """
    file = Path(path)
    if not file.is_file():
        bare = file.with_suffix("")
        model = bare if bare.suffix.lower() in TORCH_SUFFIXES else file.with_suffix(".onnx")
        raise WeightsError(
            f"A model must have a card beside it, and there is none at {file}.",
            hint=f"write one: fiqa weights card {model} --help shows what it must say",
        )
    if file.stat().st_size > _CARD_BYTES:
        raise ReadError(
            f"A card must be at most {_CARD_BYTES} bytes, {file} has {file.stat().st_size}.",
            status="too_large",
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ReadError(
            f"A card must be JSON in UTF-8, {file} is not: {error}.", status="corrupt"
        ) from error
    return parse_card(content, str(file))


def parse_card(content: Any, origin: str) -> ModelCard:
    """Returns the card of a JSON value; `origin` is where it came from, for messages.

    Raises as read_card.
    """
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, UnknownNameError):
            raise cause from error
        place = ".".join(map(str, first["loc"])) or "the card"
        what = (
            cause.message
            if isinstance(cause, FiqaError)
            else f"{first['msg']}, got {_short(first['input'])}"
        )
        raise InputError(f"{origin}: {place}: {what}") from error


def write_card(card: ModelCard, path: PathLike) -> Path:
    """Writes `card` as JSON to `path`, whole or not at all, and returns the path.

    Raises WriteError.
    """
    write_text(path, card.model_dump_json(indent=2) + "\n")
    return Path(path)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
