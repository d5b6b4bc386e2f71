"""The one place where bytes become pixels: (H,W,3) uint8 RGB, upright, whatever the file was.

Pillow decodes, restricted to the formats in FORMATS, and only after the header has been judged:
limits are applied before a pixel is decoded. Conversions: colors become sRGB by the file's profile
(fiqa.data.color); up to 16 bits are scaled by their declared depth, signed integers and those of 32
bits by the range that they use; floats are read on a scale of 1, 255 or 65535, others are stretched
between their finite extremes, NaN becomes the smallest (fiqa.data.samples); alpha is laid on
mid-grey (128).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data import headers, tiff
from fiqa.data.encoded import image_bytes
from fiqa.data.quiet import quiet
from fiqa.data.reading import read_at_most, reading
from fiqa.data.refused import need_avif, refused
from fiqa.data.samples import (
    GREY_MODES,
    UnsupportedModeError,
    bits_of,
    known_mode,
    looks_grey,
    to_rgb,
)
from fiqa.data.store import atomic_path, open_regular
from fiqa.errors import ReadError, UnsafeFileError
from fiqa.types import PathLike

__all__ = [
    "FORMATS",
    "Header",
    "Image",
    "Limits",
    "decode_header",
    "decode_image",
    "read_bytes",
    "read_image",
    "write_image",
]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
"""Formats that are decoded; MPO and motion photos (phone cameras) count as JPEG, AVIF needs a
Pillow that has it (11.3 and later). Nothing that runs another program (EPS, PDF) is among them."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Limits:
    """What an image may cost.

    Attributes:
        max_pixels: width times height, at most 178,956,970, where Pillow itself refuses.
        max_bytes: of the file.
    """

    max_pixels: int = 40_000_000
    max_bytes: int = 64 * 2**20

    def __post_init__(self) -> None:
        checks.in_range(self.max_pixels, "max_pixels", 1, 178_956_970)
        checks.in_range(self.max_bytes, "max_bytes", 1, float("inf"))


@dataclass(frozen=True)
class Header:
    """What is known of an image before decoding.

    Attributes:
        width: pixels from left to right, upright.
        height: pixels from top to bottom, upright.
        grey: True: one channel; None: decoding will tell.
        format: one of FORMATS.
        mode: Pillow's name of the layout.
        bits: per channel, as declared.
        frames: above 1 is animated, or many pages.
        sha256: of the file's bytes.
        orientation: the EXIF value 1..8.
    """

    width: int
    height: int
    grey: bool | None
    format: str
    mode: str
    bits: int
    frames: int
    sha256: str
    orientation: int


@dataclass(frozen=True, eq=False)
class Image:
    """One decoded image.

    Attributes:
        pixels: (H,W,3) uint8 RGB, upright.
        grey: True where it has no color: one channel, or three that agree, as near infrared saved
            as RGB.
        format: as the file declares it.
        mode: Pillow's name of the layout.
        bits: per channel, as declared.
        frames: above 1 is animated, or many pages; these are the first one's pixels.
        sha256: of the file's bytes.
        orientation: the EXIF value 1..8 that has been applied.
        notes: on what was converted or had to be guessed: codes of fiqa.vocabulary.NOTES, `code` or
            `code=detail`.
    """

    pixels: Pixels
    grey: bool
    format: str
    mode: str
    bits: int
    frames: int
    sha256: str
    orientation: int
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.pixels.shape[0]


def read_image(path: PathLike, *, limits: Limits | None = None) -> Image:
    """Returns the image at `path`, decoded as fiqa.data.images says.

    Never blocks on a FIFO, never warns.

    Args:
        path: the file.
        limits: what the image may cost; None is the default.

    Raises:
        ReadError: with `.status` not_found, unreadable, empty_file, too_large, unsupported_format,
            truncated or corrupt.
    """
    with reading(path):
        return decode_image(read_bytes(path, limits=limits), limits=limits)


def decode_image(data: bytes, *, limits: Limits | None = None) -> Image:
    """Returns the image encoded in `data`.

    Args:
        data: the file's bytes.
        limits: what the image may cost; None is the default.

    Raises:
        ReadError: with `.status` empty_file, too_large, unsupported_format, truncated or corrupt;
            no other exception, whatever the bytes.

    >>> image = decode_image(b"P5 2 1 255 " + bytes([0, 200]))
    >>> image.pixels.shape, image.grey, image.pixels[0, 1].tolist()
    ((1, 2, 3), True, [200, 200, 200])
    """
    with _opened(data, limits or Limits()) as (picture, header):
        picture.load()
        if not headers.sums_agree(data, header.format):
            raise ValueError("a check sum is wrong")
        turn = 1 if header.format == "TIFF" else _orientation(picture, header.orientation)
        pixels, notes = to_rgb(picture, header.bits, data, header.format)
        rgb = upright(pixels, turn)
        grey = header.grey or looks_grey(rgb)
        return Image(
            rgb,
            grey,
            header.format,
            header.mode,
            header.bits,
            header.frames,
            header.sha256,
            # A PNG may tell it only when loaded; a TIFF was turned by Pillow already.
            max(turn, header.orientation),
            notes,
        )


def decode_header(data: bytes, *, limits: Limits | None = None) -> Header:
    """Returns what an encoded image says of itself, without decoding pixels.

    Damage behind the header goes unseen.

    Args:
        data: the file's bytes.
        limits: what the image may cost; None is the default.

    Raises:
        ReadError: as decode_image.

    >>> header = decode_header(b"P5 2 1 255 " + bytes([0, 200]))
    >>> header.width, header.height, header.grey
    (2, 1, True)
    """
    with _opened(data, limits or Limits()) as (_, header):
        return header


def write_image(path: PathLike, pixels: Pixels, *, quality: int = 95) -> None:
    """Writes (H,W,3) uint8 RGB as .jpg, .png or .webp, whole or not at all.

    Args:
        path: the suffix chooses the format.
        pixels: (H,W,3) uint8 RGB.
        quality: 1..100, of JPEG and WebP; PNG is lossless.

    Raises:
        UnknownNameError: another suffix.
        ShapeError: another shape or type.
        WriteError: the disk refused.
    """
    with atomic_path(path) as aside:
        aside.write_bytes(image_bytes(pixels, os.path.splitext(os.fspath(path))[1], quality))


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Returns pixels turned as their EXIF orientation says, contiguous.

    Args:
        pixels: (H,W,C).
        orientation: 1..8.

    >>> upright(np.arange(6, dtype=np.uint8).reshape(2, 3, 1), 6)[..., 0].tolist()
    [[3, 0], [4, 1], [5, 2]]
    """
    # 5 to 8 are mirrored at the diagonal first.
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def read_bytes(path: PathLike, *, limits: Limits | None = None) -> bytes:
    """Returns the bytes of a regular file; a FIFO is refused at once and never waited for.

    Args:
        path: the file.
        limits: it may have at most their max_bytes; None is the default.

    Raises:
        ReadError: not_found, unreadable (permission, a folder, a FIFO, a socket, a device, a broken
            disk), empty_file, too_large.
    """
    most = (limits or Limits()).max_bytes
    name = os.fspath(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise _too_large(f"{name!r} must have at most {most} bytes, got {size}")
        try:
            # One byte more than allowed tells a file that grows.
            data = read_at_most(file, most + 1)
        except OSError as error:
            raise ReadError(f"{name!r} cannot be read: {error}.", status="unreadable") from error
    if len(data) > most:
        raise _too_large(f"{name!r} must have at most {most} bytes, and it grows while being read")
    if not data:
        raise ReadError(f"{name!r} has 0 bytes.", status="empty_file")
    return data


def _too_large(message: str) -> UnsafeFileError:
    return UnsafeFileError(
        f"{message}.", status="too_large", hint="raise the limits if you trust the source"
    )


@contextmanager
def _opened(data: bytes, limits: Limits) -> Iterator[tuple[Any, Header]]:
    """Yields Pillow's lazy picture and its header.

    Any exception on the way, in the body too, becomes a ReadError.
    """
    import PIL.Image

    if not data:
        raise ReadError("The image has 0 bytes.", status="empty_file")
    if len(data) > limits.max_bytes:
        raise _too_large(f"The image must have at most {limits.max_bytes} bytes, got {len(data)}")
    form = headers.sniff(data)
    named = refused(data, form)
    if named is not None:
        raise ReadError(f"{named[0]}.", status="unsupported_format", hint=named[1])
    if form is None:
        message = "The bytes must be an image of a known format."
        raise ReadError(message, status="unsupported_format", hint=_formats())
    if form == "AVIF":
        need_avif()
    try:
        headers.guard(data, form, max_pixels=limits.max_pixels)
        with quiet, PIL.Image.open(io.BytesIO(data), formats=[form]) as picture:
            width, height = picture.size
            if width * height > limits.max_pixels:
                raise _too_large(
                    f"The image must have at most {limits.max_pixels} pixels, got {width} x"
                    f" {height}"
                )
            known_mode(picture.mode)
            yield picture, _header(picture, data, form)
    except ReadError:
        raise
    # Pillow's decoders meet hostile bytes with any exception there is (struct.error, KeyError,
    # RecursionError, ...): each means this one file is bad
    except Exception as error:
        raise _refusal(error, data, form) from error


def _formats() -> str:
    return f"formats: {', '.join(FORMATS)}"


def _refusal(error: Exception, data: bytes, form: str) -> ReadError:
    import PIL.Image

    text = str(error)
    if (
        isinstance(error, (PIL.Image.DecompressionBombError, MemoryError))
        or "too large" in text.lower()
    ):
        return _too_large(f"The {form} image is too large to decode ({text})")
    unidentified = isinstance(error, PIL.UnidentifiedImageError)
    if unidentified:
        # Pillow's own words hold an address in memory
        text = "its decoder finds no image that it knows"
    if isinstance(error, UnsupportedModeError) or (
        unidentified and headers.unsupported(data, form)
    ):
        return ReadError(
            f"This kind of {form} cannot be decoded: {text}.",
            status="unsupported_format",
            hint="save it as PNG",
        )
    # A decoder that breaks off does not say why: the file's own sizes may tell that it was cut.
    if "truncated" in text.lower() or headers.ends_early(data, form):
        return ReadError(f"The {form} file ends before the image does: {text}.", status="truncated")
    return ReadError(f"The {form} file cannot be decoded: {text}.", status="corrupt")


def _header(picture: Any, data: bytes, form: str) -> Header:
    width, height = picture.size
    if form == "TIFF":
        # Pillow swaps width and height, and turns the pixels, by itself
        turn = tiff.orientation(data)
    else:
        turn = _orientation(picture, 1)
        width, height = (height, width) if turn >= 5 else (width, height)
    return Header(
        width,
        height,
        True if picture.mode in GREY_MODES else None,
        form,
        picture.mode,
        bits_of(picture, data, form),
        headers.frame_count(data, form) or int(getattr(picture, "n_frames", 1)),
        hashlib.sha256(data).hexdigest(),
        turn,
    )


def _orientation(picture: Any, default: int) -> int:
    # in a PNG it may stand behind the pixels, and appear only when they have been loaded
    exif = picture.info.get("exif")
    return tiff.orientation(exif) if isinstance(exif, bytes) else default
