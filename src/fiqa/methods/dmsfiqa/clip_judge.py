"""The CLIP judge: how much closer a face is to a factor's good prompts than to the bad ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.extras import require
from fiqa.functional.batches import batches
from fiqa.methods.dmsfiqa.towers import clip_tokens, device_and_precision, loading, pictures
from fiqa.runtime.pretrained import model_folder, model_hashes
from fiqa.types import Faces, FloatArray
from fiqa.vocabulary import FACTORS

__all__ = ["ClipJudge"]

Prompts = Mapping[str, Mapping[str, Sequence[str]]]
# The most tokens that CLIP's text tower takes.
_CONTEXT = 77


class ClipJudge:
    """q_f = sigmoid((mean cosine to positive prompts - mean cosine to negative prompts) / tau).

    Any CLIP of transformers will do. The prompts' embeddings are computed once, when the judge is
    loaded.

    Args: as in [clip] of default.toml.
    """

    name = "clip"
    _family = "CLIP"
    _classes = ("CLIPModel", "CLIPImageProcessorPil")
    parallel = False
    columns = len(FACTORS)

    def __init__(
        self, *, model: str, tau: float, batch: int, precision: str, prompts: Prompts
    ) -> None:
        self.model, self.tau, self.batch = model, tau, batch
        self.precision, self.prompts = precision, prompts

    @cached_property
    def _folder(self) -> Any:
        return model_folder(self.model)

    @cached_property
    def _loaded(self) -> tuple[Any, Any, NDArray[np.float32]]:
        """(model, image processor, text embeddings (P,D) of all prompts in the order of
        `_texts`)."""
        _ = self._folder  # said first when it is not here: importing takes seconds
        transformers, torch = require("transformers", extra="vlm"), require("torch", extra="vlm")
        device, dtype = device_and_precision(self.precision)
        model, process = self._networks(transformers, dtype)
        model = model.eval().to(device)
        tokens = self._tokens(transformers, model.config.text_config.max_position_embeddings)
        with torch.inference_mode():
            text = model.get_text_features(**tokens.to(device)).pooler_output
        return model, process, _unit(text)

    def _networks(self, transformers: Any, dtype: Any) -> tuple[Any, Any]:
        """(model, image processor)."""
        network, processor = (getattr(transformers, name) for name in self._classes)
        model = loading(
            self._folder,
            f"A {self._family} model",
            lambda: network.from_pretrained(self._folder, dtype=dtype, local_files_only=True),
        )
        return model, loading(
            self._folder,
            f"A {self._family} image processor",
            lambda: processor.from_pretrained(self._folder),
        )

    def _tokens(self, transformers: Any, places: int) -> Any:
        """The tokens of `_texts`, a mapping of tensors, for a text tower with so many places."""
        longest = min(_CONTEXT, places)
        return clip_tokens(
            self._folder, self._texts, padding="max_length", max_length=longest, truncation=True
        )

    @cached_property
    def _texts(self) -> list[str]:
        return [
            text
            for factor in FACTORS
            for side in ("positive", "negative")
            for text in self.prompts[factor][side]
        ]

    @cached_property
    def _contrast(self) -> NDArray[np.float32]:
        """(P,6): what takes the cosines to all prompts to the margin of each factor."""
        table = np.zeros((len(self._texts), len(FACTORS)), np.float32)
        # Rows are in the order of `_texts`; each side's weights sum to 1 or -1.
        at = 0
        for k, factor in enumerate(FACTORS):
            for side, sign in (("positive", 1.0), ("negative", -1.0)):
                count = len(self.prompts[factor][side])
                table[at : at + count, k] = sign / count
                at += count
        return table

    def load(self) -> None:
        """Loads the model and embeds the prompts.

        Raises:
            WeightsError: the model is not here, or cannot be loaded.
            MissingExtraError: transformers or torch is not installed.
        """
        _ = self._loaded

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,6) float32 in 0..1."""
        margin = self.embed(faces) @ self._loaded[2].T @ self._contrast
        return (
            1.0 / (1.0 + np.exp(-np.clip(margin.astype(np.float64) / self.tau, -60, 60)))
        ).astype(np.float32)

    def embed(self, faces: Faces) -> FloatArray:
        """Returns (N,D) float32 unit image embeddings."""
        torch = require("torch", extra="vlm")
        model, process, text = self._loaded
        parts = [np.empty((0, text.shape[1]), np.float32)]
        for piece in batches(len(faces), self.batch):
            pixels = process(images=pictures(faces.take(piece)), return_tensors="pt")[
                "pixel_values"
            ]
            with torch.inference_mode():
                image = model.get_image_features(
                    pixel_values=pixels.to(model.device, model.dtype)
                ).pooler_output
            parts.append(_unit(image))
        return np.concatenate(parts)

    def describe(self) -> dict[str, Any]:
        """Returns model, sha256 of its files, tau, precision and prompts."""
        return {
            "judge": self.name,
            "model": self.model,
            "files": model_hashes(self._folder),
            "tau": self.tau,
            "precision": str(device_and_precision(self.precision)[1]),
            "prompts": {
                factor: {side: list(texts) for side, texts in self.prompts[factor].items()}
                for factor in FACTORS
            },
        }


def _unit(vectors: Any) -> NDArray[np.float32]:
    rows = vectors.float().cpu().numpy()
    result: NDArray[np.float32] = rows / np.maximum(
        np.linalg.norm(rows, axis=1, keepdims=True), 1e-12
    )
    return result
