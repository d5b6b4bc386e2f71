"""The parts of the bundled model's ensemble of teachers that are more than one command.

    python recipes/bundled_ensemble.py versions runs/bundled
    python recipes/bundled_ensemble.py people runs/bundled
    python recipes/bundled_ensemble.py opinions runs/bundled
    python recipes/bundled_ensemble.py labels runs/bundled labels_all.parquet SCORES.parquet ...
    python recipes/bundled_ensemble.py begin RUN large_start.safetensors

`versions` draws, twice, one version of every image of people with two or more: as it is or one of
its copies. So no face is compared with a copy of itself. `people` leaves out the images that show
somebody else, when the vectors are there. `opinions` lists what the teachers are asked about: clean
images, two copies of each (web and cabin, or its ladder), real light, and pictures without a face.
`labels` brings the teachers' mean order to the scale of the similarities that were measured.
`begin` takes a teacher's layers, where the large model begins.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from bundled import FLOOR, SAME, Floats, Rows, descending, ranked, save, to_centre
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from fiqa.data.embeddings import read_embeddings
from fiqa.data.quality import read_quality
from fiqa.nets.mobilefacenet import MobileFaceNet
from fiqa.training.run_folder import best_of

DRAWS = (201, 202)
"""Seeds of the two draws."""
CLEAN = 0.6
"""Share of the images that stay as they are."""
LADDERS = 0.5
"""Share of the images whose two copies are the steps of their ladder, not web and cabin."""
RECOGNIZERS = "ab"


def everything(out: Path) -> Rows:
    """The ids of all images that were written."""
    return Rows(
        np.array(
            sorted(f"{path.parent.name}/{path.name}" for path in (out / "faces").glob("*/*.jpg"))
        )
    )


def drawn(rows: Rows, seed: int) -> NDArray[np.intp]:
    """Rows of one version of every image; real light has no other version."""
    rng = np.random.default_rng(seed)
    alone = np.flatnonzero(rows.face & (rows.base < 0))
    copies: dict[int, list[int]] = {int(base): [] for base in np.flatnonzero(rows.clean)}
    for at in np.flatnonzero(rows.face & ~rows.clean & (rows.base >= 0)).tolist():
        copies[int(rows.base[at])].append(at)
    taken = [
        base if not mine or rng.random() < CLEAN else int(rng.choice(mine))
        for base, mine in copies.items()
    ]
    return np.sort(np.concatenate([alone, np.array(taken, np.intp)]))


def with_mates(rows: Rows, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of the rows whose person has two or more among them."""
    count = np.bincount(rows.code[chosen], minlength=int(rows.code.max()) + 1)
    return chosen[count[rows.code[chosen]] > 1]


def write_faces(out: Path, rows: Rows, chosen: NDArray[np.intp], name: str) -> None:
    """A manifest: path, id, identity."""
    ids = rows.id[chosen].tolist()
    root = (out / "faces").resolve()
    pl.DataFrame(
        {
            "path": [str(root / name) for name in ids],
            "id": ids,
            "identity": rows.person[chosen].tolist(),
        }
    ).write_csv(out / name)
    print(f"{name}: {len(ids)} images of {len(set(rows.person[chosen].tolist()))} people")


def versions(out: Path) -> None:
    """Writes versions.csv, what the recognizers look at: both draws and all clean images."""
    rows = everything(out)
    union = np.flatnonzero(rows.clean)
    for seed in DRAWS:
        union = np.union1d(union, drawn(rows, seed))
    write_faces(out, rows, with_mates(rows, union), "versions.csv")


def vectors_of(rows: Rows, out: Path, name: str) -> Floats:
    """(N,D) a recognizer's vectors of all rows, NaN where it did not look."""
    seen = read_embeddings(out / f"versions_{name}.npz")
    place = {text: at for at, text in enumerate(rows.id.tolist())}
    vector = np.full((len(rows.id), seen.vector.shape[1]), np.nan)
    vector[[place[text] for text in seen.id.tolist()]] = seen.vector
    return vector


def people(out: Path) -> None:
    """Writes teach_1.csv and teach_2.csv: the draws without images of other people."""
    rows = everything(out)
    vector = vectors_of(rows, out, "a")
    likeness = np.full(len(rows.id), np.nan)
    clean = rows.clean & np.isfinite(vector[:, 0])
    similarity = to_centre(rows, vector)
    likeness[clean] = similarity[clean]
    # Real light knows no clean image of its person; nobody else is there.
    wrong = (
        (rows.base >= 0)
        & ~np.isfinite(likeness[rows.base])
        & (np.bincount(rows.code[clean], minlength=int(rows.code.max()) + 1)[rows.code] > 2)
    )
    print(f"{int((wrong & rows.clean).sum())} images show somebody else (similarity under {SAME})")
    for number, seed in enumerate(DRAWS, 1):
        chosen = drawn(rows, seed)
        chosen = with_mates(rows, chosen[~wrong[chosen]])
        write_faces(out, rows, chosen, f"teach_{number}.csv")


def opinions(out: Path) -> None:
    """Writes opinions.txt, the paths of what the teachers are asked about."""
    rows = everything(out)
    ladder = np.isfinite(rows.strength()) & ~rows.clean
    # A ladder is of use when both of its steps are there.
    climbs = np.random.default_rng(203).random(len(rows.id))[rows.base] < LADDERS
    keep = ~rows.face | rows.clean | (rows.kind == "light") | (ladder == climbs)
    root = (out / "faces").resolve()
    (out / "opinions.txt").write_text(
        "".join(f"{root / text}\n" for text in rows.id[keep].tolist())
    )
    print(f"opinions.txt: {int(keep.sum())} images")


def measured(out: Path) -> Floats:
    """Sorted mean similarities of faces to the center of their person, over the recognizers."""
    rows = everything(out)
    said = np.stack([to_centre(rows, vectors_of(rows, out, name)) for name in RECOGNIZERS])
    mean = said.mean(0)
    return np.sort(mean[np.isfinite(mean)])


def labels(out: Path, file: str, scores: list[str]) -> None:
    """Writes the label of every image: the teachers' mean rank on the scale of similarities.

    It falls along every ladder; the worst face has FLOOR, a picture without a face 0.
    """
    said = [read_quality(out / name) for name in scores]
    rows = Rows(said[0].id)
    label = ranked(rows, [quality.at(rows.id).astype(np.float64) for quality in said])
    order = np.argsort(np.argsort(label[rows.face])) / max(int(rows.face.sum()) - 1, 1)
    scale = measured(out)
    low, high = np.quantile(scale, [0.001, 0.999]).tolist()
    value = np.clip((np.quantile(scale, order) - low) / (high - low), 0, 1)
    label[rows.face] = FLOOR + (1 - FLOOR) * value
    save(rows, np.where(rows.face, descending(rows, label), 0.0), out / file)


def begin(run: Path, file: Path) -> None:
    """Writes the layers of a run's backbone, without its vector."""
    layers = {
        name.removeprefix("backbone."): value
        for name, value in load_file(best_of(run, "step")[0]).items()
        if name.startswith("backbone.")
    }
    kept = {
        name: value for name, value in layers.items() if not name.startswith(MobileFaceNet.LAST)
    }
    save_file(kept, file)


if __name__ == "__main__":
    command, place, *rest = sys.argv[1:]
    if command == "versions":
        versions(Path(place))
    elif command == "people":
        people(Path(place))
    elif command == "opinions":
        opinions(Path(place))
    elif command == "labels":
        labels(Path(place), rest[0], rest[1:])
    elif command == "begin":
        begin(Path(place), Path(rest[0]))
    else:
        sys.exit(__doc__)
