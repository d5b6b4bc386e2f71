"""The two towers of CLIB-FIQA: an image tower that runs, and the prompts as a constant matrix.

The frozen text tower made that matrix once.

CLIP's image transformers (ViT-B/32, ViT-B/16 and others) come from a model folder of the
transformers library; its residual towers (RN50 and others), which that library has not, from a
state dict (clip_state), a file of one's own or the hub's.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fiqa.errors import WeightsError
from fiqa.extras import require
from fiqa.methods.clib_fiqa.clip_state import Clip, clip_of
from fiqa.methods.clib_fiqa.prompts import PROMPTS
from fiqa.methods.clib_fiqa.tokens import VOCABULARY, known_tokens
from fiqa.methods.dmsfiqa.towers import clip_tokens, loading
from fiqa.nets.catalog import read_state
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.pretrained import model_file, model_folder

__all__ = [
    "RESIDUAL",
    "ImageTransformer",
    "Towers",
    "clip_input",
    "state_towers",
    "text_matrix",
    "towers",
]

RESIDUAL = MappingProxyType(
    {
        "RN50": "timm/resnet50_clip.openai",
        "RN101": "timm/resnet101_clip.openai",
        "RN50x4": "timm/resnet50x4_clip.openai",
        "RN50x16": "timm/resnet50x16_clip.openai",
        "RN50x64": "timm/resnet50x64_clip.openai",
    }
)
"""Residual CLIPs: the name that their authors gave each, and where the hub has its weights."""

STATES = (".pt", ".pth", ".safetensors")
"""The suffixes of a state dict."""

_RESIDUAL_FILE = "open_clip_model.safetensors"

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
            -patch16 (see fiqa.runtime.pretrained); a file of a state dict in CLIP's own names, one
            of STATES; or one of RESIDUAL.

    Raises:
        WeightsError: it is not here and cannot be fetched, or is no CLIP.
        UnsafeFileError: a file that holds more than tensors.
        MissingExtraError: transformers or torch is not installed.
    """
    if name in RESIDUAL:
        file = model_file(RESIDUAL[name], _RESIDUAL_FILE)
        return state_towers(read_state(file), f"the hub's {name}")
    if Path(name).suffix.lower() in STATES:
        return state_towers(read_state(name), repr(name))
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


def state_towers(state: dict[str, Tensor], origin: str, *, tokenizer: str | None = None) -> Towers:
    """Returns the towers of a state dict in CLIP's own names.

    Args:
        state: names and tensors.
        origin: where it is from, for messages.
        tokenizer: folder or hub name with the tokenizer's files, for a CLIP of another vocabulary
            than the published one (see fiqa.methods.clib_fiqa.tokens); None is that.

    Raises: as `towers`.
    """
    clip = clip_of(state, origin)
    if tokenizer is not None:
        return _towers(clip, prompt_tokens(model_folder(tokenizer)))
    if clip.vocabulary != VOCABULARY:
        raise WeightsError(
            f"{origin} must have CLIP's vocabulary of {VOCABULARY} tokens, it has"
            f" {clip.vocabulary}.",
            hint="fiqa convert FILE model.onnx --tokenizer FOLDER takes a tokenizer of its own",
        )
    return _towers(clip, torch.from_numpy(known_tokens()))


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
