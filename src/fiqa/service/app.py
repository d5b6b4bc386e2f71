"""The application: addresses, what each takes and gives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from fiqa import __version__
from fiqa.scoring.row import Row
from fiqa.service import schemas
from fiqa.service.body import Bodies, pictures_of
from fiqa.service.engine import BusyError, Engine
from fiqa.service.guard import Guard
from fiqa.service.job_routes import add_jobs
from fiqa.service.metrics import CONTENT_TYPE, Metrics
from fiqa.service.options import OptionsRoute
from fiqa.service.problems import KINDS, Problem, ProblemError, handle_problems
from fiqa.service.settings import ServiceSettings
from fiqa.service.stages import Picture

__all__ = ["application", "build"]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "One image as it is, or several as the files of a form.",
        "content": {
            "image/*": _BINARY,
            "application/octet-stream": _BINARY,
            "multipart/form-data": {"schema": _FORM},
        },
    },
    "security": [{"token": []}],
}
_LONG = 2**20
"""Bytes of a body from which on a thread of its own is cheaper than holding up the event loop."""
_SECURED: dict[str, Any] = {"security": [{"token": []}]}


def build(
    settings: ServiceSettings,
    *,
    engine: Engine | None = None,
    loaded: Callable[[], None] | None = None,
) -> Guard:
    """Returns the application behind its guard; it loads the engine when it starts.

    Args:
        settings: of the service.
        engine: another than the settings' own, for tests.
        loaded: called in the event loop when the engine is loaded, or failed to.
    """
    engine = engine or Engine(settings)
    metrics = Metrics(engine)
    return Guard(application(settings, engine, metrics, loaded=loaded), settings, metrics)


def application(
    settings: ServiceSettings,
    engine: Engine,
    metrics: Metrics,
    *,
    loaded: Callable[[], None] | None = None,
) -> FastAPI:
    """Returns the application without its guard.

    Args:
        settings: of the service.
        engine: that answers.
        metrics: that count.
        loaded: as in build.
    """
    switches = ("tracing", "metrics", "logs", "operation_spans", "auto_configure")
    # nothing leaves the machine, whatever its environment says; an older FastAPI has none of it
    telemetry: Any = dict.fromkeys(switches, False)
    app = FastAPI(
        title="fiqa",
        version=__version__,
        description="Is this face image good enough to recognize someone?",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        lifespan=_lifespan(engine, loaded),
        telemetry=telemetry,
    )
    handle_problems(app)
    _add_state(app, engine, metrics)
    _add_work(app, _Desk(settings, engine, metrics))
    add_jobs(app, settings, engine)
    _describe(app)
    return app


def _lifespan(engine: Engine, loaded: Callable[[], None] | None) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def load() -> None:
            engine.start()
            if loaded is not None:
                loop.call_soon_threadsafe(loaded)

        thread = threading.Thread(target=load, daemon=True)
        thread.start()
        yield
        await asyncio.to_thread(engine.stop)
        await asyncio.to_thread(thread.join)

    return lifespan


class _Desk:
    """Takes the images of a request to the engine."""

    def __init__(self, settings: ServiceSettings, engine: Engine, metrics: Metrics) -> None:
        self.settings, self.engine, self.metrics = settings, engine, metrics
        self._bodies = Bodies(settings)

    async def rows(self, request: Request, kind: str, faces: str) -> list[list[Row]]:
        """Returns the rows of every image of a request.

        Raises:
            ProblemError: as the body, the queue and the clock have it.
        """
        until = request.state.began + self.settings.deadline
        if not self.engine.ready:
            raise ProblemError("starting", "Ask /readyz first.", headers={"retry-after": "2"})
        async with self._bodies.read(request, until=until) as body:
            kind_of_body = request.headers.get("content-type", "")
            split = partial(pictures_of, body, kind_of_body, self.settings.max_images)
            # a form of many megabytes takes a while: beside the event loop
            images = await asyncio.to_thread(split) if len(body) > _LONG else split()
            request.state.images = len(images)
            try:
                with self.engine.admitted(len(images)):
                    pictures = [Picture(data, faces, told=kind == "explain") for data in images]
                    rows = await self.engine.rows(pictures, kind, until=until)
            except BusyError as error:
                wait = {"retry-after": str(error.seconds)}
                raise ProblemError("busy", error.message, headers=wait) from error
        if self.engine.late(until) and all(row[0]["status"] == "timed_out" for row in rows):
            seconds = f"{self.settings.deadline:g}"
            raise ProblemError(
                "deadline", f"None was done in {seconds} seconds.", headers={"retry-after": "1"}
            )
        return rows


def _add_state(app: FastAPI, engine: Engine, metrics: Metrics) -> None:
    failed: Any = {503: {"model": schemas.State, "description": "It must be started again."}}

    @app.get("/healthz", summary="Whether the process can do its work.", responses=failed)
    async def healthz(response: Response) -> schemas.State:
        if engine.fault is None:
            return schemas.State(status="ok")
        response.status_code = 503
        return schemas.State(status="failed")

    waiting: Any = {503: {"model": schemas.State, "description": "Not yet, or not any more."}}

    @app.get("/readyz", summary="Whether models are loaded.", responses=waiting)
    async def readyz(response: Response) -> schemas.State:
        if engine.ready:
            return schemas.State(status="ok")
        response.status_code = 503
        return schemas.State(status="starting" if engine.fault is None else "failed")

    @app.get(
        "/metrics",
        summary="Counts and times, for Prometheus.",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        openapi_extra=_SECURED,
    )
    async def numbers() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/v1/models", summary="What is loaded.", openapi_extra=_SECURED)
    async def models() -> schemas.ModelsResponse:
        if not engine.ready:
            raise ProblemError("starting", "Ask /readyz first.", headers={"retry-after": "2"})
        return schemas.ModelsResponse(**engine.about)


def _add_work(app: FastAPI, desk: _Desk) -> None:
    async def score(
        request: Request, query: Annotated[schemas.ScoreQuery, Query()]
    ) -> schemas.ScoreResponse:
        review = query.review or desk.settings.review
        # a strict review asks for reasons, so they are always made for it
        kind = "explain" if query.explain or review == "strict" else "score"
        rows = await desk.rows(request, kind, query.faces)
        images = [
            schemas.scored_image(
                i, own, review=review, min_score=query.min_score, language=query.language
            )
            for i, own in enumerate(rows)
        ]
        for image in images:
            desk.metrics.scored(image)
        return schemas.ScoreResponse(
            request_id=request.state.request_id,
            model=desk.engine.about["scorer"]["name"],
            review=review,
            language=query.language,
            images=images,
        )

    _add(app, "/v1/score", score, "Scores of faces, with reasons.")
    if desk.settings.recognizer is None:
        return

    async def embed(
        request: Request, query: Annotated[schemas.EmbedQuery, Query()]
    ) -> schemas.EmbedResponse:
        rows = await desk.rows(request, "embed", query.faces)
        images = [schemas.embedded_image(i, own, query.language) for i, own in enumerate(rows)]
        for image in images:
            desk.metrics.image(image.status)
        return schemas.EmbedResponse(
            request_id=request.state.request_id,
            recognizer=desk.engine.about["recognizer"]["name"],
            images=images,
        )

    _add(app, "/v1/embed", embed, "Recognition vectors of faces.")


def _add(app: FastAPI, path: str, endpoint: Callable[..., Any], summary: str) -> None:
    app.router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        summary=summary,
        openapi_extra=_BODY,
        route_class_override=OptionsRoute,
    )


def _describe(app: FastAPI) -> None:
    """Writes what the guard does into the description: the token, and problems for every error."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            told = made()
            parts = told["components"]
            parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for name in ("HTTPValidationError", "ValidationError"):
                parts["schemas"].pop(name, None)
            parts["schemas"]["Problem"] = Problem.model_json_schema()
            problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
            for path in told["paths"].values():
                for operation in path.values():
                    _describe_problems(operation, {"application/problem+json": problem})
            app.openapi_schema = told
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _describe_problems(operation: dict[str, Any], content: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    if "security" not in operation:
        return
    for_body = ("bad-body", "slow-body", "too-large", "media-type", "invalid", "busy", "deadline")
    for_video = ("crops", "storage")
    left_out = ("method",) + (() if "requestBody" in operation else for_body)
    left_out += for_video if "202" not in answers else ("deadline",)
    of_a_job = operation.get("parameters", [{}])[0].get("in") == "path"
    left_out += () if of_a_job else ("not-found", "gone")
    titles: dict[str, list[str]] = {}
    for kind, (status, title) in KINDS.items():
        if kind not in left_out:
            titles.setdefault(str(status), []).append(title)
    for code, words in sorted(titles.items()):
        answers[code] = {"description": "; ".join(words), "content": content}
