"""The parts of recipes/label_transfer.sh that are more than one command: test images, tables.

python recipes/label_transfer.py sets runs/transfer
python recipes/label_transfer.py labels runs/transfer
python recipes/label_transfer.py heads runs/transfer
python recipes/label_transfer.py tables runs/transfer SEED ...
python recipes/label_transfer.py times runs/transfer ../shared/data/models/lightqnet-dm100.pb
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from curves import DRAWS, FMR, HEADS, Test, area, head, lower_in, raw_vectors
from numpy.typing import NDArray

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image, write_image
from fiqa.data.names import find_ids
from fiqa.data.quality import read_quality
from fiqa.data.store import read_sidecar
from fiqa.data.tables import write_table
from fiqa.data.times import read_times
from fiqa.evaluation.papers.run_times import run_time_table
from fiqa.faces.degrade import random_degradation
from fiqa.functional.agreement import spearman
from fiqa.functional.bootstrap import Band
from fiqa.functional.table import Table
from fiqa.methods.label_optimization import optimize_labels
from fiqa.types import Faces

DEGRADE_SEED = 7
LIMITS = (0.3, 0.95)
SETS = ("lfw", "degraded")
RECOGNIZERS = {"a": "same recognizer", "b": "other recognizer"}
METHODS = ("analytic", "lightqnet", "cr_fiqa")
TIMED, ROUNDS = 32, 4
"""Images that are timed, and how often each."""
THETAS = (0.0, 0.001, 0.005, 0.02)
OWN_SCORE = ("analytic", "lightqnet")
"""Methods that score a crop by themselves; the score of another is its student, the regressor on
its labels."""


def sets(out: Path) -> None:
    """Writes the manifests of the two test sets and of their scored images; makes the copies.

    Scored are people with two images or more; the degraded copies are as a camera of the preset
    web might deliver them.
    """
    table = pl.read_csv(out / "test.csv")
    paths = []
    for source, name in table.select("path", "id").iter_rows():
        place = out / "degraded/faces" / f"{name}.png"
        paths.append(str(place))
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            clean = Faces(read_image(source).pixels[None])
            write_image(
                place, np.asarray(random_degradation(clean, "web", seed=DEGRADE_SEED).crops[0])
            )
    mated = pl.col("identity").is_duplicated()
    for folder, faces in (("lfw", table), ("degraded", table.with_columns(path=pl.Series(paths)))):
        faces.write_csv(out / folder / "faces.csv")
        faces.filter(mated).write_csv(out / folder / "scored.csv")


def labels(out: Path) -> None:
    """Prints how far optimizing has moved the labels."""
    rows = []
    for method in METHODS:
        numbers = (read_sidecar(out / "optimized" / f"{method}.parquet") or {})["found"]
        keys = (
            "mean_absolute_move",
            "largest_move",
            "rank_agreement_old_new",
            "mated_agreement_before",
            "mated_agreement_after",
        )
        rows.append([method, numbers["images"], *(numbers[key] for key in keys)])
    columns = [
        "prior",
        "images",
        "mean move",
        "largest move",
        "rho old, new",
        "rho with mated similarity before",
        "after",
    ]
    print(
        Table(
            "labels",
            "Labels before and after; moves are fractions of the ranks",
            columns,
            rows,
            digits=4,
        ).markdown()
    )


def read_test(out: Path, name: str, recognizer: str) -> Test:
    """Reads a set, with the threshold of all non-mated pairs of the images as they are.

    Degraded images are compared at it too, as in use: between themselves the worst are so alike
    that no threshold of theirs would let a mated pair pass.
    """
    faces = pl.read_csv(out / name / "faces.csv")
    clean, vectors = (
        read_embeddings(out / folder / "embeddings" / f"{recognizer}.npz")
        for folder in ("lfw", name)
    )
    result = fiqa.evaluate(
        "norm", clean, faces=out / "lfw/faces.csv", fmr=FMR, draws=0
    ).recognizers[0]
    person = dict(faces.select("id", "identity").iter_rows())
    who = np.array([person[name] for name in vectors.id.tolist()])
    return Test.of(
        f"{name} {recognizer}", vectors, who, result.threshold, int(result.counts["nonmated"])
    )


def regressors(quality: Path, method: str, kind: str, seeds: Sequence[str]) -> list[Path]:
    """Score files of the regressors of these seeds."""
    return [quality / f"{method}.{kind}.{seed}.parquet" for seed in seeds]


def curves(folder: Path, test: Test, seeds: Sequence[str]) -> dict[tuple[str, str], list[Band]]:
    """(method, baseline, prior or optimized) -> its curves."""
    quality = folder / "quality"
    bands = {}
    for method in METHODS:
        for kind in ("prior", "optimized"):
            bands[method, kind] = [
                test.band(path) for path in regressors(quality, method, kind, seeds)
            ]
        own = (
            [test.band(quality / f"{method}.baseline.parquet")]
            if method in OWN_SCORE
            else bands[method, "prior"]
        )
        bands[method, "baseline"] = own
    return bands


def heads(out: Path) -> None:
    """Prints what optimizing is worth where training is cheap.

    The recognizer stays as it is, and a linear output learns from its vectors, with five seeds.
    """
    embeddings = read_embeddings(out / "a.npz")
    people = pl.read_csv(out / "train.csv").select("id", "identity")
    rows = find_ids(people["id"].to_list(), embeddings.id)
    vectors = raw_vectors(embeddings, embeddings.id[rows])
    tests = {name: read_test(out, name, "b") for name in SETS}
    inputs = {
        name: raw_vectors(read_embeddings(out / name / "embeddings/a.npz"), test.ids)
        for name, test in tests.items()
    }
    lines = []
    for method in METHODS:
        label = read_quality(out / "prior" / f"{method}.parquet").at(embeddings.id[rows])
        before: list[list[Band]] = []
        for theta in THETAS:
            value = (
                optimize_labels(label, vectors, people["identity"].to_numpy(), theta=theta)
                if theta
                else label
            )
            layers = [head(vectors, value, seed) for seed in range(HEADS)]
            bands = [
                [test.band_of(layer(inputs[name])[test.mated]) for layer in layers]
                for name, test in tests.items()
            ]
            # The first theta is 0, the labels as they are: what all others are compared with.
            before = bands if not theta else before
            cells = [area(new, 0.95).text() for new in bands]
            change = [
                (area(new, 0.95) - area(old, 0.95)).text("+") if theta else ""
                for new, old in zip(bands, before, strict=True)
            ]
            lower = [
                lower_in(new, old) if theta else "" for new, old in zip(bands, before, strict=True)
            ]
            lines.append(
                [
                    method,
                    theta,
                    float(spearman(value, label)),
                    *(c for each in zip(cells, change, lower, strict=True) for c in each),
                ]
            )
    columns = [
        "prior",
        "theta",
        "rho with prior",
        *(f"{name} {what}" for name in SETS for what in ("area", "change", "lower in")),
    ]
    title = f"A linear output on the vectors of A, {len(rows)} images, judged under B, area to 0.95"
    print(Table("heads", title, columns, lines).markdown())


def tables(out: Path, *seeds: str) -> None:
    """Prints Tables I to III, and how much two seeds differ."""
    tests = {(name, r): read_test(out, name, r) for name in SETS for r in RECOGNIZERS}
    bands = {(name, r): curves(out / name, test, seeds) for (name, r), test in tests.items()}
    note = (
        f"Raw area x 10^3 under the discard curve (iso, FMR {FMR:g}), 95 % intervals over people"
        f" ({DRAWS} resamples). " + "; ".join(test.note() for test in tests.values())
    )
    for limit in LIMITS:
        for table in [*_main_tables(bands, limit), _ablation(bands, limit), _seeds(bands, limit)]:
            print(table.markdown())
    print(note)


Bands = Mapping[tuple[str, str], Mapping[tuple[str, str], list[Band]]]


def _main_tables(bands: Bands, limit: float) -> Iterator[Table]:
    for number, (recognizer, title) in zip(("I", "II"), RECOGNIZERS.items(), strict=True):
        rows = []
        for method in METHODS:
            for kind in ("baseline", "optimized"):
                cells = [area(bands[name, recognizer][method, kind], limit).text() for name in SETS]
                rows.append([method, kind, *cells])
            change = [
                _change(bands[name, recognizer], method, "optimized", "baseline", limit)
                for name in SETS
            ]
            rows.append([method, "change", *change])
        yield Table(
            f"table_{number}",
            f"Table {number}, {title}, area to {limit:g}",
            ["method", "labels", *SETS],
            rows,
        )


def _ablation(bands: Bands, limit: float) -> Table:
    rows = []
    for method in METHODS:
        for kind in ("prior", "change"):
            cells = [
                (
                    area(methods[method, "prior"], limit).text()
                    if kind == "prior"
                    else _change(methods, method, "optimized", "prior", limit)
                )
                for methods in bands.values()
            ]
            rows.append([method, kind, *cells])
    columns = ["method", "regressor on prior labels", *(" ".join(key) for key in bands)]
    return Table(
        "table_III",
        f"Table III, ablation: the same regressor, labels prior or optimized, area to {limit:g}",
        columns,
        rows,
    )


def _seeds(bands: Bands, limit: float) -> Table:
    rows = []
    for method in METHODS:
        for kind in ("prior", "optimized"):
            values = [
                [1000 * band.curve.area(limit) for band in methods[method, kind]]
                for methods in bands.values()
            ]
            rows.append(
                [method, kind, *(" / ".join(f"{value:.2f}" for value in each) for each in values)]
            )
    columns = ["method", "labels", *(" ".join(key) for key in bands)]
    return Table(
        "seeds",
        f"The regressors one by one, a number for each seed, area to {limit:g}",
        columns,
        rows,
    )


def _change(
    methods: Mapping[tuple[str, str], list[Band]], method: str, new: str, old: str, limit: float
) -> str:
    return (area(methods[method, new], limit) - area(methods[method, old], limit)).text("+")


def times(out: Path, lightqnet: str) -> None:
    """Writes OUT/times.csv, as `fiqa tables label-opt --times` reads it, and prints Table IV.

    Every method and the regressor are timed in turns on the same images, in one process.
    """
    table = pl.read_csv(out / "test.csv")[:TIMED]
    crops = [read_image(file).pixels for file in table["path"].to_list()]
    regressor = fiqa.load(next((out / "models").glob("*.onnx")))
    scorers = {"analytic": fiqa.load("analytic"), "lightqnet": fiqa.load(lightqnet)}
    took = timed({"regressor": regressor, **scorers}, crops)
    # A student of CR-FIQA's labels is CR-FIQA: before and after are the same regressor.
    named = {name: {"baseline": name, "optimized": "regressor"} for name in scorers}
    named["cr_fiqa"] = {"baseline": "regressor", "optimized": "regressor"}
    rows = [
        (f"{method}.{variant}", name, ms)
        for method, variants in named.items()
        for variant, scorer in variants.items()
        for calls in took[scorer]
        for name, ms in zip(table["id"].to_list(), calls, strict=True)
    ]
    frame = pl.DataFrame(rows, schema=["method", "id", "ms"], orient="row")
    write_table(frame, out / "times.csv")
    print(run_time_table(read_times(out / "times.csv"), draws=DRAWS).markdown())


def timed(
    scorers: Mapping[str, Any], crops: Sequence[NDArray[np.uint8]]
) -> dict[str, list[list[float]]]:
    """Name -> for each round the milliseconds of each crop; the scorers take turns."""
    took: dict[str, list[list[float]]] = {name: [] for name in scorers}
    for round_ in range(ROUNDS + 1):
        for name, scorer in scorers.items():
            calls = []
            for crop in crops:
                start = time.perf_counter()
                scorer.score(Faces(crop[None]))
                calls.append(1000 * (time.perf_counter() - start))
            # The first round warms caches up.
            if round_:
                took[name].append(calls)
    return took


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    {"sets": sets, "labels": labels, "heads": heads, "tables": tables, "times": times}[sys.argv[1]](
        Path(sys.argv[2]), *sys.argv[3:]
    )
