"""Pretrained models of the transformers library: one place that says where they are looked for and
what to do when they are not there.

A model is a folder: config.json, *.safetensors, the tokenizer's and the image processor's files. It
is named by its path, or by its name on the hub (`openai/clip-vit-base-patch32`). A name is looked
for in FIQA_HOME/models/<name>, then in FIQA_HOME/hub (what was fetched before), then on the hub
itself, unless HF_HUB_OFFLINE is set.
"""

from __future__ import annotations

import os
from pathlib import Path

from fiqa.data.store import sha256_file
from fiqa.errors import WeightsError
from fiqa.extras import require
from fiqa.runtime.weights import home
from fiqa.types import PathLike

__all__ = ["model_folder", "model_hashes"]

_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
"""What is fetched: never a pickle."""


def model_folder(name: PathLike) -> Path:
    """Returns the folder of a pretrained model, fetching it into FIQA_HOME/hub where that is
    allowed and needed.

    Args:
        name: path of a folder, or name on the hub, `organization/model`.

    Raises:
        WeightsError: it is not here and cannot be fetched; the message names the model and the
            folder to put it into.
        MissingExtraError: the library that fetches is not installed.
    """
    text = os.fspath(name)
    local, placed = Path(text).expanduser(), home() / "models" / text
    for folder in (local, placed):
        if (folder / "config.json").is_file():
            return folder
    if local.is_absolute() or text.startswith(".") or text.count("/") != 1:
        raise WeightsError(
            f"Model {text!r} must be a folder with a config.json, or a name like"
            " organization/model."
        )
    hub = require("huggingface_hub", extra="vlm")
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    try:
        folder_of_hub = hub.snapshot_download(
            text, cache_dir=home() / "hub", allow_patterns=list(_FILES), local_files_only=offline
        )
    except Exception as error:
        why = "HF_HUB_OFFLINE is set" if offline else f"{type(error).__name__} while fetching it"
        raise WeightsError(
            f"Model {text!r} is not here ({why}).",
            hint=(
                f"download https://huggingface.co/{text} (json, txt, safetensors files) into the"
                f" folder {placed}"
            ),
        ) from error
    return Path(folder_of_hub)


def model_hashes(folder: Path) -> dict[str, str]:
    """Returns file -> sha256 of everything in a model's folder that decides what it computes:
    weights, configuration, tokenizer."""
    names = sorted({path.name for pattern in _FILES for path in folder.glob(pattern)})
    return {name: sha256_file(folder / name) for name in names}
