"""CLIP's towers with tiny models of the real classes: what transformers computes, the prompts once,
and clear errors."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from fiqa.errors import WeightsError
from fiqa.methods.clib_fiqa.prompts import PROMPTS

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from fiqa.methods.clib_fiqa.clip_state import clip_of  # noqa: E402
from fiqa.methods.clib_fiqa.graph import OUTPUTS, ClibGraph  # noqa: E402
from fiqa.methods.clib_fiqa.joint import marginals  # noqa: E402
from fiqa.methods.clib_fiqa.tokens import VOCABULARY, known_tokens  # noqa: E402
from fiqa.methods.clib_fiqa.towers import (  # noqa: E402
    clip_input,
    prompt_tokens,
    state_towers,
    text_matrix,
    towers,
)
from fiqa.nets.to_onnx import onnx_bytes  # noqa: E402
from fiqa.runtime.onnx import open_session  # noqa: E402
from fiqa.runtime.preprocess import prepare  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def found(clip_folder):
    return towers(str(clip_folder))


def test_a_folder_gives_what_transformers_own_model_gives(clip_folder, found):
    """The whole model of transformers, prompts and all, against image tower, constant text and
    scale; and the exported file."""
    model = transformers.CLIPModel.from_pretrained(clip_folder).eval()
    tokenizer = transformers.CLIPTokenizer.from_pretrained(clip_folder)
    crops = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    x = torch.from_numpy(prepare(crops, clip_input(32)))
    tokens = tokenizer(list(PROMPTS), padding="max_length", max_length=64, return_tensors="pt")
    with torch.no_grad():
        p = torch.softmax(model(pixel_values=x, **tokens).logits_per_image, dim=1)
        graph = ClibGraph(found.image, found.text, found.scale).eval()
        quality, _, measures = graph(x)
    assert (found.size, tuple(found.text.shape)) == (32, (360, 16))
    assert found.scale == pytest.approx(np.exp(3.0), rel=1e-5)
    wanted = torch.cat(list(marginals(p).values()), dim=1)
    assert np.ptp(quality.numpy()) > 1e-3, "it varies"
    np.testing.assert_allclose(measures, wanted, atol=1e-5)
    session = open_session(onnx_bytes(graph, size=32, outputs=OUTPUTS), "clip", threads=1)
    got = session.run(list(OUTPUTS), {"crops": x.numpy()})
    np.testing.assert_allclose(got[0], quality, atol=1e-4)
    np.testing.assert_allclose(got[2], wanted, atol=1e-4)


def test_the_image_tower_learns_and_the_text_is_constant(found):
    assert not found.text.requires_grad
    np.testing.assert_allclose(found.text.norm(dim=1), 1.0, atol=1e-5)
    assert len({tuple(row) for row in found.text.numpy().round(4).tolist()}) == 360
    found.image(torch.rand(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in found.image.parameters() if p.requires_grad)
    assert sum(p.requires_grad for p in found.image.parameters()) > 10


def test_the_whole_crop_is_seen_with_clips_mean_and_std():
    crop = np.zeros((1, 112, 112, 3), np.uint8)
    crop[:, -8:, -8:] = 255
    seen = prepare(crop, clip_input(224))
    assert seen.shape == (1, 3, 224, 224)
    np.testing.assert_allclose(seen[0, :, 0, 0], [-1.79226, -1.75210, -1.48022], atol=1e-4)
    assert (seen[0, :, -1, -1] > 1.9).all(), "the corner is there"


def test_a_model_that_is_not_here_and_a_folder_of_something_else(tmp_path):
    with pytest.raises(
        WeightsError,
        match=r"Model 'openai/clip-vit-base-patch16' is not here \(HF_HUB_OFFLINE is set\)",
    ):
        towers("openai/clip-vit-base-patch16")
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(WeightsError, match=r"A CLIP model could not be loaded from .*"):
        towers(str(tmp_path))
    with pytest.raises(
        WeightsError, match=r"The tokenizer in .* must tell the 360 prompts apart, it knows 1\."
    ):
        prompt_tokens(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match=r"A CLIP tokenizer could not be loaded from .*"):
        prompt_tokens(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(published, clip_folder, tmp_path):
    state = published("resnet")
    state["positional_embedding"] = state["positional_embedding"][:20]
    with pytest.raises(
        WeightsError, match=r"takes 20 tokens below (\d+); the prompts have \d\d, the highest \d+"
    ):
        state_towers(state, "a file", tokenizer=str(clip_folder))
    state = published("transformer")
    state["token_embedding.weight"] = state["token_embedding.weight"][:100]
    with pytest.raises(WeightsError, match=r"takes 64 tokens below 100"):
        state_towers(state, "a file", tokenizer=str(clip_folder))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kind", ["resnet", "transformer"])
def test_a_local_state_dict_needs_no_tokenizer_and_no_network(published, tmp_path, kind, suffix):
    """With CLIP's whole vocabulary; the text is what the text tower makes of the shipped ids."""
    from safetensors.torch import save_file

    state = _whole_vocabulary(published(kind))
    path = tmp_path / f"mine{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    found = towers(str(path))
    assert (found.size, tuple(found.text.shape)) == (64, (360, 16))
    clip = clip_of(state, "a file")
    expected = text_matrix(clip.text, torch.from_numpy(known_tokens()))
    torch.testing.assert_close(found.text, expected)
    assert len(torch.unique(found.text, dim=0)) == 360
    assert next(found.image.parameters()).requires_grad


def test_rn50_is_our_own_network_with_the_hubs_weights(published, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"'timm/resnet50_clip\.openai' is not here") as caught:
        towers("RN50")
    place = tmp_path / "models" / "timm" / "resnet50_clip.openai"
    assert f"(open_clip_model.safetensors) into the folder {place}" in caught.value.hint
    state = _whole_vocabulary(published("resnet"))
    place.mkdir(parents=True)
    save_file(state, place / "open_clip_model.safetensors")
    found = towers("RN50")
    torch.testing.assert_close(found.text, state_towers(state, "a file").text)
    assert type(found.image).__name__ == "ClipResNet"
    assert next(found.image.parameters()).requires_grad


def test_a_state_dict_of_another_vocabulary_needs_its_tokenizer(published, tmp_path):
    with pytest.raises(WeightsError, match=r"must have CLIP's vocabulary of 49408 tokens, it has"):
        state_towers(published("resnet"), "a file")
    with pytest.raises(WeightsError, match="there is none at"):
        towers(str(tmp_path / "none.pt"))


def _whole_vocabulary(state):
    rows = state["token_embedding.weight"].shape[1]
    generator = torch.Generator().manual_seed(6)
    table = torch.randn(VOCABULARY, rows, generator=generator) / rows**0.5
    return state | {"token_embedding.weight": table}


def test_a_model_in_fiqa_home_is_found_by_name(clip_folder, tmp_path, monkeypatch, found):
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    shutil.copytree(clip_folder, tmp_path / "models" / "openai" / "clip-vit-base-patch32")
    torch.testing.assert_close(towers("openai/clip-vit-base-patch32").text, found.text)
