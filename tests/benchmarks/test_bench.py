"""The benchmarks run, and fail where a limit is broken: their table, verdicts and exit codes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> Any:
    """The module that benchmarks share, under the name by which they import it."""
    spec = importlib.util.spec_from_file_location("bench", BENCHMARKS / "bench.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["bench"] = module
    spec.loader.exec_module(module)
    return module


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A benchmark's command line."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


MADE = """
import sys
sys.path.insert(0, {folder!r})
from bench import Result, Skip, main
def good(setting): return Result("a over b", 0.5, 1.0, ("one line",))
def bad(setting): return Result("a over b", 2.0, 1.0)
def absent(setting): raise Skip("needs a file")
def broken(setting): raise ValueError("it broke")
def size(setting):
    print("no result")
    return Result(str(setting.count(1000)), float("nan"), 1.0)
def first_bad(setting, seen=[]):
    seen.append(1)
    return Result("a over b", 2.0 if len(seen) == 1 else 0.9, 1.0)
if __name__ == "__main__":
    main("doc", {{name: globals()[name] for name in {parts!r}}}, apart=["size"])
"""


def made(folder: Path, name: str, *parts: str) -> Path:
    """Writes a benchmark with some of the parts above."""
    file = folder / f"{name}_speed.py"
    file.write_text(MADE.format(folder=str(BENCHMARKS), parts=parts))
    return file


def test_one_beyond_its_limit_ends_with_1_and_all_stand_in_the_table(tmp_path: Path) -> None:
    made(tmp_path, "a", "good", "bad", "absent")
    made(tmp_path, "b", "good", "first_bad")
    done = run(BENCHMARKS / "bench.py", "--folder", tmp_path)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["benchmark", "ratio", "limit", "verdict", "peak", "bytes", "of", "what"]
    assert [(row[0], row[1]) for row in rows[1:6]] == [
        ("a_speed", "good"),
        ("a_speed", "bad"),
        ("a_speed", "absent"),
        ("b_speed", "good"),
        ("b_speed", "first_bad"),
    ]
    assert rows[1][2:5] == ["0.5", "1", "ok"]
    assert rows[2][2:5] == ["2", "1", "beyond"]
    assert rows[3][2] == "skipped"
    assert rows[5][2:5] == ["0.9", "1", "ok"]  # measured again, and the better one counts
    assert int(rows[1][5].replace(",", "")) > 1 << 20
    assert done.stdout.splitlines()[-1] == "1 beyond their limits"
    assert done.returncode == 1


def test_all_within_end_with_0(tmp_path: Path) -> None:
    made(tmp_path, "a", "good", "absent")
    assert run(BENCHMARKS / "bench.py", "--folder", tmp_path).returncode == 0


def test_a_part_that_breaks_ends_with_1_even_when_quick(tmp_path: Path) -> None:
    file = made(tmp_path, "a", "good", "broken")
    done = run(file, "--quick")
    assert done.returncode == 1
    assert "it ended with 1" in done.stdout
    assert "it broke" in done.stderr


def test_quick_is_not_judged_and_small(tmp_path: Path) -> None:
    file = made(tmp_path, "a", "bad", "size")
    done = run(file, "--quick")
    assert "not judged" in done.stdout
    assert done.returncode == 0
    told = json.loads(run(file, "--quick", "--json", "--part", "size").stdout)
    assert told["what"] == "10"
    assert run(file, "--part", "size").returncode == 1  # NaN holds no limit
    assert run(file, "--list").stdout.split() == ["bad"]  # the other is set apart


def test_ratios_are_medians_of_rounds_in_turns(bench: Any) -> None:
    clock = iter([0, 9, 10, 12, 12, 13, 13, 16, 16, 18, 18, 22, 22, 23])
    order: list[str] = []
    calls = {name: (lambda name=name: order.append(name)) for name in ("a", "b")}
    took = bench.in_turns(calls, 3, lambda: next(clock))
    assert took == {"a": [2, 3, 4], "b": [1, 2, 1]}  # the first round does not count
    assert order == ["a", "b"] * 4
    assert bench.ratio(took["a"], took["b"]) == 2.0


def test_every_benchmark_has_parts_with_a_limit_and_says_what_it_compares(bench: Any) -> None:
    files = bench.every()
    assert {file.name for file in files} == {file.name for file in BENCHMARKS.glob("*_speed.py")}
    assert all(files.values())
    for file in files:
        assert " over " in file.read_text(), file


def test_a_short_form_runs() -> None:
    done = run(BENCHMARKS / "evaluation_speed.py", "--quick", "--part", "curve")
    assert done.returncode == 0, done.stderr
    assert "not judged" in done.stdout


@pytest.mark.slow
def test_the_short_form_of_all_of_them_runs() -> None:
    done = run(BENCHMARKS / "bench.py", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        done.stdout.count("not judged") + done.stdout.count("skipped")
        == len(done.stdout.splitlines()) - 1
    )
