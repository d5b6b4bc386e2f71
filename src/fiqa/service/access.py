"""Who may ask: tokens, compared in constant time, and how often."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["SHORTEST", "Rate", "Tokens", "new_token", "read_tokens"]

SHORTEST = 16
"""Characters that a token has at least."""


def new_token() -> str:
    """Returns a token of 256 random bits.

    >>> len(new_token())
    43
    """
    return secrets.token_urlsafe(32)


def read_tokens(path: PathLike) -> tuple[str, ...]:
    """Returns the tokens of a file, one a line; empty lines and lines with # in front are none.

    Two in one file let a token be changed without a moment in which nobody gets in.

    Args:
        path: the file.

    Raises:
        ReadError: it cannot be read.
        InputError: it has none, or one that is short or not ASCII without blanks.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"The token file {str(path)!r} cannot be read: {error}.") from error
    tokens = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    # the text itself must not reach a log by way of an error
    for number, token in enumerate(tokens, 1):
        if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
            raise InputError(
                f"A token must be at least {SHORTEST} printable ASCII characters without blanks,"
                f" token {number} of {str(path)!r} is not.",
                hint="python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
    if not tokens:
        raise InputError(f"The token file {str(path)!r} must have a token, it has none.")
    return tuple(tokens)


class Tokens:
    """The tokens that a service accepts; it keeps their digests only."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._digests = [_digest(token) for token in tokens]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def holder(self, header: str | None) -> int | None:
        """Returns the place of the token in an Authorization header; None where it is none of them.

        Every token is compared, each in a time that does not depend on what was given.

        Args:
            header: its value, None where it was not sent.
        """
        scheme, _, given = (header or "").partition(" ")
        digest = _digest(given.strip() if scheme.lower() == "bearer" else "")
        same = [hmac.compare_digest(digest, own) for own in self._digests]
        return same.index(True) if any(same) else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


class Rate:
    """A bucket for each token: it fills with `rate` a second, and holds twice that, at least 1."""

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = rate, max(1.0, 2 * rate), clock
        self._levels: dict[int | None, tuple[float, float]] = {}

    def take(self, holder: int | None) -> int:
        """Takes one from the bucket of a token; returns 0, or the seconds to wait.

        Args:
            holder: as Tokens.holder returns it.
        """
        now = self._clock()
        level, last = self._levels.get(holder, (self._most, now))
        level = min(self._most, level + (now - last) * self._rate)
        if level < 1:
            self._levels[holder] = (level, now)
            return math.ceil((1 - level) / self._rate)
        self._levels[holder] = (level - 1, now)
        return 0
