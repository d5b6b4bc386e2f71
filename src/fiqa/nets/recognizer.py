"""A recognizer in torch: it gives gradients and the activations between its layers.

That is what the probes need and an ONNX file cannot give.

Its weights are a state dict of a network of fiqa.nets with a card beside it, or any module that a
user has.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fiqa import checks
from fiqa.data.guard import guard_outputs
from fiqa.data.reading import reader
from fiqa.data.store import sha256_file
from fiqa.errors import InputError, WeightsError
from fiqa.functional.batches import batches
from fiqa.nets.catalog import BACKBONES, backbone, load_weights
from fiqa.runtime.cards import ModelCard, ModelInput, card_path, parse_card, read_card, write_card
from fiqa.runtime.describe import Described, prove, triple
from fiqa.runtime.preprocess import prepare, resized
from fiqa.types import FloatArray, PathLike

__all__ = ["TorchRecognizer", "describe_weights", "open_recognizer"]

_BATCH = 32


class TorchRecognizer:
    """A recognizer that gives gradients; implements fiqa.types.Recognizer.

    Attributes:
        net: a copy of the module, frozen and set to evaluation.
        input: how crops become its input.
        name: in tables and provenance.
        version: sha256 of its weights.
        dropout: the share that training dropped before the last layer, 0 where none.
        objective: the loss it was trained with, "" where unknown.

    Args:
        net: (N,3,S,S) float -> (N,D) vectors, not normalized. SER-FIQ wants it in two pieces,
            `trunk(x)` and `tail(features)`, dropout being between them.
        spec: the `input` of a card; its layout is NCHW.
        name: in tables and provenance.
        version: sha256 of its file; None computes one of its tensors.
        dropout: in [0, 1); see above.
        objective: see above.
        device: where it runs, "cpu" or "cuda".

    Raises:
        InputError: layout, dropout.
    """

    def __init__(
        self,
        net: nn.Module,
        spec: ModelInput,
        *,
        name: str = "recognizer",
        version: str | None = None,
        dropout: float = 0.0,
        objective: str = "",
        device: str = "cpu",
    ) -> None:
        if spec.layout != "NCHW":
            raise InputError(f"A torch recognizer must take NCHW, its card says {spec.layout}.")
        # A copy: freezing must not reach a network that the caller goes on training.
        self.net = copy.deepcopy(net).eval().requires_grad_(False).to(torch.device(device))
        # torch's own signatures leave memory_format out
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.input = spec
        self.name = name
        self.version = _digest(net) if version is None else version
        self.dropout = checks.in_range(dropout, "dropout", 0, 1, open_high=True)
        self.objective = objective
        self.device = torch.device(device)

    def tensor(self, crops: NDArray[np.uint8]) -> Tensor:
        """Returns the network's input, (N,3,size,size) float32, for (N,S,S,3) uint8 RGB crops."""
        return torch.from_numpy(prepare(crops, self.input)).to(
            self.device, memory_format=torch.channels_last
        )

    def pixels(self, crops: NDArray[np.uint8]) -> Tensor:
        """Returns (N,3,size,size) float32 in 0..1, colors in the card's order, not normalized."""
        images = resized(checks.crops(crops), self.input)[
            ..., :: 1 if self.input.color == "RGB" else -1
        ]
        return (
            torch.from_numpy(np.ascontiguousarray(images))
            .to(self.device)
            .permute(0, 3, 1, 2)
            .float()
            / 255
        )

    def vectors(self, pixels: Tensor) -> Tensor:
        """Returns (N,D) vectors for (N,3,size,size) `pixels` in 0..1; gradients pass through."""
        mean, std = (
            torch.tensor(v, device=self.device).view(3, 1, 1)
            for v in (self.input.mean, self.input.std)
        )
        # The card's scale is of bytes, these pixels are in 0..1.
        result: Tensor = self.net((pixels * (255 / self.input.scale) - mean) / std)
        return result

    def embed(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Returns (N,D) float32 vectors, not normalized, for (N,S,S,3) uint8 RGB crops."""
        crops = checks.crops(crops)
        with torch.no_grad():
            parts = [
                self.net(self.tensor(crops[rows])).cpu().numpy()
                for rows in batches(max(len(crops), 1), _BATCH)
            ]
        return np.concatenate(parts).astype(np.float32, copy=False)


@reader
def open_recognizer(path: PathLike, *, device: str = "cpu") -> TorchRecognizer:
    """Returns the recognizer of a file of torch weights and its card (NAME.pt and NAME.pt.json).

    Raises:
        WeightsError: no file, no card, another sha256 than the card's, or weights of another
            network.
        UnsafeFileError: a pickle of more than tensors.
        InputError: the card is of another kind, or names no backbone.
        UnknownNameError: a backbone that is none.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"Weights must be a file, and there is none at {str(file)!r}.")
    card = read_card(card_path(file))
    # Scores and vectors carry the card's sha256: it must be that of these very weights.
    digest = sha256_file(file)
    if digest != card.sha256:
        raise WeightsError(
            f"{file} must be the file that its card describes (sha256 {card.sha256[:12]}...), its"
            f" sha256 is {digest[:12]}...",
            hint="fetch the weights again, or write a new card if you changed them on purpose",
        )
    return _built(file, card, device)


def describe_weights(model: PathLike, described: Described, *, replace: bool = False) -> Path:
    """Writes the card of a file of torch weights beside it and returns the card's path.

    The weights are loaded into the backbone that the card names, and run; see
    fiqa.runtime.describe.prove.

    Args:
        model: .pt, .pth or .safetensors.
        described: of kind recognizer, with `backbone` and `embedding`.
        replace: overwrite a card that is there.

    Raises:
        InputError: a card is there, or kind, backbone, embedding or size is not as it must be.
        WeightsError, UnsafeFileError, UnknownNameError: as open_recognizer and prove.
    """
    file, path = Path(model), card_path(model)
    if path.exists() and not replace:
        raise InputError(f"{path} must not exist yet.", hint="--force replaces it")
    if not file.is_file():
        raise WeightsError(f"Weights must be a file, and there is none at {str(file)!r}.")
    guard_outputs([path], file, own=False)
    # Built and run before the card is written: a card that does not fit would only fail later.
    card = parse_card(_fields(file, described), "the new card")
    built = _built(file, card, "cpu")
    try:
        prove(lambda crops: {"embedding": built.embed(crops)}, card.input.size, file)
    except RuntimeError as error:  # of torch, of an input that the network does not take
        raise InputError(
            f"{card.backbone} must take crops of {card.input.size} pixels, it does not: {error}.",
            hint="--size",
        ) from error
    return write_card(card, path)


def _fields(file: Path, described: Described) -> Mapping[str, Any]:
    checks.choice(described.kind, "kind of torch weights", ("recognizer",))
    line = BACKBONES[checks.choice(described.backbone, "backbone", BACKBONES)]
    size = described.size or line.size
    if size is None or not described.embedding:
        raise InputError(
            f"Torch weights of {described.backbone} must be described with "
            f"{'the size of their input' if size is None else 'the length of their embedding'}.",
            hint="--size 112" if size is None else "--embedding 128",
        )
    return {
        "name": described.name or file.stem,
        "kind": described.kind,
        "file": file.name,
        "sha256": sha256_file(file),
        "input": {
            "size": size,
            "color": checks.choice(described.color.upper(), "color", ("RGB", "BGR")),
            "layout": "NCHW",
            "scale": described.scale,
            "mean": triple(described.mean, "mean"),
            "std": triple(described.std, "std"),
        },
        "outputs": [{"name": "embedding", "role": "embedding"}],
        "embedding_dim": described.embedding,
        "backbone": described.backbone,
        "dropout": described.dropout,
        "match_threshold": described.match_threshold,
        **{key: text for key, text in described.texts.items() if text},
    }


def _built(file: Path, card: ModelCard, device: str) -> TorchRecognizer:
    if card.kind != "recognizer" or not card.backbone:
        what = f"kind {card.kind}" if card.kind != "recognizer" else "no backbone"
        raise InputError(
            f"{file} must be a recognizer whose card names a backbone, its card says {what}."
        )
    net, _ = backbone(card.backbone, card.embedding_dim or 0)
    load_weights(net, file)
    return TorchRecognizer(
        net,
        card.input,
        name=card.name,
        version=card.sha256,
        dropout=card.dropout,
        objective=card.objective,
        device=device,
    )


def _digest(net: nn.Module) -> str:
    digest = hashlib.sha256()
    for key, value in net.state_dict().items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
