"""Errors in one shape, RFC 9457: application/problem+json with type, title, status and detail."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

__all__ = ["KINDS", "Problem", "ProblemError", "handle_problems", "response"]

KINDS: Mapping[str, tuple[int, str]] = {
    "unauthorized": (401, "A token is needed"),
    "host": (400, "The Host header names another machine"),
    "bad-request": (400, "The request is not HTTP as it must be"),
    "bad-body": (400, "The body is not what its Content-Type says"),
    "not-found": (404, "There is nothing here"),
    "gone": (410, "The result of this job is not kept any more"),
    "crops": (409, "This service takes aligned crops, and a video has none"),
    "method": (405, "This method is not for this address"),
    "slow-request": (408, "The request took too long to come"),
    "slow-body": (408, "The body took too long to come"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The body is of another kind"),
    "invalid": (422, "A parameter is not what it must be"),
    "busy": (429, "Too much waits already"),
    "rate": (429, "Too many requests with this token"),
    "internal": (500, "The service has an error"),
    "starting": (503, "The service is not ready"),
    "stopping": (503, "The service is being stopped"),
    "deadline": (503, "No image was done in time"),
    "storage": (507, "There is no room for the video"),
}
"""Each kind of problem: the last part of its type, its status and its title."""


class Problem(BaseModel):
    """What a client gets instead of results (RFC 9457)."""

    type: str = Field(description="urn:fiqa:problem: and the kind")
    title: str = Field(description="what is wrong, the same for every problem of this kind")
    status: int = Field(description="the status of the response")
    detail: str = Field(description="what must hold and what came")
    request_id: str = Field(description="the x-request-id of the response")


class ProblemError(Exception):
    """A request that gets a problem for an answer.

    Attributes:
        kind: one of KINDS.
        detail: what must hold and what came; never a part of the body.
        headers: of the response.
    """

    def __init__(self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.headers = kind, detail, dict(headers or {})


def response(error: ProblemError, request_id: str) -> JSONResponse:
    """Returns the response of a problem.

    Args:
        error: the problem.
        request_id: of the request.
    """
    status, title = KINDS[error.kind]
    told = Problem(
        type=f"urn:fiqa:problem:{error.kind}",
        title=title,
        status=status,
        detail=error.detail,
        request_id=request_id,
    )
    return JSONResponse(
        told.model_dump(), status, error.headers, media_type="application/problem+json"
    )


def handle_problems(app: FastAPI) -> None:
    """Lets an application answer every error as a problem.

    Args:
        app: the application.
    """

    async def problem(request: Request, error: Exception) -> JSONResponse:
        return response(_as_problem(error), request.state.request_id)

    for kind in (ProblemError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, problem)


def _as_problem(error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        faults: list[dict[str, Any]] = list(error.errors())
        # what was given is not repeated: it may be anything
        told = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'][1:2])}: {fault['msg']}"
            for fault in faults[:8]
        )
        return ProblemError("invalid", told)
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return ProblemError("method", "See /openapi.json.", headers=error.headers)
    if isinstance(error, HTTPException):
        return ProblemError("not-found", "See /openapi.json.")
    return ProblemError("internal", "The log of the service says more.")
