"""Models of the hub through its own client, against a server on the loopback address."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("huggingface_hub")

_ASK = """
import json, sys
from fiqa.errors import FiqaError
from fiqa.runtime.pretrained import model_file, model_folder
name, *file = sys.argv[1:]
try:
    found = model_file(name, *file) if file else model_folder(name)
    files = [found] if file else sorted(found.iterdir())
    print(json.dumps({"at": str(found), "files": {p.name: p.stat().st_size for p in files}}))
except FiqaError as error:
    print(json.dumps({"kind": type(error).__name__, "error": error.message, "hint": error.hint}))
"""


@pytest.fixture
def models(tmp_path):
    """Two revisions of a model: weights of 300 kB, small files, and a pickle that nobody wants."""
    found = {}
    for revision, byte in (("main", 7), ("older", 9)):
        folder = tmp_path / revision
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"is": revision}))
        (folder / "model.safetensors").write_bytes(bytes([byte]) * 300_000)
        (folder / "pytorch_model.bin").write_bytes(b"a pickle")
        found[revision] = folder
    return {"maker/model": found}


@pytest.fixture
def hub(hub_server, models):
    with hub_server.serving(models) as running:
        yield running


def ask(hub, home, *arguments, **more):
    """What a fresh process says that looks for a model; the client reads its settings once."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_ETAG_TIMEOUT": "5",
        "HF_HUB_DOWNLOAD_TIMEOUT": "5",
        "HF_HOME": str(home / "hf"),
        "NO_PROXY": "127.0.0.1",
        "FIQA_HOME": str(home),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-c", _ASK, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_model_is_fetched_once_and_then_needs_no_network(hub, tmp_path):
    home = tmp_path / "home"
    first = ask(hub, home, "maker/model")
    assert first["files"] == {"config.json": 14, "model.safetensors": 300_000}, "and no pickle"
    assert first["at"].startswith(str(home / "hub"))
    assert sorted(hub.fetched()) == ["config.json", "model.safetensors"]
    hub.asked.clear()
    assert ask(hub, home, "maker/model") == first
    assert hub.fetched() == [], "the second run sends no file"
    hub.asked.clear()
    assert ask(hub, home, "maker/model", HF_HUB_OFFLINE="1") == first
    assert hub.asked == [], "offline nobody is asked"
    gone = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    assert ask(hub, home, "maker/model", **gone) == first, "nor is the network needed"


@pytest.mark.slow
def test_a_revision_is_another_model(hub, tmp_path):
    home = tmp_path / "home"
    old, new = ask(hub, home, "maker/model@older"), ask(hub, home, "maker/model")
    assert old["at"] != new["at"]
    assert json.loads((tmp_path / "older" / "config.json").read_text()) == {"is": "older"}
    assert old["files"]["config.json"] == 15
    assert new["files"]["config.json"] == 14
    commit = hub.commit("maker/model", "older")
    assert ask(hub, home, f"maker/model@{commit}", HF_HUB_OFFLINE="1") == old
    none = ask(hub, home, "maker/model@newest")
    assert none["kind"] == "WeightsError"
    assert "'maker/model@newest' is not here (RevisionNotFoundError" in none["error"]
    assert "https://huggingface.co/maker/model (" in none["hint"]


@pytest.mark.slow
def test_one_file_is_fetched_alone(hub, tmp_path):
    home = tmp_path / "home"
    found = ask(hub, home, "maker/model", "model.safetensors")
    assert found["files"] == {"model.safetensors": 300_000}
    assert hub.fetched() == ["model.safetensors"]
    placed = home / "models" / "maker" / "model"
    placed.mkdir(parents=True)
    (placed / "model.safetensors").write_bytes(b"mine")
    assert ask(hub, home, "maker/model", "model.safetensors")["files"]["model.safetensors"] == 4
    assert "EntryNotFound" in ask(hub, home, "maker/model", "none.safetensors")["error"]


@pytest.mark.slow
def test_a_broken_connection_is_told_and_the_next_run_goes_on_from_there(hub, tmp_path):
    home = tmp_path / "home"
    hub.cut["model.safetensors"] = 0
    broken = ask(hub, home, "maker/model")
    assert broken["kind"] == "WeightsError"
    assert "'maker/model' is not here (" in broken["error"]
    assert "while fetching it" in broken["error"]
    hub.cut.clear()
    assert ask(hub, home, "maker/model")["files"]["model.safetensors"] == 300_000


@pytest.mark.slow
def test_what_was_sent_before_the_break_is_not_sent_again(hub, models, tmp_path):
    """The client keeps pieces of 10 MiB, and asks for the rest."""
    size, piece = 24 << 20, 10 << 20
    (models["maker/model"]["main"] / "model.safetensors").write_bytes(b"abcd" * (size // 4))
    hub.cut["model.safetensors"] = 11 << 20
    found = ask(hub, tmp_path / "home", "maker/model")
    assert found["files"]["model.safetensors"] == size
    ranges = [r for how, path, r in hub.asked if how == "GET" and path.endswith("tensors")]
    assert ranges == ["", f"bytes={piece}-", f"bytes={2 * piece}-"]


def test_what_is_not_what_the_hub_told_is_refused_until_it_is(hub, tmp_path):
    home = tmp_path / "home"
    hub.spoiled.add("model.safetensors")
    spoiled = ask(hub, home, "maker/model")
    assert spoiled["kind"] == "WeightsError"
    assert "model.safetensors of model 'maker/model' must have the hash" in spoiled["error"]
    again = ask(hub, home, "maker/model", HF_HUB_OFFLINE="1")
    assert again == spoiled, "and is not taken from the cache either"
    hub.spoiled.clear()
    os.remove(spoiled["hint"].removeprefix("remove ").partition(" and run again")[0])
    assert ask(hub, home, "maker/model")["files"]["model.safetensors"] == 300_000


def test_without_a_network_the_error_says_what_to_put_where(hub, tmp_path):
    home = tmp_path / "home"
    for more, why in (
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "LocalEntryNotFoundError while fetching it"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
    ):
        told = ask(hub, home, "maker/model", **more)
        assert told["error"] == f"Model 'maker/model' is not here ({why})."
        assert str(home / "models" / "maker" / "model") in told["hint"]
    assert hub.asked == []
    assert "RepositoryNotFound" in ask(hub, home, "maker/nobody")["error"]
