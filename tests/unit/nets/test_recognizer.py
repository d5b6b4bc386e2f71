"""Recognizers in torch: described, opened, and the same numbers as their network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fiqa.errors import InputError, UnknownNameError, WeightsError
from fiqa.nets.catalog import backbone
from fiqa.nets.recognizer import TorchRecognizer, describe_weights, open_recognizer
from fiqa.runtime.cards import ModelInput, card_path, read_card
from fiqa.runtime.describe import Described
from fiqa.types import Recognizer

pytestmark = pytest.mark.numeric

SPEC = ModelInput(
    size=112, color="BGR", layout="NCHW", scale=255, mean=(0.5, 0.4, 0.3), std=(0.5, 0.6, 0.7)
)
GIVEN = Described(
    kind="recognizer",
    color="BGR",
    mean=".5,.4,.3",
    std=".5,.6,.7",
    texts={"license": "MIT", "objective": "arcface"},
    backbone="mobilefacenet",
    embedding=8,
)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return backbone("mobilefacenet", 8)[0].eval()


@pytest.fixture
def weights(net: nn.Module, tmp_path: Path) -> Path:
    torch.save(net.state_dict(), tmp_path / "r.pt")
    return tmp_path / "r.pt"


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (3, 112, 112, 3), np.uint8)


def test_described_weights_give_the_vectors_of_their_network(
    weights: Path, net: nn.Module, crops: np.ndarray
) -> None:
    assert describe_weights(weights, GIVEN) == card_path(weights) == weights.with_name("r.pt.json")
    card = read_card(card_path(weights))
    assert (card.backbone, card.embedding_dim, card.objective, card.license) == (
        "mobilefacenet",
        8,
        "arcface",
        "MIT",
    )
    found = open_recognizer(weights)
    assert isinstance(found, Recognizer)
    assert (found.name, found.version, found.objective, found.dropout) == (
        "r",
        card.sha256,
        "arcface",
        0.0,
    )
    x = (crops[..., ::-1] / 255 - np.array(SPEC.mean)) / np.array(SPEC.std)
    with torch.no_grad():
        wanted = net(torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32)))
    np.testing.assert_allclose(found.embed(crops), wanted, atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(found.vectors(found.pixels(crops)), wanted, atol=1e-4)
    assert found.embed(crops[:0]).shape == (0, 8)


def test_the_module_given_is_left_alone(net: nn.Module, crops: np.ndarray) -> None:
    net.train()
    made = TorchRecognizer(net, SPEC)
    made.embed(crops)
    assert net.training
    assert all(p.requires_grad for p in net.parameters())
    assert not made.net.training
    assert not any(p.requires_grad for p in made.net.parameters())
    net.eval()


def test_a_version_without_a_file_is_of_the_tensors(net: nn.Module) -> None:
    first, second = TorchRecognizer(net, SPEC), TorchRecognizer(net, SPEC)
    assert first.version == second.version
    with torch.no_grad():
        next(second.net.parameters()).add_(1)
    assert TorchRecognizer(second.net, SPEC).version != first.version


def test_refused(weights: Path, net: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"must have a card beside it(.|\n)*fiqa weights card .*r\.pt"
    ):
        open_recognizer(weights)
    describe_weights(weights, GIVEN)
    with pytest.raises(InputError, match="must not exist yet"):
        describe_weights(weights, GIVEN)
    describe_weights(weights, replace(GIVEN, name="again", dropout=0.2), replace=True)
    assert (open_recognizer(weights).name, open_recognizer(weights).dropout) == ("again", 0.2)
    for changes, text in (
        ({"backbone": "resnet"}, "Unknown backbone 'resnet'"),
        ({"kind": "quality"}, "Unknown kind of torch weights 'quality'"),
        ({"color": "GREY"}, "Unknown color 'GREY'"),
    ):
        with pytest.raises(UnknownNameError, match=text):
            describe_weights(weights, replace(GIVEN, **changes), replace=True)
    with pytest.raises(
        InputError, match=r"described with the length of their embedding(.|\n)*--embedding 128"
    ):
        describe_weights(weights, replace(GIVEN, embedding=0), replace=True)
    with pytest.raises(
        InputError, match=r"described with the size of their input(.|\n)*--size 112"
    ):
        describe_weights(weights, replace(GIVEN, backbone="mobilenet_v3_small"), replace=True)
    with pytest.raises(WeightsError, match="another backbone or embedding length"):
        describe_weights(weights, replace(GIVEN, embedding=9), replace=True)
    for name in ("open_recognizer", "describe_weights"):
        with pytest.raises(WeightsError, match="there is none at"):
            (
                open_recognizer(tmp_path / "absent.pt")
                if name == "open_recognizer"
                else describe_weights(tmp_path / "absent.pt", GIVEN)
            )
    torch.save({k: v + 1 for k, v in net.state_dict().items()}, weights)
    with pytest.raises(WeightsError, match="must be the file that its card describes"):
        open_recognizer(weights)
    with pytest.raises(InputError, match="must take NCHW, its card says NHWC"):
        TorchRecognizer(net, SPEC.model_copy(update={"layout": "NHWC"}))
    with pytest.raises(InputError, match="dropout must be in"):
        TorchRecognizer(net, SPEC, dropout=1.0)


def test_a_card_of_another_kind(weights: Path) -> None:
    from fiqa.runtime.cards import write_card

    describe_weights(weights, GIVEN)
    card = read_card(card_path(weights))
    write_card(card.model_copy(update={"backbone": ""}), card_path(weights))
    with pytest.raises(InputError, match="its card says no backbone"):
        open_recognizer(weights)
    write_card(card.model_copy(update={"kind": "pose"}), card_path(weights))
    with pytest.raises(InputError, match="its card says kind pose"):
        open_recognizer(weights)


def test_crops_of_another_size_and_the_whole_in_pieces(
    net: nn.Module, rng: np.random.Generator
) -> None:
    small = rng.integers(0, 256, (2, 56, 56, 3), np.uint8)
    found = TorchRecognizer(net, SPEC)
    assert found.tensor(small).shape == found.pixels(small).shape == (2, 3, 112, 112)
    with torch.no_grad():
        x = found.tensor(small)
        torch.testing.assert_close(found.net.tail(found.net.trunk(x)), found.net(x))
