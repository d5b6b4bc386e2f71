"""What cleanvision and imagededup find of the faults that recipes/clean.py planted.

    python -m venv peers; peers/bin/pip install cleanvision imagededup
    peers/bin/python recipes/clean_peers.py OUT

OUT is the folder of `recipes/clean.py plant`. This file imports nothing of fiqa, so that both tools
can live in an environment of their own; they are not dependencies of fiqa. Both run with their
defaults. Their kinds are set beside ours: cleanvision's blurry is blurred, its dark is dark, its
exact and near duplicates are ours; imagededup's perceptual hash finds duplicates of both kinds, so
its row counts both together.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

Faults = set[frozenset[str]]


def planted(out: Path, *issues: str) -> Faults:
    """Returns the faults of some kinds, each by its one or two files."""
    with open(out / "truth_faces.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["issue"] in issues]
    return {frozenset(name(row[k]) for k in ("path", "other") if row[k]) for row in rows}


def name(path: str) -> str:
    """Returns a path as both sides tell it."""
    return str(Path(path).resolve())


def show(tool: str, issue: str, truth: Faults, found: Faults) -> None:
    """Prints a row of the table."""
    hit = len(truth & found)
    precision = f"{hit / len(found):.2f}" if found else "–"
    cells = (tool, issue, len(truth), hit, len(found - truth), f"{hit / len(truth):.2f}", precision)
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def readable(out: Path) -> list[str]:
    """Returns the crops less the broken files: cleanvision ends with an error at the first one."""
    broken = planted(out, "unreadable")
    files = (name(str(file)) for file in sorted((out / "faces").rglob("*.jpg")))
    return [file for file in files if frozenset([file]) not in broken]


def pairs(groups: Iterable[Iterable[str]]) -> Faults:
    """Returns every two files of each group."""
    return {frozenset(map(name, two)) for group in groups for two in combinations(sorted(group), 2)}


def cleanvision_rows(out: Path) -> None:
    """Prints what cleanvision finds."""
    from cleanvision import Imagelab

    lab = Imagelab(filepaths=readable(out))
    lab.find_issues(n_jobs=1, verbose=False)
    for ours, theirs in (("blurred", "blurry"), ("dark", "dark")):
        column = lab.issues[f"is_{theirs}_issue"]
        found = {frozenset([name(path)]) for path in column[column].index}
        show("cleanvision", ours, planted(out, ours), found)
    exact = pairs(lab.info["exact_duplicates"]["sets"])
    near = pairs(lab.info["near_duplicates"]["sets"])
    show("cleanvision", "exact_duplicate", planted(out, "exact_duplicate"), exact)
    show("cleanvision", "near_duplicate", planted(out, "near_duplicate"), near)


def imagededup_rows(out: Path) -> None:
    """Prints what imagededup finds."""
    from imagededup.methods import PHash

    root = out / "faces"
    found = PHash(verbose=False).find_duplicates(image_dir=str(root), recursive=True)
    both = {
        frozenset((name(str(root / first)), name(str(root / second))))
        for first, others in found.items()
        for second in others
    }
    kinds = ("exact_duplicate", "near_duplicate")
    show("imagededup PHash", "exact and near duplicate", planted(out, *kinds), both)


def main() -> None:
    """Prints the table."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "truth_faces.csv").is_file():
        raise SystemExit(__doc__)
    out = Path(sys.argv[1])
    print("| tool | issue | planted | found | beside them | recall | precision |")
    print("|---|---|---|---|---|---|---|")
    for part in (cleanvision_rows, imagededup_rows):
        start = time.monotonic()
        part(out)
        print(f"{part.__name__}: {time.monotonic() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
