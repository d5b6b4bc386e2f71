"""Enrolled at noon, locked out at night: what one light in a template costs, on faces under 64
known lights (DATA/yaleb, Extended Yale B).

The light's angle stands in for the time of day. Noon: a light within 25 degrees of the camera.
Night: one from 70 degrees or more to the side. Three images of a person make a template, and all
others of the two kinds are compared with it at the threshold where one in a thousand of all
non-mated pairs of the set matches.

Usage: python recipes/enrolment_light.py [DATA]
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fiqa
from fiqa.functional.enrolment import weighted_template
from fiqa.functional.verification import threshold_at_fmr

sys.path.insert(0, str(Path(__file__).parent))
from splits import write_recognizers

NEAR, FAR = 25, 70
DRAWS = 20
ENROLLED: Mapping[str, tuple[int, int]] = {
    "three at noon": (3, 0),
    "one of the three at night": (2, 1),
}


def angles(names: NDArray[np.str_]) -> NDArray[np.int64]:
    """Returns azimuth and elevation of the light in each name, (N,2)."""
    found = [re.search(r"A([+-]\d+)E([+-]\d+)", str(name)) for name in names]
    return np.array([(int(m[1]), int(m[2])) if m else (45, 45) for m in found])


def missed(
    vectors: NDArray[np.float32],
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    counts: tuple[int, int],
    threshold: float,
) -> list[float]:
    """Returns the share of the images at noon and at night that their own template misses."""
    rng = np.random.default_rng(0)
    shares: list[list[float]] = [[], []]
    for kinds in parts:
        for _ in range(DRAWS):
            chosen = [rng.choice(k, n, replace=False) for k, n in zip(kinds, counts, strict=True)]
            rows = np.concatenate(chosen)
            template = weighted_template(vectors[rows], np.ones(len(rows)))
            for share, kind in zip(shares, kinds, strict=True):
                others = np.setdiff1d(kind, rows)
                share.append(float(np.mean(vectors[others] @ template < threshold)))
    return [float(np.mean(share)) for share in shares]


def main() -> None:
    """Prints the table."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    with tempfile.TemporaryDirectory() as folder:
        write_recognizers(data, Path(folder))
        recognizer = Path(folder) / "recognizer_a.onnx"
        known = fiqa.embed(str(data / "yaleb"), recognizer=recognizer)
    people = np.array([str(name).split("/")[-2] for name in known.id])
    light = np.abs(angles(known.id))
    noon, night = (light <= NEAR).all(axis=1), light[:, 0] >= FAR
    first, second = np.triu_indices(len(people), 1)
    other = people[first] != people[second]
    cosines = (known.vector @ known.vector.T)[first[other], second[other]]
    threshold = threshold_at_fmr(cosines, 1e-3)
    parts = [
        (np.flatnonzero((people == p) & noon), np.flatnonzero((people == p) & night))
        for p in np.unique(people)
    ]
    print(f"{len(parts)} people, {len(people)} images, threshold {threshold:.3f}")
    for name, counts in ENROLLED.items():
        at_noon, at_night = missed(known.vector, parts, counts, threshold)
        print(f"{name}: missed {at_noon:.1%} at noon, {at_night:.1%} at night")


if __name__ == "__main__":
    main()
