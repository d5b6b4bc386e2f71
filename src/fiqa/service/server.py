"""`serve`: the service on a socket, from its token to its last answer."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fiqa.data.images import Limits
from fiqa.errors import InputError
from fiqa.execute.local import cores
from fiqa.extras import require
from fiqa.service.access import new_token, read_tokens
from fiqa.service.settings import LOOPBACK, MAX_BODY, ServiceSettings
from fiqa.types import PathLike

if TYPE_CHECKING:
    import uvicorn

    from fiqa.service.engine import Engine

__all__ = ["address_of", "listening", "serve", "server_of", "tokens_of"]

_CONNECTIONS = 1000


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token_file: PathLike | None = None,
    token: bool = True,
    model: str | None = None,
    recognizer: PathLike | None = None,
    detector: str = "auto",
    weights: PathLike | None = None,
    orientation: str = "exif",
    review: str = "off",
    workers: int | None = None,
    limits: Limits | None = None,
    max_body: int = MAX_BODY,
    queue: int = 256,
    deadline: float = 30.0,
    rate: float = 100.0,
    max_video: int = 256 * 2**20,
    jobs: int = 4,
    job_seconds: float = 900.0,
) -> None:
    """Returns when it is told to stop (SIGTERM, SIGINT) and every request that came in has its
    answer.

    Where it listens, and a token that it made, are told once on stderr.

    Args:
        host: the address to listen on; this machine alone unless it is said.
        port: 0 takes a free one.
        token_file: the tokens that let in, one a line; None makes one.
        token: False lets in everyone on this machine; it needs a loopback address.
        model, detector, weights, orientation: as in fiqa.score.
        recognizer: a file with its card, for /v1/embed.
        review: off, standard or strict, where a request does not say it.
        workers: processes that decode, and as many that score; None is one per core.
        limits: what an image may cost; None is 40 million pixels and `max_body` bytes.
        max_body: bytes of one request.
        queue: images that may wait; beyond it the answer is 429.
        deadline: seconds of one request.
        rate: requests a second of one token.
        max_video: bytes of a video.
        jobs: videos that come, wait or are worked on at once; beyond it the answer is 429.
        job_seconds: of the work on one video.

    Raises:
        MissingExtraError: the extra `service` is not installed.
        InputError: a setting out of its range, or an open address without a token.
        ReadError: the token file cannot be read.
        DetectorError, WeightsError: what is asked for cannot be loaded here.
        OSError: the address is taken, or not this machine's.
    """
    for package in ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client"):
        require(package, extra="service")
    tokens, made = tokens_of(token_file, token)
    settings = ServiceSettings(
        host=host,
        port=port,
        tokens=tokens,
        model=model,
        detector=detector,
        weights=None if weights is None else str(weights),
        recognizer=None if recognizer is None else str(recognizer),
        orientation=orientation,
        review=review,
        workers=cores() if workers is None else workers,
        limits=limits or Limits(max_bytes=max_body),
        max_body=max_body,
        queue=queue,
        deadline=deadline,
        rate=rate,
        max_video=max_video,
        jobs=jobs,
        job_seconds=job_seconds,
    )
    _run(settings, made)


def tokens_of(file: PathLike | None, wanted: bool) -> tuple[tuple[str, ...], str | None]:
    """Returns the tokens that let in, and the one that was made.

    Args:
        file: of tokens; None makes one.
        wanted: False is without tokens.

    Raises:
        InputError: a file where no token is wanted.
        ReadError: the file cannot be read.
    """
    if not wanted:
        if file is not None:
            raise InputError("token_file must be left out with token=False.")
        return (), None
    if file is not None:
        return read_tokens(file), None
    made = new_token()
    return (made,), made


def _run(settings: ServiceSettings, made: str | None) -> None:
    from fiqa.service.app import build
    from fiqa.service.engine import Engine

    engine = Engine(settings)
    with listening(settings.host, settings.port) as listener:
        address = address_of(listener)

        def loaded() -> None:
            if engine.ready:
                _tell(f"ready at {address}")
            elif engine.error is not None:
                server.should_exit = True

        application = build(settings, engine=engine, loaded=loaded)
        server = server_of(
            application, connections=_CONNECTIONS, seconds=int(settings.deadline) + 5
        )
        if made is not None:
            _tell(f"the token, told this once: {made}")
        if settings.host not in LOOPBACK:
            _tell(f"others reach {address}, without encryption: put a proxy with TLS before it")
        server.run(sockets=[listener])
    _refuse(engine)
    _tell("stopped; every request had its answer")


def _refuse(engine: Engine) -> None:
    """Raises why the engine could not be loaded."""
    if engine.error is not None:
        raise engine.error


def server_of(application: Any, *, connections: int, seconds: int) -> uvicorn.Server:
    """Returns a server that trusts no header, bounds the length of all, writes no log of its own,
    and ends by a signal as one that did what it should.

    Args:
        application: of ASGI.
        connections: at once, at most.
        seconds: that requests which came in have to end.
    """
    import uvicorn

    from fiqa.service.protocol import Protocol, State

    config = uvicorn.Config(
        application,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        timeout_graceful_shutdown=seconds,
    )

    class Server(uvicorn.Server):
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            self.server_state: State = State()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            self.server_state.stopping = True
            await super().shutdown(sockets)

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            wanted = (signal.SIGINT, signal.SIGTERM)
            before = {number: signal.signal(number, self.handle_exit) for number in wanted}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    return Server(config)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yields a socket on an address.

    Args:
        host: of this machine.
        port: 0 takes a free one.

    Raises:
        OSError: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # only of a socket that says TCP does asyncio turn off Nagle, which costs an answer 40 ms
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            told = f"cannot listen on {host}:{port}: {error.strerror}"
            if error.errno == errno.EADDRINUSE:
                told += "; --port takes another port, 0 a free one"
            raise OSError(error.errno, told) from error
        yield listener


def address_of(listener: socket.socket) -> str:
    """Returns the address of a socket as a browser takes it.

    Args:
        listener: bound.
    """
    name: Any = listener.getsockname()
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"


def _tell(line: str) -> None:
    sys.stderr.write(f"fiqa serve: {line}\n")
    sys.stderr.flush()
