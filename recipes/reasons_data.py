"""The faces from which the bundled model's reasons are learned, and what is wrong with each.

    python recipes/reasons_data.py ../shared/data runs/reasons src/fiqa/weights/fiqa.onnx

Writes OUT/reasons.npz: the frozen network's features of each face, its raw quality, and for every
reason of REASONS a target in 0..1 (1: it holds; NaN: nobody knows). Faces and their labels:

- people of LFW's peopleDevTrain and of pins, as they are: what the measures say of blur, noise and
  light, yaw and pitch from YuNet's points, the opening of the mouth from 68 landmarks, expression
  from a classifier;
- the same with one or two kinds of drawn damage;
- real worn masks (rmfd), and their lower halves laid over other faces; other lower halves laid over
  theirs are faces without a mask;
- real light from 64 directions (yaleb), and the ratio of such a light to the frontal one laid over
  other faces;
- the same of faces whose headwear a person has looked at (looked_at.py);
- pictures without a face (no_faces.py): drawn ones, text, what lies around faces.

`fold`, -1 for nobody's, is that of the person whose mask, light or head it is, and is left out
whole. `seen`: a person has looked at the head.
"""

from __future__ import annotations

import re
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from looked_at import headwear, looked_at
from no_faces import pictures
from numpy.typing import NDArray
from reasons_teachers import REASONS, Teachers, physical, place
from splits import LFW, PINS, needs, training

from fiqa.data.images import read_image
from fiqa.faces.degrade import KINDS, degrade
from fiqa.runtime.embedded import without_card
from fiqa.runtime.onnx import open_session
from fiqa.runtime.preprocess import prepare
from fiqa.types import Faces

Crop = NDArray[np.uint8]
Floats = NDArray[np.float64]
FOLDS = 5
EACH_LFW, EACH_PINS = 3, 25
"""Images of a person that are taken at most."""
FEATURES = "/net/backbone/Flatten_output_0"
"""What the two heads of the network stand on."""
UNKNOWN_BESIDE = {
    "low_light": ("low_contrast", "noisy"),
    "over_exposure": ("low_contrast", "uneven_light"),
    "glare": ("uneven_light",),
    "side_light": ("underexposed", "low_contrast"),
    "low_resolution": ("blurry", "compression"),
    "jpeg": ("blurry",), "rotation": ("cropped",),
    "sunglasses": ("exaggerated_expression", "uneven_light"),
    "nir": ("overexposed", "uneven_light"),
}  # fmt: skip
"""Reasons that a kind of damage may bring as well, or not, where another kind is there too."""
UNKNOWN_ALONE = {"side_light": ("underexposed",), "low_resolution": ("blurry",)}
"""The same where it is alone: what is not here is not named beside it."""
HIDDEN_BY = {"mask": ("mouth_open", "exaggerated_expression", "hand_on_face"),
             "hand": ("mouth_open", "exaggerated_expression", "mask")}  # fmt: skip
"""Reasons that cannot be seen any more behind what covers the face."""
ALSO = {"mask": ("mask",), "hand": ("hand_on_face",)}


@dataclass
class Sample:
    """A face and what is known of it."""

    crop: Crop
    target: Floats
    fold: int = -1
    kind: str = ""
    base: int = -1
    strength: float = 0.0
    seen: bool = False


@dataclass
class Gathered:
    """Columns of the file; pixels go through the network as they come."""

    session: Any
    spec: Any
    rows: list[Sample] = field(default_factory=list)
    features: list[NDArray[np.float32]] = field(default_factory=list)
    quality: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, samples: list[Sample]) -> None:
        crops = np.stack([s.crop for s in samples])
        seen, quality = look(self.session, self.spec, crops)
        self.features.append(seen)
        self.quality.append(quality)
        for sample in samples:
            sample.crop = np.empty(0, np.uint8)
        self.rows += samples

    def write(self, path: Path) -> None:
        np.savez(
            path,
            features=np.concatenate(self.features),
            quality=np.concatenate(self.quality),
            target=np.stack([s.target for s in self.rows]).astype(np.float32),
            fold=np.array([s.fold for s in self.rows]),
            kind=np.array([s.kind for s in self.rows]),
            base=np.array([s.base for s in self.rows]),
            strength=np.array([s.strength for s in self.rows], np.float32),
            seen=np.array([s.seen for s in self.rows]),
            codes=np.array(REASONS),
        )


def network(path: Path) -> tuple[Any, Any]:
    """A session of the model that also gives its features, and its input."""
    import onnx

    from fiqa.runtime.cards import card_path, read_card

    model = onnx.load_from_string(without_card(path.read_bytes()))
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(FEATURES))
    session = open_session(model.SerializeToString(), "the network", threads=1)
    return session, read_card(card_path(path)).input


def look(session: Any, spec: Any, crops: Crop) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N,512) features and (N,) raw quality of crops."""
    parts = [
        session.run([FEATURES, "quality"], {"crops": prepare(crops[at : at + 64], spec)})
        for at in range(0, len(crops), 64)
    ]
    return (
        np.concatenate([seen for seen, _ in parts]),
        np.concatenate([quality for _, quality in parts])[:, 0],
    )


def damaged(crop: Crop, known: Floats, rng: np.random.Generator, base: int) -> Iterator[Sample]:
    """Copies with drawn damage: two of one kind, one of two kinds; some of them grey."""
    names = list(KINDS)
    weight = np.array([2.0 if name in ("side_light", "mask", "nir", "hand") else 1.0
                       for name in names])  # fmt: skip
    weight /= weight.sum()
    for count in (1, 1, 2):
        kinds = [str(k) for k in rng.choice(names, count, replace=False, p=weight)]
        faces, target = Faces(crop[None]), known.copy()
        for kind in kinds:
            strength = round(float(rng.uniform(0.05, 1.0)), 2)
            faces = degrade(faces, kind, strength, seed=int(rng.integers(1 << 30)))
            if strength > STILL_A_FACE:
                target[place("unclear_features")] = np.nan
            if strength > STILL_SEEN:
                target[place("headwear")] = np.nan
            marked(target, kind, strength, UNKNOWN_ALONE if count == 1 else UNKNOWN_BESIDE)
        pixels = faces.crops[0]
        if rng.random() < 0.15:
            pixels = grey(pixels)
        yield Sample(pixels, target, kind=kinds[0] if count == 1 else "two", base=base,
                     strength=strength)  # fmt: skip


OF_A_FACE = ("occluded_eyes", "occluded_mouth", "mask", "hand_on_face", "extreme_yaw",
             "extreme_pitch", "extreme_roll", "mouth_open", "exaggerated_expression",
             "headwear")  # fmt: skip
"""Reasons that a picture without a face does not have."""
STILL_A_FACE, STILL_SEEN, STILL_LIT = 0.7, 0.5, 70.0
"""Strength of a damage up to which a face, and its hat, are surely seen; degrees of a light."""
BEGINS = {
    "mask": 0.45, "hand": 0.5, "shift": 0.45, "truncation": 0.4, "rotation": 0.55, "nir": 0.5,
    "jpeg": 0.5, "noise": 0.4, "low_resolution": 0.45, "blur": 0.4, "defocus": 0.4, "motion": 0.4,
}  # fmt: skip
"""Strength from which a person would name a kind of damage, .35 where none is given."""


def marked(
    target: Floats, kind: str, strength: float, unknown: Mapping[str, tuple[str, ...]]
) -> None:
    """Writes a kind of damage into the targets of a face."""
    for code in (KINDS[kind].reason, *ALSO.get(kind, ())):
        said = 1 / (1 + np.exp(-(strength - BEGINS.get(kind, 0.35)) / 0.06))
        target[place(code)] = np.fmax(target[place(code)], said)
    for code in unknown.get(kind, ()):
        if target[place(code)] < 0.5:
            target[place(code)] = np.nan
    for code in HIDDEN_BY.get(kind, ()):
        # unless both were drawn
        if code not in ("mask", "hand_on_face") or target[place(code)] < 0.5:
            target[place(code)] = 0.0


def grey(crop: Crop) -> Crop:
    """The crop without color."""
    return np.repeat(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)


def folds(folder: Path) -> Mapping[str, int]:
    """Person -> fold, in turn."""
    return {path.name: n % FOLDS for n, path in enumerate(sorted(folder.iterdir()))}


def _lower_half() -> NDArray[np.float32]:
    """(112,112,1) in 0..1: nose, mouth and chin, soft at its edge."""
    y, x = np.mgrid[:112, :112].astype(np.float32)
    top = 66 + 0.004 * (x - 56) ** 2
    within = (((x - 56) / 40) ** 2 + ((y - 66) / 54) ** 2 <= 1) & (y > top)
    return cv2.GaussianBlur(within.astype(np.float32), (0, 0), 1.5)[..., None]


LOWER = _lower_half()


def blended(over: Crop, under: Crop) -> Crop:
    """The lower half of one face on another."""
    return np.clip(LOWER * over + (1 - LOWER) * under, 0, 255).astype(np.uint8)


SOFT = ("blur", "defocus", "low_resolution", "jpeg", "low_light", "noise")
"""Damage behind which a mask is still seen."""


def masks(data: Path, others: list[Crop], rng: np.random.Generator) -> Iterator[Sample]:
    """Real masks as they are, in other faces, and their faces with another lower half."""
    fold = folds(data / "rmfd")
    worn = [(p.parent.name, read_image(p).pixels) for p in sorted((data / "rmfd").glob("*/*.jpg"))]
    unknown = np.full(len(REASONS), np.nan)
    unknown[place("unclear_features")] = 0.0
    for person, crop in worn:
        yes, no = unknown.copy(), unknown.copy()
        for code in ("mask", "occluded_mouth"):
            yes[place(code)], no[place(code)] = 1.0, 0.0
        for code in HIDDEN_BY["mask"]:
            yes[place(code)] = 0.0
        yield Sample(crop, yes, fold[person], "rmfd")
        yield Sample(np.ascontiguousarray(crop[:, ::-1]), yes, fold[person], "rmfd mirrored")
        yield Sample(grey(crop), yes, fold[person], "rmfd grey")
        for _ in range(2):
            kind = str(rng.choice(SOFT))
            spoiled = degrade(Faces(crop[None]), kind, float(rng.uniform(0.1, 0.6))).crops[0]
            yield Sample(spoiled, yes, fold[person], "rmfd damaged")
        for name, yes_or_no in (("laid over", yes), ("uncovered", no)):
            for spoil in (False, False, True, True):
                other = others[int(rng.integers(len(others)))]
                pair = (crop, other) if yes_or_no is yes else (other, crop)
                made = blended(*pair)
                if spoil:
                    kind = str(rng.choice(SOFT))
                    made = degrade(Faces(made[None]), kind, float(rng.uniform(0.2, 0.8))).crops[0]
                yield Sample(made, yes_or_no, fold[person],
                             f"rmfd {name}{' damaged' if spoil else ''}")  # fmt: skip


LIGHT = re.compile(r"A([+-]\d+)E([+-]\d+)")


def angle_of(name: str) -> float:
    """Degrees between the light and the camera."""
    found = LIGHT.search(name)
    if found is None:
        return float("nan")
    azimuth, elevation = (np.radians(float(part)) for part in found.groups())
    return float(np.degrees(np.arccos(np.cos(azimuth) * np.cos(elevation))))


def lit(name: str, target: Floats) -> Floats:
    """Targets of a face under a known light: named from 40 degrees on, even under 25."""
    angle = angle_of(name)
    said = 1 / (1 + np.exp(-(angle - 40) / 4))
    target[place("uneven_light")] = said
    for code in ("underexposed", "low_contrast"):
        target[place(code)] = np.nan if angle > 30 else 0.0
    target[place("overexposed")] = target[place("glare")] = 0.0
    target[place("unclear_features")] = np.nan if angle > STILL_LIT else 0.0
    return target


def lights(data: Path, others: list[Crop], rng: np.random.Generator) -> Iterator[Sample]:
    """Real light as it is, and laid over other faces."""
    fold = folds(data / "yaleb")
    bare = np.full(len(REASONS), np.nan)
    for code in ("mask", "occluded_mouth", "hand_on_face", "occluded_eyes", "extreme_yaw",
                 "noisy", "blurry", "motion_blur", "compression", "face_too_small", "mouth_open",
                 "extreme_roll", "headwear"):  # fmt: skip
        bare[place(code)] = 0.0
    for folder in sorted((data / "yaleb").iterdir()):
        shots = {path.name: read_image(path).pixels for path in sorted(folder.glob("*.jpg"))}
        front = min(shots, key=angle_of)
        soft = slow(shots[front])
        for name, crop in shots.items():
            yield Sample(crop, lit(name, bare.copy()), fold[folder.name], "yaleb",
                         strength=angle_of(name))  # fmt: skip
            for _ in range(3):
                other = others[int(rng.integers(len(others)))]
                made = relit(other, np.clip(slow(crop) / soft, 0.02, 4), rng)
                target = lit(name, np.full(len(REASONS), np.nan))
                target[place("overexposed")] = target[place("glare")] = np.nan
                yield Sample(made, target, fold[folder.name], "yaleb laid over")


def relit(crop: Crop, ratio: NDArray[np.float32], rng: np.random.Generator) -> Crop:
    """The crop under another light, given by its ratio (112,112) to the frontal one.

    Some are grey, and for some the camera sets its exposure by the face.
    """
    ratio = ratio ** float(rng.uniform(0.9, 1.1))
    made = np.clip(crop * ratio[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        made = grey(made)
    if rng.random() < 0.4:
        gain = 110 / max(float(made[30:100, 25:88].mean()), 20)
        made = np.clip(made * min(gain, 3.0), 0, 255).astype(np.uint8)
    return made


def no_faces(data: Path, rng: np.random.Generator) -> Iterator[Sample]:
    """Pictures without a face; blur, noise and light are as measured."""
    target = np.full(len(REASONS), np.nan)
    target[place("unclear_features")] = 1.0
    for code in OF_A_FACE:
        target[place(code)] = 0.0
    for crop in pictures(data, rng):
        own = target.copy()
        for code, said in physical(crop).items():
            own[place(code)] = said
        yield Sample(crop, own, kind="no face")


def slow(crop: Crop) -> NDArray[np.float32]:
    """What light does: the luminance without its features."""
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) + 4
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), 5), np.float32)


def chosen(data: Path) -> list[Path]:
    """Crops of the people to learn from: at most so many of each person."""
    taken: list[Path] = []
    for folder in training(data):
        paths = sorted(folder.glob("*.jpg"))
        most = EACH_PINS if "pins" in str(folder) else EACH_LFW
        taken += paths if len(paths) <= most else paths[:: len(paths) // most][:most]
    return taken


def learned(data: Path) -> list[Path]:
    """These, then all faces whose heads a person has looked at."""
    some = chosen(data)
    return some + sorted(looked_at(data) - set(some))


def main(data: Path, out: Path, model: Path) -> None:
    """Everything, in one process of one thread."""
    needs(data, *LFW, *PINS, "rmfd", "yaleb", "models/yunet.onnx", "models/landmarks68.onnx",
          "models/expression.onnx", "photos")  # fmt: skip
    cv2.setNumThreads(1)
    began, out_file = time.monotonic(), out / "reasons.npz"
    teachers, gathered, paths = Teachers(data), Gathered(*network(model)), learned(data)
    hats, listed = headwear(data), looked_at(data)
    fold = {name: n % FOLDS for n, name in enumerate(sorted({path.parent.name for path in listed}))}
    plain: list[Crop] = []
    for at in range(0, len(paths), 64):
        batch: list[Sample] = []
        for number, path in enumerate(paths[at : at + 64], at):
            crop = read_image(path).pixels
            rng = np.random.default_rng([7, zlib.crc32(crop.data)])
            target = teachers(crop, hats.get(path, np.nan))
            made = [Sample(crop, target, kind="clean", base=number),
                    *damaged(crop, target, rng, number)]  # fmt: skip
            for sample in made:
                sample.fold, sample.seen = fold.get(path.parent.name, -1), path in listed
            batch += made
            if np.nanmax(target) < 0.3 and len(plain) < 3000:
                plain.append(crop)
        gathered.add(batch)
        sys.stderr.write(f"\r{min(at + 64, len(paths))} of {len(paths)} crops")
    rng, waiting = np.random.default_rng(8), []
    none = no_faces(data, np.random.default_rng(9))
    for made in (masks(data, plain, rng), lights(data, plain, rng), none):
        for sample in made:
            waiting.append(sample)
            if len(waiting) == 256:
                gathered.add(waiting)
                waiting = []
    gathered.add(waiting)
    gathered.write(out_file)
    sys.stderr.write(f"\n{len(gathered.rows)} faces in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    main(*map(Path, sys.argv[1:]))
