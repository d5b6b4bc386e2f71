"""The loop learns, selects, resumes bit for bit, and several processes do what one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError, WeightsError
from fiqa.training.config import Recipe, Run, resolve

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402

from fiqa.training.checkpoint import best_path, load_state, state_path  # noqa: E402
from fiqa.training.dataset import examples  # noqa: E402
from fiqa.training.evaluation import agreement, better, predict, to_input  # noqa: E402
from fiqa.training.loop import fit, network  # noqa: E402

pytestmark = pytest.mark.numeric

LEARNS = {"optim__epochs": 40, "optim__lr": 1e-2, "optim__warmup": 2.0}


class _StopError(Exception):
    """Stands for whatever ends a run early."""


def run(recipe: Recipe, folder: Path, *, stop: int | None = None) -> list[dict]:
    def watch(at):
        if at.step == stop:
            raise _StopError

    return fit(recipe, examples(recipe, folder.parent / "crops"), folder, key="k", watch=watch)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: value
        for name, value in load_file(state_path(folder)).items()
        if not name.startswith("rng.cuda")
    }


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def numbers(history: list[dict]) -> list[dict]:
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "images_per_second", "waiting")}
        for row in history
    ]


@pytest.mark.slow
def test_it_learns_sharpness_and_keeps_the_best(trainable, tmp_path, seed):
    recipe = resolve(
        trainable(
            **LEARNS,
            data__per_identity=6,
            loss__ranking=1.0,
            loss__factors=1.0,
            model__factors=["blur"],
            data__factors=str(tmp_path / "factors.parquet"),
            run__select=["mae", "spearman"],
            optim__clip=5.0,
        )
        | {"seed": seed}
    )
    history = run(recipe, tmp_path / "a")
    assert len(history) == 40
    left = history[-1]["loss"] / history[0]["loss"]
    most = max(row["spearman"] or -1 for row in history)
    print(f"margin: loss left {left:.3f} < 0.9")
    print(f"margin: spearman {most:.3f} > 0.8")
    assert left < 0.9
    assert most > 0.8
    for name in (
        "loss_quality",
        "loss_ranking",
        "loss_factors",
        "mae",
        "rmse",
        "mae_factors",
        "std",
        "waiting",
    ):
        assert np.isfinite(history[-1][name])
    assert history[-1]["rmse"] >= history[-1]["mae"]
    assert history[0]["lr"] < history[1]["lr"] > history[-1]["lr"]
    net = network(recipe)
    data = examples(recipe, tmp_path / "crops")
    for metric, sign in (("mae", 1), ("spearman", -1)):
        net.load_state_dict(load_file(best_path(tmp_path / "a", metric)))
        found = agreement(predict(net, data, data.validation, recipe.model), data, data.validation)
        known = [row[metric] for row in history if row[metric] is not None]
        assert found[metric] == pytest.approx(sign * min(sign * value for value in known))


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_stopped_anywhere_and_resumed_is_bit_for_bit_uninterrupted(trainable, tmp_path, name):
    content = trainable(
        optim__name=name,
        optim__epochs=3,
        run__evaluate=2,
        run__save_minutes=0.0,
        run__workers=3,
        augment__noise=0.5,
        augment__color=0.2,
        optim__batch=4,
    )
    recipe = resolve(content)
    whole = run(recipe, tmp_path / "whole")
    total = 3 * 4
    stops = sorted(np.random.default_rng().choice(np.arange(1, total), 3, replace=False).tolist())
    for stop in stops:
        with pytest.raises(_StopError):
            run(recipe, tmp_path / "cut", stop=stop)
    again = run(recipe, tmp_path / "cut")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut")), f"stopped at {stops}"
    assert numbers(whole) == numbers(again)
    assert same(
        load_file(best_path(tmp_path / "whole", "mae")),
        load_file(best_path(tmp_path / "cut", "mae")),
    )


def test_only_evaluations_are_saved_when_minutes_are_many(trainable, tmp_path):
    recipe = resolve(trainable(optim__epochs=2, optim__batch=4, run__save_minutes=60.0))
    with pytest.raises(_StopError):
        run(recipe, tmp_path / "a", stop=6)
    net = network(recipe)
    state = load_state(
        tmp_path / "a", net, torch.nn.Module(), torch.optim.AdamW(net.parameters()), key="k"
    )
    assert state["step"] == 4, "the end of the first epoch"


@pytest.mark.parametrize(("minutes", "saved"), [(1.0, 8), (2.5, 7), (5.0, 6)])
def test_a_state_is_saved_when_save_minutes_have_passed(
    trainable, tmp_path, monkeypatch, minutes, saved
):
    """A step takes a minute, by the clock that the loop reads: an interval of 2.5 minutes ends with
    steps 4 and 7."""
    now = 0.0

    def watch(at):
        nonlocal now
        now += 60
        if at.step == 8:
            raise _StopError

    clock = SimpleNamespace(monotonic=lambda: now, perf_counter=time.perf_counter)
    monkeypatch.setattr("fiqa.training.loop.time", clock)
    recipe = resolve(trainable(optim__epochs=1, optim__batch=2, run__save_minutes=minutes))
    with pytest.raises(_StopError):
        fit(recipe, examples(recipe, tmp_path / "crops"), tmp_path / "a", key="k", watch=watch)
    net = network(recipe)
    state = load_state(
        tmp_path / "a", net, torch.nn.Module(), torch.optim.AdamW(net.parameters()), key="k"
    )
    assert state["step"] == saved


_CHILD = """
import json, sys, time
from pathlib import Path
from fiqa.training.config import resolve
from fiqa.training.dataset import examples
from fiqa.training.loop import fit
recipe = resolve(json.loads(Path(sys.argv[1]).read_text()))
fit(recipe, examples(recipe, sys.argv[2]), sys.argv[3], key="k", watch=lambda at: time.sleep(0.2))
"""


@pytest.mark.slow
def test_killed_and_resumed_is_bit_for_bit_uninterrupted(trainable, tmp_path):
    import json

    recipe = resolve(
        trainable(
            whole=True, optim__epochs=4, optim__batch=4, run__save_minutes=0.0, run__evaluate=2
        )
    )
    whole = run(recipe, tmp_path / "whole")
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.record()))
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _CHILD,
            str(tmp_path / "recipe.json"),
            str(tmp_path / "crops"),
            str(tmp_path / "cut"),
        ]
    )
    deadline = time.monotonic() + 120
    while not state_path(tmp_path / "cut").is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "it was to be killed while it ran"
    again = run(recipe, tmp_path / "cut")
    assert numbers(again) == numbers(whole)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_the_seed_decides_and_threads_of_the_loader_do_not(trainable, tmp_path):
    content = trainable(augment__noise=0.5, optim__epochs=1)
    for name, changes in {"a": {}, "b": {"workers": 4}}.items():
        run(resolve(content | {"run": content["run"] | changes}), tmp_path / name)
    run(resolve(content | {"seed": 5}), tmp_path / "c")
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.mark.parametrize(
    "changes",
    [
        {"loss__quality": "smooth_l1"},
        {"loss__beta": 0.01},
        {"loss__ranking": 0.5, "data__per_identity": 2},
        {"optim__lr": 1e-4},
        {"optim__weight_decay": 0.5},
        {"optim__warmup": 2.0},
        {"optim__schedule": "constant"},
        {"optim__clip": 0.01},
        {"optim__groups": [{"prefix": "quality.", "lr": 1e-2}]},
        {"optim__rest": "freeze", "optim__groups": [{"last": 4, "lr": 1e-3}]},
        {"model__freeze_batchnorm": True},
        {"model__mean": [0.4, 0.4, 0.4]},
        {"run__bf16": True},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_every_setting_changes_what_is_learned(trainable, tmp_path, changes):
    plain = {"loss__quality": "smooth_l1"} if "loss__beta" in changes else {}
    run(resolve(trainable(optim__epochs=1, **plain)), tmp_path / "plain")
    run(resolve(trainable(optim__epochs=1, **plain, **changes)), tmp_path / "changed")
    plain, changed = (load_file(best_path(tmp_path / name, "mae")) for name in ("plain", "changed"))
    assert not same(plain, changed)


def test_channels_last_changes_the_layout_and_not_the_result(trainable, tmp_path):
    first = run(resolve(trainable(optim__epochs=1)), tmp_path / "a")
    second = run(resolve(trainable(optim__epochs=1, run__channels_last=True)), tmp_path / "b")
    assert second[-1]["loss"] == pytest.approx(first[-1]["loss"], abs=1e-3)


def test_frozen_statistics_and_frozen_parameters_stay(trainable, tmp_path):
    recipe = resolve(
        trainable(
            model__freeze_batchnorm=True,
            optim__rest="freeze",
            optim__groups=[{"prefix": "quality.", "lr": 1e-2}],
        )
    )
    before = network(recipe).state_dict()
    run(recipe, tmp_path / "a")
    after = load_file(best_path(tmp_path / "a", "mae"))
    assert [name for name in before if not torch.equal(before[name], after[name])] == [
        "quality.bias",
        "quality.weight",
    ] or {name for name in before if not torch.equal(before[name], after[name])} == {
        "quality.bias",
        "quality.weight",
    }


def test_a_folder_of_another_run_is_not_overwritten(trainable, tmp_path):
    recipe = resolve(trainable(optim__epochs=1))
    run(recipe, tmp_path / "a")
    data = examples(recipe, tmp_path / "crops")
    with pytest.raises(
        InputError, match="must be empty or hold a run of this recipe and data; it holds another"
    ):
        fit(recipe, data, tmp_path / "a", key="other")
    state_path(tmp_path / "a").write_bytes(b"no state")
    with pytest.raises(WeightsError, match="must be the state of this run, it cannot be used"):
        fit(recipe, data, tmp_path / "a", key="k")


def test_a_run_that_diverges_says_so(trainable, tmp_path):
    with pytest.raises(EvidenceError, match=r"(the loss|predictions) must be finite"):
        run(resolve(trainable(optim__name="sgd", optim__lr=1e30)), tmp_path / "a")


def test_a_gpu_that_is_not_there_is_an_error(trainable, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    recipe = resolve(trainable())
    with pytest.raises(InputError, match=r"run\.device is cuda and there is no GPU"):
        run(replace(recipe, run=Run(device="cuda")), tmp_path / "a")


def test_inputs_are_what_a_card_would_make_of_them(rng):
    from fiqa.runtime.cards import ModelInput
    from fiqa.runtime.preprocess import prepare
    from fiqa.training.config import Model

    model = Model(mean=(0.1, 0.5, 0.7), std=(0.2, 0.3, 0.4))
    spec = ModelInput(
        size=32, color="RGB", layout="NCHW", scale=255, mean=model.mean, std=model.std
    )
    crops = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    ours = to_input(crops, model, torch.device("cpu")).numpy()
    np.testing.assert_allclose(ours, prepare(crops, spec), atol=1e-5)


def test_better_knows_the_direction_of_each_metric():
    assert better("mae", 0.1, 0.2)
    assert not better("mae", 0.2, 0.1)
    assert better("spearman", 0.2, 0.1)
    assert not better("spearman", 0.1, 0.1)
    assert better("spearman", 0.1, None)
    assert not better("spearman", None, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "objective",
    [
        {"loss__ranking": 1.0},
        {
            "loss__objective": "cr_fiqa",
            "optim__objective_lr": 0.1,
            "cr_fiqa__dim": 0,
            "optim__name": "sgd",
            "optim__lr": 0.1,
            "data__size": 112,
            "model__backbone": "mobilefacenet",
            "model__embedding": 128,
        },
    ],
    ids=["regression", "an objective with parameters"],
)
def test_two_processes_have_the_loss_of_one(trainable, tmp_path, objective):
    import json

    import polars as pl

    content = trainable(
        whole=True,
        data__per_identity=3,
        model__freeze_batchnorm=True,
        optim__batch=5,
        optim__epochs=2,
        optim__clip=1.0,
        **objective,
    )
    one = run(resolve(content), tmp_path / "one")
    lines = [
        f"[{table}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items())
        for table, keys in content.items()
    ]
    (tmp_path / "recipe.toml").write_text("\n".join(lines))
    launch = [
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "fiqa",
        "train",
    ]
    done = subprocess.run(
        [sys.executable, "-m", *launch, str(tmp_path / "recipe.toml"), "-o", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count("best mae") == 1, "one process speaks"
    losses = pl.read_csv(tmp_path / "two" / "metrics.csv")["loss"].to_list()
    assert losses == pytest.approx([row["loss"] for row in one], rel=1e-4)
    a, b = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in (n for n in a if n.startswith(("net.", "objective.")) and a[n].is_floating_point()):
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=2e-4)


@pytest.mark.slow
def test_a_compiled_network_trains_and_is_saved_under_its_own_names(
    trainable, tmp_path, monkeypatch
):
    real = torch.compile
    made = []

    def eager(model):
        made.append(model)
        return real(model, backend="eager")

    monkeypatch.setattr(torch, "compile", eager)
    plain = run(resolve(trainable(optim__epochs=1)), tmp_path / "a")
    assert not made
    compiled = run(resolve(trainable(optim__epochs=1, run__compile=True)), tmp_path / "b")
    assert len(made) == 1
    assert compiled[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=1e-3)
    assert weights(tmp_path / "a").keys() == weights(tmp_path / "b").keys()
