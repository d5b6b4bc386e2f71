"""`studio`: the pages on a socket, from the link that opens them to the last decision."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fiqa.data.images import Limits
from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.service.server import address_of, listening, server_of, tokens_of
from fiqa.service.settings import LOOPBACK
from fiqa.studio_app.sessions import Sessions, annotator_name
from fiqa.types import PathLike

__all__ = ["studio"]

_CONNECTIONS = 200
_GRACE = 10


def studio(
    faces: PathLike,
    *,
    scores: PathLike | Sequence[PathLike] = (),
    candidates: PathLike | None = None,
    labels: PathLike | None = None,
    embeddings: PathLike | Sequence[PathLike] = (),
    findings: PathLike | None = None,
    group_column: str | None = None,
    store: PathLike = "studio.sqlite",
    annotator: str = "",
    model: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8001,
    token_file: PathLike | None = None,
    token: bool = True,
    limits: Limits | None = None,
) -> None:
    """Returns when it is told to stop (SIGTERM, SIGINT).

    A link that opens the pages, once, is told on stderr; a browser that followed it is in. Each
    decision is in the store before the page says so.

    Args:
        faces: a folder of aligned crops, a list of them or a manifest.
        scores: one table of scores, or several; the first is the one that pages sort by.
        candidates: the table of template candidates that fiqa label dmsfiqa wrote; without it the
            studio proposes some itself.
        labels: a table of labels.
        embeddings: one file of vectors for each recognizer.
        findings: the table of fiqa clean.
        group_column: the column of the faces that tells their segments, as fiqa label takes it;
            None takes `track` where there is one.
        store: the file of decisions; it is made where it is not there.
        annotator: whose decisions they are; "" asks in the browser.
        model: that scores what is shown to the page Look, as in fiqa.score.
        host: the address to listen on; this machine alone unless it is said.
        port: 0 takes a free one.
        token_file: the tokens that let in, one a line; None makes one.
        token: False lets in everyone on this machine; it needs a loopback address.
        limits: what an image may cost.

    Raises:
        MissingExtraError: the extra `service` is not installed.
        InputError: tables that do not belong to the faces, a store of another kind, a name that is
            none, an open address without a token.
        ReadError: a file cannot be read.
        WriteError: the store cannot be written.
        OSError: the address is taken, or not this machine's.
    """
    for package in ("starlette", "uvicorn", "jinja2", "python_multipart", "prometheus_client"):
        require(package, extra="service")
    from fiqa.studio_app.app import build
    from fiqa.studio_app.collection import collected
    from fiqa.studio_app.desk import Desk
    from fiqa.studio_app.store import Store
    from fiqa.studio_app.thumbnails import Thumbnails

    tokens, made = tokens_of(token_file, token)
    if not tokens and host not in LOOPBACK:
        raise InputError(
            f"A studio without a token must listen on {' or '.join(LOOPBACK)}, got {host!r}.",
            hint="leave out --no-token, or give a --token-file",
        )
    sessions = Sessions(annotator_name(annotator) if annotator else "")
    collection = collected(
        faces,
        scores=_several(scores),
        candidates=candidates,
        labels=labels,
        embeddings=_several(embeddings),
        findings=findings,
        group_column=group_column,
    )
    with listening(host, port) as listener:
        # the link is told before the server takes requests: those that come earlier wait
        listener.listen(_CONNECTIONS)
        address = address_of(listener)
        cost = limits or Limits()
        options = {"model": model, "limits": cost}
        desk = Desk(collection, Store(store), Thumbnails(cost), sessions, tokens, options)

        def ready() -> None:
            _tell(f"{len(collection):,} faces of {len(collection.people):,} people")
            if made is not None:
                _tell(f"the token for another browser, told this once: {made}")
            if host not in LOOPBACK:
                _tell(f"others reach {address}, without encryption: put a proxy with TLS before it")
            _tell(f"open {address}/enter?code={sessions.code}")

        pages = build(desk, ready=ready)
        server = server_of(pages, connections=_CONNECTIONS, seconds=_GRACE)
        server.run(sockets=[listener])
    _tell(f"stopped; the decisions are in {desk.store.path}")


def _several(paths: PathLike | Sequence[PathLike]) -> Sequence[PathLike]:
    return list(paths) if isinstance(paths, list | tuple) else [paths]  # type: ignore[list-item]


def _tell(line: str) -> None:
    sys.stderr.write(f"fiqa studio: {line}\n")
    sys.stderr.flush()
