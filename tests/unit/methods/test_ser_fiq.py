"""SER-FIQ against pairs of passes compared one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError
from fiqa.methods.probe import content_seed
from fiqa.methods.ser_fiq import robustness

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.numeric


def by_pairs(vectors: np.ndarray) -> float:
    unit = [v / math.sqrt(sum(v * v)) for v in vectors.astype(float)]
    distances = [math.dist(a, b) for a, b in itertools.combinations(unit, 2)]
    return 2 / (1 + math.exp(sum(distances) / len(distances)))


def test_robustness_is_that_of_all_pairs(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(9, 5)).astype(np.float32)
    assert float(robustness(torch.from_numpy(vectors))) == pytest.approx(
        by_pairs(vectors), abs=1e-6
    )
    assert float(robustness(torch.ones(4, 3))) == 1.0
    opposite = torch.tensor([[1.0, 0], [-2.0, 0]])
    assert float(robustness(opposite)) == pytest.approx(2 / (1 + math.exp(2)))


def test_the_score_is_that_of_passes_made_one_by_one(
    torch_recognizer, rng: np.random.Generator
) -> None:
    crops = rng.integers(0, 256, (3, 112, 112, 3), np.uint8)
    net = torch_recognizer.net
    wanted = []
    for crop in crops:
        draw = torch.Generator().manual_seed(content_seed(crop, 4))
        features = net.trunk(torch_recognizer.tensor(crop[None]))[0]
        masks = (torch.rand((6, len(features)), generator=draw) >= 0.3).float()
        wanted.append(
            by_pairs(
                np.stack([net.tail((features * mask / 0.7)[None])[0].numpy() for mask in masks])
            )
        )
    scorer = fiqa.load("ser_fiq", recognizer=torch_recognizer, passes=6, seed=4)
    np.testing.assert_allclose(scorer.score(crops), wanted, rtol=1e-5)
    assert scorer.version.endswith("passes=6, dropout=0.3, trained_with=0.3, seed=4")


def test_every_setting_changes_the_score(torch_recognizer, rng: np.random.Generator) -> None:
    crops = rng.integers(0, 256, (2, 112, 112, 3), np.uint8)
    plain = fiqa.load("ser_fiq", recognizer=torch_recognizer).score(crops)
    for changed in ({"passes": 50}, {"dropout": 0.31}, {"seed": 1}):
        assert (
            fiqa.load("ser_fiq", recognizer=torch_recognizer, **changed).score(crops) != plain
        ).all(), changed
    more = fiqa.load("ser_fiq", recognizer=torch_recognizer, dropout=0.6).score(crops)
    assert (more < plain).all()


def test_seeds_move_the_score_less_with_more_passes(
    torch_recognizer, rng: np.random.Generator
) -> None:
    crops = rng.integers(0, 256, (4, 112, 112, 3), np.uint8)
    few, many = (
        fiqa.load("ser_fiq", recognizer=torch_recognizer, passes=t).seed_spread(crops)
        for t in (4, 200)
    )
    assert few.std.shape == (4,)
    assert (many.std > 0).all()
    assert many.std.mean() < few.std.mean() / 3
    assert 0 < many.share < few.share <= 1


def test_recognizers_that_cannot_be_asked() -> None:
    from fiqa.nets.catalog import backbone
    from fiqa.nets.recognizer import TorchRecognizer
    from fiqa.runtime.cards import ModelInput

    spec = ModelInput(
        size=112, color="RGB", layout="NCHW", scale=255, mean=(0.5,) * 3, std=(0.5,) * 3
    )
    mobile = TorchRecognizer(backbone("mobilefacenet", 16)[0], spec, name="mobile")
    with pytest.raises(
        InputError,
        match=(
            r"trained with dropout before its last layer, mobile has none(.|\n)*hint: say"
            r" dropout=0.4"
        ),
    ):
        fiqa.load("ser_fiq", recognizer=mobile)
    crop = np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3), np.uint8)
    put = fiqa.load("ser_fiq", recognizer=mobile, dropout=0.4, passes=5)
    assert 0 < float(put.score(crop)[0]) < 1
    assert "dropout=0.4, trained_with=0.0" in put.version
    with pytest.raises(InputError, match="two pieces, trunk"):
        fiqa.load(
            "ser_fiq", recognizer=TorchRecognizer(torch.nn.Conv2d(3, 4, 3), spec), dropout=0.4
        )
    for wrong in ({"passes": 1}, {"dropout": 1.0}, {"dropout": -0.1}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} must be in"):
            fiqa.load("ser_fiq", recognizer=mobile, **wrong)


def test_an_iresnet_with_dropout_is_asked() -> None:
    from fiqa.nets.iresnet import IResNet
    from fiqa.nets.recognizer import TorchRecognizer
    from fiqa.runtime.cards import ModelInput

    spec = ModelInput(
        size=112, color="RGB", layout="NCHW", scale=255, mean=(0.5,) * 3, std=(0.5,) * 3
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = IResNet(18, dim=8, dropout=0.4)
    recognizer = TorchRecognizer(net, spec, dropout=0.4)
    crops = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
    scorer = fiqa.load("ser_fiq", recognizer=recognizer, passes=8)
    assert len(set(scorer.score(crops).tolist())) == 2
