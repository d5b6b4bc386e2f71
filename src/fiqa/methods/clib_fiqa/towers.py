"""The two towers of CLIB-FIQA: an image tower that runs, and the prompts as a constant matrix.

The frozen text tower made that matrix once.

CLIP's image transformers (ViT-B/32, ViT-B/16 and others) come from the transformers library; its
residual towers (RN50 and others) from open_clip where the user has it, or from a state dict
(clip_state).
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fiqa.errors import MissingExtraError, WeightsError
from fiqa.extras import require
from fiqa.methods.clib_fiqa.clip_state import Clip, clip_of
from fiqa.methods.clib_fiqa.prompts import PROMPTS
from fiqa.methods.dmsfiqa.towers import clip_tokens, loading
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.pretrained import model_folder

__all__ = [
    "OPEN_CLIP",
    "TOKENIZER",
    "ImageTransformer",
    "Towers",
    "clip_input",
    "state_towers",
    "text_matrix",
    "towers",
]

OPEN_CLIP = ("RN50", "RN101", "RN50x4", "RN50x16", "RN50x64")
"""Residual CLIPs, by the names that open_clip gives them."""

TOKENIZER = "openai/clip-vit-base-patch32"
"""A model whose tokenizer every published CLIP shares."""

# CLIP's own numbers, over the images that it was trained on.
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
_BATCH = 60


class Towers(NamedTuple):
    """An image tower and the text beside it.

    Attributes:
        image: (N,3,size,size) -> (N,D), trainable.
        text: (360,D) unit embeddings of PROMPTS.
        scale: 1 / temperature.
        size: in pixels.
    """

    image: nn.Module
    text: Tensor
    scale: float
    size: int


class ImageTransformer(nn.Module):
    """CLIP's image transformer and projection, as `get_image_features` of transformers computes it.

    Its look at the size is left out: no trace can follow that.

    Args:
        clip: a CLIPModel, or a CLIPVisionModelWithProjection.
    """

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.vision, self.projection = clip.vision_model, clip.visual_projection

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N,D) embeddings of (N,3,S,S) normalized pixels."""
        # The class token goes first: its place is the only one that is read at the end.
        embed = self.vision.embeddings
        patches = embed.patch_embedding(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([embed.class_embedding.expand(x.shape[0], 1, -1), patches], dim=1)
        tokens = self.vision.pre_layrnorm(tokens + embed.position_embedding.weight)
        hidden = self.vision.encoder(inputs_embeds=tokens).last_hidden_state
        return self.projection(self.vision.post_layernorm(hidden[:, 0]))


def clip_input(size: int) -> ModelInput:
    """Returns how crops become CLIP's input: the whole crop resized, with CLIP's mean and std.

    The crop is resized to the square (bilinear), nothing is cut off.

    >>> clip_input(224).line().partition(",")[0]
    'RGB 224x224'
    """
    return ModelInput(size=size, color="RGB", layout="NCHW", scale=255, mean=_MEAN, std=_STD)


def towers(name: str) -> Towers:
    """Returns the towers of a pretrained CLIP; the prompts are embedded here, once.

    Args:
        name: a folder or a hub name of transformers, such as openai/clip-vit-base-patch32 or
            -patch16 (see fiqa.runtime.pretrained); or one of OPEN_CLIP.

    Raises:
        WeightsError: it is not here and cannot be fetched, or is no CLIP.
        MissingExtraError: transformers, torch or open_clip is not installed.
    """
    if name in OPEN_CLIP:
        return _from_open_clip(name)
    folder = model_folder(name)
    transformers = require("transformers", extra="vlm")
    model = loading(
        folder,
        "A CLIP model",
        lambda: transformers.CLIPModel.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
        ),
    ).eval()
    text = model.config.text_config
    clip = Clip(
        model,
        model,
        float(model.logit_scale.detach().exp()),
        model.config.vision_config.image_size,
        text.max_position_embeddings,
        text.vocab_size,
    )
    return _towers(clip, prompt_tokens(folder))


def state_towers(state: dict[str, Tensor], origin: str, *, tokenizer: str = TOKENIZER) -> Towers:
    """Returns the towers of a state dict in CLIP's own names.

    Args:
        state: names and tensors.
        origin: where it is from, for messages.
        tokenizer: folder or hub name with the tokenizer's files.

    Raises: as `towers`.
    """
    return _towers(clip_of(state, origin), prompt_tokens(model_folder(tokenizer)))


def prompt_tokens(folder: Path) -> Tensor:
    """Returns the tokens of the 360 prompts, (360,T) int64; all are as long as the longest.

    Args:
        folder: of the tokenizer.

    Raises:
        WeightsError: there is no tokenizer in it.
    """
    tokens: Tensor = clip_tokens(folder, PROMPTS, padding=True)["input_ids"]
    return tokens


def text_matrix(text: Any, tokens: Tensor) -> Tensor:
    """Returns unit embeddings (P,D) of tokens (P,T); no gradient goes through.

    Args:
        text: a text tower of transformers (text_model and text_projection).
        tokens: of the texts.
    """
    with torch.no_grad():
        parts = [
            text.text_projection(text.text_model(input_ids=part).pooler_output)
            for part in torch.split(tokens, _BATCH)
        ]
    return functional.normalize(torch.cat(parts).float(), dim=1)


def _towers(clip: Clip, tokens: Tensor) -> Towers:
    if tokens.shape[1] > clip.context or int(tokens.max()) >= clip.vocabulary:
        raise WeightsError(
            f"The tokenizer must fit the text tower, which takes {clip.context} tokens below"
            f" {clip.vocabulary}; the prompts have {tokens.shape[1]}, the highest"
            f" {int(tokens.max())}.",
            hint="is it the tokenizer of this model?",
        )
    image = ImageTransformer(clip.image) if hasattr(clip.image, "vision_model") else clip.image
    return Towers(image.requires_grad_(True), text_matrix(clip.text, tokens), clip.scale, clip.size)


def _from_open_clip(name: str) -> Towers:
    try:
        library = importlib.import_module("open_clip")
    except ImportError as error:
        raise MissingExtraError(
            f"open_clip must be importable for {name}, and importing it failed: {error}.",
            hint=(
                "pip install open_clip_torch; or convert a state dict that you have: fiqa convert"
                " FILE.pt model.onnx"
            ),
        ) from error
    # Its state dict goes the way of one that a user has: the same checks, the same networks.
    state = library.create_model(name, pretrained="openai", precision="fp32").state_dict()
    return _towers(
        clip_of(state, f"open_clip's {name}"),
        _without_padding(library.get_tokenizer(name)(list(PROMPTS))),
    )


def _without_padding(tokens: Tensor) -> Tensor:
    """Tokens cut after the last end, which is the highest token."""
    return tokens[:, : int(tokens.argmax(dim=1).max()) + 1]
