"""The parts of recipes/label_transfer.sh that are more than one command: spoiled test images, and the tables.

python recipes/label_transfer.py spoil runs/transfer
python recipes/label_transfer.py labels runs/transfer
python recipes/label_transfer.py tables runs/transfer
python recipes/label_transfer.py times runs/transfer ../shared/data/models/lightqnet-dm100.pb
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image, write_image
from fiqa.data.pairs import mated_pairs
from fiqa.data.quality import read_quality
from fiqa.data.store import read_sidecar
from fiqa.faces.degrade import random_degradation
from fiqa.functional.bootstrap import Band, band_of
from fiqa.functional.edc import curve_at, pair_quality
from fiqa.functional.similarity import pair_similarity
from fiqa.report.tables import Table
from fiqa.types import Faces

SPOIL_SEED = 7
FMR, DRAWS, LEVEL = 1e-3, 200, 0.95
LIMITS = (0.3, 0.95)
SETS = ("lfw", "spoiled")
RECOGNIZERS = {"a": "same recognizer", "b": "other recognizer"}
METHODS = ("analytic", "lightqnet", "cr_fiqa")
OWN_SCORE = ("analytic", "lightqnet")
"""Methods that score a crop by themselves; the score of another is its student, the regressor on its labels."""


def spoil(out: Path) -> None:
    """Writes a copy of every test image as a camera of the preset web might deliver it, and their manifest."""
    known = pl.read_csv(out / "test.csv")
    paths = []
    for source, name in known.select("path", "id").iter_rows():
        place = out / "spoiled/faces" / f"{name}.png"
        paths.append(str(place))
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            clean = Faces(read_image(source).pixels[None])
            write_image(place, np.asarray(random_degradation(clean, "web", seed=SPOIL_SEED).crops[0]))
    known.with_columns(path=pl.Series(paths)).write_csv(out / "spoiled/faces.csv")


def labels(out: Path) -> None:
    """Prints how far optimizing has moved the labels."""
    rows = []
    for method in METHODS:
        found = (read_sidecar(out / "optimized" / f"{method}.parquet") or {})["found"]
        keys = (
            "mean_absolute_move",
            "largest_move",
            "rank_agreement_old_new",
            "mated_agreement_before",
            "mated_agreement_after",
        )
        rows.append([method, found["images"], *(found[key] for key in keys)])
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
        Table("labels", "Labels before and after; moves are fractions of the ranks", columns, rows, digits=4).markdown()
    )


@dataclass(frozen=True)
class Area:
    """An area x 10^3 (mean over the seeds of a regressor) and its resamples (R,)."""

    value: float
    drawn: NDArray[np.float64]

    def __sub__(self, other: Area) -> Area:
        return Area(self.value - other.value, self.drawn - other.drawn)

    def text(self, sign: str = "") -> str:
        """The value with its interval."""
        low, high = np.quantile(self.drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        return f"{self.value:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"


@dataclass(frozen=True)
class Test:
    """One set under one recognizer: the mated pairs and the threshold of the wanted FMR on all non-mated pairs."""

    name: str
    ids: NDArray[np.str_]
    mated: NDArray[np.int64]
    code: NDArray[np.int64]
    similarity: NDArray[np.float32]
    threshold: float
    nonmated: int
    errors: int

    @classmethod
    def of(cls, folder: Path, recognizer: str) -> Test:
        """Reads a set."""
        faces = pl.read_csv(folder / "faces.csv")
        vectors = read_embeddings(folder / "embeddings" / f"{recognizer}.npz")
        found = fiqa.evaluate("norm", vectors, faces=folder / "faces.csv", fmr=FMR, draws=0).recognizers[0]
        person = dict(faces.select("id", "identity").iter_rows())
        who = np.array([person[name] for name in vectors.id.tolist()])
        mated = mated_pairs(who).index
        similarity = pair_similarity(vectors.vector, mated)
        counts = found.counts
        code = np.unique(who[mated[:, 0]], return_inverse=True)[1]
        name = f"{folder.name} {recognizer}"
        return cls(
            name, vectors.id, mated, code, similarity, found.threshold, int(counts["nonmated"]), int(counts["errors"])
        )

    def band(self, scores: Path) -> Band:
        """The discard curve of a file of scores, with its resamples; the same resamples for every file."""
        value = read_quality(scores).at(self.ids)
        worst = pair_quality(value[self.mated])
        curve = curve_at(self.similarity, worst, self.threshold, fmr=FMR, nonmated=self.nonmated, protocol="iso")
        return band_of(curve, self.similarity, worst, self.code, draws=DRAWS, level=LEVEL)

    def note(self) -> str:
        """Counts."""
        share = self.errors / len(self.mated)
        return f"{self.name}: {self.errors} errors of {len(self.mated)} mated pairs (FNMR {share:.4f}), {self.nonmated} non-mated"


def area(bands: list[Band], upto: float) -> Area:
    """The mean area of some curves x 10^3; a band's areas are at every 200th."""
    drawn = np.mean([band.areas[:, round(200 * upto)] for band in bands], axis=0)
    return Area(1000 * float(np.mean([band.curve.area(upto) for band in bands])), 1000 * drawn)


def regressors(quality: Path, method: str, kind: str) -> list[Path]:
    """Score files of the regressors of all seeds."""
    return sorted(
        path for path in quality.glob(f"{method}.{kind}.*.parquet") if re.fullmatch(r"\d+", path.stem.split(".")[-1])
    )


def curves(folder: Path, test: Test) -> dict[tuple[str, str], list[Band]]:
    """(method, baseline, prior or optimized) -> its curves."""
    quality = folder / "quality"
    found = {}
    for method in METHODS:
        for kind in ("prior", "optimized"):
            found[method, kind] = [test.band(path) for path in regressors(quality, method, kind)]
        own = [test.band(quality / f"{method}.baseline.parquet")] if method in OWN_SCORE else found[method, "prior"]
        found[method, "baseline"] = own
    return found


def tables(out: Path) -> None:
    """Prints Tables I to III, and how much two seeds differ."""
    tests = {(name, r): Test.of(out / name, r) for name in SETS for r in RECOGNIZERS}
    bands = {(name, r): curves(out / name, test) for (name, r), test in tests.items()}
    note = (
        f"Raw area x 10^3 under the discard curve (iso, FMR {FMR:g}), 95 % intervals over people ({DRAWS} resamples). "
        + "; ".join(test.note() for test in tests.values())
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
            change = [_change(bands[name, recognizer], method, "optimized", "baseline", limit) for name in SETS]
            rows.append([method, "change", *change])
        yield Table(f"table_{number}", f"Table {number}, {title}, area to {limit:g}", ["method", "labels", *SETS], rows)


def _ablation(bands: Bands, limit: float) -> Table:
    rows = []
    for method in METHODS:
        for kind in ("prior", "change"):
            cells = [
                area(one[method, "prior"], limit).text()
                if kind == "prior"
                else _change(one, method, "optimized", "prior", limit)
                for one in bands.values()
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
            values = [[1000 * band.curve.area(limit) for band in one[method, kind]] for one in bands.values()]
            rows.append([method, kind, *(" / ".join(f"{value:.2f}" for value in each) for each in values)])
    columns = ["method", "labels", *(" ".join(key) for key in bands)]
    return Table("seeds", f"The regressors one by one, a number for each seed, area to {limit:g}", columns, rows)


def _change(one: Mapping[tuple[str, str], list[Band]], method: str, new: str, old: str, limit: float) -> str:
    return (area(one[method, new], limit) - area(one[method, old], limit)).text("+")


def times(out: Path, lightqnet: Path) -> None:
    """Prints Table IV: time per image of each method and of the regressor, turn about in one process."""
    files = pl.read_csv(out / "test.csv")["path"].to_list()[:32]
    crops = np.stack([read_image(file).pixels for file in files])
    scorers = {
        "regressor": fiqa.load(next((out / "models").glob("*.onnx"))),
        "analytic": fiqa.load("analytic"),
        "lightqnet": fiqa.load(lightqnet),
    }
    took: dict[str, list[float]] = {name: [] for name in scorers}
    for round_ in range(5):
        for name, scorer in scorers.items():
            passed = _seconds(scorer.score, crops)
            if round_:
                took[name].append(1000 * passed / len(crops))
    middle = {name: float(np.median(values)) for name, values in took.items()}
    rows = [[name, middle[name], middle["regressor"], middle[name] / middle["regressor"]] for name in OWN_SCORE]
    rows.append(["cr_fiqa (its student is the regressor)", middle["regressor"], middle["regressor"], 1.0])
    print(
        Table(
            "table_IV",
            "Table IV, milliseconds per image, one by one",
            ["method", "before", "after", "before / after"],
            rows,
            digits=2,
        ).markdown()
    )


def _seconds(score: Callable[[Faces], object], crops: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    for crop in crops:
        score(Faces(crop[None]))
    return time.perf_counter() - start


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    {"spoil": spoil, "labels": labels, "tables": tables, "times": times}[sys.argv[1]](*map(Path, sys.argv[2:]))
