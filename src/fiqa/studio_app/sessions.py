"""Who is at a browser: a link that works once, then a cookie; the name of the annotator."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from fiqa.errors import InputError

__all__ = ["COOKIE", "Session", "Sessions", "annotator_name"]

COOKIE = "fiqa_studio"
_MOST = 1000
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


def annotator_name(text: str) -> str:
    """Returns the name of an annotator without blanks around it.

    Args:
        text: as a person wrote it.

    Raises:
        InputError: it is empty, over 64 characters, or has control characters.

    >>> annotator_name(" Ada ")
    'Ada'
    """
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise InputError("A name must be 1 to 64 characters without control characters.")
    return name


@dataclass
class Session:
    """One browser.

    Attributes:
        annotator: the name that its decisions bear, "" until it is given.
    """

    annotator: str = ""


class Sessions:
    """The browsers that are in, by digests of their cookies; they end with the process.

    Attributes:
        code: of the link that works once.
        annotator: the name that every browser begins with, "" to ask for it.
    """

    def __init__(self, annotator: str = "") -> None:
        self.code = secrets.token_urlsafe(24)
        self.annotator = annotator
        self._spent = False
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Session] = OrderedDict()

    def spend(self, code: str) -> bool:
        """Returns whether this is the code of the link, the first time; never again.

        Args:
            code: as it was given.
        """
        given = code.encode("utf-8", "surrogateescape")
        with self._lock:
            right = hmac.compare_digest(given, self.code.encode()) and not self._spent
            self._spent = self._spent or right
            return right

    def begin(self) -> str:
        """Returns the cookie of a new session; the oldest of very many ends."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._known[_digest(cookie)] = Session(self.annotator)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return cookie

    def of(self, cookie: str | None) -> Session | None:
        """Returns the session of a cookie, None where it is of none.

        Args:
            cookie: its value.
        """
        if not cookie:
            return None
        # what is looked up is a digest: how long that takes tells nothing of a cookie
        return self._known.get(_digest(cookie))

    def end(self, cookie: str | None) -> None:
        """Ends a session.

        Args:
            cookie: its value.
        """
        with self._lock:
            self._known.pop(_digest(cookie or ""), None)


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
