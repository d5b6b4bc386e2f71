"""The addresses of videos: one takes a video, one tells what became of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from fiqa.errors import WriteError
from fiqa.service import schemas
from fiqa.service.engine import Engine
from fiqa.service.jobs import Job
from fiqa.service.problems import ProblemError
from fiqa.service.selection import Asked
from fiqa.service.settings import ServiceSettings

__all__ = ["add_jobs"]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_VIDEO = {
    "requestBody": {
        "required": True,
        "description": "One video as it is.",
        "content": {"video/*": _BINARY, "application/octet-stream": _BINARY},
    },
    "security": [{"token": []}],
}
_SECURED: dict[str, Any] = {"security": [{"token": []}]}
_CHUNK = 2**20
"""Bytes that are gathered before they are written."""


def add_jobs(app: FastAPI, settings: ServiceSettings, engine: Engine) -> None:
    """Adds /v1/select and /v1/jobs/{id}.

    Args:
        app: the application.
        settings: of the service.
        engine: that has the jobs.
    """
    jobs = engine.jobs

    def found(request: Request, name: str) -> Job:
        job = jobs.get(name, request.state.holder)
        if job is None:
            raise ProblemError("not-found", "This token has no such job, or not any more.")
        return job

    def answer(job: Job) -> schemas.JobResponse:
        now = jobs.seen(job)
        if now.gone:
            most = f"All results together have at most {settings.job_bytes} bytes"
            raise ProblemError("gone", f"{most}, and the oldest go first: send the video again.")
        return schemas.job_response(now)

    @app.post("/v1/select", status_code=202, summary="Best shots of a video.", openapi_extra=_VIDEO)
    async def select(
        request: Request, response: Response, query: Annotated[schemas.SelectQuery, Query()]
    ) -> schemas.JobResponse:
        if not engine.ready:
            raise ProblemError("starting", "Ask /readyz first.", headers={"retry-after": "2"})
        if settings.detector == "none":
            raise ProblemError("crops", "Start it with a detector.")
        _check_kind(request.headers.get("content-type", ""))
        with jobs.reserved() as free:
            if not free:
                told = f"At most {settings.jobs} videos may wait."
                raise ProblemError("busy", told, headers={"retry-after": "5"})
            path = await _received(request, settings, engine)
            options = query.model_dump()
            job = jobs.add(Asked(str(path), **options), request.state.holder)
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return answer(job)

    @app.get("/v1/jobs/{id}", summary="What became of a video.", openapi_extra=_SECURED)
    async def look(request: Request, id: str) -> schemas.JobResponse:
        return answer(found(request, id))

    @app.delete(
        "/v1/jobs/{id}",
        summary="Cancels a job; forgets one that has ended.",
        openapi_extra=_SECURED,
    )
    async def cancel(request: Request, id: str) -> schemas.JobResponse:
        job = found(request, id)
        jobs.cancel(job)
        return answer(job)


def _check_kind(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if not kind.startswith("video/") and kind != "application/octet-stream":
        raise ProblemError(
            "media-type", "Content-Type must be video/* or application/octet-stream."
        )


async def _received(request: Request, settings: ServiceSettings, engine: Engine) -> Path:
    """The file that holds the body; none is left where it does not come whole."""
    large = ProblemError("too-large", f"A video has at most {settings.max_video} bytes.")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > settings.max_video:
        raise large
    full = ProblemError("storage", "The disk refused.")
    try:
        path = engine.jobs.shelf.file()
    except WriteError as error:
        raise full from error
    try:
        async with asyncio.timeout(max(0.0, request.state.began + settings.upload_seconds
                                       - time.monotonic())):  # fmt: skip
            if not await _write(path, request, settings.max_video):
                raise large
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, TimeoutError):
            raise ProblemError("slow-body", "The whole video must come in time.") from error
        if isinstance(error, ClientDisconnect):
            raise ProblemError("bad-body", "The client went away.") from error
        if isinstance(error, OSError):
            raise full from error
        raise
    return path


async def _write(path: Path, request: Request, most: int) -> bool:
    """Writes the body as it comes; False where it is larger than it may be."""
    size = 0
    parts = bytearray()
    with path.open("r+b", buffering=0) as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                return False
            parts += chunk
            if len(parts) >= _CHUNK:
                await asyncio.to_thread(file.write, bytes(parts))
                parts.clear()
        await asyncio.to_thread(file.write, bytes(parts))
    return True
