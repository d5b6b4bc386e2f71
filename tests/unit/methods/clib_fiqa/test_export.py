"""A CLIB-FIQA run, from its recipe to a file that scores and explains with its own factors: the
offline form and a CLIP's tower."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.functional.soft import AXES
from fiqa.methods.clib_fiqa.prompts import GRID
from fiqa.runtime.cards import card_path, read_card
from fiqa.training.config import resolve
from fiqa.types import Faces
from fiqa.vocabulary import FACTORS

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from safetensors.torch import load_file  # noqa: E402

from fiqa.methods.clib_fiqa.confidence import confidence  # noqa: E402
from fiqa.methods.clib_fiqa.joint import expected, factor_joint, marginals  # noqa: E402
from fiqa.methods.clib_fiqa.merged import MergedFactors  # noqa: E402
from fiqa.methods.clib_fiqa.towers import clip_input  # noqa: E402
from fiqa.training.checkpoint import objective_state  # noqa: E402
from fiqa.training.dataset import examples  # noqa: E402
from fiqa.training.evaluation import outputs  # noqa: E402
from fiqa.training.loop import network  # noqa: E402
from fiqa.training.run_folder import best_of, crops_folder  # noqa: E402

pytestmark = pytest.mark.numeric


def _recipe(trainable, tmp_path, tower):
    """Eight people; every factor follows the sharpness, from the worst level to the best."""
    clip = clip_input(32)
    plain = {"model__mean": list(clip.mean), "model__std": list(clip.std)} if tower else {}
    own = {"tower": tower} if tower else {"dim": 16, "scale": 20.0}
    recipe = trainable(
        people=8,
        loss__objective="clib_fiqa",
        data__validation=0.5,
        optim__epochs=6,
        optim__lr=3e-3,
        optim__objective_lr=1e-3,
        **plain,
    )
    recipe["clib_fiqa"] = own | {"stage1": 3}
    labels = pl.read_csv(tmp_path / "labels.csv")
    place = ((labels["value"] - 0.2) / 0.7).clip(0, 0.999)
    words = {name: [GRID[name][int(v * len(GRID[name]))] for v in place] for name in AXES[:-1]}
    labels.with_columns(**{name: pl.Series(value) for name, value in words.items()}).write_csv(
        tmp_path / "labels.csv"
    )
    return resolve(recipe)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["table", "clip"])
def test_a_run_becomes_a_file_that_explains_itself(kind, trainable, clip_folder, tmp_path, seed):
    recipe = _recipe(trainable, tmp_path, str(clip_folder) if kind == "clip" else "")
    recipe = replace(recipe, seed=seed)
    run, model = tmp_path / "run", tmp_path / "clib.onnx"
    fiqa.train(recipe, out=run)
    done = fiqa.export(
        run, model, runs=1, allow_collapsed=True
    )  # six epochs: its raw std is about .0005
    assert done.report["parity"] < 1e-4
    card = read_card(card_path(model))
    assert card.source.endswith(
        (
            f'{clip_folder}, text="clip", seed {seed}',
            f'mobilenet_v3_small, text="table" (no CLIP), seed {seed}',
        )
    )
    assert card.output("factors").factors == AXES[:-1]

    data, net = examples(recipe, crops_folder(run)), network(recipe)
    net.load_state_dict(load_file(best_of(run, "mae")[0]))
    p = torch.cat(list(outputs(net, data, data.validation, recipe.model)))
    each = marginals(p)
    crops = np.asarray(data.crops[data.validation])
    scorer = fiqa.load(model)
    raw = scorer.score(crops)
    print(f"margin: {kind} span {np.ptp(raw):.4f} > 1e-3")
    assert np.ptp(raw) > 1e-3, "a constant would prove nothing"
    np.testing.assert_allclose(raw, expected(each["quality"]), atol=1e-4)
    why = scorer.explain(Faces(crops))
    np.testing.assert_allclose(
        why.quality["blur"], each["blur"] @ torch.tensor([0, 0.5, 1]), atol=1e-4
    )
    np.testing.assert_allclose(why.measures["expression"], each["expression"][:, 1], atol=1e-4)
    np.testing.assert_allclose(
        why.measures["p_illumination_extreme"], each["illumination"][:, 0], atol=1e-4
    )
    merged = MergedFactors()
    merged.load_state_dict(
        {name: objective_state(run)[f"merged.{name}"] for name in merged.state_dict()}
    )
    told = merged(factor_joint(p)).detach().double().numpy()
    one = each["quality"].double().numpy()
    wanted = confidence(one / one.sum(1)[:, None], told / told.sum(1)[:, None])
    np.testing.assert_allclose(why.measures["confidence"], wanted, atol=1e-3)
    if kind == "table":
        _command_line(tmp_path)


def _command_line(tmp_path):
    """`fiqa score --explain` tells the model's own factors."""
    file = tmp_path / "faces" / "p0" / "0.png"
    call = ["score", str(file), "--aligned", "--model", str(tmp_path / "clib.onnx"), "--explain"]
    told = CliRunner().invoke(build(), [*call, "-o", str(tmp_path / "s.parquet")])
    assert told.exit_code == 0, told.output
    row = pl.read_parquet(tmp_path / "s.parquet").row(0, named=True)
    assert 0.1 <= row["raw"] <= 0.9
    assert [name for name in FACTORS if row["factors"][name] is None] == ["visibility", "crop"]
    assert 0.5 <= row["measures"]["confidence"] <= 1
    assert 0 <= row["measures"]["expression"] <= 1
    assert sum(v for k, v in row["measures"].items() if k.startswith("p_pose_")) == pytest.approx(
        1, abs=1e-5
    )
    crop = cv2.cvtColor(cv2.resize(cv2.imread(str(file)), (112, 112)), cv2.COLOR_BGR2RGB)
    why = fiqa.load(tmp_path / "clib.onnx").explain(Faces(crop[None]))
    assert row["factors"]["blur"] == pytest.approx(float(why.quality["blur"][0]), abs=1e-5)
