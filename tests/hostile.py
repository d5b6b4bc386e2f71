"""Forty files that a folder of images should not hold, and does: made on the spot, none of them
copied from anywhere."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ODD_NAMES = {
    "semicolon": "a;b.jpg",
    "newline": "new\nline.jpg",
    "formula": "=cmd().jpg",
    "not utf-8": "caf\udce9.jpg",
    "leading minus": "-rf.jpg",
    "255 bytes": "n" * 251 + ".jpg",
}


def encoded(
    form: str, mode: str = "RGB", size: tuple[int, int] = (48, 40), **options: Any
) -> bytes:
    """A smooth picture in the given format and mode."""
    across = np.linspace(20, 220, size[0])[None, :].repeat(size[1], 0)
    rgb = np.stack([across, across[:, ::-1], np.full_like(across, 90)], axis=2).astype(np.uint8)
    picture = Image.fromarray(rgb)
    if mode == "I;16":
        picture = Image.fromarray((across * 257).astype(np.uint16))
    elif mode == "F":
        picture = Image.fromarray((across / 255).astype(np.float32))
    elif mode in ("RGBA", "LA"):
        picture = picture.convert(mode)
        picture.putalpha(128)
    elif mode != "RGB":
        picture = picture.convert(mode)
    stream = io.BytesIO()
    picture.save(stream, format=form, **options)
    return stream.getvalue()


def with_orientation(value: int) -> bytes:
    """A JPEG with the EXIF orientation `value`."""
    exif = Image.Exif()
    exif[0x0112] = value
    return encoded("JPEG", exif=exif)


def animated(form: str, frames: int = 3) -> bytes:
    """Frames of different grey, in a format that can hold many."""
    pictures = [Image.new("RGB", (32, 24), (60 * i, 60 * i, 60 * i)) for i in range(1, frames + 1)]
    stream = io.BytesIO()
    pictures[0].save(stream, format=form, save_all=True, append_images=pictures[1:])
    return stream.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    """An 8-bit grey PNG header of the given size, followed by `chunks`, without honest pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib.compress(bytes(64)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + b"".join(chunks)
        + body
        + png_chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    """A small PNG with a text chunk that inflates to 20 MB."""
    return png_of(8, 8, png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9)))


def webp_bomb() -> bytes:
    """A WebP header whose canvas is 16 million pixels wide and high."""
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xff\xff\xff" * 2
    return b"RIFF" + struct.pack("<I", len(body)) + body


def damaged(data: bytes) -> bytes:
    """The file with its middle overwritten."""
    middle = len(data) // 2
    return data[:middle] + bytes(40) + data[middle + 40 :]


def _contents() -> dict[str, tuple[bytes, str]]:
    whole = encoded("JPEG")
    noisy = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)).save(
        noisy, format="PNG"
    )
    good = {
        "rgb.jpg": whole,
        "turned.jpg": with_orientation(6),
        "cmyk.jpg": encoded("JPEG", "CMYK"),
        "grey.jpg": encoded("JPEG", "L"),
        "alpha.png": encoded("PNG", "RGBA"),
        "deep.png": encoded("PNG", "I;16"),
        "palette.png": encoded("PNG", "P", transparency=3),
        "bilevel.png": encoded("PNG", "1"),
        "deep.tif": encoded("TIFF", "I;16"),
        "float.tif": encoded("TIFF", "F"),
        "pages.tif": animated("TIFF"),
        "animated.gif": animated("GIF"),
        "animated.webp": animated("WEBP"),
        "plain.bmp": encoded("BMP"),
        "deep.pgm": encoded("PPM", "I;16"),
        "wavelet.jp2": encoded("JPEG2000"),
        "png_inside.jpg": encoded("PNG"),
        "no_suffix": encoded("PNG"),
        **{name: encoded("JPEG", quality=60 + i) for i, name in enumerate(ODD_NAMES.values())},
    }
    bad = {
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "cut.png": (noisy.getvalue()[:3000], "truncated"),
        "damaged.png": (damaged(noisy.getvalue()), "corrupt"),
        "empty.jpg": (b"", "empty_file"),
        "text.jpg": (b"this is a shopping list\n", "unsupported_format"),
        "noise.png": (bytes(range(7, 200)), "unsupported_format"),
        "script.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_format"),
        "bomb.png": (png_of(60_000, 60_000), "too_large"),
        "bomb.webp": (webp_bomb(), "too_large"),
        "text_bomb.png": (text_bomb(), "too_large"),
    }
    return {name: (data, "ok") for name, data in good.items()} | bad


def _specials() -> dict[str, tuple[Callable[[Path], None], str]]:
    def denied(path: Path) -> None:
        path.write_bytes(encoded("JPEG", quality=50))
        path.chmod(0)

    def sparse(path: Path) -> None:
        path.write_bytes(b"\xff\xd8\xff\xe0")
        os.truncate(path, 65 * 2**20)

    return {
        "fifo.jpg": (os.mkfifo, "unreadable"),
        "socket.jpg": (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "unreadable"),
        "loop.jpg": (lambda path: path.symlink_to(path.name), "unreadable"),
        "gone.jpg": (lambda path: path.symlink_to("nowhere.jpg"), "not_found"),
        "denied.jpg": (denied, "unreadable"),
        "65_mib.jpg": (sparse, "too_large"),
    }


def make_hostile_folder(folder: Path) -> dict[Path, str]:
    """Fills `folder` with the files and returns each path with the status that reading it must give
    ("ok" for the odd but good ones)."""
    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[Path, str] = {}
    for name, (data, status) in _contents().items():
        path = folder / name
        path.write_bytes(data)
        expected[path] = status
    for name, (make, status) in _specials().items():
        make(folder / name)
        expected[folder / name] = "ok" if name == "denied.jpg" and os.geteuid() == 0 else status
    return expected


SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
D65 = (0.3127, 0.3290)


def colorants(primaries: Any, white: tuple[float, float] = D65) -> Any:
    """The (3,3) matrix from linear RGB to XYZ under D50 (Bradford), columns red, green, blue."""
    tall = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    source = np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])
    matrix = tall * np.linalg.solve(tall, source)
    bradford = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    cones = bradford @ np.array([0.9642, 1.0, 0.8249]) / (bradford @ source)
    return np.linalg.inv(bradford) @ np.diag(cones) @ bradford @ matrix


def profile(
    primaries: Any,
    gamma: float,
    *,
    white: tuple[float, float] = D65,
    name: str = "made",
    grey: bool = False,
) -> bytes:
    """An ICC profile (version 2) of matrix and gamma, or of a grey gamma."""

    def numbers(*values: float) -> bytes:
        return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    text = name.encode() + b"\0"
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)),
        (b"cprt", b"text" + bytes(4) + b"none\0"),
        (b"wtpt", numbers(0.9642, 1.0, 0.8249)),
    ]
    if grey:
        tags += [(b"kTRC", curve)]
    else:
        columns = zip("rgb", colorants(primaries, white).T, strict=True)
        tags += [(f"{c}XYZ".encode(), numbers(*values)) for c, values in columns]
        tags += [(f"{c}TRC".encode(), curve) for c in "rgb"]
    table, body, place = b"", b"", 128 + 4 + 12 * len(tags)
    for kind, content in tags:
        content += bytes(-len(content) % 4)
        table += kind + struct.pack(">II", place + len(body), len(content))
        body += content
    whole = struct.pack(">I", len(tags)) + table + body
    head = struct.pack(
        ">I4sI4s4s4s",
        128 + len(whole),
        b"",
        0x02400000,
        b"mntr",
        b"GRAY" if grey else b"RGB ",
        b"XYZ ",
    )
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + whole
