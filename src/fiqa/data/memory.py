"""Pictures that are in memory already: encoded bytes, Pillow's pictures, and arrays of pixels, as
the one kind of image that files become.

The limits, the turns by EXIF and the conversion of colors are those of fiqa.data.images.
"""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data import tiff
from fiqa.data.images import Image, Limits, decode_image, upright
from fiqa.data.quiet import quiet
from fiqa.data.samples import UnsupportedModeError, looks_grey, to_rgb
from fiqa.errors import InputError, ReadError, ShapeError, UnsafeFileError

__all__ = ["Content", "checked", "decoded", "is_picture", "refuse_color"]

Content: TypeAlias = "bytes | bytearray | memoryview | NDArray[np.uint8] | Any"
"""A picture in memory: the bytes of a file, (H,W,3) uint8, or a picture of Pillow."""

_ORDERS = ("RGB", "BGR")
_BITS = {"1": 1, "F": 32, "I": 16}


def is_picture(value: object) -> bool:
    """Tells whether something is a picture of Pillow.

    Args:
        value: anything.
    """
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def checked(content: Content, color: str | None) -> Content:
    """Returns a picture in memory as it is, after what the caller must keep has been checked.

    Args:
        content: as Content says.
        color: the order of an array's channels, RGB or BGR; None for bytes and pictures.

    Raises:
        InputError: an array without its color, a color beside bytes or a picture, or something that
            is no picture.
        UnknownNameError: another color.
        ShapeError: an array that is not (H,W,3) uint8, or has no pixel.
    """
    if isinstance(content, np.ndarray):
        if color is None:
            raise InputError(
                "color must say the order of an array's channels, got none.",
                hint='color="BGR" for frames of OpenCV, color="RGB" for those of Pillow',
            )
        checks.choice(color, "color", _ORDERS)
        _check_pixels(content)
        return content
    if not isinstance(content, (bytes, bytearray, memoryview)) and not is_picture(content):
        raise InputError(
            "An image must be a path, bytes, a Pillow picture or a (H,W,3) uint8 array, got"
            f" {type(content).__name__}."
        )
    refuse_color(color)
    return content


def refuse_color(color: str | None) -> None:
    """Refuses a color beside what says its own.

    Args:
        color: None where none was given.

    Raises:
        InputError: one was given.
    """
    if color is not None:
        raise InputError(f"color is for arrays; files say theirs, got color={color!r}.")


def _check_pixels(pixels: NDArray[Any]) -> None:
    if pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size and pixels.dtype == np.uint8:
        return
    hints = {
        2: "grey: np.repeat(pixels[..., None], 3, axis=2)",
        4: "many images: fiqa.score takes (N,H,W,3), a FaceReader one after the other",
    }
    hint = hints.get(pixels.ndim, "")
    if not hint and pixels.dtype != np.uint8:
        hint = "bring the pixels to 0..255 and uint8 yourself: their scale is not known here"
    raise ShapeError(
        f"An image in memory must be (H,W,3) uint8, got {pixels.shape} {pixels.dtype}.",
        hint=hint or None,
    )


def decoded(content: Content, color: str | None, *, limits: Limits | None = None) -> Image:
    """Returns the image that is in memory; an array has no sha256 and no format.

    Args:
        content: as `checked` returns it.
        color: the order of an array's channels, None for the others.
        limits: what the image may cost; None is the default.

    Raises:
        ReadError: as fiqa.data.images.decode_image.

    >>> frame = np.zeros((2, 3, 3), np.uint8)
    >>> frame[..., 0] = 9
    >>> decoded(frame, "BGR").pixels[0, 0].tolist()
    [0, 0, 9]
    """
    most = limits or Limits()
    if isinstance(content, np.ndarray):
        _check_size(content.shape[1], content.shape[0], most)
        pixels = np.ascontiguousarray(content[..., ::-1] if color == "BGR" else content)
        return Image(pixels, looks_grey(pixels), "", "RGB", 8, 1, "", 1)
    if isinstance(content, (bytes, bytearray, memoryview)):
        return decode_image(bytes(content), limits=most)
    return _picture(content, most)


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise UnsafeFileError(
            f"The image must have at most {limits.max_pixels} pixels, got {width} x {height}.",
            status="too_large",
            hint="raise the limits if you trust the source",
        )


def _picture(picture: Any, limits: Limits) -> Image:
    """Pillow's picture, loaded if it was not, as its file would have been read."""
    width, height = picture.size
    _check_size(width, height, limits)
    form = picture.format or ""
    try:
        with quiet:
            frames = int(getattr(picture, "n_frames", 1))
            picture.load()
            mode = picture.mode
            bits = _BITS.get(mode, 16 if mode.startswith("I;16") else 8)
            # its bytes are gone: what only they tell (a declared depth) is not known
            pixels, notes = to_rgb(picture, bits, b"", "")
        exif = picture.info.get("exif")
        turn = tiff.orientation(exif) if isinstance(exif, bytes) and form != "TIFF" else 1
        rgb = upright(pixels, turn)
    # as in fiqa.data.images: a picture that is opened lazily meets its bytes only here
    except Exception as error:
        status = "corrupt"
        if isinstance(error, UnsupportedModeError):
            status = "unsupported_format"
        elif "truncated" in str(error).lower():
            status = "truncated"
        raise ReadError(f"The picture cannot be decoded: {error}.", status=status) from error
    return Image(rgb, looks_grey(rgb), form, mode, bits, frames, "", turn, notes)
