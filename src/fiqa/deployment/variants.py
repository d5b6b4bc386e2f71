"""What goes wrong between a model and a chip, computed: the inputs that a network sees then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.runtime.cards import ModelInput
from fiqa.runtime.preprocess import prepare
from fiqa.types import FloatArray

__all__ = ["FAULTS", "Variant", "variants"]

FAULTS = {
    "swapped_channels": "red and blue are swapped",
    "wrong_normalization": "mean or scale is another",
    "wrong_layout": "the axes are in another order",
    "wrong_stride": "rows are read with another length than they were written with",
    "misaligned": "the crop is shifted",
    "mirrored": "the crop is mirrored",
    "saturated_layer": "a layer saturates",
    "constant": "every crop gets the same value",
    "not_finite": "values are not finite",
    "unexplained": "no fault that is known here explains the values",
}
"""Fault -> what it means."""
EDGES = ("the edge repeated", "black", "wrapped")
"""What comes in where a crop is shifted."""
_PITCHES = (16, 32, 64, 128)
_GAINS, _OFFSETS = (0.5, 0.8, 1.0, 1.25, 2.0), (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Variant:
    """A fault.

    Attributes:
        fault: one of FAULTS.
        text: which one.
        inputs: from nothing to the input that the network sees.
    """

    fault: str
    text: str
    inputs: Callable[[], FloatArray]


def variants(crops: NDArray[np.uint8], spec: ModelInput) -> Iterator[Variant]:
    """Yields the faults of the way from a crop to the network.

    Args:
        crops: (N,S,S,3) uint8 RGB.
        spec: the input of the model's card.
    """
    yield Variant(
        "swapped_channels",
        "blue comes first where red should, or the other way round",
        lambda: prepare(np.ascontiguousarray(crops[..., ::-1]), spec),
    )
    yield from _normalizations(crops, spec)
    yield from _layouts(crops, spec)
    yield from _strides(crops, spec)
    for dx, dy in product((-2, -1, -0.5, 0, 0.5, 1, 2), repeat=2):
        for edge in EDGES if not dx % 1 and not dy % 1 else EDGES[:1]:
            if dx or dy:
                yield Variant(
                    "misaligned",
                    f"the face lies {dx:+g} pixels across and {dy:+g} down of where it should"
                    f" ({edge})",
                    _bound(crops, spec, partial(shifted, dx=dx, dy=dy, edge=edge)),
                )
    for axis, way in ((2, "left and right"), (1, "top and bottom")):
        yield Variant(
            "mirrored",
            f"{way} are swapped",
            _bound(crops, spec, partial(np.flip, axis=axis)),
        )


def shifted(
    crops: NDArray[np.uint8], dx: float, dy: float, *, edge: str = EDGES[0]
) -> NDArray[np.uint8]:
    """Returns crops whose content lies dx pixels to the right and dy down, halves by averaging.

    Args:
        crops: (N,S,S,3).
        dx, dy: multiples of a half.
        edge: one of EDGES: what comes in at an edge.
    """
    return _along(_along(crops, dx, 2, edge), dy, 1, edge)


def _along(crops: NDArray[np.uint8], by: float, axis: int, edge: str) -> NDArray[np.uint8]:
    length = crops.shape[axis]
    low, high = (
        _whole(crops, np.arange(length) - int(way(by)), axis, edge) for way in (np.floor, np.ceil)
    )
    return ((low.astype(np.uint16) + high + 1) // 2).astype(np.uint8) if by % 1 else low


def _whole(
    crops: NDArray[np.uint8], places: NDArray[np.int64], axis: int, edge: str
) -> NDArray[np.uint8]:
    length = crops.shape[axis]
    index = places % length if edge == "wrapped" else np.clip(places, 0, length - 1)
    seen = np.take(crops, index, axis)
    if edge == "black":
        outside = (slice(None),) * axis + (places != index,)
        seen[outside] = 0
    return seen


def _bound(
    crops: NDArray[np.uint8],
    spec: ModelInput,
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
) -> Callable[[], FloatArray]:
    return lambda: prepare(np.ascontiguousarray(change(crops)), spec)


def _normalizations(crops: NDArray[np.uint8], spec: ModelInput) -> Iterator[Variant]:
    """Other means and scales: the usual ones, parts left out, twice, and a grid around the right
    ones."""
    mean, std, scale = np.array(spec.mean), np.array(spec.std), spec.scale
    zero, one, half = np.zeros(3), np.ones(3), np.full(3, 0.5)
    named = {
        "nothing is subtracted or divided: 0..255": (1.0, zero, one),
        "only divided by 255: 0..1": (255.0, zero, one),
        "mean .5 and std .5 of 0..1: -1..1": (255.0, half, half),
        "mean 127.5 and std 128 of 0..255": (1.0, np.full(3, 127.5), np.full(3, 128.0)),
        "mean and std of ImageNet": (
            255.0, np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225)),
        ),
        "the mean is not subtracted": (scale, zero, std),
        "it is not divided by the std": (scale, mean, one),
        "it is not divided by the scale": (1.0, mean, std),
        "mean and std are in the reverse order of channels": (scale, mean[::-1], std[::-1]),
    }  # fmt: skip
    right = (scale, *mean, *std)
    for text, (by, minus, over) in named.items():
        if not np.allclose((by, *minus, *over), right):
            other = spec.model_copy(update={"scale": by, "mean": tuple(minus), "std": tuple(over)})
            yield Variant("wrong_normalization", text, partial(prepare, crops, other))
    whole = prepare(crops, spec)
    axis = (1, 3, 1, 1) if spec.layout == "NCHW" else (1, 1, 1, 3)
    order = slice(None) if spec.color == "RGB" else slice(None, None, -1)
    minus, over = (v[order].reshape(axis).astype(np.float32) for v in (mean, std))
    yield Variant(
        "wrong_normalization",
        "it is normalized twice",
        lambda: np.asarray((whole / scale - minus) / over, np.float32),
    )
    yield Variant(
        "wrong_normalization",
        "bytes over 127 are read as negative",
        lambda: ((whole * over + minus) * scale + 128) % 256 / scale - 128 / scale,
    )
    for gain, offset in product(_GAINS, _OFFSETS):
        if (gain, offset) != (1.0, 0.0):
            yield Variant(
                "wrong_normalization",
                f"the input is about {gain:g} times the right one {offset:+g}",
                partial(_moved, whole, gain, offset),
            )


def _moved(values: FloatArray, gain: float, offset: float) -> FloatArray:
    return np.asarray(values * gain + offset, np.float32)


def _layouts(crops: NDArray[np.uint8], spec: ModelInput) -> Iterator[Variant]:
    right = prepare(crops, spec)
    count, side = len(crops), spec.size
    planes = right if spec.layout == "NCHW" else right.transpose(0, 3, 1, 2)

    def placed(values: FloatArray) -> FloatArray:
        kept = values if spec.layout == "NCHW" else values.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(kept)

    yield Variant(
        "wrong_layout",
        "pixels with their three channels (NHWC) are read as planes (NCHW)",
        lambda: placed(planes.transpose(0, 2, 3, 1).reshape(count, 3, side, side)),
    )
    yield Variant(
        "wrong_layout",
        "planes (NCHW) are read as pixels with their three channels (NHWC)",
        lambda: placed(
            np.ascontiguousarray(planes).reshape(count, side, side, 3).transpose(0, 3, 1, 2)
        ),
    )
    yield Variant(
        "wrong_layout",
        "rows and columns are swapped",
        lambda: placed(planes.transpose(0, 1, 3, 2)),
    )


def _strides(crops: NDArray[np.uint8], spec: ModelInput) -> Iterator[Variant]:
    """Rows of bytes, and of a plane's numbers, that are longer on one side than on the other."""
    side = spec.size
    for length in _lengths(3 * side, 3):
        yield Variant(
            "wrong_stride",
            f"rows of {3 * side} bytes are read as if they were {length} long",
            _bound(crops, spec, partial(_read_long, row=3 * side, length=length)),
        )
        yield Variant(
            "wrong_stride",
            f"rows of {length} bytes, padded, are read as if they were {3 * side} long",
            _bound(crops, spec, partial(_read_short, row=3 * side, length=length)),
        )
    if spec.layout == "NHWC":
        return
    right = prepare(crops, spec)
    for length in _lengths(side, 1):
        yield Variant(
            "wrong_stride",
            f"rows of {side} numbers are read as if they were {length} long",
            partial(_read_long, right, side, length),
        )
        yield Variant(
            "wrong_stride",
            f"rows of {length} numbers, padded, are read as if they were {side} long",
            partial(_read_short, right, side, length),
        )


def _lengths(row: int, pixel: int) -> list[int]:
    """Lengths of rows that hardware likes, and one pixel more and less."""
    padded = {-(-row // step) * step for step in _PITCHES}
    return sorted((padded | {row + pixel, row - pixel}) - {row})


def _read_long(values: NDArray[Any], row: int, length: int) -> NDArray[Any]:
    """What is seen of packed rows by one who takes rows of another length; zeros past the end."""
    flat = values.reshape(len(values), -1)
    rows = flat.shape[1] // row
    index = (np.arange(rows)[:, None] * length + np.arange(row)).ravel()
    seen = np.zeros_like(flat)
    seen[:, index < flat.shape[1]] = flat[:, index[index < flat.shape[1]]]
    return seen.reshape(values.shape)


def _read_short(values: NDArray[Any], row: int, length: int) -> NDArray[Any]:
    """What is seen of rows of another length, padded with zeros or cut, by one who takes packed
    rows."""
    lines = values.reshape(len(values), -1, row)
    held = np.zeros((*lines.shape[:2], length), values.dtype)
    held[..., : min(row, length)] = lines[..., :length]
    flat = held.reshape(len(values), -1)
    seen = np.zeros((len(values), lines.shape[1] * row), values.dtype)
    count = min(seen.shape[1], flat.shape[1])
    seen[:, :count] = flat[:, :count]
    return seen.reshape(values.shape)
