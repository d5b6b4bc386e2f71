"""Pretrained models of the transformers library: one place that says where they are looked for and
what to do when they are not there.

A model is a folder: config.json, *.safetensors, the tokenizer's and the image processor's files. It
is named by its path, or by its name on the hub (`openai/clip-vit-base-patch32`). A name is looked
for in FIQA_HOME/models/<name>, then in FIQA_HOME/hub (what was fetched before), then on the hub
itself, unless HF_HUB_OFFLINE is set. HF_ENDPOINT names another hub, as for the hub's own client. A
name may end with a revision of the hub: `organization/model@REVISION`, a commit, branch or tag.

What came from the hub is checked against the hash that the hub told, each time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fiqa.data.store import sha256_file
from fiqa.errors import WeightsError
from fiqa.extras import require
from fiqa.runtime.weights import home
from fiqa.types import PathLike

__all__ = ["model_file", "model_folder", "model_hashes"]

_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
"""What is fetched: never a pickle."""

_SHA1, _SHA256 = 40, 64
"""How many hexadecimal digits they have."""


def model_folder(name: PathLike) -> Path:
    """Returns the folder of a pretrained model, fetching it into FIQA_HOME/hub where that is
    allowed and needed.

    Args:
        name: path of a folder, or name on the hub, `organization/model`, perhaps with `@REVISION`.

    Raises:
        WeightsError: it is not here and cannot be fetched, or is damaged; the message names the
            model and the folder to put it into.
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
    found = _fetched(
        text,
        "json, txt, safetensors files",
        lambda repository, how: hub.snapshot_download(
            repository, allow_patterns=list(_FILES), **how
        ),
    )
    for path in (path for pattern in _FILES for path in found.glob(pattern)):
        _whole(path, text)
    return found


def model_file(name: str, file: str) -> Path:
    """Returns one file of a model of the hub, fetching it as `model_folder` does.

    Args:
        name: `organization/model`, perhaps with `@REVISION`.
        file: its name there; looked for in FIQA_HOME/models/<name> first.

    Raises: as `model_folder`.
    """
    placed = home() / "models" / name / file
    if placed.is_file():
        return placed
    hub = require("huggingface_hub", extra="vlm")
    found = _fetched(
        name, file, lambda repository, how: hub.hf_hub_download(repository, file, **how)
    )
    _whole(found, name)
    return found


def _fetched(text: str, what: str, fetch: Callable[[str, dict[str, Any]], str]) -> Path:
    """Where `fetch` (repository, options) has put it."""
    repository, _, revision = text.partition("@")
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    how: dict[str, Any] = {"cache_dir": home() / "hub", "local_files_only": offline}
    how |= {"revision": revision} if revision else {}
    try:
        return Path(fetch(repository, how))
    except Exception as error:
        why = "HF_HUB_OFFLINE is set" if offline else f"{type(error).__name__} while fetching it"
        raise WeightsError(
            f"Model {text!r} is not here ({why}).",
            hint=(
                f"download https://huggingface.co/{repository} ({what}) into the folder"
                f" {home() / 'models' / text}"
            ),
        ) from error


def _whole(path: Path, model: str) -> None:
    """Refuses a file of the hub's cache that is not what the hub said: a file there is a link to
    one that is named by its hash, sha256 for large files, git's sha1 for others."""
    blob = path.resolve()
    told = blob.name
    if not path.is_symlink() or len(told) not in (_SHA1, _SHA256):
        return
    if len(told) == _SHA256:
        found = sha256_file(blob)
    else:
        content = blob.read_bytes()
        head = f"blob {len(content)}\0".encode()
        found = hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
    if found != told:
        raise WeightsError(
            f"{path.name} of model {model!r} must have the hash {told} that the hub told, it has"
            f" {found}: it is damaged.",
            hint=f"remove {blob} and run again; it is fetched anew",
        )


def model_hashes(folder: Path) -> dict[str, str]:
    """Returns file -> sha256 of everything in a model's folder that decides what it computes:
    weights, configuration, tokenizer."""
    names = sorted({path.name for pattern in _FILES for path in folder.glob(pattern)})
    return {name: sha256_file(folder / name) for name in names}
