"""Nothing leaves the machine: what the packages below fiqa are told about telemetry, and the folder
that fiqa keeps files in.

Imported before anything else of fiqa, in every process: ONNX Runtime 1.29 and later writes a device
id into the home folder and begins to send when it is imported, and can be stopped only before that.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `import fiqa` comes by here and must cost next to nothing
    from collections.abc import MutableMapping
    from pathlib import Path

__all__ = [
    "SWITCHES",
    "home",
    "keep_plots_home",
    "keep_private",
    "onnxruntime_is_late",
    "telemetry_line",
]

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Environment variable -> the value that turns a package's telemetry off."""

_ORT = "ORT_DISABLE_TELEMETRY"
_ORT_OFF_WORDS = ("", "0", "false")
_late = False


def keep_private(environment: MutableMapping[str, str] = os.environ) -> None:
    """Turns the telemetry of every package off, unless the user has set its variable.

    An empty variable counts as not set.

    Args:
        environment: the variables.

    >>> variables = {"DO_NOT_TRACK": "0", "ORT_DISABLE_TELEMETRY": ""}
    >>> keep_private(variables)
    >>> variables["DO_NOT_TRACK"], variables["ORT_DISABLE_TELEMETRY"]
    ('0', '1')
    """
    global _late
    if "onnxruntime" in sys.modules and environment is os.environ:
        _late = _late or not environment.get(_ORT)
    for name, value in SWITCHES.items():
        if not environment.get(name):
            environment[name] = value


def onnxruntime_is_late() -> bool:
    """Tells whether onnxruntime was imported before fiqa could turn its telemetry off."""
    return _late


def telemetry_line(version: str) -> str:
    """Returns whether this onnxruntime sends telemetry from this process, in one sentence.

    Args:
        version: of onnxruntime, as "1.31.1".
    """
    if _late:
        return (
            f"onnxruntime {version} was imported before fiqa, so its telemetry began as it does by"
            f" default: import fiqa first, or set {_ORT}=1"
        )
    if os.environ.get(_ORT, "").lower() in _ORT_OFF_WORDS:
        return f"onnxruntime {version} may send telemetry: {_ORT} is {os.environ.get(_ORT, '')!r}"
    return f"onnxruntime {version} sends no telemetry ({_ORT}={os.environ[_ORT]})"


def home() -> Path:
    """Returns the folder of the user's model files; it may not exist yet.

    It is the environment variable FIQA_HOME, else ~/.cache/fiqa.
    """
    from pathlib import Path

    chosen = os.environ.get("FIQA_HOME")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "fiqa"


def keep_plots_home() -> None:
    """Lets matplotlib keep its list of fonts in fiqa's folder, unless the user has chosen one.

    Only the command line calls this: in a user's own process matplotlib is the user's, with the
    settings in its usual place.
    """
    if not os.environ.get("MPLCONFIGDIR"):
        try:
            os.environ["MPLCONFIGDIR"] = str(home() / "matplotlib")
        except RuntimeError:  # no home folder: matplotlib takes a temporary one
            return
