"""One process at a time is inside `alone`, also when the one before was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fiqa.data.lock import alone
from fiqa.errors import WriteError

HOLDER = """
import sys
from fiqa.data.lock import alone
with alone(sys.argv[1]):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such lock")
@pytest.mark.parametrize("killed", [False, True])
def test_one_process_at_a_time_is_alone_with_a_path(tmp_path: Path, killed: bool) -> None:
    target = tmp_path / "new" / "cache.npy"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder.stdin, holder.stdout:
        assert holder.stdout.readline().strip() == b"in"
        entered = threading.Event()

        def enter() -> None:
            with alone(target):
                entered.set()

        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.3), "somebody else is inside"
        if killed:
            holder.send_signal(signal.SIGKILL)
        holder.stdin.close()
        assert entered.wait(30)
        waiting.join()
        holder.wait(timeout=30)
    with alone(tmp_path / "new" / "other.npy"):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="could not be written"), alone(tmp_path / "file" / "a"):
        pass
