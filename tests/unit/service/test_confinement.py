"""A process that is shut in gets no more memory, writes no file and leaves no core dump."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="this platform has no such limits")

CODE = """
import os, resource, sys
from fiqa.service.confinement import confine
confine(64 * 2**20)
try:
    bytearray(256 * 2**20)
except MemoryError:
    print("memory")
bytearray(16 * 2**20)
try:
    with open(sys.argv[1], "wb") as file:
        file.write(b"face")
except OSError as error:
    print("file", error.errno == 27)
print("core", resource.getrlimit(resource.RLIMIT_CORE))
reader, writer = os.pipe()
os.write(writer, b"pipe")
print(os.read(reader, 4).decode())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mapped memory is read from /proc")
def test_what_a_confined_process_cannot_do(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "kept")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split("\n")[:4] == ["memory", "file True", "core (0, 0)", "pipe"]
    assert not (tmp_path / "kept").exists() or (tmp_path / "kept").stat().st_size == 0
