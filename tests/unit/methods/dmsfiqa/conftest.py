"""Makers of tiny models of the real classes, saved as the hub's folders are: random weights,
tokenizers over the words of the prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.methods.dmsfiqa.config import read_config
from fiqa.types import Faces


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP."""
    return save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session", params=["opt", "t5"])
def blip2_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BLIP-2, once with each kind of language model."""
    return save_blip2(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="session")
def siglip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SigLIP."""
    return save_siglip(tmp_path_factory.mktemp("siglip"))


@pytest.fixture
def seven() -> Faces:
    """Seven pictures that differ; no faces, which the tiny models would not know from faces
    anyway."""
    return Faces(np.random.default_rng(3).integers(0, 256, (7, 112, 112, 3), dtype=np.uint8))


def save_clip(folder: Path) -> Path:
    """A CLIP of 32 dimensions that sees 32 x 32 pixels; its merges are empty, so each letter is a
    token."""
    import torch
    import transformers

    torch.manual_seed(0)
    letters = [chr(c) for c in range(33, 127)]
    tokens = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: i for i, token in enumerate(tokens)}
    transformers.CLIPTokenizer(vocab=vocab, merges=[]).save_pretrained(folder)
    end = vocab["<|endoftext|>"]
    text = {
        "vocab_size": len(vocab),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": end - 1,
        "eos_token_id": end,
        "pad_token_id": end,
        "projection_dim": 16,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
        "projection_dim": 16,
    }
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    model = transformers.CLIPModel(config)
    _shake(model, 0.2)
    model.save_pretrained(folder)
    transformers.CLIPImageProcessorPil(
        size={"height": 32, "width": 32},
        do_center_crop=False,
        crop_size={"height": 32, "width": 32},
    ).save_pretrained(folder)
    return folder


def save_siglip(folder: Path) -> Path:
    """A SigLIP of 32 dimensions that sees 32 x 32 pixels; a token per word of the prompts."""
    import torch
    import transformers

    torch.manual_seed(0)
    prompts = read_config()["clip"]["prompts"]
    texts = [text for sides in prompts.values() for side in sides.values() for text in side]
    vocab = _word_tokenizer(folder, " ".join(texts).lower())
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    text = {
        **sizes,
        "vocab_size": vocab,
        "max_position_embeddings": 64,
        "projection_size": 32,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 1,
    }
    vision = {**sizes, "image_size": 32, "patch_size": 8}
    model = transformers.SiglipModel(
        transformers.SiglipConfig(text_config=text, vision_config=vision)
    )
    _shake(model, 0.2)
    model.save_pretrained(folder)
    transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def save_blip2(folder: Path, language: str) -> Path:
    """A BLIP-2 whose language model is an OPT or a T5; a token per word of the questions."""
    import torch
    import transformers

    torch.manual_seed(0)
    asked = read_config()["blip2"]
    questions = (q["question"] for q in asked["questions"].values())
    vocab = _word_tokenizer(folder, " ".join([asked["template"], "yes no", *questions]))
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    qformer = {
        "vocab_size": 10,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "encoder_hidden_size": 32,
        "cross_attention_frequency": 1,
    }
    config = transformers.Blip2Config(
        vision_config=vision,
        qformer_config=qformer,
        text_config=_opt(vocab) if language == "opt" else _t5(vocab),
        num_query_tokens=4,
        image_token_index=vocab - 1,
    )
    model = transformers.Blip2ForConditionalGeneration(config)
    _shake(model, 0.3)
    model.save_pretrained(folder)
    transformers.BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def _shake(model: Any, scale: float) -> None:
    """Adds noise to every weight: fresh weights are so small that a BLIP-2 ignores its image, and
    queries start at zero."""
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(scale * torch.randn_like(weight))


def _opt(vocab: int) -> dict[str, Any]:
    return {
        "model_type": "opt",
        "vocab_size": vocab,
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 1,
    }


def _t5(vocab: int) -> dict[str, Any]:
    return {
        "model_type": "t5",
        "vocab_size": vocab,
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }


def _word_tokenizer(folder: Path, text: str) -> int:
    """Saves a tokenizer with a token per word of a text; returns the size of its vocabulary, one
    more for the image."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    split = pre_tokenizers.Whitespace()
    words = sorted({word for word, _ in split.pre_tokenize_str(text)})
    vocab = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = split
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return len(vocab) + 1
