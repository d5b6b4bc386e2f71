"""Color profiles: pixels come out as sRGB, whatever profile the file embeds.

littleCMS converts, through Pillow. A profile that is sRGB, or nearly, costs nothing: how far a
profile moves a grid of colors is worked out once and kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_ink", "to_srgb"]

Pixels = NDArray[np.uint8]
_NEAR = 3
"""Grey levels by which a profile may move a color and still be taken as sRGB: versions of the sRGB
profile differ by 2."""
_CONTRAST = 64
"""Grey levels between the profile's white and its black; a profile with less is broken."""
_MOST_BYTES = 8 * 2**20
"""Bytes of a profile that is looked at; the largest in use, of presses, have 3 MB."""
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_LONGEST = 40
"""Characters of a profile's name that go into a note."""


class _Conversion(NamedTuple):
    """What a profile asks for.

    Attributes:
        mode: Pillow's mode of the samples; "" where the profile cannot be used.
        transform: of Pillow; None: nothing to do.
        note: what to say of it, None where nothing.
    """

    mode: str
    transform: Any
    note: str | None


def to_srgb(rgb: Pixels, profile: bytes | None, *, grey: bool) -> tuple[Pixels, tuple[str, ...]]:
    """Returns (H,W,3) uint8 in sRGB, and the notes on it.

    Args:
        rgb: (H,W,3) uint8; three equal channels where the picture is grey.
        profile: the ICC profile that the file embeds, None without any.
        grey: whether the file's samples have one channel, which a profile of grey is for.

    Returns:
        The pixels as they are where the profile is sRGB, is absent, or cannot be used.
    """
    if profile is None:
        return rgb, ()
    conversion = _judged(profile)
    if conversion.transform is None:
        return rgb, _notes_of(conversion)
    if conversion.mode != ("L" if grey else "RGB"):
        of = {
            "RGB": "of color, not of grey",
            "L": "of grey, not of color",
            "CMYK": "of ink, not of light",
        }
        return rgb, (f"profile_ignored={of[conversion.mode]}",)
    import PIL.Image
    import PIL.ImageCms

    source = np.ascontiguousarray(rgb[..., 0] if conversion.mode == "L" else rgb)
    picture = PIL.Image.fromarray(source)
    return np.asarray(PIL.ImageCms.applyTransform(picture, conversion.transform)), _notes_of(
        conversion
    )


def from_ink(picture: Any, profile: bytes | None) -> tuple[Pixels, tuple[str, ...]]:
    """Returns a CMYK picture as (H,W,3) uint8 sRGB, and the notes on it.

    Without a profile of ink, or with a broken one, light is what the inks leave, (1 - C)(1 - K).

    Args:
        picture: Pillow's picture of mode CMYK.
        profile: the ICC profile that the file embeds, None without any.
    """
    conversion = None if profile is None else _judged(profile)
    if conversion is not None and conversion.mode == "CMYK" and conversion.transform is not None:
        import PIL.ImageCms

        return np.asarray(PIL.ImageCms.applyTransform(picture, conversion.transform)), _notes_of(
            conversion
        )
    plain = np.asarray(picture.convert("RGB"))
    if conversion is None:
        return plain, ()
    if conversion.mode in ("RGB", "L"):
        return plain, ("profile_ignored=of light, not of ink",)
    return plain, _notes_of(conversion)


def _notes_of(conversion: _Conversion) -> tuple[str, ...]:
    return (conversion.note,) if conversion.note else ()


def _judged(profile: bytes) -> _Conversion:
    if len(profile) > _MOST_BYTES:
        return _Conversion("", None, f"profile_ignored=above {_MOST_BYTES >> 20} MiB")
    return _conversion(profile)


@lru_cache(maxsize=32)
def _conversion(profile: bytes) -> _Conversion:
    """Returns what to do with a profile; the same bytes are judged once."""
    import io

    import PIL.Image
    import PIL.ImageCms

    cms = PIL.ImageCms

    try:
        opened = cms.ImageCmsProfile(io.BytesIO(profile))
        space = str(opened.profile.xcolor_space)  # pyright: ignore[reportAttributeAccessIssue]
        mode = _MODES.get(space, "")
        if not mode:
            return _Conversion("", None, f"profile_ignored=of {_plain(space)} samples")
        transform = cms.buildTransform(
            opened,
            cms.createProfile("sRGB"),
            mode,
            "RGB",
            cms.Intent.RELATIVE_COLORIMETRIC,
            cms.Flags.BLACKPOINTCOMPENSATION,
        )
        grid = _grid(mode)
        colors = PIL.Image.frombytes(mode, (grid.shape[1], 1), grid.tobytes())
        moved = np.asarray(cms.applyTransform(colors, transform), np.int16)
        name = _plain(cms.getProfileDescription(opened))
    # littleCMS refuses hostile bytes as OSError, PyCMSError, ValueError or TypeError
    except Exception:  # noqa: BLE001 - whatever a broken profile does, the picture is there
        return _Conversion("", None, "profile_ignored=broken")
    # The grid begins with all zeros: no ink is white, no light is black.
    white, black = (0, -1) if mode == "CMYK" else (-1, 0)
    if int(moved[0, white].min()) - int(moved[0, black].max()) < _CONTRAST:
        return _Conversion("", None, "profile_ignored=broken")
    plain = np.atleast_3d(grid).astype(np.int16)
    if mode != "CMYK" and np.abs(moved - plain).max() <= _NEAR:
        return _Conversion(mode, None, None)
    return _Conversion(mode, transform, f"profile_converted={name or 'unnamed'}")


def _grid(mode: str) -> Pixels:
    """A row of colors that fills the space of `mode`, its first and last all zeros and all 255."""
    channels = len(mode) if mode != "L" else 1
    # 17 greys, 216 colors or 81 mixes of ink: enough to see a profile move them.
    steps = np.linspace(0, 255, 17 if mode == "L" else 6 if mode == "RGB" else 3)
    mesh = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), axis=-1).round()
    row = mesh.astype(np.uint8).reshape(1, -1, channels)
    return row[..., 0] if mode == "L" else row


def _plain(text: str) -> str:
    """A name out of a file as short printable text that no separator of ours occurs in."""
    kept = "".join(c if c.isascii() and c.isprintable() and c not in ";=" else " " for c in text)
    return " ".join(kept.split())[:_LONGEST]
