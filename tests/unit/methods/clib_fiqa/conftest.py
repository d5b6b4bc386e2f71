"""Tiny CLIPs: a folder as the hub has it, and state dicts with the names and shapes of the
published ones; random weights, the prompts' words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fiqa.methods.clib_fiqa.prompts import PROMPTS

WIDTH, DIM, CONTEXT = 64, 16, 64
LETTERS = [chr(c) for c in range(33, 127)]


def _merges() -> list[tuple[str, str]]:
    """Letters to words, from the left: (h, a), (ha, z), (haz, y</w>)."""
    pairs = {}
    for word in dict.fromkeys(" ".join(PROMPTS).replace(",", " ").split()):
        parts = [*word[:-1], f"{word[-1]}</w>"]
        pairs |= {("".join(parts[:k]), parts[k]): None for k in range(1, len(parts))}
    return list(pairs)


MERGES = _merges()
TOKENS = [
    *LETTERS,
    *(f"{c}</w>" for c in LETTERS),
    *dict.fromkeys(map("".join, MERGES)),
    "<|startoftext|>",
    "<|endoftext|>",
]


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP of the real class, with its tokenizer; it sees 32 x 32 pixels."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("clip")
    vocab = {token: i for i, token in enumerate(TOKENS)}
    transformers.CLIPTokenizer(vocab=vocab, merges=MERGES).save_pretrained(folder)
    text = {
        "vocab_size": len(vocab),
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": CONTEXT,
        "bos_token_id": len(vocab) - 2,
        "eos_token_id": len(vocab) - 1,
        "pad_token_id": len(vocab) - 1,
        "projection_dim": DIM,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
        "projection_dim": DIM,
    }
    torch.manual_seed(0)
    model = transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config=text, vision_config=vision, projection_dim=DIM, logit_scale_init_value=3.0
        )
    )
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim:
                weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(folder)
    return folder


def _blocks(prefix: str, width: int, count: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for i in range(count):
        head = f"{prefix}transformer.resblocks.{i}."
        shapes |= {f"{head}ln_{k}.{what}": (width,) for k in (1, 2) for what in ("weight", "bias")}
        shapes |= {
            f"{head}attn.in_proj_weight": (3 * width, width),
            f"{head}attn.in_proj_bias": (3 * width,),
        }
        shapes |= {
            f"{head}attn.out_proj.weight": (width, width),
            f"{head}attn.out_proj.bias": (width,),
        }
        shapes |= {
            f"{head}mlp.c_fc.weight": (4 * width, width),
            f"{head}mlp.c_fc.bias": (4 * width,),
        }
        shapes |= {
            f"{head}mlp.c_proj.weight": (width, 4 * width),
            f"{head}mlp.c_proj.bias": (width,),
        }
    return shapes


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    parts = {
        f"{name}.{what}": (width,) for what in ("weight", "bias", "running_mean", "running_var")
    }
    return parts | {f"{name}.num_batches_tracked": ()}


def _resnet(width: int, layers: tuple[int, ...], side: int) -> dict[str, tuple[int, ...]]:
    half = width // 2
    shapes: dict[str, tuple[int, ...]] = {
        "visual.conv1.weight": (half, 3, 3, 3),
        "visual.conv2.weight": (half, half, 3, 3),
        "visual.conv3.weight": (width, half, 3, 3),
    }
    for k, channels in enumerate((half, half, width), 1):
        shapes |= _norm(f"visual.bn{k}", channels)
    inputs = width
    for stage, count in enumerate(layers, 1):
        planes = width * 2 ** (stage - 1)
        for block in range(count):
            head = f"visual.layer{stage}.{block}."
            shapes |= {
                f"{head}conv1.weight": (planes, inputs, 1, 1),
                f"{head}conv2.weight": (planes, planes, 3, 3),
            }
            shapes |= {f"{head}conv3.weight": (4 * planes, planes, 1, 1)}
            shapes |= (
                _norm(f"{head}bn1", planes)
                | _norm(f"{head}bn2", planes)
                | _norm(f"{head}bn3", 4 * planes)
            )
            if block == 0:
                shapes |= {f"{head}downsample.0.weight": (4 * planes, inputs, 1, 1)}
                shapes |= _norm(f"{head}downsample.1", 4 * planes)
            inputs = 4 * planes
    shapes["visual.attnpool.positional_embedding"] = (side**2 + 1, inputs)
    for part in ("k_proj", "q_proj", "v_proj"):
        shapes |= {
            f"visual.attnpool.{part}.weight": (inputs, inputs),
            f"visual.attnpool.{part}.bias": (inputs,),
        }
    return shapes | {
        "visual.attnpool.c_proj.weight": (DIM, inputs),
        "visual.attnpool.c_proj.bias": (DIM,),
    }


def _transformer(width: int, patch: int, grid: int) -> dict[str, tuple[int, ...]]:
    return {
        "visual.class_embedding": (width,),
        "visual.positional_embedding": (grid**2 + 1, width),
        "visual.proj": (width, DIM),
        "visual.conv1.weight": (width, 3, patch, patch),
        **{
            f"visual.ln_{where}.{what}": (width,)
            for where in ("pre", "post")
            for what in ("weight", "bias")
        },
        **_blocks("visual.", width, 2),
    }


@pytest.fixture(scope="session")
def published() -> Callable[..., dict[str, Any]]:
    """Makes a state dict of CLIP in its authors' names: `kind` resnet (two by two places for the
    attention) or transformer, both for 64 x 64 pixels."""

    def make(kind: str, *, width: int = WIDTH) -> dict[str, Any]:
        import torch

        shapes = {
            "positional_embedding": (CONTEXT, width),
            "text_projection": (width, DIM),
            "logit_scale": (),
            **(_resnet(4, (2, 1, 1, 1), 2) if kind == "resnet" else _transformer(64, 16, 4)),
            **_blocks("", width, 2),
            "token_embedding.weight": (len(TOKENS), width),
            "ln_final.weight": (width,),
            "ln_final.bias": (width,),
        }
        torch.manual_seed(4)
        state: dict[str, Any] = {}
        for name, shape in shapes.items():
            value = torch.randn(shape) / max(shape[1] if len(shape) > 1 else 4, 1) ** 0.5
            state[name] = (
                value.abs() + 0.5
                if name.endswith(("running_var", "weight")) and len(shape) == 1
                else value
            )
            if name.endswith("num_batches_tracked"):
                state[name] = torch.tensor(7)
        state["logit_scale"] = torch.tensor(3.0)
        return state

    return make
