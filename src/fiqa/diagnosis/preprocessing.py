"""Which color order and scaling a recognizer was trained with, from how far each of the usual ones
keeps the user's own people apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fiqa.data.images import Limits
from fiqa.diagnosis.separation import Crowd
from fiqa.errors import InputError
from fiqa.faces.crops import CropTable
from fiqa.functional.similarity import normalize
from fiqa.progress import Progress, counted, teller
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.describe import Described, opened, triple
from fiqa.types import FloatArray, PathLike

__all__ = ["SCALINGS", "Preprocessing", "Trial", "preprocessing"]

SCALINGS = {
    "(x - 127.5) / 127.5": (255.0, ".5", ".5"),
    "x / 255, ImageNet's mean and deviation": (255.0, ".485,.456,.406", ".229,.224,.225"),
    "x / 255": (255.0, "0", "1"),
    "x - 127.5": (1.0, "127.5", "1"),
    "x, 0 to 255": (1.0, "0", "1"),
}
"""The usual scalings of pixels: what a person calls each -> scale, mean and std of a card. The
(x - 127.5) / 128 of some papers is the first to 0.4 %."""

_COLORS, _SCALE = ("RGB", "BGR"), 255.0
"""What is tried, and the scale of a card where none is given."""
_MOST, _EACH = 240, 4
"""Crops that are looked at, and of one person; more people say more than more images of one."""
_PEOPLE = 8
"""People with two crops or more that must be there."""
_SURE = 0.95
"""Share of the draws of people in which the winner must be ahead of each of the others."""
_SEPARATE = 1.0
"""d' under which even the winner is no recognizer of these faces."""
_SAME = 0.999
"""Mean cosine from which two preprocessings count as one: the network does not tell them apart."""


@dataclass(frozen=True)
class Trial:
    """What one preprocessing did.

    Attributes:
        color: order of the channels.
        scaling: a name in SCALINGS, or the numbers that were given.
        described: the model with this preprocessing.
        separation: d' of mated and non-mated similarities; NaN where the vectors were not finite.
        behind: share of the draws of people in which the winner was ahead of it; NaN for the winner
            and for one that gives the winner's vectors.
    """

    color: str
    scaling: str
    described: Described
    separation: float
    behind: float = float("nan")


@dataclass(frozen=True)
class Preprocessing:
    """Every preprocessing that was tried, the best first.

    Attributes: `trials`; `people` and `crops` that were looked at.
    """

    trials: tuple[Trial, ...]
    people: int
    crops: int

    def text(self) -> str:
        """Returns the findings as a table of text."""
        lines = [f"{self.crops} crops of {self.people} people; d' is how far apart they are:"]
        lines.append(f"  {'color':<6}{'scaling':<40}{'d prime':>8}  the first is ahead in")
        for place, trial in enumerate(self.trials):
            ahead = "the same vectors" if np.isnan(trial.behind) else f"{trial.behind:.1%} of draws"
            ahead = "-" if place == 0 else ahead
            told = "none" if np.isnan(trial.separation) else f"{trial.separation:.2f}"
            lines.append(f"  {trial.color:<6}{trial.scaling:<40}{told:>8}  {ahead}")
        return "\n".join(lines)

    def winner(self) -> Trial:
        """Returns the one that is clearly better than every other.

        Raises:
            InputError: none is, with what was found.
        """
        best, close = self.trials[0], [t for t in self.trials[1:] if t.behind < _SURE]
        if not best.separation >= _SEPARATE:
            raise InputError(
                f"One preprocessing must keep the people apart (d' of {_SEPARATE:g} or more), none"
                f" does.\n{self.text()}",
                hint=(
                    "are the crops aligned, is each folder one person, is it a recognizer? If so"
                    " give --color, --mean, --std and --scale as its authors do"
                ),
            )
        if close:
            names = " and ".join(f"{t.color} {t.scaling}" for t in close)
            raise InputError(
                f"One preprocessing must be ahead of every other in {_SURE:.0%} of the draws of"
                f" people; {best.color} {best.scaling} is not ahead of {names}.\n{self.text()}",
                hint=(
                    "more people with two crops or more decide it; or give --color, or --mean and"
                    " --std, as its authors do"
                ),
            )
        return best


def preprocessing(
    model: PathLike,
    described: Described,
    faces: PathLike,
    *,
    seed: int = 0,
    progress: Progress = False,
) -> Preprocessing:
    """Returns what each usual preprocessing of a recognizer does to the user's own people.

    Args:
        model: an ONNX file; a card beside it is not looked at.
        described: what the user says; an empty `color` is tried as RGB and BGR, an empty `mean` and
            `std` as SCALINGS.
        faces: a folder (`identity/image`) or manifest of aligned crops.
        seed: of the draws of people.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        InputError: another kind than a recognizer, only one of mean and std, fewer than eight
            people with two readable crops, grey crops and no color.
        ReadError, WeightsError, ContentShapeError, UnsafeFileError: the faces or the model cannot
            be used.
    """
    if described.kind != "recognizer":
        raise InputError(
            f"Only a recognizer's preprocessing can be found from faces, got a {described.kind}."
        )
    asked = list(_candidates(described))
    crops, identity = _people(faces)
    if not described.color and bool((crops == crops[..., :1]).all()):
        raise InputError(
            f"The crops must be in color to show the order of the channels, those of {faces} are"
            " grey.",
            hint="give --color RGB or --color BGR",
        )
    network = opened(model, asked[0][1])
    crowd, found = Crowd.of(identity, seed=seed), []
    for name, each in counted(asked, teller(progress), "preprocessings", len(asked)):
        network.card = network.card.model_copy(update={"input": _input(network.card.input, each)})
        vectors = network.run(crops)["embedding"]
        usable = bool(np.isfinite(vectors).all() and (vectors != 0).any(axis=1).all())
        found.append((name, each, normalize(vectors) if usable else None))
    return Preprocessing(_ranked(found, crowd), len(crowd.member), len(crops))


def _candidates(described: Described) -> Iterator[tuple[str, Described]]:
    """Every preprocessing that what the user said leaves open, with its name."""
    if bool(described.mean) != bool(described.std):
        raise InputError("mean and std must be given both or not at all.")
    if described.scale != _SCALE and not described.mean:
        raise InputError(
            f"A scale must come with mean and std, got scale {described.scale:g} alone."
        )
    given = (described.scale, described.mean, described.std)
    scalings = {f"({given[1]}, {given[2]})": given} if described.mean else SCALINGS
    colors = (described.color,) if described.color else _COLORS
    for color, (name, (scale, mean, std)) in product(colors, scalings.items()):
        yield name, replace(described, color=color, scale=scale, mean=mean, std=std)


def _input(spec: ModelInput, described: Described) -> ModelInput:
    return spec.model_copy(
        update={
            "color": described.color.upper(),
            "scale": described.scale,
            "mean": triple(described.mean, "mean"),
            "std": triple(described.std, "std"),
        }
    )


def _people(faces: PathLike) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """At most _MOST crops, at most _EACH of a person, and who it is; first those of people with two
    or more, then, for the non-mated pairs, those of others."""
    table = CropTable.of(faces, Limits())
    names, counts = np.unique(table.manifest.identity, return_counts=True)
    crops: list[NDArray[np.uint8]] = []
    whose: list[str] = []
    # In random order, so that a sorted list does not stop at the letter C.
    order = np.random.default_rng(0).permutation(len(names))
    for k in sorted(order, key=lambda k: counts[k] < 2):
        rows = np.flatnonzero(table.manifest.identity == names[k])
        if not names[k] or len(crops) >= _MOST:
            continue
        picked = rows[np.linspace(0, len(rows) - 1, min(_EACH, len(rows))).astype(int)]
        read = [crop for crop in (table.read(int(row))[1] for row in picked) if crop is not None]
        crops += read
        whose += [str(names[k])] * len(read)
    _, each = np.unique(np.array(whose, np.str_), return_counts=True)
    count = int(np.count_nonzero(each > 1))
    if count < _PEOPLE:
        raise InputError(
            f"{faces} must have at least {_PEOPLE} people with two or more readable crops, it has"
            f" {count}.",
            hint="folders of crops, one a person: crops/anna/1.jpg; fiqa align makes them",
        )
    return np.stack(crops), np.array(whose)


Found = Sequence[tuple[str, Described, FloatArray | None]]


def _ranked(found: Found, crowd: Crowd) -> tuple[Trial, ...]:
    nothing = np.full(len(crowd.weight), -np.inf)
    draws = [nothing if unit is None else crowd.separation(unit) for _, _, unit in found]
    best = max(range(len(found)), key=lambda k: draws[k][0])
    trials = []
    for (name, each, unit), drawn in zip(found, draws, strict=True):
        behind = float(np.mean(draws[best][1:] > drawn[1:]))
        if unit is not None and _same(unit, found[best][2]):
            behind = float("nan")
        separation = float(drawn[0]) if unit is not None else float("nan")
        trials.append(Trial(each.color.upper(), name, each, separation, behind))
    order = sorted(range(len(trials)), key=lambda k: (k != best, -draws[k][0]))
    return tuple(trials[k] for k in order)


def _same(unit: FloatArray, other: FloatArray | None) -> bool:
    return other is not None and float(np.einsum("nd,nd->n", unit, other).mean()) >= _SAME
