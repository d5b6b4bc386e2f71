"""A state dict in CLIP's own names becomes networks that compute what CLIP's own code does, written
apart here; anything else is refused by its keys."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import WeightsError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch.nn import functional  # noqa: E402

from fiqa.methods.clib_fiqa.clip_state import clip_of  # noqa: E402
from fiqa.methods.clib_fiqa.towers import ImageTransformer, prompt_tokens, text_matrix  # noqa: E402

pytestmark = pytest.mark.numeric


def _attention(query, others, weight, bias, out, heads, mask=None):
    """(Q,N,C) asks (L,N,C), by torch's own multi-head attention; `weight` and `bias` of query, key
    and value one above the other."""
    return functional.multi_head_attention_forward(
        query,
        others,
        others,
        query.shape[-1],
        heads,
        weight,
        bias,
        None,
        None,
        False,
        0.0,
        out[0],
        out[1],
        training=False,
        need_weights=False,
        attn_mask=mask,
    )[0]


def _blocks(state, prefix, x, heads, mask=None):
    """(L,N,C) through the residual attention blocks."""
    for i in range(2):
        p = {
            k.removeprefix(f"{prefix}{i}."): v
            for k, v in state.items()
            if k.startswith(f"{prefix}{i}.")
        }
        y = functional.layer_norm(x, x.shape[-1:], p["ln_1.weight"], p["ln_1.bias"])
        out = (p["attn.out_proj.weight"], p["attn.out_proj.bias"])
        x = x + _attention(y, y, p["attn.in_proj_weight"], p["attn.in_proj_bias"], out, heads, mask)
        y = functional.layer_norm(x, x.shape[-1:], p["ln_2.weight"], p["ln_2.bias"])
        y = functional.linear(y, p["mlp.c_fc.weight"], p["mlp.c_fc.bias"])
        x = x + functional.linear(
            y * torch.sigmoid(1.702 * y), p["mlp.c_proj.weight"], p["mlp.c_proj.bias"]
        )
    return x


def _text(state, tokens):
    length = tokens.shape[1]
    x = state["token_embedding.weight"][tokens] + state["positional_embedding"][:length]
    mask = torch.full((length, length), float("-inf")).triu(1)
    x = _blocks(state, "transformer.resblocks.", x.permute(1, 0, 2), 1, mask).permute(1, 0, 2)
    x = functional.layer_norm(x, x.shape[-1:], state["ln_final.weight"], state["ln_final.bias"])
    return x[torch.arange(len(x)), tokens.argmax(dim=-1)] @ state["text_projection"]


def _image_transformer(state, x):
    x = functional.conv2d(x, state["visual.conv1.weight"], stride=16).flatten(2).permute(2, 0, 1)
    x = torch.cat([state["visual.class_embedding"].expand(1, x.shape[1], -1), x])
    x = x + state["visual.positional_embedding"][:, None]
    x = functional.layer_norm(x, (64,), state["visual.ln_pre.weight"], state["visual.ln_pre.bias"])
    x = _blocks(state, "visual.transformer.resblocks.", x, 1)[0]
    return (
        functional.layer_norm(
            x, (64,), state["visual.ln_post.weight"], state["visual.ln_post.bias"]
        )
        @ state["visual.proj"]
    )


def _resnet(state, x):
    def norm(x, name):
        p = [
            state[f"visual.{name}.{what}"]
            for what in ("running_mean", "running_var", "weight", "bias")
        ]
        return functional.batch_norm(x, *p, training=False)

    def conv(x, name, **how):
        return functional.conv2d(x, state[f"visual.{name}.weight"], **how)

    for k, stride in ((1, 2), (2, 1), (3, 1)):
        x = functional.relu(norm(conv(x, f"conv{k}", stride=stride, padding=1), f"bn{k}"))
    x = functional.avg_pool2d(x, 2)
    for stage, count in enumerate((2, 1, 1, 1), 1):
        for block in range(count):
            head, step = f"layer{stage}.{block}.", 2 if stage > 1 and block == 0 else 1
            y = functional.relu(norm(conv(x, f"{head}conv1"), f"{head}bn1"))
            y = functional.avg_pool2d(
                functional.relu(norm(conv(y, f"{head}conv2", padding=1), f"{head}bn2")), step
            )
            y = norm(conv(y, f"{head}conv3"), f"{head}bn3")
            short = (
                x
                if block
                else norm(
                    conv(functional.avg_pool2d(x, step), f"{head}downsample.0"),
                    f"{head}downsample.1",
                )
            )
            x = functional.relu(y + short)
    x = x.flatten(2).permute(2, 0, 1)
    x = (
        torch.cat([x.mean(dim=0, keepdim=True), x])
        + state["visual.attnpool.positional_embedding"][:, None]
    )
    p = {
        part: [state[f"visual.attnpool.{part}_proj.{what}"] for what in ("weight", "bias")]
        for part in "qkvc"
    }
    weight, bias = (
        torch.cat([p[part][0] for part in "qkv"]),
        torch.cat([p[part][1] for part in "qkv"]),
    )
    return _attention(x[:1], x, weight, bias, p["c"], 2)[0]


@pytest.mark.parametrize(
    ("kind", "slow"), [("resnet", _resnet), ("transformer", _image_transformer)]
)
def test_both_towers_compute_what_clips_own_code_does(kind, slow, published, clip_folder):
    state = published(kind)
    clip = clip_of(state, "a file")
    assert (clip.size, clip.scale) == (64, pytest.approx(np.exp(3.0)))
    x = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    image = ImageTransformer(clip.image) if kind == "transformer" else clip.image
    with torch.no_grad():
        got, wanted = image(x), slow(state, x)
        assert wanted.std(dim=0).min() > 1e-3, "images differ"
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
        tokens = prompt_tokens(clip_folder)
        wanted = _text(state, tokens)
    assert (wanted - wanted[0]).abs().max() > 0.1, "prompts differ"
    torch.testing.assert_close(
        text_matrix(clip.text, tokens), functional.normalize(wanted, dim=1), atol=1e-4, rtol=1e-4
    )


def test_what_is_no_weight_is_passed_over_and_halves_become_floats(published):
    state = published("resnet")
    other = {
        f"module.{k}": v.half() if v.is_floating_point() else v
        for k, v in state.items()
        if "num_batches" not in k
    }
    for name in ("input_resolution", "context_length", "vocab_size"):
        other[f"module.{name}"] = torch.tensor(64)
    clip = clip_of(other, "a file")
    assert {p.dtype for net in (clip.text, clip.image) for p in net.parameters()} == {torch.float32}
    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(
        clip.image(x), clip_of(state, "a file").image(x), atol=2e-2, rtol=2e-2
    )


@pytest.mark.parametrize("kind", ["resnet", "transformer"])
def test_keys_that_differ_are_named(kind, published):
    def refused(change, text):
        state = published(kind)
        change(state)
        with pytest.raises(WeightsError, match=text) as caught:
            clip_of(state, "'x.pt'")
        assert "whole CLIP" in caught.value.hint

    refused(
        lambda s: s.pop("ln_final.bias"),
        r"^'x\.pt' must hold the weights of a CLIP; missing: ln_final\.bias\.",
    )
    refused(lambda s: s.update(fc=torch.zeros(2)), r"CLIP; unexpected: fc\.")
    refused(
        lambda s: s.pop("transformer.resblocks.1.attn.in_proj_weight"),
        r"missing: .*1\.attn\.in_proj_weight",
    )
    refused(
        lambda s: s.update({"text_projection": torch.zeros(60, 16)}),
        r"of another shape: text_projection \(60, 16\) for \(64, 16\)",
    )
    refused(
        lambda s: s.update(logit_scale=torch.zeros(1)),
        r"missing: logit_scale\. It begins with: positional_embedding",
    )
    refused(lambda s: s.pop("visual.conv1.weight"), r"missing: visual\.conv1\.weight")
    where = {
        "resnet": "visual.attnpool.positional_embedding",
        "transformer": "visual.positional_embedding",
    }[kind]
    refused(lambda s: s.pop(where), rf"missing: {where}")


def test_a_state_of_something_else_and_odd_widths_are_refused(published):
    with pytest.raises(
        WeightsError,
        match=(
            r"missing: token_embedding.weight, positional_embedding, ln_final.weight. It begins"
            r" with: nothing"
        ),
    ):
        clip_of({}, "'x.pt'")
    with pytest.raises(WeightsError, match=r"must be a multiple of 64 wide, got 100"):
        clip_of(published("resnet", width=100), "'x.pt'")
