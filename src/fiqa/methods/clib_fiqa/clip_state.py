"""State dicts of CLIP in its authors' own names, turned into the networks used here.

The names are `visual.*`, `transformer.*`, `token_embedding.weight` and so on.

[1] Radford et al.: Learning Transferable Visual Models From Natural Language Supervision, ICML
2021.

Sizes are read from the tensors, as there is nothing else in such a file; then every key must be
there, in its shape, and no other. The text tower and image transformers become models of the
transformers library, residual image towers become fiqa.nets.clip_resnet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fiqa.errors import WeightsError
from fiqa.extras import require
from fiqa.nets.catalog import check_state
from fiqa.nets.clip_resnet import ClipResNet

__all__ = ["Clip", "clip_of"]

_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")
_HINT = (
    "is it a whole CLIP, image and text tower, as OpenAI's code, open_clip or CLIB-FIQA's code"
    " save it?"
)
# The width of an attention head in every published CLIP.
_HEAD = 64
_HIGHEST = 2
"""As the end of a text, this number means to transformers what CLIP's own code does: the highest
token is the end."""

_RANKS = {
    "token_embedding.weight": 2, "positional_embedding": 2, "ln_final.weight": 1,
    "text_projection": 2, "logit_scale": 0, "visual.conv1.weight": 4,
}  # fmt: skip
"""Keys that tell sizes, and how many axes they have."""

_TEXT = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
}
_IMAGE = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "visual.proj": "visual_projection.weight",
}
_BLOCK = {
    "ln_1": "layer_norm1",
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_TRANSPOSED = ("text_projection", "visual.proj")


Names = dict[str, tuple[str, ...]]


class Clip(NamedTuple):
    """A CLIP in parts.

    Attributes:
        text: has text_model and text_projection.
        image: takes (N,3,size,size); a model with vision_model and visual_projection where it is a
            transformer.
        scale: exp of what was learned.
        size: of the images, in pixels.
        context: the most tokens that a text can have.
        vocabulary: how many tokens there are.
    """

    text: Any
    image: nn.Module
    scale: float
    size: int
    context: int
    vocabulary: int


def clip_of(state: Mapping[str, Tensor], origin: str) -> Clip:
    """Returns the networks of a state dict in CLIP's own names, in float32 and evaluation mode.

    Args:
        state: names and tensors; `module.` before all names is taken away.
        origin: where it is from, for messages.

    Raises:
        WeightsError: a key is missing, unexpected or of another shape (the first are named), or a
            width is one that no CLIP has.
        MissingExtraError: transformers is not installed.
    """
    state = {key.removeprefix("module."): value.float() for key, value in state.items()}
    for name in _NOT_WEIGHTS:
        state.pop(name, None)
    what = f"{origin} must hold the weights of a CLIP"
    if missing := [k for k, rank in _RANKS.items() if k not in state or state[k].ndim != rank]:
        first = ", ".join(list(state)[:3]) or "nothing"
        raise WeightsError(
            f"{what}; missing: {', '.join(missing[:3])}. It begins with: {first}.", hint=_HINT
        )
    text = _text_config(state)
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn and replaced
        make = _transformer if "visual.class_embedding" in state else _residual
        clip = make(state, text, what)
    for net in (clip.text, clip.image):
        net.eval().requires_grad_(False)
    return clip


def _text_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    width = len(state["ln_final.weight"])
    return {
        "vocab_size": len(state["token_embedding.weight"]),
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": _blocks(state, "transformer.resblocks."),
        "num_attention_heads": _heads(width),
        "max_position_embeddings": len(state["positional_embedding"]),
        "projection_dim": state["text_projection"].shape[1],
        "eos_token_id": _HIGHEST,
        "hidden_act": "quick_gelu",
    }


def _transformer(state: Mapping[str, Tensor], text: dict[str, Any], what: str) -> Clip:
    """An image transformer and its text tower: one CLIPModel."""
    transformers = require("transformers", extra="vlm")
    width, _, patch, _ = state["visual.conv1.weight"].shape
    positions = state.get("visual.positional_embedding")
    # One position is the class token's.
    side = round(max((0 if positions is None else len(positions)) - 1, 1) ** 0.5)
    vision = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": _blocks(state, "visual.transformer.resblocks."),
        "num_attention_heads": _heads(width),
        "image_size": side * patch,
        "patch_size": patch,
        "projection_dim": text["projection_dim"],
        "hidden_act": "quick_gelu",
    }
    config = transformers.CLIPConfig(
        text_config=text, vision_config=vision, projection_dim=text["projection_dim"]
    )
    model = transformers.CLIPModel._from_config(config, attn_implementation="eager")
    names: Names = {key: (own,) for key, own in (_TEXT | _IMAGE).items()}
    names |= _block_names("transformer.resblocks.", "text_model", text["num_hidden_layers"])
    names |= _block_names(
        "visual.transformer.resblocks.", "vision_model", vision["num_hidden_layers"]
    )
    names["logit_scale"] = ("logit_scale",)
    _load(model, names, state, {}, what)
    return Clip(
        model,
        model,
        _scale(state),
        side * patch,
        text["max_position_embeddings"],
        text["vocab_size"],
    )


def _residual(state: Mapping[str, Tensor], text: dict[str, Any], what: str) -> Clip:
    """A residual image tower, and a text tower of transformers."""
    transformers = require("transformers", extra="vlm")
    config = transformers.CLIPTextConfig(**text)
    model = transformers.CLIPTextModelWithProjection._from_config(
        config, attn_implementation="eager"
    )
    positions = state.get("visual.attnpool.positional_embedding")
    side = round(max((0 if positions is None else len(positions)) - 1, 1) ** 0.5)
    layers = [_blocks(state, f"visual.layer{stage}.") for stage in (1, 2, 3, 4)]
    # The first convolution has half of the channels that the stages begin with.
    width = 2 * len(state["visual.conv1.weight"])
    image = ClipResNet(layers, width=width, size=32 * side, dim=text["projection_dim"])
    own = {
        f"visual.{key}": value
        for key, value in image.state_dict().items()
        if "num_batches" not in key
    }
    names: Names = {key: (name,) for key, name in _TEXT.items()}
    names |= _block_names("transformer.resblocks.", "text_model", text["num_hidden_layers"])
    rest = {key: value for key, value in state.items() if "num_batches" not in key}
    shapes = {key: tuple(value.shape) for key, value in own.items()} | {"logit_scale": ()}
    _load(model, names, rest, shapes, what)
    image.load_state_dict({key.removeprefix("visual."): state[key] for key in own}, strict=False)
    return Clip(
        model, image, _scale(state), 32 * side, text["max_position_embeddings"], text["vocab_size"]
    )


def _load(
    model: nn.Module,
    names: Names,
    state: Mapping[str, Tensor],
    others: Mapping[str, tuple[int, ...]],
    what: str,
) -> None:
    """Loads what `names` takes from `found` into `model`, after all of `found` has been checked,
    `others` too."""
    own = model.state_dict()
    shapes = {key: _shape([tuple(own[k].shape) for k in into], key) for key, into in names.items()}
    check_state(state, {**shapes, **others}, what, hint=_HINT)
    taken: dict[str, Tensor] = {}
    for key, into in names.items():
        value = state[key].T if key in _TRANSPOSED else state[key]
        taken |= zip(into, value.chunk(len(into)) if len(into) > 1 else (value,), strict=True)
    model.load_state_dict(taken)


def _shape(parts: list[tuple[int, ...]], key: str) -> tuple[int, ...]:
    if len(parts) > 1:
        return (sum(part[0] for part in parts), *parts[0][1:])
    return parts[0][::-1] if key in _TRANSPOSED else parts[0]


def _block_names(theirs: str, ours: str, count: int) -> Names:
    """Their key -> ours, for the blocks of one tower; query, key and value are one tensor there and
    three here."""
    names: Names = {}
    for i in range(count):
        head, own = f"{theirs}{i}.", f"{ours}.encoder.layers.{i}."
        for what in ("weight", "bias"):
            names |= {
                f"{head}{key}.{what}": (f"{own}{name}.{what}",) for key, name in _BLOCK.items()
            }
            names[f"{head}attn.in_proj_{what}"] = tuple(
                f"{own}self_attn.{part}_proj.{what}" for part in "qkv"
            )
    return names


def _heads(width: int) -> int:
    if width > _HEAD and width % _HEAD:
        raise WeightsError(
            f"A CLIP's transformer must be a multiple of {_HEAD} wide, got {width}.", hint=_HINT
        )
    return max(width // _HEAD, 1)


def _blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbers follow `prefix` among the keys, at least 1."""
    return max(
        len(
            {key.removeprefix(prefix).partition(".")[0] for key in state if key.startswith(prefix)}
        ),
        1,
    )


def _scale(state: Mapping[str, Tensor]) -> float:
    return float(state["logit_scale"].exp())
