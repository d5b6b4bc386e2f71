"""What a file says of its colors: the profile that it embeds, wherever its format keeps it, or
other words for colors that are not those of sRGB."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from fiqa.data import boxes, headers, tiff

__all__ = ["embedded", "untagged"]

_GAMMA_SLACK = 0.03
"""How far the gamma of a PNG may be from that of sRGB, 1 / 2.2."""
_SRGB_POINTS = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""White, red, green and blue of sRGB as x and y."""
_POINT_SLACK = 0.01
_JP2_PROFILES = {2, 3}
"""Methods of a color box (ISO 15444-1 and -2) that mean an ICC profile; 1 is a number."""
_JP2_SPACES = {12: "ink", 16: "sRGB", 17: "grey", 18: "sYCC"}
"""Numbered color spaces that the decoder turns into light, ink or grey by itself."""


def embedded(info: Mapping[str, Any], data: bytes, form: str) -> bytes | None:
    """Returns the ICC profile in a file, None without any; empty: it is there and not whole.

    The decoder passes over those of JPEG 2000, GIF and BMP.

    Args:
        info: what Pillow knows of the file.
        data: the file's bytes.
        form: its format, as fiqa.data.headers.sniff names it.
    """
    if "icc_profile" in info:
        return info["icc_profile"] or b""
    if form == "JPEG2000":
        color = boxes.color_box(data)
        return color[3:] if color[:1] and color[0] in _JP2_PROFILES else None
    if form == "GIF":
        return headers.gif_profile(data)
    if form == "BMP" and _bmp_color(data) == b"DEBM" and len(data) >= 138:
        start, size = struct.unpack_from("<II", data, 126)
        return data[14 + start : 14 + start + size]
    return None


def untagged(info: Mapping[str, Any], data: bytes, form: str) -> tuple[str, ...]:
    """Returns a note where a file without a profile says by other means that it is not sRGB.

    Such means are EXIF's Adobe RGB (cameras), the gamma, primaries or numbered color of a PNG, the
    numbered color of an AVIF or a JPEG 2000 file, the calibrated color of a BMP.

    Args:
        info: what Pillow knows of the file.
        data: the file's bytes.
        form: its format, as fiqa.data.headers.sniff names it.
    """
    exif = data if form == "TIFF" else info.get("exif")
    color = tiff.color_space(exif) if isinstance(exif, bytes) else None
    if color is None and form == "PNG":
        color = _png_words(info, data)
    elif color is None and form == "AVIF":
        color = boxes.numbered_color(data)
    elif color is None and form == "JPEG2000":
        color = _jp2_words(boxes.color_box(data))
    elif color is None and form == "BMP":
        color = {b"KNIL": "a profile outside the file", bytes(4): "calibrated"}.get(
            _bmp_color(data)
        )
    return (f"profile_ignored={color}",) if color else ()


def _png_words(info: Mapping[str, Any], data: bytes) -> str | None:
    # A number outranks sRGB, which outranks gamma and primaries (PNG, third edition)
    place = 8
    while place + 12 <= len(data) and data[place + 4 : place + 8] != b"IDAT":
        if data[place + 4 : place + 8] == b"cICP":
            return boxes.named_color(data[place + 8], data[place + 9])
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info:
        return None
    if isinstance(gamma, float) and abs(gamma - 1 / 2.2) > _GAMMA_SLACK:
        return f"gamma {gamma:.5g}"
    if points and any(
        abs(told - usual) > _POINT_SLACK for told, usual in zip(points, _SRGB_POINTS, strict=True)
    ):
        return "primaries of its own"
    return None


def _jp2_words(color: bytes) -> str | None:
    """Returns what a color box says that is neither a profile nor understood."""
    if not color:
        return None
    space = int.from_bytes(color[3:7], "big")
    if color[0] == 1:
        return None if space in _JP2_SPACES else f"color space {space}"
    return f"color by method {color[0]}"


def _bmp_color(data: bytes) -> bytes:
    """Returns the kind of color of a BMP, empty where its header is older than that or says none.

    A header of version 4 has 108 bytes, one of version 5, where a profile may be, 124. Calibrated
    color (0) with a gamma of 0 is not filled in.
    """
    size = int.from_bytes(data[14:18], "little")
    kind = data[70:74]
    if size < 108 or len(data) < 122 or (kind == bytes(4) and not any(data[110:122])):
        return b""
    return kind
