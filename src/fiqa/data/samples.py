"""From decoded samples to 8-bit RGB: depth, sign and range of the values, transparency, color.

Nothing is guessed in silence: what the file does not declare, or declares and does not keep, is a
note (fiqa.vocabulary.NOTES) beside the pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data import tiff
from fiqa.data.color import from_ink, to_srgb
from fiqa.data.profiles import embedded, untagged

__all__ = ["GREY_MODES", "UnsupportedModeError", "bits_of", "known_mode", "looks_grey", "to_rgb"]

Pixels = NDArray[np.uint8]
GREY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of pictures without color."""
_COLOR_MODES = ("RGB", "P", "PA", "RGBA", "RGBa", "CMYK", "YCbCr", "RGBX", "HSV")
_GREY_TOLERANCE, _GREY_SHARE, _GREY_SAMPLES = 8, 0.99, 64
"""Levels between channels that are still grey, the share of pixels that must be, pixels a side."""
_MID_GREY = 128
_SENSOR_BITS = 14
"""The deepest sensor whose samples are commonly stored in 16 bits without saying so."""
_TAIL = 1.0
"""Percent of the samples at either end that do not decide the range of a float image."""
_SCALES = ((0.0, 4.0, 1.0), (4.0, 320.0, 255.0), (16383.0, 82000.0, 65535.0))
"""Above what, and up to what 99th percentile, float samples are on a scale, and its white:
highlights above white are clipped, and no picture is as dark as 4 of 255. Between 320 and 16383 any
depth of a sensor could be meant."""
_EVIDENT = 0.5
"""The share of a scale that samples must reach for the scale not to be noted as a guess."""
_DEPTHS = (8, 10, 12, 14, 16, 24)
"""Bits that pictures have, in whatever integers they are stored."""


class UnsupportedModeError(ValueError):
    """A layout of samples that there is no conversion for."""


def known_mode(mode: str) -> None:
    """Refuses a layout of samples that there is no conversion for.

    Args:
        mode: Pillow's name of the layout.

    Raises:
        UnsupportedModeError: as above.
    """
    if mode not in (*GREY_MODES, *_COLOR_MODES):
        raise UnsupportedModeError(f"there is no conversion from {mode} to RGB")


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
    known_mode(picture.mode)
    mode, profile = picture.mode, embedded(picture.info, data, form)
    if mode == "CMYK":
        return from_ink(picture, profile)
    pixels, notes = _opaque(picture, bits, data, form)
    rgb, color_notes = to_srgb(pixels[..., :3], profile, grey=mode in GREY_MODES)
    if profile is None:
        color_notes = untagged(picture.info, data, form)
    alpha = pixels[..., 3:]
    return (_on_grey(rgb, alpha) if alpha.shape[2] else rgb), (*notes, *color_notes)


def _deep(mode: str) -> bool:
    return mode.startswith("I;16")


def _opaque(picture: Any, bits: int, data: bytes, form: str) -> tuple[Pixels, tuple[str, ...]]:
    """Returns (H,W,3) or, with its alpha, (H,W,4) uint8, and notes on the range of the samples."""
    mode = picture.mode
    if _deep(mode) or mode in ("I", "F") or (mode == "L" and _signed(data, form)):
        plane, notes = _plane(picture, bits, data, form)
        return np.repeat(plane.astype(np.uint8)[..., None], 3, axis=2), notes
    if "transparency" in picture.info or mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        return np.asarray(picture if mode == "RGBA" else picture.convert("RGBA")), ()
    if mode in ("1", "L"):
        return np.repeat(np.asarray(picture.convert("L"))[..., None], 3, axis=2), ()
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
    elif _signed(data, form):
        # Pillow reads signed bytes as if they had no sign
        plane, notes = _signed_integers(
            values.view(np.int8) if picture.mode == "L" else values, bits
        )
    elif bits == 32:
        # Mode I is int32, whatever the file was
        plane, notes = _guessed(values.astype(np.int32).view(np.uint32), 32)
    else:
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


def _signed(data: bytes, form: str) -> bool:
    """Tells whether the samples of a TIFF are integers with a sign (sample format 2)."""
    page = tiff.directory(data) if form == "TIFF" else None
    return page is not None and page.tags.get(0x0153, (1, 1))[1] == 2


def _guessed(values: NDArray[Any], bits: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Samples without negatives, in integers wider than any picture needs, to 0..255.

    White is the largest number of the smallest common depth that holds them all, which is evident
    only where they fill 32 bits.

    Args:
        values: the samples.
        bits: that they could use.
    """
    most = int(values.max(initial=0))
    depth = next((depth for depth in _DEPTHS if most.bit_length() <= depth < bits), bits)
    white = (1 << depth) - 1
    filled = depth == 32 and np.percentile(values, 100.0 - _TAIL) > _EVIDENT * white
    return _scale(values, depth, most), () if filled else (f"samples_scaled=0..{white}",)


def _signed_integers(values: NDArray[Any], bits: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Integers with a sign to 0..255; no picture needs one, so that all are noted.

    Without negatives the sign is unused. Where the negatives reach down at least half of theirs of
    a common depth, its lowest number is black. Else the range is stretched.
    """
    wide = values.astype(np.int64)
    least, most = int(wide.min(initial=0)), int(wide.max(initial=0))
    if least >= 0:
        return _guessed(wide, bits - 1)
    used = max(most.bit_length(), (-least - 1).bit_length()) + 1
    depth = next(depth for depth in (8, 16, 24, 32) if used <= depth)
    half = 1 << (depth - 1)
    if least > -half // 2:
        return _stretched(wide, least, most)
    return _scale(wide + half, depth, most + half), (f"samples_scaled={-half}..{half - 1}",)


def _stretched(
    values: NDArray[Any], low: float, high: float
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Samples from `low` to `high` to 0..255, mid-grey where both are the same, and the note."""
    notes = (f"samples_stretched={low:.6g}..{high:.6g}",)
    if low == high:
        return np.full(values.shape, float(_MID_GREY)), notes
    return np.rint((values - low) * (255.0 / (high - low))), notes


def _float(values: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Float samples to 0..255, on a scale of _SCALES by where nearly all of them lie.

    One sample beyond does not change the scale; what is on none is stretched. What is no number
    becomes the smallest, and is counted.
    """
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("no finite value in a float image")
    inside = values[finite].astype(np.float64)
    low, high = float(inside.min()), float(inside.max())
    clean = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    lost = int(values.size - inside.size)
    missing = (f"samples_missing={lost}",) if lost else ()
    least, most = np.percentile(inside, [_TAIL, 100.0 - _TAIL])
    scale = next((white for above, to, white in _SCALES if above <= max(most, 0.0) <= to), None)
    if scale is None or least < -0.02 * scale:
        plane, notes = _stretched(clean, low, high)
        return plane, (*notes, *missing)
    beyond = int(np.count_nonzero((inside < 0) | (inside > scale)))
    clipped = (f"samples_clipped={beyond}",) if beyond else ()
    guessed = (f"samples_scaled=0..{scale:g}",) if most <= _EVIDENT * scale else ()
    plane = np.rint(np.clip(clean, 0.0, scale) * (255.0 / scale))
    return plane, (*guessed, *clipped, *missing)


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
