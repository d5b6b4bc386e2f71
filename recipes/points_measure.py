"""What a second look at a detector's faces changes: the crop, the score, and who is recognized.

    python recipes/points_measure.py ../shared/data runs/points_measure [PACKAGE]

Of the photographs in which YuNet and dlib both find the face it prints tables. How far two
crops of one photograph are apart, and their scores by the bundled model: YuNet's against dlib's,
and against YuNet's own of the mirrored photograph, each as they were found and after the second
look. How well the pose agrees with that of YuNet's points. And the mean similarity to the other
images of the person in LFW, under recognizers A and B, less that of YuNet's crop as it was found,
with 95 % over people. Those other images are crops without a second look. Last, the same of
all people of LFW's test by how far the head is turned: their crops, cut again by the points that
YuNet found in the photographs and by a second look. PACKAGE is the folder of another points.onnx,
src/fiqa/weights if not said. dlib is in the extra `dlib`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from splits import landmarks, needs, people, write_recognizers

from fiqa.data.images import read_image
from fiqa.faces import points
from fiqa.faces.align import align
from fiqa.faces.detection import Detection, Detector, choose
from fiqa.faces.detectors.dlib import DlibDetector
from fiqa.faces.detectors.yunet import YuNet
from fiqa.functional.geometry import TEMPLATE, inverse, transform_points
from fiqa.functional.pose import pose_from_points
from fiqa.methods.bundled import scorer
from fiqa.runtime.onnx import OnnxEmbedder

READS = (
    "photos",
    "lfw/aligned",
    "lfw/peopleDevTrain.txt",
    "lfw/peopleDevTest.txt",
    "lfw/landmarks.csv",
    "models/yunet.onnx",
    "models/recognizer_a.onnx",
    "models/recognizer_b.onnx",
)
"""What must be in the data."""
DRAWS = 2000
MIRRORED = [1, 0, 2, 4, 3]
"""Places of the five points in a mirrored photograph."""

TURNS = (0, 10, 20, 30, 40, 90)
"""Degrees of yaw between which the last table tells people's heads apart."""

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@dataclass
class Photo:
    """A photograph with the faces that each way finds in it.

    Attributes:
        file: where it is.
        image: (H,W,3) uint8 RGB.
        faces: by way: yunet, mirrored and dlib, and each of them looked at again.
    """

    file: Path
    image: Pixels
    faces: dict[str, Detection]

    @property
    def person(self) -> str:
        """Who is on it."""
        return self.file.stem.rsplit("_", 1)[0]


def mirrored(image: Pixels, finder: Detector) -> Detection | None:
    """The face as it is found in the mirrored photograph, where it is in this one."""
    found = choose(finder.detect(np.ascontiguousarray(image[:, ::-1])))[0]
    if not found:
        return None
    places = (np.array([image.shape[1] - 1.0, 0.0]) + found[0].landmarks * [-1.0, 1.0])[MIRRORED]
    return replace(found[0], landmarks=places.astype(np.float32))


def photos(data: Path) -> list[Photo]:
    """The photographs in which each way finds the face."""
    yunet, dlib = YuNet(data / "models/yunet.onnx"), DlibDetector()
    made = []
    for file in sorted((data / "photos").iterdir()):
        image = read_image(file).pixels
        one, other = (choose(finder.detect(image))[0] for finder in (yunet, dlib))
        mirror = mirrored(image, yunet)
        if not one or not other or mirror is None:
            continue
        faces = {"yunet": one[0], "mirrored": mirror, "dlib": other[0]}
        faces |= {f"{name} again": points.refined(image, face) for name, face in faces.items()}
        made.append(Photo(file, image, faces))
    return made


class Crops:
    """The crops of one way, of all photographs.

    Attributes:
        pixels: (N,112,112,3) uint8 RGB.
        matrices: (N,2,3) from the photograph to the crop.
        scores: (N,) 0 to 100.
    """

    def __init__(self, name: str, made: list[Photo]) -> None:
        cut = [align(photo.image, photo.faces[name].landmarks) for photo in made]
        self.pixels = np.stack([one.crop for one in cut])
        self.matrices = np.stack([one.matrix for one in cut])
        model = scorer()
        self.scores = model.unified(model.score(self.pixels)).astype(np.float64)

    def apart(self, other: Crops) -> Floats:
        """(N,) crop pixels: the mean distance of the template's points in the two crops."""
        back = transform_points(inverse(self.matrices), TEMPLATE)
        gap = transform_points(other.matrices, back) - TEMPLATE
        return np.asarray(np.linalg.norm(gap, axis=-1).mean(-1), np.float64)


PAIRS = (
    ("yunet", "dlib"),
    ("yunet", "dlib again"),
    ("yunet again", "dlib again"),
    ("yunet", "mirrored"),
    ("yunet again", "mirrored again"),
)


def distances(made: list[Photo], crops: dict[str, Crops], held: NDArray[np.bool_]) -> None:
    """Prints the first table, of all photographs and of those whose people taught nothing."""
    print("| crops | photographs | pixels: mean, p90, most | score: median, p90, most | over 10 |")
    print("|---|---|---|---|---|")
    for who, rows in (("all", np.ones(len(made), bool)), ("held out", held)):
        for one, other in PAIRS:
            gap = crops[one].apart(crops[other])[rows]
            less = np.abs(crops[one].scores - crops[other].scores)[rows]
            print(
                f"| {one}, {other} | {who} {rows.sum()} | {gap.mean():.2f},"
                f" {np.quantile(gap, 0.9):.2f}, {gap.max():.1f} | {np.median(less):.0f},"
                f" {np.quantile(less, 0.9):.0f}, {less.max():.0f} | {(less > 10).sum()} |"
            )
    print()
    print("mean score: " + ", ".join(f"{name} {c.scores.mean():.1f}" for name, c in crops.items()))


def poses(made: list[Photo]) -> None:
    """Prints how the pose of each way agrees with that of YuNet's points."""
    angles = {
        name: pose_from_points(np.stack([photo.faces[name].landmarks for photo in made]))
        for name in ("yunet", "yunet again", "dlib again")
    }
    for name in ("yunet again", "dlib again"):
        told = [np.corrcoef(angles["yunet"][:, k], angles[name][:, k])[0, 1] for k in range(3)]
        print("{}: yaw r {:.2f}, pitch r {:.2f}, roll r {:.2f}".format(name, *told))
    for name in ("yunet", "dlib"):
        moved = [
            not np.array_equal(p.faces[name].landmarks, p.faces[f"{name} again"].landmarks)
            for p in made
        ]
        print(f"{name}: {sum(moved)} of {len(made)} faces looked at again")


def units(network: OnnxEmbedder, pixels: Pixels) -> Floats:
    """(N,D) vectors of unit length."""
    vectors = network.embed(pixels).astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def between(change: Floats, who: NDArray[np.intp]) -> str:
    """The mean with its 95 % over people."""
    total, count = np.bincount(who, change), np.bincount(who)
    draws = np.random.default_rng(0).integers(len(count), size=(DRAWS, len(count)))
    drawn = total[draws].sum(1) / count[draws].sum(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{change.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def recognized(data: Path, out: Path, made: list[Photo], crops: dict[str, Crops]) -> None:
    """Prints the similarity of each way's crop to the other images of the person."""
    write_recognizers(data, out)
    others = [
        [
            f
            for f in sorted((data / "lfw/aligned" / p.person).glob("*.jpg"))
            if f.stem != p.file.stem
        ]
        for p in made
    ]
    owner = np.repeat(np.arange(len(made)), [len(files) for files in others])
    gallery = np.stack([read_image(file).pixels for files in others for file in files])
    known = np.unique(owner)
    names, who = np.unique([made[row].person for row in known], return_inverse=True)
    print(f"\n| crop | {len(known)} photographs of {len(names)} people, under A | under B |")
    print("|---|---|---|")
    texts: dict[str, list[str]] = {name: [] for name in crops}
    for recognizer in "ab":
        network = OnnxEmbedder(out / f"recognizer_{recognizer}.onnx")
        theirs, usual = units(network, gallery), None
        for name, cut in crops.items():
            like = (units(network, cut.pixels)[owner] * theirs).sum(1)
            mean = (np.bincount(owner, like) / np.bincount(owner).clip(1))[known]
            usual = mean if usual is None else usual
            texts[name].append(f"{mean.mean():.4f}, {between(mean - usual, who)}")
    for name, columns in texts.items():
        print(f"| {name} | {' | '.join(columns)} |")


def turned(data: Path, out: Path) -> None:
    """Prints what a second look changes, by how far the head is turned."""
    files, places = landmarks(data, "Test")
    images = np.stack([read_image(file).pixels for file in files])
    box = np.array([0, 0, 112, 112], np.float32)
    faces = [Detection(box, place.astype(np.float32), 1.0) for place in places]
    looked = [points.refined(image, face) for image, face in zip(images, faces, strict=True)]
    before, after = (
        np.stack([align(image, f.landmarks).crop for image, f in zip(images, each, strict=True)])
        for each in (faces, looked)
    )
    who = np.unique([file.parent.name for file in files], return_inverse=True)[1]
    mates = (who[:, None] == who) & ~np.eye(len(who), dtype=bool)
    changes = []
    for recognizer in "ab":
        network = OnnxEmbedder(out / f"recognizer_{recognizer}.onnx")
        clean = units(network, images)
        one, other = (
            (units(network, crops) @ clean.T * mates).sum(1) / mates.sum(1).clip(1)
            for crops in (before, after)
        )
        changes.append(other - one)
    yaw = np.abs(pose_from_points(places.astype(np.float32))[:, 0])
    print("\n| yaw | images | again less as found, A | B |")
    print("|---|---|---|---|")
    for low, high in pairwise(TURNS):
        rows = (yaw >= low) & (yaw < high) & mates.any(1)
        own = np.unique(who[rows], return_inverse=True)[1]
        texts = [between(change[rows], own) for change in changes]
        print(f"| {low} to {high} | {rows.sum()} | {' | '.join(texts)} |")


def main(data: Path, out: Path, package: Path | None) -> None:
    """All tables."""
    needs(data, *READS)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    if package is not None:
        points.WEIGHTS = package / "points.onnx"
    made = photos(data)
    crops = {name: Crops(name, made) for name in made[0].faces}
    taught = set(people(data, "Train"))
    distances(made, crops, np.array([photo.person not in taught for photo in made]))
    poses(made)
    recognized(data, out, made, crops)
    turned(data, out)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)
