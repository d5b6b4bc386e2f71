"""Pillow without its warnings, in any number of threads."""

from __future__ import annotations

import threading
import warnings

__all__ = ["quiet"]


class _Quiet:
    """Silences Pillow's warnings while any thread decodes.

    The filters return when the last one has left; catch_warnings alone is not safe in threads.
    """

    def __init__(self) -> None:
        self.lock, self.depth, self.saved = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            self.depth += 1
            if self.depth == 1:
                self.saved = warnings.catch_warnings()
                self.saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.depth -= 1
            if self.depth == 0:
                self.saved.__exit__(None, None, None)


quiet = _Quiet()
"""A context manager for whatever Pillow may warn of; what is wrong with a file is an error here."""
