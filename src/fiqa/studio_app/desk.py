"""What every page works with: the faces, the store, the pictures, and how a page is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from fiqa.errors import FiqaError, InputError
from fiqa.functional.table import printable
from fiqa.service.problems import ProblemError
from fiqa.studio_app.collection import Collection
from fiqa.studio_app.sessions import Session, Sessions, annotator_name
from fiqa.studio_app.store import StaleError, Store
from fiqa.studio_app.thumbnails import Thumbnails

__all__ = [
    "MAX_FORM",
    "Desk",
    "NoNameError",
    "body",
    "nameless",
    "number",
    "refused",
    "session_of",
    "stale",
]

MAX_FORM = 2**16
"""Bytes of what a page sends, a photograph apart."""

_HERE = Path(__file__).parent


class NoNameError(Exception):
    """A decision needs a name, and this browser has none yet."""


@dataclass(eq=False)
class Desk:
    """What the pages share.

    Attributes:
        faces: the collection.
        store: of decisions.
        pictures: thumbnails.
        sessions: of the browsers.
        tokens: that let in, besides the link.
        options: what a page of its own needs (the model of Look), by name.
    """

    faces: Collection
    store: Store
    pictures: Thumbnails
    sessions: Sessions
    tokens: tuple[str, ...] = field(default=(), repr=False)
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def static(self) -> Mapping[str, tuple[bytes, str]]:
        """Name of each file of static/ -> its bytes and its type; nothing else is ever served."""
        kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
        return {
            file.name: (file.read_bytes(), kinds[file.suffix])
            for file in sorted((_HERE / "static").iterdir())
            if file.suffix in kinds
        }

    @cached_property
    def _templates(self) -> jinja2.Environment:
        made = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters["printable"] = lambda text: printable(str(text))
        # as modules name each other: a module by two addresses would be two modules
        made.globals["static"] = lambda name: f"/static/{name}"
        made.globals["thumb"] = self.thumb
        return made

    def thumb(self, row: int, side: int = 224) -> str:
        """Returns the address of the picture of a face.

        Args:
            row: its number.
            side: one of fiqa.studio_app.thumbnails.SIDES.
        """
        return f"/thumb/{row}/{side}?v={self.faces.key}"

    def page(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        """Returns a page.

        Args:
            request: that asks for it.
            template: of the file in templates/.
            status: of the response.
            context: what the template needs; `page` (which link of the navigation is this one's)
                and `title` always.
        """
        known = {"annotator": session_of(request).annotator, "path": request.url.path}
        text = self._templates.get_template(template).render(**known, **context)
        return HTMLResponse(text.encode("utf-8", "replace"), status)

    async def form(self, request: Request) -> dict[str, Any]:
        """Returns the JSON object that a page sent.

        Args:
            request: with it.

        Raises:
            ProblemError: too long, no JSON, no object.
        """
        try:
            content = json.loads(await body(request, MAX_FORM))
        except (ValueError, RecursionError) as error:
            raise ProblemError("bad-body", "The body must be a JSON object.") from error
        if not isinstance(content, dict):
            raise ProblemError("bad-body", "The body must be a JSON object.")
        return content

    def annotator(self, request: Request) -> str:
        """Returns who decides.

        Args:
            request: of the decision.

        Raises:
            NoNameError: nobody has said; the answer is then where to say it.
        """
        name = session_of(request).annotator
        if not name:
            raise NoNameError
        return annotator_name(name)


def session_of(request: Request) -> Session:
    """Returns the session of a request.

    Args:
        request: behind the guard.
    """
    session: Session = request.state.session
    return session


def number(value: Any, name: str, below: int, *, least: int = 0) -> int:
    """Returns a whole number that a browser sent.

    Args:
        value: as JSON or an address had it.
        name: for the message.
        below: it must be smaller than that.
        least: and not smaller than this.

    Raises:
        ProblemError: it is none, or out of range.
    """
    try:
        found = int(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found < below:
        raise ProblemError("invalid", f"{name}: it must be a whole number {least}..{below - 1}.")
    return found


async def body(request: Request, most: int) -> bytes:
    """Returns the body of a request.

    Args:
        request: with it.
        most: bytes.

    Raises:
        ProblemError: it is longer; the rest is not read.
    """
    parts, total = [], 0
    async for part in request.stream():
        total += len(part)
        if total > most:
            raise ProblemError("too-large", f"The body must be at most {most} bytes.")
        parts.append(part)
    return b"".join(parts)


async def stale(_: Request, error: Exception) -> Response:
    """Returns the answer to a decision that somebody else's has overtaken: 409 and theirs.

    Args:
        error: a StaleError.
    """
    current = error.current if isinstance(error, StaleError) else None
    told = {
        "type": "urn:fiqa:problem:stale",
        "title": "Somebody else has decided in the meantime",
        "status": 409,
        "detail": str(error).split("\n")[0],
        "version": 0 if current is None else current.seq,
        "annotator": "" if current is None else current.annotator,
        "value": None if current is None else current.value,
    }
    return JSONResponse(told, 409, media_type="application/problem+json")


async def nameless(request: Request, _: Exception) -> Response:
    """Returns the answer to a decision of nobody: the page that asks for a name, or 428.

    Args:
        request: of the decision.
    """
    if request.method == "GET":
        return RedirectResponse("/who", 303)
    told = {
        "type": "urn:fiqa:problem:nameless",
        "title": "Say who you are first",
        "status": 428,
        "detail": "A decision must have the name of its annotator; the page /who asks for it.",
    }
    return JSONResponse(told, 428, media_type="application/problem+json")


async def refused(_: Request, error: Exception) -> Response:
    """Returns the answer to what a function of fiqa refuses.

    Args:
        error: a FiqaError.
    """
    wrong = isinstance(error, InputError)
    status = 422 if wrong else 500
    message = error.message if isinstance(error, FiqaError) and wrong else "It failed."
    told = {
        "type": "urn:fiqa:problem:refused",
        "title": "It was refused",
        "status": status,
        "detail": printable(message),
    }
    return JSONResponse(told, status, media_type="application/problem+json")
