"""The tracks of the page Review: all of them in short, or one frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fiqa import checks
from fiqa.studio_app import corrections
from fiqa.studio_app.desk import Desk
from fiqa.studio_app.pages.paging import address, paged

__all__ = ["FRAMES", "tracks"]

FRAMES = 24
"""Faces of a track that the list of all tracks shows, evenly over it."""
_TRACKS = 20
_ALL = 240
"""Faces on a page of one track."""


def tracks(desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    """Returns what answers for /review/tracks, and with ?track=NAME for every face of one track.

    Args:
        desk: what the pages share.
    """
    faces, store = desk.faces, desk.store

    def card(name: str, rows: list[int], shown: list[int], first: bool) -> dict[str, Any]:
        origin = [str(faces.track[row]) for row in shown] if faces.track is not None else []
        versions = {own: store.version("split", own) for own in dict.fromkeys(origin)}
        return {
            "name": name,
            # a merged track has frames of several, and each is cut where it came from
            "faces": [(row, versions[own]) for row, own in zip(shown, origin, strict=True)],
            "first": first,
            "count": len(rows),
            "merge": store.version("merge", name),
        }

    async def show(request: Request) -> Response:
        desk.annotator(request)
        names: list[str] = []
        cards: list[dict[str, Any]] = []
        pages = at = 1
        one = request.query_params.get("track", "")
        if faces.track is not None:
            now = await asyncio.to_thread(corrections.tracks_now, faces, store)
            names = sorted(set(now.tolist()) - {""})
            order = corrections.in_order(faces)
            if one:
                checks.choice(one, "track", names)
                rows = order[now[order] == one].tolist()
                pages, at = paged(request, len(rows), _ALL)
                cards = [card(one, rows, rows[(at - 1) * _ALL : at * _ALL], at == 1)]
            else:
                pages, at = paged(request, len(names), _TRACKS)
                for name in names[(at - 1) * _TRACKS : at * _TRACKS]:
                    rows = order[now[order] == name].tolist()
                    step = max(1, -(-len(rows) // FRAMES))
                    cards.append(card(name, rows, rows[::step], True))
        return desk.page(
            request, "review_tracks.html", page="review", title="Tracks", cards=cards, names=names,
            at=at, pages=pages, count=len(names), here=address(request), one=one,
            ids=faces.ids, has=faces.track is not None,
        )  # fmt: skip

    return show
