"""The five-point network: its training, and its file with its card.

    python recipes/points.py train ../shared/data runs/points [--epochs 30]
    python recipes/points.py ship ../shared/data runs/points src/fiqa/weights

Learned from the points that YuNet found in LFW's photographs (lfw/landmarks.csv), brought to the
aligned crops; of the people of peopleDevTrain.txt alone. A crop is turned, enlarged and moved at
random, and every second one is spoiled first by a kind of fiqa.faces.degrade, so that the network
finds the points of a face that another detector has aligned badly. Stopped and run again, `train`
goes on after the last whole epoch. recipes/points_measure.py says what the network is good for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from splits import PLACES, landmarks
from torch import Tensor, nn

from fiqa.faces.degrade import KINDS, degrade
from fiqa.faces.points import TAUGHT
from fiqa.functional.geometry import TEMPLATE, similarity_transform, transform_points
from fiqa.functional.pose import pose_from_points
from fiqa.nets.to_onnx import onnx_bytes
from fiqa.runtime.cards import ModelCard, ModelInput, ModelOutput, card_path, write_card
from fiqa.runtime.embedded import with_card
from fiqa.types import Faces

Floats = NDArray[np.float64]
SIDE, LEFT, TOP = 84, 14, 28
"""The network looks at this square of the 112 crop, in which the points lie."""
MOVES = {"near": (8.0, 0.10, 6.0), "far": TAUGHT}
"""Degrees, share of the size and pixels by which a crop is moved at most; a quarter is `far`."""
SPOILED = tuple(k for k in KINDS if k not in ("rotation", "shift", "truncation", "nir"))
"""Kinds of damage that leave the points where they are."""


class Points(nn.Module):
    """(N,3,112,112) in 0..1 -> (N,11): five points in crop pixels, and the log of their error."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = width
        plan = [(w, 2 * w, 2), (2 * w, 2 * w, 1), (2 * w, 4 * w, 2), (4 * w, 4 * w, 1),
                (4 * w, 4 * w, 1), (4 * w, 5 * w, 2), (5 * w, 5 * w, 1)]  # fmt: skip
        layers: list[nn.Module] = [
            nn.Conv2d(3, w, 3, 2, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(inplace=True)
        ]  # fmt: skip
        for inside, outside, stride in plan:
            layers += [
                nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False),
                nn.BatchNorm2d(inside),
                nn.ReLU(inplace=True),
                nn.Conv2d(inside, outside, 1, bias=False),
                nn.BatchNorm2d(outside),
                nn.ReLU(inplace=True),
            ]
        self.trunk = nn.Sequential(*layers)
        self.last = nn.Linear(5 * w * 6 * 6, 11)
        self.register_buffer("mean", torch.tensor(TEMPLATE.ravel(), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        view = x[:, :, TOP : TOP + SIDE, LEFT : LEFT + SIDE] - 0.5
        out = self.last(self.trunk(view).flatten(1))
        return torch.cat([out[:, :10] * 10.0 + self.mean, out[:, 10:]], 1)


def crops_of(files: list[Path]) -> NDArray[np.uint8]:
    """(N,112,112,3) RGB."""
    return np.stack([cv2.imread(str(file))[..., ::-1] for file in files])


def spoil(crops: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each crop with one kind of damage, of a strength drawn up to .8."""
    result = crops.copy()
    kinds = rng.integers(len(SPOILED), size=len(crops))
    strengths = rng.integers(1, 5, size=len(crops)) * 0.2
    for kind in range(len(SPOILED)):
        for strength in np.unique(strengths):
            rows = np.flatnonzero((kinds == kind) & (strengths == strength))
            if len(rows):
                name = SPOILED[kind]
                result[rows] = degrade(Faces(crops[rows]), name, float(strength)).crops
    return result


def moved(
    crop: NDArray[np.uint8], points: Floats, rng: np.random.Generator, move: str
) -> tuple[NDArray[np.uint8], Floats]:
    """A crop and its points after a random similarity, and a mirror image of every second one.

    What the crop does not have is filled in a way drawn at random from a border drawn at random:
    where the filling begins says nothing of the move.
    """
    turn, size, shift = MOVES[move]
    angle, scale = np.radians(rng.uniform(-turn, turn)), np.exp(rng.uniform(-size, size))
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    middle = TEMPLATE.mean(0)
    to = middle + rng.uniform(-shift, shift, 2)
    matrix = np.array([[a, -b, 0.0], [b, a, 0.0]])
    matrix[:, 2] = to - matrix[:, :2] @ middle
    mode = (cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT)[rng.integers(3)]
    cut = rng.integers(0, 16, 4) * (rng.random(4) < 0.3)
    x, y = int(cut[0]), int(cut[1])
    source = crop[y : 112 - int(cut[3]), x : 112 - int(cut[2])]
    pad = np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1]])
    warp = (np.vstack([matrix, [0, 0, 1]]) @ pad)[:2]
    color = (0, 0, 0) if rng.random() < 0.7 else tuple(map(int, rng.integers(0, 256, 3)))
    image = cv2.warpAffine(
        source, warp, (112, 112), flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=color
    )
    place = transform_points(matrix, points)
    if rng.random() < 0.5:
        image = image[:, ::-1]
        place = (np.array([111.0, 0.0]) + place * np.array([-1.0, 1.0]))[[1, 0, 2, 4, 3]]
    return image, place


def batches_of(
    crops: NDArray[np.uint8], spoiled: NDArray[np.uint8], points: Floats, seed: int, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """An epoch: faces turned aside come more often."""
    rng = np.random.default_rng(seed)
    yaw = np.abs(pose_from_points(points.astype(np.float32))[:, 0])
    weight = 1.0 + np.minimum(yaw, 60.0) / 15.0
    order = rng.choice(len(crops), len(crops), p=weight / weight.sum())
    for start in range(0, len(order) - size + 1, size):
        images, places = [], []
        for row in order[start : start + size]:
            crop = (spoiled if rng.random() < 0.5 else crops)[row]
            image, place = moved(crop, points[row], rng, "far" if rng.random() < 0.25 else "near")
            image = image * np.float32(rng.uniform(0.7, 1.3)) + np.float32(rng.uniform(-25, 25))
            if rng.random() < 0.2:
                image = np.repeat(image[..., 1:2], 3, axis=2)
            images.append(np.clip(image, 0, 255))
            places.append(place)
        x = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255)
        yield x, torch.from_numpy(np.stack(places).reshape(size, 10).astype(np.float32))


def loss_of(out: Tensor, target: Tensor) -> Tensor:
    """The mean error of the points in pixels, and how well its log is foretold."""
    error = (out[:, :10] - target).abs()
    own = error.detach().mean(1).clamp_min(0.05)
    return error.mean() + 0.05 * (out[:, 10] - own.log()).abs().mean()


def held_out(net: nn.Module, data: Path) -> dict[str, float]:
    """Errors on 1,000 crops of people who were not learned from, moved, after one and two looks."""
    files, points = landmarks(data, "Test")
    rng = np.random.default_rng(9)
    rows = rng.permutation(len(files))[:1000]
    crops, points = crops_of([files[i] for i in rows]), points[rows]
    result: dict[str, float] = {}
    for move in MOVES:
        pairs = [moved(crop, p, rng, move) for crop, p in zip(crops, points, strict=True)]
        image, place = np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
        for look in (1, 2):
            with torch.inference_mode():
                x = torch.from_numpy(image.transpose(0, 3, 1, 2).astype(np.float32) / 255)
                out = net(x).numpy()[:, :10].reshape(-1, 5, 2).astype(np.float64)
            ours, true = similarity_transform(out, TEMPLATE), similarity_transform(place, TEMPLATE)
            corner = transform_points(true, place * 0 + TEMPLATE) - transform_points(
                ours, place * 0 + TEMPLATE
            )
            gap = np.linalg.norm(corner, axis=2).mean(1)
            points_error = np.linalg.norm(out - place, axis=2).mean(1)
            result[f"{move} points {look}"] = float(np.median(points_error))
            result[f"{move} crop p50 {look}"] = float(np.median(gap))
            result[f"{move} crop p90 {look}"] = float(np.quantile(gap, 0.9))
            image = np.stack([
                cv2.warpAffine(i, m, (112, 112)) for i, m in zip(image, ours, strict=True)
            ])  # fmt: skip
            place = transform_points(ours, place)
    return {name: round(value, 3) for name, value in result.items()}


def train(data: Path, out: Path, epochs: int, width: int) -> None:
    """Trains, one line of log an epoch."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    net, size = Points(width), 64
    mean_net = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    files, points = landmarks(data, "Train")
    crops = crops_of(files)
    steps = epochs * (len(files) // size)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps + 1)
    first, saved = 0, out / "state.pt"
    parts = {"net": net, "mean": mean_net, "optimizer": optimizer, "schedule": schedule}
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        first = state.pop("epoch")
        for name, part in parts.items():
            part.load_state_dict(state[name])
    for epoch in range(first, epochs):
        begun, total, count = time.monotonic(), 0.0, 0
        if epoch == first or epoch % 3 == 0:
            spoiled = spoil(crops, np.random.default_rng(1000 + epoch))
        net.train()
        for x, target in batches_of(crops, spoiled, points, epoch, size):
            loss = loss_of(net(x), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            mean_net.update_parameters(net)
            total, count = total + float(loss.detach()), count + 1
        torch.save({k: v.state_dict() for k, v in parts.items()} | {"epoch": epoch + 1}, saved)
        line = {"epoch": epoch + 1, "loss": round(total / count, 3)}
        line["seconds"] = round(time.monotonic() - begun, 1)
        if (epoch + 1) % 5 == 0 or epoch + 1 == epochs:
            line |= held_out(mean_net.module.eval(), data)
        with open(out / "log.jsonl", "a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


def ship(data: Path, run: Path, package: Path) -> None:
    """Writes the mean network as ONNX with its card, whose numbers are of people held out."""
    state = torch.load(run / "state.pt", weights_only=True)["mean"]
    own = {k.removeprefix("module."): v for k, v in state.items() if k.startswith("module.")}
    width = len(own["trunk.0.weight"])
    net = Points(width)
    net.load_state_dict(own)
    numbers = {f"LFW DevTest, {k}": v for k, v in held_out(net.eval(), data).items()}
    package.mkdir(parents=True, exist_ok=True)
    file = package / "points.onnx"
    model = onnx_bytes(net, size=112, outputs=("points",))
    half = ModelInput(
        size=112, color="RGB", layout="NCHW", scale=255, mean=(0, 0, 0), std=(1, 1, 1)
    )
    names = tuple(f"{p}_{a}" for p in PLACES for a in "xy")
    card = ModelCard(
        name="points",
        kind="detector",
        file=file.name,
        sha256=hashlib.sha256(model).hexdigest(),
        input=half,
        outputs=(ModelOutput(name="points", role="measures", measures=(*names, "log_error")),),
        license="Apache-2.0 (the weights; the images that they were trained on are for research)",
        source=f"recipes/points.sh of this project; width {width}, seed 0",
        training_data=(
            "LFW, the people of peopleDevTrain.txt: 9,525 aligned crops and the points that YuNet"
            " found in their photographs, moved and spoiled at random"
        ),
        limits=(
            "Learned from YuNet, whose own points move the crop of a mirrored photograph by 2.3"
            " pixels in the median: it can be no closer to YuNet than that. Few faces were turned"
            " more than 45 degrees."
        ),
        numbers=numbers,
    )
    content, whole = with_card(model, card)
    file.write_bytes(content)
    write_card(whole, card_path(file))


def main() -> None:
    """Runs the part that the first word names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("train", "ship"))
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("package", type=Path, nargs="?", default=Path("src/fiqa/weights"))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--width", type=int, default=16)
    options = parser.parse_args()
    if options.part == "train":
        train(options.source, options.out, options.epochs, options.width)
    else:
        ship(options.source, options.out, options.package)


if __name__ == "__main__":
    main()
