"""What the training-free probes share: how a recognizer answers to a face is the quality.

A probe has no weights of its own. What it draws at random is seeded by the content of the crop, so
a face has the same score in any batch, on any day.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fiqa
from fiqa import checks
from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.functional.batches import batches
from fiqa.functional.calibration import Calibration
from fiqa.functional.crops import ALIGNED_SIZE
from fiqa.runtime.inputs import as_faces
from fiqa.types import Faces, FloatArray, PathLike, Recognizer, Scorer

if TYPE_CHECKING:
    from fiqa.nets.recognizer import TorchRecognizer

__all__ = ["Probe", "SeedSpread", "content_seed", "opened", "torch_recognizer"]

Crops = NDArray[np.uint8]


class SeedSpread(NamedTuple):
    """How much of a score is chance.

    Both numbers are estimates for any number of seeds (analysis of variance), noisy with few faces.

    Attributes:
        std: (N,) of each face's score over the seeds.
        share: of the variance of a score that the seeds make and not the faces, 0 (none) to 1 (all
            of it; the score tells nothing).
    """

    std: FloatArray
    share: float


class Probe(Scorer):
    """Scores faces by a recognizer's own behavior: it knows how a recognizer answers, not why.

    Attributes:
        settings: what the score depends on besides the recognizer.
        seeded: whether it draws anything at random.
        version: names fiqa, the recognizer with the start of its sha256, and the settings.

    Args:
        name: of the method.
        recognizer: that is asked.
        measure: (crops (n,S,S,3), seed) -> (n,) raw quality, higher is better; a function that can
            be pickled, so that the probe can.
        settings: name -> value; those of seeded methods have `seed`.
        calibration: (x0, w) of the 0..100 scale.
        batch: crops that go through the network at once, at least 1; it decides speed and memory
            alone.
        preprocess: one line on the crop that the recognizer sees.

    Raises:
        InputError: batch below 1, w not above 0.
    """

    def __init__(
        self,
        name: str,
        recognizer: Recognizer,
        measure: Callable[[Crops, int], NDArray[np.floating]],
        *,
        settings: Mapping[str, Any],
        calibration: tuple[float, float],
        batch: int,
        preprocess: str,
    ) -> None:
        self.name = name
        self.preprocess = preprocess
        self.calibration = Calibration(*calibration)
        self.settings = dict(settings)
        self.seeded = "seed" in self.settings
        told = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        sha = str(getattr(recognizer, "version", ""))[:12]
        self.version = "; ".join(
            filter(None, (f"fiqa {fiqa.__version__}", f"{recognizer.name} {sha}".strip(), told))
        )
        spec = getattr(recognizer, "input", None)
        self._side = ALIGNED_SIZE if spec is None else int(spec.size)
        self._measure = measure
        self._batch = int(checks.in_range(batch, "batch", 1, float("inf")))

    def score(
        self, crops: Crops | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        """Returns (N,) float32 raw quality, higher is better, for uint8 crops or Faces.

        Crops are (N,112,112,3).

        Raises:
            ShapeError: these are no crops.
        """
        faces = as_faces(crops, color=color, resize=resize, side=self._side)
        return self._scored(faces.crops, int(self.settings.get("seed", 0)))

    def seed_spread(self, crops: Crops | Faces, *, seeds: int = 5) -> SeedSpread:
        """Returns how far the scores of crops move when the random draws are others.

        The seeds are 0, 1, ... `seeds` - 1.

        Raises:
            InputError: a method that draws nothing, fewer than 2 seeds, no crops.
            ShapeError: these are no crops.
        """
        if not self.seeded:
            raise InputError(
                f"Only a method that draws at random has a spread over seeds, {self.name} draws"
                " nothing."
            )
        checks.in_range(seeds, "seeds", 2, float("inf"))
        images = as_faces(crops, side=self._side).crops
        table = np.stack([self._scored(images, seed) for seed in range(seeds)]).astype(np.float64)
        if not table.size:
            raise InputError("The spread over seeds needs at least 1 crop, got 0.")
        # Analysis of variance: the variance of the means holds a share of that inside a face.
        within = float(table.var(axis=0, ddof=1).mean())
        means = table.mean(axis=0)
        between = max(float(means.var(ddof=1)) - within / seeds, 0.0) if len(means) > 1 else 0.0
        share = within / (within + between) if within > 0 else 0.0
        return SeedSpread(table.std(axis=0, ddof=1).astype(np.float32), share)

    def _scored(self, images: Crops, seed: int) -> FloatArray:
        result = np.empty(len(images), np.float32)
        for rows in batches(len(images), self._batch):
            result[rows] = self._measure(images[rows], seed)
        return result


def content_seed(crop: Crops, seed: int) -> int:
    """Returns a number in 0..2^63-1 that depends on a crop's pixels and `seed`, and nothing else.

    >>> crop = np.zeros((2, 2, 3), np.uint8)
    >>> content_seed(crop, 0) == content_seed(crop.copy(), 0)
    True
    >>> content_seed(crop, 0) == content_seed(crop, 1)
    False
    """
    digest = hashlib.sha256(
        f"{seed} {crop.shape} ".encode() + np.ascontiguousarray(crop).tobytes()
    ).digest()
    # torch's generators take 63 bits.
    return int.from_bytes(digest[:8], "big") >> 1


def opened(recognizer: PathLike | Recognizer) -> Recognizer:
    """Returns a recognizer for what names it.

    That is `dlib`, a path with a card beside it, a name in FIQA_HOME (ONNX), or a recognizer
    itself.

    Raises:
        WeightsError, UnsafeFileError, InputError: as OnnxEmbedder and open_recognizer.
        MissingExtraError: torch weights, and torch is not installed.
    """
    if not isinstance(recognizer, str | os.PathLike):
        if isinstance(recognizer, Recognizer):
            return recognizer
        raise InputError(
            "recognizer must be a path or have `name` and `embed(crops)`, got"
            f" {type(recognizer).__name__}."
        )
    from fiqa.runtime.cards import TORCH_SUFFIXES

    if os.fspath(recognizer).lower().endswith(TORCH_SUFFIXES):
        require("torch", extra="train")
        from fiqa.nets.recognizer import open_recognizer

        return open_recognizer(recognizer)
    from fiqa.runtime.recognizers import named_recognizer

    return named_recognizer(recognizer)


def torch_recognizer(recognizer: PathLike | Recognizer, method: str) -> TorchRecognizer:
    """Returns a recognizer in torch.

    Raises:
        InputError: it is not in torch.
        MissingExtraError: torch is not installed.
        WeightsError, UnsafeFileError: as `opened`.
    """
    require("torch", extra="train")
    from fiqa.nets.recognizer import TorchRecognizer

    model = opened(recognizer)
    if not isinstance(model, TorchRecognizer):
        raise InputError(
            f"{method} must have a recognizer in torch, {model.name} is a {type(model).__name__}.",
            hint=(
                "give its torch weights (.pt, .pth or .safetensors, described by `fiqa weights"
                " card`) or a fiqa.nets.recognizer.TorchRecognizer"
            ),
        )
    return model
