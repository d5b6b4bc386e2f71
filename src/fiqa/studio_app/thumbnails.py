"""Small pictures of faces, made when a page asks, kept in a folder of the studio's own and bounded
in size."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from fiqa.data.images import Limits
from fiqa.data.store import file_state
from fiqa.errors import ReadError
from fiqa.faces.crops import Source, read_source

__all__ = ["SIDES", "Thumbnails"]

SIDES = (112, 224, 448)
"""Pixels of the longer side that a page may ask for."""
_QUALITY = 88


class Thumbnails:
    """A folder of JPEGs that lives as long as the studio, the least recently seen thrown out first.

    Attributes:
        most: bytes that they take together at most.
        limits: what one image may cost.
    """

    def __init__(self, limits: Limits, *, most: int = 256 * 2**20) -> None:
        self.most, self.limits = most, limits
        self._folder = Path(tempfile.mkdtemp(prefix="fiqa-studio-"))
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total, self._lock = 0, threading.Lock()

    @property
    def total(self) -> int:
        """Bytes that they take now."""
        return self._total

    def of(self, source: Source, side: int) -> bytes:
        """Returns the JPEG of an image.

        Args:
            source: the image.
            side: one of SIDES.

        Raises:
            ReadError: it cannot be read.
        """
        state = repr((source.path, file_state(source.path), side)).encode("utf-8", "replace")
        name = hashlib.sha256(state).hexdigest()
        with self._lock:
            if name in self._sizes:
                self._sizes.move_to_end(name)
                return (self._folder / name).read_bytes()
        content = self._made(source, side)
        self._keep(name, content)
        return content

    def close(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _made(self, source: Source, side: int) -> bytes:
        from PIL import Image

        try:
            pixels = read_source(source, limits=self.limits).pixels
        except ReadError:
            raise
        # whatever one image does to a decoder, the page still shows the others
        except Exception as error:
            raise ReadError("The image cannot be shown.", status="failed") from error
        picture = Image.fromarray(pixels)
        if max(picture.size) > side:
            picture.thumbnail((side, side))
        stream = io.BytesIO()
        picture.convert("RGB").save(stream, "JPEG", quality=_QUALITY)
        return stream.getvalue()

    def _keep(self, name: str, content: bytes) -> None:
        with self._lock:
            if name in self._sizes or len(content) > self.most:
                return
            while self._sizes and self._total + len(content) > self.most:
                old, size = self._sizes.popitem(last=False)
                self._total -= size
                (self._folder / old).unlink(missing_ok=True)
            partial = self._folder / f"{name}.part"
            partial.write_bytes(content)
            os.replace(partial, self._folder / name)
            self._sizes[name] = len(content)
            self._total += len(content)
