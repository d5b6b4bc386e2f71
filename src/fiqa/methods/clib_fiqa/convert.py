"""Published CLIB-FIQA weights, a state dict that a user has, as a model file with its card.

Image tower, constant text matrix and scale are one ONNX graph.

[1] Ou, Li, Wang, Kwong: CLIB-FIQA, CVPR 2024. Its code saves a whole CLIP (RN50), fine-tuned, and
nothing of the training's merged-factor network.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.store import atomic_path, sha256_file
from fiqa.errors import EvidenceError
from fiqa.functional.calibration import Calibration
from fiqa.methods.clib_fiqa.graph import OUTPUTS, ClibGraph, card_outputs
from fiqa.methods.clib_fiqa.towers import Towers, clip_input, state_towers
from fiqa.nets.catalog import read_state
from fiqa.nets.to_onnx import onnx_bytes
from fiqa.runtime.cards import ModelCard, card_path, write_card
from fiqa.runtime.onnx import open_session
from fiqa.runtime.preprocess import prepare
from fiqa.types import PathLike

__all__ = ["CALIBRATION", "convert_state", "write_model"]

CALIBRATION = Calibration(x0=0.5, w=0.1, level_cuts=(4.7, 26.9, 73.1, 95.3))
"""Nominal, where there are no faces to fit it on: a score of .5 becomes 50, .1 2 and .9 98; the
levels are cut at .2, .4, .6 and .8, between their anchors."""

# Far above what the order of float32 sums makes in a network so deep, far below a level's width.
_PARITY = 1e-4
_VARIES = 1e-3


def convert_state(source: PathLike, output: PathLike, *, tokenizer: str | None = None) -> ModelCard:
    """Writes the model of a state dict in CLIP's own names and returns its card.

    The card is beside the model; `fiqa.load(output)` scores with it.

    Args:
        source: .pt, .pth or .safetensors with the names and tensors of a CLIP (see clip_state);
            nothing in it runs.
        output: where to write, NAME.onnx.
        tokenizer: folder or hub name with a tokenizer; None: CLIP's published vocabulary, whose ids
            of the prompts are in the package.

    Raises:
        WeightsError: no such file, or the first keys that differ; no tokenizer.
        UnsafeFileError: `source` holds more than tensors.
        UnknownNameError: another suffix.
        EvidenceError: the file would not give what torch gives, or a constant.
        MissingExtraError: transformers is not installed.
        WriteError: the disk refused.
    """
    checks.choice(Path(output).suffix.lower(), "suffix of a model", (".onnx",))
    towers = state_towers(read_state(source), repr(os.fspath(source)), tokenizer=tokenizer)
    return write_model(
        towers,
        output,
        origin=f"converted by fiqa from {Path(source).name}, sha256 {sha256_file(source)}",
    )


def write_model(towers: Towers, output: PathLike, *, origin: str) -> ModelCard:
    """Writes towers as one ONNX graph and returns its card; pictures made by code prove it.

    Args:
        towers: image tower, text matrix, scale and size.
        output: NAME.onnx.
        origin: what the card says of its source.

    Raises:
        EvidenceError: the file does not give what torch gives to 1e-4, or the same for every
            picture.
        WeightsError: torch cannot export the towers.
        WriteError: the disk refused.
    """
    path, spec = Path(output), clip_input(towers.size)
    model = ClibGraph(towers.image, towers.text, towers.scale).eval()
    content = onnx_bytes(model, size=towers.size, outputs=OUTPUTS)
    _prove(model, content, prepare(_pictures(), spec))
    card = ModelCard(
        name=path.stem,
        kind="quality",
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        input=spec,
        outputs=card_outputs(confidence=False),
        calibration=CALIBRATION,
        paper="Ou, Li, Wang, Kwong: CLIB-FIQA (CVPR 2024)",
        source=origin,
        limits="The 0..100 scale is nominal: it was not fitted on faces.",
    )
    with atomic_path(path) as aside:
        aside.write_bytes(content)
    write_card(card, card_path(path))
    return card


def _prove(model: ClibGraph, content: bytes, crops: NDArray[np.float32]) -> None:
    session = open_session(content, "the model")
    exported = np.concatenate(session.run(list(OUTPUTS), {"crops": crops}), axis=1)
    with torch.no_grad():
        expected = torch.cat(model(torch.from_numpy(crops)), dim=1).numpy()
    span, parity = float(np.ptp(expected, axis=0).max()), float(np.abs(expected - exported).max())
    if not span > _VARIES:
        raise EvidenceError(
            f"what a model gives must vary, it spans {span:.2g} on {len(crops)} pictures."
        )
    if not parity <= _PARITY:
        raise EvidenceError(
            f"ONNX must give what torch gives to {_PARITY:g}, they differ by {parity:.3g}."
        )


def _pictures() -> NDArray[np.uint8]:
    """(6,112,112,3): flat grey, a slope, noise coarse to fine.

    No faces: what is proved is arithmetic.
    """
    rng = np.random.default_rng(0)
    flat = np.full((112, 112, 3), 128, np.uint8)
    slope = np.repeat(np.linspace(0, 255, 112).astype(np.uint8)[:, None], 112, axis=1)[
        ..., None
    ].repeat(3, axis=2)
    noise = [rng.integers(0, 256, (112 // k, 112 // k, 3), dtype=np.uint8) for k in (1, 4, 14, 28)]
    return np.stack(
        [
            flat,
            slope,
            *(np.kron(part, np.ones((112 // len(part),) * 2 + (1,), np.uint8)) for part in noise),
        ]
    )
