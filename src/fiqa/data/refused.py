"""Files that are known for what they are and not read: camera raw, HEIC, JPEG XL, video; and what
to do.

A raw file holds a preview in front of the sensor's data. Read as the TIFF that it looks like, it
would be scored by a picture of another size and another sharpness than the photograph has.
"""

from __future__ import annotations

from fiqa.data import boxes, tiff
from fiqa.data.containers import kind_of
from fiqa.errors import ReadError

__all__ = ["need_avif", "refused"]

_EXPORT = "export it as JPEG, PNG or 16-bit TIFF from the camera's or a raw program"
_RAW = "This is a camera raw file ({}): the image in it is a preview, not the photograph"
_RAW_MAGIC = (
    (b"IIRO", "Olympus"),
    (b"IIRS", "Olympus"),
    (b"MMOR", "Olympus"),
    (b"IIU\0", "Panasonic"),
    (b"FUJIFILMCCD-RAW", "Fujifilm"),
    (b"\0MRM", "Minolta"),
    (b"FOVb", "Sigma"),
)
_DNG_VERSION = 0xC612
_CFA, _LINEAR_RAW = 32803, 34892
"""PhotometricInterpretation of a sensor's mosaic, and of a demosaiced DNG (TIFF/EP, DNG 1.4)."""
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_HEIC_HINT = (
    "save it as JPEG, or convert it with Pillow and its plug-in pillow-heif: pip install"
    " pillow-heif"
)


def refused(data: bytes, form: str | None) -> tuple[str, str] | None:
    """Returns what a file is that is known and not read, and what to do; None for all others.

    Args:
        data: the file's bytes.
        form: as fiqa.data.headers.sniff names it.

    >>> refused(bytes([0, 0, 0, 16]) + b"ftypheic" + bytes(4), None)[0]
    'This is a HEIC image, which is not read'
    """
    maker = _raw_maker(data, form)
    if maker is not None:
        return _RAW.format(maker), _EXPORT
    if form is None and boxes.brands(data) & _HEIC:
        return "This is a HEIC image, which is not read", _HEIC_HINT
    if form is None and data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "This is a JPEG XL image, which is not read", "save it as JPEG or PNG"
    if form is None and kind_of(data[:1024]) is not None:
        return "This is a video, not an image", "fiqa select finds the faces in it"
    return None


def _raw_maker(data: bytes, form: str | None) -> str | None:
    """Returns who made a camera raw file, None where it is none."""
    for magic, maker in _RAW_MAGIC:
        if data.startswith(magic):
            return maker
    # CR3 is made of boxes; CR2 is a TIFF with a mark of its own behind its header.
    if b"crx " in boxes.brands(data) or (form == "TIFF" and data[8:10] == b"CR"):
        return "Canon"
    if form != "TIFF":
        return None
    pages = tiff.pages(data, below=True)
    if pages and _DNG_VERSION in pages[0].tags:
        return "DNG"
    mosaic = any(page.tags.get(0x0106, (1, 1))[1] in (_CFA, _LINEAR_RAW) for page in pages)
    return "a TIFF of a sensor's mosaic" if mosaic else None


def need_avif() -> None:
    """Refuses an AVIF image where this Pillow reads none.

    Raises:
        ReadError: with status unsupported_format and what to install.
    """
    import PIL

    try:
        from PIL import AvifImagePlugin

        readable = AvifImagePlugin.SUPPORTED
    except ImportError:
        readable = False
    if not readable:
        raise ReadError(
            f"This is an AVIF image, and Pillow {PIL.__version__} reads none here.",
            status="unsupported_format",
            hint="pip install --upgrade 'pillow>=11.3'",
        )
