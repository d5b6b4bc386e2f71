"""CLIB-FIQA's speed, two ratios on one thread, in processor time.

Another program on the machine changes that little.

Scoring: an image with the prompts as a constant matrix, over encoding all 360 prompts beside every
image, as the published code does. The towers are a CLIP of real size (ViT-B/32) with random weights
from its configuration.

Training: a step of the offline form (batch made, forward, both stages' losses, backward, clip,
AdamW), over the backbone's own forward and backward on the same batch. Crops are noise, read from
files as a run reads them.

Usage: python benchmarks/clib_speed.py [--part training] [--quick]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench import Result, Setting, in_turns, main, ratio, timed

BACKBONE, PROMPTS = "mobilefacenet", 360


def scoring(setting: Setting) -> Result:
    """The cached prompts over prompts encoded for every image."""
    import torch
    import transformers

    from fiqa.methods.clib_fiqa.graph import ClibGraph
    from fiqa.methods.clib_fiqa.towers import ImageTransformer, text_matrix

    torch.set_num_threads(1)
    torch.manual_seed(0)
    sizes = {
        "num_hidden_layers": 1,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_attention_heads": 1,
    }
    small: dict[str, Any] = {"text_config": sizes, "vision_config": sizes} if setting.quick else {}
    config = transformers.CLIPConfig(**small)  # its defaults are ViT-B/32
    model = transformers.CLIPModel._from_config(config, attn_implementation="eager").eval()
    prompts, length = setting.count(PROMPTS, 2), config.text_config.max_position_embeddings
    tokens = torch.randint(1, 49406, (prompts, length))
    tokens[:, -1] = config.text_config.eos_token_id
    graph = ClibGraph(
        ImageTransformer(model), torch.randn(PROMPTS, config.projection_dim), 100.0
    ).eval()
    crop = torch.rand(1, 3, config.vision_config.image_size, config.vision_config.image_size)

    def cached() -> None:
        with torch.no_grad():
            graph(crop)

    calls = {
        "an image with a constant matrix": cached,
        f"{prompts} prompts": lambda: text_matrix(model, tokens),
    }
    image, text = in_turns(calls, setting.rounds(3)).values()
    published = [a + b * PROMPTS / prompts for a, b in zip(image, text, strict=True)]
    details = (
        timed("prompts as a constant matrix", image, unit="s an image", factor=1),
        timed("prompts encoded for every image (baseline)", published, unit="s an image", factor=1),
    )
    return Result(
        "constant prompts over prompts encoded for every image",
        ratio(image, published),
        0.05,
        details,
    )


def recipe_of(folder: Path, batch: int) -> Any:
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
        words = {
            name: levels[i % len(levels)] for name, levels in GRID.items() if name != "quality"
        }
        rows.append({"id": f"p{i}/0", "value": float(rng.random()), **words})
    pl.DataFrame(rows).write_csv(folder / "labels.csv")
    return resolve(
        {
            "data": {
                "faces": str(folder / "faces"),
                "labels": str(folder / "labels.csv"),
                "validation": 0.5,
            },
            "model": {"backbone": BACKBONE},
            "loss": {"objective": "clib_fiqa"},
            "optim": {"batch": batch, "clip": 5.0},
        }
    )


def training(setting: Setting) -> Result:
    """A step of training over the backbone's own forward and backward."""
    import torch

    from fiqa.training.batches import epoch_batches, make_batch
    from fiqa.training.dataset import examples
    from fiqa.training.evaluation import to_input
    from fiqa.training.loop import network
    from fiqa.training.objectives import Targets, objective

    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = torch.device("cpu")
    with tempfile.TemporaryDirectory() as scratch:
        recipe = recipe_of(Path(scratch), setting.count(32, 4))
        data = examples(recipe, Path(scratch) / "crops")
        net = network(recipe).train()
        learned = objective(recipe)(recipe, data)
        optimizer = torch.optim.AdamW([*net.parameters(), *learned.parameters()], lr=1e-5)
        rows = epoch_batches(data, recipe, 0)[0]

        def step() -> None:
            ready = make_batch(data, recipe, 0, rows)
            terms = learned.losses(
                net(to_input(ready.crops, recipe.model, device)), Targets.of(ready, device)
            )
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.optim.clip)
            optimizer.step()

        inputs = to_input(make_batch(data, recipe, 0, rows).crops, recipe.model, device)

        def floor() -> None:
            net.zero_grad(set_to_none=True)
            net.backbone(inputs).sum().backward()

        took = in_turns(
            {"a step of training": step, "its backbone alone (baseline)": floor}, setting.rounds(5)
        )
    details = (
        f"{BACKBONE}, {len(rows)} crops of 112 pixels",
        *(timed(n, s, len(rows), "ms a crop") for n, s in took.items()),
    )
    return Result(
        "a step of training over its backbone's forward and backward",
        ratio(*took.values()),
        1.5,
        details,
    )


PARTS = {"scoring": scoring, "training": training}

if __name__ == "__main__":
    main(__doc__, PARTS)
