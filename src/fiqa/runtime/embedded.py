"""The card inside an ONNX file: an entry of its metadata, so that a file alone can be run.

The entry is the last field of the file, `metadata_props` with the key `fiqa.card`. The sha256 in it
is that of the file without the entry. A card in a .json beside the file counts before it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fiqa.data.reading import reading
from fiqa.errors import WeightsError
from fiqa.runtime.cards import ModelCard, card_path, parse_card, read_card
from fiqa.runtime.protobuf import MalformedError, fields, text_entry
from fiqa.types import PathLike

__all__ = ["card_within", "model_card", "with_card", "without_card"]

KEY = "fiqa.card"
_METADATA = 14


def with_card(model: bytes, card: ModelCard) -> tuple[bytes, ModelCard]:
    """Returns the ONNX file with the card inside, and the card for the .json beside it, whose
    sha256 is that of the new file.

    Args:
        model: an ONNX file; a card that it has already is replaced.
        card: what it says of itself; its sha256 is not asked.
    """
    bare = without_card(model)
    inner = card.model_copy(update={"sha256": hashlib.sha256(bare).hexdigest()})
    whole = bare + text_entry(_METADATA, KEY, inner.model_dump_json())
    return whole, card.model_copy(update={"sha256": hashlib.sha256(whole).hexdigest()})


def without_card(model: bytes) -> bytes:
    """Returns the ONNX file without the card inside, the same bytes where there is none.

    Args:
        model: an ONNX file.
    """
    kept, at = [], 0
    for start, stop, _ in _entries(model):
        kept.append(model[at:start])
        at = stop
    return b"".join((*kept, model[at:])) if kept else model


def card_within(model: bytes, origin: str) -> ModelCard | None:
    """Returns the card inside an ONNX file with the sha256 of the whole file, None where there is
    none.

    Args:
        model: an ONNX file.
        origin: what to call it in a message.

    Raises:
        ReadError: no card that can be read.
        WeightsError: the file is not the one that the card describes.
    """
    entries = _entries(model)
    if not entries:
        return None
    with reading(origin):
        card = parse_card(json.loads(entries[-1][2]), f"the card inside {origin}")
    digest = hashlib.sha256(without_card(model)).hexdigest()
    if digest != card.sha256:
        raise WeightsError(
            f"{origin} must be the file that the card inside describes (sha256"
            f" {card.sha256[:12]}... without the card), its sha256 is {digest[:12]}...",
            hint="fetch it again; if you changed it on purpose, write a card: fiqa weights card",
        )
    return card.model_copy(update={"sha256": hashlib.sha256(model).hexdigest()})


def model_card(path: PathLike, model: bytes) -> ModelCard:
    """Returns the card of an ONNX file: the one beside it, else the one inside.

    Args:
        path: of the file.
        model: its bytes.

    Raises:
        WeightsError: there is neither.
        Others as read_card and card_within.
    """
    beside = card_path(path)
    inside = None if beside.is_file() else card_within(model, str(Path(path)))
    return read_card(beside) if inside is None else inside


def _entries(model: bytes) -> list[tuple[int, int, bytes]]:
    """Where the cards inside start and stop, and their texts."""
    found = []
    try:
        for number, value, start, stop in fields(memoryview(model)):
            if number != _METADATA or not isinstance(value, memoryview):
                continue
            parts = {at: bytes(v) for at, v, _, _ in fields(value) if isinstance(v, memoryview)}
            if parts.get(1) == KEY.encode():
                found.append((start, stop, parts.get(2, b"")))
    except MalformedError:  # no ONNX file, so no card; who opens it says what it is
        return []
    return found
