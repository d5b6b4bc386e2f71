"""The heads that say why: fitted on the shipped network's frozen features, put into its file.

One hidden layer gives the reasons and the six factors. Without it a hand was told as a mask in .09,
and a strong damage was often called no face (docs/concepts/bundled.md).

    python recipes/reasons_data.py ../shared/data runs/reasons src/fiqa/weights/fiqa.onnx
    python recipes/reasons.py fit ../shared/data runs/reasons src/fiqa/weights
    python recipes/reasons.py ship ../shared/data runs/reasons src/fiqa/weights

For the larger model it is fiqa-large.onnx in the first line, and a last word `fiqa-large` in the
others.

`fit` leaves out each fifth of the people whose masks, lights and heads were learned, prints
what the heads say of them, and writes OUT/heads.npz, fitted on all. `ship` puts the heads into
fiqa.onnx of a folder, with its card and the ordinary face beside it; what gives the quality is left
as it is, byte for byte. recipes/reasons_table.py prints what the reasons are worth then.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from reasons_could import fitted as could_be
from reasons_data import FOLDS, chosen, learned
from reasons_teachers import REASONS, place
from torch.nn.functional import binary_cross_entropy_with_logits

from fiqa.data.images import read_image
from fiqa.faces.factors import REASON_BELOW, factor_of_reason
from fiqa.faces.what_if import REGIONS
from fiqa.functional.calibration import Calibration
from fiqa.methods.bundled.model import DOUBTFUL, WITHOUT, reasons_of
from fiqa.methods.bundled.unusual import gains
from fiqa.runtime.cards import ModelCard, ModelOutput, card_path, read_card, write_card
from fiqa.runtime.embedded import with_card, without_card
from fiqa.runtime.onnx import OnnxScorer
from fiqa.vocabulary import FACTORS

Floats = NDArray[np.float32]
SHARE = {
    "rmfd": 34.0,
    "rmfd mirrored": 25.0,
    "rmfd damaged": 14.0,
    "rmfd grey": 4.0,
    "rmfd laid over": 4.0,
    "rmfd laid over damaged": 4.0,
    "rmfd uncovered": 2.0,
    "rmfd uncovered damaged": 2.0,
    "yaleb": 4.0,
    "yaleb laid over": 1.0,
    "clean": 2.0,
    "nir": 2.5,
    "low_resolution": 2.0,
    "motion": 1.5,
    "no face": 0.7,
}
"""How much a face counts by its kind, 1 where nothing is said: real damage is rare in the set."""
RARE = {"mouth_open": 6.0, "headwear": 2.0}
"""How much more a face counts for a reason that it has, where few faces have it."""
EPOCHS, BATCH, RATE = 24, 512, 2e-3
HIDDEN, DROPOUT, DECAY = 128, 0.4, 0.1
"""Of the layer between, and how it is kept from learning five masked people by heart."""
LEAST = 0.2
"""The deviation of a feature is taken to be so much at least."""


@dataclass(frozen=True)
class Heads:
    """A hidden layer (H,512), (H,) with ReLU, and on it (C,H), (C,): reasons, then factors."""

    hidden: Floats
    hidden_bias: Floats
    weight: Floats
    bias: Floats


def factor_targets(target: Floats) -> Floats:
    """(N,6) how bad each factor is: as its worst reason; NaN where nobody knows and none holds."""
    columns = []
    for name in FACTORS:
        mine = target[:, [factor_of_reason().get(code) == name for code in REASONS]]
        worst = np.nanmax(np.concatenate([mine, np.full((len(mine), 1), -1)], axis=1), axis=1)
        unknown = np.isnan(mine).any(axis=1) & (worst < 0.5)
        columns.append(np.where(unknown | (worst < 0), np.nan, worst))
    return np.stack(columns, axis=1).astype(np.float32)


def fitted(features: Floats, target: Floats, weight: Floats) -> Heads:
    """Two layers on soft targets, what is NaN left out."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    # a feature that hardly moves would get a weight of 1e5, and tell nothing
    mean, deviation = features.mean(0), np.maximum(features.std(0), LEAST)
    x = torch.from_numpy((features - mean) / deviation)
    y, known = torch.from_numpy(np.nan_to_num(target)), torch.from_numpy(~np.isnan(target))
    share = torch.from_numpy(weight)[:, None] * known
    for code, more in RARE.items():
        at = REASONS.index(code)
        share[:, at] *= 1 + (more - 1) * y[:, at]
    hidden, layer = torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, y.shape[1])
    net = torch.nn.Sequential(hidden, torch.nn.ReLU(), torch.nn.Dropout(DROPOUT), layer)
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        if step % (len(x) // BATCH) == 0:
            order = torch.randperm(len(x))
        rows = order[(step * BATCH) % (len(x) - BATCH) :][:BATCH]
        loss = binary_cross_entropy_with_logits(net(x[rows]), y[rows], reduction="none")
        loss = (loss * share[rows]).sum() / share[rows].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        weights = hidden.weight.numpy() / deviation
        bias = hidden.bias.numpy() - weights @ mean
        return Heads(weights, bias, layer.weight.numpy(), layer.bias.numpy())


def said(features: Floats, heads: Heads) -> Floats:
    """Probabilities (N,C)."""
    hidden = np.maximum(features @ heads.hidden.T + heads.hidden_bias, 0)
    return np.asarray(1 / (1 + np.exp(-(hidden @ heads.weight.T + heads.bias))), np.float32)


def fit(data: Path, out: Path, package: Path, model: str) -> None:
    """The table of the held-out people, and heads from all."""
    began = time.monotonic()
    file = np.load(out / "reasons.npz")
    features, target, fold, kind = (file[k] for k in ("features", "target", "fold", "kind"))
    weight = np.array([SHARE.get(k, 1.0) for k in kind.tolist()], np.float32)
    both = np.concatenate([target, 1 - factor_targets(target)], axis=1)
    held = np.full(both.shape, np.nan, np.float32)
    for left_out in range(FOLDS):
        rows = fold != left_out
        held[~rows] = said(features[~rows], fitted(features[rows], both[rows], weight[rows]))
    heads = fitted(features, both, weight)
    scale = scorer_of(package, model).calibration
    told(file, held, scale)
    names = np.array([path.parent.name for path in learned(data)] + [""])
    columns = {name: file[name] for name in ("kind", "strength", "base", "quality", "target")}
    columns["person"] = names[file["base"]]
    codes, put_right, level = could_be(features, columns, scale)
    np.savez(out / "heads.npz", **asdict(heads), held=held, codes=codes, could=put_right,
             could_bias=level)  # fmt: skip
    sys.stderr.write(f"heads in {time.monotonic() - began:.0f} s\n")


def scorer_of(package: Path, model: str) -> OnnxScorer:
    """A model of a folder."""
    return OnnxScorer(package / f"{model}.onnx", threads=1)


def named(held: Floats, quality: Floats, scale: Calibration) -> list[tuple[str, ...]]:
    """The reasons of faces without a detection, as the package names them."""
    count = len(REASONS)
    doubtful = scale.unified(quality) < DOUBTFUL
    unknown = {"yaw": float("nan"), "pitch": float("nan")}
    return [
        reasons_of(
            dict(zip(FACTORS, row[count:].tolist(), strict=True)),
            dict(zip(REASONS, row[:count].tolist(), strict=True)),
            {},
            REASON_BELOW,
            unknown if low else None,
        )
        for row, low in zip(held, doubtful.tolist(), strict=True)
    ]


def told(file: Any, held: Floats, scale: Calibration) -> None:
    """What the heads say of people whom they have not seen."""
    kind, strength, quality = file["kind"], file["strength"], file["quality"]
    looked = (kind == "clean") & file["seen"]
    real = np.isin(kind, ("rmfd", "rmfd uncovered", "yaleb")) | looked
    hat = file["target"][:, place("headwear")]
    reasons = dict(zip(np.flatnonzero(real).tolist(), named(held[real], quality[real], scale),
                       strict=True))  # fmt: skip
    light = {code for code, factor in factor_of_reason().items() if factor == "illumination"}
    covered = {"mask", "occluded_mouth"}
    print("| faces of people left out | number | named |\n|---|---|---|")
    rows = {
        "real masks: a mask, or the mouth": (kind == "rmfd", covered),
        "real masks: a mask": (kind == "rmfd", {"mask"}),
        "their faces with another's lower half: a mask, or the mouth": (
            kind == "rmfd uncovered", covered),
        "light from 50 degrees on: light": ((kind == "yaleb") & (strength >= 50), light),
        "light from 50 degrees on: uneven": (
            (kind == "yaleb") & (strength >= 50), {"uneven_light"}),
        "light from 25 to 50 degrees: light": (
            (kind == "yaleb") & (strength > 25) & (strength < 50), light),
        "light from 25 degrees at most: light": ((kind == "yaleb") & (strength <= 25), light),
        "headwear: headwear": (looked & (hat == 1), {"headwear"}),
        "bare heads that a person looked at: headwear": (looked & (hat == 0), {"headwear"}),
    }  # fmt: skip
    for name, (chosen_rows, codes) in rows.items():
        places = np.flatnonzero(chosen_rows).tolist()
        share = np.mean([bool(codes & set(reasons[place])) for place in places])
        print(f"| {name} | {len(places)} | {share:.3f} |")


def ordinary(data: Path, package: Path, name: str) -> None:
    """The mean of faces of the people to train on that are good to fiqa, and what its regions
    usually win on faces of a low score of each model."""
    model, good, low = scorer_of(package, name), [], []
    for path in chosen(data)[::4]:
        crop = read_image(path).pixels
        uqs = int(model.unified(model.score(crop[None]))[0])
        if uqs >= 85:
            good.append(crop)
        elif uqs < 55:
            low.append(crop)
    if name == "fiqa":
        face = np.mean(good, axis=0).round().astype(np.uint8)
        cv2.imwrite(str(package / "ordinary.png"), face[..., ::-1])
    face = read_image(package / "ordinary.png").pixels
    crops = np.stack(low)
    won = gains(crops, model.score(crops), model.score, face)
    usual = {
        name: [round(float(won[:, i].mean()), 4), round(float(won[:, i].std()), 4)]
        for i, name in enumerate(REGIONS)
    }
    file = package / "ordinary.json"
    told = json.loads(file.read_text()) if file.is_file() else {}
    told[name] = {"good": len(good), "low": len(low), "regions": usual}
    file.write_text(json.dumps(told, indent=1) + "\n")


def with_heads(content: bytes, heads: Any) -> bytes:
    """The model with other factors, and outputs of the reasons and of what could be had.

    Factors and reasons stand on one hidden layer, what could be had on the features. The names are
    those that a network with such factors is exported with.
    """
    import onnx
    from onnx import numpy_helper

    model, make = onnx.load_from_string(content), onnx.helper
    graph = model.graph
    features = next(node for node in graph.node if node.name == "/net/quality/Gemm").input[0]
    # One layer, or two where the network went on from a model with such heads.
    made_from = {n.output[0]: n.input[0] for n in graph.node if n.input}
    layers = [next(node for node in graph.node if node.name == "/net/Sigmoid").input[0]]
    while made_from[layers[-1]] != features:
        layers.append(made_from[layers[-1]])
    for node in [n for n in graph.node if set(layers[1:]) & set(n.output)]:
        graph.node.remove(node)
    old = re.compile(r"/?net.(reasons|could)[./]|net.factors|reasons$|could$")
    for kind in (graph.initializer, graph.node, graph.output):
        for each in [e for e in kind if old.match(e.name)]:
            kind.remove(each)
    last = next(node for node in graph.node if layers[0] in node.output)

    def layer(name: str, source: str, weight: Floats, bias: Floats) -> Any:
        inputs = [f"net.{name}.weight", f"net.{name}.bias"]
        for key, value in zip(inputs, (weight, bias), strict=True):
            graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), key))
        place = f"/net/{name.replace('.', '/')}/Gemm"
        names = {"inputs": [source, *inputs], "outputs": [f"{place}_output_0"], "name": place}
        return make.make_node("Gemm", **names, alpha=1.0, beta=1.0, transB=1)

    count, hidden = len(REASONS), "/net/factors/1/Relu_output_0"
    first = layer("factors.0", features, heads["hidden"], heads["hidden_bias"])
    relu = make.make_node("Relu", list(first.output), [hidden], name="/net/factors/1/Relu")
    again = layer("factors.2", hidden, heads["weight"][count:], heads["bias"][count:])
    again.output[0] = last.output[0]
    place = list(graph.node).index(last)
    graph.node.remove(last)
    for node in (again, relu, first):
        graph.node.insert(place, node)
    ends = {
        "reasons": ("Sigmoid", hidden, heads["weight"][:count], heads["bias"][:count]),
        "could": ("Identity", features, heads["could"], heads["could_bias"]),
    }
    for name, (operation, source, weight, bias) in ends.items():
        node = layer(name, source, weight, bias)
        end = make.make_node(operation, list(node.output), [name], name=f"/net/{name}/{operation}")
        graph.node.extend((node, end))
        shape = make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", len(bias)])
        graph.output.append(shape)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def ship(out: Path, package: Path, model: str) -> None:
    """Puts the heads into a model of a folder."""
    path = package / f"{model}.onnx"
    content, card = without_card(path.read_bytes()), read_card(card_path(path))
    heads = np.load(out / "heads.npz")
    made = with_heads(content, heads)
    outputs = [each for each in card.outputs if each.name not in ("reasons", "could")]
    outputs.append(ModelOutput(name="reasons", role="reasons", codes=REASONS))
    without = tuple(f"{WITHOUT}{code}" for code in heads["codes"].tolist())
    outputs.append(ModelOutput(name="could", role="measures", measures=without))
    source = card.source.split("; reasons by")[0] + "; reasons by recipes/reasons.py"
    data = card.training_data.split(" Reasons and factors:")[0] + (
        " Reasons and factors: some of these, 541 worn masks of five people (RMFD) and 64 lights of"
        " 20 people (Extended Yale B); headwear as one person saw it."
    )
    whole, told_card = with_card(
        made,
        ModelCard(**{**card.model_dump(), "outputs": outputs, "source": source,
                     "training_data": data}),
    )  # fmt: skip
    path.write_bytes(whole)
    write_card(told_card, card_path(path))


if __name__ == "__main__":
    command, folder, made, *rest = sys.argv[1:]
    if command == "fit":
        fit(Path(folder), Path(made), Path(rest[0]), *(rest[1:] or ["fiqa"]))
    else:
        ship(Path(made), Path(rest[0]), *(rest[1:] or ["fiqa"]))
        ordinary(Path(folder), Path(rest[0]), *(rest[1:] or ["fiqa"]))
