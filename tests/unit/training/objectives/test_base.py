"""An objective of one's own: it is found, learns, is checkpointed with what it has of its own, and
exports."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from types import MappingProxyType, ModuleType
from typing import ClassVar

import numpy as np
import pytest

from fiqa.errors import InputError, UnknownNameError
from fiqa.training import settings as registry
from fiqa.training.config import Recipe, resolve
from fiqa.training.dataset import examples, inputs_digest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import fiqa  # noqa: E402
import fiqa.training.objectives as room  # noqa: E402
from fiqa.nets.catalog import backbone  # noqa: E402
from fiqa.nets.heads import QualityNet  # noqa: E402
from fiqa.training import config  # noqa: E402
from fiqa.training.batches import make_batch  # noqa: E402
from fiqa.training.checkpoint import best_path, state_path  # noqa: E402
from fiqa.training.loop import fit, network  # noqa: E402
from fiqa.training.objectives import Objective, Served, Targets, objective  # noqa: E402
from fiqa.training.objectives.regression import Regression  # noqa: E402

pytestmark = pytest.mark.numeric


@dataclass(frozen=True)
class _Table(registry.Settings):
    """Settings of the objective below."""

    FILES: ClassVar[tuple[str, ...]] = ("extra",)
    CONFIDENCE: ClassVar[bool] = True
    scale: float = 8.0
    extra: str = ""


class _Net(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.backbone, width = backbone(recipe.model.backbone)
        self.last = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.backbone(x))


class _Classes(Objective):
    """Softmax over people, and the length of the embedding as the quality."""

    TERMS = ("loss_classes",)

    def __init__(self, recipe: Recipe, data) -> None:
        super().__init__(recipe, data)
        self.scale = recipe.own(_Table).scale
        self.centers = nn.Parameter(torch.randn(int(data.classes.max()) + 1, 4))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seen", torch.zeros(len(data.ids)))

    @classmethod
    def network(cls, recipe: Recipe) -> nn.Module:
        return _Net(recipe)

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        return output.norm(dim=1, keepdim=True)

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        self.seen[batch.row] += 1
        logits = self.scale * functional.normalize(output) @ functional.normalize(self.centers).T
        term = functional.cross_entropy(logits, batch.identity) * batch.confidence.mean()
        return {"loss": term, "loss_classes": term}

    def end_epoch(self, epoch, give, folder) -> None:
        assert not [file for file in folder.glob("best_*") if epoch == 0], "before it is evaluated"
        assert int(self.epochs) == epoch
        assert [len(part) for part in give(self.data.validation)] == [len(self.data.validation)]
        self.epochs += 1


@pytest.fixture
def own(monkeypatch, trainable):
    """A recipe of the objective above, which stands in the table of objectives for one test."""
    known = MappingProxyType({**registry.OBJECTIVES, "classes": _Table})
    monkeypatch.setattr(config, "OBJECTIVES", known)
    module = ModuleType(f"{room.__name__}.classes")
    module.OBJECTIVE = _Classes
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def make(**changes) -> Recipe:
        table = {"loss__objective": "classes", "classes__scale": 4.0, "optim__objective_lr": 0.05}
        return resolve(trainable(**(table | changes)))

    return make


def run(recipe: Recipe, folder, watch=lambda _: None) -> list[dict]:
    return fit(recipe, examples(recipe, folder.parent / "crops"), folder, key="k", watch=watch)


def test_the_recipe_holds_the_objectives_table_and_comes_back(own):
    recipe = own()
    assert recipe.own(_Table).scale == 4.0
    assert recipe.record()["classes"] == {"scale": 4.0, "extra": ""}
    assert "settings" not in recipe.record()
    assert resolve(recipe.record()) == recipe
    with pytest.raises(
        UnknownNameError, match=r"(?s)Unknown key of \[classes\] 'scael'.*did you mean 'scale'"
    ):
        own(classes__scael=1.0)
    with pytest.raises(InputError, match=r"classes\.scale must be a number"):
        own(classes__scale="much")


def test_a_table_of_another_objective_is_refused(own, trainable):
    with pytest.raises(UnknownNameError, match="Unknown table or key of a recipe 'classes'"):
        resolve(trainable(classes__scale=1.0))
    with pytest.raises(UnknownNameError, match=r"Unknown key of \[settings\] 'scale'"):
        resolve(trainable(settings__scale=1.0))
    with pytest.raises(UnknownNameError, match=r"Unknown loss\.objective 'clases'"):
        own(loss__objective="clases")
    with pytest.raises(
        InputError,
        match=r"\[loss\] must have nothing but objective and level_cuts when the objective",
    ):
        own(loss__ranking=1.0, data__per_identity=2)
    assert own(loss__level_cuts=[0.1, 0.2, 0.3, 0.4]).loss.level_cuts[0] == 0.1
    with pytest.raises(InputError, match="settings of the recipe must be _Table, got Settings"):
        resolve(trainable()).own(_Table)
    with pytest.raises(InputError, match="must have nothing but"):
        own(loss__weight=2.0)


def test_files_of_the_table_are_inputs_of_the_run(own, tmp_path):
    (tmp_path / "extra.bin").write_bytes(b"1")
    recipe = own(classes__extra=str(tmp_path / "extra.bin"))
    first = inputs_digest(recipe)
    (tmp_path / "extra.bin").write_bytes(b"2")
    assert inputs_digest(recipe)["extra"] != first["extra"]
    assert "extra" not in inputs_digest(own())


@pytest.mark.slow
def test_it_learns_with_a_rate_of_its_own_and_says_its_terms(own, tmp_path, seed):
    recipe = replace(own(optim__epochs=12, optim__lr=3e-3), seed=seed)
    history = run(recipe, tmp_path / "a")
    left = history[-1]["loss"] / history[0]["loss"]
    print(f"margin: loss left {left:.3f} < 0.8")
    assert left < 0.8
    header = (
        (tmp_path / "a" / "metrics.csv").read_text().splitlines()[0].replace('"', "").split(",")
    )
    assert header[4:7] == ["loss", "loss_classes", "mae"]
    state = load_file(state_path(tmp_path / "a"))
    assert int(state["objective.epochs"]) == 12
    data = examples(recipe, tmp_path / "crops")
    assert (state["objective.seen"].numpy() > 0).tolist() == np.isin(
        np.arange(24), data.training
    ).tolist()
    assert not [name for name in load_file(best_path(tmp_path / "a", "mae")) if "centers" in name]
    frozen = run(own(optim__epochs=1, optim__objective_lr=1e-12), tmp_path / "b")
    moved = run(own(optim__epochs=1), tmp_path / "c")
    decayed = run(own(optim__epochs=1, optim__objective_weight_decay=0.9), tmp_path / "d")
    assert len({row[-1]["loss"] for row in (frozen, moved, decayed)}) == 3


def test_stopped_and_resumed_is_bit_for_bit_uninterrupted(own, tmp_path):
    class StopError(Exception):
        pass

    def stop(at):
        if at.step == 5:
            raise StopError

    recipe = own(optim__epochs=3, run__save_minutes=0.0)
    whole = run(recipe, tmp_path / "whole")
    with pytest.raises(StopError):
        run(recipe, tmp_path / "cut", stop)
    again = run(recipe, tmp_path / "cut")
    assert [row["loss_classes"] for row in again] == [row["loss_classes"] for row in whole]
    a, b = (load_file(state_path(tmp_path / name)) for name in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_confidence_comes_by_id_and_must_be_known(own, trainable, tmp_path):
    ids = [f"p{person}/{k}" for person in range(4) for k in range(6)]
    file = tmp_path / "confidence.csv"
    file.write_text(
        "id,value\n" + "".join(f"{name},{k / 100}\n" for k, name in reversed(list(enumerate(ids))))
    )
    recipe = own(data__confidence=str(file))
    data = examples(recipe, tmp_path / "c")
    np.testing.assert_allclose(data.confidence, np.arange(24) / 100)
    batch = make_batch(data, recipe, 0, data.training[:6])
    targets = Targets.of(batch, torch.device("cpu"))
    assert targets.confidence.tolist() == data.confidence[data.training[:6]].tolist()
    assert targets.row.tolist() == data.training[:6].tolist()
    assert "confidence" in inputs_digest(recipe)
    file.write_text("id,value\np0/1,0.5\n")
    with pytest.raises(
        InputError, match=r"must know every image with a label; 23 are missing, the first 'p0/0'"
    ):
        examples(recipe, tmp_path / "c")
    with pytest.raises(
        InputError, match=r"data\.confidence must be empty: the objective regression asks for none"
    ):
        resolve(trainable(data__confidence=str(file)))


def test_codes_of_people_are_dense_over_those_to_train_on(own, tmp_path):
    data = examples(own(), tmp_path / "c")
    assert sorted(set(data.classes[data.training].tolist())) == [0, 1, 2]
    assert set(data.classes[data.validation].tolist()) == {-1}
    for i in data.training:
        for j in data.training:
            assert (data.classes[i] == data.classes[j]) == (data.identity[i] == data.identity[j])


def test_a_run_of_ones_own_exports(own, tmp_path):
    pytest.importorskip("onnx")
    recipe = own(optim__epochs=3, optim__lr=3e-3, data__validation=0.5, data__size=64)
    recipe = resolve(recipe.record() | {"data": recipe.record()["data"]})
    fiqa.train(recipe, out=tmp_path / "run")
    net = network(recipe)
    net.load_state_dict(load_file(best_path(tmp_path / "run", "mae")))
    crops = torch.rand(3, 3, 64, 64)
    (quality,) = Served(net.eval(), _Classes, factors=False)(crops)
    assert torch.equal(quality, net(crops).norm(dim=1, keepdim=True))


def test_the_two_outputs_of_a_regression_are_the_columns():
    net = QualityNet("mobilenet_v3_small", factors=("blur",)).eval()
    crops = torch.rand(3, 3, 32, 32)
    quality, factors = Served(net, Regression, factors=True)(crops)
    assert torch.equal(torch.cat([quality, factors], dim=1), net(crops))


def test_every_objective_of_the_table_is_a_module(trainable):
    from importlib import import_module

    for name, table in registry.OBJECTIVES.items():
        found = import_module(f"{room.__name__}.{name}").OBJECTIVE
        assert issubclass(found, Objective)
        assert all(term.startswith("loss_") for term in found.TERMS)
        assert issubclass(table, registry.Settings)
    assert objective(resolve(trainable())) is Regression
