"""A client of the service, from the standard library alone: who asks need not install what answers.

It asks again where that is safe: scoring changes nothing, so a request whose connection was refused
or broken, or that was told to wait (429, 503), is sent again until the time is over. A restart of
the service then loses nothing.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.parse
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqa.errors import FiqaError, InputError
from fiqa.service.client_answers import (
    EmbeddedFace,
    EmbeddedImage,
    ScoredFace,
    ScoredImage,
    image_of,
)
from fiqa.service.client_jobs import Job, job_of

if TYPE_CHECKING:
    # the nouns bring numpy, which a client does not need
    from fiqa.types import PathLike

__all__ = [
    "Client",
    "EmbeddedFace",
    "EmbeddedImage",
    "Job",
    "ScoredFace",
    "ScoredImage",
    "ServiceError",
]

_AGAIN = (429, 503)
_SCHEMES = ("http", "https")


class ServiceError(FiqaError, OSError):
    """The service did not answer as it should.

    Attributes:
        status: of the response, None where there was none.
        kind: the last part of the problem's type, "" where there is none.
    """

    def __init__(self, message: str, *, status: int | None = None, kind: str = "") -> None:
        FiqaError.__init__(self, message)
        self.status, self.kind = status, kind


class Client:
    """A client of one service; threads may share it, each has a connection of its own.

    `with Client(...) as client:` closes them in the end.

    Args:
        address: as `fiqa serve` tells it, `http://127.0.0.1:8000`.
        token: that lets in; None takes the environment variable FIQA_TOKEN, and none where there is
            none.
        seconds: after which it stops asking again.

    Raises:
        InputError: an address that is none.
    """

    def __init__(
        self,
        address: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        seconds: float = 60.0,
    ) -> None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.path.strip("/"):
            raise InputError(f"address must be http://HOST:PORT, got {address!r}.")
        self._parts, self._seconds = parts, seconds
        token = os.environ.get("FIQA_TOKEN") if token is None else token
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._own = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Closes the connections of every thread; the next request opens its own."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._own = threading.local()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def score(
        self,
        *images: bytes | PathLike,
        explain: bool = False,
        faces: str = "largest",
        min_score: float | None = None,
        review: str | None = None,
        language: str | None = None,
    ) -> list[ScoredImage]:
        """Returns a result for each image, in order.

        Args:
            images: bytes of files, or paths of files here; their names are not sent.
            explain, faces, min_score, review, language: as /v1/score takes them.

        Raises:
            ServiceError: the service refused, or cannot be reached in time.
        """
        options = {
            "explain": str(explain).lower() if explain else None,
            "faces": faces,
            "min_score": min_score,
            "review": review,
            "language": language,
        }
        answer = self._images("/v1/score", images, options)
        return [image_of(ScoredImage, ScoredFace, told) for told in answer["images"]]

    def embed(
        self, *images: bytes | PathLike, faces: str = "largest", language: str | None = None
    ) -> list[EmbeddedImage]:
        """Returns the vectors of the faces of each image, in order.

        Args:
            images: as in score.
            faces, language: as /v1/embed takes them.

        Raises:
            ServiceError: as in score, and where the service has no recognizer.
        """
        answer = self._images("/v1/embed", images, {"faces": faces, "language": language})
        return [image_of(EmbeddedImage, EmbeddedFace, told) for told in answer["images"]]

    def select(
        self,
        video: bytes | PathLike,
        *,
        k: int = 3,
        gap: float = 1.0,
        language: str = "en",
        crops: bool = False,
    ) -> Job:
        """Returns the job that looks for the best shots of a video; see wait.

        It is sent again only where the service said that it did not take it.

        Args:
            video: bytes of a file, or the path of one here, which is sent piece by piece; its name
                is not sent.
            k, gap, language, crops: as /v1/select takes them.

        Raises:
            ServiceError: as in score.
        """
        content = video if isinstance(video, bytes) else Path(video)
        options = {"k": k, "gap": gap, "language": language, "crops": str(crops).lower()}
        path = f"/v1/select?{urllib.parse.urlencode(options)}"
        return job_of(self._ask("POST", path, content, "application/octet-stream", safe=False))

    def job(self, name: str) -> Job:
        """Returns a job as it is now.

        Args:
            name: its id.

        Raises:
            ServiceError: as in score; of kind not-found where there is none, or not any more, and
                of kind gone where there was no room for its result any more.
        """
        return job_of(self._ask("GET", _job(name)))

    def cancel(self, name: str) -> Job:
        """Returns a job that was cancelled; one that had ended is forgotten by the service.

        Args:
            name: its id.

        Raises:
            ServiceError: as in job.
        """
        return job_of(self._ask("DELETE", _job(name), safe=False))

    def wait(self, job: Job, *, seconds: float = 900.0, every: float = 0.5) -> Job:
        """Returns a job when it has ended.

        Args:
            job: that was made.
            seconds: after which it is given up.
            every: seconds between two questions.

        Raises:
            ServiceError: as in job, and where it has not ended in time.
        """
        end = time.monotonic() + seconds
        while not job.ended:
            if time.monotonic() >= end:
                raise ServiceError(f"Job {job.id} has not ended in {seconds:g} seconds.")
            time.sleep(every)
            job = self.job(job.id)
        return job

    def models(self) -> dict[str, Any]:
        """Returns what is loaded.

        Raises:
            ServiceError: as in score.
        """
        return dict(self._ask("GET", "/v1/models"))

    def _images(
        self,
        path: str,
        images: Sequence[bytes | PathLike],
        options: dict[str, Any],
    ) -> dict[str, Any]:
        if not images:
            raise InputError("images must be at least one, got none.")
        contents = [i if isinstance(i, bytes) else Path(i).read_bytes() for i in images]
        given = {name: value for name, value in options.items() if value is not None}
        kind, body = _form(contents)
        return self._ask("POST", f"{path}?{urllib.parse.urlencode(given)}", body, kind)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | Path | None = None,
        kind: str = "",
        *,
        safe: bool = True,
    ) -> Any:
        end, pause = time.monotonic() + self._seconds, 0.05
        headers = self._headers | ({"content-type": kind} if kind else {})
        while True:
            wait = pause = min(2 * pause, 2.0)
            try:
                status, after, content = self._once(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                failure = ServiceError(f"{self._parts.netloc} does not answer: {error}.")
                if not safe and not isinstance(error, ConnectionRefusedError):
                    raise failure from error
            else:
                if status in (200, 202):
                    return json.loads(content)
                failure = _failure(status, content)
                if status not in _AGAIN:
                    raise failure
                wait = float(after) if after.isdecimal() else pause
            if time.monotonic() + wait > end:
                raise failure
            time.sleep(wait)

    def _once(
        self, method: str, path: str, body: bytes | Path | None, headers: dict[str, str]
    ) -> tuple[int, str, bytes]:
        """One try: the status, Retry-After and the content."""
        connection = getattr(self._own, "connection", None)
        if connection is None:
            secure = self._parts.scheme == "https"
            made = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            host = str(self._parts.hostname)
            connection = made(host, self._parts.port, timeout=self._seconds)
            self._own.connection = connection
            self._connections.append(connection)
        try:
            if isinstance(body, Path):
                with body.open("rb") as file:
                    length = {"content-length": str(os.fstat(file.fileno()).st_size)}
                    connection.request(method, path, file, headers | length)
            else:
                connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            # the same one opens again with the next request
            connection.close()
            raise
        return response.status, response.headers.get("retry-after", ""), content


def _job(name: str) -> str:
    return f"/v1/jobs/{urllib.parse.quote(name, safe='')}"


def _form(contents: Sequence[bytes]) -> tuple[str, bytes]:
    """The content type and the bytes of a form with these files."""
    boundary = uuid.uuid4().hex
    head = b'content-disposition: form-data; name="image"; filename="image"\r\n\r\n'
    line = b"--" + boundary.encode() + b"\r\n"
    parts = b"".join(line + head + content + b"\r\n" for content in contents)
    end = b"--" + boundary.encode() + b"--\r\n"
    return f"multipart/form-data; boundary={boundary}", parts + end


def _failure(status: int, content: bytes) -> ServiceError:
    try:
        told = json.loads(content)
        message = f"{told['title']}: {told['detail']}"
        kind = str(told["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        message, kind = f"The service answered with status {status}.", ""
    return ServiceError(message, status=status, kind=kind)
