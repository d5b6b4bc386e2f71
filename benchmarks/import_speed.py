"""How much dearer `fiqa --help` is than `import typer`, and what `import fiqa` costs; medians of interleaved runs, as ratios.

Usage: python benchmarks/import_speed.py [--runs 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

WAYS = {
    "python -c pass": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "import fiqa": ["-c", "import fiqa"],
    "fiqa --help": ["-m", "fiqa", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Returns the wall time of one fresh interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Prints one line per way and the ratio that is bounded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way, arguments in WAYS.items():
            times[way].append(seconds(arguments))
    middle = {way: statistics.median(values) for way, values in times.items()}
    for way, value in middle.items():
        print(f"{way:16s} {1000 * value:7.1f} ms")
    print(f"fiqa --help / import typer = {middle['fiqa --help'] / middle['import typer']:.2f} (limit 1.5)")


if __name__ == "__main__":
    main()
