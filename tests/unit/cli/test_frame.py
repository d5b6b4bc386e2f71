"""The frame of the command line: help that ends with an example, exit codes, clean errors, quiet
pipes."""

from __future__ import annotations

import signal
import subprocess
import sys
from types import ModuleType

import pytest
from typer.testing import CliRunner

import fiqa.cli
from fiqa.cli import COMMANDS, build, split_example
from fiqa.errors import DetectorError, InputError, ReadError, UnknownNameError


def call(*arguments: str):
    return CliRunner().invoke(build(), list(arguments), prog_name="fiqa")


def helps(command, path: tuple[str, ...]):
    """Every (path, text of --help) under a command."""
    yield path, call(*path, "--help")
    for name, inner in getattr(command, "commands", {}).items():
        yield from helps(inner, (*path, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_and_its_help_ends_with_an_example(name):
    for path, result in helps(fiqa.cli._load(name), (name,)):
        assert result.exit_code == 0
        before, mark, example = result.output.rpartition("Example:\n")
        assert mark, f"the help of {' '.join(path)} has no example"
        assert all(line.startswith("    ") for line in example.splitlines() if line)
        assert f"fiqa {' '.join(path)}" in example
        for command in example.replace("\\\n", "").strip().splitlines():
            assert command.strip().startswith("fiqa "), "a command stands on lines of its own"
            assert " fiqa " not in command.strip()
        assert "Options:" in before
        for line in before.splitlines():
            assert not line.rstrip().endswith(("TEXT", "INTEGER")), (
                f"an option without help: {line}"
            )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name):
    def options(command):
        yield from command.params
        for inner in getattr(command, "commands", {}).values():
            yield from options(inner)

    assert all(option.help for option in options(fiqa.cli._load(name)))


def test_the_listing_shows_every_command_whole():
    text = call("--help").output
    assert "..." not in text.replace("COMMAND [ARGS]...", "")
    assert all(f"  {name}" in text and line in text for name, line in COMMANDS.items())
    assert text.rstrip().endswith("--html sheet.html")


def test_no_arguments_is_help_and_wrong_usage():
    result = call()
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_version():
    assert call("--version").output == f"fiqa {fiqa.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["scoer"], "'score'"),
        (["--verison"], "--version"),
        (["score", "--detectr", "x", "a"], "--detector"),
    ],
)
def test_a_typing_error_gets_the_closest_match(arguments, meant):
    result = call(*arguments)
    assert result.exit_code == 2
    assert meant in result.stderr


@pytest.fixture
def fake(monkeypatch):
    """Puts a function in the place of the command `methods`."""

    def put(function):
        module = ModuleType("fiqa.cli.methods")
        module.command = function
        monkeypatch.setitem(sys.modules, "fiqa.cli.methods", module)

    return put


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("k must be 1.", hint="use 1"), 2),
        (UnknownNameError("color", "rde", ["red"]), 2),
        (ReadError("cannot read x"), 1),
        (DetectorError("no detector"), 1),
        (OSError(28, "No space left on device", "out.csv"), 1),
    ],
)
def test_an_error_is_a_clean_message_with_its_code(fake, error, code):
    def command() -> None:
        raise error

    fake(command)
    result = call("methods")
    assert result.exit_code == code
    assert result.stderr == f"error: {error}\n"
    assert result.stdout == ""
    assert "Traceback" in call("--debug", "methods").stderr


def test_a_bug_keeps_its_traceback(fake):
    def command() -> None:
        raise KeyError("bug")

    fake(command)
    assert isinstance(call("methods").exception, KeyError)


def test_ctrl_c_ends_quietly_with_130(fake):
    def command() -> None:
        raise KeyboardInterrupt

    fake(command)
    result = call("methods")
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"


def test_ctrl_c_in_a_real_process():
    code = (
        "import sys, time, types\nfrom fiqa.cli import main\nmodule = types.ModuleType('m')\ndef"
        " command() -> None:\n    print('on', flush=True)\n    time.sleep(30)\nmodule.command ="
        " command\nsys.modules['fiqa.cli.methods'] = module\nsys.argv = ['fiqa', 'methods']\nmain()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "interrupted\n")


def in_shell(words: str) -> subprocess.CompletedProcess[str]:
    """The command line as a shell runs it, its redirections too."""
    return subprocess.run(
        ["bash", "-c", f'exec "{sys.executable}" -m fiqa {words}'],
        capture_output=True,
        text=True,
        timeout=60,
    )


CLOSED = "error: fiqa must have a standard output, and it is closed.\n\nhint: >/dev/null\n"


@pytest.mark.parametrize("name", [*COMMANDS, "--help", "--version", ""])
def test_a_closed_standard_output_is_a_clear_error_of_every_command(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fiqa", name, "nothing.jpg"])
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as caught:
        fiqa.cli.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == CLOSED


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("methods >&-", 1, CLOSED),
        ("score nothing.jpg --aligned <&- >&-", 1, CLOSED),
        ("methods >&- 2>&-", 1, ""),
        ("--help >/dev/full", 1, "error: [Errno 28] No space left on device\n"),
        ("methods >/dev/full", 1, "error: [Errno 28] No space left on device\n"),
        ("methods <&- 2>&-", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(words, code, said):
    done = in_shell(words)
    assert (done.returncode, done.stderr) == (code, said)
    assert bool(done.stdout) == (code == 0)


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, types\nfrom fiqa.cli import main\nmodule = types.ModuleType('m')\n"
        "def command() -> None:\n    print(os.open(os.devnull, os.O_RDONLY))\n"
        "module.command = command\nsys.modules['fiqa.cli.methods'] = module\n"
        "sys.argv = ['fiqa', 'methods']\nmain()\n"
    )
    done = subprocess.run(
        ["bash", "-c", f'exec "{sys.executable}" "{script}" <&- 2>&-'],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert int(done.stdout) > 2


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m fiqa --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_reader_who_has_enough_is_no_error(tmp_path):
    """More is written than a pipe holds, so the command meets its closed end."""
    script = tmp_path / "many.py"
    script.write_text(
        "import sys, types\n"
        "module = types.ModuleType('fiqa.cli.methods')\n"
        "def command() -> None:\n"
        "    for _ in range(200_000): print('a row')\n"
        "module.command = command\n"
        "sys.modules['fiqa.cli.methods'] = module\n"
        "from fiqa.cli import main\n"
        "main()\n"
    )
    words = f"'{sys.executable}' '{script}' methods | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == f"a row\n{128 + signal.SIGPIPE}\n"


def test_python_dash_m_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "fiqa", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("fiqa ")


def test_an_example_keeps_its_lines():
    assert split_example("A.\n\nB.\n\nExample:\n  x\n  y\n") == (
        "A.\n\nB.",
        "\b\nExample:\n  x\n  y",
    )
    assert split_example("no such part") == ("no such part", "")
