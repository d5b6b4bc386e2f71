"""The BLIP-2 judge: asks a question per factor and takes the probability of the good answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fiqa.errors import WeightsError
from fiqa.extras import require
from fiqa.functional.batches import batches
from fiqa.methods.dmsfiqa.towers import device_and_precision, loading, pictures
from fiqa.runtime.pretrained import model_folder, model_hashes
from fiqa.types import Faces, FloatArray
from fiqa.vocabulary import FACTORS

__all__ = ["Blip2Judge"]


class Blip2Judge:
    """q_f = P(good answer): the softmax over "yes" and "no" as the next token after a question.

    Works with decoder-only (OPT) and encoder-decoder (T5) language models. An image goes through
    the vision model once; its query vectors stand before each question. A word of several tokens is
    compared by its first.

    Args: as in [blip2] of default.toml.
    """

    name = "blip2"
    parallel = False
    columns = len(FACTORS)

    def __init__(
        self,
        *,
        model: str,
        batch: int,
        precision: str,
        template: str,
        yes: str,
        no: str,
        questions: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.model, self.batch, self.precision = model, batch, precision
        self.template, self.yes, self.no, self.questions = template, yes, no, questions

    @cached_property
    def _folder(self) -> Any:
        return model_folder(self.model)

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any]:
        """(model, image processor, tokenizer)."""
        _ = self._folder  # said first when it is not here: importing takes seconds
        transformers = require("transformers", extra="vlm")
        device, dtype = device_and_precision(self.precision)
        model = loading(
            self._folder,
            "A BLIP-2 model",
            lambda: transformers.Blip2ForConditionalGeneration.from_pretrained(
                self._folder, dtype=dtype, local_files_only=True
            ),
        )
        process = loading(
            self._folder,
            "A BLIP image processor",
            lambda: transformers.BlipImageProcessorPil.from_pretrained(self._folder),
        )
        tokenizer = loading(
            self._folder,
            "A BLIP-2 tokenizer",
            lambda: transformers.AutoTokenizer.from_pretrained(self._folder),
        )
        return model.eval().to(device), process, tokenizer

    @cached_property
    def _answers(self) -> list[int]:
        """First tokens of yes and no, as they follow the prompt."""
        tokenizer = self._loaded[2]
        # After a prompt the word begins with a space; a decoder of its own begins with the word.
        lead = "" if self._encoder_decoder else " "
        tokens = [
            tokenizer(f"{lead}{word}", add_special_tokens=False)["input_ids"]
            for word in (self.yes, self.no)
        ]
        first = [ids[0] if ids else None for ids in tokens]
        if None in first or first[0] == first[1]:
            raise WeightsError(
                f"yes and no must be words that the tokenizer in {self._folder} tells apart, got"
                f" {self.yes!r} and {self.no!r}."
            )
        return first  # type: ignore[return-value]

    @property
    def _encoder_decoder(self) -> bool:
        return not self._loaded[0].config.use_decoder_only_language_model

    def load(self) -> None:
        """Loads the model.

        Raises:
            WeightsError: it is not here, or cannot be loaded.
            MissingExtraError: transformers or torch is not installed.
        """
        _ = self._answers

    def judge(self, faces: Faces) -> FloatArray:
        """Returns (N,6) float32 in 0..1."""
        torch = require("torch", extra="vlm")
        model, process, _ = self._loaded
        parts = [np.empty((0, len(FACTORS)), np.float32)]
        for piece in batches(len(faces), self.batch):
            pixels = process(images=pictures(faces.take(piece)), return_tensors="pt")[
                "pixel_values"
            ]
            with torch.inference_mode():
                image = model.get_image_features(pixels.to(model.device, model.dtype)).pooler_output
                parts.append(np.stack([self._ask(factor, image) for factor in FACTORS], axis=1))
        return np.concatenate(parts)

    def _ask(self, factor: str, image: Any) -> FloatArray:
        """(n,) probability of the good answer to one factor's question, given the images' query
        vectors (n,Q,D)."""
        torch = require("torch", extra="vlm")
        model, _, tokenizer = self._loaded
        language = model.language_model
        asked = self.questions[factor]
        words = tokenizer(self.template.format(question=asked["question"]), return_tensors="pt")[
            "input_ids"
        ]
        text = language.get_input_embeddings()(words.to(model.device)).expand(len(image), -1, -1)
        vectors = torch.cat([image.to(text.dtype), text], dim=1)
        inputs = {
            "inputs_embeds": vectors,
            "attention_mask": torch.ones(vectors.shape[:2], device=model.device).long(),
        }
        if self._encoder_decoder:
            first = language.config.decoder_start_token_id
            inputs["decoder_input_ids"] = torch.full(
                (len(image), 1), first or 0, device=model.device
            )
        log_p = torch.log_softmax(language(**inputs).logits[:, -1].float(), dim=-1)[
            :, self._answers
        ]
        p = torch.softmax(log_p, dim=-1)[:, 0 if asked["good"] == "yes" else 1]
        return np.asarray(p.cpu().numpy(), np.float32)

    def describe(self) -> dict[str, Any]:
        """Returns model, sha256 of its files, precision, template, answers and questions."""
        return {
            "judge": self.name,
            "model": self.model,
            "files": model_hashes(self._folder),
            "precision": str(device_and_precision(self.precision)[1]),
            "template": self.template,
            "answers": [self.yes, self.no],
            "questions": {factor: dict(self.questions[factor]) for factor in FACTORS},
        }
