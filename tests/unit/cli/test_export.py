"""`fiqa export` says what it wrote."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fiqa.cli.export import _lines


@pytest.mark.parametrize("int8", [False, True])
def test_the_size_is_that_of_the_file_that_was_written(tmp_path: Path, int8: bool) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(bytes(1_270_000 if int8 else 4_010_000))
    report: dict[str, Any] = {"bytes": 4_010_000, "crops": 24, "parity": 1e-6, "latency": []}
    if int8:
        gate = {"spearman": 0.999, "spread": 0.01, "area": "not measured"}
        report |= {"bytes_int8": path.stat().st_size, "gate": gate}
    first, *rest = _lines(SimpleNamespace(path=path, card=SimpleNamespace(raw=None), report=report))
    written = f"{path.stat().st_size / 1e6:.2f} MB in {'int8' if int8 else 'fp32'}"
    assert first.startswith(f"{path}: {written}")
    assert ("(4.01 MB in fp32)" in first) == int8
    assert ("Spearman against fp32 0.9990" in "".join(rest)) == int8
