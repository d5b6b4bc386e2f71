"""What probes share: how a recognizer is given, seeds from content, the spread over seeds; and the
norm as a scorer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError, MissingExtraError, UnknownNameError, WeightsError
from fiqa.methods import settings_of
from fiqa.methods.probe import Probe, content_seed, opened

pytestmark = pytest.mark.numeric

Maker = Callable[..., Path]


class Plain:
    """A recognizer of one's own: mean and deviation of each color."""

    name = "plain"

    def embed(self, crops: np.ndarray) -> np.ndarray:
        return np.concatenate([crops.mean(axis=(1, 2)), crops.std(axis=(1, 2))], axis=1).astype(
            np.float32
        )


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (5, 112, 112, 3), np.uint8)


def chance(crops: np.ndarray, seed: int) -> np.ndarray:
    return np.array([np.random.default_rng(content_seed(crop, seed)).normal() for crop in crops])


def probe(**changes: object) -> Probe:
    settings = {
        "settings": {"seed": 0},
        "calibration": (0.0, 1.0),
        "batch": 2,
        "preprocess": "none",
    }
    return Probe("chance", Plain(), chance, **(settings | changes))


def test_draws_depend_on_content_and_seed_alone(crops: np.ndarray) -> None:
    raw = probe().score(crops)
    assert len(set(raw.tolist())) == 5
    np.testing.assert_array_equal(probe(batch=5).score(crops[::-1]), raw[::-1])
    np.testing.assert_array_equal(probe().score(crops[2:3]), raw[2:3])
    assert (probe(settings={"seed": 1}).score(crops) != raw).all()
    assert content_seed(crops[0], 3) == content_seed(np.asfortranarray(crops[0]), 3) < 2**63
    assert content_seed(np.zeros((4, 4, 3), np.uint8), 0) != content_seed(
        np.zeros((2, 8, 3), np.uint8), 0
    )


def test_pure_chance_is_all_spread_and_no_chance_is_none(crops: np.ndarray) -> None:
    spread = probe().seed_spread(crops, seeds=40)
    table = np.stack([chance(crops, seed) for seed in range(40)]).astype(np.float32)
    np.testing.assert_allclose(spread.std, table.std(axis=0, ddof=1), rtol=1e-5)
    assert spread.share > 0.8
    still = Probe(
        "still",
        Plain(),
        lambda c, _: c.mean((1, 2, 3)),
        settings={"seed": 0},
        calibration=(0, 1),
        batch=2,
        preprocess="",
    )
    assert still.seed_spread(crops).share == 0
    with pytest.raises(InputError, match="seeds must be in"):
        probe().seed_spread(crops, seeds=1)
    with pytest.raises(InputError, match="needs at least 1 crop, got 0"):
        probe().seed_spread(crops[:0])
    with pytest.raises(InputError, match="norm draws nothing"):
        fiqa.load("norm", recognizer=Plain()).seed_spread(crops)


def test_the_share_is_that_of_the_model_of_random_effects() -> None:
    many = np.zeros((3000, 112, 112, 3), np.uint8)
    many[:, 0, 0, 0], many[:, 0, 1, 0] = np.arange(3000) // 256, np.arange(3000) % 256
    own = np.random.default_rng(5).normal(size=3000)

    def measure(crops: np.ndarray, seed: int) -> np.ndarray:
        rows = crops[:, 0, 0, 0].astype(int) * 256 + crops[:, 0, 1, 0]
        return 2 * own[rows] + np.random.default_rng(seed).normal(size=3000)[rows]

    for seeds in (2, 5):  # faces make 4 of the variance, seeds 1
        found = Probe(
            "two",
            Plain(),
            measure,
            settings={"seed": 0},
            calibration=(0, 1),
            batch=3000,
            preprocess="",
        )
        assert found.seed_spread(many, seeds=seeds).share == pytest.approx(0.2, abs=0.01)


def test_version_calibration_and_batch() -> None:
    made = probe(settings={"seed": 3, "passes": 7})
    assert made.version == f"fiqa {fiqa.__version__}; plain; seed=3, passes=7"
    assert made.seeded
    assert not probe(settings={}).seeded
    assert made.unified(np.array([0.0, 100.0, -100.0], np.float32)).tolist() == [50, 100, 0]
    with pytest.raises(InputError, match="batch must be in"):
        probe(batch=0)
    with pytest.raises(InputError, match="w must be in"):
        probe(calibration=(0.0, 0.0))


def test_the_norm_of_any_recognizer_is_a_score(
    crops: np.ndarray, tiny_recognizer: Maker, torch_recognizer
) -> None:
    from fiqa.runtime.onnx import OnnxEmbedder

    path = tiny_recognizer()
    for given, embedder in (
        (path, OnnxEmbedder(path)),
        (Plain(), Plain()),
        (torch_recognizer, torch_recognizer),
    ):
        scorer = fiqa.load("norm", recognizer=given)
        np.testing.assert_allclose(
            scorer.score(crops), np.linalg.norm(embedder.embed(crops), axis=1), rtol=1e-5
        )
        assert scorer.name == "norm"
    assert fiqa.load("norm", recognizer=path).preprocess.startswith("RGB 112x112")
    assert fiqa.load("norm", recognizer=Plain()).preprocess == "as plain sees it"
    shifted = fiqa.load("norm", recognizer=Plain(), x0=1000.0, w=5.0)
    assert shifted.unified(shifted.score(crops)).max() == 0


def test_the_norm_of_a_magface_recognizer_has_its_own_name(
    tiny_recognizer: Maker, crops: np.ndarray
) -> None:
    assert fiqa.load("norm", recognizer=tiny_recognizer("m", objective="magface")).name == "magface"
    assert fiqa.load("norm", recognizer=tiny_recognizer("n", objective="arcface")).name == "norm"


def test_what_names_a_recognizer(tiny_recognizer: Maker, tmp_path: Path) -> None:
    assert opened(str(tiny_recognizer())).name == "tiny"
    with pytest.raises(InputError, match="must be a path or have `name` and `embed"):
        opened(7)  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="there is none at"):
        fiqa.load("norm", recognizer=tmp_path / "absent.pt")
    with pytest.raises(
        InputError,
        match=(
            r"GraFIQs must have a recognizer in torch, tiny is a OnnxEmbedder(.|\n)*hint: give its"
            r" torch weights"
        ),
    ):
        fiqa.load("grafiqs", recognizer=tiny_recognizer())


@pytest.mark.parametrize("name", ["grafiqs", "ser_fiq", "faceqan", "froq"])
def test_without_torch_the_error_is_the_install_line(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    given = {"reference": "scores.parquet"} if name == "froq" else {}
    with pytest.raises(MissingExtraError, match=r"hint: pip install 'fiqa\[train\]'$"):
        fiqa.load(name, recognizer=tmp_path / "r.pt", **given)
    with pytest.raises(MissingExtraError, match=r"hint: pip install 'fiqa\[train\]'$"):
        fiqa.load("norm", recognizer=tmp_path / "r.pt")


def test_settings_are_checked_by_name_and_type() -> None:
    assert dict(settings_of("grafiqs")).keys() == {"recognizer", "at", "x0", "w", "batch"}
    assert settings_of("cr_fiqa") == {}
    with pytest.raises(
        InputError, match=r"grafiqs must be given its recognizer(.|\n)*--recognizer FILE"
    ):
        fiqa.load("grafiqs")
    with pytest.raises(
        InputError, match=r"froq must be given its reference(.|\n)*--set reference="
    ):
        fiqa.load("froq", recognizer=Plain())
    with pytest.raises(UnknownNameError, match="Unknown setting of ser_fiq 'pases'") as caught:
        fiqa.load("ser_fiq", recognizer=Plain(), pases=3)
    assert caught.value.closest == "passes"
    for wrong in ("many", 2.5, True):
        with pytest.raises(InputError, match="passes of ser_fiq must be a whole number"):
            fiqa.load("ser_fiq", recognizer=Plain(), passes=wrong)
    with pytest.raises(InputError, match="at of grafiqs must be text, got 3"):
        fiqa.load("grafiqs", recognizer=Plain(), at=3)
    with pytest.raises(UnknownNameError, match="Unknown setting of analytic 'recognizer'"):
        fiqa.load("analytic", recognizer=Plain())
    with pytest.raises(InputError, match="A model file has no settings, got width"):
        fiqa.load("lightqnet-dm100.pb", width="dm050")


def test_lightqnet_by_name_is_looked_for_and_not_fetched() -> None:
    with pytest.raises(
        WeightsError, match=r"lightqnet-dm050(.|\n)*hint: fiqa weights pull lightqnet-dm050"
    ):
        fiqa.load("lightqnet", width="dm050")
    with pytest.raises(UnknownNameError, match="Unknown width 'dm75'"):
        fiqa.load("lightqnet", width="dm75")
