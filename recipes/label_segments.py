"""What templates of other segments are worth, in simulated clips; for docs/guides/labels.md.

Of each person some images become clips of frames that are shifted, blurred, darkened and noisy.
Recognizer A gives the likeness to templates; the truth is a frame's mean cosine to the person's
other clips under recognizer B, and the number Spearman's rho inside a person (and modality).

python recipes/label_segments.py ../shared/data [--infrared]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.stats import spearmanr

from fiqa.faces.factors import measure
from fiqa.methods.dmsfiqa import fuse
from fiqa.methods.dmsfiqa.segments import template_similarity
from fiqa.methods.dmsfiqa.templates import candidates
from fiqa.types import Faces

PEOPLE, CLIPS, FRAMES = 24, 12, 5
Array = NDArray[Any]


def frames(
    data: Path, infrared: bool, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Array, Array, Array]:
    """Crops, and who, which clip and which modality (1: infrared) each is."""
    crops, about = [], []
    for person, folder in enumerate(sorted((data / "pins/aligned").iterdir())[:PEOPLE]):
        files = sorted(folder.glob("*.jpg"))
        for clip, k in enumerate(rng.permutation(len(files))[:CLIPS]):
            image = cv2.imread(str(files[k]))[:, :, ::-1].astype(np.float32)
            dark = infrared and clip % 3 == 0
            for _ in range(FRAMES):
                crops.append(frame(image, dark, rng))
                about.append((person, person * CLIPS + clip, int(dark)))
    return np.stack(crops), *np.array(about).T


def frame(image: Array, infrared: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One frame of a clip of an image."""
    shift = np.array([[1, 0, rng.normal(0, 1.5)], [0, 1, rng.normal(0, 1.5)]], np.float32)
    moved = cv2.warpAffine(image, shift, (112, 112), borderMode=cv2.BORDER_REPLICATE)
    sigma = rng.choice([0, 0, 1.0, 2.0, 3.0])
    x = cv2.GaussianBlur(moved, (0, 0), sigma) if sigma else moved
    x = x * rng.uniform(0.4, 1.1) + rng.normal(0, rng.uniform(1, 10), x.shape)
    if infrared:
        y, right = np.mgrid[-56:56, -56:56] / 60
        lamp = np.exp(-(y**2 + right**2) / 2)[..., None]
        x = 255 * (np.clip(x[..., :1], 0, 255) / 255) ** 0.7 * lamp
        x = np.repeat(x + rng.normal(0, 8, x.shape), 3, axis=2)
    return np.clip(x, 0, 255).astype(np.uint8)


def vectors(path: Path, crops: NDArray[np.uint8], mean: Any, deviation: Any) -> Array:
    """Unit vectors of the crops."""
    session = onnxruntime.InferenceSession(str(path))
    name = session.get_inputs()[0].name
    scaled = ((crops / 255 - np.array(mean)) / np.array(deviation)).astype(np.float32)
    found = np.concatenate(
        [session.run(None, {name: x[None]})[0] for x in scaled.transpose(0, 3, 1, 2)]
    )
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def main(data: Path, infrared: bool) -> None:
    """Prints one row of the table, with as many more for other counts of templates."""
    crops, who, clip, modality = frames(data, infrared, np.random.default_rng(0))
    imagenet = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    own = vectors(data / "models/recognizer_a.onnx", crops, *imagenet)
    other = vectors(data / "models/recognizer_b.onnx", crops, 0.5, 0.5)
    quality = fuse(measure(Faces(crops)).matrix)
    cosine = other @ other.T
    apart = (who[:, None] == who) & (clip[:, None] != clip)
    truth = (cosine * apart).sum(axis=1) / apart.sum(axis=1)

    def rho(similarity: Array) -> float:
        cells = [(who == p) & (modality == m) for p in range(PEOPLE) for m in set(modality)]
        return float(np.mean([spearmanr(similarity[c], truth[c]).statistic for c in cells]))

    one = candidates(quality, own, who, count=1).row
    paper = template_similarity(own, who, one).similarity
    near = clip == clip[one][who]
    print(
        f"one template, own segment too: rho {rho(paper):.3f}, similarity in its segment", end=" "
    )
    print(f"{paper[near].mean():.2f}, elsewhere {paper[~near].mean():.2f}")
    for count in (3, 5, 8, 12):
        rows = candidates(quality, own, who, count=count, segments=clip, modalities=modality).row
        for best in (1, 2, 3, 5):
            found = template_similarity(own, who, rows, segments=clip, best=best)
            print(f"{count} templates, best {best}: rho {rho(found.similarity):.3f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), "--infrared" in sys.argv)
