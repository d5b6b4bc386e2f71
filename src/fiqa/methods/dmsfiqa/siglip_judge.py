"""The SigLIP judge: the CLIP judge's margins, from a model whose texts and images were paired by a
sigmoid."""

from __future__ import annotations

from typing import Any

from fiqa.methods.dmsfiqa.clip_judge import ClipJudge
from fiqa.methods.dmsfiqa.towers import loading, told_apart

__all__ = ["SiglipJudge"]


class SiglipJudge(ClipJudge):
    """q_f = sigmoid((mean cosine to positive prompts - mean cosine to negative prompts) / tau).

    SigLIP's own bias is the same for all prompts, so that it falls out of the margin. Any model of
    the type `siglip` of transformers will do (SigLIP 2 of fixed size too).

    Args: as in [siglip] of default.toml, and the prompts of [clip].
    """

    name = "siglip"
    _family = "SigLIP"
    _classes = ("SiglipModel", "SiglipImageProcessorPil")

    def _tokens(self, transformers: Any, places: int) -> Any:
        """As it was trained: in lower case, filled to the last place, every place seen."""
        tokenizer = loading(
            self._folder,
            "A SigLIP tokenizer",
            lambda: transformers.AutoTokenizer.from_pretrained(self._folder, local_files_only=True),
        )
        texts = [text.lower() for text in self._texts]
        tokens = tokenizer(
            texts, return_tensors="pt", padding="max_length", max_length=places, truncation=True
        )
        told_apart(tokens["input_ids"], texts, self._folder)
        for name in set(tokens) - {"input_ids"}:
            del tokens[name]
        return tokens
