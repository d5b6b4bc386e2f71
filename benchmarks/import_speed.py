"""How much dearer `fiqa --help` is than `import typer`: wall time of fresh interpreters.

They run one after the other, with `import fiqa` beside them.

Usage: python benchmarks/import_speed.py [--quick]
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

from bench import Result, Setting, in_turns, main, ratio, timed

WAYS = {
    "python -c pass": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "import fiqa": ["-c", "import fiqa"],
    "fiqa --help": ["-m", "fiqa", "--help"],
}


def started(arguments: list[str]) -> None:
    """Runs a fresh interpreter."""
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def starting(setting: Setting) -> Result:
    """`fiqa --help` over `import typer`."""
    calls = {way: partial(started, arguments) for way, arguments in WAYS.items()}
    took = in_turns(calls, setting.rounds(15), time.perf_counter)
    details = tuple(timed(way, seconds) for way, seconds in took.items())
    return Result(
        "fiqa --help over import typer",
        ratio(took["fiqa --help"], took["import typer"]),
        1.5,
        details,
    )


PARTS = {"help": starting}

if __name__ == "__main__":
    main(__doc__, PARTS)
