"""Runs the tests that hang on arithmetic as other processors would compute, one setting after
another: `python tests/portable.py [--seeds] [arguments of pytest]`.

A library picks its kernels by the processor that it finds; each has a variable that makes it take
an older one's. With `--seeds` the trainings are asked with all five seeds, which is slow. Prints
setting -> passed, failed, seconds, and ends with 1 when any failed.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLD = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
X86 = {
    "sse3, 1 thread": ("pni", OLD | {"OPENBLAS_CORETYPE": "Prescott", "OMP_NUM_THREADS": "1"}),
    "sse4, 4 threads": ("sse4_2", OLD | {"OPENBLAS_CORETYPE": "Nehalem", "OMP_NUM_THREADS": "4"}),
    "avx2, 1 thread": ("avx2", AVX2 | {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1"}),
    "avx2, 4 threads": ("avx2", AVX2 | {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "4"}),
    "avx512, 4 threads": (
        "avx512f",
        {"OPENBLAS_CORETYPE": "SkylakeX", "OMP_NUM_THREADS": "4"},
    ),
}
"""Name -> (what the processor must have, variables)."""


def settings() -> dict[str, dict[str, str]]:
    """Name -> variables, of those that this machine can run."""
    found = {
        "as it is, 1 thread": {"OMP_NUM_THREADS": "1"},
        "as it is, 4 threads": {"OMP_NUM_THREADS": "4"},
    }
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.is_file() else set()
    if platform.machine() in ("x86_64", "AMD64"):
        found |= {name: values for name, (needed, values) in X86.items() if needed in flags}
    elif platform.machine() in ("aarch64", "arm64"):
        oldest = {"OPENBLAS_CORETYPE": "ARMV8", "ATEN_CPU_CAPABILITY": "default"}
        found["armv8, 1 thread"] = oldest | {"OMP_NUM_THREADS": "1"}
    return found


def counts(said: str) -> tuple[int, int]:
    """(passed, failed) of pytest's closing line; what ended in an error has failed."""
    number = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error)", said)}
    return number.get("passed", 0), number.get("failed", 0) + number.get("error", 0)


def main(arguments: list[str]) -> int:
    """Runs every setting and returns the exit code."""
    seeds = "--seeds" in arguments
    which = "numeric" if seeds else "numeric and not slow"
    given = [word for word in arguments if word != "--seeds"]
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-m", which]
    bad = 0
    print(f"{'setting':<20} {'passed':>7} {'failed':>7} {'seconds':>8}", flush=True)
    for name, values in settings().items():
        start = time.monotonic()
        done = subprocess.run(
            [*command, *given],
            cwd=ROOT,
            env=os.environ | values,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        passed, failed = counts(lines[-1] if lines else "")
        seconds = time.monotonic() - start
        print(f"{name:<20} {passed:>7} {failed:>7} {seconds:>8.0f}", flush=True)
        if done.returncode:
            bad += 1
            print(done.stdout, flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
