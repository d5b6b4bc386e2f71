"""Pictures that are in memory already: encoded bytes, Pillow's pictures, and arrays of pixels, as
the one kind of image that files become.

The limits, the turns by EXIF and the conversion of colors are those of fiqa.data.images.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data import tiff
from fiqa.data.images import Image, Limits, decode_image, upright
from fiqa.data.quiet import quiet
from fiqa.data.samples import UnsupportedModeError, looks_grey, to_rgb
from fiqa.errors import InputError, ReadError, ShapeError, UnsafeFileError

__all__ = [
    "Content",
    "Picture",
    "Plain",
    "checked",
    "decoded",
    "digest",
    "pictures",
    "refuse_color",
]


class Picture(Protocol):
    """A picture of Pillow, as far as it is looked at here."""

    info: dict[Any, Any]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        ...

    @property
    def mode(self) -> str:
        """The layout of its pixels."""
        ...

    def load(self) -> Any:
        """Decodes it."""
        ...


Plain = bytes | bytearray | memoryview | NDArray[np.uint8]
"""A picture in memory: the bytes of a file, or (H,W,3)."""
Content = Plain | Picture
"""That, or a picture of Pillow."""

_ORDERS = ("RGB", "BGR")
_BITS = {"1": 1, "F": 32, "I": 16}


def _is_picture(value: object) -> TypeGuard[Picture]:
    """Whether something is a picture of Pillow, which is not imported for that."""
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
    if not isinstance(content, (bytes, bytearray, memoryview)) and not _is_picture(content):
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


def pictures(source: object, color: str | None) -> list[Plain] | None:
    """Returns the pictures of an argument that may hold pictures or name files; None for names.

    Args:
        source: bytes of one file, (H,W,3) or (N,H,W,3) uint8, or a list of bytes and (H,W,3);
            anything else names files.
        color: the order of the arrays' channels, None where there are none.

    Raises:
        InputError, UnknownNameError, ShapeError: as `checked`; a list of pictures and names.
    """
    if isinstance(source, np.ndarray) and source.dtype.kind not in "OUS":
        source = list(source) if source.ndim == 4 else [source]
        if not source:
            raise InputError("An array of images must hold at least one image, got none.")
    elif isinstance(source, (bytes, bytearray, memoryview)) or _is_picture(source):
        source = [source]
    if not isinstance(source, (list, tuple)) or not any(map(_is_content, source)):
        refuse_color(color)
        return None
    arrays = any(isinstance(each, np.ndarray) for each in source)
    if not arrays:
        refuse_color(color)
    for number, each in enumerate(source):
        if not _is_content(each) or _is_picture(each):
            raise InputError(
                "Pictures in memory must be bytes or (H,W,3) uint8, number"
                f" {number} is {type(each).__name__}.",
                hint="np.asarray(picture.convert('RGB')) with color='RGB', or a FaceReader"
                if _is_picture(each)
                else "paths in one call, pictures in memory in another",
            )
        checked(each, color if isinstance(each, np.ndarray) else None)
    return list(source)


def _is_content(value: object) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview, np.ndarray)) or _is_picture(value)


def digest(content: Plain, color: str | None) -> str:
    """Returns the sha256 of a picture in memory: of the bytes, or of the pixels and what they are.

    Args:
        content: bytes or an array.
        color: the order of an array's channels.
    """
    if isinstance(content, np.ndarray):
        about = f"{content.shape} {color}\n".encode()
        return hashlib.sha256(about + np.ascontiguousarray(content).tobytes()).hexdigest()
    return hashlib.sha256(content).hexdigest()


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
    form = getattr(picture, "format", None) or ""
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
