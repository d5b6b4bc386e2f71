"""The judges, with tiny models of the real classes: what must change an answer changes it, and
nothing else does."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest

from fiqa.errors import UnknownNameError, WeightsError
from fiqa.methods.dmsfiqa.config import read_config
from fiqa.methods.dmsfiqa.judges import AnalyticJudge, judge_of
from fiqa.types import Faces
from fiqa.vocabulary import FACTORS

pytestmark = pytest.mark.numeric


def _config(**models):
    config = read_config()
    for name, folder in models.items():
        config[name]["model"] = str(folder)
    return config


def _judged(name, config, faces):
    found = judge_of(name, config).judge(faces)
    assert found.shape == (len(faces), 6)
    assert found.dtype == np.float32
    assert not len(found) or (found.min() >= 0 and found.max() <= 1)
    return found


def test_clip_answers_vary_with_the_image_and_not_with_the_batch(clip_folder, seven):
    config = _config(clip=clip_folder)
    found = _judged("clip", config, seven)
    assert np.ptp(found, axis=0).min() > 1e-3, "the output varies"
    config["clip"]["batch"] = 3
    np.testing.assert_allclose(_judged("clip", config, seven), found, atol=1e-5)
    for count in (0, 1, 2):
        np.testing.assert_allclose(
            _judged("clip", config, seven.take(slice(count))), found[:count], atol=1e-5
        )


def test_clip_is_the_sigmoid_of_the_margin_of_mean_cosines(clip_folder, seven):
    """Against transformers' own full model, which normalizes and multiplies by itself."""
    import torch
    import transformers

    config = _config(clip=clip_folder)
    model = transformers.CLIPModel.from_pretrained(clip_folder).eval()
    tokenizer = transformers.CLIPTokenizer.from_pretrained(clip_folder)
    process = transformers.CLIPImageProcessorPil.from_pretrained(clip_folder)
    pixels = process(images=list(seven.crops), return_tensors="pt")["pixel_values"]
    prompts = config["clip"]["prompts"]["occlusion"]
    texts = [*prompts["positive"], *prompts["negative"]]
    tokens = tokenizer(
        texts, padding="max_length", max_length=64, truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        logits = model(pixel_values=pixels, **tokens).logits_per_image / model.logit_scale.exp()
    cosine = logits.numpy().astype(np.float64)
    margin = cosine[:, : len(prompts["positive"])].mean(1) - cosine[
        :, len(prompts["positive"]) :
    ].mean(1)
    expected = 1 / (1 + np.exp(-margin / 0.015))
    np.testing.assert_allclose(
        _judged("clip", config, seven)[:, FACTORS.index("occlusion")], expected, atol=1e-4
    )


def test_clip_prompts_and_tau_change_their_factor(clip_folder, seven):
    config = _config(clip=clip_folder)
    found = _judged("clip", config, seven)
    other = copy.deepcopy(config)
    other["clip"]["prompts"]["pose"]["negative"] = ["zebra"]
    changed = np.abs(_judged("clip", other, seven) - found).max(axis=0) > 1e-3
    assert changed.tolist() == [name == "pose" for name in FACTORS]
    swapped = copy.deepcopy(config)
    sides = swapped["clip"]["prompts"]["blur"]
    sides["positive"], sides["negative"] = sides["negative"], sides["positive"]
    blur = FACTORS.index("blur")
    np.testing.assert_allclose(
        _judged("clip", swapped, seven)[:, blur], 1 - found[:, blur], atol=1e-5
    )
    config["clip"]["tau"] = 0.8
    assert np.ptp(_judged("clip", config, seven)) < np.ptp(found), (
        "a large tau makes every answer one half"
    )


def test_blip2_answers_vary_with_the_image_and_not_with_the_batch(blip2_folder, seven):
    config = _config(blip2=blip2_folder)
    found = _judged("blip2", config, seven)
    assert np.ptp(found, axis=0).min() > 1e-3, "the output varies"
    config["blip2"]["batch"] = 3
    np.testing.assert_allclose(_judged("blip2", config, seven), found, atol=1e-5)
    for count in (0, 1, 2):
        np.testing.assert_allclose(
            _judged("blip2", config, seven.take(slice(count))), found[:count], atol=1e-5
        )


def test_blip2_agrees_with_the_whole_model_of_transformers(blip2_folder, seven):
    """Against the model's own forward, with the image's place held by image tokens."""
    import torch
    import transformers

    config = _config(blip2=blip2_folder)
    model = transformers.Blip2ForConditionalGeneration.from_pretrained(blip2_folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(blip2_folder)
    process = transformers.BlipImageProcessorPil.from_pretrained(blip2_folder)
    pixels = process(images=list(seven.crops), return_tensors="pt")["pixel_values"]
    asked = config["blip2"]["template"].format(
        question=config["blip2"]["questions"]["pose"]["question"]
    )
    ids = [model.config.image_token_id] * 4 + tokenizer(asked)["input_ids"]
    more = (
        {}
        if model.config.use_decoder_only_language_model
        else {"decoder_input_ids": torch.zeros(7, 1).long()}
    )
    with torch.no_grad():
        logits = model(pixel_values=pixels, input_ids=torch.tensor([ids] * 7), **more).logits[:, -1]
    yes, no = tokenizer("yes")["input_ids"][0], tokenizer("no")["input_ids"][0]
    expected = torch.softmax(logits[:, [yes, no]], dim=-1)[:, 1].numpy()
    np.testing.assert_allclose(
        _judged("blip2", config, seven)[:, FACTORS.index("pose")], expected, atol=1e-5
    )


def test_blip2_question_and_polarity_change_their_factor(blip2_folder, seven):
    config = _config(blip2=blip2_folder)
    found = _judged("blip2", config, seven)
    for factor in ("visibility", "crop"):
        other = copy.deepcopy(config)
        asked = other["blip2"]["questions"][factor]
        asked["good"] = "no" if asked["good"] == "yes" else "yes"
        place = FACTORS.index(factor)
        flipped = _judged("blip2", other, seven)
        np.testing.assert_allclose(flipped[:, place], 1 - found[:, place], atol=1e-5)
        np.testing.assert_allclose(
            np.delete(flipped, place, 1), np.delete(found, place, 1), atol=1e-5
        )
    config["blip2"]["questions"]["blur"]["question"] = "Is the face heavily cut?"
    changed = np.abs(_judged("blip2", config, seven) - found).max(axis=0) > 1e-4
    assert changed.tolist() == [name == "blur" for name in FACTORS]


def test_only_visibility_asks_for_what_is_good():
    questions = read_config()["blip2"]["questions"]
    assert {name: asked["good"] for name, asked in questions.items()} == {
        name: "yes" if name == "visibility" else "no" for name in FACTORS
    }


def test_words_that_are_one_token_are_refused(blip2_folder, seven):
    config = _config(blip2=blip2_folder)
    config["blip2"] |= {"yes": "xyzzy", "no": "plugh"}
    with pytest.raises(WeightsError, match="tells apart, got 'xyzzy' and 'plugh'"):
        judge_of("blip2", config).load()


@pytest.mark.parametrize("judge", ["clip", "blip2"])
def test_a_model_that_is_not_here_says_what_to_download_and_where_to(judge, tmp_path, monkeypatch):
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name = read_config()[judge]["model"]
    with pytest.raises(WeightsError, match=r"is not here \(HF_HUB_OFFLINE is set\)") as caught:
        judge_of(judge, read_config()).load()
    assert (
        caught.value.hint
        == f"download https://huggingface.co/{name} (json, txt, safetensors files) into the folder"
        f" {tmp_path / 'models' / name}"
    )
    assert "\n" not in caught.value.message


def test_a_model_in_fiqa_home_is_found_by_name_and_described_by_hash(
    clip_folder, tmp_path, monkeypatch, seven
):
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    place = tmp_path / "models" / read_config()["clip"]["model"]
    shutil.copytree(clip_folder, place)
    judge = judge_of("clip", read_config())
    judge.load()
    about = judge.describe()
    assert json.loads(json.dumps(about)) == about
    assert len(about["files"]["model.safetensors"]) == 64
    assert about["prompts"]["blur"]["positive"][0] == "a sharp face without blur"


def test_a_folder_of_something_else_is_refused_by_name(tmp_path, seven):
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(WeightsError, match=r"A CLIP model could not be loaded from .*"):
        judge_of("clip", _config(clip=tmp_path)).load()


def test_a_clip_without_its_tokenizer_is_refused(clip_folder, tmp_path):
    bare = shutil.copytree(clip_folder, tmp_path / "bare")
    for name in (
        "vocab.json",
        "merges.txt",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ):
        (bare / name).unlink(missing_ok=True)
    with pytest.raises(
        WeightsError, match=r"The tokenizer in .*bare must tell the \d+ prompts apart, it knows 1\."
    ):
        judge_of("clip", _config(clip=bare)).load()


def test_analytic_gives_the_factors_and_no_pose_without_landmarks(seven):
    found = AnalyticJudge().judge(seven)
    assert np.isnan(found[:, FACTORS.index("pose")]).all()
    assert np.isfinite(np.delete(found, FACTORS.index("pose"), 1)).all()
    assert AnalyticJudge().judge(Faces(np.empty((0, 112, 112, 3), np.uint8))).shape == (0, 6)
    assert AnalyticJudge().describe()["judge"] == "analytic"


def test_an_unknown_judge_gets_the_closest():
    with pytest.raises(UnknownNameError, match=r"Unknown judge 'clib'"):
        judge_of("clib", read_config())
