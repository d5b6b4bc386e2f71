"""The limits of a process that decodes strangers' bytes, set by the kernel."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["confine"]


def confine(memory: int) -> None:
    """Shuts this process in: it gets so much more memory, writes no file and leaves no core dump.

    What was open stays open. Where the platform has no such limits nothing happens; the service
    then says so when it starts (fiqa.service.server).

    Args:
        memory: bytes beyond what is mapped now.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    status = Path("/proc/self/statm")
    if status.exists():
        mapped = int(status.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _lower(resource.RLIMIT_AS, mapped + memory)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(kind: int, most: int) -> None:
    """Sets a limit that nothing in the process can raise again; never above the one there is."""
    import resource

    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
