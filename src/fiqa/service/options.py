"""Routes whose options come again and again: each query string is checked once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

__all__ = ["KNOWN", "LONGEST", "OptionsRoute"]

KNOWN = 64
"""Query strings that a route remembers; when they are more, all are forgotten."""
LONGEST = 256
"""Bytes of a query string that is remembered."""

Endpoint = Callable[[Request, Any], Awaitable[BaseModel]]


class OptionsRoute(APIRoute):
    """A route of an endpoint `(request, query) -> model`. FastAPI checks a query string when it
    comes first, and answers what is wrong with it; one that was right is not checked again.

    Attributes:
        known: the options of each query string that was right.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        self.known: dict[bytes, Any] = {}
        self._bare = endpoint

        @wraps(endpoint)
        async def remembered(request: Request, query: Any) -> BaseModel:
            text = request.scope["query_string"]
            if len(text) <= LONGEST:
                if len(self.known) >= KNOWN:
                    self.known.clear()
                self.known[text] = query
            return await endpoint(request, query)

        super().__init__(path, remembered, **options)

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Returns what answers a request."""
        checked = super().get_route_handler()

        async def handle(request: Request) -> Response:
            query = self.known.get(request.scope["query_string"])
            if query is None:
                return await checked(request)
            answer = await self._bare(request, query)
            return Response(answer.model_dump_json(), media_type="application/json")

        return handle
