"""ncnn: NAME.param and NAME.bin, in float32; converted by pnnx, one crop at a time."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from fiqa.deployment.engines.engine import Call, Engine, failed, rows
from fiqa.errors import MissingExtraError
from fiqa.extras import require
from fiqa.types import FloatArray

__all__ = ["ENGINE"]

_LONGEST = 600


class Ncnn(Engine):
    """ncnn on the CPU."""

    name, suffix, only_static = "ncnn", ".param", True

    def files(self, path: Path) -> tuple[Path, ...]:
        """Returns the graph and the weights."""
        return path, path.with_suffix(".bin")

    def version(self) -> str:
        """Returns the version of ncnn."""
        require("ncnn", extra="ncnn")
        return f"ncnn {metadata.version('ncnn')}"

    def convert(self, model: bytes, path: Path, shape: Sequence[int], *, static: bool) -> None:
        """Writes both files; see Engine.convert."""
        sizes = ",".join(map(str, shape))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "model.onnx").write_bytes(model)
            done = subprocess.run(
                [_pnnx(), "model.onnx", f"inputshape=[{sizes}]f32", "fp16=0"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_LONGEST,
                check=False,
            )
            made = [Path(folder) / f"model.ncnn{suffix}" for suffix in (".param", ".bin")]
            if done.returncode or not all(file.is_file() for file in made):
                raise failed("pnnx", done.stderr or done.stdout)
            for file, target in zip(made, self.files(path), strict=True):
                shutil.copyfile(file, target)

    def open(self, path: Path, outputs: Sequence[str], *, threads: int = 1) -> Call:
        """Returns what runs them; see Engine.open. pnnx names the outputs out0, out1, ..."""
        ncnn = require("ncnn", extra="ncnn")
        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        param, weights = self.files(path)
        if net.load_param(str(param)) or net.load_model(str(weights)):
            raise failed("ncnn", f"{path} cannot be loaded")

        def one(values: FloatArray) -> list[FloatArray]:
            with net.create_extractor() as extractor:
                extractor.input("in0", ncnn.Mat(np.ascontiguousarray(values)))
                found = [extractor.extract(f"out{k}") for k in range(len(outputs))]
            if any(code for code, _ in found):
                raise failed("ncnn", f"{path} gives no output")
            return [np.array(value) for _, value in found]

        def call(values: FloatArray) -> list[FloatArray]:
            parts = [one(value) for value in values]
            return rows([np.stack(column) for column in zip(*parts, strict=True)], len(values))

        return call


ENGINE = Ncnn()


def _pnnx() -> str:
    """The converter, which comes as a program in a package; the package itself would import
    torch."""
    found = importlib.util.find_spec("pnnx")
    if found is not None and found.submodule_search_locations:
        for folder in found.submodule_search_locations:
            for name in ("pnnx", "pnnx.exe"):
                if (Path(folder) / name).is_file():
                    return str(Path(folder) / name)
    raise MissingExtraError(
        "pnnx must be there to convert a model for ncnn, and it is not.",
        hint="pip install 'fiqa[ncnn]' && pip install --no-deps pnnx",
    )
