"""From decoded samples to 8-bit RGB: depth, sign and range of the values, transparency, color.

Nothing is guessed in silence: what the file does not declare, or declares and does not keep, is a
note (fiqa.vocabulary.NOTES) beside the pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data import tiff
from fiqa.data.color import from_ink, to_srgb, untagged

__all__ = ["UnsupportedModeError", "bits_of", "looks_grey", "to_rgb"]

Pixels = NDArray[np.uint8]
_GREY_TOLERANCE, _GREY_SHARE, _GREY_SAMPLES = 8, 0.99, 64
"""Levels between channels that are still grey, the share of pixels that must be, pixels a side."""
_MID_GREY = 128
_SENSOR_BITS = 14
"""The deepest sensor whose samples are commonly stored in 16 bits without saying so."""
_TAIL = 1.0
"""Percent of the samples at either end that do not decide the range of a float image."""
_UNIT_MOST, _BYTE_MOST = 4.0, 320.0
"""The 99th percentile up to which float samples are on a scale of 1, and of 255: highlights above
white are clipped, and no picture is as dark as 4 of 255."""


class UnsupportedModeError(ValueError):
    """A layout of samples that there is no conversion for."""


def bits_of(picture: Any, data: bytes, form: str) -> int:
    """Returns the declared bits per channel.

    A TIFF's MaxSampleValue narrows them, so that 10 bits in a 16-bit container come out bright.

    Args:
        picture: Pillow's picture.
        data: the file's bytes.
        form: its format, as fiqa.data.headers.sniff names it.
    """
    if form == "PNG":
        return data[24]
    if form == "TIFF":
        page = tiff.directory(data)
        tags = page.tags if page else {}
        # Tags: the bits of a sample, and the largest sample that may occur.
        declared = tags.get(0x0102, (1, 1))[1]
        most = tags.get(0x0119, (1, 0))[1].bit_length()
        return most if 8 < most < declared and picture.mode.startswith("I;16") else declared
    return {"1": 1, "F": 32, "I": 16}.get(picture.mode, 16 if _deep(picture.mode) else 8)


def to_rgb(picture: Any, bits: int, data: bytes, form: str) -> tuple[Pixels, tuple[str, ...]]:
    """Returns a loaded picture as (H,W,3) uint8 sRGB, not yet turned, and the notes on it.

    Args:
        picture: Pillow's picture, loaded.
        bits: as `bits_of` tells them.
        data: the file's bytes.
        form: its format, as fiqa.data.headers.sniff names it.

    Raises:
        UnsupportedModeError: samples that there is no conversion for.
        ValueError: a float image without a finite value.
    """
    mode, profile = picture.mode, picture.info.get("icc_profile")
    if mode == "CMYK":
        return from_ink(picture, profile)
    pixels, notes = _opaque(picture, bits, data, form)
    rgb, color_notes = to_srgb(pixels[..., :3], profile)
    if not profile:
        color_notes = untagged(picture.info, data, form)
    alpha = pixels[..., 3:]
    return (_on_grey(rgb, alpha) if alpha.shape[2] else rgb), (*notes, *color_notes)


def _deep(mode: str) -> bool:
    return mode.startswith("I;16")


def _opaque(picture: Any, bits: int, data: bytes, form: str) -> tuple[Pixels, tuple[str, ...]]:
    """Returns (H,W,3) or, with its alpha, (H,W,4) uint8, and notes on the range of the samples."""
    mode = picture.mode
    if _deep(mode) or mode in ("I", "F"):
        plane, notes = _plane(picture, bits, data, form)
        return np.repeat(plane.astype(np.uint8)[..., None], 3, axis=2), notes
    if "transparency" in picture.info or mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        return np.asarray(picture if mode == "RGBA" else picture.convert("RGBA")), ()
    if mode in ("1", "L"):
        return np.repeat(np.asarray(picture.convert("L"))[..., None], 3, axis=2), ()
    if mode not in ("RGB", "P", "YCbCr", "RGBX", "HSV"):
        raise UnsupportedModeError(f"no conversion from {mode} to RGB")
    rgb = np.asarray(picture if mode == "RGB" else picture.convert("RGB"))
    # Pillow keeps the high byte of 16-bit color
    return rgb, _narrow(int(rgb.max(initial=0)) << 8, 16) if bits == 16 else ()


def _plane(picture: Any, bits: int, data: bytes, form: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Returns the one channel of a deep picture as 0..255, white bright, with its notes."""
    page = tiff.directory(data) if form == "TIFF" else None
    tags = page.tags if page else {}
    values = np.asarray(picture)
    if picture.mode == "F":
        plane, notes = _float(values)
    else:
        if picture.mode == "I":
            # Sample format: 2 is signed.
            values = _integers(values, bits, signed=tags.get(0x0153, (1, 1))[1] == 2)
        most = int(values.max(initial=0))
        plane, notes = _scale(values, bits, most), _narrow(most, bits)
    # Photometric interpretation: 0 is white-is-zero.
    white_is_zero = tags.get(0x0106, (1, 1))[1] == 0
    # Pillow turns white-is-zero samples over up to 8 bits, and no deeper ones
    return (255.0 - plane if white_is_zero else plane), notes


def _narrow(most: int, bits: int) -> tuple[str, ...]:
    """Notes a 16-bit picture whose largest sample needs at most the bits of a sensor."""
    used = most.bit_length()
    return (f"samples_narrow={used}",) if bits == 16 and 0 < used <= _SENSOR_BITS else ()


def _scale(values: NDArray[Any], bits: int, most: int) -> NDArray[Any]:
    """Unsigned `values` of `bits` bits to 0..255, rounded.

    A value above the declared depth means the declaration is wrong: the depth grows, never clips.
    """
    full = max((1 << bits) - 1, (1 << most.bit_length()) - 1)
    return np.rint(values.astype(np.float64) * (255.0 / full))


def _integers(values: NDArray[Any], bits: int, *, signed: bool) -> NDArray[Any]:
    """Samples of mode I, which is int32 whatever the file was, as they were meant.

    Unsigned 32 bits come back by reinterpretation, signed ones are shifted so that their lowest
    value is black.
    """
    if signed:
        return values.astype(np.int64) + (1 << (bits - 1))
    return values.astype(np.int32).view(np.uint32)


def _float(values: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Float samples to 0..255, on a scale of 1 or of 255 by where nearly all of them lie.

    One sample beyond does not change the scale; what is on neither is stretched.
    """
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("no finite value in a float image")
    inside = values[finite].astype(np.float64)
    low, high = float(inside.min()), float(inside.max())
    clean = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    least, most = np.percentile(inside, [_TAIL, 100.0 - _TAIL])
    scale = 1.0 if most <= _UNIT_MOST else 255.0 if most <= _BYTE_MOST else None
    if scale is None or least < -0.02 * scale:
        flat = np.full(values.shape, float(_MID_GREY))
        stretched = np.rint((clean - low) * (255.0 / (high - low))) if high > low else flat
        return stretched, (f"samples_stretched={low:.4g}..{high:.4g}",)
    beyond = int(np.count_nonzero((inside < 0) | (inside > scale)))
    notes = (f"samples_clipped={beyond}",) if beyond else ()
    return np.rint(np.clip(clean, 0.0, scale) * (255.0 / scale)), notes


def _on_grey(rgb: Pixels, alpha: Pixels) -> Pixels:
    share = alpha.astype(np.uint16)
    # + 127 rounds the division by 255.
    return ((rgb * share + _MID_GREY * (255 - share) + 127) // 255).astype(np.uint8)


def looks_grey(rgb: Pixels) -> bool:
    """Tells whether an image has no color.

    At most 1 % of sampled pixels (up to 64 x 64) may differ by more than 8 between channels, so
    JPEG chroma noise and small overlays pass.

    Args:
        rgb: (H,W,3) uint8.
    """
    rows, columns = (-(-side // _GREY_SAMPLES) for side in rgb.shape[:2])
    sample = rgb[::rows, ::columns]
    red, green, blue = sample[..., 0], sample[..., 1], sample[..., 2]
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return bool(np.count_nonzero(spread > _GREY_TOLERANCE) <= (1 - _GREY_SHARE) * spread.size)
