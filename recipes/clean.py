"""Plants faults of every kind among real people and counts what `fiqa clean` finds of them.

    python recipes/clean.py plant DATA OUT      writes OUT/faces, OUT/photos, truth_*.csv
    python recipes/clean.py measure DATA OUT    precision and recall of every kind, findings' pages

DATA holds lfw/aligned with lfw/peopleDevTest.txt, photos, models/yunet.onnx and the two recognizers
(docs/guides/clean.md says where they are from). The people are those of peopleDevTest, whom neither
the default score nor its teachers were trained on. The same seed plants the same faults. OUT/faces
is a tree SPLIT/PERSON/IMAGE of aligned crops, OUT/photos holds whole photographs.

What other tools find in the same folders is recipes/clean_peers.py.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from splits import needs, people, write_recognizers

import fiqa
from fiqa.cleaning.findings import Findings
from fiqa.data.images import read_image, write_image
from fiqa.faces.degrade import degrade
from fiqa.functional.borders import border
from fiqa.types import Faces
from fiqa.vocabulary import ISSUES

Pixels = NDArray[np.uint8]
READS = (
    "lfw/aligned",
    "lfw/peopleDevTest.txt",
    "photos",
    "models/yunet.onnx",
    "models/recognizer_a.onnx",
    "models/recognizer_b.onnx",
)
"""What must be in DATA."""
PAIRS = ("exact_duplicate", "near_duplicate", "leak_image", "two_names")
"""Kinds that count as found by both of their images, whichever of them is named."""
COUNT = 20
"""Faults of each kind."""


class Planter:
    """A folder of faces, with the truth of every fault that was planted.

    Args:
        data: the measuring data.
        out: where the folders go.
        seed: of all that is drawn.
    """

    def __init__(self, data: Path, out: Path, seed: int) -> None:
        self.data, self.out, self.rng = data, out, np.random.default_rng(seed)
        self.truth: list[tuple[str, str, str]] = []
        self.images: list[Path] = []

    def draw(self, count: int, *, split: str = "") -> list[Path]:
        """Returns images that nothing was done to yet, and takes them off the list."""
        names = {} if not split else {"split": split}
        can = [p for p in self.images if not names or p.parts[-3] == split]
        # of people with several images left, so that no name runs empty
        chosen = [can[i] for i in self.rng.permutation(len(can))[:count].tolist()]
        self.images = [p for p in self.images if p not in set(chosen)]
        return sorted(chosen)

    def say(self, issue: str, path: Path | str, other: Path | str = "") -> None:
        """Adds a fault to the truth."""
        self.truth.append((issue, str(path), str(other)))

    def place(self) -> list[str]:
        """Lays out the people, seven in ten in train; returns those who stay outside."""
        root = self.data / "lfw/aligned"
        names = [
            name for name in people(self.data, "Test") if len(list((root / name).iterdir())) > 3
        ]
        order = [names[i] for i in self.rng.permutation(len(names)).tolist()]
        outside, inside = order[:20], order[20:140]
        for number, name in enumerate(inside):
            split = "test" if number % 10 in (2, 5, 8) else "train"
            for file in sorted((root / name).glob("*.jpg"))[:12]:
                target = self.out / "faces" / split / name / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                self.images.append(target)
        return outside

    def write(self, name: str) -> None:
        """Writes the truth as a table of issue, path and other."""
        with open(self.out / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["issue", "path", "other"])
            writer.writerows(sorted(self.truth))
        self.truth = []


def altered(pixels: Pixels, kind: int) -> Pixels:
    """Returns a copy of a picture as other programs make them: scaled, brighter, grey, softened,
    cut by three pixels, mirrored."""
    if kind == 0:
        return np.asarray(cv2.resize(pixels, (72, 72), interpolation=cv2.INTER_AREA), np.uint8)
    if kind == 1:
        return np.clip(pixels.astype(np.int64) * 1.2 + 8, 0, 255).astype(np.uint8)
    if kind == 2:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        return np.repeat(grey[..., None], 3, axis=2)
    if kind == 3:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.8), np.uint8)
    return np.ascontiguousarray(pixels[3:-3, 3:-3] if kind == 4 else pixels[:, ::-1])


def framed(pixels: Pixels, kind: int, rng: np.random.Generator) -> Pixels:
    """Returns a picture with bars above and below, at the sides, or with a frame all around."""
    wide = int(rng.integers(4, 18))
    color = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (30, 60, 160)][int(rng.integers(4))]
    inner = pixels.shape[0] - 2 * wide
    up, side = (wide, 0) if kind == 0 else (0, wide) if kind == 1 else (wide, wide)
    size = (pixels.shape[1] - 2 * side, pixels.shape[0] - 2 * up)
    small = cv2.resize(pixels, size if inner > 0 else (8, 8), interpolation=cv2.INTER_AREA)
    edges = (up, up, side, side)
    return np.asarray(cv2.copyMakeBorder(small, *edges, cv2.BORDER_CONSTANT, value=color), np.uint8)


def backgrounds(data: Path, side: int) -> Iterator[Pixels]:
    """Yields corners of photographs, which show no face, and parts of two landscapes."""
    from sklearn.datasets import load_sample_images

    files = sorted((data / "photos").glob("*.jpg"))
    for place, file in enumerate(files):
        photo = read_image(file).pixels
        part = photo[:70, :70] if place % 2 else photo[:70, -70:]
        # LFW fills what lies outside of its photographs with black
        if not any(border(part)) and not any(border(photo)):
            yield np.asarray(cv2.resize(part, (side, side)), np.uint8)
        if place % 8 == 0:
            scene = load_sample_images().images[place // 8 % 2]
            x = 20 * (place // 8) % 400
            yield np.asarray(cv2.resize(scene[100:300, x : x + 200], (side, side)), np.uint8)


def plant_faces(planter: Planter) -> None:
    """Plants the faults of crops."""
    outside = planter.place()
    rng = planter.rng
    folders = sorted({p.parent for p in planter.images})
    # People first, while their folders are whole.
    large = [folder for folder in folders if len(list(folder.iterdir())) >= 6]
    for folder in (large[i] for i in rng.permutation(len(large))[:12].tolist()):
        files = sorted(folder.iterdir())
        alias = folder.with_name(f"{folder.name[:1]}_{folder.name.rsplit('_', 1)[-1]}_2")
        alias.mkdir()
        for file in files[: len(files) // 2]:
            moved = file.rename(alias / file.name)
            planter.images[planter.images.index(file)] = moved
        planter.say("two_names", folder.name, alias.name)
    for place, path in enumerate(planter.draw(COUNT)):
        others = [f for f in folders if f.parent == path.parent.parent and f != path.parent]
        target = others[int(rng.integers(len(others)))] / f"w{path.name}"
        if place % 2:
            strange = planter.data / "lfw/aligned" / outside[place % len(outside)]
            shutil.copyfile(sorted(strange.iterdir())[0], target)
            planter.images.append(path)
        else:
            path.rename(target)
        planter.say("wrong_person", target)
    plant_copies(planter)
    plant_pictures(planter)
    for path in planter.draw(8):
        names = ("train", "test")
        split = names[path.parts[-3] == "train"]
        target = planter.out / "faces" / split / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    sides = [{f.name for f in (planter.out / "faces" / s).iterdir()} for s in ("train", "test")]
    for name in sides[0] & sides[1]:
        planter.say("leak_person", name)
    planter.write("truth_faces.csv")


def plant_copies(planter: Planter) -> None:
    """Plants copies in the same folder, and in the other split."""
    for path in planter.draw(COUNT):
        target = path.with_name(f"copy_{path.name}")
        shutil.copyfile(path, target)
        planter.say("exact_duplicate", path, target)
    for place, path in enumerate(planter.draw(2 * COUNT)):
        target = path.with_name(f"again_{path.name}")
        write_image(target, altered(read_image(path).pixels, place % 6), quality=70)
        planter.say("near_duplicate", path, target)
    for place, path in enumerate(planter.draw(COUNT, split="train")):
        target = planter.out / "faces/test" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if place % 2:
            shutil.copyfile(path, target)
        else:
            write_image(target, altered(read_image(path).pixels, 0), quality=70)
        planter.say("exact_duplicate" if place % 2 else "near_duplicate", path, target)
        planter.say("leak_image", path, target)


def plant_pictures(planter: Planter) -> None:
    """Plants faults of single pictures."""
    kinds = {
        "blurred": ("blur", "defocus", "motion"),
        "dark": ("low_light",),
        "covered": ("mask", "sunglasses", "hand"),
    }
    for issue, ways in kinds.items():
        for place, path in enumerate(planter.draw(COUNT)):
            face = Faces(read_image(path).pixels[None])
            worse = degrade(face, ways[place % len(ways)], 0.8, seed=place)
            write_image(path, worse.crops[0])
            planter.say(issue, path)
    for place, path in enumerate(planter.draw(COUNT)):
        write_image(path, framed(read_image(path).pixels, place % 3, planter.rng), quality=90)
        planter.say("border", path)
    for path in planter.draw(COUNT):
        small = cv2.resize(read_image(path).pixels, (36, 36), interpolation=cv2.INTER_AREA)
        write_image(path, np.asarray(small, np.uint8))
        planter.say("too_small", path)
    scenes = list(backgrounds(planter.data, 112))
    order = planter.rng.permutation(len(scenes)).tolist()
    for place, path in zip(order, planter.draw(COUNT), strict=False):
        write_image(path, scenes[place])
        planter.say("no_face", path)
    for place, path in enumerate(planter.draw(9)):
        content = path.read_bytes()
        path.write_bytes((content[: len(content) // 2], b"", b"no picture")[place % 3])
        planter.say("unreadable", path)


def plant_photos(planter: Planter) -> None:
    """Plants faults of whole photographs: two people, nobody, and a face that is far away."""
    folder = planter.out / "photos"
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted((planter.data / "photos").glob("*.jpg"))
    held = set(people(planter.data, "Test"))
    files = [file for file in files if file.stem.rsplit("_", 1)[0] in held] or files
    photos = [read_image(file).pixels for file in files]
    for place, file in enumerate(files):
        target = folder / file.name
        kind = place % 5
        if kind == 0:
            other = photos[(place + 3) % len(photos)]
            write_image(target, np.concatenate([photos[place], other], axis=1))
            planter.say("several_people", target)
        elif kind == 1:
            far = np.full_like(photos[place], 120)
            small = cv2.resize(photos[place], (50, 50), interpolation=cv2.INTER_AREA)
            far[100:150, 100:150] = small
            write_image(target, far)
            planter.say("too_small", target)
        else:
            shutil.copyfile(file, target)
    for place, scene in enumerate(backgrounds(planter.data, 250)):
        if place % 12 == 0:
            write_image(folder / f"scene_{place:03d}.jpg", scene)
            planter.say("no_face", folder / f"scene_{place:03d}.jpg")
    planter.write("truth_photos.csv")


def plant(data: Path, out: Path, seed: int) -> None:
    """Writes both folders and their truth."""
    if (out / "faces").exists():
        raise SystemExit(f"{out / 'faces'} is there already: choose a new OUT, nothing was changed")
    planter = Planter(data, out, seed)
    plant_faces(planter)
    plant_photos(planter)


def key(issue: str, path: str, other: str) -> frozenset[str]:
    """Returns what a fault is known by: its picture or person, or the two of them."""
    if issue in ("two_names", "leak_person"):
        names = (Path(p).parent.name if "/" in p else p for p in (path, other) if p)
        return frozenset(names)
    return frozenset((path, other) if issue in PAIRS else (path,))


def counted(findings: Findings, truth: Path) -> list[tuple[str, int, int, int]]:
    """Returns (issue, planted, found of these, found beside them) of each kind."""
    with open(truth, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    result = []
    for issue in ISSUES:
        planted = {key(issue, r["path"], r["other"]) for r in rows if r["issue"] == issue}
        found = {key(issue, f.path, f.other) for f in findings.of(issue)}
        if planted or found:
            result.append((issue, len(planted), len(planted & found), len(found - planted)))
    return result


def measure(data: Path, out: Path) -> None:
    """Prints a table for the crops under each recognizer, and one for the photographs."""
    write_recognizers(data, out)
    for name in ("a", "b"):
        file = out / f"embeddings_{name}.npz"
        fiqa.embed(out / "faces", recognizer=out / f"recognizer_{name}.onnx", out=file)
        found = fiqa.clean(
            out / "faces", file, aligned=True, out=out / f"findings_{name}", force=True
        )
        show(f"crops, vectors of recognizer {name}", found, out / "truth_faces.csv")
    found = fiqa.clean(out / "faces", aligned=True, out=out / "findings_alone", force=True)
    show("crops, without vectors", found, out / "truth_faces.csv")
    weights = str(data / "models/yunet.onnx")
    found = fiqa.clean(
        out / "photos", detector="yunet", weights=weights, out=out / "findings_photos", force=True
    )
    show("photographs", found, out / "truth_photos.csv")


def show(title: str, findings: Findings, truth: Path) -> None:
    """Prints one table."""
    print(f"\n{title}: {len(findings.faces)} images")
    print("| issue | planted | found | beside them | recall | precision |")
    print("|---|---|---|---|---|---|")
    for issue, planted, found, beside in counted(findings, truth):
        recall = f"{found / planted:.2f}" if planted else "–"
        precision = f"{found / (found + beside):.2f}" if found + beside else "–"
        print(f"| {issue} | {planted} | {found} | {beside} | {recall} | {precision} |")


def main() -> None:
    """Plants or measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("plant", "measure"))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    needs(options.data, *READS)
    if options.part == "plant":
        plant(options.data, options.out, options.seed)
    else:
        measure(options.data, options.out)


if __name__ == "__main__":
    main()
