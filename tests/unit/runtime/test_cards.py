"""Cards: what they must say, and what an error in one says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fiqa.errors import InputError, ReadError, UnknownNameError, WeightsError
from fiqa.runtime.cards import ModelCard, card_path, read_card, write_card

INPUT = {
    "size": 112,
    "color": "RGB",
    "layout": "NCHW",
    "scale": 255,
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
}
RECOGNIZER = {
    "name": "r",
    "kind": "recognizer",
    "file": "r.onnx",
    "sha256": "0" * 64,
    "input": INPUT,
    "outputs": [{"name": "e", "role": "embedding"}],
    "embedding_dim": 8,
}
QUALITY = RECOGNIZER | {
    "kind": "quality",
    "outputs": [{"name": "q", "role": "quality"}],
    "calibration": {"x0": 0.5, "w": 0.1},
}


def _write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "r.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_round_trip(tmp_path: Path) -> None:
    extra = {
        "license": "MIT",
        "paper": "p",
        "source": "s",
        "training_data": "t",
        "limits": "l",
        "numbers": {"LFW accuracy": 0.993},
    }
    card = ModelCard.model_validate(QUALITY | extra)
    path = write_card(card, tmp_path / "q.json")
    assert read_card(path) == card
    assert card.calibration is not None
    assert card.calibration.level_cuts == (20, 40, 60, 80)
    assert card.output("quality").name == "q"  # type: ignore[union-attr]
    assert card.output("factors") is None


def test_card_path() -> None:
    assert card_path("a/b.v2.onnx") == Path("a/b.v2.json")
    for suffix in (".pt", ".pth", ".safetensors"):  # beside an .onnx file of the same name
        assert card_path(f"a/b.v2{suffix}") == Path(f"a/b.v2{suffix}.json")


def test_torch_weights_say_what_no_state_dict_holds(tmp_path: Path) -> None:
    card = read_card(
        _write(
            tmp_path, RECOGNIZER | {"backbone": "iresnet50", "dropout": 0.4, "objective": "arcface"}
        )
    )
    assert (card.backbone, card.dropout, card.objective) == ("iresnet50", 0.4, "arcface")
    with pytest.raises(InputError, match=r"dropout: Input should be less than 1"):
        read_card(_write(tmp_path, RECOGNIZER | {"dropout": 1.0}))
    with pytest.raises(WeightsError, match=r"fiqa weights card .*r\.pt --help"):
        read_card(tmp_path / "r.pt.json")


def test_no_card_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="must have a card beside it") as caught:
        read_card(tmp_path / "r.json")
    assert "fiqa weights card" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("place", "key", "closest"),
    [
        ((), "sha265", "sha256"),
        (("input",), "colour", "color"),
        (("outputs", 0), "higher_better", "higher_is_better"),
    ],
)
def test_unknown_key_names_the_closest(
    tmp_path: Path, place: tuple[Any, ...], key: str, closest: str
) -> None:
    content = json.loads(json.dumps(RECOGNIZER))
    target = content
    for step in place:
        target = target[step]
    target[key] = 1
    with pytest.raises(UnknownNameError, match=f"Unknown key of .*{key}") as caught:
        read_card(_write(tmp_path, content))
    assert caught.value.closest == closest


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sha256": "xyz"}, "sha256: .*pattern"),
        ({"kind": "face"}, "kind: .*recognizer"),
        ({"input": INPUT | {"color": "GRAY"}}, r"input\.color"),
        ({"input": INPUT | {"std": [1, 0, 1]}}, "std must be positive"),
        ({"input": INPUT | {"mean": [0.5]}}, r"input\.mean"),
        ({"input": INPUT | {"scale": 0}}, r"input\.scale"),
        (
            {"input": {k: v for k, v in INPUT.items() if k != "color"}},
            r"input\.color: Field required",
        ),
        ({"outputs": []}, "outputs"),
        ({"match_threshold": 1.5}, "match_threshold: Input should be less than or equal to 1"),
        (
            {"kind": "detector", "match_threshold": 0.3},
            "a detector must have no match_threshold",
        ),
        (
            {"outputs": [{"name": "e", "role": "embedding"}] * 2},
            "exactly one output of role embedding, got 2",
        ),
        ({"embedding_dim": None}, "must have embedding_dim"),
        (
            {"kind": "quality", "outputs": [{"name": "q", "role": "quality"}]},
            "must have calibration",
        ),
        (
            {"outputs": [{"name": "e", "role": "embedding", "factors": ["blur"]}]},
            "exactly when its role is factors",
        ),
        ({"numbers": {"a": float("nan")}}, "numbers"),
    ],
)
def test_bad_fields_are_named(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        read_card(_write(tmp_path, RECOGNIZER | changes))


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (
            {"role": "factors", "factors": ["blur", "blur"]},
            "must name each of its factors once, got blur, blur",
        ),
        ({"role": "measures"}, "has measure names exactly when its role is measures, got measures"),
        (
            {"role": "other", "measures": ["p"]},
            "has measure names exactly when its role is measures, got other",
        ),
        (
            {"role": "measures", "measures": ["p", "expression"]},
            "must not be named as a factor is, got expression",
        ),
    ],
)
def test_names_of_outputs_are_checked(tmp_path: Path, output: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        read_card(
            _write(
                tmp_path,
                RECOGNIZER | {"outputs": [*RECOGNIZER["outputs"], {"name": "f", **output}]},
            )
        )


def test_cuts_must_ascend_and_w_be_positive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="strictly ascending"):
        read_card(
            _write(
                tmp_path, QUALITY | {"calibration": {"x0": 0, "w": 1, "level_cuts": [1, 3, 2, 4]}}
            )
        )
    with pytest.raises(UnknownNameError, match="level_cuts"):
        read_card(
            _write(
                tmp_path, QUALITY | {"calibration": {"x0": 0, "w": 1, "level_cut": [1, 2, 3, 4]}}
            )
        )
    with pytest.raises(InputError, match=r"calibration: w must be in"):
        read_card(_write(tmp_path, QUALITY | {"calibration": {"x0": 0, "w": 0}}))


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"role": "factors", "factors": ["sharpness"]}, "Unknown factor 'sharpness'"),
        (
            {"role": "factors", "factors": ["blur"], "reasons": {"blur": "blury"}},
            "Unknown reason code 'blury'",
        ),
    ],
)
def test_factor_names_are_checked(tmp_path: Path, output: dict[str, Any], text: str) -> None:
    outputs = [{"name": "q", "role": "quality"}, {"name": "f"} | output]
    with pytest.raises(UnknownNameError, match=text):
        read_card(_write(tmp_path, QUALITY | {"outputs": outputs}))


def test_not_json_not_an_object_too_large(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="must be JSON"):
        read_card(_write(tmp_path, "{"))
    with pytest.raises(ReadError, match="must be JSON"):
        read_card(_write(tmp_path, "[" * 100_000))
    with pytest.raises(InputError, match="the card: "):
        read_card(_write(tmp_path, [1]))
    with pytest.raises(ReadError, match="must be at most") as caught:
        read_card(_write(tmp_path, " " * 2_000_000))
    assert caught.value.status == "too_large"
