"""The parts of recipes/bundled.sh that are more than one command: labels, images, the card.

python recipes/bundled.py choose runs/bundled
python recipes/bundled.py targets runs/bundled labels_teacher.parquet [TEACHER=WEIGHT ...]
python recipes/bundled.py some runs/bundled ablation/all.parquet
python recipes/bundled.py start RUN_OR_WEIGHTS start.safetensors
python recipes/bundled.py distil runs/bundled labels_both.parquet teacher.parquet [MORE ...]
python recipes/bundled.py ship runs/bundled src/fiqa/weights fiqa-large
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingRegressor
from torch.nn.functional import adaptive_avg_pool2d

from fiqa.data.embeddings import read_embeddings
from fiqa.data.quality import read_quality
from fiqa.data.tables import write_table
from fiqa.faces.factors import REASON_BELOW
from fiqa.functional.calibration import Calibration
from fiqa.nets.catalog import read_state
from fiqa.nets.mobilefacenet import MobileFaceNet
from fiqa.runtime.cards import card_path, read_card, write_card
from fiqa.runtime.embedded import with_card
from fiqa.training.run_folder import best_of

WEIGHTS = {"similarity_a": 1.0, "similarity_b": 1.0}
"""What a rank by each teacher counts in the label: the recognizers' mated similarities alone teach
best (recipes/bundled_ablation.sh)."""
NOT_A_FACE = "not_a_face"
FLOOR = 0.1
"""The worst face's label; a picture without a face has 0."""
SAME = 0.15
"""A clean image whose similarity to the centre of the others of its person is under this shows
somebody else."""
STEP = 0.1
"""How much a label falls at least over the whole of a ladder."""

MEDIAN, LOW = (0.5, 80.0), (0.02, 25.0)
"""(quantile of the clean faces held out, what it gets on 0..100): two points decide the
calibration."""

Floats = NDArray[np.float64]


class Rows:
    """The ids of all images, taken apart: PERSON/IMAGE~KIND.jpg.

    `base` is the row of the clean image, -1 where there is no face.
    """

    def __init__(self, ids: NDArray[np.str_]) -> None:
        self.id = ids
        names = [name.removesuffix(".jpg").split("~") for name in ids.tolist()]
        self.person = np.array([name[0].split("/")[0] for name in names])
        self.kind = np.array([name[-1] if len(name) > 1 else "" for name in names])
        clean = {name[0]: row for row, name in enumerate(names) if name[-1] == "clean"}
        self.base = np.array([clean.get(name[0], -1) for name in names])
        self.face = self.person != NOT_A_FACE
        self.clean = self.kind == "clean"
        self.code = np.unique(self.person, return_inverse=True)[1]

    def strength(self) -> Floats:
        """0 for clean, the strength for a step of a ladder, NaN for what has no known order."""
        steps = [
            float(kind.split("-")[1]) if "-" in kind else np.nan for kind in self.kind.tolist()
        ]
        return np.where(self.clean, 0.0, np.array(steps))


def to_centre(rows: Rows, vector: Floats) -> Floats:
    """Similarity to the centre of the other clean images of the person; NaN with fewer than two.

    Half of the person's own mean is taken out.

    Clean images that are somebody else's (SAME) are no part of a centre, and have no similarity of
    their own.
    """
    people = int(rows.code.max()) + 1
    kept = rows.clean & rows.face & np.isfinite(vector[:, 0])
    vector = np.nan_to_num(vector)
    # Twice: the second centre is made without the images that the first showed to be others'.
    for _ in range(2):
        total = np.zeros((people, vector.shape[1]))
        np.add.at(total, rows.code[kept], vector[kept])
        others = total[rows.code] - np.where(kept[rows.base], 1.0, 0.0)[:, None] * vector[rows.base]
        count = np.bincount(rows.code[kept], minlength=people)[rows.code] - kept[rows.base]
        length = np.linalg.norm(others, axis=1)
        similarity = np.where(
            (count >= 2) & rows.face, (others * vector).sum(1) / np.maximum(length, 1e-9), np.nan
        )
        kept = kept & ~(similarity < SAME)
    similarity[~kept[rows.base] | ~vector.any(1)] = np.nan
    measured = rows.clean & np.isfinite(similarity)
    mean = np.bincount(rows.code[measured], similarity[measured], people) / np.maximum(
        np.bincount(rows.code[measured], minlength=people), 1
    )
    return similarity - 0.5 * (mean[rows.code] - similarity[measured].mean())


def filled(rows: Rows, target: Floats, hints: Floats) -> Floats:
    """Similarities, the missing ones estimated from what is known of every image.

    Missing are those of people with too few images.
    """
    measured = np.isfinite(target) & rows.face
    if measured[rows.face].all():
        return target
    model = HistGradientBoostingRegressor(max_iter=200, random_state=0).fit(
        hints[measured], target[measured]
    )
    return np.where(measured, target, model.predict(hints))


def targets(out: Path, file: str, weights: dict[str, float]) -> None:
    """Writes the label of every image that A looked at.

    It is the weighted mean of its ranks by the teachers, lower along every ladder.

    B, which is slow, looked at the clean images alone: what it would say of the copies is
    estimated.
    """
    a, b = (read_embeddings(out / f"{name}.npz") for name in "ab")
    light = read_quality(out / "lightqnet.parquet")
    rows = Rows(a.id)
    place = {name: row for row, name in enumerate(b.id.tolist())}
    at = np.array([place.get(name, -1) for name in a.id.tolist()])
    gap = np.where(at >= 0, 1.0, np.nan)
    vectors = {"a": a.vector.astype(np.float64), "b": b.vector[at] * gap[:, None]}
    norms = {"a": a.norm.astype(np.float64), "b": b.norm[at] * gap}
    said = {"norm": norms.get, "similarity": lambda name: to_centre(rows, vectors[name])}
    own = (vectors["a"] * vectors["a"][rows.base]).sum(1)
    hints = [
        light.at(rows.id),
        light.at(rows.id[rows.base]),
        norms["a"],
        norms["a"][rows.base],
        own,
    ]
    columns = []
    for teacher in weights:
        if teacher == "lightqnet":
            columns.append(read_quality(out / "lightqnet_optimized.parquet").at(rows.id))
        else:
            kind, name = teacher.split("_")
            columns.append(filled(rows, said[kind](name), np.stack(hints, 1)))
    save(rows, descending(rows, ranked(rows, columns, list(weights.values()))), out / file)


def ranked(
    rows: Rows, columns: Sequence[NDArray[np.floating]], weights: Sequence[float] | None = None
) -> Floats:
    """The weighted mean of the faces' ranks by several columns (N,), brought to FLOOR..1.

    It is 0 where there is no face.
    """
    mean = np.average([rankdata(column[rows.face]) for column in columns], axis=0, weights=weights)
    label = np.zeros(len(rows.id))
    label[rows.face] = FLOOR + (1 - FLOOR) * (mean - mean.min()) / np.ptp(mean)
    return label


def descending(rows: Rows, label: Floats) -> Floats:
    """Labels that fall along every ladder by at least STEP times the strength.

    The order of everything else stays.
    """
    strength = rows.strength()
    result = label.copy()
    steps = np.flatnonzero(np.isfinite(strength) & (strength > 0))
    last: dict[int, int] = {}
    for row in steps[np.lexsort((strength[steps], rows.base[steps]))].tolist():
        base = int(rows.base[row])
        before = last.get(base, base)
        # Never under half of FLOOR: a face, however degraded, is more than no face.
        result[row] = max(
            min(result[row], result[before] - STEP * (strength[row] - strength[before])), FLOOR / 2
        )
        last[base] = row
    return result


def save(rows: Rows, label: Floats, file: Path) -> None:
    """A quality file."""
    write_table(pl.DataFrame({"id": rows.id, "raw": label.astype(np.float32)}), file)


def choose(out: Path) -> None:
    """Lists what the teachers look at: no faces, clean images, and two copies of each, drawn."""
    paths = np.array(sorted(map(str, (out / "faces").resolve().glob("*/*.jpg"))))
    rows = Rows(np.array(["/".join(path.split("/")[-2:]) for path in paths.tolist()]))
    draw = np.where(rows.clean | ~rows.face, -1.0, np.random.default_rng(105).random(len(paths)))
    # By clean image, itself first (-1), then its copies as drawn: the first three are taken.
    order = np.lexsort((draw, rows.base))
    start = np.searchsorted(rows.base[order], rows.base[order])
    keep = ~rows.face
    keep[order[np.arange(len(order)) - start < 3]] = True
    for name, chosen in (("taught", keep), ("clean", rows.clean)):
        (out / f"{name}.txt").write_text("".join(f"{path}\n" for path in paths[chosen].tolist()))


def some(file: Path) -> None:
    """Keeps the labels of a fifth of the people, drawn, for runs that are compared."""
    quality = read_quality(file)
    rows = Rows(quality.id)
    people = np.random.default_rng(0).permutation(np.unique(rows.person))
    kept = np.isin(rows.person, people[: int(0.2 * len(people))])
    save(Rows(quality.id[kept]), quality.value[kept].astype(np.float64), file)


KEPT = (0, 1, 2, 5, 6, 7, 8, 9, 12, 13)
"""The teacher's blocks that the student has too."""


def start(weights: Path, file: Path) -> None:
    """Writes where the student begins: the layers of a run or a recognizer.

    The last depthwise kernel is averaged down to the student's smaller map; layers of the student's
    own shape stay as they are.
    """
    if weights.is_dir():
        state = load_file(best_of(weights, "spearman")[0])
        layers = {
            name.removeprefix("backbone."): value
            for name, value in state.items()
            if name.startswith("backbone.")
        }
    else:
        state = read_state(weights)
        layers = {
            name: value for name, value in state.items() if not name.startswith(MobileFaceNet.LAST)
        }
    kernel = layers["gdconv.depthwise.weight"]
    if kernel.shape[-1] == 4:
        save_file(layers, file)
        return
    # A sum over fewer places keeps its size when each weight grows by as much.
    layers["gdconv.depthwise.weight"] = adaptive_avg_pool2d(kernel, 4) * (kernel.shape[-1] / 4) ** 2
    names = {f"features.{old}.": f"features.{new}." for new, old in enumerate(KEPT)}
    kept = {}
    for name, value in layers.items():
        block = (
            name[: name.index(".", len("features.")) + 1] if name.startswith("features.") else ""
        )
        if not block or block in names:
            kept[names.get(block, "") + name.removeprefix(block)] = value
    save_file(kept, file)


def distil(out: Path, file: str, scores: list[str]) -> None:
    """The student's labels: what the teacher says of every image, or the mean rank by several.

    They fall along every ladder, and are 0 where there is no face.
    """
    said = [read_quality(out / name) for name in scores]
    rows = Rows(said[0].id)
    values = [quality.at(rows.id).astype(np.float64) for quality in said]
    label = values[0] if len(values) == 1 else ranked(rows, values)
    save(rows, np.where(rows.face, descending(rows, label), 0.0), out / file)


def ship(out: Path, package: Path, name: str) -> None:
    """Puts a model into the package, with a card that a user understands.

    It is calibrated on clean faces; the card says data, terms and limits.
    """
    from fiqa.methods import card as card_of

    method = card_of(name)
    model, card = out / f"{name}.onnx", read_card(card_path(out / f"{name}.onnx"))
    scores = read_quality(out / f"{name}_clean.parquet")
    log = np.log([level / (100 - level) for _, level in (MEDIAN, LOW)])
    median, low = np.quantile(scores.value, [quantile for quantile, _ in (MEDIAN, LOW)]).tolist()
    width = (median - low) / float(log[0] - log[1])
    kept = (
        "validation mae",
        "validation spearman",
        "validation spearman_identity",
        "validation mae_factors",
    )
    outputs = [
        output.model_copy(update={"reason_below": REASON_BELOW})
        if output.role == "factors"
        else output
        for output in card.outputs
    ]
    told = {
        "outputs": tuple(outputs),
        "numbers": {name: value for name, value in card.numbers.items() if name in kept},
        "name": name,
        "calibration": Calibration(x0=median - width * float(log[0]), w=width),
        "license": (
            "Apache-2.0 (the weights; the images that they were trained on are for research)"
        ),
        "paper": method.paper,
        "source": f"recipes/bundled.sh of this project; {card.source.removeprefix('trained by ')}",
        "training_data": (
            "LFW, the people of peopleDevTrain.txt, and a web-collected set of 63 celebrities"
            " (pins): 20,089 aligned crops, each with four copies degraded on purpose, a third also"
            " under real light; 616 faces of 12 people under known lights (Extended Yale B); 1,000"
            " pictures without a face. No image of a person of peopleDevTest.txt."
            # where the recipe ran is nobody's concern
            f" {card.training_data.replace(str(out.resolve()), 'runs/bundled')}"
        ),
        "limits": method.limits,
    }
    package.mkdir(exist_ok=True)
    content, whole = with_card(model.read_bytes(), card.model_copy(update=told))
    (package / model.name).write_bytes(content)
    write_card(whole, card_path(package / model.name))


if __name__ == "__main__":
    command, place, *rest = sys.argv[1:]
    if command == "choose":
        choose(Path(place))
    elif command == "targets":
        targets(
            Path(place),
            rest[0],
            {k: float(v) for k, v in (pair.split("=") for pair in rest[1:])} or WEIGHTS,
        )
    elif command == "start":
        start(Path(place), Path(rest[0]))
    elif command == "some":
        some(Path(place) / rest[0])
    elif command == "ship":
        ship(Path(place), Path(rest[0]), rest[1])
    else:
        distil(Path(place), rest[0], rest[1:])
