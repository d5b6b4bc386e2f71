"""What `serve` refuses before it listens, and the container around it."""

from __future__ import annotations

import inspect
import json
import re
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

import fiqa
from fiqa.cli.serve import command
from fiqa.errors import InputError, MissingExtraError, ReadError

ROOT = Path(__file__).resolve().parents[3]


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtraError, match=r"fastapi") as caught:
        fiqa.serve()
    assert "fiqa[service]" in str(caught.value)


def test_tokens_are_read_before_anything_is_loaded(tmp_path):
    for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(package, reason="needs the extra service")
    with pytest.raises(ReadError, match=r"token file"):
        fiqa.serve(token_file=tmp_path / "none")
    with pytest.raises(InputError, match=r"token_file must be left out"):
        fiqa.serve(token_file=tmp_path / "none", token=False)
    with pytest.raises(InputError, match=r"without a token"):
        fiqa.serve(host="0.0.0.0", token=False)


def test_command_and_function_have_the_same_defaults():
    function = inspect.signature(fiqa.serve).parameters
    spelled = inspect.signature(command).parameters
    only = {"max_pixels", "quiet"}
    assert set(spelled) - only == set(function) - {"limits"}
    for name in set(function) - {"limits"}:
        assert spelled[name].default == function[name].default, name


def test_the_container_has_no_rights():
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]["fiqa"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["mem_limit"]
    assert service["pids_limit"]
    lines = (ROOT / "deploy/Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001:10001"], "by number, so that a cluster can tell that it is not root"
    assert lines.index("USER 10001:10001") < next(
        i for i, line in enumerate(lines) if line.startswith("ENTRYPOINT ")
    )
    assert any(line.startswith("HEALTHCHECK ") and "/readyz" in line for line in lines)
    assert not any("--no-token" in line or line.startswith("ADD ") for line in lines)
    base = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert all(image.endswith("-slim") for image in base)


def test_the_threat_table_names_tests_that_there_are():
    page = (ROOT / "docs/concepts/service_threats.md").read_text()
    rooms = ("unit/service", "unit/execute", "end_to_end")
    folders = [ROOT / "tests" / room for room in rooms]
    text = "".join(f.read_text() for folder in folders for f in sorted(folder.glob("test_*.py")))
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named or "the tests of" in row, row
        assert all(f"def {name}(" in text for name in named), named


def test_a_service_that_is_stopped_while_it_loads_stops_without_an_error():
    from fiqa.service.engine import Engine
    from fiqa.service.settings import ServiceSettings

    engine = Engine(ServiceSettings(detector="none", workers=1))
    engine.assessors._function = partial(iter, partial(time.sleep, 0.1))  # it never loads
    thread = threading.Thread(target=engine.start, daemon=True)
    thread.start()
    while not engine.assessors._workers:
        time.sleep(0.01)
    engine.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert (engine.error, engine.ready) == (None, False)


def test_answers_are_not_held_back_to_be_joined():
    """asyncio sets TCP_NODELAY on connections of a socket that says it is TCP, and on no other."""
    import socket

    from fiqa.service.server import listening

    with listening("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, comments and line ends taken out."""
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    whole = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in whole if line.strip()]


def test_the_dockerfile_keeps_the_rules_of_a_linter():
    """hadolint's DL3000, 3002, 3004, 3006, 3007, 3020, 3025, 3042, 4000 and 4003."""
    told = instructions()
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "HEALTHCHECK",
             "STOPSIGNAL", "ENTRYPOINT"}  # fmt: skip
    assert told[0][0] == "FROM"
    assert {name for name, _ in told} <= known, "no ADD, no MAINTAINER, no unknown one"
    for name, value in told:
        if name == "FROM":
            tag = value.split()[0].partition(":")[2]
            assert tag
            assert tag != "latest"
        if name == "WORKDIR":
            assert value.startswith("/")
        if name == "RUN":
            assert "sudo" not in value
            assert "pip install" not in value or "--no-cache-dir" in value
            assert "apt-get" not in value
        if name == "ENTRYPOINT":
            assert isinstance(json.loads(value), list)
    assert [name for name, _ in told].count("ENTRYPOINT") == 1
    assert [name for name, _ in told].count("HEALTHCHECK") == 1
    assert [value for name, value in told if name == "USER"] == ["10001:10001"]


def test_the_room_for_videos_in_the_container_is_enough():
    from fiqa.service.settings import ServiceSettings

    text = (ROOT / "deploy" / "compose.yaml").read_text()
    room = int(re.search(r"/tmp:size=(\d+)m,noexec,nosuid,nodev", text)[1]) * 2**20
    usual = ServiceSettings(port=0)
    assert room >= usual.jobs * usual.max_video
