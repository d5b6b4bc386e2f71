"""Which part of a face is named where no factor is bad."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fiqa
from fiqa.errors import WeightsError
from fiqa.faces.what_if import REGIONS, replaced
from fiqa.methods.bundled import unusual as module
from fiqa.methods.bundled.unusual import ORDINARY, gains, unusual
from fiqa.types import FloatArray


def crops(count: int = 2) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)


def test_a_region_is_exchanged_and_the_rest_stays() -> None:
    face, other = crops()
    made = replaced(face, other).astype(int)
    for name, (y, x) in {"eyes": (52, 38), "forehead": (5, 56), "mouth": (93, 56)}.items():
        changed = np.abs(made[REGIONS.index(name)] - face).max(axis=2) > 0
        assert changed[y - 2 : y + 3, x - 2 : x + 3].any()
        assert not changed[70 if name != "mouth" else 20, 56]


def test_the_regions_are_nearly_the_whole_crop() -> None:
    dark, light = (np.full((112, 112, 3), level, np.uint8) for level in (40, 200))
    light[::2, :56] += 20
    dark[::2] += 8
    changed = np.abs(replaced(dark, light).astype(int) - dark).max(axis=(0, 3))
    assert (changed > 0).mean() > 0.9


def test_the_ordinary_region_takes_on_color_and_contrast_of_the_face() -> None:
    rng = np.random.default_rng(1)
    face = np.clip(rng.normal(60, 5, (112, 112, 3)), 0, 255).astype(np.uint8)
    other = np.clip(rng.normal(180, 30, (112, 112, 3)), 0, 255).astype(np.uint8)
    mouth = replaced(face, other)[REGIONS.index("mouth")][88:98, 46:66]
    assert mouth.mean() == pytest.approx(60, abs=2)
    assert mouth.std() == pytest.approx(5, abs=1)


def test_the_region_that_wins_most_beyond_what_is_usual_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def score(batch: np.ndarray) -> FloatArray:
        asked.append(len(batch))
        won = np.zeros((len(batch) // 6, 6), np.float32)
        won[:, REGIONS.index("forehead")] = 0.3
        won[:, REGIONS.index("mouth")] = 0.2
        return won.ravel()

    usual = np.zeros(6)
    usual[REGIONS.index("forehead")] = 0.25
    face = crops()[0]
    monkeypatch.setattr(module, "_ordinary", lambda model: (face, usual, np.ones(6)))
    told = unusual(crops(), np.zeros(2, np.float32), score)
    assert told == [("unusual_mouth", pytest.approx(0.2))] * 2
    assert asked == [12], "one batch for all faces"
    assert unusual(crops(0), np.empty(0, np.float32), score) == []
    assert asked == [12]
    assert gains(crops(), np.full(2, 0.1, np.float32), score, face)[0].max() == pytest.approx(0.2)


def test_the_file_beside_the_weights_tells_of_each_region(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads(ORDINARY.with_suffix(".json").read_text())
    assert all(tuple(told[name]["regions"]) == REGIONS for name in ("fiqa", "fiqa-large"))
    from pathlib import Path

    other = Path(str(tmp_path)) / "ordinary.png"
    other.with_suffix(".json").write_text('{"fiqa": {"regions": {"eyes": [0, 1]}}}')
    module._ordinary.cache_clear()
    monkeypatch.setattr(module, "ORDINARY", other)
    with pytest.raises(WeightsError, match="must tell of eyes, forehead"):
        module._ordinary("fiqa")
    module._ordinary.cache_clear()


def test_each_region_has_a_reason_in_every_language() -> None:
    from fiqa.reason_words import REASONS

    for name in REGIONS:
        assert set(REASONS[f"unusual_{name}"]) == {"en", "de", "zh", "es"}


def test_a_face_of_a_low_score_without_a_bad_factor_has_a_region() -> None:
    scorer = fiqa.load("fiqa")
    noise = crops(6)
    raw, why = scorer.assess(fiqa.Faces(noise))
    assert (scorer.unified(raw) < 60).all()
    assert all(why.reasons)
