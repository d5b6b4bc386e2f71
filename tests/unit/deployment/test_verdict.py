"""A chip with a planted fault: the verdict names it, from the table that the kit's own runner
wrote."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.deployment import kit as kits
from fiqa.deployment.kit import read_kit
from fiqa.deployment.saturation import Saturating
from fiqa.errors import InputError, ReadError
from fiqa.runtime.onnx import open_session

pytestmark = [pytest.mark.numeric, pytest.mark.slow]
SIDE = 112
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)


@pytest.fixture(scope="module")
def kit(small_model, tmp_path_factory) -> Path:
    """The kit of the small network."""
    home = tmp_path_factory.mktemp("kit")
    fiqa.export(small_model(), home / "m.onnx", kit=home / "kit", runs=1)
    return home / "kit"


def network(kit: Path, inputs: np.ndarray) -> np.ndarray:
    """What the network gives on some inputs, quality first."""
    session = open_session((kit / "model.onnx").read_bytes(), "m", threads=1)
    quality, factors = session.run(["quality", "factors"], {"x": np.float32(inputs)})
    return np.concatenate([quality, factors], axis=1)


def normal(crops: np.ndarray) -> np.ndarray:
    """Pixels as the network takes them, written apart from the code under test."""
    return ((crops.astype(np.float32) / 255 - MEAN) / STD).transpose(0, 3, 1, 2)


def table(path: Path, values: np.ndarray) -> Path:
    """The results of a chip."""
    rows = "\n".join(f"{k},{q},{a},{b}" for k, (q, a, b) in enumerate(values.tolist()))
    path.write_text(f"index,quality,blur,crop\n{rows}\n")
    return path


def crops_of(kit: Path) -> np.ndarray:
    return np.fromfile(kit / "crops.u8", np.uint8).reshape(64, SIDE, SIDE, 3)


def shift(crops: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Crops that lie dx further right and dy further down, black where nothing is."""
    moved = np.zeros_like(crops)
    moved[:, max(dy, 0) : SIDE + min(dy, 0), max(dx, 0) : SIDE + min(dx, 0)] = crops[
        :, max(-dy, 0) : SIDE + min(-dy, 0), max(-dx, 0) : SIDE + min(-dx, 0)
    ]
    return moved


def padded(crops: np.ndarray, length: int) -> np.ndarray:
    """Rows of bytes that were written with padding and are read without it."""
    rows = np.pad(crops.reshape(64, SIDE, 3 * SIDE), ((0, 0), (0, 0), (0, length - 3 * SIDE)))
    return rows.reshape(64, -1)[:, : 3 * SIDE * SIDE].reshape(crops.shape)


FAULTS = {
    "swapped_channels": lambda c: normal(c[..., ::-1]),
    "wrong_normalization": lambda c: ((c.astype(np.float32) - 127.5) / 128).transpose(0, 3, 1, 2),
    "wrong_normalization 0..1": lambda c: (c / 255).transpose(0, 3, 1, 2),
    "wrong_normalization 0..255": lambda c: c.transpose(0, 3, 1, 2),
    "wrong_normalization dark": lambda c: normal(c) * 1.22 + 0.05,
    "wrong_layout": lambda c: np.ascontiguousarray(normal(c).transpose(0, 2, 3, 1)).reshape(
        64, 3, SIDE, SIDE
    ),
    "wrong_layout transposed": lambda c: normal(c.transpose(0, 2, 1, 3)),
    "wrong_stride": lambda c: normal(padded(c, 384)),
    "wrong_stride by a pixel": lambda c: normal(padded(c, 339)),
    "misaligned": lambda c: normal(shift(c, 1, 0)),
    "misaligned both ways": lambda c: normal(shift(c, -1, 1)),
    "mirrored": lambda c: normal(c[:, :, ::-1]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(kit, tmp_path, name):
    values = network(kit, FAULTS[name](crops_of(kit)))
    found = fiqa.verify(table(tmp_path / "results.csv", values), kit)
    assert not found.ok
    assert found.fault == name.split()[0]
    assert found.fits[0].distance < 0.5 * found.distance


@pytest.mark.parametrize("share", [0.2, 0.5])
@pytest.mark.parametrize("layer", ["first", "second", "last"])
def test_a_layer_that_saturates_is_named(kit, tmp_path, layer, share):
    """The clipped network is built apart: a Clip behind the layer."""
    import onnx

    model = onnx.load(kit / "model.onnx")
    free = Saturating((kit / "model.onnx").read_bytes(), ["quality"])
    free.measure(normal(crops_of(kit)))
    key = next(key for key, name in free.layers.items() if name == layer)
    limit = share * free.largest[key]
    (at,) = (k for k, node in enumerate(model.graph.node) if node.name == layer)
    made = model.graph.node[at].output[0]
    model.graph.node[at].output[0] = "free"
    clip = onnx.helper.make_node("Clip", ["free", "lo", "hi"], [made])
    model.graph.node.insert(at + 1, clip)
    for name, value in (("lo", -limit), ("hi", limit)):
        number = onnx.numpy_helper.from_array(np.array(value, np.float32), name)
        model.graph.initializer.append(number)
    session = open_session(model.SerializeToString(), "m", threads=1)
    inputs = {"x": normal(crops_of(kit))}
    values = np.concatenate(session.run(["quality", "factors"], inputs), axis=1)
    found = fiqa.verify(table(tmp_path / "results.csv", values), kit)
    assert (found.ok, found.fault) == (False, "saturated_layer")
    assert found.text.startswith(f"{layer} gives nothing beyond")


def test_right_values_and_those_with_the_noise_of_few_bits_pass(kit, tmp_path, rng):
    right = network(kit, normal(crops_of(kit)))
    exact = fiqa.verify(table(tmp_path / "a.csv", right), kit)
    assert exact.ok
    assert exact.distance < 1e-4
    noisy = right + 0.03 * right.std(axis=0) * rng.normal(size=right.shape)
    rough = fiqa.verify(table(tmp_path / "b.csv", noisy), kit)
    assert rough.ok
    assert 0.02 < rough.distance < 0.04


def test_values_that_nothing_explains_are_not_given_a_name(kit, tmp_path, rng):
    right = network(kit, normal(crops_of(kit)))
    mixed = fiqa.verify(table(tmp_path / "a.csv", rng.permutation(right)), kit)
    assert (mixed.ok, mixed.fault) == (False, "unexplained")
    same = fiqa.verify(table(tmp_path / "b.csv", np.ones_like(right)), kit)
    assert (same.ok, same.fault) == (False, "constant")
    lost = right.copy()
    lost[5] = np.nan
    assert fiqa.verify(table(tmp_path / "c.csv", lost), kit).fault == "not_finite"


def test_the_quality_alone_is_enough(kit, tmp_path):
    values = network(kit, normal(shift(crops_of(kit), 0, 1)))[:, 0]
    rows = "\n".join(f"{k},{value}" for k, value in reversed(list(enumerate(values.tolist()))))
    (tmp_path / "r.csv").write_text(f"index,quality\n{rows}\n")
    assert fiqa.verify(tmp_path / "r.csv", kit).fault == "misaligned"


def test_the_command_prints_the_fault_and_ends_with_4(kit, tmp_path):
    swapped = table(tmp_path / "r.csv", network(kit, normal(crops_of(kit)[..., ::-1])))
    runner = CliRunner()
    result = runner.invoke(build(), ["export", "verify", str(swapped), "--kit", str(kit)])
    assert result.exit_code == 4, result.output
    assert "FAULT swapped_channels" in result.stdout
    result = runner.invoke(build(), ["export", "verify", str(kit / "expected.csv")])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("OK.")


def test_tables_that_are_none_are_refused(kit, tmp_path):
    with pytest.raises(ReadError, match="there is none at"):
        fiqa.verify(tmp_path / "no.csv", kit)
    (tmp_path / "r.csv").write_text("index,score\n0,1\n")
    with pytest.raises(InputError, match="must have the columns index and quality"):
        fiqa.verify(tmp_path / "r.csv", kit)
    (tmp_path / "r.csv").write_text("index,quality\n0,1\n")
    with pytest.raises(InputError, match="one row for each crop from 0 to 63"):
        fiqa.verify(tmp_path / "r.csv", kit)
    with pytest.raises(ReadError, match=r"A kit must have a kit\.json"):
        fiqa.verify(kit / "expected.csv", tmp_path)


def test_the_kit_is_the_same_each_time_and_holds_what_it_says(kit, small_model, tmp_path):
    fiqa.export(small_model(), tmp_path / "m.onnx", kit=tmp_path / "kit", runs=1)
    for name in ("crops.u8", "inputs.f32", "expected.csv", "kit.h", "runner.c", "model.onnx"):
        assert (tmp_path / "kit" / name).read_bytes() == (kit / name).read_bytes(), name
    found = read_kit(kit)
    inputs = np.fromfile(kit / "inputs.f32", "<f4").reshape(64, 3, SIDE, SIDE)
    np.testing.assert_allclose(inputs, normal(found.crops), atol=1e-5)
    np.testing.assert_allclose(found.expected, network(kit, inputs), atol=1e-5)
    assert len({crop.tobytes() for crop in found.crops}) == kits.COUNT
    assert found.columns == ("quality", "blur", "crop")


MODEL = """
#include <stdio.h>
#include "fiqa_kit.h"
const int fiqa_model_input = %s;
/* A chip that looks up what it was given: it proves that every byte arrives where it should. */
int fiqa_model(const void *input, float *outputs) {
    static FILE *wanted, *values;
    unsigned char buffer[%d];
    int k;
    if (wanted == NULL) { wanted = fopen("%s", "rb"); values = fopen("%s", "rb"); }
    if (fread(buffer, sizeof buffer, 1, wanted) != 1) return 1;
    for (k = 0; k < (int)sizeof buffer; k++)
        if (buffer[k] != ((const unsigned char *)input)[k]) return 2;
    return fread(outputs, 4, 3, values) == 3 ? 0 : 3;
}
"""


@pytest.mark.parametrize("form", ["FIQA_KIT_FLOAT", "FIQA_KIT_BYTES"])
@pytest.mark.parametrize("fault", ["", "swapped_channels", "misaligned"])
def test_the_runner_in_c_writes_the_table_that_is_judged(kit, tmp_path, form, fault):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    crops = crops_of(kit)
    network(kit, FAULTS[fault](crops) if fault else normal(crops)).astype("<f4").tofile(
        tmp_path / "values"
    )
    file, size = ("inputs.f32", 4) if form == "FIQA_KIT_FLOAT" else ("crops.u8", 1)
    words = (form, 3 * SIDE * SIDE * size, kit / file, tmp_path / "values")
    (tmp_path / "my_model.c").write_text(MODEL % words)
    program = tmp_path / "runner"
    sources = [str(kit / "runner.c"), str(tmp_path / "my_model.c")]
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-I", str(kit)]
    subprocess.run([compiler, *strict, *sources, "-o", str(program)], check=True)
    results = tmp_path / "results.csv"
    subprocess.run([str(program), str(kit), str(results)], check=True)
    found = fiqa.verify(results, kit)
    assert (found.ok, found.fault) == (not fault, fault)
    assert subprocess.run([str(program), str(tmp_path), str(results)], check=False).returncode == 1
