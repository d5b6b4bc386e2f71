"""How fast labels are made: label optimization over the paper's loop, and its memory.

CR-FIQA's ratio is here too.

The loop is written as the paper reads, with scikit-learn's K-Means and NumPy for the cosine of each
pair. It is timed on a few people and multiplied; that favors it, since its sort grows faster than
the number of images. Before anything is timed, both must give the same labels where nothing is
random (small data, every image its own cluster).

At full size: 100,000 x 512 against the loop, 310,000 x 512 mapped float16 for the memory. The part
`vggface2` of that data's size, 3.1 million x 512 of 9,000 people, writes 3.2 GB to the temporary
folder; it runs only where it is named.

Usage: python benchmarks/label_speed.py [--part memory] [--scale 0.1] [--quick]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench import Result, Setting, in_turns, main, ratio, timed
from numpy.typing import NDArray

from fiqa.methods.cr_fiqa import relative_classifiability
from fiqa.methods.label_optimization import LabelOptimizer, optimize_labels

EACH, WIDTH = 344, 512
"""Images per person (VGGFace2's mean) and the length of a vector."""
SAMPLE = 6


def person(
    rng: np.random.Generator, images: int = EACH
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(vectors, prior) of one person: the noisier the image, the lower its prior, roughly."""
    noise = rng.uniform(0.5, 2.0, (images, 1)).astype(np.float32)
    vectors = rng.standard_normal(WIDTH, np.float32) + noise * rng.standard_normal(
        (images, WIDTH), np.float32
    )
    prior = rng.standard_normal(images, np.float32) - noise.ravel()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), prior


def people(
    count: int, images: int = EACH
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Vectors, priors and identities of `count` people."""
    rng = np.random.default_rng(0)
    parts = [person(rng, images) for _ in range(count)]
    return (
        np.concatenate([vectors for vectors, _ in parts]),
        np.concatenate([prior for _, prior in parts]),
        np.repeat(np.arange(count), images),
    )


def as_the_paper_reads(
    prior: NDArray[np.float32],
    vectors: NDArray[np.float32],
    names: NDArray[np.int64],
    clusters: int,
    theta: float,
    repeats: int,
) -> NDArray[np.float32]:
    """Label optimization, one step of the paper after the other, one pair at a time."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    place = np.empty(len(prior), np.int64)
    place[np.argsort(prior, kind="stable")] = np.arange(len(prior))
    members: dict[int, list[NDArray[np.int64]]] = {}
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        label = np.arange(len(rows))
        if len(rows) > clusters:
            label = KMeans(clusters, n_init=1, random_state=0).fit_predict(vectors[rows])
        members[name] = [rows[label == k] for k in np.unique(label)]
    total = np.zeros(len(prior))
    for _ in range(repeats):
        pairs = []
        for groups in members.values():
            for group in groups:
                for i in group:
                    for other in groups:
                        if other is not group:
                            j = other[rng.integers(len(other))]
                            pairs.append(
                                (
                                    float(np.dot(vectors[i], vectors[j])),
                                    i if place[i] < place[j] else j,
                                )
                            )
        pairs.sort(key=lambda pair: pair[0])
        places: dict[int, list[int]] = {}
        for index, (_, lower) in enumerate(pairs):
            places.setdefault(int(lower), []).append(index)
        for i in range(len(prior)):
            mean = np.mean(places[i]) if i in places else place[i]
            total[i] += place[i] + theta * (mean - place[i])
    result = np.empty(len(prior), np.float32)
    result[np.lexsort((place, total))] = np.sort(prior)
    return result


def agree() -> None:
    """Refuses to go on where the two give other labels.

    Every image is its own cluster, so all pairs are drawn and nothing is random.

    Raises:
        RuntimeError: they do.
    """
    vectors, prior, names = people(5, 8)
    for theta in (1e-3, 0.1, 1.0):
        loop = as_the_paper_reads(prior, vectors, names, 8, theta, 2)
        ours = optimize_labels(prior, vectors, names, clusters=8, theta=theta, repeats=2)
        if not np.array_equal(loop, ours):
            raise RuntimeError(f"theta {theta}: the loop and optimize_labels must agree")
        if theta > 1e-3 and np.array_equal(ours, prior):
            raise RuntimeError(f"theta {theta}: labels must move")


def loop(setting: Setting) -> Result:
    """Label optimization over the loop: 10 repeats, 20 clusters."""
    agree()
    each = max(round(EACH * setting.scale), 12) if setting.quick else EACH
    vectors, prior, names = people(setting.count(290, 2 * SAMPLE), each)
    few = names < SAMPLE
    calls = {
        "optimize_labels": lambda: optimize_labels(prior, vectors, names),
        f"the paper's loop, {SAMPLE} people": lambda: as_the_paper_reads(
            prior[few], vectors[few], names[few], 20, 1e-3, 10
        ),
    }
    ours, slow = in_turns(calls, 1).values()
    complete = [seconds * len(prior) / few.sum() for seconds in slow]
    details = (
        f"{len(prior):,} x {WIDTH} float32, 20 clusters, 10 repeats",
        timed("optimize_labels", ours, len(prior), "us an image", 1e6),
        timed("the paper's loop (baseline)", complete, len(prior), "us an image", 1e6),
    )
    return Result(
        "label optimization over the paper's loop", ratio(ours, complete), 1 / 15, details
    )


def mapped_file(folder: Path, count: int) -> Path:
    """Writes `count` people as a mapped float16 array with its priors, person by person."""
    path = folder / "people.npy"
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, "w+", np.float16, (count * EACH, WIDTH))
    priors = np.empty(count * EACH, np.float32)
    for k in range(count):
        rows = slice(k * EACH, (k + 1) * EACH)
        array[rows], priors[rows] = person(rng)
    array.flush()
    np.save(path.with_suffix(".prior.npy"), priors)
    return path


WRITE = (
    "import sys; sys.path.insert(0, sys.argv[1]); import label_speed; from pathlib import Path; "
)
WRITE += "label_speed.mapped_file(Path(sys.argv[2]), int(sys.argv[3]))"


def own_peak() -> int:
    """Bytes, the largest resident size of this process so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def mapped(count: int) -> Result:
    """The peak of label optimization of a mapped float16 file, over the size of its vectors.

    Mapped pages are counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", WRITE, str(Path(__file__).parent), folder, str(count)]
        subprocess.run(command, check=True)  # apart: writing takes memory too
        path = Path(folder) / "people.npy"
        vectors, prior = np.load(path, mmap_mode="r"), np.load(path.with_suffix(".prior.npy"))
        names, before = np.arange(len(prior)) // EACH, own_peak()
        start = time.process_time()
        optimizer = LabelOptimizer(prior, vectors, names)
        optimizer.cluster()
        clustered = time.process_time()
        while optimizer.done < optimizer.repeats:
            optimizer.advance()
        labels = optimizer.labels()
        done, used = time.process_time(), own_peak() - before
    if not np.array_equal(np.sort(labels), np.sort(prior)):
        raise RuntimeError("the labels must be the priors, in another order")
    details = (
        f"{len(prior):,} x {WIDTH} float16, {optimizer.pairs:,} pairs, 10 repeats",
        timed("clusters, processor", [clustered - start], unit="s", factor=1),
        timed("10 repeats, processor", [done - clustered], unit="s", factor=1),
        (
            f"{vectors.nbytes:,} bytes of vectors, {used:,} bytes of memory beyond the interpreter"
            " and the priors"
        ),
    )
    return Result(
        "memory of label optimization over its vectors", used / vectors.nbytes, 1.5, details
    )


def memory(setting: Setting) -> Result:
    """The memory at a tenth of VGGFace2."""
    return mapped(setting.count(900, 4))


def vggface2(setting: Setting) -> Result:
    """The memory at the size of VGGFace2."""
    return mapped(setting.count(9000, 4))


def classifiability(setting: Setting) -> Result:
    """Relative classifiability over the product with the class centers, in the same blocks."""
    count = setting.count(300, 30)
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((10 * count, WIDTH), np.float32)
    names = np.repeat(np.arange(10 * count), EACH // 10)
    vectors = centers[names] + rng.standard_normal((len(names), WIDTH), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def product() -> None:
        for at in range(0, len(vectors), 1024):
            vectors[at : at + 1024] @ centers.T

    calls = {
        "relative_classifiability": lambda: relative_classifiability(vectors, names),
        "the matrix product alone (baseline)": product,
    }
    took = in_turns(calls, setting.rounds(3))
    size = f"{len(vectors):,} x {WIDTH}, {10 * count:,} people"
    details = (size, *(timed(name, seconds, unit="s", factor=1) for name, seconds in took.items()))
    return Result(
        "relative classifiability over its matrix product", ratio(*took.values()), 2.0, details
    )


PARTS = {"loop": loop, "memory": memory, "classifiability": classifiability, "vggface2": vggface2}

if __name__ == "__main__":
    main(__doc__, PARTS, apart=["vggface2"])
