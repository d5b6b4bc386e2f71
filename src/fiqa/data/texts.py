"""Files of text that are whole or absent: pages, and numbers as JSON with their sidecar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fiqa.data.store import atomic_path, write_sidecar
from fiqa.types import PathLike

__all__ = ["write_numbers", "write_text"]


def write_text(path: PathLike, text: str) -> None:
    """Writes text in UTF-8, the ends of its lines as they are.

    Args:
        path: the file.
        text: its content.

    Raises:
        WriteError: the disk refused.
    """
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")


def write_numbers(out: PathLike, content: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Writes plain numbers as JSON, then the sidecar that says what made them.

    Args:
        out: the file.
        content: what JSON holds, without NaN and infinity.
        record: as fiqa.data.store.make_record gives it.

    Raises:
        WriteError: the disk refused.
    """
    write_text(out, json.dumps(content, indent=1, allow_nan=False) + "\n")
    write_sidecar(out, record)
