"""What the bundled model's reasons are worth on people of LFW's test: who gets one, and which.

    python recipes/reasons_table.py ../shared/data

Prints how many scores under 50, and of 80 and more, have a reason, clean and with each kind of
damage at a strength of .8; what else is named beside the damage; and the time of an explanation.
Worn masks and known lights of people left out are in the table of `recipes/reasons.py fit`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from splits import needs, people

import fiqa
from fiqa.data.images import read_image
from fiqa.faces.degrade import KINDS, degrade
from fiqa.faces.factors import factor_of_reason, measure
from fiqa.types import Faces

READS = ("lfw/aligned", "lfw/peopleDevTest.txt")
COUNT, STRENGTH = 1200, 0.8


def crops(data: Path, count: int = COUNT) -> NDArray[np.uint8]:
    """Crops of the people of the test, at most two of each, evenly from the list."""
    paths = [
        path
        for name in people(data, "Test")
        for path in sorted((data / "lfw/aligned" / name).glob("*.jpg"))[:2]
    ]
    chosen = np.unique(np.linspace(0, len(paths) - 1, count).astype(int))
    return np.stack([read_image(paths[i]).pixels for i in chosen])


def told(faces: Faces) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    """Scores and reasons."""
    model = fiqa.load("fiqa")
    raw, why = model.assess(faces)
    return model.unified(raw), list(why.reasons)


def share(reasons: Sequence[tuple[str, ...]], rows: NDArray[np.bool_]) -> str:
    """How many of the rows have a reason, and how many rows there are."""
    count = int(rows.sum())
    have = sum(bool(reasons[i]) for i in np.flatnonzero(rows).tolist())
    return f"{have / count:.3f} of {count}" if count else "none"


def usual(reasons: Sequence[tuple[str, ...]], rows: NDArray[np.bool_], most: int = 6) -> str:
    """The most frequent reasons of the rows."""
    counts = Counter(code for i in np.flatnonzero(rows).tolist() for code in reasons[i])
    return ", ".join(f"{code} {n / max(rows.sum(), 1):.2f}" for code, n in counts.most_common(most))


def main(data: Path) -> None:
    """All tables."""
    needs(data, *READS)
    cv2.setNumThreads(1)
    pixels = crops(data)
    scores, reasons = told(Faces(pixels))
    print("| faces as they are | with a reason | which |\n|---|---|---|")
    for name, rows in {
        "scores under 50": scores < 50,
        "50 to 79": (scores >= 50) & (scores < 80),
        "80 and more": scores >= 80,
    }.items():
        print(f"| {name} | {share(reasons, rows)} | {usual(reasons, rows)} |")
    some = pixels[::4]
    print(f"\n| damage of {STRENGTH} | its reason | scores under 50 with a reason | others |")
    print("|---|---|---|---|")
    for kind, info in KINDS.items():
        found, why = told(degrade(Faces(some), kind, STRENGTH))
        also = [tuple(code for code in codes if code != info.reason) for codes in why]
        named = np.mean([info.reason in codes for codes in why])
        print(
            f"| {kind} | {info.reason} {named:.2f} | {share(why, found < 50)} |"
            f" {usual(also, np.ones(len(found), bool), 4)} |"
        )
    by_luminance(pixels, scores, reasons)
    cost(pixels[scores < 60][:64], pixels[scores >= 80][:64])


def by_luminance(
    pixels: NDArray[np.uint8], scores: NDArray[np.int64], reasons: Sequence[tuple[str, ...]]
) -> None:
    """Prints what faces are told by fifths of their luminance, the darkest first; of skin alone
    nothing is known."""
    luminance = measure(Faces(pixels)).measures["luminance_mean"]
    factor_of = factor_of_reason()
    print(
        "\n| mean luminance | median score | any reason | a light reason | an occlusion | blurry |"
    )
    print("|---|---|---|---|---|---|")
    for fifth in np.array_split(np.argsort(luminance, kind="stable"), 5):
        rows = [reasons[i] for i in fifth.tolist()]
        shares = [
            np.mean([bool(codes) for codes in rows]),
            *(
                np.mean([any(factor_of.get(c) == name for c in codes) for codes in rows])
                for name in ("illumination", "occlusion", "blur")
            ),
        ]
        told = " | ".join(f"{s:.3f}" for s in shares)
        print(f"| {luminance[fifth].mean():.0f} | {np.median(scores[fifth]):.0f} | {told} |")


def cost(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> None:
    """Prints what an explanation takes beyond the score, in processor time: the best of five."""
    model = fiqa.load("fiqa")
    print("\n| faces | score, ms of a processor | with reasons |\n|---|---|---|")
    for name, faces in {"scores under 60": low, "80 and more": high}.items():
        took = []
        for call in (model.score, lambda c: model.assess(Faces(c))):
            rounds = []
            for _ in range(5):
                began = time.process_time()
                for crop in faces:
                    call(crop[None])
                rounds.append((time.process_time() - began) / len(faces))
            took.append(1000 * min(rounds))
        print(f"| {name}, one by one | {took[0]:.1f} | {took[1]:.1f} |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
