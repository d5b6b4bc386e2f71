"""A hub on the loopback address: enough of the API of huggingface.co for its own client to list,
fetch, resume and cache models, and to be told wrong things."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGE = 4096
"""Files from this size on are stored as the hub stores weights: named by their sha256."""


class Hub:
    """What the server knows.

    Attributes:
        models: name -> revision -> folder; the revision `main` is asked for where none is named.
        asked: (method, path, range) of each request.
        cut: file name -> how many bytes of it are sent before the connection breaks.
        spoiled: file names of which one byte is sent wrong.
        url: where it is.
    """

    def __init__(self, models: dict[str, dict[str, Path]]) -> None:
        self.models, self.url = models, ""
        self.asked: list[tuple[str, str, str]] = []
        self.cut: dict[str, int] = {}
        self.spoiled: set[str] = set()

    def commit(self, name: str, revision: str) -> str | None:
        """Returns the commit of a revision, which itself is one."""
        for known, folder in self.models.get(name, {}).items():
            found = hashlib.sha1(str(folder).encode()).hexdigest()
            if revision in (known, found):
                return found
        return None

    def folder(self, name: str, commit: str) -> Path:
        """Returns the folder of a commit."""
        return next(
            folder for k, folder in self.models[name].items() if self.commit(name, k) == commit
        )

    def fetched(self) -> list[str]:
        """Returns the names of the files that were sent."""
        return [path.rpartition("/")[2] for how, path, _ in self.asked if "/resolve/" in path
                and how == "GET"]  # fmt: skip


def described(path: Path) -> dict[str, Any]:
    """Returns a file as the hub lists it."""
    content = path.read_bytes()
    git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path.name, "size": len(content), "oid": git}
    if len(content) >= LARGE:
        sha = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha, "size": len(content), "pointerSize": 130}
    return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+)/?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        plain = re.fullmatch(r"/api/models/([^/]+/[^/]+)", path)
        if plain:
            api = re.fullmatch(r"(.+)\|(.+)\|(.+)", f"{plain[1]}|revision|main")
        found = api or file
        if found is None:
            return self._send(404, b"")
        name, revision = found[1], found[2] if file else found[3]
        commit = self.hub.commit(name, revision)
        if commit is None:
            code = "RevisionNotFound" if name in self.hub.models else "RepoNotFound"
            return self._send(404, b"{}", {"X-Error-Code": code})
        folder = self.hub.folder(name, commit)
        if file:
            return self._file(folder / file[3], commit, body=body)
        entries = [described(path) for path in sorted(folder.iterdir())]
        listed = {
            "id": name,
            "modelId": name,
            "sha": commit,
            "private": False,
            "siblings": [{"rfilename": entry["path"]} for entry in entries],
        }
        told = listed if api and api[2] == "revision" else entries
        return self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _file(self, path: Path, commit: str, *, body: bool) -> None:
        if not path.is_file():
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        content, entry = path.read_bytes(), described(path)
        tag = entry.get("lfs", entry)["oid"]
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if path.name in self.hub.spoiled:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        whole, status = len(content), 200
        if start:
            content, status = content[int(start[1]) :], 206
            headers["Content-Range"] = f"bytes {start[1]}-{whole - 1}/{whole}"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return None
        cut = self.hub.cut.get(path.name)
        self.wfile.write(content if cut is None else content[:cut])
        if cut is not None:
            self.close_connection = True
        return None

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving(models: dict[str, dict[str, Path]]) -> Iterator[Hub]:
    """Serves models until the block ends."""
    hub = Hub(models)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
