"""The parts of recipes/compare.sh: every method on the same crops, by the same protocol.

    python recipes/compare.py sets DATA OUT
    python recipes/compare.py scores DATA OUT
    python recipes/compare.py tables DATA OUT
    python recipes/compare.py cost DATA OUT
    python recipes/compare.py seeds DATA OUT

- sets: the test sets clean and degraded, recognizers A and B, and their vectors.
- scores: OUT/scores_{clean,degraded}/METHOD.parquet; those that are there stay.
- tables: prints the tables and writes OUT/report_{clean,degraded}/index.html.
- cost: prints time and memory, all methods in one run, as ratios to LightQNet dm100.
- seeds: prints how much of a random method's score, and of a training's area, is chance.

Trained models are OUT/models/NAME.onnx, the same with other seeds OUT/models/seeds/NAME.SEED.onnx.
The probes ask OUT/recognizer_a.pt. FROQ chooses its layers by SER-FIQ's scores of 240 images of
people who are not in the test. FaceQAN takes a second a face: it scores `few` alone, and is
compared on those. What label optimization does to each is recipes/compare_labels.py.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from bundled_peers import BUNDLED
from bundled_peers import crops as test_sets
from cost_of import loader, memory, one_thread
from curves import interval
from splits import LFW, PINS, needs, training, write_recognizers

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image
from fiqa.data.quality import join_quality, read_quality
from fiqa.errors import FiqaError
from fiqa.evaluation.result import Evaluation
from fiqa.functional.spread import spread, stretched
from fiqa.functional.table import Table
from fiqa.scoring.run import plan, write_scores
from fiqa.types import Faces, Manifest, Quality

FIRST = "lightqnet-dm100"
PROBES: dict[str, dict[str, Any]] = {
    "norm": {},
    "grafiqs": {},
    "ser_fiq": {"dropout": 0.4},
    "froq": {},
    "faceqan": {},
}
NAMES = {"norm": "norm of A"}
"""What a file's scores are called in the tables."""
SETS = ("clean", "degraded")
FEW = 240
"""Faces that FaceQAN scores, at least: about four minutes of one core a set.

Fewer than 46 would not resolve an FMR of .001.
"""
REFERENCE = 240
STUDENT = "sdd_fiqa"
"""Recognizer A with a linear output: what a score costs once its labels are transferred to that
network."""
ROUNDS, FACES = 7, 4
"""Rounds of timing, turn about, and faces of each in a round."""
SAMPLES = {"ser_fiq": (64, 5), "faceqan": (16, 3)}
"""Faces and seeds for the share of chance."""


def sets(data: Path, out: Path) -> None:
    """Makes the two test sets, and A's and B's vectors of them."""
    write_recognizers(data, out)
    for name, source in test_sets(data, out).items():
        (out / f"scores_{name}").mkdir(exist_ok=True)
        for r in "ab":
            target = out / f"scores_{name}" / f"{r}.npz"
            if not target.is_file():
                fiqa.embed(source, recognizer=out / f"recognizer_{r}.onnx", out=target)


def models(data: Path, out: Path) -> dict[str, dict[str, Any]]:
    """Name -> what fiqa.load takes, for every method that can be scored here; the slow one last."""
    ways: dict[str, dict[str, Any]] = {
        FIRST: {"model": str(data / "models/lightqnet-dm100.pb")},
        **{name: {"model": model} for name, model in BUNDLED.items()},
        "analytic": {"model": "analytic"},
        "laplacian": {"model": "laplacian"},
    }
    ways |= {path.stem: {"model": str(path)} for path in sorted((out / "models").glob("*.onnx"))}
    probe = out / "recognizer_a.pt"
    if probe.is_file():
        ways |= {
            name: {"model": name, "recognizer": str(probe), "settings": dict(more)}
            for name, more in PROBES.items()
        }
        ways["froq"]["settings"]["reference"] = str(out / "froq_reference.parquet")
    return ways


def reference(data: Path, out: Path) -> None:
    """Scores the faces by which FROQ chooses its layers.

    They are every k-th image of people who are not in the test.
    """
    target = out / "froq_reference.parquet"
    if not target.is_file():
        paths = [
            str(path.resolve())
            for folder in training(data)
            for path in sorted(folder.glob("*.jpg"))
        ]
        chosen = paths[:: max(len(paths) // REFERENCE, 1)][:REFERENCE]
        probe = {"recognizer": str(out / "recognizer_a.pt"), "settings": PROBES["ser_fiq"]}
        fiqa.score(chosen, model="ser_fiq", aligned=True, **probe).select(
            "id", "path", "raw"
        ).write_parquet(target)


def few(paths: Iterable[Path]) -> list[Path]:
    """Returns FaceQAN's faces: the images of people with two to six of them.

    People are drawn with seed 0 until there are FEW images.
    """
    people: dict[str, list[Path]] = {}
    for path in sorted(paths):
        people.setdefault(path.parent.name, []).append(path)
    names = [name for name, images in sorted(people.items()) if 2 <= len(images) <= 6]
    chosen: list[Path] = []
    for row in np.random.default_rng(0).permutation(len(names)).tolist():
        if len(chosen) >= FEW:
            break
        chosen += people[names[row]]
    return chosen


def images(out: Path, name: str) -> list[Path]:
    """The crops of a test set."""
    if name == "clean":
        return [Path(line) for line in (out / "clean.txt").read_text().splitlines()]
    return sorted((out / name).glob("*/*.jpg"))


def scores(data: Path, out: Path) -> None:
    """Scores both sets by every method, one file each.

    What is there stays if it is of the same images, model and settings.
    """
    if (out / "recognizer_a.pt").is_file():
        reference(data, out)
    others = {
        f"seeds/{file.stem}": {"model": str(file)}
        for file in sorted((out / "models/seeds").glob("*.onnx"))
    }
    for method, way in (models(data, out) | others).items():
        for name in SETS:
            target = out / f"scores_{name}" / f"{method}.parquet"
            target.parent.mkdir(exist_ok=True)
            start = time.process_time()
            paths = images(out, name)
            chosen = few(paths) if method == "faceqan" else paths
            done = write_scores(
                plan([str(path) for path in chosen], aligned=True, workers=1, **way), target
            )
            if not done.current:
                print(
                    f"{method}, {name}: {len(chosen)} faces, {time.process_time() - start:.0f} s"
                    " of CPU",
                    flush=True,
                )


def qualities(data: Path, out: Path, name: str, vectors: Mapping[str, Any]) -> list[Quality]:
    """Every score of a set, raw, LightQNet's first.

    With the length of B's vector, and FaceQnet's published scores of the clean images.
    """
    files = sorted(
        (out / f"scores_{name}").glob("*.parquet"), key=lambda file: (file.stem != FIRST, file.stem)
    )
    scores = [read_quality(file, method=NAMES.get(file.stem, file.stem)) for file in files]
    scores.append(Quality(vectors["b"].id, vectors["b"].norm, "norm of B"))
    published = data / "lfw/faceqnet_v1_scores.csv"
    if name == "clean" and published.is_file():
        table = read_quality(published, method="FaceQnet v1, published")
        scores.append(join_quality(table, vectors["a"].id, match="stem").quality)
    return scores


def evaluated(
    scores: list[Quality], vectors: Mapping[str, Any], out: Path | None, draws: int = 200
) -> Evaluation:
    """What evaluate says of the images that all have, people being the folders of the ids."""
    common = set.intersection(*(set(quality.id.tolist()) for quality in scores))
    ids = np.array([name for name in vectors["a"].id.tolist() if name in common])
    faces = Manifest(ids, ids, np.array([name.split("/")[0] for name in ids.tolist()]))
    return fiqa.evaluate(
        scores, list(vectors.values()), faces=faces, fmr=1e-3, draws=draws, out=out
    )


def table(name: str, title: str, result: Evaluation) -> Table:
    """A row per score: areas under A and B, and spread.

    A star marks a score without a scale: its own percentiles stand in for one.
    """
    wide = {
        score.name: (score.spread or spread(stretched(score.value)), "*" * (score.unit is None))
        for score in result.scores
    }
    rows: list[list[Any]] = []
    for curve in result.recognizers[0].curves:
        row: list[Any] = [curve.name]
        for recognizer in result.recognizers:
            areas = result.curve(curve.name, recognizer.name).areas
            row += [interval(areas[limit, "start"]) for limit in (0.3, 0.95)]
        # Random and oracle are no scores and have no spread.
        own, mark = wide.get(curve.name, (None, ""))
        row += ["", ""] if own is None else [f"{own.q90_q10:.2f}{mark}", f"{own.entropy:.2f}{mark}"]
        rows.append(row)
    rows.sort(key=lambda row: str(row[1]))
    heads = ["score", "A, to .3", "A, to .95", "B, to .3", "B, to .95", "q90 - q10", "entropy"]
    return Table(name, title, heads, rows)


def counts(result: Evaluation) -> str:
    """What the areas stand on."""
    told = [f"{result.counts['images']} images"]
    for letter, recognizer in zip("AB", result.recognizers, strict=False):
        numbers = recognizer.counts
        told.append(
            f"{letter}: {numbers['errors']:.0f} errors of {numbers['mated']:.0f} mated pairs,"
            f" threshold {recognizer.threshold:.3f}"
        )
    return "; ".join(told)


def tables(data: Path, out: Path) -> None:
    """Prints a table for each set.

    A score that lacks images gets a table of its own, against the first and the bundled model on
    the images that it has.
    """
    for name in SETS:
        vectors = {r: read_embeddings(out / f"scores_{name}" / f"{r}.npz") for r in "ab"}
        scores = qualities(data, out, name, vectors)
        complete = [quality for quality in scores if len(quality) == len(vectors["a"].id)]
        groups = {name: complete}
        for quality in scores:
            if len(quality) < len(vectors["a"].id):
                peers = [quality for quality in complete if quality.method in (FIRST, *BUNDLED)]
                groups[f"{name}, {len(quality)} images that {quality.method} has"] = [
                    *peers,
                    quality,
                ]
        for title, chosen in groups.items():
            try:
                result = evaluated(
                    chosen, vectors, out / f"report_{name}" if title == name else None
                )
            except FiqaError as error:
                print(f"\n**{title}**: not evaluated. {error}\n")
                continue
            print(
                f"\n{table(name, f'{title} ({counts(result)})', result).markdown()}\n", flush=True
            )


def cost(data: Path, out: Path) -> None:
    """Prints ms per face on one thread, and the peak memory of a process of its own.

    Time is the median of rounds, turn about, one face at a time.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    one_thread()
    if (out / "recognizer_a.pt").is_file():
        reference(data, out)
    ways = models(data, out)
    faces = np.stack([read_image(path).pixels for path in images(out, "clean")[:FACES]])
    loaded = {name: loader(way) for name, way in ways.items()}
    took: dict[str, list[float]] = {name: [] for name in loaded}
    for round_ in range(ROUNDS):
        for name, scorer in loaded.items():
            many = faces[:1] if name == "faceqan" else faces
            # Seconds a face: three rounds of one are enough, the others would take minutes.
            if name == "faceqan" and round_ > 2:
                continue
            start = time.perf_counter()
            for crop in many:
                scorer.score(Faces(crop[None]))
            took[name].append(1000 * (time.perf_counter() - start) / len(many))
    # The first round warms caches up.
    middle = {name: float(np.median(values[1:])) for name, values in took.items()}
    ratios = ", ".join(f"{name} {ms / middle[FIRST]:.2f}" for name, ms in middle.items())
    print(f"LightQNet dm100: {middle[FIRST]:.2f} ms a face; ratios: {ratios}\n", flush=True)
    peak = {name: memory(way, images(out, "clean")[0]) for name, way in ways.items()}
    student = middle.get(STUDENT, float("nan"))
    rows = [
        [name, ms / middle[FIRST], ms / student, peak[name], peak[name] / peak[FIRST]]
        for name, ms in middle.items()
    ]
    rows.sort(key=lambda row: float(row[1]))
    heads = [
        "method",
        "time, of LightQNet",
        "of a student",
        "peak MiB of the process",
        "of LightQNet",
    ]
    print(Table("cost", "Cost", heads, rows, digits=2).markdown())


def seeds(data: Path, out: Path) -> None:
    """Prints what chance does to a random method's score, and other seeds to an area."""
    one_thread()
    paths = images(out, "clean")
    rows: list[list[Any]] = []
    for name, (count, tries) in SAMPLES.items():
        crops = np.stack(
            [read_image(path).pixels for path in paths[:: len(paths) // count][:count]]
        )
        spread = loader(models(data, out)[name]).seed_spread(crops, seeds=tries)
        rows.append([name, len(crops), tries, f"{spread.share:.3f}"])
    print(
        Table(
            "seeds", "Seeds", ["method", "faces", "seeds", "share of the variance"], rows
        ).markdown(),
        flush=True,
    )
    for name in SETS:
        print(f"\n{trainings(out, name).markdown()}\n", flush=True)


def trainings(out: Path, name: str) -> Table:
    """The areas of a set by the seed of the training, 0 first."""
    folder = out / f"scores_{name}"
    vectors = {r: read_embeddings(folder / f"{r}.npz") for r in "ab"}
    others = sorted((folder / "seeds").glob("*.parquet"))
    methods = sorted({file.stem.split(".")[0] for file in others})
    files = [*(folder / f"{method}.parquet" for method in methods), *others]
    runs = [read_quality(file, method=file.stem) for file in files]
    columns = [(r, limit) for r in vectors for limit in (0.3, 0.95)]
    heads = ["method", *(f"{r.upper()}, to {limit:g}" for r, limit in columns)]
    rows: list[list[Any]] = []
    result = evaluated(runs, vectors, None, draws=0) if runs else None
    for method in methods if result else []:
        names = [run.method for run in runs if run.method.split(".")[0] == method]
        areas = [
            [result.curve(run, vectors[r].recognizer).areas[limit, "start"] for run in names]
            for r, limit in columns
        ]
        rows.append([method, *(" / ".join(interval(area) for area in column) for column in areas)])
    return Table("trainings", f"{name}, by the seed of the training", heads, rows)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        parts = {"sets": sets, "scores": scores, "tables": tables, "cost": cost, "seeds": seeds}
        needs(Path(sys.argv[2]), *LFW, *PINS, "models/recognizer_a.pt", "models/yunet.onnx")
        parts[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(__doc__)
