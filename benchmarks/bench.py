"""All benchmarks in one table, and what they share: turns, limits, peak memory, exit codes.

    python benchmarks/bench.py                      # everything (`make bench`)
    python benchmarks/bench.py --quick              # tiny sizes: it runs; ratios are not judged
    python benchmarks/score_speed.py --part default # one part of one file

A benchmark is a file with PARTS, name -> function(Setting) -> Result. A part runs in a process of
its own, so that its peak memory is its own. A ratio is ours over a baseline that the part measures
itself, both in turns, the median over the rounds: a busy machine slows both. One that comes out
beyond its limit is measured again, and the better one counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRIES = 2
BEYOND, SKIPPED, OK, UNJUDGED = "beyond", "skipped", "ok", "not judged"


@dataclass(frozen=True)
class Setting:
    """How large a part is.

    Attributes:
        scale: 1 is full size.
        quick: only that it runs counts.
        data: the folder of measuring data.
    """

    scale: float = 1.0
    quick: bool = False
    data: Path = HERE.parent.parent / "shared" / "data"

    def count(self, full: int, least: int = 1) -> int:
        """The number of things at this size."""
        return max(round(full * self.scale), least)

    def rounds(self, full: int) -> int:
        """The number of rounds: one is enough to see that a part runs."""
        return 1 if self.quick else full


@dataclass(frozen=True)
class Result:
    """What a part measured.

    Attributes:
        what: over which baseline.
        ratio: of the two.
        limit: that it must not exceed.
        details: lines to print.
    """

    what: str
    ratio: float
    limit: float
    details: tuple[str, ...] = ()

    @property
    def within(self) -> bool:
        """Whether the limit holds; a ratio that is NaN does not hold it."""
        return self.ratio <= self.limit


class Skip(Exception):  # noqa: N818 - it is no fault
    """What a part needs is not here."""


Part = Callable[[Setting], Result]
Clock = Callable[[], float]


def in_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, clock: Clock = time.process_time
) -> dict[str, list[float]]:
    """Seconds of each call in each round; in a round the calls take turns.

    The first round does not count.
    """
    took: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            start = clock()
            call()
            if number:
                took[name].append(clock() - start)
    return took


def ratio(ours: Iterable[float], baseline: Iterable[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(ours, baseline, strict=True))


def timed(
    name: str, seconds: Iterable[float], per: int = 1, unit: str = "ms", factor: float = 1e3
) -> str:
    """A line of detail: the median time of one of `per` things."""
    return f"{name:<58}{statistics.median(seconds) / per * factor:12.3f} {unit}"


def peak_bytes() -> int:
    """The largest resident size so far, of this process or of any child that has ended."""
    return 1024 * max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def _measure(part: Part, setting: Setting) -> dict[str, object]:
    """One part in this process, as plain values."""
    try:
        result = part(setting)
        for _ in range(1, TRIES):
            if setting.quick or result.within:
                break
            result = min(result, part(setting), key=lambda attempt: attempt.ratio)
    except Skip as why:
        return {"verdict": SKIPPED, "what": str(why), "peak": peak_bytes()}
    verdict = UNJUDGED if setting.quick else OK if result.within else BEYOND
    return {**asdict(result), "verdict": verdict, "peak": peak_bytes()}


def _apart(file: Path, part: str, arguments: list[str]) -> dict[str, object]:
    """One part in a process of its own."""
    command = [sys.executable, str(file), "--part", part, "--json", *arguments]
    # What it says on stderr goes to the terminal; its result is the last line of stdout.
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode or not done.stdout:
        return {"verdict": BEYOND, "what": f"it ended with {done.returncode}", "peak": 0}
    row: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return row


def _shown(name: str, row: Mapping[str, object], details: bool) -> None:
    ratio, limit = (f"{row[key]:.3g}" if key in row else "" for key in ("ratio", "limit"))
    print(
        f"{name:<34}{ratio:>9}{limit:>9}  {row['verdict']:<11}{row['peak']:>14,}  {row['what']}",
        flush=True,
    )
    for line in row.get("details", ()) if details else ():  # type: ignore[attr-defined]
        print(f"    {line}")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    result = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--quick", action="store_true", help="tiny sizes; ratios are not judged")
    result.add_argument("--scale", type=float, help="share of the full size")
    result.add_argument(
        "--data", type=Path, default=Setting.data, help="the folder of measuring data"
    )
    result.add_argument(
        "--details", action="store_true", help="print what was timed below each ratio"
    )
    return result


def run(files: Mapping[Path, Iterable[str]], options: argparse.Namespace) -> int:
    """Runs parts, each in a process of its own, prints the table, and returns the exit code.

    That is 1 if any is beyond its limit.
    """
    arguments = ["--data", str(options.data), *(["--quick"] if options.quick else [])]
    arguments += [] if options.scale is None else ["--scale", str(options.scale)]
    print(f"{'benchmark':<34}{'ratio':>9}{'limit':>9}  {'verdict':<11}{'peak bytes':>14}  of what")
    beyond = 0
    for file, parts in files.items():
        for part in parts:
            row = _apart(file, part, arguments)
            beyond += row["verdict"] == BEYOND
            _shown(f"{file.stem} {part}", row, options.details)
    if beyond:
        print(f"{beyond} beyond their limits")
    return 1 if beyond else 0


def main(doc: str | None, parts: Mapping[str, Part], *, apart: Iterable[str] = ()) -> None:
    """The command line of one benchmark's file; parts that are `apart` run only where named."""
    arguments = parser(doc)
    usual = [name for name in parts if name not in set(apart)]
    arguments.add_argument("--part", choices=list(parts), help="only this one")
    arguments.add_argument("--list", action="store_true", help="print the parts that run")
    arguments.add_argument(
        "--json",
        action="store_true",
        help="measure --part in this process and print its result as JSON",
    )
    options = arguments.parse_args()
    file = Path(sys.modules["__main__"].__file__ or "").resolve()
    if options.list:
        print(*usual)
        return
    if options.json:
        setting = Setting(
            options.scale or (0.01 if options.quick else 1.0), options.quick, options.data.resolve()
        )
        output, sys.stdout = sys.stdout, sys.stderr  # what is printed on the way is no result
        row = _measure(parts[options.part], setting)
        print(json.dumps(row), file=output)
        return
    options.details = True
    sys.exit(run({file: [options.part] if options.part else usual}, options))


def every(folder: Path = HERE) -> dict[Path, list[str]]:
    """The benchmarks of a folder and their parts, by asking each file."""
    files = {}
    for file in sorted(folder.glob("*_speed.py")):
        told = subprocess.run(
            [sys.executable, str(file), "--list"], stdout=subprocess.PIPE, text=True, check=True
        )
        files[file] = told.stdout.split()
    return files


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--folder", type=Path, default=HERE, help="where the benchmarks are")
    chosen = options.parse_args()
    sys.exit(run(every(chosen.folder), chosen))
