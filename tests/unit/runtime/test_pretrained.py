"""Where pretrained models are looked for, and what is said when they are nowhere."""

from __future__ import annotations

import hashlib
import sys
import types

import pytest

from fiqa.errors import WeightsError
from fiqa.runtime.pretrained import model_folder, model_hashes


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "somewhere"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    return folder


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for the hub's client: records what it is asked, answers with `.answer`."""
    client = types.SimpleNamespace(asked=[], answer=None)

    def snapshot_download(name, **how):
        client.asked.append((name, how))
        if client.answer is None:
            raise ConnectionError("no route")
        return str(client.answer)

    monkeypatch.setitem(
        sys.modules, "huggingface_hub", types.SimpleNamespace(snapshot_download=snapshot_download)
    )
    return client


def test_a_folder_is_taken_as_it_is_and_a_name_from_fiqa_home(model, tmp_path, monkeypatch, hub):
    assert model_folder(model) == model
    monkeypatch.setenv("FIQA_HOME", str(tmp_path / "home"))
    place = tmp_path / "home" / "models" / "maker" / "model"
    place.parent.mkdir(parents=True)
    model.rename(place)
    assert model_folder("maker/model") == place
    assert hub.asked == []


def test_the_hub_is_asked_last_for_no_pickle_and_told_when_offline(
    model, tmp_path, monkeypatch, hub
):
    monkeypatch.setenv("FIQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    hub.answer = model
    assert model_folder("maker/model") == model
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model_folder("maker/model")
    (name, first), (_, second) = hub.asked
    assert name == "maker/model"
    assert first["cache_dir"] == tmp_path / "home" / "hub"
    assert (first["local_files_only"], second["local_files_only"]) == (False, True)
    assert not any(
        pattern.endswith((".bin", ".pt", ".pth", ".pkl", "*"))
        for pattern in first["allow_patterns"]
    )


def test_a_model_that_is_nowhere_is_named_with_its_place(tmp_path, monkeypatch, hub):
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with pytest.raises(
        WeightsError,
        match=r"Model 'maker/model' is not here \(ConnectionError while fetching it\)\.",
    ) as caught:
        model_folder("maker/model")
    assert str(tmp_path / "models" / "maker" / "model") in caught.value.hint
    assert "https://huggingface.co/maker/model" in caught.value.hint


@pytest.mark.parametrize("name", ["nothing", "./nothing/here", "a/b/c", "/nothing/here"])
def test_what_is_neither_a_folder_nor_a_name_is_refused(name, hub):
    with pytest.raises(WeightsError, match=r"must be a folder with a config\.json, or a name like"):
        model_folder(name)
    assert hub.asked == []


def test_hashes_are_of_what_decides_and_of_no_pickle(model):
    assert model_hashes(model) == {
        "config.json": hashlib.sha256(b"{}").hexdigest(),
        "model.safetensors": hashlib.sha256(b"weights").hexdigest(),
    }
