"""CLIB-FIQA's speed, two ratios, each within one run on one thread, in processor time (another program on the machine changes it little).

1. Scoring an image with the prompts as a constant matrix, against encoding all 360 prompts beside every image, as the published code does. The towers are a
   CLIP of real size (ViT-B/32) with random weights from its configuration; with --prompts N the text tower encodes N of the 360 and the time is scaled up.
2. A step of training the offline form (batch made, forward, both stages' losses, backward, clip, AdamW), against the floor: the backbone's own forward and
   backward on the same batch. Crops are noise, read from files as a run reads them.

Usage: python benchmarks/clib_speed.py [--prompts 360] [--images 8] [--backbone mobilefacenet] [--batch 32] [--steps 5]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def used(work: Callable[[], object]) -> float:
    """Processor seconds of `work`."""
    start = time.process_time()
    work()
    return time.process_time() - start


def scoring(prompts: int, images: int) -> None:
    """Prints the first ratio."""
    import torch
    import transformers

    from fiqa.methods.clib_fiqa.graph import ClibGraph
    from fiqa.methods.clib_fiqa.towers import ImageTransformer, text_matrix

    config = transformers.CLIPConfig()  # its defaults are ViT-B/32
    model = transformers.CLIPModel._from_config(config, attn_implementation="eager").eval()
    length = config.text_config.max_position_embeddings
    tokens = torch.randint(1, 49406, (prompts, length))
    tokens[:, -1] = config.text_config.eos_token_id
    graph = ClibGraph(ImageTransformer(model), torch.randn(360, 512), 100.0).eval()
    crops = torch.rand(images, 3, 224, 224)
    with torch.no_grad():
        graph(crops[:1])
        cached = used(lambda: [graph(crop[None]) for crop in crops]) / images
    text = used(lambda: text_matrix(model, tokens)) * 360 / prompts
    print(f"ViT-B/32, random weights, {images} images one by one, {prompts} of 360 prompts of {length} tokens encoded")
    print(f"prompts encoded for every image  {cached + text:8.3f} s of processor per image (the published way)")
    print(f"prompts as a constant matrix     {cached:8.3f} s of processor per image")
    print(f"ratio {(cached + text) / cached:.0f}")


def recipe_of(folder: Path, backbone: str, batch: int):
    """A recipe on `batch` crops of noise of as many people, twice, with labels in the folder."""
    import polars as pl
    from PIL import Image

    from fiqa.methods.clib_fiqa import GRID
    from fiqa.training.config import resolve

    rng, rows = np.random.default_rng(0), []
    for i in range(2 * batch):
        (folder / "faces" / f"p{i}").mkdir(parents=True)
        pixels = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "faces" / f"p{i}" / "0.png")
        words = {name: levels[i % len(levels)] for name, levels in GRID.items() if name != "quality"}
        rows.append({"id": f"p{i}/0", "value": float(rng.random()), **words})
    pl.DataFrame(rows).write_csv(folder / "labels.csv")
    return resolve(
        {
            "data": {"faces": str(folder / "faces"), "labels": str(folder / "labels.csv"), "validation": 0.5},
            "model": {"backbone": backbone},
            "loss": {"objective": "clib_fiqa"},
            "optim": {"batch": batch, "clip": 5.0},
        }
    )


def training(backbone: str, batch: int, steps: int) -> None:
    """Prints the second ratio."""
    import torch

    from fiqa.training.batches import epoch_batches, make_batch
    from fiqa.training.dataset import examples
    from fiqa.training.evaluation import to_input
    from fiqa.training.loop import network
    from fiqa.training.objectives import Targets, objective

    device = torch.device("cpu")
    with tempfile.TemporaryDirectory() as scratch:
        recipe = recipe_of(Path(scratch), backbone, batch)
        data = examples(recipe, Path(scratch) / "crops")
        net = network(recipe).train()
        learned = objective(recipe)(recipe, data)
        optimizer = torch.optim.AdamW([*net.parameters(), *learned.parameters()], lr=1e-5)
        rows = epoch_batches(data, recipe, 0)[0]

        def step() -> None:
            ready = make_batch(data, recipe, 0, rows)
            terms = learned.losses(net(to_input(ready.crops, recipe.model, device)), Targets.of(ready, device))
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.optim.clip)
            optimizer.step()

        inputs = to_input(make_batch(data, recipe, 0, rows).crops, recipe.model, device)

        def floor() -> None:
            net.zero_grad(set_to_none=True)
            net.backbone(inputs).sum().backward()

        step()
        floor()
        whole, least = (sum(times) for times in zip(*((used(step), used(floor)) for _ in range(steps)), strict=True))
    images = steps * len(rows)
    print(f"{backbone}, {steps} steps of {len(rows)} crops of 112 pixels, in turns")
    print(f"floor, backbone forward and backward  {images / least:7.1f} images per second of processor")
    print(f"a whole step of training              {images / whole:7.1f} images per second of processor")
    print(f"training / floor = {least / whole:.2f}")


def main() -> None:
    """Prints the lines that the module's docstring promises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=360)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    training(args.backbone, args.batch, args.steps)
    scoring(args.prompts, args.images)


if __name__ == "__main__":
    main()
