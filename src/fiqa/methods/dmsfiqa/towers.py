"""What the vision-language judges share: precision, device, pictures, and safe loading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fiqa.errors import WeightsError
from fiqa.extras import require
from fiqa.types import Faces

__all__ = ["clip_tokens", "device_and_precision", "loading", "pictures", "told_apart"]

T = TypeVar("T")


def device_and_precision(precision: str) -> tuple[str, Any]:
    """Returns (device, torch dtype): the GPU where there is one.

    "auto" is bfloat16 or float16 on a GPU and float32 on a CPU.
    """
    torch = require("torch", extra="vlm")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision != "auto":
        return device, getattr(torch, precision)
    if device == "cpu":
        return device, torch.float32
    return device, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def pictures(faces: Faces) -> list[Any]:
    """Returns the crops as pictures of Pillow, which the image processors take."""
    from PIL import Image

    return [Image.fromarray(np.ascontiguousarray(crop)) for crop in faces.crops]


def loading(folder: Path, what: str, load: Callable[[], T]) -> T:
    """Returns `load()`.

    Raises:
        WeightsError: the library cannot load it; the folder is named.
    """
    try:
        return load()
    except Exception as error:  # whatever the library makes of a damaged file
        told = str(error).splitlines()[0] if str(error) else ""
        raise WeightsError(
            f"{what} could not be loaded from {folder}: {type(error).__name__}: {told}",
            hint=(
                "the folder must hold config.json, *.safetensors, and the files of tokenizer and"
                " image processor, as on the hub"
            ),
        ) from error


def clip_tokens(folder: Path, texts: Sequence[str], **padding: Any) -> Any:
    """Returns what a CLIP's tokenizer makes of texts (P), a mapping of torch tensors (P,T).

    Args:
        folder: of the tokenizer.
        texts: all different.
        padding: the tokenizer's own options.

    Raises:
        WeightsError: it cannot be loaded, or different texts come out alike: without its files
            transformers makes a tokenizer that knows no word.
    """
    transformers = require("transformers", extra="vlm")
    tokenizer = loading(
        folder, "A CLIP tokenizer", lambda: transformers.CLIPTokenizer.from_pretrained(folder)
    )
    tokens = tokenizer(list(texts), return_tensors="pt", **padding)
    told_apart(tokens["input_ids"], texts, folder)
    return tokens


def told_apart(tokens: Any, texts: Sequence[str], folder: Path) -> None:
    """Refuses a tokenizer for which different texts are alike.

    Args:
        tokens: (P,T) token ids.
        texts: (P,) what they are of.
        folder: of the tokenizer, for the message.

    Raises:
        WeightsError: there are fewer different rows than texts.
    """
    apart, total = len({tuple(row) for row in tokens.tolist()}), len(set(texts))
    if apart != total:
        raise WeightsError(
            f"The tokenizer in {folder} must tell the {total} prompts apart, it knows {apart}.",
            hint=(
                "the folder must hold vocab.json and merges.txt, or tokenizer.json, as on the hub;"
                " prompts must not differ beyond their 77th token"
            ),
        )
